//! `multiple-booleans`: several values where only true or false can stand. Any of them may match, so that `["true", "false"]` takes
//! every request that carries the key ("IAM JSON policy elements: Condition operators", Boolean and Null).

use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::{has_many_values, lines};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "multiple-booleans", severity: Severity::Error, title: "a Boolean condition has several values", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject) {
        let values = &line.condition.values;
        let many = line.operator.test == Test::Bool && has_many_values(subject.catalogue, line.key()) == Some(true);
        if !matches!(line.operator.test, Test::Bool | Test::Null) || values.len() < 2 || many {
            continue;
        }
        let mixed = values.iter().any(|v| !values.first().is_some_and(|first| first.what.eq_ignore_ascii_case(&v.what)));
        let effect = match (line.operator.test, mixed) {
            (Test::Null, true) => "both are asked, so that it always holds",
            (_, true) => "both match, so that the value does not count",
            _ => "one is enough",
        };
        let message = format!("`{}` has {} values: {effect}", line.key(), values.len());
        let place = subject.condition_key(line.statement, line.condition);
        findings.add(place, message, "write one value, true or false");
    }
}
