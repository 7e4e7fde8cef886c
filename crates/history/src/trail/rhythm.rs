//! What deliveries that come by a rhythm show: the hours, and the days of a kind of events, that are missing.
//!
//! A region that delivers on nearly every day misses the days and hours in which it should have delivered; a kind of events that
//! comes on nearly every day misses days too. Where there is no rhythm nothing is known.

use std::collections::BTreeSet;

/// Fewer days than these show no rhythm.
const FEWEST_DAYS: usize = 3;
/// A region delivers daily when so many of a hundred steps from one delivering day to the next are one day long.
const DAILY_PERCENT: usize = 75;
/// It delivers in an hour of the day when it does so on so many of a hundred delivering days.
const HOURLY_PERCENT: usize = 80;
/// It is steady when it delivers in so many of a hundred of the hours of the day in which it delivers at least every second day.
const STEADY_PERCENT: usize = 90;
/// A steady region is quiet in an hour of the day when it delivered nothing then on most days, and on so many at least.
const QUIET_DAYS: usize = 3;

/// A kind is steady when it comes on so many of a hundred delivering days between its first and its last day.
const STEADY_KIND_PERCENT: usize = 90;
/// A steady kind may be absent for so many days in a row, such as a weekend.
const MAX_ABSENCE: i64 = 2;
/// Any other kind that has a rhythm for so many.
const MAX_RARE_ABSENCE: i64 = 7;

/// The runs of hours without a delivery that should have had one, end not included; none when there is no rhythm. `within` are the
/// first and the last day of all regions, which are whole only by chance.
pub(crate) fn missing_hours(hours: &BTreeSet<i64>, within: (i64, i64)) -> Option<Vec<(i64, i64)>> {
    let days: BTreeSet<i64> = hours.iter().map(|hour| hour.div_euclid(24)).collect();
    if !has_rhythm(&days) {
        return None;
    }
    let mut missing = BTreeSet::new();
    for (a, b) in days.iter().zip(days.iter().skip(1)) {
        missing.extend((a + 1) * 24..b * 24);
    }
    // The first and the last day are whole only by chance.
    let (first, last) = (*hours.first()?, *hours.last()?);
    let inner: Vec<i64> = days.iter().copied().filter(|day| day * 24 > first && day * 24 + 23 < last).collect();
    missing.extend((within.0 + 1) * 24..first.div_euclid(24) * 24);
    missing.extend((last.div_euclid(24) + 1) * 24..within.1 * 24);
    let with = |hour: i64| inner.iter().filter(|day| hours.contains(&(*day * 24 + hour))).count();
    let each: Vec<(i64, usize)> = (0..24).map(|hour| (hour, with(hour))).collect();
    let (slots, filled) = each
        .iter()
        .filter(|(_, with)| with * 2 >= inner.len())
        .fold((0, 0), |(slots, filled), (_, with)| (slots + inner.len(), filled + with));
    let steady = filled * 100 >= slots * STEADY_PERCENT;
    for (hour, with) in each {
        let often = with * 100 >= inner.len() * HOURLY_PERCENT;
        let seldom = with * 2 < inner.len() && inner.len() - with >= QUIET_DAYS;
        if !inner.is_empty() && (often || steady && !seldom) {
            let of_days = days.iter().map(|day| day * 24 + hour).filter(|at| *at > first && *at < last);
            missing.extend(of_days.filter(|at| !hours.contains(at)));
        }
    }
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for hour in missing {
        match runs.last_mut() {
            Some(run) if run.1 == hour => run.1 = hour + 1,
            _ => runs.push((hour, hour + 1)),
        }
    }
    Some(runs)
}

/// The runs of days, end not included, on which a region delivered and a kind of events should have come and did not. Nothing
/// where the kind has no rhythm: it comes on too few days, or seldom on one after the other.
pub(crate) fn missing_days(kind: &BTreeSet<i64>, region: &BTreeSet<i64>) -> Vec<(i64, i64)> {
    let (Some(first), Some(last)) = (kind.first(), kind.last()) else { return Vec::new() };
    if !has_rhythm(kind) {
        return Vec::new();
    }
    let between = region.range(first..=last).count();
    let steady = kind.len() * 100 >= between * STEADY_KIND_PERCENT;
    let most = if steady { MAX_ABSENCE } else { MAX_RARE_ABSENCE };
    let mut runs: Vec<(i64, i64)> = Vec::new();
    // The first and the last day are whole only by chance.
    let inner = region.iter().skip(1).take(region.len().saturating_sub(2));
    let mut known = false;
    for day in inner {
        match (kind.contains(day), runs.last_mut()) {
            (true, _) => known = false,
            (false, Some(run)) if known => run.1 = day + 1,
            (false, _) => {
                runs.push((*day, day + 1));
                known = true;
            }
        }
    }
    runs.retain(|(from, to)| to - from > most);
    runs
}

/// Whether there is a rhythm of days at all.
pub(crate) fn has_rhythm(days: &BTreeSet<i64>) -> bool {
    days.len() >= FEWEST_DAYS && is_daily(days)
}

