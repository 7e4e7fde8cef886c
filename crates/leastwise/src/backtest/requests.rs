//! The recorded calls as requests: who, which action, on what, how often and when, each distinct one once.
//!
//! Filled from the same events as the ledger, for everybody or for a few. A call that was turned down is only counted, and
//! a record that does not tell its principal or its action too.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use leastwise_policy::ActionName;

use super::ByPrincipal;
use crate::access::{AccountId, Principal, PrincipalArn, PrincipalKind, Timestamp};
use crate::usage::{Attribution, Event, EventMapper, Mapping, Recurrence, TrackingPeriod, attribute, resource_arns};

/// A principal as logs name it: names are unique in an account whatever their path and case.
pub(super) type Key = (AccountId, PrincipalKind, Box<str>);

pub(super) fn key(principal: &PrincipalArn) -> Key {
    (principal.account(), principal.kind(), principal.name().to_ascii_lowercase().into())
}

/// Whose calls are kept.
#[derive(Debug)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of these principals.
    Only(HashSet<(AccountId, PrincipalKind, Box<str>)>),
}

impl Scope {
    /// The calls of these principals.
    #[must_use]
    pub fn only(principals: &[&Principal]) -> Scope {
        Scope::Only(principals.iter().map(|principal| key(&principal.arn)).collect())
    }
}

/// A distinct request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) action: ActionName,
    pub(super) resource: Option<Box<str>>,
    pub(super) region: Box<str>,
}

/// How often and when.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Events within the period.
    pub(super) within: u64,
    /// Events before it.
    pub(super) before: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// Days since 1970 with a call, the first 128 of them.
    pub(super) days: BTreeSet<i64>,
}

/// What became of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All events that were given.
    pub events: u64,
    /// Calls of principals in scope that were let in and map to actions.
    pub replayed: u64,
    /// Calls of principals in scope that were turned down.
    pub denied: u64,
    /// Records of principals in scope that are no calls, or map to no action.
    pub unmapped: u64,
    /// Records of services, of others, of principals out of scope, or of nobody who can be told.
    pub of_others: u64,
}

/// Calls that were added up, of those that are alike in all but resource and region.
#[derive(Debug, Clone)]
pub struct Requested<'a> {
    /// The ARN that they name; none when they name none, or one of many that nobody knows any more.
    pub resource: Option<&'a str>,
    /// The regions in which they were made, at least one.
    pub regions: &'a [&'a str],
    /// How many.
    pub count: u64,
    /// When the first was.
    pub first: Timestamp,
    /// When the last was, on the same day.
    pub last: Timestamp,
}

/// Recorded calls, as requests to be replayed.
#[derive(Debug)]
pub struct RequestLog<'m> {
    mapper: &'m EventMapper<'m>,
    scope: Scope,
    since: Timestamp,
    calls: ByPrincipal<BTreeMap<Call, Seen>>,
    denied: ByPrincipal<u64>,
    tally: Tally,
}

const DAY: i64 = 86_400;
const DAYS_KEPT: usize = 128;

