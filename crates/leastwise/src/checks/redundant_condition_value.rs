//! `redundant-condition-value`: a value of a condition changes nothing, as another value of the list matches all that it matches.

use leastwise_policy::evaluate::{Comparison, Test};
use leastwise_policy::glob::Case;

use super::finding::{Findings, Severity};
use super::lines::{Line, lines};
use super::pattern::covers;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "redundant-condition-value",
    severity: Severity::Suggestion,
    title: "a condition's value is covered by another value of the same list",
    run,
};

/// Values of a list that are compared with each other.
const MAX_VALUES: usize = 200;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.condition.values.len() > 1) {
        let values = &line.condition.values;
        if let Test::Numeric(comparison) | Test::Date(comparison) = line.operator.test
            && comparison != Comparison::Equal
        {
            let keep = if matches!(comparison, Comparison::Less | Comparison::LessOrEqual) { "largest" } else { "smallest" };
            let message = format!("`{}` has {} bounds, of which the {keep} decides", line.key(), values.len());
            let place = subject.condition_key(line.statement, line.condition);
            findings.add(place, message, format!("keep the {keep} value"));
            continue;
        }
        for (at, value) in values.iter().enumerate().take(MAX_VALUES) {
            let covering = values.iter().take(MAX_VALUES).enumerate().find(|(other, wide)| {
                *other != at
                    && covered(line, &wide.what, &value.what)
                    // Of two that are the same, the first stays.
                    && (!covered(line, &value.what, &wide.what) || *other < at)
            });
            let Some((_, wide)) = covering else { continue };
            let message = format!("`{}` adds nothing to `{}`", value.what, wide.what);
            findings.add(subject.condition_value(line.statement, line.condition, at, value), message, "remove it");
        }
    }
}

fn covered(line: Line<'_>, wide: &str, narrow: &str) -> bool {
    match line.operator.test {
        Test::StringLike => covers(wide, narrow, Case::Kept),
        Test::StringEqualsIgnoreCase => wide.eq_ignore_ascii_case(narrow),
        Test::Bool | Test::Null => false,
        _ => wide == narrow,
    }
}
