//! Pasts that names alone do not tell: who was renamed, made anew, only assumed, or used too lately for IAM to know.
//!
//! Second half of making up the organization, by choices of its own, so that the rest is the same without it.

use crate::organization::{AssumedBy, Key, KeyUse, Kind, Organization, Outcome, Principal, Use};
use crate::random::{ID, Random};
use crate::services::{Logged, Table};
use crate::time::{DAY, HOUR};

/// Gives some principals such a past.
pub(crate) fn add(organization: &mut Organization, seed: u64) {
    let mut random = Random::new(seed, 3);
    let Organization { table, principals, as_of, period_start, log_start, .. } = organization;
    let (as_of, period_start, log_start) = (*as_of, *period_start, *log_start);
    for principal in principals {
        let is_old = principal.created < period_start;
        let idle = principal.uses.iter().all(|used| used.what == Outcome::UsedBefore);
        match principal.kind {
            Kind::User => {
                if is_old && principal.is_active() && random.percent(30) {
                    let until = random.between(log_start + 6 * HOUR, as_of - 6 * HOUR);
                    principal.former = Some((format!("{}-former", principal.name), until));
                }
                let at = as_of - random.between(HOUR / 2, 2 * HOUR);
                match random.below(6) {
                    0 if principal.signed_by(table).is_some() => late_key(principal, &mut random, at),
                    1 => {
                        if let Some(password) = principal.password.as_mut().filter(|p| p.changed < period_start) {
                            password.late = Some(at);
                        }
                    }
                    _ => {}
                }
            }
            Kind::Role if !is_old && principal.created > log_start + DAY => predecessor(principal, &mut random, table, log_start),
            Kind::Role if idle => {
                let at = random.between(period_start.max(log_start) + 2 * HOUR, as_of - 2 * HOUR);
                match random.below(10) {
                    0 => principal.assumed = Some((at, AssumedBy::Service)),
                    1 => principal.assumed = Some((at, AssumedBy::Account)),
                    2 => principal.assumed = Some((at, AssumedBy::Saml)),
                    3 => principal.assumed = Some((at, AssumedBy::WebIdentity)),
                    4 => principal.assumed = Some((at, AssumedBy::SwitchRole)),
                    5 | 6 => {
                        let candidates = logged(principal, table);
                        if let Some(action) = random.one(&candidates) {
                            let at = as_of - random.between(HOUR / 2, 2 * HOUR);
                            principal.uses.retain(|used| used.action != *action);
                            principal.uses.push(Use { action: *action, at, what: Outcome::Used });
                            principal.late = true;
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

/// What the principal may call that every trail records.
fn logged(principal: &Principal, table: &Table) -> Vec<usize> {
    let fits = |at: &usize| table.actions.get(*at).is_some_and(|a| a.logged == Logged::Management && a.usable);
    principal.effective.iter().filter(fits).collect()
}

/// A young role often has the name of one that was there before, and whose calls are in the logs.
fn predecessor(role: &mut Principal, random: &mut Random, table: &Table, log_start: i64) {
    if !random.percent(60) {
        return;
    }
    let calls = logged(role, table).into_iter().take(3);
    let calls = calls.map(|action| (action, random.between(log_start + 2 * HOUR, role.created - HOUR))).collect();
    role.predecessor = Some((format!("AROA{}", random.text(ID, 17)), calls));
}

/// A key that lay about signs one call.
fn late_key(user: &mut Principal, random: &mut Random, at: i64) {
    let place = user.keys.iter().position(|key| key.active && matches!(key.used, KeyUse::Never | KeyUse::Before(_)));
    let made = user.created + 7200;
    let few = user.keys.len() < 2;
    match place.and_then(|place| user.keys.get_mut(place)) {
        Some(key) => key.used = KeyUse::Late(at),
        None if few => {
            user.keys.push(Key { id: format!("AKIA{}", random.text(ID, 16)), active: true, made, used: KeyUse::Late(at) });
        }
        None => {}
    }
}
