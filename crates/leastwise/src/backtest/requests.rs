//! The recorded calls as requests: who, which action, on what, how often and when, each distinct one once.
//!
//! Filled from the same events as the ledger, for everybody or for a few. A call that was turned down is only counted, and
//! a record that does not tell its principal or its action too.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::OnceLock;

use leastwise_policy::ActionName;

use crate::access::{AccessModel, AccountId, Principal, PrincipalArn, PrincipalKind, Timestamp};
use crate::usage::identity::{Identities, NameKey, Named, name_key};
use crate::usage::{Attribution, Event, EventMapper, Mapping, Recurrence, TrackingPeriod, attribute, resource_arns, unique_id};

/// Whose calls are kept.
#[derive(Debug)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of some principals.
    Only(Chosen),
}

/// Some principals, by what records may call them.
#[derive(Debug)]
pub struct Chosen {
    names: HashSet<NameKey>,
    ids: HashSet<(AccountId, Box<str>)>,
    /// Accounts of users among them: a user may have had any other name.
    users_of: HashSet<AccountId>,
}

impl Scope {
    /// The calls of these principals.
    #[must_use]
    pub fn only(principals: &[&Principal]) -> Scope {
        let users = principals.iter().filter(|principal| principal.arn.kind() == PrincipalKind::User);
        Scope::Only(Chosen {
            names: principals.iter().map(|principal| name_key(&principal.arn)).collect(),
            ids: principals.iter().map(|principal| (principal.arn.account(), principal.id.clone())).collect(),
            users_of: users.map(|principal| principal.arn.account()).collect(),
        })
    }

    fn has(&self, key: &NameKey, id: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(chosen) => {
                chosen.names.contains(key)
                    || (key.1 == PrincipalKind::User && chosen.users_of.contains(&key.0))
                    || (!id.is_empty() && chosen.ids.contains(&(key.0, id.into())))
            }
        }
    }
}

/// What is kept of one name and unique id.
#[derive(Debug)]
struct Kept {
    id: Box<str>,
    last: Timestamp,
    calls: BTreeMap<Call, Seen>,
    denied: u64,
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
    kept: Vec<Kept>,
    names: BTreeMap<NameKey, Vec<u32>>,
    /// Whose the names are, worked out when first asked for.
    identities: OnceLock<Identities>,
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
            kept: Vec::new(),
            names: BTreeMap::new(),
            identities: OnceLock::new(),
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
        let (key, id) = (name_key(&principal), unique_id(event));
        if !self.scope.has(&key, id) {
            self.tally.of_others += 1;
            return;
        }
        if event.is_denied() {
            self.tally.denied += 1;
            self.of(key, id, event.time).denied += 1;
            return;
        }
        let Mapping::Actions { used, .. } = self.mapper.map(event) else {
            self.tally.unmapped += 1;
            return;
        };
        self.tally.replayed += 1;
        let (within, mapper) = (event.time >= self.since, self.mapper);
        let calls = &mut self.of(key, id, event.time).calls;
        for action in used {
            let mut resources: Vec<Option<Box<str>>> =
                resource_arns(event, &action, mapper.catalogue()).into_iter().map(|arn| Some(arn.into())).collect();
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
        let key = name_key(principal);
        if !self.scope.has(&key, calls.id) {
            self.tally.of_others += calls.count;
            return;
        }
        if calls.denied {
            self.tally.denied += calls.count;
            self.of(key, calls.id, calls.last).denied += calls.count;
            return;
        }
        let Mapping::Actions { used, .. } = self.mapper.map_kind(calls.kind, calls.may_tag, calls.source, calls.name) else {
            self.tally.unmapped += calls.count;
            return;
        };
        self.tally.replayed += calls.count;
        let since = self.since;
        let all = &mut self.of(key, calls.id, calls.last).calls;
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
                    *(if last >= since { &mut seen.within } else { &mut seen.before }) += count.max(1);
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

    /// What is kept of that name and unique id.
    fn of(&mut self, key: NameKey, id: &str, time: Timestamp) -> &mut Kept {
        let RequestLog { kept, names, identities, .. } = self;
        identities.take();
        let places = names.entry(key).or_default();
        let known = places.iter().copied().find(|at| kept.get(*at as usize).is_some_and(|kept| *kept.id == *id));
        let at = known.unwrap_or_else(|| {
            let at = u32::try_from(kept.len()).unwrap_or(u32::MAX);
            places.push(at);
            kept.push(Kept { id: id.into(), last: time, calls: BTreeMap::new(), denied: 0 });
            at
        });
        // It was found or just put there.
        #[allow(clippy::indexing_slicing)]
        let kept = &mut kept[at as usize];
        kept.last = kept.last.max(time);
        kept
    }

    /// What is the principal's, by the same rules as the ledger's, each with the time from which on it is.
    fn kept_of(&self, access: &AccessModel<'_>, principal: &PrincipalArn) -> impl Iterator<Item = (&Kept, Option<Timestamp>)> {
        let identities = self.identities.get_or_init(|| {
            let mut names = Vec::with_capacity(self.kept.len());
            for (key, places) in &self.names {
                let kept = places.iter().filter_map(|place| Some((*place, self.kept.get(*place as usize)?)));
                names.extend(kept.map(|(place, kept)| Named { key, id: &kept.id, last: kept.last, place }));
            }
            Identities::of(access.principals(), &names, &BTreeSet::new())
        });
        let parts = identities.parts(&name_key(principal)).unwrap_or_default();
        parts.iter().filter_map(|part| Some((self.kept.get(part.place as usize)?, part.since)))
    }

    pub(super) fn calls_of(&self, access: &AccessModel<'_>, principal: &PrincipalArn) -> impl Iterator<Item = (&Call, &Seen)> {
        let own = self.kept_of(access, principal);
        own.flat_map(|(kept, since)| kept.calls.iter().filter(move |(_, seen)| since.is_none_or(|since| seen.last >= since)))
    }

    pub(super) fn denied_of(&self, access: &AccessModel<'_>, principal: &PrincipalArn) -> u64 {
        self.kept_of(access, principal).map(|(kept, _)| kept.denied).sum()
    }

    /// The days on which a principal used an action, on whatever.
    pub(super) fn days_of(&self, access: &AccessModel<'_>, principal: &PrincipalArn, action: &ActionName) -> BTreeSet<i64> {
        self.calls_of(access, principal)
            .filter(|(call, _)| call.action == *action)
            .flat_map(|(_, seen)| seen.days.iter().copied())
            .collect()
    }
}
