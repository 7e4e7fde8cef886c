//! When the logs of an account show everything: a set of intervals for each region and kind of event.
//!
//! Filled by the reader of logs and trail descriptions, asked when a state is decided. "Complete" is no property of an
//! account. An event is silent in a period only where its kind was recorded and delivered over the whole period, in every
//! region in which it can be recorded. It compares intervals and fills no hole with a likelihood.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::window::{Gap, GapCause, ObservationWindow, Shortfall, TrackingPeriod};
use crate::access::{AccountId, Timestamp};

/// What trails can be set up to record, as finely as selectors tell kinds apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Management events that read.
    Reads,
    /// Management events that write.
    Writes,
    /// Management reads of a service (its prefix) whose events a selector left out at some time.
    ReadsOf(String),
    /// Management writes of such a service.
    WritesOf(String),
    /// Data events of a resource type, of all its resources; `*` stands for every type.
    Data(String),
    /// Network activity events of an event source.
    NetworkActivity(String),
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordKind::Reads => f.write_str("management reads"),
            RecordKind::Writes => f.write_str("management writes"),
            RecordKind::ReadsOf(service) => write!(f, "management reads of {service}"),
            RecordKind::WritesOf(service) => write!(f, "management writes of {service}"),
            RecordKind::Data(kind) if kind == "*" => f.write_str("data events of every type"),
            RecordKind::Data(kind) => write!(f, "data events of {kind}"),
            RecordKind::NetworkActivity(source) => write!(f, "network activity events of {source}"),
        }
    }
}

/// How an interval is known. Of several the weaker one holds for the whole; the order is from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// Deliveries show the kind, and no description says that nothing of it was left out. Nothing is concluded from it.
    Delivered,
    /// The user says so.
    Asserted,
    /// The trail's description, or a change of its configuration in the log, and the rhythm of deliveries.
    Described,
    /// The same, and digest files list every delivery.
    Digests,
}

impl Ground {
    /// The ground in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Ground::Delivered => "delivered",
            Ground::Asserted => "asserted",
            Ground::Described => "described",
            Ground::Digests => "digests",
        }
    }
}

/// An interval in which everything of a kind in a region is in the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, not included.
    pub to: Timestamp,
    /// How it is known.
    pub ground: Ground,
}

/// Where a use would be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordedIn {
    /// In any region that the account has enabled.
    EveryRegion,
    /// In this one: the service is global.
    Region(&'static str),
}

/// What the logs of one account show, when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailTimeline {
    /// The account whose calls are recorded.
    pub account: AccountId,
    /// From the first to the last moment that the logs speak of.
    pub window: ObservationWindow,
    /// Regions with deliveries.
    pub regions: BTreeSet<String>,
    /// The regions that the account has enabled, when a list of them was given; otherwise any region may be.
    pub enabled: Option<BTreeSet<String>>,
    /// By region and kind, sorted and disjoint. No region stands for every one without deliveries.
    pub spans: BTreeMap<(Option<String>, RecordKind), Vec<Span>>,
    /// Kinds that a trail was set up to record completely at some time in the window.
    pub set_up: BTreeSet<RecordKind>,
    /// Services (prefixes) whose management events a selector left out at some time; they have kinds of their own.
    pub excluded: BTreeSet<String>,
    /// Whether it is known which management events are recorded at the end of the window.
    pub selectors_known: bool,
    /// Why intervals end and begin, sorted.
    pub gaps: Vec<Gap>,
}

/// A period over which a kind was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// The logs' window.
    pub window: ObservationWindow,
    /// The weakest ground on which it is known.
    pub ground: Ground,
}

impl TrailTimeline {
    /// A timeline that knows nothing yet.
    #[must_use]
    pub fn empty(account: AccountId, window: ObservationWindow) -> TrailTimeline {
        TrailTimeline {
            account,
            window,
            regions: BTreeSet::new(),
            enabled: None,
            spans: BTreeMap::new(),
            set_up: BTreeSet::new(),
            excluded: BTreeSet::new(),
            selectors_known: false,
            gaps: Vec::new(),
        }
    }

