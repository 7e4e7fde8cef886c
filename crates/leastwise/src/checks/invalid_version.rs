//! `invalid-version`: AWS knows two versions of the language, and the older lacks policy variables
//! ("IAM JSON policy elements: Version").

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "invalid-version", severity: Severity::Error, title: "`Version` is not 2012-10-17", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let help = "write \"Version\": \"2012-10-17\"; it names the language, not the date of the policy";
    match subject.policy.version() {
        None | Some("2012-10-17") => {}
        Some("2008-10-17") => {
            let message = "version `2008-10-17` is the old language, without policy variables".to_owned();
            *findings.add(subject.top_member("Version"), message, help) = Severity::Suggestion;
        }
        Some(other) => {
            findings.add(subject.top_member("Version"), format!("`{other}` is not a version of the language"), help);
        }
    }
}
