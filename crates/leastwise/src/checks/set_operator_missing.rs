//! `set-operator-missing`: a key that may have several values in a request is compared without `ForAllValues:` or
//! `ForAnyValue:` ("Set operators for multivalued context keys"). How AWS compares it then is not documented.

use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::{has_many_values, lines};
use super::managed_names;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "set-operator-missing",
    severity: Severity::Error,
    title: "a key with several values is compared without a set operator",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject).filter(|line| line.operator.quantifier.is_none() && line.operator.test != Test::Null) {
        if has_many_values(subject.catalogue, line.key()) != Some(true) {
            continue;
        }
        let operator = &line.condition.operator.what;
        let message = format!("`{}` may have several values in a request, and `{operator}` compares one", line.key());
        let help = format!(
            "write `ForAnyValue:{operator}`, or `ForAllValues:{operator}` with {{\"Null\": {{\"{}\": \"false\"}}}}",
            line.key()
        );
        let severity = findings.add(subject.operator(line.statement, line.condition), message, help);
        if managed_names::is_compared_as_one(line.key()) {
            // AWS's own policies compare it so, and rely on it.
            *severity = Severity::Warning;
        }
    }
}
