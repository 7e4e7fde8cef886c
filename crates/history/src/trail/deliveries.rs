//! What files show of trails: accounts, regions, hours, days and kinds of events, changes of trails, and flaws.
//!
//! From the times in the names of delivered files where they have such names, otherwise from the events' own times. It adds up in any
//! order; what follows from it is worked out in `timeline`.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::time::DAY;
use leastwise::access::{AccountId, Timestamp};
use leastwise::usage::{Event, EventCategory};

use super::changes::{TrailChange, change_of};

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3600;

/// What one file shows.
#[derive(Debug, Default)]
pub(crate) struct FileFacts {
    /// From its name, when CloudTrail gave it.
    pub(crate) delivered: Option<Delivered>,
    /// Where and when events were; few, and the last one looked at is mostly the next one too.
    places: Vec<Place>,
    last: usize,
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    changes: BTreeSet<(AccountId, TrailChange)>,
    /// Whether it is the output of a query, which may have been filtered.
    pub(crate) is_export: bool,
    /// The file's name, when it could not be read wholly.
    pub(crate) flaw: Option<String>,
    /// What in it is not as its name says, the first such thing.
    pub(crate) disagrees: Option<String>,
}

/// What the name of a delivered file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivered {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) time: Timestamp,
    /// Whether the trail of an organization delivered it.
    pub(crate) organization: bool,
}

/// What a file shows of one region of one account, day by day.
#[derive(Debug, Clone)]
struct Place {
    account: AccountId,
    region: String,
    days: BTreeMap<i64, Day>,
    /// The day of the last event, which is mostly that of the next one too; not among the others yet.
    day: i64,
    now: Day,
}

/// What was seen on a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Day {
    /// A bit for each hour.
    pub(crate) hours: u32,
    pub(crate) kinds: Kinds,
}

/// Which kinds of events were seen.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Kinds {
    pub(crate) reads: bool,
    pub(crate) writes: bool,
    pub(crate) kms: bool,
    pub(crate) rds_data: bool,
    /// Resource types of data events.
    pub(crate) data: BTreeSet<String>,
}

impl Kinds {
    pub(crate) fn add(&mut self, other: &Kinds) {
        self.reads |= other.reads;
        self.writes |= other.writes;
        self.kms |= other.kms;
        self.rds_data |= other.rds_data;
        self.data.extend(other.data.iter().filter(|kind| !self.data.contains(*kind)).cloned().collect::<Vec<_>>());
    }
}

impl Day {
    pub(crate) fn add(&mut self, other: &Day) {
        self.hours |= other.hours;
        self.kinds.add(&other.kinds);
    }
}

impl FileFacts {
    /// The facts that a file's name tells, with or without the folders before it.
    pub(crate) fn of_name(name: &str) -> FileFacts {
        FileFacts { delivered: delivery_of(name), ..FileFacts::default() }
    }

    /// The same of a file called `name` that could not be read at all.
    pub(crate) fn unread(name: &str) -> FileFacts {
        FileFacts { flaw: Some(name.to_owned()), ..FileFacts::of_name(name) }
    }

    pub(crate) fn saw(&mut self, event: &Event<'_>) {
        self.window = Some(self.window.map_or((event.time, event.time), |(from, to)| (from.min(event.time), to.max(event.time))));
        self.compare(event);
        let Some(account) = event.account else { return };
        let hour = event.time.seconds().div_euclid(HOUR);
        let here = |place: &Place| place.account == account && place.region == event.region;
        if !self.places.get(self.last).is_some_and(here) {
            self.last = self.places.iter().position(here).unwrap_or_else(|| {
                let region = event.region.clone().into_owned();
                self.places.push(Place { account, region, days: BTreeMap::new(), day: hour.div_euclid(24), now: Day::default() });
                self.places.len() - 1
            });
        }
        let Some(place) = self.places.get_mut(self.last) else { return };
        if place.day != hour.div_euclid(24) {
            place.turn();
            place.day = hour.div_euclid(24);
        }
        place.now.hours |= 1 << hour.rem_euclid(24);
        let kinds = &mut place.now.kinds;
        if event.category == EventCategory::Data {
            for kind in event.resources.iter().filter_map(|resource| resource.kind.as_deref()) {
                if !kinds.data.contains(kind) {
                    kinds.data.insert(kind.to_owned());
                }
            }
            return;
        }
        kinds.reads |= event.read_only == Some(true);
        kinds.writes |= event.read_only == Some(false);
        kinds.kms |= event.source == "kms.amazonaws.com";
        kinds.rds_data |= event.source == "rdsdata.amazonaws.com";
        if let Some(change) = change_of(event) {
            self.changes.insert((account, change));
        }
    }

