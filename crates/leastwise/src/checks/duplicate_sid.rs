//! `duplicate-sid`: two statements have one `Sid`; IAM refuses that ("IAM JSON policy elements: Sid").

use std::collections::HashMap;

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "duplicate-sid", severity: Severity::Error, title: "two statements have the same `Sid`", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for statement in subject.policy.statements() {
        let Some(sid) = statement.sid.as_deref().filter(|sid| !sid.is_empty()) else { continue };
        let earlier = *first.entry(sid).or_insert(statement.index);
        if earlier != statement.index {
            let message = format!("statement {} has the `Sid` `{sid}` of statement {earlier}", statement.index);
            let severity =
                findings.add(subject.statement_member(statement, "Sid"), message, "give each statement a name of its own");
            if subject.kind == PolicyType::Resource {
                // Some services store it.
                *severity = Severity::Warning;
            }
        }
    }
}
