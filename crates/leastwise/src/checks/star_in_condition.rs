//! `star-in-condition`: a pattern that is only a star takes every value, so that the line asks only whether the key is there, or
//! nothing at all ("IAM JSON policy elements: Condition operators", Null).

use leastwise_policy::evaluate::{Quantifier, Test};

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "star-in-condition", severity: Severity::Suggestion, title: "a condition compares its key with `*`", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.operator.test == Test::StringLike) {
        let star = |text: &str| !text.is_empty() && text.bytes().all(|b| b == b'*');
        let Some((at, value)) = line.condition.values.iter().enumerate().find(|(_, v)| star(&v.what)) else { continue };
        let key = line.key();
        let (loose, negated) = (line.operator.if_exists, line.operator.negated);
        let (effect, help) = match (line.operator.quantifier, negated, loose) {
            (Some(Quantifier::ForAllValues), false, _) | (_, false, true) => {
                ("it always holds".to_owned(), "remove the line, or name values".to_owned())
            }
            (_, false, false) => (
                format!("it asks only whether `{key}` is there"),
                format!("write {{\"Null\": {{\"{key}\": \"false\"}}}}, or name values"),
            ),
            (Some(Quantifier::ForAnyValue), true, false) => ("it never holds".to_owned(), "name values".to_owned()),
            (_, true, _) => {
                (format!("it holds only without `{key}`"), format!("write {{\"Null\": {{\"{key}\": \"true\"}}}}, or name values"))
            }
        };
        let message = format!("`{}` takes every value of `{key}`: {effect}", value.what);
        findings.add(subject.condition_value(line.statement, line.condition, at, value), message, help);
    }
}
