//! `unknown-element`: a key that the policy grammar does not know ("Grammar of the IAM JSON policy language").

use super::finding::{ElementPath, Findings, Severity};
use super::nearest::nearest;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "unknown-element", severity: Severity::Error, title: "a key is no element of a policy", run };

pub(super) const ELEMENTS: [&str; 12] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (key, span) in subject.policy.unknown_keys() {
        let inside = subject.policy.statements().iter().find(|s| s.span.start <= span.start && span.end <= s.span.end);
        let path = inside.map_or_else(ElementPath::default, |s| subject.statement(s).0).key(key);
        let help = match nearest(key, ELEMENTS.into_iter()) {
            Some(near) => format!("did you mean `{near}`? Keys are case-sensitive"),
            None => "remove it: IAM refuses documents with elements that it does not know".to_owned(),
        };
        findings.add((path, *span), format!("`{key}` is not an element of a policy"), help);
    }
}
