//! Points in time of the `Date…` operators: the W3C forms of ISO 8601, and seconds since 1970.
//!
//! Reads text into nanoseconds; it knows no clock. Four digits alone are a year, other plain numbers are
//! seconds ("IAM JSON policy elements: Condition operators", Date condition operators). A time without a zone is UTC.

const NANOS: i128 = 1_000_000_000;

/// Nanoseconds since 1970-01-01T00:00:00Z; nothing when the text is no date.
///
/// ```
/// use leastwise_policy::evaluate::date;
/// assert_eq!(date("1970-01-01T00:00:01Z"), Some(1_000_000_000));
/// assert_eq!(date("today"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<i128> {
    let year_alone = text.len() == 4;
    if !year_alone && let Some(seconds) = epoch(text) {
        return Some(seconds);
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let day = parts.next().map_or(Some(1), |part| digits(part, 2))?;
    let whole_date = date.len() == 10;
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let midnight = i128::from(days_since_1970(year, month, day)) * 86_400 * NANOS;
    match time {
        Some(time) if whole_date => Some(midnight + time_of_day(time)?),
        Some(_) => None,
        None => Some(midnight),
    }
}

/// Seconds since 1970, with or without a fraction.
fn epoch(text: &str) -> Option<i128> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() > 18 {
        return None;
    }
    let nanos = i128::from(digits(whole, whole.len())?) * NANOS + fraction_of_second(fraction)?;
    Some(if negative { -nanos } else { nanos })
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.s`, and a zone.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) = match text.find(['Z', 'z', '+', '-']) {
        Some(at) => {
            let (clock, zone) = text.split_at_checked(at)?;
            (clock, offset(zone)?)
        }
        None => (text, 0),
    };
    let mut parts = clock.split(':');
    let hour = digits(parts.next()?, 2)?;
    let minute = digits(parts.next()?, 2)?;
    let (second, fraction) = match parts.next() {
        Some(part) => part.split_once('.').map_or((part, "0"), |(second, fraction)| (second, fraction)),
        None => ("00", "0"),
    };
    let second = digits(second, 2)?;
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 || (hour == 24 && minute + second > 0) {
        return None;
    }
    Some(i128::from(hour * 3600 + minute * 60 + second - offset) * NANOS + fraction_of_second(fraction)?)
}

/// `Z`, `+hh:mm`, `+hhmm` or `+hh`, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" || zone == "z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let zone = zone.get(1..)?;
    let (hours, minutes) = zone.split_once(':').or_else(|| zone.split_at_checked(2))?;
    let minutes = if minutes.is_empty() { 0 } else { digits(minutes, 2)? };
    let hours = digits(hours, 2)?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// A fraction's digits, in nanoseconds; what is finer is cut off.
fn fraction_of_second(text: &str) -> Option<i128> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = text.get(..text.len().min(9))?;
    let value = i128::from(digits(kept, kept.len())?);
    Some(value * 10_i128.pow(u32::try_from(9 - kept.len()).ok()?))
}

/// A number of exactly that many digits, at least one.
fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && length > 0 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, by the proleptic Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let leaps_before = |year: i64| {
        let past = year - 1;
        past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
    };
    let in_year: i64 = (1..month).map(|m| days_in(year, m)).sum::<i64>() + day - 1;
    (year - 1970) * 365 + leaps_before(year) - leaps_before(1970) + in_year
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_dates_and_epoch_seconds_mean_the_same_points_in_time() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2020-01-01T00:00:01Z", 1_577_836_801),
            ("2020-01-01", 1_577_836_800),
            ("2020-01", 1_577_836_800),
            ("2020", 1_577_836_800),
            ("1577836800", 1_577_836_800),
            ("2020-01-01T01:00+01:00", 1_577_836_800),
            ("2019-12-31T19:00:00-0500", 1_577_836_800),
            ("2020-01-01T00:00:00", 1_577_836_800),
            ("2020-02-29T24:00:00Z", 1_583_020_800),
            ("1969-12-31T23:59:59Z", -1),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(seconds * NANOS), "{text}");
        }
        assert_eq!(parse("2020-01-01T00:00:00.25Z"), parse("1577836800.250"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "today",
            "2020-13-01",
            "2021-02-29",
            "2020-01-01T",
            "2020-01-01T25:00Z",
            "2020-01T00:00Z",
            "2020-1-1",
            "2020-01-01T00:00:00ZZ",
            "2020-01-01 00:00:00Z",
            "20200101T000000Z",
            "*",
            "2020-*",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
