//! `wildcard-in-service`: the service part of an ARN is a pattern, which also takes services that AWS adds later
//! (Access Analyzer, "Wildcard in service name").

use leastwise_policy::glob::has_wildcard;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "wildcard-in-service",
    severity: Severity::Suggestion,
    title: "a wildcard stands in the service of an ARN",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.resources.iter().flat_map(|r| r.patterns.iter().enumerate()) {
            let parts: Vec<&str> = pattern.what.splitn(6, ':').collect();
            let [_, _, service, _, _, _] = parts.as_slice() else { continue };
            if has_wildcard(service) && !service.contains("${") {
                let message = format!("the service `{service}` in `{}` also takes services that AWS adds later", pattern.what);
                findings.add(
                    subject.resource(statement, at, pattern),
                    message,
                    "name the services, or write `*` for every resource",
                );
            }
        }
    }
}
