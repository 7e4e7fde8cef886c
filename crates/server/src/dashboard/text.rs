//! Numbers, times and the field's terms as people read them.
//!
//! Under all pages. It decides nothing and knows no HTML.

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;

/// A number with commas: `6,325`.
pub(super) fn number(count: impl TryInto<u64>) -> String {
    let digits = count.try_into().unwrap_or(0).to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 finding`, `2 findings`, `6,325 findings`.
pub(super) fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(0);
    if count == 1 { format!("1 {noun}") } else { format!("{} {noun}s", number(count)) }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day as `1 Nov 2026`, from a time as `2026-11-01T…`; what does not look like one stays as it is.
pub(super) fn day_of(text: &str) -> String {
    let mut parts = text.get(..10).unwrap_or_default().splitn(3, '-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let named = month.and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
    match (year, named, day) {
        (Some(year), Some(month), Some(day)) => format!("{} {month} {year}", day.trim_start_matches('0')),
        _ => text.to_owned(),
    }
}

/// A text with its times as days: `2026-11-01T04:55:00Z` becomes `1 Nov 2026`.
pub(super) fn with_days(text: &str) -> String {
    let day = |word: &str| {
        let bare = word.trim_end_matches([',', ';', '.']);
        match Timestamp::parse(bare).filter(|_| bare.len() == 20) {
            Some(_) => format!("{}{}", day_of(bare), word.get(bare.len()..).unwrap_or_default()),
            None => word.to_owned(),
        }
    };
    text.split(' ').map(day).collect::<Vec<_>>().join(" ")
}

/// A day as `1 Nov 2026`.
pub(super) fn day(time: Timestamp) -> String {
    day_of(&time.to_string())
}

/// A day without its year, as `1 Nov`.
pub(super) fn short_day(time: Timestamp) -> String {
    let day = day(time);
    day.rsplit_once(' ').map_or(day.clone(), |(short, _)| short.to_owned())
}

/// A moment as `1 Nov 2026, 09:12 UTC`.
pub(super) fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{}, {} UTC", day_of(&text), text.get(11..16).unwrap_or_default())
}

/// How long ago: `today`, `1 day`, `12 days`, `5 months`.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    match (now.seconds() - since.seconds()).max(0) / DAY {
        0 => "today".to_owned(),
        days @ 1..=89 => counted(days, "day"),
        days => counted(days / 30, "month"),
    }
}

/// A finding's type as a person says it.
pub(super) fn kind(wire: &str) -> &str {
    match wire {
        "UnusedPermission" => "Unused permissions",
        "UnusedIAMRole" => "Unused role",
        "UnusedIAMUserAccessKey" => "Unused access key",
        "UnusedIAMUserPassword" => "Unused password",
        other => other,
    }
}

/// The path of an ARN between `role/` or `user/` and the name, and the name.
pub(super) fn path_and_name(arn: &str) -> (&str, &str) {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let (front, name) = resource.rsplit_once('/').unwrap_or(("", resource));
    (front.split_once('/').map_or("", |(_, path)| path), name)
}

/// A text with its first letter large.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Percent-encoded for a part of a path or a value of a query.
pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_and_nouns_agree() {
        assert_eq!(
            (number(6_325_u64).as_str(), number(12_u64).as_str(), number(1_000_000_u64).as_str()),
            ("6,325", "12", "1,000,000")
        );
        assert_eq!((counted(1_u64, "day"), counted(0_u64, "day")), ("1 day".to_owned(), "0 days".to_owned()));
    }

    #[test]
    fn times_are_written_for_people() {
        let time = Timestamp::parse("2026-11-01T09:12:44Z").unwrap();
        assert_eq!(
            (day(time).as_str(), short_day(time).as_str(), moment(time).as_str()),
            ("1 Nov 2026", "1 Nov", "1 Nov 2026, 09:12 UTC")
        );
        let later = |days: i64| Timestamp::from_seconds(time.seconds() + days * DAY);
        assert_eq!(
            [age(time, time), age(time, later(1)), age(time, later(89)), age(time, later(200))],
            ["today", "1 day", "89 days", "6 months"]
        );
        assert_eq!(day_of("soon"), "soon");
        assert_eq!(
            with_days("complete up to 2026-11-01T01:00:00Z, shows 2 of 2026-11-01"),
            "complete up to 1 Nov 2026, shows 2 of 2026-11-01"
        );
    }

    #[test]
    fn a_role_has_a_path_and_a_name() {
        assert_eq!(path_and_name("arn:aws:iam::111122223333:role/a/b/c"), ("a/b", "c"));
        assert_eq!(path_and_name("arn:aws:iam::111122223333:user/c"), ("", "c"));
    }
}
