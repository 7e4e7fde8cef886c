//! Values with an order or a form of their own: numbers, dates, truth values, addresses.
//!
//! Conditions on such values tell apart only finitely many sorts of values: those between the constants that are
//! written down. Here each sort gets one sample, so that what holds for all samples holds for all values. Reads the texts
//! by itself, by the rules of `docs/evaluation.md`; what it cannot read exactly it refuses.

use std::net::IpAddr;

use leastwise_policy::evaluate::Test;

/// Of what sort the values of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Number,
    Time,
    Truth,
    Address,
}

impl Family {
    /// The family that an operator compares; none for texts.
    pub(super) fn of(test: Test) -> Option<Family> {
        match test {
            Test::Numeric(_) => Some(Family::Number),
            Test::Date(_) => Some(Family::Time),
            Test::Bool => Some(Family::Truth),
            Test::IpAddress => Some(Family::Address),
            _ => None,
        }
    }
}

/// How the values of one key are told apart.
#[derive(Debug)]
pub(super) struct Scale {
    /// Digits behind the decimal point that a number's place counts.
    digits: u32,
    /// One text for each sort of values.
    pub(super) samples: Vec<String>,
}

/// Significant digits up to which every way of comparing numbers agrees.
const MOST_DIGITS: usize = 15;

impl Scale {
    /// The scale for what some operators of the family compare with; `exact` are texts that are compared as such.
    /// None when a constant cannot be placed exactly.
    pub(super) fn of(family: Family, wanted: &[&str], exact: &[&str]) -> Option<Scale> {
        let mut scale = Scale { digits: 0, samples: Vec::new() };
        match family {
            Family::Number => {
                let parsed: Vec<(i128, u32)> = numbers(wanted)?;
                scale.digits = parsed.iter().map(|(_, digits)| *digits).max().unwrap_or(0) + 1;
                let mut places: Vec<i128> = wanted.iter().filter_map(|text| scale.number(text)).collect();
                spread(&mut places, 10_i128.pow(scale.digits));
                scale.samples = places.iter().map(|place| scale.spell_number(*place)).collect();
            }
            Family::Time => {
                let mut places: Vec<i128> = wanted.iter().filter_map(|text| time(text)).collect();
                spread(&mut places, SECOND);
                let own = |place: i128| wanted.iter().find(|text| time(text) == Some(place)).map(|text| (*text).to_owned());
                scale.samples = places.iter().map(|place| own(*place).unwrap_or_else(|| spell_time(*place))).collect();
            }
            Family::Truth => {
                for spelled in [["true", "True", "TRUE", "tRUE"], ["false", "False", "FALSE", "fALSE"]] {
                    scale.samples.push((*spelled.iter().find(|text| !exact.contains(text))?).to_owned());
                }
            }
            Family::Address => scale.samples = addresses(wanted),
        }
        scale.samples.extend(exact.iter().filter(|text| !text.is_empty()).map(|text| (*text).to_owned()));
        let none = (0..=exact.len()).map(|n| format!("none{}", if n == 0 { String::new() } else { n.to_string() }));
        scale.samples.extend(none.into_iter().find(|text| !exact.contains(&text.as_str())));
        Some(scale)
    }

    /// Whether a value matches what an operator of the family wants, negation aside.
    pub(super) fn matches(&self, test: Test, wanted: &str, value: &str) -> bool {
        match test {
            Test::Numeric(comparison) => match (self.number(value), self.number(wanted)) {
                (Some(value), Some(wanted)) => comparison.admits(value.cmp(&wanted)),
                _ => false,
            },
            Test::Date(comparison) => match (time(value), time(wanted)) {
                (Some(value), Some(wanted)) => comparison.admits(value.cmp(&wanted)),
                _ => false,
            },
            Test::Bool => match (truth(value), truth(wanted)) {
                (Some(value), Some(wanted)) => value == wanted,
                _ => false,
            },
            Test::IpAddress => match (range(wanted), address(value)) {
                (Some((six, first, last)), Some((own, value))) => six == own && (first..=last).contains(&value),
                _ => false,
            },
            _ => wanted == value,
        }
    }

    fn number(&self, text: &str) -> Option<i128> {
        let (value, digits) = number(text)?;
        value.checked_mul(10_i128.checked_pow(self.digits.checked_sub(digits)?)?)
    }

