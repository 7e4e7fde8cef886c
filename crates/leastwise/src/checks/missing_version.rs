//! `missing-version`: without `Version` AWS takes the language of 2008, which has no policy variables.

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "missing-version", severity: Severity::Warning, title: "the document has no `Version`", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.policy.version().is_none() {
        let message = "the document has no `Version`, so that it is read as the language of 2008-10-17".to_owned();
        findings.add(subject.document(), message, "add \"Version\": \"2012-10-17\"");
    }
}
