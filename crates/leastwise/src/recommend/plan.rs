//! The ways to take unused permissions from a principal, each with its steps, its price, and what it has to leave.
//!
//! A shared managed policy can be copied for the principal or changed for all who have it; a user in groups can leave
//! them or wait for what all members leave unused. A grant that several policies make goes from all of them or from none.

use std::collections::BTreeSet;
use std::sync::Arc;

use leastwise_policy::{ActionName, Policy, Unused};

use super::judge::Judged;
use super::operation::{Operation, free_name, of_step};
use super::step::{Change, PolicyStep, Removed, step};
use super::union::{Common, Obstacle};
use super::{Advisor, Fault};
use crate::access::model::{PolicyRef, PolicySource};
use crate::access::{AccessModel, ActionSet, Principal, PrincipalArn, PrincipalKind, Timestamp};
use crate::refine::MANAGED_POLICIES_PER_PRINCIPAL;

/// What becomes of managed policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagedWay {
    /// The principal gets copies of its own.
    Fork,
    /// Policies that others have too are changed for all; AWS's own are copied.
    InPlace,
}

/// What becomes of the policies of a user's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupWay {
    /// The user leaves the groups that grant something unused, and takes along what it needs.
    Move,
    /// The groups' policies lose what all members leave unused.
    Union,
}

/// Unused actions that stay all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retained {
    /// The policy that cannot lose them: an ARN, or an inline policy's name with its holder's.
    pub policy: String,
    /// Why not.
    pub why: Obstacle,
    /// The actions. Other policies of the principal that grant them keep them too.
    pub actions: ActionSet,
}

/// What a plan costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Users and roles whose permissions it touches.
    pub principals: usize,
    /// Statements of the changed policies, before and after.
    pub statements: (usize, usize),
    /// Characters of the changed policies without white space, before and after.
    pub characters: (usize, usize),
    /// Managed policies attached to the principal, before and after.
    pub managed_policies: (usize, usize),
}

impl Price {
    /// Whether the principal has no more managed policies than IAM allows by default.
    #[must_use]
    pub fn within_policy_count(&self) -> bool {
        self.managed_policies.1 <= MANAGED_POLICIES_PER_PRINCIPAL.max(self.managed_policies.0)
    }
}

/// One way to take away what a principal leaves unused.
#[derive(Debug, Clone)]
pub struct Plan<'a> {
    /// The principal.
    pub principal: &'a Principal,
    /// What becomes of managed policies; none when there is no choice.
    pub managed: Option<ManagedWay>,
    /// What becomes of the policies of groups; none when there are none.
    pub groups: Option<GroupWay>,
    /// The policies that change, those that stay left out.
    pub steps: Vec<PolicyStep<'a>>,
    /// The groups that the user leaves.
    pub leaves: Vec<&'a Principal>,
    /// What goes, from every policy of the principal.
    pub removed: ActionSet,
    /// What is unused and stays.
    pub retained: Vec<Retained>,
    /// The users and roles whose requests it can concern.
    pub affected: Vec<&'a Principal>,
    /// What it costs.
    pub price: Price,
}