impl<'m> RequestLog<'m> {
    /// An empty log. Calls before the period are kept apart.
    #[must_use]
    pub fn new(mapper: &'m EventMapper<'m>, scope: Scope, period: TrackingPeriod) -> RequestLog<'m> {
        RequestLog {
            mapper,
            scope,
            since: period.start,
            calls: ByPrincipal::new(),
            denied: ByPrincipal::new(),
            tally: Tally::default(),
        }
    }

    /// Takes one event; doubles must be gone by now.
    pub fn record(&mut self, event: &Event<'_>) {
        self.tally.events += 1;
        let Attribution::Principal(principal) = attribute(event) else {
            self.tally.of_others += 1;
            return;
        };
        let key = key(&principal);
        if let Scope::Only(keys) = &self.scope
            && !keys.contains(&key)
        {
            self.tally.of_others += 1;
            return;
        }
        if event.is_denied() {
            self.tally.denied += 1;
            *self.denied.entry(key).or_default() += 1;
            return;
        }
        let Mapping::Actions { used, .. } = self.mapper.map(event) else {
            self.tally.unmapped += 1;
            return;
        };
        self.tally.replayed += 1;
        let within = event.time >= self.since;
        let calls = self.calls.entry(key).or_default();
        for action in used {
            let mut resources: Vec<Option<Box<str>>> =
                resource_arns(event, &action, self.mapper.catalogue()).into_iter().map(|arn| Some(arn.into())).collect();
            if resources.is_empty() {
                resources.push(None);
            }
            for resource in resources {
                let call = Call { action: action.clone(), resource, region: event.region.as_ref().into() };
                let seen = calls.entry(call).or_insert_with(|| Seen {
                    within: 0,
                    before: 0,
                    first: event.time,
                    last: event.time,
                    days: BTreeSet::new(),
                });
                *(if within { &mut seen.within } else { &mut seen.before }) += 1;
                seen.first = seen.first.min(event.time);
                seen.last = seen.last.max(event.time);
                if seen.days.len() < DAYS_KEPT {
                    seen.days.insert(event.time.seconds().div_euclid(DAY));
                }
            }
        }
    }

    /// Takes the calls of one day that a rollup kept of events, which are no longer there. Calls of the day on which the
    /// period begins are taken to be within it when one of them was.
    pub fn recur(&mut self, calls: &Recurrence<'_>, requests: &[Requested<'_>]) {
        self.tally.events += calls.count;
        let Attribution::Principal(principal) = &calls.attribution else {
            self.tally.of_others += calls.count;
            return;
        };
        let key = key(principal);
        if let Scope::Only(keys) = &self.scope
            && !keys.contains(&key)
        {
            self.tally.of_others += calls.count;
            return;
        }
        if calls.denied {
            self.tally.denied += calls.count;
            *self.denied.entry(key).or_default() += calls.count;
            return;
        }
        let Mapping::Actions { used, .. } = self.mapper.map_kind(calls.kind, calls.may_tag, calls.source, calls.name) else {
            self.tally.unmapped += calls.count;
            return;
        };
        self.tally.replayed += calls.count;
        let all = self.calls.entry(key).or_default();
        for action in used {
            for request in requests {
                // How many were in which region is not kept: one in each, and the rest in the first.
                let others = request.regions.len().saturating_sub(1) as u64;
                for (region, count) in
                    request.regions.iter().zip(std::iter::once(request.count.saturating_sub(others)).chain(std::iter::repeat(1)))
                {
                    let call =
                        Call { action: action.clone(), resource: request.resource.map(Into::into), region: (*region).into() };
                    let (first, last) = (request.first, request.last);
                    let seen =
                        all.entry(call).or_insert_with(|| Seen { within: 0, before: 0, first, last, days: BTreeSet::new() });
                    *(if last >= self.since { &mut seen.within } else { &mut seen.before }) += count.max(1);
                    seen.first = seen.first.min(first);
                    seen.last = seen.last.max(last);
                    if seen.days.len() < DAYS_KEPT {
                        seen.days.insert(last.seconds().div_euclid(DAY));
                    }
                }
            }
        }
    }

    /// What became of the events.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    pub(super) fn calls_of(&self, principal: &PrincipalArn) -> impl Iterator<Item = (&Call, &Seen)> {
        self.calls.get(&key(principal)).into_iter().flatten()
    }

    pub(super) fn denied_of(&self, principal: &PrincipalArn) -> u64 {
        self.denied.get(&key(principal)).copied().unwrap_or_default()
    }

    /// The days on which a principal used an action, on whatever.
    pub(super) fn days_of(&self, principal: &PrincipalArn, action: &ActionName) -> BTreeSet<i64> {
        self.calls_of(principal)
            .filter(|(call, _)| call.action == *action)
            .flat_map(|(_, seen)| seen.days.iter().copied())
            .collect()
    }
}
