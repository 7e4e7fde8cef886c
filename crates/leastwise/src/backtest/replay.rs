//! One plan against the log: every distinct request of everybody whom it concerns, before and after.
//!
//! A plan only takes statements and patterns away, and denies stay; so a request is lost exactly when no statement that
//! surely lets it in is left and one that may have done so is gone. It decides on identity policies and the boundary,
//! which is all that an account's details hold.

use leastwise_policy::Policy;

use super::requests::{Call, RequestLog, Seen};
use super::three_valued::{Recorded, Tally, Undecided};
use super::{Cut, Open, Replay, policies_of};
use crate::access::{AccessModel, Principal};
use crate::recommend::Plan;

/// A policy of one principal before and after.
struct Pair<'p> {
    before: &'p Policy,
    after: After<'p>,
}

enum After<'p> {
    Same,
    Gone,
    Changed(&'p Policy),
}

enum Fate {
    NotGranted,
    Allowed,
    Open(Vec<Undecided>),
    Denied { certain: bool },
}

pub(super) fn replay(access: &AccessModel<'_>, plan: &Plan<'_>, log: &RequestLog<'_>) -> Replay {
    let mut replay = Replay::default();
    // What was certified is a policy, so every text can be read.
    let texts: Vec<Option<Policy>> =
        plan.steps.iter().map(|step| step.refined.text.as_deref().and_then(|text| Policy::parse(text).ok())).collect();
    for principal in &plan.affected {
        replay.denied_then += log.denied_of(access, &principal.arn);
        let mut calls = log.calls_of(access, &principal.arn).peekable();
        if calls.peek().is_none() {
            continue;
        }
        let sources = policies_of(access, principal);
        let pairs: Vec<Pair<'_>> = sources
            .iter()
            .filter_map(|source| {
                let before = source.document.policy()?;
                let step = plan.step_for(principal, source);
                let at = step.and_then(|step| plan.steps.iter().position(|other| std::ptr::eq(other, step)));
                let after = match at.map(|at| texts.get(at).and_then(Option::as_ref)) {
                    None => After::Same,
                    Some(None) => After::Gone,
                    Some(Some(policy)) => After::Changed(policy),
                };
                Some(Pair { before, after })
            })
            .collect();
        let boundary = principal.boundary.as_ref().and_then(|arn| access.policy(arn)).and_then(|p| p.document.policy());
        for (call, seen) in calls {
            one(&mut replay, principal, call, seen, &pairs, boundary.map(|policy| &**policy));
        }
    }
    replay
}

fn one(replay: &mut Replay, principal: &Principal, call: &Call, seen: &Seen, pairs: &[Pair<'_>], boundary: Option<&Policy>) {
    let fate = || {
        let recorded = Recorded::new(principal, &call.action, call.resource.as_deref(), &call.region)?;
        let known = fate(&recorded, pairs, boundary);
        // The record's resource may not be the one that was checked: then it is asked again without one.
        Some(if matches!(known, Fate::NotGranted) { fate(&recorded.anywhere(), pairs, boundary) } else { known })
    };
    let fate = fate().unwrap_or(Fate::NotGranted);
    replay.events += seen.within;
    let cut = |count, certain| Cut {
        principal: principal.arn.clone(),
        action: call.action.clone(),
        resource: call.resource.clone(),
        count,
        first: seen.first,
        last: seen.last,
        certain,
    };
    match fate {
        Fate::NotGranted => replay.not_granted_before += seen.within,
        Fate::Allowed => replay.still_allowed += seen.within,
        Fate::Open(why) => {
            replay.undecidable += seen.within;
            if seen.within > 0 {
                let (action, resource) = (call.action.clone(), call.resource.clone());
                replay.open.push(Open { principal: principal.arn.clone(), action, resource, count: seen.within, why });
            }
        }
        Fate::Denied { certain } if seen.within > 0 => {
            replay.newly_denied += seen.within;
            replay.cuts.push(cut(seen.within, certain));
        }
        Fate::Denied { certain } => replay.older.push(cut(seen.before, certain)),
    }
}

fn fate(recorded: &Recorded, pairs: &[Pair<'_>], boundary: Option<&Policy>) -> Fate {
    let bounds = boundary.map(|policy| recorded.put_to(policy));
    let (mut before, mut after) = (Tally::default(), Tally::default());
    for pair in pairs {
        let own = recorded.put_to(pair.before);
        before.add(own.clone());
        match pair.after {
            After::Same => after.add(own),
            After::Gone => {}
            After::Changed(policy) => after.add(recorded.put_to(policy)),
        }
    }
    let out_of_bounds = bounds.as_ref().is_some_and(|bounds| bounds.allows() == 0 || bounds.deny_yes > 0);
    if before.allows() == 0 || before.deny_yes > 0 || out_of_bounds {
        return Fate::NotGranted;
    }
    // A deny that a plan lost would only let more in; a plan loses none, and the proof has said so.
    if after.allow_yes == 0 && after.allows() < before.allows() {
        let certain = after.allows() == 0 && before.allow_yes > 0 && before.deny_open == 0;
        return Fate::Denied { certain };
    }
    // The call was let in, and every statement that may have done so is there on the same terms: it is let in again.
    if before.is_within(&after) {
        return Fate::Allowed;
    }
    let bounds = bounds.unwrap_or(Tally { allow_yes: 1, ..Tally::default() });
    if after.allow_yes > 0 && after.deny_open == 0 && bounds.allow_yes > 0 && bounds.deny_open == 0 {
        return Fate::Allowed;
    }
    Fate::Open(after.why.into_iter().chain(bounds.why).collect())
}
