//! Numbers of the `Numeric…` operators, compared exactly.
//!
//! Decimal digits are compared as digits, so that large integers keep every one of them, and an exponent moves the point.
//! What is no number has no order to anything; wildcards and variables are not for these operators.

use std::cmp::Ordering;

/// A decimal number, exact. Its order is that of the values, so that `010`, `10.0` and `1e1` are equal.
///
/// ```
/// use leastwise_policy::evaluate::Number;
/// assert_eq!(Number::parse("1e1"), Number::parse("010.0"));
/// assert!(Number::parse("9007199254740993") > Number::parse("9007199254740992"));
/// assert_eq!(Number::parse("0x10"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    /// Without zeros at either end; none for zero. The first stands right behind the point.
    digits: Vec<u8>,
    /// By how many places the point is moved to the right.
    exponent: i64,
}

impl Number {
    /// Reads digits with an optional sign, point and exponent; nothing when the text is no number, or one that no
    /// floating-point number is near to (`1e999`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Number> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let moved = match exponent {
            None => 0,
            Some(exponent) => moved(exponent).filter(|_| rest.parse().is_ok_and(f64::is_finite))?,
        };
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..zeros);
        digits.truncate(digits.len() - digits.iter().rev().take_while(|digit| **digit == b'0').count());
        if digits.is_empty() {
            return Some(Number { negative: false, digits, exponent: 0 });
        }
        let places = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        Some(Number { negative, digits, exponent: places.saturating_add(moved) })
    }

    /// Whether it is less than zero.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.negative
    }

    /// Its digits as ASCII, without zeros at either end (none for zero), and how many of them stand before the
    /// point: more than there are, when zeros follow; a negative count, when zeros stand between the point and them.
    #[must_use]
    pub fn digits(&self) -> (&[u8], i64) {
        (&self.digits, self.exponent)
    }
}

/// The exponent; one that is too long to count stands for the nearest that can be counted.
fn moved(exponent: &str) -> Option<i64> {
    let (negative, digits) = match exponent.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value = digits.parse().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if negative { -value } else { value })
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let size = || match (self.digits.is_empty(), other.digits.is_empty()) {
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
            (zero, other_zero) => other_zero.cmp(&zero),
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(),
            (true, true) => size().reverse(),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        Some(Number::parse(a)?.cmp(&Number::parse(b)?))
    }

    #[test]
    fn numbers_are_compared_by_value_and_exactly() {
        for (a, b, order) in [
            ("10", "9", Ordering::Greater),
            ("010", "10.0", Ordering::Equal),
            ("-1", "1", Ordering::Less),
            ("-2", "-1", Ordering::Less),
            ("-0", "0", Ordering::Equal),
            ("0.5", "0.25", Ordering::Greater),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("1e3", "1000", Ordering::Equal),
            ("1.50E-1", "0.15", Ordering::Equal),
            ("1e-400", "0", Ordering::Greater),
            ("-1e-400", "0", Ordering::Less),
            ("9007199254740993e0", "9007199254740992", Ordering::Greater),
            ("0e9", "-0", Ordering::Equal),
            ("1e-99999999999999999999", "1e-308", Ordering::Less),
            (".5", "+0.50", Ordering::Equal),
        ] {
            assert_eq!(compare(a, b), Some(order), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_number_has_no_order() {
        for text in [
            "", " 1", "1 ", "0x10", "ten", "1.2.3", "inf", "NaN", "-", ".", "1e", "e1", "1e+", "1e1.0", "1e999", "--1", "+-1",
            "*",
        ] {
            assert_eq!(compare(text, "1"), None, "{text}");
        }
    }
}
