//! The condition operators by name: `ForAnyValue:StringNotLikeIfExists` taken apart.
//!
//! Only names; what an operator compares, and how, is in the modules of its family. A name that AWS does not
//! know is refused here.

/// A condition operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    /// The set operator before the colon, if any.
    pub quantifier: Option<Quantifier>,
    /// What is compared.
    pub test: Test,
    /// Whether the operator is the negated one (`StringNotEquals`, `NotIpAddress`…).
    pub negated: bool,
    /// Whether it ends in `IfExists`.
    pub if_exists: bool,
}

/// A set operator, for keys with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// `ForAllValues:`
    ForAllValues,
    /// `ForAnyValue:`
    ForAnyValue,
}

/// What an operator compares, negation aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// `StringEquals`
    StringEquals,
    /// `StringEqualsIgnoreCase`
    StringEqualsIgnoreCase,
    /// `StringLike`
    StringLike,
    /// `Numeric…`
    Numeric(Comparison),
    /// `Date…`
    Date(Comparison),
    /// `Bool`
    Bool,
    /// `BinaryEquals`
    Binary,
    /// `IpAddress`
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which are the same
    Arn,
    /// `Null`
    Null,
}

/// How the request's value has to stand to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Smaller, or earlier.
    Less,
    /// Smaller, earlier or the same.
    LessOrEqual,
    /// Greater, or later.
    Greater,
    /// Greater, later or the same.
    GreaterOrEqual,
}

impl Comparison {
    /// Whether a value that stands so to the policy's passes.
    #[must_use]
    pub fn admits(self, order: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// Every operator without its prefix and suffix: name, test, negated ("IAM JSON policy elements: Condition operators").
const OPERATORS: [(&str, Test, bool); 27] = [
    ("StringEquals", Test::StringEquals, false),
    ("StringLike", Test::StringLike, false),
    ("StringNotEquals", Test::StringEquals, true),
    ("StringNotLike", Test::StringLike, true),
    ("StringEqualsIgnoreCase", Test::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Test::StringEqualsIgnoreCase, true),
    ("Bool", Test::Bool, false),
    ("Null", Test::Null, false),
    ("ArnLike", Test::Arn, false),
    ("ArnEquals", Test::Arn, false),
    ("ArnNotLike", Test::Arn, true),
    ("ArnNotEquals", Test::Arn, true),
    ("IpAddress", Test::IpAddress, false),
    ("NotIpAddress", Test::IpAddress, true),
    ("NumericEquals", Test::Numeric(Comparison::Equal), false),
    ("NumericNotEquals", Test::Numeric(Comparison::Equal), true),
    ("NumericLessThan", Test::Numeric(Comparison::Less), false),
    ("NumericLessThanEquals", Test::Numeric(Comparison::LessOrEqual), false),
    ("NumericGreaterThan", Test::Numeric(Comparison::Greater), false),
    ("NumericGreaterThanEquals", Test::Numeric(Comparison::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Comparison::Equal), false),
    ("DateNotEquals", Test::Date(Comparison::Equal), true),
    ("DateLessThan", Test::Date(Comparison::Less), false),
    ("DateLessThanEquals", Test::Date(Comparison::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Comparison::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Comparison::GreaterOrEqual), false),
    ("BinaryEquals", Test::Binary, false),
];

/// The operators' names, without prefixes and suffixes.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, ..)| *name)
}

impl Operator {
    /// The operator of that name, in whatever case; nothing when AWS has none. `Null` takes no `IfExists`.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{Operator, Quantifier, Test};
    /// let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").unwrap();
    /// assert_eq!(operator.quantifier, Some(Quantifier::ForAnyValue));
    /// assert_eq!((operator.test, operator.negated, operator.if_exists), (Test::StringLike, true, true));
    /// assert!(Operator::parse("NullIfExists").is_none());
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Operator> {
        let (quantifier, name) = match name.split_once(':') {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => (Some(Quantifier::ForAllValues), rest),
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => (Some(Quantifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let cut = name
            .len()
            .checked_sub("IfExists".len())
            .filter(|cut| name.get(*cut..).is_some_and(|suffix| suffix.eq_ignore_ascii_case("IfExists")));
        let base = name.get(..cut.unwrap_or(name.len()))?;
        let &(_, test, negated) = OPERATORS.iter().find(|(own, ..)| own.eq_ignore_ascii_case(base))?;
        let if_exists = cut.is_some();
        if test == Test::Null && if_exists {
            return None;
        }
        Some(Operator { quantifier, test, negated, if_exists })
    }

    /// Whether values of this operator may hold policy variables ("Variables and tags", Condition element).
    #[must_use]
    pub fn takes_variables(self) -> bool {
        matches!(self.test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike | Test::Arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_is_read_with_every_prefix_and_suffix() {
        for (name, test, negated) in OPERATORS {
            for prefix in ["", "ForAllValues:", "forAnyValue:"] {
                for suffix in ["", "IfExists"] {
                    let read = Operator::parse(&format!("{prefix}{name}{suffix}"));
                    if test == Test::Null && !suffix.is_empty() {
                        assert_eq!(read, None);
                        continue;
                    }
                    let read = read.unwrap();
                    assert_eq!((read.test, read.negated, read.if_exists), (test, negated, !suffix.is_empty()));
                    assert_eq!(read.quantifier.is_some(), !prefix.is_empty());
                }
            }
        }
    }

    #[test]
    fn other_names_are_no_operators() {
        for name in ["", "String", "StringEqual", "IfExists", "ForSome:StringEquals", "StringEqualsIfExistsIfExists"] {
            assert_eq!(Operator::parse(name), None, "{name}");
        }
    }
}
