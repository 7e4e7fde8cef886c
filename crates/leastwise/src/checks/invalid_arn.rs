//! `invalid-arn`: a resource that is neither `*` nor shaped as an ARN, so that it can never match, or IAM refuses it
//! ("Identify AWS resources with Amazon Resource Names (ARNs)", "IAM JSON policy elements: Resource").

use leastwise_policy::arn::is_account_number;
use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::managed_names;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-arn", severity: Severity::Error, title: "a resource is no ARN and not `*`", run };

/// Partitions, as botocore's endpoint data of 2026 lists them.
const PARTITIONS: [&str; 8] = ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            let Some(problem) = problem(subject, &pattern.what) else { continue };
            let severity = findings.add(subject.resource(statement, at, pattern), problem.message, problem.help);
            *severity = problem.severity;
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
    let mut parts = written.splitn(6, ':');
    let first = parts.next().unwrap_or_default();
    if first != "arn"
        && !(has_wildcard(first) && leastwise_policy::glob::matches(first, "arn", leastwise_policy::glob::Case::Kept))
    {
        return error(format!("`{written}` is no ARN"), shape);
    }
    let parts: Vec<&str> = parts.collect();
    // A star at the end takes the colons that are not written.
    let open = written.ends_with('*');
    let [partition, service, region, account, resource] = match parts.as_slice() {
        [partition, service, region, account, resource] => [*partition, *service, *region, *account, *resource],
        _ if open || parts.iter().any(|part| part.contains("${")) => return None,
        _ => return error(format!("`{written}` has fewer parts than an ARN"), shape),
    };
    if let Some(part) = [partition, service, region, account].into_iter().find(|part| part.contains("${")) {
        // A variable's own colon cuts it in two, so only its beginning is looked for.
        let message =
            format!("in `{written}` the variable that begins `{part}` stands before the fifth colon, where it is plain text");
        let help = "use the variable behind the fifth colon only, or a condition on `aws:ResourceAccount`";
        return Some(Problem { message, help, severity: Severity::Warning });
    }
    if !has_wildcard(partition) && !PARTITIONS.contains(&partition) {
        return error(format!("`{partition}` in `{written}` is no partition"), "write `aws`, `aws-cn`, `aws-us-gov`, or `*`");
    }
    if service.is_empty() {
        return error(format!("`{written}` names no service"), shape);
    }
    if !has_wildcard(region) && !region.is_empty() && !is_region(region) {
        return error(
            format!("`{region}` in `{written}` is no region"),
            "write a region such as `eu-west-1`, leave it empty for global services, or write `*`",
        );
    }
    let special = matches!(account, "" | "aws" | "offering" | "cloudfront");
    if !has_wildcard(account) && !special && !is_account_number(account) {
        return error(
            format!("`{account}` in `{written}` is no account"),
            "an account has twelve digits; leave it empty where the service's ARNs have none, or write `*`",
        );
    }
    if resource.is_empty() {
        return error(
            format!("`{written}` names no resource"),
            "add the resource behind the fifth colon, or `*` for all of them",
        );
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

/// Whether the text is shaped as a region: `eu-west-1`, `us-gov-east-1`, `us-isob-east-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-').rev();
    let number = parts.next().is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    let mut words = 0;
    let lower = parts.all(|word| {
        words += 1;
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
    });
    number && lower && (2..=3).contains(&words)
}
