//! `invalid-condition-value`: a value that its operator cannot compare anything with: no number, no date, no address range, no ARN of
//! six parts, neither true nor false ("IAM JSON policy elements: Condition operators"). The evaluator decides what it can compare.

use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "invalid-condition-value",
    severity: Severity::Error,
    title: "a condition's value is not one that its operator can compare",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject) {
        let test = line.operator.test;
        for (at, value) in line.condition.values.iter().enumerate() {
            let place = || subject.condition_value(line.statement, line.condition, at, value);
            let epoch = matches!(test, Test::Date(_)) && !line.has_key("aws:EpochTime") && value.what.len() > 4;
            if epoch && value.what.parse::<i64>().is_ok() {
                let message = format!("`{}` is read as seconds since 1970", value.what);
                *findings.add(place(), message, "write the date as in 2026-01-31T00:00:00Z, which people can read") =
                    Severity::Suggestion;
                continue;
            }
            let Some(wanted) = wanted(test, &value.what) else { continue };
            let message = format!("`{}` is not {wanted}, which `{}` needs", value.what, line.condition.operator.what);
            let help = match test {
                _ if test != Test::Arn && value.what.contains("${") => "policy variables work with string and ARN operators only",
                Test::IpAddress => "write an address or a range, such as 203.0.113.0/24 or 2001:db8::/32",
                Test::Arn => {
                    "write all six parts, in which wildcards may stand, such as arn:aws:iam::*:role/app; `*` alone matches nothing"
                }
                Test::Date(_) => "write the date as in 2026-01-31T00:00:00Z, or as seconds since 1970",
                _ => "correct the value, or use a string operator",
            };
            findings.add(place(), message, help);
        }
    }
}

/// What the value should be, when it is not.
fn wanted(test: Test, value: &str) -> Option<&'static str> {
    let good = match test {
        // A variable may stand for parts with their colons; what is before the first one has to begin as an ARN.
        Test::Arn if value.contains("${") => {
            let own = value.split("${").next().unwrap_or_default();
            own.is_empty()
                || own.starts_with("arn:")
                || leastwise_policy::glob::has_wildcard(own.split(':').next().unwrap_or_default())
        }
        // The first part of an ARN is `arn`, whatever stands for it.
        Test::Arn => {
            test.can_compare(value)
                && value
                    .split(':')
                    .next()
                    .is_some_and(|first| leastwise_policy::glob::matches(first, "arn", leastwise_policy::glob::Case::Kept))
        }
        _ => test.can_compare(value),
    };
    (!good).then_some(match test {
        Test::Bool | Test::Null => "`true` or `false`",
        Test::Numeric(_) => "a number",
        Test::IpAddress => "an address range",
        Test::Date(_) => "a date",
        Test::Binary => "text in base64",
        _ => "an ARN",
    })
}