/// Whether most steps from one day to the next are one day long.
fn is_daily(days: &BTreeSet<i64>) -> bool {
    let steps = days.iter().zip(days.iter().skip(1));
    let (all, daily) = steps.fold((0, 0), |(all, daily), (a, b)| (all + 1, daily + usize::from(b - a == 1)));
    daily * 100 >= all * DAILY_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For a region that is the only one.
    fn missing_in(hours: &BTreeSet<i64>) -> Option<Vec<(i64, i64)>> {
        let day = |hour: Option<&i64>| hour.unwrap().div_euclid(24);
        missing_hours(hours, (day(hours.first()), day(hours.last())))
    }

    #[test]
    fn one_missing_hour_is_a_gap_however_few_days_there_are_and_so_is_one_that_often_misses() {
        for days in 2..8 {
            let one: BTreeSet<i64> = (0..days * 24 + 5).filter(|hour| *hour != days * 24 - 12).collect();
            assert_eq!(missing_in(&one), Some(vec![(days * 24 - 12, days * 24 - 11)]), "{days}");
        }
        let missing = [52, 100, 172, 244, 436].map(|hour| hour / 24 * 24 + 12);
        let often: BTreeSet<i64> = (0..24 * 20).filter(|hour| !missing.contains(hour)).collect();
        assert_eq!(missing_in(&often), Some(missing.map(|hour| (hour, hour + 1)).to_vec()));
    }

    #[test]
    fn a_region_that_begins_late_or_ends_early_misses_whole_days() {
        let hours: BTreeSet<i64> = (24 * 10 + 7..24 * 20 + 9).collect();
        assert_eq!(missing_hours(&hours, (10, 20)), Some(Vec::new()));
        assert_eq!(missing_hours(&hours, (9, 21)), Some(Vec::new()));
        assert_eq!(missing_hours(&hours, (5, 40)), Some(vec![(24 * 6, 24 * 10), (24 * 21, 24 * 40)]));
    }

    #[test]
    fn a_missing_hour_of_an_hourly_trail_is_a_gap_and_so_is_a_missing_day() {
        let full: BTreeSet<i64> = (0..24 * 20).collect();
        assert_eq!(missing_in(&full), Some(Vec::new()));
        let holes: BTreeSet<i64> = full.iter().copied().filter(|hour| *hour != 100 && !(240..268).contains(hour)).collect();
        assert_eq!(missing_in(&holes), Some(vec![(100, 101), (240, 268)]));
    }

    #[test]
    fn a_long_outage_is_a_gap_however_long() {
        let outage: BTreeSet<i64> = (0..24 * 90).filter(|hour| !(24 * 20..24 * 50).contains(hour)).collect();
        assert_eq!(missing_in(&outage), Some(vec![(24 * 20, 24 * 50)]));
    }

    #[test]
    fn the_quiet_hours_of_every_night_are_no_gaps() {
        let days: BTreeSet<i64> = (0..24 * 20).filter(|hour| (7..19).contains(&(hour % 24))).collect();
        assert_eq!(missing_in(&days), Some(Vec::new()));
    }

    #[test]
    fn without_a_rhythm_nothing_is_known() {
        assert_eq!(missing_in(&(0..40).collect()), None);
        assert_eq!(missing_in(&(0..20).map(|day| day * 24 * 5).collect()), None);
    }

    #[test]
    fn a_kind_that_came_daily_and_stops_or_pauses_misses_the_days() {
        let region: BTreeSet<i64> = (0..90).collect();
        let of = |kind: &[(i64, i64)]| missing_days(&kind.iter().flat_map(|(from, end)| *from..*end).collect(), &region);
        assert_eq!(of(&[(0, 90)]), Vec::new());
        assert_eq!(of(&[(0, 5)]), vec![(5, 89)]);
        assert_eq!(of(&[(40, 90)]), vec![(1, 40)]);
        assert_eq!(of(&[(0, 40), (44, 90)]), vec![(40, 44)]);
        assert_eq!(of(&[(0, 40), (42, 90)]), Vec::new());
    }

    #[test]
    fn a_kind_without_a_rhythm_misses_nothing_and_one_of_workdays_may_rest_for_a_week() {
        let region: BTreeSet<i64> = (0..90).collect();
        assert_eq!(missing_days(&[3, 30, 60].into(), &region), Vec::new());
        assert_eq!(missing_days(&[3, 4].into(), &region), Vec::new());
        assert_eq!(missing_days(&BTreeSet::new(), &region), Vec::new());
        let workdays: BTreeSet<i64> = (0..90).filter(|day| day % 7 < 5 && !(28..35).contains(day)).collect();
        assert_eq!(missing_days(&workdays, &region), vec![(26, 35)]);
        let workdays: BTreeSet<i64> = (0..90).filter(|day| day % 7 < 5).collect();
        assert_eq!(missing_days(&workdays, &region), Vec::new());
    }
}
