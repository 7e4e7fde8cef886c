//! `missing-principal`: a statement of a resource's policy does not say whom it is about, which AWS refuses
//! ("AWS JSON policy elements: Principal").

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "missing-principal",
    severity: Severity::Error,
    title: "a resource policy's statement has no `Principal`",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if !matches!(subject.kind, PolicyType::Resource | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.principal.is_none()) {
        let message = format!("statement {} has neither `Principal` nor `NotPrincipal`", statement.index);
        let help = "add \"Principal\": {\"AWS\": …} or {\"Service\": …}; for an identity policy, say so with the type";
        findings.add(subject.statement(statement), message, help);
    }
}
