//! What follows for each account, region and kind: when everything of it is in the logs, and why not at other times.
//!
//! Three things must come together: a trail was set up to record the kind in the region (`history`, or the user says so), the region
//! delivered (`rhythm`), and the kind did not stop coming. Of several trails one is enough whose deliveries were read; where
//! deliveries could be those of a trail that records less, only what they show themselves is believed.

use std::collections::{BTreeMap, BTreeSet};

use leastwise::access::{AccountId, Timestamp};
use leastwise::usage::{Gap, GapCause, Ground, ObservationWindow, RecordKind, Span, TrailTimeline};

use super::configuration::DescribedTrails;
use super::deliveries::{HOUR, Kinds, Observed, PlaceSeen};
use super::history::{History, State};
use super::intervals::Intervals;
use super::rhythm::{has_rhythm, missing_days, missing_hours};
use super::selectors::Amount;
use crate::TrailFacts;

const DAY: i64 = 24 * HOUR;
/// Data events on fewer days show no rhythm that could stop.
const FEWEST_DATA_DAYS: usize = 14;

impl Observed {
    /// What each account's trails show when, sorted by account.
    #[must_use]
    pub fn timelines(mut self, described: &DescribedTrails, facts: &TrailFacts) -> Vec<TrailTimeline> {
        if facts.exports_complete {
            self.take_exports();
        }
        let mut all = World { seen: &self, described, facts, deliveries: BTreeMap::new(), histories: Vec::new() };
        all.deliveries =
            self.places.keys().map(|(account, region)| ((*account, region.as_str()), all.delivered(*account, region))).collect();
        // What home regions delivered says how far back descriptions hold; what was recorded there says so more exactly.
        all.histories = all.histories(|all, account, home| {
            all.deliveries.get(&(account, home)).map(|of| of.observed.clone()).unwrap_or_default()
        });
        all.histories = all.histories(|all, account, home| {
            let spans = all.place(account, Some(home), &RecordKind::Writes, &mut BTreeSet::new());
            Intervals::of(
                spans.iter().filter(|span| span.ground > Ground::Delivered).map(|span| (span.from.seconds(), span.to.seconds())),
            )
        });
        self.windows.keys().map(|account| all.timeline(*account)).collect()
    }
}

/// Everything that is known.
struct World<'w> {
    seen: &'w Observed,
    described: &'w DescribedTrails,
    facts: &'w TrailFacts,
    deliveries: BTreeMap<(AccountId, &'w str), Deliveries>,
    histories: Vec<History>,
}

/// What a region delivered.
#[derive(Debug, Clone, Default)]
struct Deliveries {
    observed: Intervals,
    /// Whether the user says so, since no rhythm does.
    asserted: bool,
    gaps: Vec<Gap>,
}

/// What the trails of an account say of a kind at a time.
#[derive(Default)]
struct Votes {
    /// A trail records everything of it.
    all: bool,
    /// One of these only because the user says that it looks in all regions.
    asserted: bool,
    /// A trail records some of it, another one nothing.
    part: bool,
    nothing: bool,
    /// What one records is not known.
    unclear: Option<GapCause>,
    stopped: Option<GapCause>,
    /// Home regions of trails that look only there.
    single: BTreeSet<String>,
}

impl<'w> World<'w> {
    /// The window of an account, end not included.
    fn window(&self, account: AccountId) -> (i64, i64) {
        let (from, to) =
            self.seen.windows.get(&account).copied().unwrap_or_else(|| (Timestamp::from_seconds(0), Timestamp::from_seconds(-1)));
        (from.seconds(), to.seconds().saturating_add(1))
    }

    /// The regions of an account with what was seen there; from its first place on, so that many accounts are not looked through
    /// once for each.
    fn places(&self, account: AccountId) -> impl Iterator<Item = (&'w str, &'w PlaceSeen)> {
        let seen = self.seen;
        let own = seen.places.range((account, String::new())..).take_while(move |((of, _), _)| *of == account);
        own.map(|((_, region), days)| (region.as_str(), days))
    }

