//! `invalid-sid`: IAM takes only letters and digits in a `Sid` ("IAM JSON policy elements: Sid"); other services take more.

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-sid", severity: Severity::Error, title: "a `Sid` has other characters than letters and digits", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind == PolicyType::Resource {
        return;
    }
    for statement in subject.policy.statements() {
        let wrong = statement.sid.as_deref().filter(|sid| !sid.bytes().all(|b| b.is_ascii_alphanumeric()));
        if let Some(sid) = wrong {
            let message = format!("the `Sid` `{sid}` has other characters than letters and digits");
            findings.add(subject.statement_member(statement, "Sid"), message, "use A to Z, a to z and 0 to 9 only");
        }
    }
}
