//! `not-principal-with-allow`: an Allow with `NotPrincipal` grants to everybody who is not listed, strangers included
//! ("AWS JSON policy elements: NotPrincipal").

use leastwise_policy::Effect;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "not-principal-with-allow",
    severity: Severity::SecurityWarning,
    title: "an Allow grants to everybody but the listed principals",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        if statement.principal.as_ref().is_some_and(|p| p.negated) {
            let message =
                "`NotPrincipal` with Allow grants to everybody who is not listed, anonymous callers included".to_owned();
            findings.add(subject.statement_member(statement, "NotPrincipal"), message, "list those who need it in `Principal`");
        }
    }
}