    /// When files that could not be read concern a region, or all of them.
    fn flaws(&self, account: AccountId, region: Option<&str>) -> Vec<Gap> {
        let (from, to) = self.window(account);
        let concerns = |flaw: &&super::deliveries::Flaw| {
            flaw.accounts.as_ref().is_none_or(|accounts| accounts.contains(&account))
                && (flaw.region.is_none() || flaw.region.as_deref() == region)
        };
        let gap = |flaw: &super::deliveries::Flaw| {
            let (from, to) = flaw.window.unwrap_or((Timestamp::from_seconds(from), Timestamp::from_seconds(to)));
            Gap { from, to, region: flaw.region.clone(), cause: GapCause::Unreadable(flaw.file.clone()) }
        };
        self.seen.flaws.iter().filter(concerns).map(gap).collect()
    }

    fn delivered(&self, account: AccountId, region: &str) -> Deliveries {
        let Some(days) = self.seen.places.get(&(account, region.to_owned())) else { return Deliveries::default() };
        let (from, to) = self.window(account);
        let first = self.places(account).filter_map(|(_, days)| days.keys().next()).min().copied().unwrap_or_default();
        let last = self.places(account).filter_map(|(_, days)| days.keys().next_back()).max().copied().unwrap_or_default();
        let hours: BTreeSet<i64> = days
            .iter()
            .flat_map(|(day, seen)| (0..24).filter(|hour| seen.hours >> hour & 1 == 1).map(move |hour| day * 24 + hour))
            .collect();
        let gap = |from: i64, to: i64, cause| Gap {
            from: Timestamp::from_seconds(from),
            to: Timestamp::from_seconds(to),
            region: Some(region.to_owned()),
            cause,
        };
        let whole = Intervals::of([(from, to)]);
        let (mut observed, asserted, mut gaps) = match missing_hours(&hours, (first, last)) {
            Some(missing) => {
                let missing: Vec<(i64, i64)> = missing.into_iter().map(|(from, to)| (from * HOUR, to * HOUR)).collect();
                let gaps = missing.iter().map(|(from, to)| gap(*from, *to, GapCause::NoDelivery)).collect();
                (whole.minus(&Intervals::of(missing)), false, gaps)
            }
            None if self.facts.complete => (whole, true, Vec::new()),
            None => (Intervals::default(), false, vec![gap(from, to, GapCause::NoRhythm)]),
        };
        let flaws = self.flaws(account, Some(region));
        observed = observed.minus(&Intervals::of(flaws.iter().map(|gap| (gap.from.seconds(), gap.to.seconds()))));
        gaps.extend(flaws);
        Deliveries { observed, asserted, gaps }
    }

    /// All trails over time. `seen` says when a change of a trail would be in the logs, by its account and home region.
    fn histories(&self, seen: impl Fn(&World<'_>, AccountId, &str) -> Intervals) -> Vec<History> {
        let described = self.described.trails();
        let changed = self.seen.changes.iter().map(|change| &change.trail);
        let names: BTreeSet<_> =
            described.keys().chain(changed.filter(|trail| trail.name != super::changes::ANY_TRAIL)).collect();
        let mut known: BTreeMap<(&str, &str), Intervals> = BTreeMap::new();
        let history = |name: &super::changes::TrailName, unseen: &Intervals| {
            History::new(name, described.get(name), self.seen.changes.iter(), unseen)
        };
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            let unseen = known.entry((&name.account, &name.home)).or_insert_with(|| {
                let account = AccountId::parse(&name.account).filter(|account| self.seen.windows.contains_key(account));
                let Some(account) = account else { return Intervals::of([(i64::MIN, i64::MAX)]) };
                // The answer is later than the logs; the tolerance for their end is that for this time too.
                let (_, to) = self.window(account);
                Intervals::of([(i64::MIN, to)]).minus(&seen(self, account, &name.home))
            });
            all.push(history(name, unseen));
        }
        all
    }

    /// The trails that may record for an account.
    fn candidates(&self, account: AccountId) -> Vec<&History> {
        let member =
            |trail: &History| self.seen.members.contains(&account) || self.described.is_member(&trail.trail.account, account);
        self.histories.iter().filter(|trail| trail.trail.account == account.as_str() || member(trail)).collect()
    }

