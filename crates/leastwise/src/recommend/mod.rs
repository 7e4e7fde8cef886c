//! What to do about the unused permissions of one principal: policies to create and detach, each proved, with its price.
//!
//! After the states of permissions, before the backtest. A [`Proposal`] keeps its policies to itself: only
//! [`crate::backtest`] hands them out, after it has replayed the records. It judges nobody of whom something is not
//! known, and it never changes a policy of AWS, a boundary, or what somebody else still needs.

mod judge;
mod nearest;
mod operation;
mod plan;
mod step;
mod union;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::{AccessModel, ActionSet, PolicyArn, Principal, PrincipalArn, PrincipalKind, Timestamp, Unread};
use crate::analysis::Analysis;
use crate::findings::Exclusions;
use crate::refine::Choices;
use crate::usage::{EventMapper, Rules, TrackingPeriod, UsageLedger};

pub use judge::{Ground, Judged};
pub use nearest::nearest;
pub use operation::Operation;
pub use plan::{GroupWay, ManagedWay, Plan, Price, Retained};
pub use step::{Change, Fit, PolicyStep, Remedy, Removed};
pub use union::{Common, Obstacle};

/// What recommendations stand on.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// What is granted.
    pub access: &'a AccessModel<'a>,
    /// What was used.
    pub ledger: &'a UsageLedger,
    /// How calls map to actions.
    pub mapper: &'a EventMapper<'a>,
    /// For how long something must have gone unused.
    pub period: TrackingPeriod,
    /// What counts as use, and how complete a source must be.
    pub rules: Rules,
    /// How policies are refined.
    pub choices: Choices,
}

impl<'a> Basis<'a> {
    /// What an analysis knows.
    #[must_use]
    pub fn of(analysis: &'a Analysis<'a>, choices: Choices) -> Basis<'a> {
        Basis {
            access: &analysis.access,
            ledger: &analysis.ledger,
            mapper: &analysis.mapper,
            period: analysis.period,
            rules: analysis.rules,
            choices,
        }
    }
}

/// Why nothing is recommended for a principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotJudged {
    /// A group makes no requests; what its members leave unused is answered for each of them.
    Group(usize),
    /// Somebody wants it left alone; so whatever a change would concern together with it stays too.
    Excluded,
    /// A service made the role for itself, and only the service can change it.
    ServiceLinked,
    /// Something of it could not be read.
    Unread(Vec<Unread>),
    /// It is not older than the tracking period, or has no date.
    Young(Option<Timestamp>),
    /// Roles of its permission set have different policies, so that no one change is right for all.
    PermissionSetOutOfStep(PrincipalArn),
    /// Its permission set cannot be judged.
    PermissionSet(Box<Obstacle>),
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotJudged::Group(members) => {
                write!(
                    f,
                    "a group makes no requests of its own; ask for one of its {members} members, and the group's policies are answered with it"
                )
            }
            NotJudged::Excluded => f.write_str("it is excluded"),
            NotJudged::ServiceLinked => f.write_str("it is a service-linked role, which only its service can change"),
            NotJudged::Unread(unread) => {
                f.write_str("not all of it could be read: ")?;
                for (at, part) in unread.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    match part {
                        Unread::Field("") => write!(f, "{comma}its record")?,
                        Unread::Field(field) => write!(f, "{comma}`{field}`")?,
                        Unread::InlinePolicy(name) => write!(f, "{comma}inline policy `{name}`")?,
                        Unread::ManagedPolicy(arn) => write!(f, "{comma}policy `{arn}`")?,
                        Unread::Boundary(arn) => write!(f, "{comma}boundary `{arn}`")?,
                        Unread::Group(name) => write!(f, "{comma}group `{name}`")?,
                        Unread::TwoRecords => write!(f, "{comma}two records of it disagree")?,
                    }
                }
                Ok(())
            }
            NotJudged::Young(Some(created)) => write!(f, "it was created {created}, within the tracking period"),
            NotJudged::Young(None) => f.write_str("its creation date is not known"),
            NotJudged::PermissionSetOutOfStep(other) => {
                write!(
                    f,
                    "the policies of `{other}` differ from its own, although they are of one permission set; provision the set again"
                )
            }
            NotJudged::PermissionSet(obstacle) => write!(f, "its permission set cannot be judged as a whole: {obstacle}"),
        }
    }
}

/// A proof that refutes our own refinement: a mistake of this program, never of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The policy that was refined.
    pub policy: String,
    /// What the proof says.
    pub refusal: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proof refutes the refinement of `{}`: {}", self.policy, self.refusal)
    }
}

impl std::error::Error for Fault {}

/// What could be done for one principal, before the records have been replayed against it.
#[derive(Debug)]
pub struct Proposal<'a> {
    /// The principal.
    pub principal: &'a Principal,
    /// The permission set, when the principal is a role of one: what is proposed is for all its roles.
    pub permission_set: Option<&'a str>,
    /// Its permissions by state.
    pub judged: Arc<Judged<'a>>,
    /// What may go: for a role of a permission set, what all roles of the set leave unused.
    pub unused: ActionSet,
    /// The ways to do it.
    plans: Vec<Plan<'a>>,
}

