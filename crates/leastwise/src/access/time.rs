//! Points in time as the exports of IAM write them, in whole seconds of UTC.
//!
//! Vocabulary of the access stage. It reads dates and writes them back in one form; it knows no present moment.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// 2006-01-01, before anything of AWS was there.
const FIRST: i64 = 1_136_073_600;
/// 2100-01-01.
const LAST: i64 = 4_102_444_800;

/// Seconds of a day.
pub const DAY: i64 = 86_400;

impl Timestamp {
    /// The point `seconds` after the beginning of 1970, UTC.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds)
    }

    /// Seconds since the beginning of 1970, UTC.
    #[must_use]
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// The point `days` days of 86,400 seconds earlier.
    #[must_use]
    pub fn days_before(self, days: u32) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::from(days) * DAY))
    }

    /// Whether a record of IAM can be of that moment: AWS began in 2006, and no export is of the next century.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        (FIRST..=LAST).contains(&self.0)
    }

    /// Reads a date with or without time: `2026-11-01`, `2026-11-01T12:30:00Z`, `2026-11-01T12:30:00.000+01:00`, and
    /// `2026-11-01 12:30:00+00:00` as Python prints it. Without an offset it is UTC; fractions are cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        let number = |from: usize, to: usize| -> Option<i64> {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0, |sum, d| d.is_ascii_digit().then(|| sum * 10 + i64::from(d - b'0')))
        };
        let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        if !is(4, b"-") || !is(7, b"-") || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
            return None;
        }
        let date = days_since_1970(year, month, day) * DAY;
        if bytes.len() == 10 {
            return Some(Timestamp(date));
        }
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if !is(10, b"Tt ") || !is(13, b":") || !is(16, b":") || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut at = 19;
        if is(at, b".") {
            at += 1;
            let digits = bytes.get(at..)?.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            at += digits;
        }
        let offset = match (bytes.get(at), bytes.len() - at) {
            (None, _) | (Some(b'Z' | b'z'), 1) => 0,
            // As Athena prints a `timestamp with time zone`.
            (Some(b' '), 4) if text.ends_with(" UTC") => 0,
            (Some(sign @ (b'+' | b'-')), length @ (5 | 6)) => {
                if length == 6 && !is(at + 3, b":") {
                    return None;
                }
                let (hours, minutes) = (number(at + 1, at + 3)?, number(at + length - 2, at + length)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
            }
            _ => return None,
        };
        Some(Timestamp(date + hour * 3600 + minute * 60 + second - offset))
    }

    /// Reads seconds since 1970 as older tools print them, fractions cut off: `1576064972`, `1576064972.0`.
    #[must_use]
    pub fn parse_epoch(text: &str) -> Option<Timestamp> {
        text.split('.').next()?.parse().ok().map(Timestamp)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let (year, month, day) = civil(days);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; years are counted from March, so that a leap day is last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The date so many days after 1970-01-01; the inverse of [`days_since_1970`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, in_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let in_era_year = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * in_era_year + in_era_year / 4 - in_era_year / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (in_era_year, month + 3) } else { (in_era_year + 1, month - 9) };
    (era * 400 + year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_point_in_time_is_the_same_point() {
        for text in [
            "2020-03-21T07:40:00Z",
            "2020-03-21T07:40:00+00:00",
            "2020-03-21 07:40:00+00:00",
            "2020-03-21T07:40:00.123Z",
            "2020-03-21T08:40:00+0100",
            "2020-03-21T02:10:00-05:30",
            "2020-03-21T07:40:00",
        ] {
            assert_eq!(Timestamp::parse(text).map(|t| t.to_string()).as_deref(), Some("2020-03-21T07:40:00Z"), "{text}");
        }
        assert_eq!(Timestamp::parse_epoch("1584776400.0"), Timestamp::parse("2020-03-21T07:40:00Z"));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "N/A",
            "2020-02-30",
            "2020-13-01",
            "2019-02-29",
            "2020-03-21T25:00:00Z",
            "2020-03-21T07:40:00+1",
            "2020-03-21T07:40:00.Z",
            "2020-03-21T07:40:00Zulu",
            "20-03-21",
            "٢٠٢٠-٠٣-٢١",
            "2020-03-21T07:40",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_is_printed_and_read_back() {
        for day in -146_097..146_097 {
            let point = Timestamp::from_seconds(day * DAY + 1);
            assert_eq!(Timestamp::parse(&point.to_string()), Some(point));
        }
    }
}
