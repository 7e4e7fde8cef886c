//! One principal's granted permissions by state, and what the unused ones are known by.
//!
//! Asks the ledger about every effective action once. It removes nothing; names that the catalogue lacks are never
//! called unused, nor is a whole service of which something is kept.

use std::collections::{BTreeMap, BTreeSet};

use leastwise_policy::ActionName;

use super::Basis;
use crate::access::model::Granted;
use crate::access::{ActionId, ActionSet, Principal, Timestamp};
use crate::usage::{ObservationWindow, Reason, State};

/// Which silence made permissions unused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// Of a trail over that window.
    Trail(ObservationWindow),
    /// Of a report of last access on the tracked action, complete up to then.
    TrackedAction(Timestamp),
    /// Of a report of last access on the whole service, complete up to then.
    WholeService(Timestamp),
}

/// What is known of one principal's permissions.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The principal.
    pub principal: &'a Principal,
    /// What it is granted, by which statements.
    pub granted: Granted<'a>,
    /// Effective actions that were used in the period.
    pub used: ActionSet,
    /// Effective actions that may go.
    pub unused: ActionSet,
    /// Effective actions whose use nobody could have seen.
    pub unobservable: ActionSet,
    /// Effective actions about which a source that should know does not.
    pub unknown: ActionSet,
    /// Names in its policies that the catalogue lacks; they stay.
    pub uncatalogued: BTreeSet<ActionName>,
    /// Services, in the catalogue's spelling, of which everything granted is unused and a report covers all of it.
    pub whole_services: BTreeSet<&'a str>,
    /// When an unused action was last seen, for those that ever were.
    pub last_seen: BTreeMap<ActionId, Timestamp>,
    /// What the unused actions are known by, with their number; an action may have several grounds.
    pub grounds: BTreeMap<Ground, usize>,
}

pub(super) fn judge<'a>(basis: &Basis<'a>, principal: &'a Principal) -> Judged<'a> {
    let access = basis.access;
    let granted = access.granted(principal);
    let of = basis.ledger.of(&principal.arn, basis.mapper, basis.period, basis.rules);
    let (mut used, mut unused) = (ActionSet::new(), ActionSet::new());
    let (mut unobservable, mut unknown) = (ActionSet::new(), ActionSet::new());
    let mut last_seen = BTreeMap::new();
    let mut grounds = BTreeMap::new();
    // By service: whether everything so far is unused, and known so for the service as a whole.
    let mut whole: BTreeMap<&'a str, bool> = BTreeMap::new();
    for action in granted.effective.iter() {
        let (service, name) = access.actions().name(action);
        let Some(full) = ActionName::of(service, name) else { continue };
        let (state, evidence) = of.state(&full);
        let covered = evidence.reasons.iter().any(|reason| matches!(reason, Reason::SilentService(_)));
        *whole.entry(service).or_insert(true) &= state == State::Unused && covered;
        match state {
            State::Used => used.insert(action),
            State::Unobservable => unobservable.insert(action),
            State::Unknown => unknown.insert(action),
            State::Unused => {
                unused.insert(action);
                if let Some(time) = evidence.last_used() {
                    last_seen.insert(action, time);
                }
                for ground in evidence.reasons.iter().filter_map(ground) {
                    *grounds.entry(ground).or_default() += 1;
                }
            }
        }
    }
    for action in granted.blocked_by_boundary.iter().chain(granted.denied.iter()) {
        whole.insert(access.actions().name(action).0, false);
    }
    let uncatalogued: BTreeSet<ActionName> =
        granted.grants.iter().flat_map(|grant| grant.uncatalogued().iter().cloned()).collect();
    let named = |service: &str| uncatalogued.iter().any(|name| name.service().eq_ignore_ascii_case(service));
    let whole_services = whole.into_iter().filter(|(service, all)| *all && !named(service)).map(|(service, _)| service).collect();
    Judged { principal, granted, used, unused, unobservable, unknown, uncatalogued, whole_services, last_seen, grounds }
}

fn ground(reason: &Reason) -> Option<Ground> {
    match reason {
        Reason::SilentTrail(window) => Some(Ground::Trail(*window)),
        Reason::SilentReport(time) => Some(Ground::TrackedAction(*time)),
        Reason::SilentService(time) => Some(Ground::WholeService(*time)),
        _ => None,
    }
}
