//! Pictures of numbers as coordinates for the templates' SVG: bars, the bar of states, the trend line, the timeline of use.
//!
//! Between queries and templates. Every picture comes with a sentence that says the same. It colours nothing: classes are the
//! style sheet's.

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;

use super::text::{counted, number, short_day};

/// One bar of a list of bars, which is a link.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) count: String,
    pub(super) percent: String,
    pub(super) class: String,
}

/// A list of bars under a title.
#[derive(Debug, Clone, Default)]
pub(super) struct Bars {
    pub(super) title: String,
    pub(super) bars: Vec<Bar>,
    pub(super) more: String,
    /// Where the rest is, if there is such a page.
    pub(super) all: &'static str,
}

/// Bars of these rows (name, address, class, count), the longest as wide as the list.
pub(super) fn bars(title: &str, rows: Vec<(String, String, String, u64)>, more: String) -> Bars {
    let most = rows.iter().map(|row| row.3).max().unwrap_or(0).max(1);
    let bar = |(name, href, class, count): (String, String, String, u64)| Bar {
        name,
        href,
        count: number(count),
        percent: format!("{:.1}", 100.0 * count as f64 / most as f64),
        class,
    };
    Bars { title: title.to_owned(), bars: rows.into_iter().map(bar).collect(), more, all: "" }
}

/// A part of the bar of states.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    pub(super) count: String,
    pub(super) x: String,
    pub(super) width: String,
}

/// How many permissions are in each state, as one bar.
#[derive(Debug, Clone, Default)]
pub(super) struct States {
    pub(super) sentence: String,
    pub(super) parts: Vec<Part>,
}

/// Numbers of permissions by state.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StateNumbers {
    pub(super) used: u64,
    pub(super) unused: u64,
    pub(super) unobservable: u64,
    pub(super) unknown: u64,
    pub(super) blocked: u64,
}

/// The bar of these numbers, 1000 units wide.
pub(super) fn states(of: StateNumbers) -> States {
    let all = [
        ("used", "used", "kept", of.used),
        ("unused", "unused", "may go", of.unused),
        ("unobservable", "unobservable", "no source could have shown a use, so they are kept", of.unobservable),
        ("unknown", "unknown", "a source failed or has a gap, so they are kept", of.unknown),
        ("blocked", "blocked by a boundary or a Deny", "granted, without effect", of.blocked),
    ];
    let total = all.iter().map(|state| state.3).sum::<u64>().max(1) as f64;
    let mut x = 0.0;
    let mut parts = Vec::new();
    for (class, name, says, count) in all.into_iter().filter(|state| state.3 > 0) {
        let width = (count as f64 * 1000.0 / total).max(4.0);
        parts.push(Part { class, name, says, count: number(count), x: format!("{x:.1}"), width: format!("{width:.1}") });
        x += width;
    }
    let words: Vec<String> = parts.iter().map(|part| format!("{} {}", part.count, part.name)).collect();
    States { sentence: words.join(", "), parts }
}

/// A mark on an axis.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) at: String,
    pub(super) text: String,
    pub(super) anchor: &'static str,
}

/// One day of the trend.
#[derive(Debug, Clone)]
pub(super) struct TrendDay {
    pub(super) day: String,
    pub(super) open: String,
    pub(super) archived: String,
    pub(super) resolved: String,
}

/// The dot at the end of the trend.
#[derive(Debug, Clone)]
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) title: String,
}

/// Open findings over time, as a line in a box of 760 by 190.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    pub(super) says: String,
    pub(super) sentence: String,
    pub(super) rows: Vec<Tick>,
    pub(super) columns: Vec<Tick>,
    pub(super) line: String,
    pub(super) area: String,
    pub(super) dots: Vec<Dot>,
    pub(super) days: Vec<TrendDay>,
}

const LEFT: f64 = 38.0;
const RIGHT: f64 = 752.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 165.0;

