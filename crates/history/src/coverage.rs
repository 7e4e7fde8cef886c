//! What the files together say about the trails: accounts, regions, windows and gaps.
//!
//! From the times in the names of delivered files where they have such names, otherwise from the events' own times. A
//! day without any delivery, in a region that delivers every day, is a gap, also before it began and after it ended when other regions
//! deliver then; so is an hour of the day in which it delivers on nearly all days, or on most when it is steady otherwise. Where there
//! is no such rhythm nothing is known to be complete, and nothing is said to be.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::time::DAY;
use leastwise::access::{AccountId, Timestamp};
use leastwise::usage::{Event, EventCategory, Gap, GapCause, ObservationWindow, RegionScope, TrailCoverage};

use crate::TrailFacts;

const HOUR: i64 = 3600;
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

/// What one file shows.
#[derive(Debug, Default)]
pub(crate) struct FileFacts {
    /// From its name, when CloudTrail gave it: account, region, time of delivery.
    pub(crate) delivered: Option<(AccountId, String, Timestamp)>,
    /// Where and when events were; few, and the last one looked at is mostly the next one too.
    places: Vec<Place>,
    last: usize,
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    /// Whether it is the output of a query, which may have been filtered.
    pub(crate) is_export: bool,
    /// The file's name, when it could not be read wholly.
    pub(crate) flaw: Option<String>,
}

/// What a file shows of one region of one account.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    /// Hours with events, counted from 1970.
    pub(crate) hours: BTreeSet<i64>,
    last_hour: i64,
    pub(crate) kinds: Kinds,
}

/// Which kinds of management events were seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    pub(crate) kms: bool,
    pub(crate) rds_data: bool,
}

impl Kinds {
    pub(crate) fn add(&mut self, other: Kinds) {
        self.reads |= other.reads;
        self.writes |= other.writes;
        self.kms |= other.kms;
        self.rds_data |= other.rds_data;
    }
}

impl FileFacts {
    /// The facts that a file's name tells, with or without the folders before it.
    pub(crate) fn of_name(name: &str) -> FileFacts {
        let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
        FileFacts { delivered: delivery_of(base), ..FileFacts::default() }
    }

    /// The same of a file called `name` that could not be read at all.
    pub(crate) fn unread(name: &str) -> FileFacts {
        FileFacts { flaw: Some(name.to_owned()), ..FileFacts::of_name(name) }
    }

    pub(crate) fn saw(&mut self, event: &Event<'_>) {
        self.window = Some(self.window.map_or((event.time, event.time), |(from, to)| (from.min(event.time), to.max(event.time))));
        let Some(account) = event.account else { return };
        let hour = event.time.seconds().div_euclid(HOUR);
        let here = |place: &Place| place.account == account && place.region == event.region;
        if !self.places.get(self.last).is_some_and(here) {
            self.last = self.places.iter().position(here).unwrap_or_else(|| {
                let region = event.region.clone().into_owned();
                self.places.push(Place { account, region, hours: BTreeSet::new(), last_hour: i64::MIN, kinds: Kinds::default() });
                self.places.len() - 1
            });
        }
        let Some(place) = self.places.get_mut(self.last) else { return };
        if place.last_hour != hour {
            place.hours.insert(hour);
            place.last_hour = hour;
        }
        if event.category == EventCategory::Data {
            return;
        }
        place.kinds.add(Kinds {
            reads: event.read_only == Some(true),
            writes: event.read_only == Some(false),
            kms: event.source == "kms.amazonaws.com",
            rds_data: event.source == "rdsdata.amazonaws.com",
        });
    }

    /// What the file says of each account and region, in the form that adds up.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        let origin = if self.is_export { Origin::Export } else { Origin::Trail };
        let mut window = self.window;
        let mut all = Vec::new();
        let Some((account, region, time)) = &self.delivered else {
            for place in &self.places {
                let Place { account, region, hours, kinds, .. } = place.clone();
                all.extend(window.map(|window| Observation { account, region, origin, hours, window, kinds }));
            }
            return all;
        };
        // A delivery counts by its own time and region, for every account that it has events of.
        window = Some(window.map_or((*time, *time), |(from, to)| (from.min(*time), to.max(*time))));
        let mut accounts: BTreeMap<AccountId, Kinds> = BTreeMap::new();
        for place in &self.places {
            accounts.entry(place.account).or_default().add(place.kinds);
        }
        if accounts.is_empty() {
            accounts.insert(*account, Kinds::default());
        }
        for (account, kinds) in accounts {
            let hours = BTreeSet::from([time.seconds().div_euclid(HOUR)]);
            let region = region.clone();
            all.extend(window.map(|window| Observation { account, region, origin, hours, window, kinds }));
        }
        all
    }

    /// What is wrong with the file, as far as it limits what can be concluded.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        let file = self.flaw.clone()?;
        let mut accounts: BTreeSet<AccountId> = self.places.iter().map(|place| place.account).collect();
        if let (true, Some((account, _, _))) = (accounts.is_empty(), &self.delivered) {
            accounts.insert(*account);
        }
        let around = |from: Timestamp, to: Timestamp, before: i64| {
            (Timestamp::from_seconds(from.seconds() - before), Timestamp::from_seconds(to.seconds() + HOUR))
        };
        // A delivery holds what happened shortly before it, now and then hours before.
        let window = self
            .delivered
            .as_ref()
            .map(|(_, _, time)| around(*time, *time, DAY))
            .or(self.window.map(|(from, to)| around(from, to, HOUR)));
        let region = self.delivered.as_ref().map(|(_, region, _)| region.clone());
        Some(Flaw { file, accounts: (!accounts.is_empty()).then_some(accounts), region, window })
    }
}

