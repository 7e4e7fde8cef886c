//! `not-action-with-allow`: an Allow with `NotAction` grants whatever is not listed, also what AWS adds later
//! ("IAM JSON policy elements: NotAction").

use leastwise_policy::Effect;

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "not-action-with-allow",
    severity: Severity::SecurityWarning,
    title: "an Allow grants every action but the listed ones",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    // Policies of an organization grant nothing: they only limit what others grant.
    if matches!(subject.kind, PolicyType::ServiceControl | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow && s.actions.negated) {
        let message = "`NotAction` with Allow grants every action that is not listed, and what AWS adds later".to_owned();
        findings.add(subject.actions(statement), message, "list the actions that are needed in `Action`");
    }
}
