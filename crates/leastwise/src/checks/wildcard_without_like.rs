//! `wildcard-without-like`: a star in a value of an operator that compares letter by letter, where it is only a star
//! ("IAM JSON policy elements: Condition operators", string condition operators).

use leastwise_policy::evaluate::{Operator, Test};

use super::finding::{Findings, Severity};
use super::lines::without_variables;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "wildcard-without-like",
    severity: Severity::Warning,
    title: "a wildcard stands in a value that is compared letter by letter",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for line in &statement.conditions {
            let Some(operator) = Operator::parse(&line.operator.what) else { continue };
            if !matches!(operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase) {
                continue;
            }
            for (at, value) in line.values.iter().enumerate() {
                let own = without_variables(&value.what);
                // A question mark is mostly a part of a URL; beside a star, or in a name, it was meant as a wildcard.
                let mark = own.contains('?') && !own.contains('=') && !own.contains("://");
                let Some(sign) = own.contains('*').then_some("star").or_else(|| mark.then_some("question mark")) else {
                    continue;
                };
                let message =
                    format!("in `{}` the {sign} is only a {sign}, as `{}` knows no wildcards", value.what, line.operator.what);
                let help = if operator.negated { "use `StringNotLike`" } else { "use `StringLike`" };
                findings.add(subject.condition_value(statement, line, at, value), message, help);
            }
        }
    }
}