/// The next round number: 1, 2, 4 or 5 times a power of ten, with four rows below it.
fn ceiling(most: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [4, 8, 12, 20, 40] {
            if step * power >= most {
                return step * power;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A number as an axis has room for it. Those of an axis have no more than two digits before their noughts.
fn short(count: u64) -> String {
    for (unit, letter) in [(1_000_000, 'M'), (1_000, 'k')] {
        if count >= unit {
            let tenth = count % unit * 10 / unit;
            let tenth = if tenth == 0 { String::new() } else { format!(".{tenth}") };
            return format!("{}{tenth}{letter}", number(count / unit));
        }
    }
    number(count)
}

/// The trend of these days, oldest first: when, open, archived, resolved.
pub(super) fn trend(days: &[(Timestamp, u64, u64, u64)]) -> Trend {
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Trend::default() };
    let most = ceiling(days.iter().map(|day| day.1).max().unwrap_or(0).max(4));
    let length = last.0.seconds() - first.0.seconds();
    let span = length as f64;
    let x = |at: Timestamp| {
        if span == 0.0 { RIGHT } else { LEFT + (at.seconds() - first.0.seconds()) as f64 * (RIGHT - LEFT) / span }
    };
    let y = |count: u64| BOTTOM - count as f64 * (BOTTOM - TOP) / most as f64;
    let mut points: Vec<(f64, f64)> = days.iter().map(|day| (x(day.0), y(day.1))).collect();
    if points.len() == 1 {
        points.insert(0, (LEFT, y(first.1)));
    }
    let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let line = format!("M{}", line.join("L"));
    let row = |quarter: u64| {
        let count = most * quarter / 4;
        Tick { at: format!("{:.1}", y(count)), text: short(count), anchor: "end" }
    };
    let column = |at: Timestamp, anchor| Tick { at: format!("{:.1}", x(at)), text: short_day(at), anchor };
    let middle = days.get(days.len() / 2).filter(|_| days.len() > 4);
    let columns = (days.len() > 1).then(|| column(first.0, "start")).into_iter();
    let columns = columns.chain(middle.map(|day| column(day.0, "middle"))).chain([column(last.0, "end")]);
    let sentence = if days.len() == 1 {
        format!("{} on {}: the first day of the record", counted(last.1, "open finding"), short_day(last.0))
    } else {
        format!(
            "from {} on {} to {} on {}",
            counted(first.1, "open finding"),
            short_day(first.0),
            number(last.1),
            short_day(last.0)
        )
    };
    let mut table: Vec<TrendDay> = days
        .iter()
        .map(|(at, open, archived, resolved)| TrendDay {
            day: short_day(*at),
            open: number(*open),
            archived: number(*archived),
            resolved: number(*resolved),
        })
        .collect();
    table.reverse();
    Trend {
        says: if days.len() == 1 {
            "the record begins today".to_owned()
        } else {
            format!("the last {}", counted(u64::try_from(length / DAY).unwrap_or_default() + 1, "day"))
        },
        sentence,
        rows: (0..=4).map(row).collect(),
        columns: columns.collect(),
        area: format!("{line}L{RIGHT} {BOTTOM}L{:.1} {BOTTOM}Z", points.first().map_or(LEFT, |point| point.0)),
        line,
        dots: vec![Dot {
            x: format!("{:.1}", x(last.0)),
            y: format!("{:.1}", y(last.1)),
            title: format!("{}: {}", short_day(last.0), number(last.1)),
        }],
        days: table,
    }
}

/// One service on the timeline.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub(super) name: String,
    pub(super) y: String,
    pub(super) seen: bool,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) title: String,
}

/// First and last use of each service, over the tracking period and some time before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    pub(super) says: String,
    pub(super) sentence: String,
    pub(super) height: String,
    pub(super) from: String,
    pub(super) width: String,
    pub(super) ticks: Vec<Tick>,
    pub(super) rows: Vec<Track>,
    pub(super) more: String,
}

const TRACK: f64 = 150.0;
const TRACK_END: f64 = 750.0;
const TRACKS: usize = 14;

