//! `invalid-arn`: a resource that is neither `*` nor shaped as an ARN, so that it can never match, or IAM refuses it
//! ("Identify AWS resources with Amazon Resource Names (ARNs)", "IAM JSON policy elements: Resource").

use leastwise_policy::arn::is_account_number;
use leastwise_policy::evaluate::Test;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::managed_names;
use super::regions::{is_listed, is_partition, is_shaped, partition_of};
use super::subject::Subject;
use super::type_mismatch::holds_any_text;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-arn", severity: Severity::Error, title: "a resource is no ARN and not `*`", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            let Some(problem) = problem(subject, &pattern.what) else { continue };
            let severity = findings.add(subject.resource(statement, at, pattern), problem.message, problem.help);
            *severity = problem.severity;
        }
    }
    // An ARN in a condition that has its six parts; with fewer it is `invalid-condition-value`. Tags and encryption contexts hold
    // what people wrote.
    for line in lines(subject).filter(|line| line.operator.test == Test::Arn && !holds_any_text(line.key())) {
        for (at, value) in line.condition.values.iter().enumerate() {
            if value.what.contains("${") || !value.what.starts_with("arn:") || !Test::Arn.can_compare(&value.what) {
                continue;
            }
            let Some(problem) = problem(subject, &value.what) else { continue };
            let place = subject.condition_value(line.statement, line.condition, at, value);
            *findings.add(place, problem.message, problem.help) = problem.severity;
        }
    }
}

struct Problem {
    message: String,
    help: &'static str,
    severity: Severity,
}

fn error(message: String, help: &'static str) -> Option<Problem> {
    Some(Problem { message, help, severity: Severity::Error })
}

fn problem(subject: &Subject<'_>, written: &str) -> Option<Problem> {
    if written == "*" {
        return None;
    }
    let shape = "write `arn:partition:service:region:account:resource`, or `*` for every resource";
    // The short form of API Gateway's resource policies, which it fills in when it stores them
    // (API Gateway developer guide, "API Gateway resource policy examples").
    if written.starts_with("execute-api:/") {
        return None;
    }
    let mut parts = written.splitn(6, ':');
    if parts.next() != Some("arn") {
        let help = if written.starts_with("s3://") { "write arn:aws:s3:::bucket/key" } else { shape };
        return error(format!("`{written}` is no ARN"), help);
    }
    let parts: Vec<&str> = parts.collect();
    let [partition, service, region, account, resource] = match parts.as_slice() {
        [partition, service, region, account, resource] => [*partition, *service, *region, *account, *resource],
        _ if parts.iter().any(|part| part.contains("${")) => return None,
        // A star that is a whole part takes the parts that are not written, too; IAM's own validation wants all six.
        [before @ .., "*"] if before.iter().all(|part| !part.is_empty()) => {
            let message = format!("`{written}` has fewer than the six parts of an ARN, and its star takes the others");
            return Some(Problem {
                message,
                help: "write all six parts, with `*` for what may be anything",
                severity: Severity::Warning,
            });
        }
        _ => return error(format!("`{written}` has fewer parts than an ARN, so that it matches nothing"), shape),
    };
    if let Some(part) = [partition, service, region, account].into_iter().find(|part| part.contains("${")) {
        // A variable's own colon cuts it in two, so only its beginning is looked for.
        let message =
            format!("in `{written}` the variable that begins `{part}` stands before the fifth colon, where it is plain text");
        let help = "use the variable behind the fifth colon only, or a condition on `aws:ResourceAccount`";
        return Some(Problem { message, help, severity: Severity::Warning });
    }
    if !has_wildcard(partition) && !is_partition(partition) {
        return error(format!("`{partition}` in `{written}` is no partition"), "write `aws`, `aws-cn`, `aws-us-gov`, or `*`");
    }
    if service.is_empty() {
        return error(format!("`{written}` names no service"), shape);
    }
    if !has_wildcard(region) && !region.is_empty() && !is_shaped(region) {
        return error(
            format!("`{region}` in `{written}` is no region"),
            "write a region such as `eu-west-1`, leave it empty for global services, or write `*`",
        );
    }
    if !has_wildcard(region) && !region.is_empty() && !has_wildcard(partition) && partition_of(region) != partition {
        return error(
            format!("`{region}` in `{written}` is no region of the partition `{partition}`"),
            "write the partition of the region: `aws`, `aws-cn` for China, `aws-us-gov` for AWS GovCloud (US)",
        );
    }
    if !has_wildcard(region) && !region.is_empty() && !is_listed(region) {
        return Some(Problem {
            message: format!("`{region}` in `{written}` is no region that is known here"),
            help: "correct the region, unless it is newer than this program",
            severity: Severity::Warning,
        });
    }
    let special = matches!(account, "" | "aws" | "offering" | "cloudfront");
    if !has_wildcard(account) && !special && !is_account_number(account) {
        return error(
            format!("`{account}` in `{written}` is no account"),
            "an account has twelve digits; leave it empty where the service's ARNs have none, or write `*`",
        );
    }
    if resource.is_empty() {
        let message = format!("`{written}` names no resource, so that it matches none");
        let severity = if managed_names::is_resource(service, resource) { Severity::Warning } else { Severity::Error };
        return Some(Problem { message, help: "add the resource behind the fifth colon, or `*` for all of them", severity });
    }
    if has_wildcard(service) || subject.catalogue.service(service).is_some_and(|s| s.prefix() == service) {
        return None;
    }
    if service.bytes().any(|b| b.is_ascii_uppercase()) {
        return error(
            format!("`{service}` in `{written}` has capital letters"),
            "write the service in lower case; ARNs keep case",
        );
    }
    if managed_names::is_service(service) || stands_in_an_arn(subject, service) {
        return None;
    }
    Some(Problem {
        message: format!("no service of the catalogue has ARNs with `{service}`, as in `{written}`"),
        help: "correct the service behind the second colon",
        severity: Severity::Warning,
    })
}

/// Whether some resource's ARN format has it, although no service's prefix is so.
fn stands_in_an_arn(subject: &Subject<'_>, service: &str) -> bool {
    let formats = subject.catalogue.services().flat_map(|s| s.resource_types()).flat_map(|t| &t.arn_formats);
    formats.into_iter().any(|format| format.split(':').nth(2) == Some(service))
}