/// Where what was seen comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Files of a trail.
    Trail,
    /// The output of a query, which may have been filtered.
    Export,
}

/// What files show of one region of one account: sets and bounds, which add up in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) origin: Origin,
    /// Hours with a delivery, or with events when files have no names of deliveries; counted from 1970.
    pub(crate) hours: BTreeSet<i64>,
    /// First and last moment that the files speak of.
    pub(crate) window: (Timestamp, Timestamp),
    pub(crate) kinds: Kinds,
}

/// `111122223333_CloudTrail_eu-west-1_20260301T1205Z_x.json.gz` (CloudTrail user guide, log file names).
fn delivery_of(name: &str) -> Option<(AccountId, String, Timestamp)> {
    let mut parts = name.split('_');
    // The trail of an organization puts its id first.
    let first = parts.next()?;
    let account = AccountId::parse(first).or_else(|| parts.next().and_then(AccountId::parse))?;
    let (word, region, time) = (parts.next()?, parts.next()?, parts.next()?);
    let part = |from, to| time.get(from..to);
    if word != "CloudTrail" || time.len() != 14 {
        return None;
    }
    let time = format!("{}-{}-{}T{}:{}:00Z", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(9, 11)?, part(11, 13)?);
    Some((account, region.to_owned(), Timestamp::parse(&time)?))
}

/// What logs and rollups show of the trails, before anything is concluded from it. It adds up in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    hours: BTreeMap<(AccountId, String), BTreeSet<i64>>,
    windows: BTreeMap<AccountId, (Timestamp, Timestamp)>,
    kinds: BTreeMap<AccountId, Kinds>,
    export_hours: BTreeMap<(AccountId, String), BTreeSet<i64>>,
    export_windows: BTreeMap<AccountId, (Timestamp, Timestamp)>,
    flaws: Vec<Flaw>,
}

/// A file that could not be read wholly, and what it may have shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) file: String,
    /// None when any account may be concerned.
    pub(crate) accounts: Option<BTreeSet<AccountId>>,
    pub(crate) region: Option<String>,
    /// None when any time may be.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
}

impl Observed {
    pub(crate) fn file(&mut self, facts: FileFacts) {
        self.flaws.extend(facts.flaw());
        facts.observations().into_iter().for_each(|observation| self.observe(observation));
    }

    /// Adds what others show, of which logs of the same accounts may be a part.
    pub fn absorb(&mut self, other: Observed) {
        let Observed { hours, windows, kinds, export_hours, export_windows, flaws } = other;
        for (own, others) in [(&mut self.hours, hours), (&mut self.export_hours, export_hours)] {
            others.into_iter().for_each(|(place, hours)| own.entry(place).or_default().extend(hours));
        }
        for (own, others) in [(&mut self.windows, windows), (&mut self.export_windows, export_windows)] {
            others.into_iter().for_each(|(account, window)| widen(own, account, window));
        }
        kinds.into_iter().for_each(|(account, kinds)| self.kinds.entry(account).or_default().add(kinds));
        self.flaws.extend(flaws);
    }

    /// Adds that something, called `name`, could not be read at all: it may have told of any account and time.
    pub fn miss_all(&mut self, name: &str) {
        self.flaws.push(Flaw { file: name.to_owned(), accounts: None, region: None, window: None });
    }

    /// Adds a file that could not be read wholly.
    #[cfg(feature = "rollup")]
    pub(crate) fn miss(&mut self, flaw: Flaw) {
        self.flaws.push(flaw);
    }

    pub(crate) fn observe(&mut self, observation: Observation) {
        let Observation { account, region, origin, hours: seen, window: (from, to), kinds } = observation;
        self.kinds.entry(account).or_default().add(kinds);
        let (hours, windows) = match origin {
            Origin::Export => (&mut self.export_hours, &mut self.export_windows),
            Origin::Trail => (&mut self.hours, &mut self.windows),
        };
        hours.entry((account, region)).or_default().extend(seen);
        widen(windows, account, (from, to));
    }