impl<'a> Plan<'a> {
    /// Everything that it does, in this order: who leaves a group has by then what it takes along.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        let leaves = self.leaves.iter().map(|group| Operation::LeaveGroup(group.arn.clone(), self.principal.arn.clone()));
        self.steps.iter().flat_map(|step| step.operations.iter().cloned()).chain(leaves).collect()
    }

    /// Whether everybody has the same afterwards, by whatever operations.
    fn does_the_same(&self, other: &Plan<'_>) -> bool {
        fn changed<'p>(plan: &'p Plan<'_>) -> BTreeSet<(&'p str, &'p str, Option<&'p str>)> {
            let of_step = |step: &'p PolicyStep<'_>| {
                (step.existing_policy_id(), step.source.holder.arn.as_str(), step.refined.text.as_deref())
            };
            plan.steps.iter().filter(|step| !step.refined.is_unchanged()).map(of_step).collect()
        }
        let affected = |plan: &Plan<'_>| plan.affected.iter().map(|principal| principal.arn.clone()).collect::<Vec<_>>();
        self.removed == other.removed && affected(self) == affected(other) && changed(self) == changed(other)
    }

    /// Whether AWS's words alone say all that it does, and IAM takes it.
    #[must_use]
    pub fn is_in_aws_words(&self) -> bool {
        self.leaves.is_empty()
            && self.price.within_policy_count()
            && self.steps.iter().all(|step| step.aws_actions().is_some() && step.fit.fits())
    }

    /// The step that changes one policy as `principal` holds it; none when it stays.
    #[must_use]
    pub fn step_for(&self, principal: &Principal, source: &PolicySource<'_>) -> Option<&PolicyStep<'a>> {
        let held = |step: &PolicyStep<'a>| source.policy == step.source.policy && source.holder.arn == step.source.holder.arn;
        let rank = |step: &&PolicyStep<'a>| match step.change {
            Change::MoveToUser => 0,
            Change::InPlace => 2,
            _ => 1,
        };
        let concerns = |step: &&PolicyStep<'a>| match step.change {
            Change::Inline | Change::Copy | Change::ForGroup => held(step),
            Change::MoveToUser => held(step) && principal.arn == self.principal.arn,
            Change::PermissionSet(set) => {
                principal.permission_set() == Some(set)
                    && source.holder.arn == principal.arn
                    && same_name(source.policy, step.source.policy)
            }
            Change::InPlace => source.policy == step.source.policy,
        };
        self.steps.iter().filter(concerns).min_by_key(rank)
    }
}

/// Whether two roles of a permission set hold the same policies.
pub(super) fn same_policies(access: &AccessModel<'_>, one: &Principal, other: &Principal) -> bool {
    let (own, others) = (access.sources(one), access.sources(other));
    own.len() == others.len()
        && own.iter().all(|a| others.iter().any(|b| same_name(a.policy, b.policy) && a.document == b.document))
        && one.boundary.is_some() == other.boundary.is_some()
}

/// Whether two policies of different roles stand for the same one of their permission set.
fn same_name(a: PolicyRef<'_>, b: PolicyRef<'_>) -> bool {
    match (a, b) {
        (PolicyRef::Inline(a), PolicyRef::Inline(b)) => a == b,
        (PolicyRef::Managed(a), PolicyRef::Managed(b)) => a.is_aws_managed() == b.is_aws_managed() && a.name() == b.name(),
        _ => false,
    }
}

/// A policy of the principal, how it would change, and what limits that.
struct Held<'a> {
    source: PolicySource<'a>,
    original: &'a Arc<Policy>,
    /// What its Allow statements grant.
    grants: ActionSet,
    change: Change<'a>,
    limit: Option<Arc<Common<'a>>>,
}

/// The ways for a user, or a role of no permission set.
pub(super) fn of_principal<'a>(advisor: &Advisor<'a>, judged: &Judged<'a>) -> Result<Vec<Plan<'a>>, Fault> {
    let access = advisor.basis.access;
    let principal = judged.principal;
    let sources = access.sources(principal);
    let is_own = |source: &PolicySource<'_>| source.holder.arn == principal.arn;
    let is_shared = |source: &PolicySource<'a>| match source.policy {
        PolicyRef::Managed(arn) if is_own(source) && !arn.is_aws_managed() => {
            let attachments = access.attachments(arn);
            attachments.principals.len() > 1 || !attachments.complete || !access.bounded_by(arn).is_empty()
        }
        _ => false,
    };
    let shared = sources.iter().any(&is_shared);
    let grouped = sources.iter().any(|source| !is_own(source));
    let managed_ways: &[ManagedWay] = if shared { &[ManagedWay::Fork, ManagedWay::InPlace] } else { &[ManagedWay::Fork] };
    let group_ways: &[GroupWay] = if grouped { &[GroupWay::Move, GroupWay::Union] } else { &[GroupWay::Move] };
    let mut plans = Vec::new();
    for managed in managed_ways {
        for groups in group_ways {
            let change = |source: &PolicySource<'a>| match (is_own(source), source.policy) {
                (true, PolicyRef::Inline(_)) => (Change::Inline, None),
                (true, PolicyRef::Managed(arn)) if *managed == ManagedWay::InPlace && is_shared(source) => {
                    (Change::InPlace, Some(advisor.common_of_policy(arn)))
                }
                (true, PolicyRef::Managed(_)) => (Change::Copy, None),
                (false, _) => match groups {
                    GroupWay::Move => (Change::MoveToUser, None),
                    GroupWay::Union => (Change::ForGroup, Some(advisor.common_of_group(&source.holder.arn))),
                },
            };
            let held = held(judged, &sources, change);
            let mut made = plan(advisor, judged, &judged.unused, &judged.whole_services, &held, Vec::new())?;
            if let Some(plan) = &mut made {
                plan.managed = shared.then_some(*managed);
                plan.groups = grouped.then_some(*groups);
            }
            // A choice that makes no difference is none.
            plans.extend(made.filter(|made| !plans.iter().any(|plan: &Plan<'_>| plan.does_the_same(made))));
        }
    }
    Ok(plans)
}

/// The way for a role of a permission set: the set's policies lose what all its roles leave unused.
pub(super) fn of_permission_set<'a>(
    advisor: &Advisor<'a>,
    judged: &Judged<'a>,
    set: &'a str,
    common: &Arc<Common<'a>>,
) -> Result<Vec<Plan<'a>>, Fault> {
    let sources = advisor.basis.access.sources(judged.principal);
    let held = held(judged, &sources, |_| (Change::PermissionSet(set), Some(Arc::clone(common))));
    let mut others = judged.unused.clone();
    others.remove_all(&common.unused);
    let retained = if others.is_empty() {
        Vec::new()
    } else {
        vec![Retained { policy: format!("permission set {set}"), why: Obstacle::NeededByOthers, actions: others }]
    };
    Ok(plan(advisor, judged, &common.unused, &common.whole_services, &held, retained)?.into_iter().collect())
}

