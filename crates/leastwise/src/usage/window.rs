//! Over which time a source looked, with what eyes, and where it was blind.
//!
//! Filled by the readers of sources, asked when a state is decided. It only compares: whether a source covers a period
//! completely, and if not, what is missing. It never fills a gap with a likelihood.

use std::collections::BTreeSet;

use crate::access::{AccountId, Timestamp};

/// The time over which a permission must have gone unused, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackingPeriod {
    /// Its beginning.
    pub start: Timestamp,
    /// Its end: the present of the analysis.
    pub end: Timestamp,
}

impl TrackingPeriod {
    /// The `days` days before `end`; none unless there are 1 to 365 of them (the provider's own limits).
    #[must_use]
    pub fn ending(end: Timestamp, days: u32) -> Option<TrackingPeriod> {
        (1..=365).contains(&days).then(|| TrackingPeriod { start: end.days_before(days), end })
    }
}

/// The time between the first and the last thing that a source can show, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObservationWindow {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl ObservationWindow {
    /// Whether the window reaches over the whole period, each end being off by at most `tolerance` seconds.
    #[must_use]
    pub fn covers(&self, period: &TrackingPeriod, tolerance: i64) -> bool {
        self.from.seconds() <= period.start.seconds().saturating_add(tolerance)
            && self.to.seconds() >= period.end.seconds().saturating_sub(tolerance)
    }
}

/// A time within a window in which the source saw nothing although it should have, or could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, not included.
    pub to: Timestamp,
    /// The region concerned; none for all.
    pub region: Option<String>,
    /// Why.
    pub cause: GapCause,
}

/// Why a source is blind for a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapCause {
    /// A trail that delivers every hour or every day delivered nothing.
    NoDelivery,
    /// This file could not be read, or not to its end.
    Unreadable(String),
}

/// In which regions a trail looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegionScope {
    /// In all, those without any event included.
    All,
    /// In these only, or in these at least and the others are not known.
    Only(BTreeSet<String>),
}

/// What one trail of one account shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailCoverage {
    /// The account whose calls it records.
    pub account: AccountId,
    /// In which regions.
    pub regions: RegionScope,
    /// From when to when.
    pub window: ObservationWindow,
    /// Where it is blind in between.
    pub gaps: Vec<Gap>,
    /// Whether management events that read are recorded.
    pub management_reads: bool,
    /// Whether management events that write are recorded.
    pub management_writes: bool,
    /// Prefixes of services whose management events are left out (`kms` and `rds-data` can be).
    pub excluded_services: BTreeSet<String>,
    /// Resource types whose data events are all recorded, such as `AWS::S3::Object`; `*` stands for every type.
    pub data_types: BTreeSet<String>,
}

/// Why a trail does not cover a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// It begins too late or ends too early.
    Window(ObservationWindow),
    /// It has a gap in it; the first one.
    Gap(Gap),
    /// It is not known to look in all regions.
    Regions(BTreeSet<String>),
}

impl TrailCoverage {
    /// What is missing for the whole period; none when the trail covers it.
    #[must_use]
    pub fn shortfall(&self, period: &TrackingPeriod, tolerance: i64) -> Option<Shortfall> {
        if let RegionScope::Only(regions) = &self.regions {
            return Some(Shortfall::Regions(regions.clone()));
        }
        if !self.window.covers(period, tolerance) {
            return Some(Shortfall::Window(self.window));
        }
        let inside = |gap: &&Gap| gap.to > period.start && gap.from <= period.end;
        self.gaps.iter().filter(inside).min().cloned().map(Shortfall::Gap)
    }

    /// Whether data events of the resource type are all recorded.
    #[must_use]
    pub fn shows_data_of(&self, kind: &str) -> bool {
        self.data_types.contains(kind) || self.data_types.contains("*")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    pub(crate) fn quarter() -> TrackingPeriod {
        TrackingPeriod::ending(at("2026-04-01"), 90).unwrap()
    }

    pub(crate) fn trail() -> TrailCoverage {
        TrailCoverage {
            account: AccountId::parse("111122223333").unwrap(),
            regions: RegionScope::All,
            window: ObservationWindow { from: at("2025-12-01"), to: at("2026-04-01") },
            gaps: Vec::new(),
            management_reads: true,
            management_writes: true,
            excluded_services: BTreeSet::new(),
            data_types: BTreeSet::new(),
        }
    }

    #[test]
    fn a_period_has_one_to_365_days() {
        assert!(TrackingPeriod::ending(at("2026-04-01"), 0).is_none());
        assert!(TrackingPeriod::ending(at("2026-04-01"), 366).is_none());
        assert_eq!(quarter().start, at("2026-01-01"));
    }

    #[test]
    fn a_window_that_begins_late_or_ends_early_does_not_cover_the_period() {
        let mut short = trail();
        assert_eq!(short.shortfall(&quarter(), 0), None);
        short.window.to = at("2026-03-31T23:00:00Z");
        assert!(matches!(short.shortfall(&quarter(), 0), Some(Shortfall::Window(_))));
        assert_eq!(short.shortfall(&quarter(), 3600), None);
        short.window = ObservationWindow { from: at("2026-01-02"), to: at("2026-04-01") };
        assert!(matches!(short.shortfall(&quarter(), 3600), Some(Shortfall::Window(_))));
    }

    #[test]
    fn a_gap_counts_only_inside_the_period() {
        let mut gappy = trail();
        let gap = |from: &str, to: &str| Gap { from: at(from), to: at(to), region: None, cause: GapCause::NoDelivery };
        gappy.gaps = vec![gap("2025-12-20", "2026-01-01")];
        assert_eq!(gappy.shortfall(&quarter(), 0), None);
        gappy.gaps.push(gap("2026-02-01T03:00:00Z", "2026-02-01T04:00:00Z"));
        assert!(matches!(gappy.shortfall(&quarter(), 0), Some(Shortfall::Gap(_))));
    }
}