/// The timeline of these services: name, first and last use. Used ones come first, the latest on top.
pub(super) fn timeline(
    period: (Timestamp, Timestamp),
    mut services: Vec<(String, Option<Timestamp>, Option<Timestamp>)>,
) -> Timeline {
    if services.is_empty() {
        return Timeline::default();
    }
    services.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    let used = services.iter().filter(|service| service.2.is_some()).count();
    let length = (period.1.seconds() - period.0.seconds()).max(1);
    let begin = period.0.seconds() - length / 4;
    let x = |at: Timestamp| {
        let part = (at.seconds() - begin) as f64 / (period.1.seconds() - begin) as f64;
        TRACK + part.clamp(0.0, 1.0) * (TRACK_END - TRACK)
    };
    let track = |(at, (name, first, last)): (usize, &(String, Option<Timestamp>, Option<Timestamp>))| {
        let first = (*first).or(*last);
        Track {
            name: name.clone(),
            y: format!("{}", 36 + 26 * at),
            seen: last.is_some(),
            first: format!("{:.1}", first.map_or(TRACK, &x)),
            last: format!("{:.1}", last.map_or(TRACK, &x)),
            title: last.map_or_else(|| "no use on record".to_owned(), |last| format!("{name}: last used {}", short_day(last))),
        }
    };
    let rows: Vec<Track> = services.iter().take(TRACKS).enumerate().map(track).collect();
    let hidden = services.len().saturating_sub(rows.len());
    let middle = Timestamp::from_seconds(period.0.seconds() + length / 2);
    let tick = |at: Timestamp, anchor| Tick { at: format!("{:.1}", x(at)), text: short_day(at), anchor };
    Timeline {
        says: "first and last use of each service; the shaded part is the tracking period".to_owned(),
        sentence: format!(
            "{} with a use on record, {} without",
            counted(used as u64, "service"),
            number((services.len() - used) as u64)
        ),
        height: format!("{}", 24 + 26 * rows.len()),
        from: format!("{:.1}", x(period.0)),
        width: format!("{:.1}", TRACK_END - x(period.0)),
        ticks: vec![tick(period.0, "start"), tick(middle, "middle"), tick(period.1, "end")],
        rows,
        more: if hidden == 0 { String::new() } else { format!("and {} more below", counted(hidden as u64, "service")) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_trend_says_in_words_what_it_draws() {
        let days = [(time("2026-10-30"), 71, 1, 0), (time("2026-10-31"), 70, 1, 1), (time("2026-11-01"), 64, 2, 6)];
        let trend = trend(&days);
        assert_eq!(trend.sentence, "from 71 open findings on 30 Oct to 64 on 1 Nov");
        assert_eq!(trend.rows.iter().map(|row| row.text.as_str()).collect::<Vec<_>>(), ["0", "20", "40", "60", "80"]);
        assert_eq!(trend.days.first().map(|day| day.open.as_str()), Some("64"));
        assert!(trend.line.starts_with("M38.0 ") && trend.line.contains("L752.0 "), "{}", trend.line);
    }

    #[test]
    fn the_numbers_of_an_axis_are_short_and_exact() {
        let axis = |open| trend(&[(time("2026-11-01"), open, 0, 0)]).rows.into_iter().map(|row| row.text).collect::<Vec<_>>();
        assert_eq!(axis(1_203), ["0", "500", "1k", "1.5k", "2k"]);
        assert_eq!(axis(900_000), ["0", "300k", "600k", "900k", "1.2M"]);
    }

    #[test]
    fn a_trend_of_one_day_is_a_level_line() {
        let trend = trend(&[(time("2026-11-01"), 4, 0, 0)]);
        assert_eq!(
            (trend.line.as_str(), trend.sentence.as_str()),
            ("M38.0 12.0L752.0 12.0", "4 open findings on 1 Nov: the first day of the record")
        );
    }

    #[test]
    fn no_state_that_exists_is_too_small_to_see() {
        let states = states(StateNumbers { used: 1, unused: 100_000, ..StateNumbers::default() });
        assert_eq!(states.parts.first().map(|part| part.width.as_str()), Some("4.0"));
        assert_eq!(states.sentence, "1 used, 100,000 unused");
    }

    #[test]
    fn the_services_used_last_are_on_top_of_the_timeline() {
        let period = (time("2026-08-03"), time("2026-11-01"));
        let services = vec![
            ("ec2".to_owned(), None, None),
            ("s3".to_owned(), Some(time("2026-08-10")), Some(time("2026-09-01"))),
            ("sqs".to_owned(), None, Some(time("2026-10-30"))),
        ];
        let timeline = timeline(period, services);
        assert_eq!(timeline.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["sqs", "s3", "ec2"]);
        assert_eq!(timeline.sentence, "2 services with a use on record, 1 without");
    }
}
