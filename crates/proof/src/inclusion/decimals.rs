//! Numbers between others, spelled: between any two there is one, however near they are.
//!
//! A whole number where one fits, else one digit more than the longer of the two has.

use leastwise_policy::evaluate::Number;

/// Below how many zeros behind the point a number is spelled without an exponent.
const MAX_ZEROS: i64 = 400;

/// A number above `low` and below `high`; none of them means no bound. None only if `low` is not below `high`.
pub(super) fn between(low: Option<&Number>, high: Option<&Number>) -> Option<String> {
    let fits = |text: &String| {
        let number = Number::parse(text);
        number.is_some_and(|number| low.is_none_or(|low| *low < number) && high.is_none_or(|high| number < *high))
    };
    whole(low, high).into_iter().map(|number| number.to_string()).find(fits).or_else(|| fine(low, high).filter(fits))
}

/// Whole numbers that may lie between.
fn whole(low: Option<&Number>, high: Option<&Number>) -> Vec<i128> {
    match (low.map(truncated), high.map(truncated)) {
        (None, None) => vec![1],
        (Some(Some(low)), _) => vec![low + 1, low],
        (None, Some(Some(high))) => vec![high - 1],
        // Too long to count with.
        _ => vec![0],
    }
}

/// The number without its fraction, if it is not too long.
fn truncated(number: &Number) -> Option<i128> {
    let (digits, before) = number.digits();
    let before = usize::try_from(before).unwrap_or(0);
    if before > 18 {
        return None;
    }
    let mut value = 0;
    for at in 0..before {
        value = value * 10 + i128::from(digits.get(at).copied().unwrap_or(b'0') - b'0');
    }
    Some(if number.is_negative() { -value } else { value })
}

/// With more digits than both have, or fewer than one has.
fn fine(low: Option<&Number>, high: Option<&Number>) -> Option<String> {
    let size = |number: &Number| (number.digits().0.to_vec(), number.digits().1);
    match (low, high) {
        (None, None) => Some("1".to_owned()),
        // Ten times as far from zero.
        (Some(low), None) if !low.is_negative() => Some(spelled(false, &size(low).0, size(low).1 + 1)),
        (Some(_), None) | (None, Some(_)) if high.is_none_or(|high| !high.is_negative()) => {
            Some(if low.is_some() { "0" } else { "-1" }.to_owned())
        }
        (None, Some(high)) => Some(spelled(true, &size(high).0, size(high).1 + 1)),
        (Some(low), Some(high)) if low.is_negative() && !high.is_negative() && !high.digits().0.is_empty() => {
            Some("0".to_owned())
        }
        (Some(low), Some(high)) if low.is_negative() => Some(above(true, &size(high), &size(low))),
        (Some(low), Some(high)) => Some(above(false, &size(low), &size(high))),
        (Some(_), None) => None,
    }
}

/// A number that is farther from zero than the first and nearer than the second.
fn above(negative: bool, (near, near_point): &(Vec<u8>, i64), (far, far_point): &(Vec<u8>, i64)) -> String {
    let lowest = |digits: &[u8], point: i64| point - i64::try_from(digits.len()).unwrap_or(i64::MAX / 4);
    let far_lowest = lowest(far, *far_point);
    if near.is_empty() {
        return spelled(negative, b"1", far_lowest);
    }
    let own = lowest(near, *near_point);
    let mut digits = near.clone();
    let zeros = usize::try_from(own - own.min(far_lowest)).unwrap_or(0);
    digits.extend(std::iter::repeat_n(b'0', zeros));
    digits.push(b'1');
    spelled(negative, &digits, *near_point)
}

/// `0.digits`, with the point moved to the right.
fn spelled(negative: bool, digits: &[u8], point: i64) -> String {
    let sign = if negative { "-" } else { "" };
    let digits: String = digits.iter().map(|digit| char::from(*digit)).collect();
    if digits.is_empty() {
        return "0".to_owned();
    }
    if point < -MAX_ZEROS {
        return format!("{sign}0.{digits}e{point}");
    }
    let length = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if point <= 0 {
        return format!("{sign}0.{}{digits}", zeros(-point));
    }
    if point >= length {
        return format!("{sign}{digits}{}", zeros(point - length));
    }
    let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
    format!("{sign}{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_number_between_any_two() {
        let long = "9".repeat(60);
        let texts = [
            "0",
            "1",
            "-1",
            "0.1",
            "-0.1",
            "1e-400",
            "-1e-400",
            "1e-1000",
            "5",
            "5.01",
            "5.011",
            "-5.01",
            "-5.011",
            "1e308",
            "-1e308",
            "100",
            "100.0000001",
            "9007199254740993",
            "9007199254740994",
            "1.00000000000000000000000000001",
            "1e-99999999",
            &long,
        ];
        let mut numbers: Vec<Number> = texts.iter().map(|text| Number::parse(text).unwrap()).collect();
        numbers.sort();
        for (at, low) in numbers.iter().enumerate() {
            for high in &numbers[at + 1..] {
                let found = Number::parse(&between(Some(low), Some(high)).unwrap_or_else(|| panic!("{low:?} {high:?}"))).unwrap();
                assert!(*low < found && found < *high, "{low:?} {found:?} {high:?}");
            }
            assert!(Number::parse(&between(Some(low), None).unwrap()).unwrap() > *low, "{low:?}");
            assert!(Number::parse(&between(None, Some(low)).unwrap()).unwrap() < *low, "{low:?}");
        }
        assert_eq!(between(None, None).as_deref(), Some("1"));
    }
}
