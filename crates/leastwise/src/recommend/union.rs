//! What several principals leave unused together: those of a shared policy, a group, a permission set.
//!
//! The union of what they need is kept. As soon as one of them cannot be judged, or it is not sure that these are all,
//! nothing is common.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError};

use super::{Advisor, Holders, NotJudged};
use crate::access::{AccessModel, AccountId, ActionId, ActionSet, PolicyArn, Principal, PrincipalArn, PrincipalKind, Timestamp};

/// What several principals leave unused together.
#[derive(Debug)]
pub struct Common<'a> {
    /// The users and roles concerned, in the order of their ARNs.
    pub concerned: Vec<&'a Principal>,
    /// What every one of them is granted and leaves unused; empty when something is in the way.
    pub unused: ActionSet,
    /// The services that every one of them leaves unused as a whole.
    pub whole_services: BTreeSet<&'a str>,
    /// When any of them was last seen to use an action that all of them leave unused.
    pub last_seen: BTreeMap<ActionId, Timestamp>,
    /// Why nothing can be said.
    pub obstacle: Option<Obstacle>,
}

/// Why a policy cannot be changed for all whom it concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// One of them cannot be judged.
    Member(PrincipalArn, NotJudged),
    /// Others may have it whom the exports do not show.
    Incomplete,
    /// An account's export is not complete, so that others may be there.
    Account(AccountId),
    /// A group has it, and the export shows no user at all, so that its members are not known.
    HiddenMembers(PrincipalArn),
    /// A permission set has it, in all its accounts, and its roles must stay alike.
    InPermissionSet(String),
    /// It is the permissions boundary of so many principals, whose bounds the change would move.
    Boundary(usize),
    /// Somebody else whom it concerns needs the actions, or nobody knows.
    NeededByOthers,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::Member(principal, why) => write!(f, "`{principal}` is concerned and cannot be judged: {why}"),
            Obstacle::Incomplete => f.write_str("the exports do not show everybody who has it"),
            Obstacle::Account(account) => write!(f, "the export of account {account} is not complete"),
            Obstacle::HiddenMembers(group) => {
                write!(f, "`{group}` has it too, and the export has no users, so that its members are not known")
            }
            Obstacle::InPermissionSet(set) => write!(f, "permission set `{set}` has it too, and its roles must stay alike"),
            Obstacle::Boundary(count) => write!(f, "it is also the permissions boundary of {count} principals"),
            Obstacle::NeededByOthers => {
                f.write_str("others whom the change would concern need it, or it is not known that they do not")
            }
        }
    }
}

/// Whether the export cannot show who is in a group: it has no user of the account, as one that was filtered.
fn members_are_hidden(access: &AccessModel<'_>, group: &PrincipalArn) -> bool {
    let mut of_account = access.principals().iter().filter(|principal| principal.arn.account() == group.account());
    !of_account.any(|principal| principal.arn.kind() == PrincipalKind::User)
}

/// A group that has the policy and whose members are hidden.
fn hidden_members(access: &AccessModel<'_>, policy: &PolicyArn) -> Option<PrincipalArn> {
    let holders = access.attachments(policy).principals;
    let mut groups = holders.iter().map(|holder| &holder.arn).filter(|holder| holder.kind() == PrincipalKind::Group);
    groups.find(|group| members_are_hidden(access, group)).cloned()
}