    /// What the trails say of a kind at a moment, in a region or in those without deliveries.
    fn votes(&self, account: AccountId, candidates: &[&History], region: Option<&str>, kind: &RecordKind, time: i64) -> Votes {
        let mut votes = Votes::default();
        let nothing_known = State::default();
        for trail in candidates {
            let state = trail.at(time).unwrap_or(&nothing_known);
            let foreign = trail.trail.account != account.as_str();
            if state.exists == Some(false) || foreign && state.organization != Some(true) {
                continue;
            }
            if trail.is_off(time) {
                votes.stopped = Some(GapCause::NotLogging(trail.trail.name.clone()));
                continue;
            }
            let at_home = region == Some(trail.trail.home.as_str());
            let says_user = !at_home && self.facts.all_regions && state.multi_region != Some(true);
            let looks = if at_home || says_user { Some(true) } else { state.multi_region };
            if looks == Some(false) {
                votes.single.insert(trail.trail.home.clone());
                continue;
            }
            let Some(selectors) = &state.selectors else {
                // What it recorded before is not known; now it records nothing of the kind. Should these be its deliveries, the kind
                // would have stopped coming.
                let now = trail.at(i64::MAX).and_then(|state| state.selectors.as_ref());
                if now.is_some_and(|now| now.amount(kind) == Amount::Nothing)
                    && trail.at(i64::MAX).is_some_and(|now| now.exists != Some(false))
                {
                    votes.nothing = true;
                    continue;
                }
                votes.unclear = Some(if *state == nothing_known || trail.is_changed() {
                    GapCause::FormerConfiguration(trail.trail.name.clone())
                } else {
                    GapCause::NoSelectors(kind.clone())
                });
                continue;
            };
            // Without them it lacks IAM, STS and CloudFront in its own region.
            let lacks_global = at_home && state.global_events == Some(false) && !matches!(kind, RecordKind::Data(_));
            let amount = selectors.amount(kind).min(if lacks_global { Amount::Part } else { Amount::All });
            match (looks, amount) {
                (Some(true), Amount::All) => {
                    votes.all = true;
                    votes.asserted |= says_user;
                }
                (_, Amount::Nothing) => votes.nothing = true,
                (Some(true), Amount::Part) => votes.part = true,
                _ => votes.unclear = Some(GapCause::FormerConfiguration(trail.trail.name.clone())),
            }
        }
        votes
    }

    /// Whether everything of the kind was recorded at a moment, and how that is known.
    fn recorded(&self, account: AccountId, of: &Asked<'_>, time: i64) -> Result<Ground, GapCause> {
        let Asked { candidates, region, kind, .. } = of;
        let votes = self.votes(account, candidates, *region, kind, time);
        let cause = if votes.all {
            // Some trail looks only at home: deliveries may all be its own, unless a region has some where it does not look.
            let proven = || votes.single.is_empty() || of.rhythmic.iter().any(|region| !votes.single.contains(*region));
            if votes.part || votes.unclear.is_some() || region.is_none() && !votes.asserted && !proven() {
                GapCause::Ambiguous((*kind).clone())
            } else if votes.nothing && !of.shows_itself {
                // It may be the deliveries of the other one alone that were read.
                GapCause::Ambiguous((*kind).clone())
            } else {
                return Ok(if votes.asserted { Ground::Asserted } else { Ground::Described });
            }
        } else if let Some(unclear) = votes.unclear {
            unclear
        } else if votes.part || votes.nothing {
            GapCause::LeftOut((*kind).clone())
        } else if let Some(stopped) = votes.stopped {
            stopped
        } else if region.is_none() && !votes.single.is_empty() {
            GapCause::NoRegions
        } else {
            GapCause::NoSelectors((*kind).clone())
        };
        let is_unknown = matches!(cause, GapCause::NoSelectors(_) | GapCause::FormerConfiguration(_));
        let everywhere = region.is_some() || self.facts.all_regions || of.looks_everywhere;
        let said = match kind {
            RecordKind::Reads | RecordKind::Writes => self.facts.complete && is_unknown && everywhere,
            RecordKind::Data(kind) => {
                let types = &self.facts.data_types;
                (types.contains(kind) || types.contains("*")) && everywhere
            }
            _ => false,
        };
        if said { Ok(Ground::Asserted) } else { Err(cause) }
    }

