//! Over which time a source looked, with what eyes, and where it was blind.
//!
//! Filled by the readers of sources, asked when a state is decided. It only compares: whether a source covers a period
//! completely, and if not, what is missing. It never fills a gap with a likelihood.

use std::collections::BTreeSet;
use std::fmt;

use super::timeline::RecordKind;
use crate::access::Timestamp;

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
    /// The region delivers too seldom to show what is missing, and no digest files list its deliveries.
    NoRhythm,
    /// Digest files list a delivery that is missing or altered, or are not whole themselves.
    Digests(String),
    /// The kind is recorded, and deliveries show nothing of it although they did on most days.
    KindMissing(RecordKind),
    /// The trails did not record the kind completely then.
    LeftOut(RecordKind),
    /// Several trails are described, not all record the kind, and nothing shows whose deliveries these are.
    Ambiguous(RecordKind),
    /// No description, and no change in the log, says which events are recorded; a trail may leave some of the kind out.
    NoSelectors(RecordKind),
    /// The configuration of this trail before the end of the gap is not known: a change then replaced it, or could have
    /// happened unseen.
    FormerConfiguration(String),
    /// No trail recorded in regions without deliveries then.
    NoRegions,
    /// The trail of that name was not logging.
    NotLogging(String),
    /// Nothing says that the kind was recorded then.
    NotKnown(RecordKind),
}

impl GapCause {
    /// The kind of events that is concerned; none for all.
    #[must_use]
    pub fn kind(&self) -> Option<&RecordKind> {
        match self {
            GapCause::KindMissing(kind)
            | GapCause::LeftOut(kind)
            | GapCause::Ambiguous(kind)
            | GapCause::NoSelectors(kind)
            | GapCause::NotKnown(kind) => Some(kind),
            _ => None,
        }
    }
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GapCause::NoDelivery => f.write_str("nothing was delivered"),
            GapCause::Unreadable(file) => write!(f, "`{file}` could not be read"),
            GapCause::NoRhythm => f.write_str("deliveries are too rare to show what is missing; digest files would"),
            GapCause::Digests(what) => f.write_str(what),
            GapCause::KindMissing(kind) => write!(f, "deliveries show no {kind}"),
            GapCause::LeftOut(kind) => write!(f, "no trail recorded all {kind}"),
            GapCause::Ambiguous(kind) => {
                write!(f, "not every described trail records {kind}, and it is unknown whose logs these are")
            }
            GapCause::NoSelectors(kind) => write!(f, "no event selectors say that all {kind} are recorded"),
            GapCause::FormerConfiguration(trail) => write!(f, "what trail {trail} recorded before is not known"),
            GapCause::NoRegions => f.write_str("no trail is known to have recorded in the other regions"),
            GapCause::NotLogging(trail) => write!(f, "trail {trail} was not logging"),
            GapCause::NotKnown(kind) => write!(f, "nothing says that {kind} were recorded"),
        }
    }
}

/// Why a trail does not cover a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// No trail was set up to record the kind completely.
    NotRecorded(RecordKind),
    /// It begins too late or ends too early.
    Window(ObservationWindow),
    /// It has a gap in it; the first one.
    Gap(Gap),
    /// It is not known to look in all regions.
    Regions(BTreeSet<String>),
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

    #[test]
    fn a_period_has_one_to_365_days() {
        assert!(TrackingPeriod::ending(at("2026-04-01"), 0).is_none());
        assert!(TrackingPeriod::ending(at("2026-04-01"), 366).is_none());
        assert_eq!(quarter().start, at("2026-01-01"));
    }
}
