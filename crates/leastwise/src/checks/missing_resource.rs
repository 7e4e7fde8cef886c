//! `missing-resource`: a statement of an identity or organization policy names no resource, which AWS refuses
//! ("IAM JSON policy elements: Resource"). Trust policies and some resource policies need none.

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "missing-resource", severity: Severity::Error, title: "a statement has no `Resource`", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind == PolicyType::Resource {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.resources.is_none()) {
        let message = format!("statement {} has neither `Resource` nor `NotResource`", statement.index);
        findings.add(subject.statement(statement), message, "add \"Resource\": the ARNs that it is about, or \"*\"");
    }
}