    fn spell_number(&self, place: i128) -> String {
        let unit = 10_u128.pow(self.digits);
        let (whole, rest) = (place.unsigned_abs() / unit, place.unsigned_abs() % unit);
        let fraction = format!("{rest:0width$}", width = self.digits as usize);
        let fraction = fraction.trim_end_matches('0');
        let sign = if place < 0 { "-" } else { "" };
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

/// Adds to the places one between each two that have room between them, one below and one above: a whole `unit`
/// away if possible.
fn spread(places: &mut Vec<i128>, unit: i128) {
    places.sort_unstable();
    places.dedup();
    let mut all = Vec::with_capacity(places.len() * 2 + 1);
    all.extend(places.first().map(|first| first - unit));
    for (at, place) in places.iter().enumerate() {
        all.push(*place);
        match places.get(at + 1) {
            Some(next) if place + unit < *next => all.push(place + unit),
            Some(next) if place + 1 < *next => all.push(place + 1),
            Some(_) => {}
            None => all.push(place + unit),
        }
    }
    if all.is_empty() {
        all.push(unit);
    }
    *places = all;
}

/// The numbers among the texts; none when one of them is not to be placed exactly.
fn numbers(wanted: &[&str]) -> Option<Vec<(i128, u32)>> {
    let mut parsed = Vec::new();
    for text in wanted {
        match number(text) {
            Some((value, _)) if value.unsigned_abs() >= 10_u128.pow(u32::try_from(MOST_DIGITS).ok()?) => return None,
            Some(number) => parsed.push(number),
            // Written with an exponent, or longer than is placed here.
            None if text.bytes().any(|b| b.is_ascii_digit()) && text.parse::<f64>().is_ok() => return None,
            None => {}
        }
    }
    Some(parsed)
}

/// A decimal number as an integer and how many of its digits are behind the point.
fn number(text: &str) -> Option<(i128, u32)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    if whole.len() + fraction.len() > MOST_DIGITS + 2 {
        return None;
    }
    let value: i128 = format!("0{whole}{fraction}").parse().ok()?;
    Some((if negative { -value } else { value }, u32::try_from(fraction.len()).ok()?))
}

fn truth(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

const SECOND: i128 = 1_000_000_000;

/// Nanoseconds since 1970: the W3C forms of ISO 8601, or seconds. Four characters alone are a year.
fn time(text: &str) -> Option<i128> {
    if text.len() != 4
        && let Some(seconds) = seconds(text)
    {
        return Some(seconds);
    }
    let (date, clock) = text.split_once(['T', 't']).map_or((text, None), |(date, clock)| (date, Some(clock)));
    let mut fields = date.split('-');
    let year = field(fields.next()?, 4)?;
    let month = fields.next().map_or(Some(1), |month| field(month, 2))?;
    let day = fields.next().map_or(Some(1), |day| field(day, 2))?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month_at = usize::try_from(month).ok()?.checked_sub(1)?;
    if fields.next().is_some() || day < 1 || day > *lengths.get(month_at)? || (clock.is_some() && date.len() != 10) {
        return None;
    }
    // Days before the year, counted from the year 0, which is a leap year.
    let before = |year: i128| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let days = before(year) - before(1970) + lengths.iter().take(month_at).sum::<i128>() + day - 1;
    let within = clock.map_or(Some(0), time_of_day)?;
    Some(days * 86_400 * SECOND + within)
}

fn seconds(text: &str) -> Option<i128> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() > 18 {
        return None;
    }
    Some(sign * (field(whole, whole.len())? * SECOND + nanoseconds(fraction)?))
}

fn time_of_day(text: &str) -> Option<i128> {
    let (clock, ahead) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => (text.get(..at)?, zone(text.get(at..)?)?),
        None => (text, 0),
    };
    let mut fields = clock.split(':');
    let (hour, minute) = (field(fields.next()?, 2)?, field(fields.next()?, 2)?);
    let (second, fraction) = fields.next().map_or(("00", "0"), |second| second.split_once('.').unwrap_or((second, "0")));
    let second = field(second, 2)?;
    if fields.next().is_some() || hour > 24 || minute > 59 || second > 60 || (hour == 24 && minute + second > 0) {
        return None;
    }
    Some((hour * 3600 + minute * 60 + second - ahead) * SECOND + nanoseconds(fraction)?)
}

fn zone(text: &str) -> Option<i128> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, digits) = if let Some(rest) = text.strip_prefix('-') { (-1, rest) } else { (1, text.strip_prefix('+')?) };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) => (hours, minutes),
        None => digits.split_at_checked(2)?,
    };
    let hours = field(hours, 2)?;
    let minutes = if minutes.is_empty() { 0 } else { field(minutes, 2)? };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Digits behind a decimal point, in nanoseconds; finer ones are cut off.
fn nanoseconds(fraction: &str) -> Option<i128> {
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    fraction.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()
}

