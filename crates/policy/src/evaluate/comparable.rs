//! Which values of a policy an operator can compare with anything, and how two of them stand to each other.
//!
//! For checks of documents, which have no request. It reads values as the evaluator does, so that both agree.

use std::cmp::Ordering;

use super::address::AddressRange;
use super::condition::truth;
use super::number::Number;
use super::operator::Test;
use super::{binary, date};

impl Test {
    /// Whether some value of a request can match, or stand in an order to, this value of a policy without variables. Text can
    /// always; a number, date or address range has to be one, and an ARN has to have its six parts.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{Operator, Test};
    /// let before = Operator::parse("DateLessThan").unwrap().test;
    /// assert!(before.can_compare("2026-01-31T00:00:00Z") && !before.can_compare("2026/01/31"));
    /// assert!(Test::Arn.can_compare("arn:aws:s3:::*") && !Test::Arn.can_compare("arn:aws:s3:*"));
    /// ```
    #[must_use]
    pub fn can_compare(self, value: &str) -> bool {
        match self {
            Test::Bool | Test::Null => truth(value).is_some(),
            Test::Numeric(_) => Number::parse(value).is_some(),
            Test::Date(_) => date::parse(value).is_some(),
            Test::IpAddress => AddressRange::parse(value).is_some(),
            Test::Arn => value.splitn(6, ':').count() == 6,
            Test::Binary => binary::equal(value, value),
            Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => true,
        }
    }

    /// The order of two numbers or dates of a policy; nothing for other tests, or when one of the texts is none.
    #[must_use]
    pub fn order(self, one: &str, other: &str) -> Option<Ordering> {
        match self {
            Test::Numeric(_) => Some(Number::parse(one)?.cmp(&Number::parse(other)?)),
            Test::Date(_) => Some(date::parse(one)?.cmp(&date::parse(other)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::operator::Comparison;
    use super::*;

    #[test]
    fn what_the_evaluator_never_matches_cannot_be_compared() {
        let date = Test::Date(Comparison::Less);
        for (test, value, expected) in [
            (date, "2020-01-01", true),
            (date, "2020-13-01T00:00:00Z", false),
            (Test::Numeric(Comparison::Equal), "1e3", true),
            (Test::Numeric(Comparison::Equal), "ten", false),
            (Test::IpAddress, "203.0.113.9/24", true),
            (Test::IpAddress, "203.0.113.0/33", false),
            (Test::Arn, "*", false),
            (Test::Arn, "arn:*:*:*:*:*", true),
            (Test::Bool, "True", true),
            (Test::Bool, "yes", false),
            (Test::StringLike, "", true),
            (Test::Binary, "QmluYXJ5", true),
            (Test::Binary, "no base64", false),
        ] {
            assert_eq!(test.can_compare(value), expected, "{value}");
        }
    }

    #[test]
    fn numbers_and_dates_have_an_order_and_texts_have_none() {
        assert_eq!(Test::Numeric(Comparison::Less).order("9", "10"), Some(Ordering::Less));
        assert_eq!(Test::Date(Comparison::Less).order("2020", "1577836800"), Some(Ordering::Equal));
        assert_eq!(Test::StringEquals.order("a", "b"), None);
    }
}
