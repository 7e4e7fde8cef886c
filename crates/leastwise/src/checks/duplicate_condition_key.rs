//! `duplicate-condition-key`: a key, or an operator, stands twice in a `Condition` block with different capitals. Names of both
//! ignore case, so that readers and tools disagree which one counts ("IAM JSON policy elements: Condition").

use super::finding::{Findings, Severity};
use super::lines::of_statement;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "duplicate-condition-key",
    severity: Severity::Error,
    title: "a condition key or operator stands twice, with different capitals",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let lines: Vec<_> = of_statement(statement).take(MAX_LINES).collect();
        for (at, line) in lines.iter().enumerate() {
            let earlier = lines.iter().take(at);
            let same_operator = |other: &&super::lines::Line<'_>| {
                other.condition.operator.what.eq_ignore_ascii_case(&line.condition.operator.what)
            };
            if let Some(first) = earlier.clone().filter(same_operator).find(|other| other.has_key(line.key())) {
                let message = format!("`{}` is the same key as `{}` of this operator", line.key(), first.key());
                let help = "keep one of the two, with all values in its list";
                findings.add(subject.condition_key(statement, line.condition), message, help);
            } else if let Some(first) = earlier
                .filter(same_operator)
                .find(|other| other.condition.operator.what != line.condition.operator.what)
                .filter(|_| lines.iter().position(|l| l.condition.operator.span == line.condition.operator.span) == Some(at))
            {
                let (own, other) = (&line.condition.operator.what, &first.condition.operator.what);
                let message = format!("`{own}` is the same operator as `{other}`");
                findings.add(subject.operator(statement, line.condition), message, "write both blocks as one");
            }
        }
    }
}

/// Lines of a statement that are compared with each other.
const MAX_LINES: usize = 500;