impl<'a> Advisor<'a> {
    /// What all to whom a managed policy is attached leave unused, members of groups included.
    pub(super) fn common_of_policy(&self, policy: &'a PolicyArn) -> Arc<Common<'a>> {
        self.remembered(Holders::Policy(policy), || {
            let attachments = self.basis.access.attachments(policy);
            let mut concerned = Vec::new();
            for holder in attachments.principals {
                match holder.arn.kind() {
                    PrincipalKind::Group => concerned.extend(self.basis.access.members(&holder.arn)),
                    _ => concerned.push(holder),
                }
            }
            let bounded = self.basis.access.bounded_by(policy).len();
            let said = self.basis.access.policy(policy).and_then(|policy| policy.boundary_count).unwrap_or_default();
            let set = concerned.iter().find_map(|holder: &&Principal| holder.permission_set());
            let unseen = hidden_members(self.basis.access, policy);
            let obstacle = if let Some(group) = unseen {
                Some(Obstacle::HiddenMembers(group))
            } else if !attachments.complete || said > bounded as u64 {
                Some(Obstacle::Incomplete)
            } else if let Some(set) = set {
                Some(Obstacle::InPermissionSet(set.to_owned()))
            } else if bounded > 0 {
                Some(Obstacle::Boundary(bounded))
            } else {
                None
            };
            (concerned, obstacle)
        })
    }

    /// What all members of a group leave unused.
    pub(super) fn common_of_group(&self, group: &'a PrincipalArn) -> Arc<Common<'a>> {
        self.remembered(Holders::Group(group), || {
            let hidden = members_are_hidden(self.basis.access, group).then(|| Obstacle::HiddenMembers(group.clone()));
            (self.basis.access.members(group), hidden.or_else(|| self.incomplete(|account| account == group.account())))
        })
    }

    /// What all roles of a permission set leave unused, in all accounts.
    pub(super) fn common_of_permission_set(&self, set: &'a str) -> Arc<Common<'a>> {
        self.remembered(Holders::PermissionSet(set), || {
            let roles = self.basis.access.permission_sets().find(|(name, _)| *name == set).map(|(_, roles)| roles);
            (roles.unwrap_or_default(), self.incomplete(|_| true))
        })
    }

    fn incomplete(&self, concerns: impl Fn(AccountId) -> bool) -> Option<Obstacle> {
        let account = self.basis.access.accounts().iter().find(|account| !account.complete && concerns(account.id))?;
        Some(Obstacle::Account(account.id))
    }

    fn remembered(
        &self,
        holders: Holders<'a>,
        concerned: impl FnOnce() -> (Vec<&'a Principal>, Option<Obstacle>),
    ) -> Arc<Common<'a>> {
        let known = || self.commons.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(common) = known().get(&holders) {
            return Arc::clone(common);
        }
        let (concerned, obstacle) = concerned();
        let common = Arc::new(self.common(concerned, obstacle));
        known().insert(holders, Arc::clone(&common));
        common
    }

    fn common(&self, mut concerned: Vec<&'a Principal>, obstacle: Option<Obstacle>) -> Common<'a> {
        concerned.sort_by(|a, b| a.arn.cmp(&b.arn));
        concerned.dedup_by(|a, b| a.arn == b.arn);
        let nothing = |concerned, obstacle| Common {
            concerned,
            unused: ActionSet::new(),
            whole_services: BTreeSet::new(),
            last_seen: BTreeMap::new(),
            obstacle: Some(obstacle),
        };
        if let Some(obstacle) = obstacle {
            return nothing(concerned, obstacle);
        }
        let mut shared: Option<(ActionSet, BTreeSet<&'a str>)> = None;
        let mut last_seen: BTreeMap<ActionId, Timestamp> = BTreeMap::new();
        for principal in &concerned {
            let judged = match self.judge(principal) {
                Ok(judged) => judged,
                Err(why) => {
                    let obstacle = Obstacle::Member(principal.arn.clone(), why);
                    return nothing(concerned, obstacle);
                }
            };
            for (action, seen) in &judged.last_seen {
                last_seen.entry(*action).and_modify(|last| *last = (*last).max(*seen)).or_insert(*seen);
            }
            match &mut shared {
                None => shared = Some((judged.unused.clone(), judged.whole_services.clone())),
                Some((unused, whole)) => {
                    unused.keep_all(&judged.unused);
                    whole.retain(|service| judged.whole_services.contains(service));
                }
            }
        }
        let (unused, whole_services) = shared.unwrap_or_default();
        last_seen.retain(|action, _| unused.contains(*action));
        Common { concerned, unused, whole_services, last_seen, obstacle: None }
    }
}
