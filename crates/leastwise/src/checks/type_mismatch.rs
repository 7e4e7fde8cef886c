//! `type-mismatch`: an operator compares values of another type than the condition key has, so that it compares letters where
//! numbers are meant, or never matches ("IAM JSON policy elements: Condition operators").
//!
//! Text operators are let be on ARNs, ARN operators on tags and encryption contexts, which may hold anything; dates may be compared as numbers, and whether a key exists may be asked of every type.

use leastwise_policy::evaluate::{Operator, Test};

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::unknown_condition_key::{Known, known};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "type-mismatch",
    severity: Severity::Warning,
    title: "an operator does not suit the type of its condition key",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for line in &statement.conditions {
            let Some(operator) = Operator::parse(&line.operator.what) else { continue };
            let Known::Types(types) = known(subject.catalogue, &line.key.what) else { continue };
            let mut some = false;
            let suits = types.iter().any(|kind| {
                some = true;
                let free = operator.test == Test::Arn && holds_any_text(&line.key.what);
                free || suits(operator.test, kind.strip_prefix("ArrayOf").unwrap_or(kind))
            });
            if some && !suits {
                let kind = types.iter().collect::<Vec<_>>().join(" or ");
                let message = format!("`{}` does not suit `{}`, whose type is {kind}", line.operator.what, line.key.what);
                let help = types.iter().next().map_or("", |kind| operators(kind.strip_prefix("ArrayOf").unwrap_or(kind)));
                findings.add(subject.operator(statement, line), message, format!("use {help}"));
            }
        }
    }
}

/// Whether the operator can compare values of the type.
fn suits(test: Test, kind: &str) -> bool {
    let text = matches!(test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike);
    match (test, kind) {
        (Test::Null, _) => true,
        (_, "String") => text,
        (_, "ARN") => text || test == Test::Arn,
        (_, "Bool") => test == Test::Bool,
        (_, "Numeric") => matches!(test, Test::Numeric(_)),
        (_, "Date") => matches!(test, Test::Date(_) | Test::Numeric(_)),
        (_, "IPAddress") => test == Test::IpAddress,
        (_, "Binary") => test == Test::Binary,
        _ => true,
    }
}

/// Whether the key's values are whatever somebody wrote: tags, encryption contexts.
pub(super) fn holds_any_text(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains("tag/") || key.contains("encryptioncontext:")
}

fn operators(kind: &str) -> &'static str {
    match kind {
        "ARN" => "an operator such as `ArnLike`",
        "Bool" => "`Bool`",
        "Numeric" => "an operator such as `NumericEquals`",
        "Date" => "an operator such as `DateLessThan`",
        "IPAddress" => "`IpAddress` or `NotIpAddress`",
        "Binary" => "`BinaryEquals`",
        _ => "an operator such as `StringEquals`",
    }
}