    /// A timeline of one trail that recorded all of these kinds in all regions and delivered everything, with deliveries in
    /// these regions; for callers that know so by other means.
    #[must_use]
    pub fn complete(
        account: AccountId,
        window: ObservationWindow,
        regions: &[&str],
        kinds: impl IntoIterator<Item = RecordKind>,
    ) -> TrailTimeline {
        let mut timeline = TrailTimeline::empty(account, window);
        timeline.regions = regions.iter().map(|region| (*region).to_owned()).collect();
        timeline.selectors_known = true;
        timeline.set_up = kinds.into_iter().collect();
        let to = Timestamp::from_seconds(window.to.seconds().saturating_add(1));
        let whole = Span { from: window.from, to, ground: Ground::Described };
        for kind in &timeline.set_up {
            for place in timeline.regions.iter().cloned().map(Some).chain([None]) {
                timeline.spans.insert((place, kind.clone()), vec![whole]);
            }
        }
        timeline
    }

    /// Whether everything of a kind was observed over the whole period where it can be recorded.
    ///
    /// # Errors
    /// What is missing. [`Shortfall::NotRecorded`] when no trail was set up to record it.
    pub fn observed(
        &self,
        place: RecordedIn,
        kind: &RecordKind,
        period: &TrackingPeriod,
        tolerance: i64,
    ) -> Result<Observed, Shortfall> {
        let known = match kind {
            RecordKind::Reads | RecordKind::Writes | RecordKind::ReadsOf(_) | RecordKind::WritesOf(_) => self.selectors_known,
            RecordKind::Data(_) | RecordKind::NetworkActivity(_) => true,
        };
        if known && !self.is_set_up(kind) {
            return Err(Shortfall::NotRecorded(kind.clone()));
        }
        if !self.window.covers(period, tolerance) {
            return Err(Shortfall::Window(self.window));
        }
        // The tolerance is for the ends of the window alone.
        let from = self.window.from.max(period.start);
        let to = self.window.to.min(period.end);
        let mut ground = Ground::Digests;
        for region in self.places(place, kind)? {
            ground = ground.min(self.unbroken(region, kind, from, to)?);
        }
        Ok(Observed { window: self.window, ground })
    }

    /// What is missing for management events of both kinds in all regions; none when they were observed over the whole period.
    #[must_use]
    pub fn shortfall(&self, period: &TrackingPeriod, tolerance: i64) -> Option<Shortfall> {
        let lacks = |kind| self.observed(RecordedIn::EveryRegion, &kind, period, tolerance).err();
        lacks(RecordKind::Writes).or_else(|| lacks(RecordKind::Reads))
    }

    /// The kind under which events of a service are kept: an own one where selectors left them out at some time.
    #[must_use]
    pub fn management_of(&self, service: &str, write: bool) -> RecordKind {
        let own = if write { RecordKind::WritesOf(service.to_owned()) } else { RecordKind::ReadsOf(service.to_owned()) };
        let general = if write { RecordKind::Writes } else { RecordKind::Reads };
        if self.excluded.contains(service) { own } else { general }
    }

    /// Resource types whose data events a trail recorded completely at some time in the window.
    pub fn data_types(&self) -> impl Iterator<Item = &str> {
        self.set_up.iter().filter_map(|kind| match kind {
            RecordKind::Data(kind) => Some(kind.as_str()),
            _ => None,
        })
    }

    /// Whether management events were recorded in all regions, those without deliveries included, at the end of the window.
    #[must_use]
    pub fn looks_everywhere(&self) -> bool {
        let elsewhere = |kind| self.spans.get(&(None, kind)).and_then(|spans| spans.last());
        self.has_all_enabled()
            || elsewhere(RecordKind::Writes).is_some_and(|span| span.to > self.window.to && span.ground > Ground::Delivered)
    }

    /// What is known up to a moment.
    #[must_use]
    pub fn up_to(&self, end: Timestamp) -> TrailTimeline {
        let mut timeline = self.clone();
        timeline.window.to = timeline.window.to.min(end);
        let last = Timestamp::from_seconds(timeline.window.to.seconds().saturating_add(1));
        for spans in timeline.spans.values_mut() {
            spans.retain(|span| span.from < last);
            spans.iter_mut().for_each(|span| span.to = span.to.min(last));
        }
        timeline.gaps.retain(|gap| gap.from < end);
        timeline
    }

    fn is_set_up(&self, kind: &RecordKind) -> bool {
        let every = RecordKind::Data("*".to_owned());
        self.set_up.contains(kind) || matches!(kind, RecordKind::Data(_)) && self.set_up.contains(&every)
    }

