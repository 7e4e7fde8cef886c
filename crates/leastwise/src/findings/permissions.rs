//! The states of all permissions of one principal, kept small: sets of actions, and what the sources say of them in sum.
//!
//! Between the ledger, which judges one action at a time, and the finding. An organization has a hundred thousand of these,
//! so names are looked up when they are shown. It adds no rule of its own but one: a service is unused as a whole only when
//! a report says so of the service, not when all of its actions that we happen to know are unused one by one.

use std::collections::BTreeMap;

use leastwise_policy::ActionName;

use super::coverage::StateCounts;
use super::{Testimony, Witnessing};
use crate::access::{ActionId, ActionIndex, ActionSet, Principal, Timestamp};
use crate::analysis::Analysis;
use crate::usage::{ObservationWindow, Reason, State};

/// What is known of a principal's permissions.
#[derive(Debug, Clone)]
pub struct Permissions<'a> {
    index: &'a ActionIndex<'a>,
    /// Actions in state `unused`.
    pub unused: ActionSet,
    /// Actions that the boundary blocks: granted, of no effect, and not called unused.
    pub blocked_by_boundary: ActionSet,
    /// Last accesses of unused actions, before the period; sorted.
    last_accessed: Vec<(ActionId, Timestamp)>,
    /// Facts about services with unused actions, in the order of the catalogue.
    services: Vec<Service<'a>>,
    counts: StateCounts,
    /// How many unused actions each source speaks of, with the window in which it looked.
    spoken: BTreeMap<(Witnessing, ObservationWindow), usize>,
    /// How many actions were kept, by state and by what decided.
    kept: BTreeMap<(State, &'static str), usize>,
}

#[derive(Debug, Clone)]
struct Service<'a> {
    prefix: &'a str,
    whole: bool,
    last_accessed: Option<Timestamp>,
}

/// The unused part of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePermissions<'a> {
    /// The service's prefix.
    pub prefix: &'a str,
    /// Whether all of it is unused, what the catalogue does not know included.
    pub whole: bool,
    /// The last access to anything of it that a source shows.
    pub last_accessed: Option<Timestamp>,
    /// The unused actions by name, each with its last access before the period. Listed also when all of it is unused.
    pub actions: Vec<(&'a str, Option<Timestamp>)>,
}

impl<'a> Permissions<'a> {
    /// Asks for the state of everything that the principal is granted and that takes effect.
    pub(super) fn of(analysis: &'a Analysis<'a>, principal: &'a Principal) -> Permissions<'a> {
        let index = analysis.access.actions();
        let granted = analysis.access.granted(principal);
        let mut found = Permissions {
            index,
            unused: ActionSet::new(),
            last_accessed: Vec::new(),
            services: Vec::new(),
            counts: StateCounts {
                blocked: granted.blocked_by_boundary.len(),
                denied: granted.denied.len(),
                ..StateCounts::default()
            },
            blocked_by_boundary: granted.blocked_by_boundary.clone(),
            spoken: BTreeMap::new(),
            kept: BTreeMap::new(),
        };
        let mut uncatalogued: Vec<&ActionName> = granted.grants.iter().flat_map(|grant| grant.uncatalogued()).collect();
        uncatalogued.sort();
        uncatalogued.dedup();
        found.counts.uncatalogued = uncatalogued.len();
        let used = analysis.use_of(principal);
        let mut actions = granted.effective.iter().peekable();
        while let Some(first) = actions.peek() {
            let prefix = index.name(*first).0;
            let part = used.service(prefix);
            let mut service = Service { prefix, whole: true, last_accessed: part.last_reported() };
            let (mut silent_service, mut any) = (false, false);
            while let Some(id) = actions.next_if(|id| index.name(*id).0 == prefix) {
                let Some(action) = ActionName::of(prefix, index.name(id).1) else { continue };
                let (state, evidence) = part.state(&action);
                service.last_accessed = service.last_accessed.max(evidence.last_used());
                found.counts.count(state);
                if state != State::Unused {
                    service.whole = false;
                    if let Some(reason) = evidence.reasons.first().filter(|_| state != State::Used) {
                        *found.kept.entry((state, reason.code())).or_default() += 1;
                    }
                    continue;
                }
                any = true;
                found.unused.insert(id);
                found.last_accessed.extend(evidence.last_used().map(|last| (id, last)));
                for reason in &evidence.reasons {
                    silent_service |= matches!(reason, Reason::SilentService(_));
                    if let Some(spoken) = speaker(reason) {
                        *found.spoken.entry(spoken).or_default() += 1;
                    }
                }
            }
            service.whole &= silent_service;
            if any {
                found.services.push(service);
            }
        }
        found
    }

    /// How many actions are in each state.
    #[must_use]
    pub fn counts(&self) -> StateCounts {
        self.counts
    }

    /// How many actions are kept, by state and by the code of what decided, in a fixed order.
    pub fn kept(&self) -> impl Iterator<Item = (State, &'static str, usize)> + '_ {
        self.kept.iter().map(|((state, code), count)| (*state, *code, *count))
    }

    /// The unused actions by service, in the order of the catalogue.
    #[must_use]
    pub fn services(&self) -> Vec<ServicePermissions<'a>> {
        let mut last = self.last_accessed.iter().peekable();
        let mut ids = self.unused.iter().peekable();
        let of_service = |service: &Service<'a>| {
            let mut actions = Vec::new();
            while let Some(id) = ids.next_if(|id| self.index.name(*id).0 == service.prefix) {
                let at = last.next_if(|(own, _)| *own == id).map(|(_, at)| *at);
                actions.push((self.index.name(id).1, at));
            }
            ServicePermissions { prefix: service.prefix, whole: service.whole, last_accessed: service.last_accessed, actions }
        };
        self.services.iter().map(of_service).collect()
    }

    /// The actions that the boundary blocks, by service.
    #[must_use]
    pub fn blocked(&self) -> Vec<(&'a str, Vec<&'a str>)> {
        let mut services: Vec<(&str, Vec<&str>)> = Vec::new();
        for (prefix, name) in self.blocked_by_boundary.iter().map(|id| self.index.name(id)) {
            match services.last_mut() {
                Some((last, names)) if *last == prefix => names.push(name),
                _ => services.push((prefix, vec![name])),
            }
        }
        services
    }

    /// What each source says of the unused actions.
    #[must_use]
    pub fn testimonies(&self) -> Vec<Testimony> {
        let testimony = |((source, window), count): (&(Witnessing, ObservationWindow), &usize)| {
            let actions = if *count == 1 { "action" } else { "actions" };
            let says = match source {
                Witnessing::CloudTrail => {
                    format!("the log is without a gap over the period, and shows no use of {count} {actions}")
                }
                _ => format!("the report shows no attempt at {count} {actions} in the period"),
            };
            Testimony { source: *source, window: Some(*window), last_seen: None, says }
        };
        self.spoken.iter().map(testimony).collect()
    }
}

/// Which source a reason for `unused` is from, and when it looked.
fn speaker(reason: &Reason) -> Option<(Witnessing, ObservationWindow)> {
    match reason {
        Reason::SilentTrail(window) => Some((Witnessing::CloudTrail, *window)),
        Reason::SilentReport(to) | Reason::SilentService(to) => {
            Some((Witnessing::LastAccessed, ObservationWindow { from: to.days_before(400), to: *to }))
        }
        _ => None,
    }
}
