//! `shadowed-statement`: an Allow all of whose requests a Deny of the same document denies, so that it never has an effect.

use leastwise_policy::Effect;

use super::finding::{Findings, Severity};
use super::statement_cover::Comparisons;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "shadowed-statement",
    severity: Severity::Warning,
    title: "a Deny takes away all that a statement allows",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for (allow, deny) in
        Comparisons::pairs(subject.policy, |deny, allow| deny.effect == Effect::Deny && allow.effect == Effect::Allow)
    {
        let message = format!("statement {} never has an effect: statement {} denies all of it", allow.index, deny.index);
        findings.add(subject.statement(allow), message, "remove it, or narrow the Deny");
    }
}