    /// Notes what is not as the name of the file says. A delivery holds what happened shortly before it, now and then hours before.
    fn compare(&mut self, event: &Event<'_>) {
        let Some(Delivered { account, region, time, .. }) = &self.delivered else { return };
        if self.disagrees.is_some() {
            return;
        }
        let (day, at) = (time.seconds().div_euclid(DAY), event.time.seconds());
        self.disagrees = if event.account.is_some_and(|own| own != *account) {
            Some("account".to_owned())
        } else if !event.region.is_empty() && event.region != *region {
            Some("region".to_owned())
        } else if at.div_euclid(DAY) != day && !(time.seconds() - DAY..=time.seconds()).contains(&at) {
            Some("day".to_owned())
        } else {
            None
        };
    }

    /// What the file says of each account, region and day, in the form that adds up.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        let origin = if self.is_export { Origin::Export } else { Origin::Trail };
        let mut all: Vec<Observation> = Vec::new();
        let Some(mut window) = self.window.or(self.delivered.as_ref().map(|of| (of.time, of.time))) else { return all };
        let new = |account, region: &str, number, window, day| Observation {
            account,
            region: region.to_owned(),
            origin,
            number,
            window,
            day,
            organization: false,
            changes: BTreeSet::new(),
        };
        if let Some(Delivered { account, region, time, organization }) = &self.delivered {
            // A delivery counts by its own time and region, for every account that it has events of.
            window = (window.0.min(*time), window.1.max(*time));
            let hour = time.seconds().div_euclid(HOUR);
            let mut accounts: BTreeMap<AccountId, Day> = BTreeMap::new();
            for place in &self.places {
                let sum = accounts.entry(place.account).or_default();
                place.days.values().chain([&place.now]).for_each(|day| sum.kinds.add(&day.kinds));
            }
            if accounts.is_empty() {
                accounts.insert(*account, Day::default());
            }
            for (account, mut day) in accounts {
                day.hours = 1 << hour.rem_euclid(24);
                let one = new(account, region, hour.div_euclid(24), window, day);
                all.push(Observation { organization: *organization, ..one });
            }
        } else {
            for place in &self.places {
                let mut place = place.clone();
                place.turn();
                all.extend(place.days.into_iter().map(|(number, day)| new(place.account, &place.region, number, window, day)));
            }
        }
        for (account, change) in &self.changes {
            if let Some(own) = all.iter_mut().find(|own| own.account == *account) {
                own.changes.insert(change.clone());
            }
        }
        all
    }

    /// What is wrong with the file, as far as it limits what can be concluded.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        let file = self.flaw.clone()?;
        let mut accounts: BTreeSet<AccountId> = self.places.iter().map(|place| place.account).collect();
        if let (true, Some(of)) = (accounts.is_empty() || self.disagrees.is_some(), &self.delivered) {
            accounts.insert(of.account);
        }
        let around = |from: Timestamp, to: Timestamp, before: i64| {
            (Timestamp::from_seconds(from.seconds() - before), Timestamp::from_seconds(to.seconds() + HOUR))
        };
        // A delivery holds what happened shortly before it, now and then hours before.
        let window = self
            .delivered
            .as_ref()
            .map(|of| around(of.time, of.time, DAY))
            .or(self.window.map(|(from, to)| around(from, to, HOUR)));
        let region = self.delivered.as_ref().map(|of| of.region.clone());
        Some(Flaw { file, accounts: (!accounts.is_empty()).then_some(accounts), region, window })
    }
}

