//! `redundant-statement`: a statement all of whose requests another statement with the same effect is about too.

use super::finding::{Findings, Severity};
use super::statement_cover::Comparisons;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "redundant-statement", severity: Severity::Suggestion, title: "a statement adds nothing to another one", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut both = Comparisons::full();
    for (narrow, wide) in Comparisons::pairs(subject.policy, |wide, narrow| wide.effect == narrow.effect) {
        // Of two that say the same, the later one is too many.
        if wide.index > narrow.index && both.covers(narrow, wide) {
            continue;
        }
        let message = format!("statement {} adds nothing to statement {}, which covers it", narrow.index, wide.index);
        findings.add(subject.statement(narrow), message, "remove it");
    }
}