fn held<'a>(
    judged: &Judged<'a>,
    sources: &[PolicySource<'a>],
    change: impl Fn(&PolicySource<'a>) -> (Change<'a>, Option<Arc<Common<'a>>>),
) -> Vec<Held<'a>> {
    let mut all = Vec::new();
    for source in sources {
        let Some(original) = source.document.policy() else { continue };
        let mut grants = ActionSet::new();
        let of_source = judged
            .granted
            .grants
            .iter()
            .filter(|grant| grant.source.policy == source.policy && grant.source.holder.arn == source.holder.arn);
        of_source.for_each(|grant| grants.add_all(grant.actions()));
        let (change, limit) = change(source);
        all.push(Held { source: *source, original, grants, change, limit });
    }
    all
}

fn plan<'a>(
    advisor: &Advisor<'a>,
    judged: &Judged<'a>,
    unused: &ActionSet,
    whole_services: &BTreeSet<&'a str>,
    held: &[Held<'a>],
    mut retained: Vec<Retained>,
) -> Result<Option<Plan<'a>>, Fault> {
    let basis = &advisor.basis;
    let mut removed = unused.clone();
    let mut whole = whole_services.clone();
    for policy in held {
        let Some(common) = &policy.limit else { continue };
        whole.retain(|service| common.whole_services.contains(service));
        let mut stays = policy.grants.clone();
        stays.keep_all(unused);
        stays.remove_all(&common.unused);
        if !stays.is_empty() {
            removed.remove_all(&stays);
            let why = common.obstacle.clone().unwrap_or(Obstacle::NeededByOthers);
            retained.push(Retained { policy: describe(&policy.source), why, actions: stays });
        }
    }
    if removed.is_empty() {
        return Ok(None);
    }
    let list = list(basis.access, unused, &removed, &whole);
    let touched = |policy: &&Held<'a>| {
        let mut gone = policy.grants.clone();
        gone.keep_all(&removed);
        !gone.is_empty()
    };
    let mut leaves: Vec<&Principal> = held
        .iter()
        .filter(|policy| policy.change == Change::MoveToUser)
        .filter(touched)
        .map(|policy| policy.source.holder)
        .collect();
    leaves.dedup_by(|a, b| a.arn == b.arn);
    let mut steps = Vec::new();
    let mut affected = vec![judged.principal];
    for policy in held {
        let moved = policy.change == Change::MoveToUser;
        if moved && !leaves.iter().any(|group| group.arn == policy.source.holder.arn) {
            continue;
        }
        let made = step(basis, policy.source, policy.change, policy.original, &list)?;
        if made.refined.is_unchanged() && !moved {
            continue;
        }
        affected.extend(policy.limit.iter().flat_map(|common| common.concerned.iter().copied()));
        steps.push((made, policy));
    }
    affected.sort_by(|a, b| a.arn.cmp(&b.arn));
    affected.dedup_by(|a, b| a.arn == b.arn);
    // Of those whom a shared policy concerns too, each once for all plans: there may be as many as there are principals.
    let commons: Vec<&Common<'a>> = steps.iter().filter_map(|(_, policy)| policy.limit.as_deref()).collect();
    let last_seen = |action| -> Option<Timestamp> {
        let of_others = commons.iter().filter_map(|common| common.last_seen.get(&action).copied());
        of_others.chain(judged.last_seen.get(&action).copied()).max()
    };
    let steps: Vec<PolicyStep<'a>> = steps
        .into_iter()
        .map(|(mut step, policy)| {
            let mut gone = policy.grants.clone();
            gone.keep_all(&removed);
            step.removed = gone.iter().map(|action| Removed { action, last_seen: last_seen(action) }).collect();
            step
        })
        .collect();
    let principal = judged.principal;
    let steps = with_operations(basis.access, principal, steps);
    let price = price(principal, &steps, affected.len());
    let mut plan = Plan { principal, managed: None, groups: None, steps, leaves, removed, retained, affected, price };
    total_inline(&mut plan);
    Ok((!plan.steps.is_empty()).then_some(plan))
}

