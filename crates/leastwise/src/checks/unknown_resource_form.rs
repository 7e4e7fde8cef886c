//! `unknown-resource-form`: the part of an ARN behind the fifth colon is of none of the forms that its service's ARNs have
//! (Service Authorization Reference, ARN formats of resource types).

use super::finding::{Findings, Severity};
use super::formats::{Fit, fit};
use super::managed_names;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "unknown-resource-form",
    severity: Severity::Warning,
    title: "a resource has no form that its service's ARNs have",
    run,
};

/// ARNs of a document that are held against formats, at most.
const MAX_ARNS: usize = 5_000;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut left = MAX_ARNS;
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            let parts: Vec<&str> = pattern.what.splitn(6, ':').collect();
            let ["arn", _, service, region, account, resource] = parts.as_slice() else { continue };
            if resource.is_empty() || *service == "s3" || managed_names::is_resource(service, resource) {
                continue;
            }
            left = left.saturating_sub(1);
            if left == 0 {
                return;
            }
            if let Fit::NoType(format) = fit(subject.catalogue, [service, region, account, resource]) {
                let message = format!("no resource of `{service}` that the catalog knows has the form `{resource}`");
                let help = format!("its ARNs are such as `{format}`; `leastwise catalog list {service}` shows its actions");
                findings.add(subject.resource(statement, at, pattern), message, help);
            }
        }
    }
}