    /// What each account's trail covers, sorted by account.
    #[must_use]
    pub fn coverage(mut self, trails: &TrailFacts) -> Vec<TrailCoverage> {
        if trails.exports_complete {
            for (place, hours) in std::mem::take(&mut self.export_hours) {
                self.hours.entry(place).or_default().extend(hours);
            }
            for (account, window) in std::mem::take(&mut self.export_windows) {
                widen(&mut self.windows, account, window);
            }
        }
        let windows = std::mem::take(&mut self.windows);
        windows
            .into_iter()
            .map(|(account, (from, to))| self.of_account(account, ObservationWindow { from, to }, trails))
            .collect()
    }

    fn of_account(&self, account: AccountId, window: ObservationWindow, trails: &TrailFacts) -> TrailCoverage {
        let mut gaps = Vec::new();
        let mut rhythm = trails.complete;
        let mut regions = BTreeSet::new();
        // From the account's first place on, so that many accounts are not looked through once for each.
        let own = || self.hours.range((account, String::new())..).take_while(|((of, _), _)| *of == account);
        let day_of = |hour: Option<&i64>| hour.map_or(0, |hour| hour.div_euclid(24));
        let first = own().map(|(_, hours)| day_of(hours.first())).min().unwrap_or_default();
        let last = own().map(|(_, hours)| day_of(hours.last())).max().unwrap_or_default();
        for ((_, region), hours) in own() {
            regions.insert(region.clone());
            if let Some(missing) = missing_hours(hours, (first, last)) {
                rhythm = true;
                gaps.extend(missing.into_iter().map(|(from, to)| Gap {
                    from: Timestamp::from_seconds(from * HOUR),
                    to: Timestamp::from_seconds(to * HOUR),
                    region: Some(region.clone()),
                    cause: GapCause::NoDelivery,
                }));
            }
        }
        if !rhythm {
            let to = Timestamp::from_seconds(window.to.seconds() + 1);
            gaps.push(Gap { from: window.from, to, region: None, cause: GapCause::NoDelivery });
        }
        for flaw in self.flaws.iter().filter(|flaw| flaw.accounts.as_ref().is_none_or(|accounts| accounts.contains(&account))) {
            let (from, to) = flaw.window.unwrap_or((window.from, Timestamp::from_seconds(window.to.seconds() + 1)));
            gaps.push(Gap { from, to, region: flaw.region.clone(), cause: GapCause::Unreadable(flaw.file.clone()) });
        }
        gaps.sort();
        let kinds = self.kinds.get(&account).copied().unwrap_or_default();
        let excluded = [("kms", kinds.kms), ("rds-data", kinds.rds_data)];
        let all = trails.all_regions || regions.len() > 1;
        TrailCoverage {
            account,
            regions: if all { RegionScope::All } else { RegionScope::Only(regions) },
            window,
            gaps,
            management_reads: kinds.reads,
            management_writes: kinds.writes,
            excluded_services: excluded.into_iter().filter(|(_, seen)| !seen).map(|(service, _)| service.to_owned()).collect(),
            data_types: trails.data_types.clone(),
        }
    }
}

/// Makes the window of an account as wide as to hold another one too.
fn widen(windows: &mut BTreeMap<AccountId, (Timestamp, Timestamp)>, account: AccountId, (from, to): (Timestamp, Timestamp)) {
    windows.entry(account).and_modify(|known| *known = (known.0.min(from), known.1.max(to))).or_insert((from, to));
}

/// The runs of hours without a delivery that should have had one, end not included; none when there is no rhythm. `within` are the
/// first and the last day of all regions, which are whole only by chance.
fn missing_hours(hours: &BTreeSet<i64>, within: (i64, i64)) -> Option<Vec<(i64, i64)>> {
    let days: BTreeSet<i64> = hours.iter().map(|hour| hour.div_euclid(24)).collect();
    if days.len() < FEWEST_DAYS {
        return None;
    }
    let steps = days.iter().zip(days.iter().skip(1));
    let (all, daily) = steps.fold((0, 0), |(all, daily), (a, b)| (all + 1, daily + usize::from(b - a == 1)));
    if daily * 100 < all * DAILY_PERCENT {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// For a region that is the only one.
    fn missing_in(hours: &BTreeSet<i64>) -> Option<Vec<(i64, i64)>> {
        let day = |hour: Option<&i64>| hour.unwrap().div_euclid(24);
        missing_hours(hours, (day(hours.first()), day(hours.last())))
    }

    #[test]
    fn the_name_of_a_delivery_tells_account_region_and_time() {
        let (account, region, time) = delivery_of("111122223333_CloudTrail_eu-west-1_20260301T1205Z_AbC.json.gz").unwrap();
        assert_eq!(
            (account.as_str(), region.as_str(), time.to_string().as_str()),
            ("111122223333", "eu-west-1", "2026-03-01T12:05:00Z")
        );
        assert!(delivery_of("o-abc_111122223333_CloudTrail_eu-west-1_20260301T1205Z_AbC.json.gz").is_some());
        for name in [
            "111122223333_CloudTrail-Digest_eu-west-1_x_20260301T120500Z.json.gz",
            "events.json",
            "111122223333_CloudTrail_eu-west-1_x_y",
        ] {
            assert_eq!(delivery_of(name), None, "{name}");
        }
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
}
