//! Seconds since 1970 and the ways in which AWS writes them.
//!
//! Groundwork of the generator, which is told its present moment and never asks for it.

pub(crate) const HOUR: i64 = 3600;
pub(crate) const DAY: i64 = 86_400;

/// Year, month, day, hour, minute and second of `seconds` after the beginning of 1970, UTC.
pub(crate) fn parts(seconds: i64) -> [i64; 6] {
    let (mut days, second) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let mut year = 1970;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < 0 {
            year -= 1;
            days += if leap(year) { 366 } else { 365 };
        } else if days >= length {
            days -= length;
            year += 1;
        } else {
            break;
        }
    }
    let mut month = 1;
    for length in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    [year, month, days + 1, second / HOUR, second / 60 % 60, second % 60]
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// `2026-11-01T00:00:00Z`, as CloudTrail writes it.
pub(crate) fn zulu(seconds: i64) -> String {
    let [y, m, d, h, min, s] = parts(seconds);
    format!("{y:04}-{m:02}-{d:02}T{h:02}:{min:02}:{s:02}Z")
}

/// `2026-11-01T00:00:00+00:00`, as the AWS CLI and the credential report write it.
pub(crate) fn offset(seconds: i64) -> String {
    let mut text = zulu(seconds);
    text.pop();
    text.push_str("+00:00");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_793_491_200, "2026-11-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(zulu(seconds), text);
        }
    }
}
