//! `unknown-operator`: a condition operator that AWS does not have ("IAM JSON policy elements: Condition operators").

use leastwise_policy::evaluate::Operator;

use super::finding::{Findings, Severity};
use super::nearest::nearest;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "unknown-operator", severity: Severity::Error, title: "a condition operator is not known", run };

pub(super) const OPERATORS: [&str; 27] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let mut last = None;
        for line in &statement.conditions {
            let written = &*line.operator.what;
            if last.replace(line.operator.span) == Some(line.operator.span) || Operator::parse(written).is_some() {
                continue;
            }
            let help = if written.eq_ignore_ascii_case("NullIfExists") {
                "write `Null`: it asks whether the key exists".to_owned()
            } else {
                match nearest(written, OPERATORS.into_iter()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write an operator such as `StringEquals`, with `ForAnyValue:` before or `IfExists` behind it where wanted".to_owned(),
                }
            };
            findings.add(subject.operator(statement, line), format!("`{written}` is not a condition operator"), help);
        }
    }
}