/// The unused list of a plan. A service is named as a whole only when all of it goes.
fn list(access: &AccessModel<'_>, unused: &ActionSet, removed: &ActionSet, whole: &BTreeSet<&str>) -> Unused {
    let mut kept = unused.clone();
    kept.remove_all(removed);
    let partly: BTreeSet<&str> = kept.iter().map(|action| access.actions().name(action).0).collect();
    let mut list = Unused::default();
    for action in removed.iter() {
        let (service, name) = access.actions().name(action);
        if whole.contains(service) && !partly.contains(service) {
            list.add_service(service);
        } else if let Some(name) = ActionName::of(service, name) {
            list.add_action(name);
        }
    }
    list
}

fn describe(source: &PolicySource<'_>) -> String {
    match source.policy {
        PolicyRef::Managed(arn) if source.holder.arn.kind() == PrincipalKind::Group => {
            format!("{arn} of group {}", source.holder.arn.name())
        }
        PolicyRef::Managed(arn) => arn.to_string(),
        PolicyRef::Inline(name) => format!("{name} of {}", source.holder.arn.name()),
    }
}

/// Names what the steps create and says what they do. A name is free in the account, and given once in a plan.
fn with_operations<'a>(access: &AccessModel<'_>, principal: &Principal, mut steps: Vec<PolicyStep<'a>>) -> Vec<PolicyStep<'a>> {
    let mut given: Vec<String> = Vec::new();
    // What became of a managed policy, so that nothing is made twice: its ARN and new document, with the policy that has it now
    // and who has that.
    let mut made: Vec<((String, String), String, Vec<PrincipalArn>)> = Vec::new();
    for step in &mut steps {
        let same = |policy: &str, text: &str| (policy.to_owned(), text.to_owned());
        let document = step.refined.text.as_deref().filter(|_| step.is_managed() && !step.refined.is_unchanged());
        let document = document.map(|text| same(step.existing_policy_id(), text));
        if let Some((_, name, holders)) = document.as_ref().and_then(|own| made.iter_mut().find(|(of, ..)| of == own)) {
            let (to, from) = match step.change {
                Change::MoveToUser => (principal.arn.clone(), None),
                _ => (step.source.holder.arn.clone(), Some(step.existing_policy_id().to_owned())),
            };
            // With a new version of the policy itself its holders have what they should.
            let from = from.filter(|id| id != name);
            if !holders.contains(&to) {
                holders.push(to.clone());
                step.operations.push(Operation::AttachPolicy(name.clone(), to.clone()));
            }
            step.operations.extend(from.map(|id| Operation::DetachPolicy(id, to)));
            continue;
        }
        let is_created = step.refined.text.is_some()
            && match (step.change, step.source.policy) {
                (Change::Copy, _) | (Change::ForGroup, PolicyRef::Managed(_)) => true,
                (Change::MoveToUser, PolicyRef::Managed(_)) => !step.refined.is_unchanged(),
                (Change::MoveToUser, PolicyRef::Inline(_)) => true,
                _ => false,
            };
        if is_created {
            let name = match step.source.policy {
                PolicyRef::Managed(arn) => {
                    let owned = |taken: &str| {
                        let own = access.policies().iter().filter(|policy| policy.arn.owner() == Some(principal.arn.account()));
                        own.map(|policy| policy.arn.name()).any(|name| name.eq_ignore_ascii_case(taken))
                    };
                    free_name(arn.name(), |name| owned(name) || given.iter().any(|given| given.eq_ignore_ascii_case(name)))
                }
                PolicyRef::Inline(own) => {
                    let taken = |name: &str| {
                        principal.inline.iter().any(|inline| inline.name.eq_ignore_ascii_case(name))
                            || given.iter().any(|given| given.eq_ignore_ascii_case(name))
                    };
                    if taken(own) { free_name(own, taken) } else { own.to_owned() }
                }
            };
            given.push(name.clone());
            step.new_name = Some(name);
        }
        let holders = match step.source.policy {
            PolicyRef::Managed(arn) => access.attachments(arn).principals,
            PolicyRef::Inline(_) => Vec::new(),
        };
        step.operations = of_step(step, principal, &holders);
        if let Some(document) = document {
            let (name, holders) = match (step.change, &step.new_name) {
                (Change::InPlace, _) => (document.0.clone(), holders.iter().map(|holder| holder.arn.clone()).collect()),
                (Change::MoveToUser, Some(name)) => (name.clone(), vec![principal.arn.clone()]),
                (_, Some(name)) => (name.clone(), vec![step.source.holder.arn.clone()]),
                (_, None) => continue,
            };
            made.push((document, name, holders));
        }
    }
    steps
}

