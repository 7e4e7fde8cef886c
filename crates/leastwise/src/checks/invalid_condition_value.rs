//! `invalid-condition-value`: a value that its operator cannot compare anything with: no number, no address range, neither true nor
//! false ("IAM JSON policy elements: Condition operators"). Dates and ARNs are only looked at roughly.

use std::net::IpAddr;

use leastwise_policy::evaluate::{Operator, Test};

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "invalid-condition-value",
    severity: Severity::Error,
    title: "a condition's value is not one that its operator can compare",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for line in &statement.conditions {
            let Some(operator) = Operator::parse(&line.operator.what) else { continue };
            for (at, value) in line.values.iter().enumerate() {
                if let Some(wanted) = wanted(operator.test, &value.what) {
                    let message = format!("`{}` is not {wanted}, which `{}` needs", value.what, line.operator.what);
                    let help = match operator.test {
                        _ if value.what.contains("${") => "policy variables work with string and ARN operators only",
                        Test::IpAddress => "write an address or a range, such as 203.0.113.0/24 or 2001:db8::/32",
                        Test::Arn => "write a whole ARN, in which wildcards may stand for parts, such as arn:aws:iam::*:role/app",
                        Test::Date(_) => "write the date as in 2026-01-31T00:00:00Z, or as seconds since 1970",
                        _ => "correct the value, or use a string operator",
                    };
                    findings.add(subject.condition_value(statement, line, at, value), message, help);
                }
            }
        }
    }
}

/// What the value should be, when it is not.
fn wanted(test: Test, value: &str) -> Option<&'static str> {
    let good = match test {
        Test::Bool | Test::Null => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        Test::Numeric(_) => value.parse::<f64>().is_ok_and(f64::is_finite),
        Test::IpAddress => is_range(value),
        Test::Date(_) => value.parse::<i64>().is_ok() || (value.len() >= 4 && value.bytes().take(4).all(|b| b.is_ascii_digit())),
        Test::Arn => {
            value.starts_with("arn:")
                || value.starts_with("${")
                || leastwise_policy::glob::has_wildcard(value.split(':').next().unwrap_or_default())
        }
        _ => true,
    };
    (!good).then_some(match test {
        Test::Bool | Test::Null => "`true` or `false`",
        Test::Numeric(_) => "a number",
        Test::IpAddress => "an address range",
        Test::Date(_) => "a date",
        _ => "an ARN",
    })
}

fn is_range(value: &str) -> bool {
    let (address, length) = value.split_once('/').map_or((value, None), |(address, length)| (address, Some(length)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= most))
}