    fn has_all_enabled(&self) -> bool {
        self.enabled.as_ref().is_some_and(|enabled| enabled.is_subset(&self.regions))
    }

    /// The regions that must have been observed; none stands for those without deliveries.
    fn places(&self, place: RecordedIn, kind: &RecordKind) -> Result<Vec<Option<&str>>, Shortfall> {
        match place {
            // A global service is used in every account: silence of the whole region means that its folder is missing.
            RecordedIn::Region(region) if !self.regions.contains(region) => Err(Shortfall::Regions(self.regions.clone())),
            RecordedIn::Region(region) => Ok(vec![Some(region)]),
            RecordedIn::EveryRegion => {
                let mut places: Vec<Option<&str>> = self.regions.iter().map(|region| Some(region.as_str())).collect();
                if !self.has_all_enabled() {
                    if self.spans_of(None, kind).is_empty() {
                        return Err(Shortfall::Regions(self.regions.clone()));
                    }
                    places.push(None);
                }
                Ok(places)
            }
        }
    }

    fn spans_of(&self, region: Option<&str>, kind: &RecordKind) -> Vec<Span> {
        let of = |kind: RecordKind| self.spans.get(&(region.map(str::to_owned), kind)).cloned().unwrap_or_default();
        let mut spans = of(kind.clone());
        if let RecordKind::Data(_) = kind {
            spans.extend(of(RecordKind::Data("*".to_owned())));
        }
        spans.retain(|span| span.ground > Ground::Delivered);
        spans.sort();
        spans
    }

    /// Whether the spans reach from one moment to another, both included, without a hole.
    fn unbroken(&self, region: Option<&str>, kind: &RecordKind, from: Timestamp, to: Timestamp) -> Result<Ground, Shortfall> {
        let mut reached = from;
        let mut ground = Ground::Digests;
        let hole = |from: Timestamp, to: Timestamp| Shortfall::Gap(self.reason(region, kind, from, to));
        for span in self.spans_of(region, kind) {
            if span.to <= reached {
                continue;
            }
            if span.from > reached {
                return Err(hole(reached, span.from));
            }
            ground = ground.min(span.ground);
            reached = span.to;
            if reached > to {
                return Ok(ground);
            }
        }
        Err(hole(reached, Timestamp::from_seconds(to.seconds().saturating_add(1))))
    }

    /// The gap that explains a hole, or one that says that nothing is known to have been recorded then.
    fn reason(&self, region: Option<&str>, kind: &RecordKind, from: Timestamp, to: Timestamp) -> Gap {
        let concerns = |gap: &&Gap| {
            gap.from < to
                && gap.to > from
                && (gap.region.is_none() || gap.region.as_deref() == region)
                && (region.is_none() || gap.cause != GapCause::NoRegions)
                && gap.cause.kind().is_none_or(|own| own == kind)
        };
        let known = self.gaps.iter().filter(concerns).min().cloned();
        let other = || Gap { from, to, region: region.map(str::to_owned), cause: GapCause::NotKnown(kind.clone()) };
        known.unwrap_or_else(other)
    }
}

/// The only region in which events of a global service are recorded, by the partition of the account; none when a service
/// records in the region of the call, as far as is known (CloudTrail user guide, "global service events"; endpoints of
/// botocore that are the same for the whole partition). STS is not among them: it has regional endpoints.
#[must_use]
pub fn recording_region(service: &str, partition: &str) -> RecordedIn {
    const GLOBAL: [&str; 10] =
        ["account", "budgets", "ce", "cloudfront", "iam", "organizations", "route53", "savingsplans", "shield", "waf"];
    let service = service.to_ascii_lowercase();
    match partition {
        "aws" if GLOBAL.contains(&service.as_str()) => RecordedIn::Region("us-east-1"),
        "aws" if ["globalaccelerator", "networkmanager"].contains(&service.as_str()) => RecordedIn::Region("us-west-2"),
        "aws-us-gov" if service == "iam" => RecordedIn::Region("us-gov-west-1"),
        "aws-cn" if service == "iam" => RecordedIn::Region("cn-northwest-1"),
        _ => RecordedIn::EveryRegion,
    }
}

#[cfg(test)]
#[path = "timeline_tests.rs"]
pub(crate) mod tests;