    /// When everything of a kind in a region is in the logs, or in those regions without deliveries. Says why not otherwise.
    fn place(&self, account: AccountId, region: Option<&str>, kind: &RecordKind, gaps: &mut BTreeSet<Gap>) -> Vec<Span> {
        let (from, to) = self.window(account);
        let candidates = self.candidates(account);
        let deliveries = match region {
            Some(region) => self.deliveries.get(&(account, region)).cloned().unwrap_or_default(),
            None => {
                let flaws = self.flaws(account, None);
                let missing = Intervals::of(flaws.iter().map(|gap| (gap.from.seconds(), gap.to.seconds())));
                Deliveries { observed: Intervals::of([(from, to)]).minus(&missing), asserted: false, gaps: flaws }
            }
        };
        let days_of = |days: &PlaceSeen| -> BTreeSet<i64> {
            days.iter().filter(|(_, day)| has(&day.kinds, kind)).map(|(number, _)| *number).collect()
        };
        let all_days: Vec<(&str, &PlaceSeen)> = self.places(account).collect();
        let rhythmic: Vec<&str> =
            all_days.iter().filter(|(_, days)| has_rhythm(&days.keys().copied().collect())).map(|(region, _)| *region).collect();
        let shows_itself = all_days
            .iter()
            .filter(|(own, _)| region.is_none_or(|region| region == *own))
            .any(|(_, days)| has_rhythm(&days_of(days)));
        let ever = all_days.iter().any(|(_, days)| days.values().any(|day| has(&day.kinds, kind)));
        let mut gap = |from: i64, to: i64, region: Option<&str>, cause| {
            let at = Timestamp::from_seconds;
            gaps.insert(Gap { from: at(from), to: at(to), region: region.map(str::to_owned), cause });
        };
        // A kind that stopped coming, or never came to any region, was not recorded, whatever the description says.
        let mut missing = Intervals::default();
        if matches!(kind, RecordKind::Reads | RecordKind::Writes) && !ever {
            missing = Intervals::of([(from, to)]);
            gap(from, to, None, GapCause::KindMissing(kind.clone()));
        } else if let Some((own, days)) = all_days.iter().find(|(own, _)| region == Some(own)) {
            let own_days = days_of(days);
            // Data is used in bursts; a few days in a row are no rhythm of it.
            let is_burst = matches!(kind, RecordKind::Data(_)) && own_days.len() < FEWEST_DATA_DAYS;
            let runs = if is_burst { Vec::new() } else { missing_days(&own_days, &days.keys().copied().collect()) };
            missing = Intervals::of(runs.into_iter().map(|(from, to)| (from * DAY, to * DAY)));
            missing.iter().for_each(|(from, to)| gap(from, to, Some(own), GapCause::KindMissing(kind.clone())));
        }
        let observed = deliveries.observed.minus(&missing);
        let looks_everywhere = candidates.iter().any(|trail| trail.at(to).is_some_and(|state| state.multi_region == Some(true)));
        let asked = Asked { candidates: &candidates, region, kind, rhythmic: &rhythmic, shows_itself, looks_everywhere };
        let mut cuts: BTreeSet<i64> =
            candidates.iter().flat_map(|trail| trail.cuts()).filter(|cut| from < *cut && *cut < to).collect();
        cuts.insert(to);
        let (mut spans, mut start) = (Vec::<Span>::new(), from);
        for cut in cuts {
            let (ground, cause) = match self.recorded(account, &asked, start) {
                Ok(ground) => (Some(if deliveries.asserted { ground.min(Ground::Asserted) } else { ground }), None),
                // It is shown, and nothing is concluded from it.
                Err(cause @ GapCause::NoSelectors(_)) if shows_itself && region.is_some() => {
                    (Some(Ground::Delivered), Some(cause))
                }
                Err(cause) => (None, Some(cause)),
            };
            if let Some(cause) = cause {
                gap(start, cut, if region.is_none() && cause == GapCause::NoRegions { None } else { region }, cause);
            }
            for (from, to) in observed.and(&Intervals::of([(start, cut)])).iter().filter(|_| ground.is_some()) {
                let span = Span {
                    from: Timestamp::from_seconds(from),
                    to: Timestamp::from_seconds(to),
                    ground: ground.unwrap_or(Ground::Delivered),
                };
                match spans.last_mut() {
                    Some(last) if last.to == span.from && last.ground == span.ground => last.to = span.to,
                    _ => spans.push(span),
                }
            }
            start = cut;
        }
        gaps.extend(deliveries.gaps);
        spans
    }