impl Place {
    /// Puts the day at hand among the others.
    fn turn(&mut self) {
        let now = std::mem::take(&mut self.now);
        if now.hours != 0 {
            self.days.entry(self.day).or_default().add(&now);
        }
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

/// What files show of one region of one account on one day: sets and bounds, which add up in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) origin: Origin,
    /// The day, counted from 1970.
    pub(crate) number: i64,
    /// Hours with a delivery, or with events when files have no names of deliveries, and the kinds seen in them.
    pub(crate) day: Day,
    /// First and last moment that the files speak of.
    pub(crate) window: (Timestamp, Timestamp),
    /// Whether an organization's trail delivered any of it.
    pub(crate) organization: bool,
    pub(crate) changes: BTreeSet<TrailChange>,
}

/// `111122223333_CloudTrail_eu-west-1_20260301T1205Z_x.json.gz` (CloudTrail user guide, log file names).
fn delivery_of(path: &str) -> Option<Delivered> {
    let mut folders = path.rsplit(['/', '\\']);
    let mut parts = folders.next()?.split('_');
    // The trail of an organization puts its id first, or in the folders.
    let first = parts.next()?;
    let (account, named) = match AccountId::parse(first) {
        Some(account) => (account, false),
        None => (parts.next().and_then(AccountId::parse)?, first.starts_with("o-")),
    };
    let (word, region, time) = (parts.next()?, parts.next()?, parts.next()?);
    let part = |from, to| time.get(from..to);
    if word != "CloudTrail" || time.len() != 14 {
        return None;
    }
    let time = format!("{}-{}-{}T{}:{}:00Z", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(9, 11)?, part(11, 13)?);
    let time = Timestamp::parse(&time)?;
    let above = folders.skip_while(|folder| *folder != account.as_str()).nth(1);
    let organization = named || above.is_some_and(|folder| folder.starts_with("o-"));
    Some(Delivered { account, region: region.to_owned(), time, organization })
}

/// What logs and rollups show of the trails, before anything is concluded from it. It adds up in any order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    pub(crate) places: BTreeMap<(AccountId, String), PlaceSeen>,
    pub(crate) windows: BTreeMap<AccountId, (Timestamp, Timestamp)>,
    pub(crate) export_places: BTreeMap<(AccountId, String), PlaceSeen>,
    pub(crate) export_windows: BTreeMap<AccountId, (Timestamp, Timestamp)>,
    /// Accounts to which an organization's trail delivered.
    pub(crate) members: BTreeSet<AccountId>,
    pub(crate) changes: BTreeSet<TrailChange>,
    pub(crate) flaws: Vec<Flaw>,
}

/// What was seen in one region of one account, by day.
pub(crate) type PlaceSeen = BTreeMap<i64, Day>;

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
        let Observed { places, windows, export_places, export_windows, members, changes, flaws } = other;
        for (own, others) in [(&mut self.places, places), (&mut self.export_places, export_places)] {
            add_places(own, others);
        }
        for (own, others) in [(&mut self.windows, windows), (&mut self.export_windows, export_windows)] {
            others.into_iter().for_each(|(account, window)| widen(own, account, window));
        }
        self.members.extend(members);
        self.changes.extend(changes);
        self.flaws.extend(flaws);
    }

    /// Takes lookups and exports for logs of a trail, since the user says that they were not filtered.
    pub(crate) fn take_exports(&mut self) {
        let (places, windows) = (std::mem::take(&mut self.export_places), std::mem::take(&mut self.export_windows));
        add_places(&mut self.places, places);
        windows.into_iter().for_each(|(account, window)| widen(&mut self.windows, account, window));
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
        let Observation { account, region, origin, number, day, window, organization, changes } = observation;
        let (places, windows) = match origin {
            Origin::Export => (&mut self.export_places, &mut self.export_windows),
            Origin::Trail => (&mut self.places, &mut self.windows),
        };
        places.entry((account, region)).or_default().entry(number).or_default().add(&day);
        widen(windows, account, window);
        if organization {
            self.members.insert(account);
        }
        self.changes.extend(changes);
    }
}

fn add_places(own: &mut BTreeMap<(AccountId, String), PlaceSeen>, others: BTreeMap<(AccountId, String), PlaceSeen>) {
    for (place, days) in others {
        let known = own.entry(place).or_default();
        days.into_iter().for_each(|(number, day)| known.entry(number).or_default().add(&day));
    }
}

/// Makes the window of an account as wide as to hold another one too.
fn widen(windows: &mut BTreeMap<AccountId, (Timestamp, Timestamp)>, account: AccountId, (from, to): (Timestamp, Timestamp)) {
    windows.entry(account).and_modify(|known| *known = (known.0.min(from), known.1.max(to))).or_insert((from, to));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_delivery_tells_account_region_time_and_whether_an_organization_has_it() {
        let of = delivery_of("111122223333_CloudTrail_eu-west-1_20260301T1205Z_AbC.json.gz").unwrap();
        let found = (of.account.as_str(), of.region.as_str(), of.time.to_string(), of.organization);
        assert_eq!(found, ("111122223333", "eu-west-1", "2026-03-01T12:05:00Z".to_owned(), false));
        for name in [
            "o-abc_111122223333_CloudTrail_eu-west-1_20260301T1205Z_AbC.json.gz",
            "b/AWSLogs/o-abc/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T1205Z_AbC.json.gz",
        ] {
            assert!(delivery_of(name).unwrap().organization, "{name}");
        }
        for name in [
            "111122223333_CloudTrail-Digest_eu-west-1_x_20260301T120500Z.json.gz",
            "events.json",
            "111122223333_CloudTrail_eu-west-1_x_y",
        ] {
            assert_eq!(delivery_of(name), None, "{name}");
        }
    }
}
