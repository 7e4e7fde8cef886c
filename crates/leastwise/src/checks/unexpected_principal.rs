//! `unexpected-principal`: a policy of an identity, or a service control policy, names a principal, which AWS refuses: whom it is
//! about follows from what it is attached to ("AWS JSON policy elements: Principal").

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "unexpected-principal",
    severity: Severity::Error,
    title: "an identity or service control policy names a principal",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if !matches!(subject.kind, PolicyType::Identity | PolicyType::ServiceControl) {
        return;
    }
    for statement in subject.policy.statements() {
        let Some(element) = &statement.principal else { continue };
        let key = if element.negated { "NotPrincipal" } else { "Principal" };
        let message = format!("statement {} has a `{key}`, which this type of policy cannot have", statement.index);
        findings.add(subject.statement_member(statement, key), message, "remove it, or attach the policy to a resource");
    }
}