    fn timeline(&self, account: AccountId) -> TrailTimeline {
        let (from, to) = self.window(account);
        let window = ObservationWindow { from: Timestamp::from_seconds(from), to: Timestamp::from_seconds(to - 1) };
        let mut timeline = TrailTimeline::empty(account, window);
        let candidates = self.candidates(account);
        timeline.regions = self.places(account).map(|(region, _)| region.to_owned()).collect();
        timeline.enabled = self.described.enabled(account, self.seen.windows.len() == 1).cloned();
        let mut kinds: BTreeSet<RecordKind> = [RecordKind::Reads, RecordKind::Writes].into();
        kinds.extend(candidates.iter().flat_map(|trail| trail.further_kinds()));
        kinds.extend(self.facts.data_types.iter().cloned().map(RecordKind::Data));
        let knows =
            |trail: &&&History| trail.at(to).is_some_and(|state| state.exists != Some(false) && state.selectors.is_some());
        let existing = candidates.iter().filter(|trail| trail.at(to).is_none_or(|state| state.exists != Some(false))).count();
        timeline.selectors_known = existing > 0 && candidates.iter().filter(knows).count() == existing;
        if !timeline.selectors_known {
            // They can be left out, and nothing says that they were not.
            let seen = |test: fn(&Kinds) -> bool| self.places(account).any(|(_, days)| days.values().any(|day| test(&day.kinds)));
            let unseen = [("kms", seen(|kinds| kinds.kms)), ("rds-data", seen(|kinds| kinds.rds_data))];
            for service in unseen.into_iter().filter(|(_, seen)| !seen).map(|(service, _)| service.to_owned()) {
                kinds.extend([RecordKind::ReadsOf(service.clone()), RecordKind::WritesOf(service)]);
            }
        }
        for kind in &kinds {
            if let RecordKind::WritesOf(service) = kind {
                timeline.excluded.insert(service.clone());
            }
            let said = matches!(kind, RecordKind::Data(kind) if self.facts.data_types.contains(kind) || self.facts.data_types.contains("*"));
            if said || candidates.iter().any(|trail| trail.was_set_up(kind, from)) {
                timeline.set_up.insert(kind.clone());
            }
        }
        let mut gaps = BTreeSet::new();
        for kind in &kinds {
            for region in timeline.regions.iter().map(|region| Some(region.as_str())).chain([None]) {
                let spans = self.place(account, region, kind, &mut gaps);
                if !spans.is_empty() {
                    timeline.spans.insert((region.map(str::to_owned), kind.clone()), spans);
                }
            }
        }
        // What was never set up is no gap.
        let known = timeline.selectors_known;
        gaps.retain(|gap| gap.cause.kind().is_none_or(|kind| timeline.set_up.contains(kind) || !known));
        timeline.gaps = gaps.into_iter().collect();
        timeline
    }
}

/// What is asked about a kind in a region over the whole window.
struct Asked<'a> {
    candidates: &'a [&'a History],
    region: Option<&'a str>,
    kind: &'a RecordKind,
    /// Regions that deliver by a rhythm.
    rhythmic: &'a [&'a str],
    /// Whether the kind comes by a rhythm of its own, so that deliveries of a trail that records it were read.
    shows_itself: bool,
    /// Whether a trail looks in all regions at the end.
    looks_everywhere: bool,
}

fn has(kinds: &Kinds, kind: &RecordKind) -> bool {
    match kind {
        RecordKind::Reads => kinds.reads,
        RecordKind::Writes => kinds.writes,
        RecordKind::ReadsOf(service) | RecordKind::WritesOf(service) => match service.as_str() {
            "kms" => kinds.kms,
            "rds-data" => kinds.rds_data,
            _ => false,
        },
        RecordKind::Data(kind) => kinds.data.contains(kind),
        RecordKind::NetworkActivity(_) => false,
    }
}
