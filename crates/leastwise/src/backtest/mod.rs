//! Replays recorded requests against the policies before and after a plan; only what denies none of them may be applied.
//!
//! Last step before a recommendation is shown. [`judge`] is the only way from a [`Proposal`] to an [`Applicable`] plan; a
//! plan that would have denied a request of the period comes back as [`Withheld`], which holds no policy. What a record
//! cannot decide is taken both ways and counted; it never counts as proof.

mod halves;
mod replay;
mod requests;
mod three_valued;

use std::ops::Deref;

use leastwise_policy::ActionName;

use crate::access::{AccessModel, Principal, PrincipalArn, Timestamp};
use crate::recommend::{Plan, Proposal};

pub use halves::{Halves, Missed, Rhythm};
pub use requests::{Chosen, RequestLog, Requested, Scope, Tally};
pub use three_valued::Undecided;

/// What a replay found, for one plan. Numbers are of requests within the tracking period; an event about two resources is two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// Requests that were replayed: of those whom the plan concerns, let in at the time.
    pub events: u64,
    /// Of these, allowed before and after: by a statement that surely applies, or, since they were let in then, because every
    /// statement that may have let them in is still there on the same terms.
    pub still_allowed: u64,
    /// Of these, such as the record cannot decide; nothing of them is lost in either way.
    pub undecidable: u64,
    /// What those were, and why.
    pub open: Vec<Open>,
    /// Of these, granted by no policy that was replayed (a resource's policy let them in, or policies changed since).
    pub not_granted_before: u64,
    /// Of these, such as would be denied now, or could be, depending on what the record leaves open.
    pub newly_denied: u64,
    /// What those were.
    pub cuts: Vec<Cut>,
    /// What was used before the period only, and is cut: no obstacle, but worth knowing.
    pub older: Vec<Cut>,
    /// Events that were turned down at the time; they are not replayed.
    pub denied_then: u64,
}

/// A request that the record cannot decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// Who.
    pub principal: PrincipalArn,
    /// What.
    pub action: ActionName,
    /// On what, when the record tells.
    pub resource: Option<Box<str>>,
    /// How often.
    pub count: u64,
    /// Why, sorted.
    pub why: Vec<Undecided>,
}

/// A use that a plan would deny.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Who.
    pub principal: PrincipalArn,
    /// What.
    pub action: ActionName,
    /// On what, when the record tells.
    pub resource: Option<Box<str>>,
    /// How often.
    pub count: u64,
    /// First time in the records.
    pub first: Timestamp,
    /// Last time in the records.
    pub last: Timestamp,
    /// Whether the record leaves open that it was this grant that let the request in.
    pub certain: bool,
}

/// A plan whose replay denied nothing. Only [`judge`] makes one.
#[derive(Debug)]
pub struct Applicable<'a> {
    plan: Plan<'a>,
    replay: Replay,
}

impl Applicable<'_> {
    /// What the replay found.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        &self.replay
    }
}

impl<'a> Deref for Applicable<'a> {
    type Target = Plan<'a>;

    fn deref(&self) -> &Plan<'a> {
        &self.plan
    }
}

/// What is left of a plan whose replay denied something: why, and no policy.
///
/// ```compile_fail,E0609
/// fn show(withheld: &leastwise::backtest::Withheld) -> usize {
///     withheld.plan.steps.len()
/// }
/// ```
#[derive(Debug)]
pub struct Withheld {
    /// How many policies it would have changed.
    pub policies: usize,
    /// What the replay found.
    pub replay: Replay,
}

/// One plan after its replay.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It may be shown and applied.
    Applicable(Box<Applicable<'a>>),
    /// It may not.
    Withheld(Withheld),
}

impl<'a> Verdict<'a> {
    /// What the replay found.
    #[must_use]
    pub fn replay(&self) -> &Replay {
        match self {
            Verdict::Applicable(plan) => &plan.replay,
            Verdict::Withheld(withheld) => &withheld.replay,
        }
    }

    /// The plan, when it may be applied.
    #[must_use]
    pub fn applicable(&self) -> Option<&Applicable<'a>> {
        match self {
            Verdict::Applicable(plan) => Some(plan),
            Verdict::Withheld(_) => None,
        }
    }
}

/// Replays the log against each plan of a proposal, in the order in which they were proposed.
#[must_use]
pub fn judge<'a>(access: &AccessModel<'a>, proposal: Proposal<'a>, log: &RequestLog<'_>) -> Vec<Verdict<'a>> {
    let verdict = |plan: Plan<'a>| {
        let replay = replay::replay(access, &plan, log);
        if replay.newly_denied == 0 {
            Verdict::Applicable(Box::new(Applicable { plan, replay }))
        } else {
            Verdict::Withheld(Withheld { policies: plan.steps.len(), replay })
        }
    };
    proposal.into_plans().into_iter().map(verdict).collect()
}

/// Uses of the log that a proposal learned elsewhere would deny, under whichever of its plans denies most.
#[must_use]
pub fn denied_by(access: &AccessModel<'_>, proposal: &Proposal<'_>, log: &RequestLog<'_>) -> Vec<Cut> {
    let cuts = proposal.plans().iter().map(|plan| replay::replay(access, plan, log).cuts);
    cuts.max_by_key(Vec::len).unwrap_or_default()
}

/// Adds up replays; the lists are put together.
#[must_use]
pub fn total<'r>(replays: impl Iterator<Item = &'r Replay>) -> Replay {
    let mut sum = Replay::default();
    for replay in replays {
        sum.events += replay.events;
        sum.still_allowed += replay.still_allowed;
        sum.undecidable += replay.undecidable;
        sum.open.extend(replay.open.iter().cloned());
        sum.not_granted_before += replay.not_granted_before;
        sum.newly_denied += replay.newly_denied;
        sum.denied_then += replay.denied_then;
        sum.cuts.extend(replay.cuts.iter().cloned());
        sum.older.extend(replay.older.iter().cloned());
    }
    sum
}

/// The policies of a principal, and what a plan makes of each.
fn policies_of<'m>(access: &'m AccessModel<'_>, principal: &'m Principal) -> Vec<crate::access::model::PolicySource<'m>> {
    access.sources(principal)
}