impl<'a> Proposal<'a> {
    /// The ways to do it, for the backtest alone.
    pub(crate) fn plans(&self) -> &[Plan<'a>] {
        &self.plans
    }

    /// The same, given away.
    pub(crate) fn into_plans(self) -> Vec<Plan<'a>> {
        self.plans
    }

    /// Everybody whose requests the plans can concern, without doubles.
    #[must_use]
    pub fn affected(&self) -> Vec<&'a Principal> {
        let mut affected: Vec<&Principal> = self.plans.iter().flat_map(|plan| plan.affected.iter().copied()).collect();
        affected.sort_by(|a, b| a.arn.cmp(&b.arn));
        affected.dedup_by(|a, b| a.arn == b.arn);
        affected
    }
}

/// Judges principals and proposes what to do, remembering what several questions need.
#[derive(Debug)]
pub struct Advisor<'a> {
    basis: Basis<'a>,
    exclusions: Exclusions,
    judged: Mutex<HashMap<&'a PrincipalArn, Result<Arc<Judged<'a>>, NotJudged>>>,
    commons: Mutex<HashMap<Holders<'a>, Arc<Common<'a>>>>,
}

/// Several principals that one policy concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holders<'a> {
    Policy(&'a PolicyArn),
    Group(&'a PrincipalArn),
    PermissionSet(&'a str),
}

/// So many judgements are remembered; then they are forgotten, to bound the memory.
const REMEMBERED: usize = 2_000;

impl<'a> Advisor<'a> {
    /// An advisor that has judged nobody yet.
    #[must_use]
    pub fn new(basis: Basis<'a>) -> Advisor<'a> {
        Advisor { basis, exclusions: Exclusions::default(), judged: Mutex::default(), commons: Mutex::default() }
    }

    /// The same, which leaves these alone.
    #[must_use]
    pub fn excluding(self, exclusions: Exclusions) -> Advisor<'a> {
        Advisor { exclusions, ..Advisor::new(self.basis) }
    }

    /// What it stands on.
    #[must_use]
    pub fn basis(&self) -> &Basis<'a> {
        &self.basis
    }

    /// The principal's permissions by state, or why they are not judged.
    ///
    /// # Errors
    /// When the principal is a group, is a service's, is too young, or is not wholly known.
    pub fn judge(&self, principal: &'a Principal) -> Result<Arc<Judged<'a>>, NotJudged> {
        let remembered = || self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered().get(&principal.arn) {
            return known.clone();
        }
        let judged = self.judgeable(principal).map(|()| Arc::new(judge::judge(&self.basis, principal)));
        let mut all = remembered();
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(&principal.arn, judged.clone());
        judged
    }

    fn judgeable(&self, principal: &'a Principal) -> Result<(), NotJudged> {
        if self.exclusions.principal(principal) {
            return Err(NotJudged::Excluded);
        }
        if principal.arn.kind() == PrincipalKind::Group {
            return Err(NotJudged::Group(self.basis.access.members(&principal.arn).len()));
        }
        if principal.is_service_linked() {
            return Err(NotJudged::ServiceLinked);
        }
        if !principal.unread.is_empty() {
            return Err(NotJudged::Unread(principal.unread.clone()));
        }
        match principal.created.filter(|created| *created < self.basis.period.start) {
            Some(_) => Ok(()),
            None => Err(NotJudged::Young(principal.created)),
        }
    }

    /// What could be done for `principal`. No plan at all means that there is nothing to do.
    ///
    /// # Errors
    /// The inner one when the principal cannot be judged; the outer one when the proof refutes our own refinement.
    pub fn propose(&self, principal: &'a Principal) -> Result<Result<Proposal<'a>, NotJudged>, Fault> {
        let judged = match self.judge(principal) {
            Ok(judged) => judged,
            Err(why) => return Ok(Err(why)),
        };
        let Some(set) = principal.permission_set() else {
            let plans = plan::of_principal(self, &judged)?;
            let unused = judged.unused.clone();
            return Ok(Ok(Proposal { principal, permission_set: None, judged, unused, plans }));
        };
        let common = self.common_of_permission_set(set);
        if let Some(obstacle) = &common.obstacle {
            return Ok(Err(NotJudged::PermissionSet(Box::new(obstacle.clone()))));
        }
        if let Some(other) = common.concerned.iter().find(|other| !plan::same_policies(self.basis.access, principal, other)) {
            return Ok(Err(NotJudged::PermissionSetOutOfStep(other.arn.clone())));
        }
        let plans = plan::of_permission_set(self, &judged, set, &common)?;
        Ok(Ok(Proposal { principal, permission_set: Some(set), judged, unused: common.unused.clone(), plans }))
    }
}