fn field(text: &str, length: usize) -> Option<i128> {
    (text.len() == length && length > 0 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn spell_time(place: i128) -> String {
    let (whole, rest) = (place.unsigned_abs() / SECOND.unsigned_abs(), place.unsigned_abs() % SECOND.unsigned_abs());
    let sign = if place < 0 { "-" } else { "" };
    let text = format!("{sign}{whole}");
    match rest {
        0 if text.len() == 4 => text + ".0",
        0 => text,
        _ => format!("{text}.{rest:09}"),
    }
}

/// Whether IPv6, and the number.
fn address(text: &str) -> Option<(bool, u128)> {
    match text.parse().ok()? {
        IpAddr::V4(address) => Some((false, u128::from(u32::from(address)))),
        IpAddr::V6(address) => Some((true, u128::from(address))),
    }
}

/// Whether IPv6, the first and the last address of a range.
fn range(text: &str) -> Option<(bool, u128, u128)> {
    let (base, prefix) = text.split_once('/').map_or((text, None), |(base, prefix)| (base, Some(prefix)));
    let (six, base) = address(base)?;
    let width: u32 = if six { 128 } else { 32 };
    let length = match prefix {
        None => width,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    let below = 1_u128.checked_shl(width.checked_sub(length)?).map_or(u128::MAX, |size| size - 1);
    Some((six, base & !below, base | below))
}

/// How many bits a range fixes, and whether it is IPv6; none for what is no range.
pub(super) fn prefix_length(text: &str) -> Option<(bool, u32)> {
    let (six, first, last) = range(text)?;
    let free = (last - first).checked_add(1).map_or(128, u128::trailing_zeros);
    Some((six, if six { 128 - free } else { 32 - free }))
}

/// One address of each sort: the first of all, and the first of each stretch that begins or ends with a range.
fn addresses(wanted: &[&str]) -> Vec<String> {
    let mut places: Vec<(bool, u128)> = vec![(false, 0), (true, 0)];
    for (six, first, last) in wanted.iter().filter_map(|text| range(text)) {
        places.push((six, first));
        let most = if six { u128::MAX } else { u128::from(u32::MAX) };
        places.extend((last < most).then(|| (six, last + 1)));
    }
    places.sort_unstable();
    places.dedup();
    let spelled = places.iter().map(|(six, place)| match (six, u32::try_from(*place)) {
        (false, Ok(place)) => std::net::Ipv4Addr::from(place).to_string(),
        _ => std::net::Ipv6Addr::from(*place).to_string(),
    });
    spelled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_a_sample_at_and_between_constants() {
        let scale = Scale::of(Family::Number, &["5", "5.5", "x"], &[]).unwrap();
        assert_eq!(scale.samples, ["4", "5", "5.01", "5.5", "6.5", "none"]);
        assert!(Scale::of(Family::Number, &["1e3"], &[]).is_none());
        assert!(Scale::of(Family::Number, &["9007199254740993"], &[]).is_none());
    }

    #[test]
    fn dates_are_placed_as_the_evaluator_places_them() {
        for (text, place) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2020-01-01T00:00:01Z", Some(1_577_836_801)),
            ("2020", Some(1_577_836_800)),
            ("1577836800", Some(1_577_836_800)),
            ("2020-01-01T01:00+01:00", Some(1_577_836_800)),
            ("2019-12-31T19:00:00-0500", Some(1_577_836_800)),
            ("2020-02-29T24:00:00Z", Some(1_583_020_800)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("2021-02-29", None),
            ("2020-01-01T", None),
            ("20200101T000000Z", None),
        ] {
            assert_eq!(time(text), place.map(|seconds: i128| seconds * SECOND), "{text}");
        }
        for place in [0, -1, 1234, 12_345_678_901, -5 * SECOND, 123 * SECOND, 1_577_836_800 * SECOND, -123 * SECOND] {
            assert_eq!(time(&spell_time(place)), Some(place), "{}", spell_time(place));
        }
    }

    #[test]
    fn ranges_begin_and_end_where_their_bits_say() {
        assert_eq!(range("203.0.113.9/24"), Some((false, 0xCB00_7100, 0xCB00_71FF)));
        assert_eq!(range("::/0"), Some((true, 0, u128::MAX)));
        assert_eq!(range("203.0.113.0/33"), None);
        assert_eq!(prefix_length("10.0.0.0/8"), Some((false, 8)));
        assert_eq!(prefix_length("::/0"), Some((true, 0)));
        assert_eq!(prefix_length("::1"), Some((true, 128)));
        assert_eq!(addresses(&["10.0.0.0/8"]), ["0.0.0.0", "10.0.0.0", "11.0.0.0", "::"]);
    }
}