fn price(principal: &Principal, steps: &[PolicyStep<'_>], principals: usize) -> Price {
    let after = |step: &PolicyStep<'_>| step.refined.text.as_deref().and_then(|text| Policy::parse(text).ok());
    let statements_after = steps.iter().filter_map(after).map(|policy| policy.statements().len()).sum();
    let before = principal.attached.len();
    let of_principal = || steps.iter().flat_map(|step| &step.operations).filter(|done| done.holder() == Some(&principal.arn));
    let attached: BTreeSet<&str> =
        of_principal().filter(|done| matches!(done, Operation::AttachPolicy(..))).filter_map(Operation::policy).collect();
    let detached: BTreeSet<&str> =
        of_principal().filter(|done| matches!(done, Operation::DetachPolicy(..))).filter_map(Operation::policy).collect();
    let in_set = |step: &&PolicyStep<'_>| matches!(step.change, Change::PermissionSet(_)) && step.is_managed();
    let out_of_set = steps.iter().filter(in_set).filter(|step| step.refined.text.is_none()).count();
    let detached = detached.len() + out_of_set;
    Price {
        principals,
        statements: (steps.iter().map(|step| step.original.statements().len()).sum(), statements_after),
        characters: (steps.iter().map(|step| step.original.quota_size()).sum(), steps.iter().map(PolicyStep::size_after).sum()),
        managed_policies: (before, (before + attached.len()).saturating_sub(detached)),
    }
}

/// Inline policies share one quota of their holder: each step is told the total.
fn total_inline(plan: &mut Plan<'_>) {
    let total = |holder: &Principal| -> usize {
        let size = |inline: &crate::access::details::InlinePolicy| {
            let changed = plan.steps.iter().find(|step| {
                step.change != Change::MoveToUser
                    && step.source.policy == PolicyRef::Inline(&inline.name)
                    && step.source.holder.arn == holder.arn
            });
            match changed {
                Some(step) => step.size_after(),
                None => inline.document.policy().map_or(0, |policy| policy.quota_size()),
            }
        };
        let own: usize = holder.inline.iter().map(size).sum();
        let moved = plan.steps.iter().filter(|step| step.change == Change::MoveToUser && !step.is_managed());
        own + if holder.arn == plan.principal.arn { moved.map(PolicyStep::size_after).sum() } else { 0 }
    };
    let sizes: Vec<Option<usize>> = plan
        .steps
        .iter()
        .map(|step| {
            let holder = if step.change == Change::MoveToUser { plan.principal } else { step.source.holder };
            (!step.is_managed()).then(|| total(holder))
        })
        .collect();
    for (step, size) in plan.steps.iter_mut().zip(sizes) {
        if let Some(size) = size {
            step.fit.size = size;
        }
    }
}
