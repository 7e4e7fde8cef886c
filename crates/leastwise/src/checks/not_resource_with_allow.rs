//! `not-resource-with-allow`: an Allow with `NotResource` is about every resource that is not listed, also new ones
//! ("IAM JSON policy elements: NotResource").

use leastwise_policy::Effect;

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "not-resource-with-allow",
    severity: Severity::SecurityWarning,
    title: "an Allow is about every resource but the listed ones",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    // Policies of an organization grant nothing: they only limit what others grant.
    if matches!(subject.kind, PolicyType::ServiceControl | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        if statement.resources.as_ref().is_some_and(|r| r.negated) {
            let message = "`NotResource` with Allow is about every resource that is not listed, new ones included".to_owned();
            findings.add(
                subject.statement_member(statement, "NotResource"),
                message,
                "list the resources that are needed in `Resource`",
            );
        }
    }
}
