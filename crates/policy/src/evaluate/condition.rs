//! Whether one line of a `Condition` block holds: operator, key, values.
//!
//! Decides what several values, missing keys and set operators mean; the comparison of one value with another is
//! the families' own. The rules are written out in `docs/evaluation.md`.

use super::number::Number;
use super::operator::{Operator, Quantifier, Test};
use super::request::Context;
use super::{address, binary, date, variable};
use crate::arn;
use crate::document::Condition;
use crate::glob::{self, Case};

/// Whether the condition holds. `variables` says whether the document has policy variables.
pub(super) fn holds(condition: &Condition, operator: Operator, context: &Context, variables: bool) -> bool {
    let values = context.values(&condition.key.what);
    if operator.test == Test::Null {
        return condition.values.iter().any(|wanted| match truth(&wanted.what) {
            Some(missing) => missing == values.is_none(),
            None => false,
        });
    }
    let Some(values) = values else {
        return match operator.quantifier {
            Some(Quantifier::ForAllValues) => true,
            // No value is there that could match; `IfExists` is about each value of the set.
            Some(Quantifier::ForAnyValue) => false,
            None => operator.negated || operator.if_exists,
        };
    };
    let variables = variables && operator.takes_variables();
    let matches =
        |value: &str| condition.values.iter().any(|wanted| one_matches(operator.test, &wanted.what, value, context, variables));
    match operator.quantifier {
        // Without a set operator the negated operators are the opposite of the others, whatever the number of values.
        None => values.iter().any(|value| matches(value)) != operator.negated,
        // A set without anything in it, such as an empty string.
        Some(quantifier) if values.iter().all(|value| value.is_empty()) => quantifier == Quantifier::ForAllValues,
        Some(Quantifier::ForAllValues) => values.iter().all(|value| matches(value) != operator.negated),
        Some(Quantifier::ForAnyValue) => values.iter().any(|value| matches(value) != operator.negated),
    }
}

/// Whether one value of the request matches one value of the policy, negation aside.
fn one_matches(test: Test, wanted: &str, value: &str, context: &Context, variables: bool) -> bool {
    let filled = variables && variable::has_variable(wanted);
    match test {
        Test::StringEquals if filled => variable::fill_text(wanted, context).is_some_and(|wanted| wanted == value),
        Test::StringEquals => wanted == value,
        Test::StringEqualsIgnoreCase if filled => {
            variable::fill_text(wanted, context).is_some_and(|wanted| same_but_for_case(&wanted, value))
        }
        Test::StringEqualsIgnoreCase => same_but_for_case(wanted, value),
        Test::StringLike if filled => {
            variable::fill_pattern(wanted, context).is_some_and(|units| arn::units_match(&units, value))
        }
        Test::StringLike => glob::matches(wanted, value, Case::Kept),
        Test::Arn if filled => variable::fill_pattern(wanted, context).is_some_and(|units| arn::like_units(&units, value)),
        Test::Arn => arn::like(wanted, value),
        Test::Numeric(comparison) => match (Number::parse(value), Number::parse(wanted)) {
            (Some(value), Some(wanted)) => comparison.admits(value.cmp(&wanted)),
            _ => false,
        },
        Test::Date(comparison) => match (date::parse(value), date::parse(wanted)) {
            (Some(value), Some(wanted)) => comparison.admits(value.cmp(&wanted)),
            _ => false,
        },
        Test::Bool => match (truth(value), truth(wanted)) {
            (Some(value), Some(wanted)) => value == wanted,
            _ => false,
        },
        Test::Binary => binary::equal(wanted, value),
        Test::IpAddress => address::contains(wanted, value),
        // Answered before any value is looked at.
        Test::Null => false,
    }
}

/// The truth value of `Bool` and `Null` that a text spells, in any case; nothing when it spells none.
///
/// ```
/// use leastwise_policy::evaluate::truth;
/// assert_eq!((truth("True"), truth("false"), truth("yes")), (Some(true), Some(false), None));
/// ```
#[must_use]
pub fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn same_but_for_case(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}
