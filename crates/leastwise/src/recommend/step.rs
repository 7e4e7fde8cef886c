//! One policy of a plan: what it is now, what it becomes with the proof of that, and whether it fits its quota.
//!
//! The only place of this stage that refines. A refinement that the proof refutes becomes a [`Fault`], never a step.

use std::sync::Arc;

use leastwise_policy::document::quota_size;
use leastwise_policy::{Policy, Unused};
use leastwise_proof::{Verified, certify};

use super::operation::Operation;
use super::{Basis, Fault};
use crate::access::model::{PolicyRef, PolicySource};
use crate::access::{ActionId, PrincipalKind, Timestamp};
use crate::refine::{Choices, Quota, Recommendation, Split, refine, split};

/// In which way a policy is changed, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// The principal's inline policy is replaced.
    Inline,
    /// The principal gets a copy of the managed policy in its place; whoever else has the policy keeps it.
    Copy,
    /// The managed policy itself gets a new version, for everybody who has it.
    InPlace,
    /// The group's policy is replaced, for all its members.
    ForGroup,
    /// The user leaves the group and takes this policy of it along, as far as it needs it.
    MoveToUser,
    /// The policy is replaced in the permission set, for all its roles in all accounts.
    PermissionSet(&'a str),
}

impl Change<'_> {
    /// The word for it in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Change::Inline => "inline",
            Change::Copy => "copy",
            Change::InPlace => "in_place",
            Change::ForGroup => "group",
            Change::MoveToUser => "move_to_user",
            Change::PermissionSet(_) => "permission_set",
        }
    }
}

/// An action that a step takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The action.
    pub action: ActionId,
    /// When anybody whom the change concerns was last seen to use it; none when never.
    pub last_seen: Option<Timestamp>,
}

/// Whether what a policy becomes fits IAM's quota on size.
#[derive(Debug, Clone)]
pub struct Fit {
    /// The quota that counts.
    pub quota: Quota,
    /// What counts against it, in characters: the policy, or all inline policies of the holder after the plan.
    pub size: usize,
    /// What can be done when it does not fit.
    pub remedies: Vec<Remedy>,
}

impl Fit {
    /// Whether it fits.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.size <= self.quota.limit()
    }
}

/// A proved way to stay below the quota.
#[derive(Debug, Clone)]
pub enum Remedy {
    /// Several managed policies in place of one.
    Split(Verified<Split>),
    /// Shorter patterns.
    Compact(Verified<Recommendation>),
}

/// One policy of a plan.
#[derive(Debug, Clone)]
pub struct PolicyStep<'a> {
    /// The policy, its holder and its document.
    pub source: PolicySource<'a>,
    /// In which way it is changed.
    pub change: Change<'a>,
    /// The document as it is.
    pub original: &'a Arc<Policy>,
    /// What it becomes, proved.
    pub refined: Verified<Recommendation>,
    /// What it no longer grants, in the catalogue's order.
    pub removed: Vec<Removed>,
    /// When the managed policy was last changed, if known.
    pub updated: Option<Timestamp>,
    /// Whether it fits its quota.
    pub fit: Fit,
    /// The name of the policy that is made in its place, where one is.
    pub new_name: Option<String>,
    /// The version of the managed policy that has to go before a new one fits.
    pub surplus_version: Option<String>,
    /// What it does, in this order.
    pub operations: Vec<Operation>,
}

impl PolicyStep<'_> {
    /// The existing policy in the provider's way: the ARN of a managed policy, the name of an inline one.
    #[must_use]
    pub fn existing_policy_id(&self) -> &str {
        match self.source.policy {
            PolicyRef::Managed(arn) => arn.as_str(),
            PolicyRef::Inline(name) => name,
        }
    }

    /// What is to be done in the words of AWS's recommendations (`recommendedAction`), which are about the principal of the
    /// finding alone: create a policy for it, detach a policy from it. Nothing where these words would mean something else.
    #[must_use]
    pub fn aws_actions(&self) -> Option<Vec<&'static str>> {
        match self.change {
            Change::Inline | Change::Copy => Some(self.refined.steps().iter().map(|step| step.as_str()).collect()),
            Change::InPlace | Change::ForGroup | Change::MoveToUser | Change::PermissionSet(_) => None,
        }
    }

    /// The words of its operations, joined.
    #[must_use]
    pub fn words(&self) -> String {
        let words: Vec<&str> = self.operations.iter().map(Operation::word).collect();
        if words.is_empty() { "no step".to_owned() } else { words.join(", then ") }
    }

    /// Whether the policy is a managed one.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        matches!(self.source.policy, PolicyRef::Managed(_))
    }

    /// What to do, as a sentence without a full stop.
    #[must_use]
    pub fn instruction(&self) -> String {
        let (id, holder) = (self.existing_policy_id(), self.source.holder.arn.name());
        let nothing_left = self.refined.text.is_none();
        match self.change {
            Change::Inline if nothing_left => format!("delete inline policy `{id}`"),
            Change::Inline => format!("replace inline policy `{id}`"),
            Change::Copy if nothing_left => format!("detach `{id}`"),
            Change::Copy => format!("create a policy of your own, attach it, and detach `{id}`"),
            Change::InPlace if nothing_left => format!("detach `{id}` from everybody who has it"),
            Change::InPlace => format!("make this the default version of `{id}`, for everybody who has it"),
            Change::ForGroup if nothing_left => format!("detach `{id}` from group `{holder}`, for all its members"),
            Change::ForGroup => format!("replace `{id}` in group `{holder}`, for all its members"),
            Change::MoveToUser if nothing_left => format!("`{id}` of group `{holder}` is not needed after leaving it"),
            Change::MoveToUser if self.refined.is_unchanged() && self.is_managed() => {
                format!("attach `{id}` of group `{holder}` to the user as it is")
            }
            Change::MoveToUser => format!("give the user this in place of `{id}` of group `{holder}`"),
            Change::PermissionSet(set) if nothing_left => format!("take `{id}` out of permission set `{set}`"),
            Change::PermissionSet(set) => format!("replace `{id}` in permission set `{set}`"),
        }
    }

    /// Characters of the new document that count for a quota.
    #[must_use]
    pub fn size_after(&self) -> usize {
        self.refined.text.as_deref().map_or(0, quota_size)
    }
}

/// Refines and proves one policy. Whether it fits as a managed policy is told here, as an inline one by the plan.
pub(super) fn step<'a>(
    basis: &Basis<'a>,
    source: PolicySource<'a>,
    change: Change<'a>,
    original: &'a Arc<Policy>,
    unused: &Unused,
) -> Result<PolicyStep<'a>, Fault> {
    let catalogue = basis.access.actions().catalogue();
    let id = match source.policy {
        PolicyRef::Managed(arn) => arn.as_str(),
        PolicyRef::Inline(name) => name,
    };
    let fault = |refusal: String| Fault { policy: format!("{id} of {}", source.holder.arn), refusal };
    let proved = |choices: Choices| {
        certify(original, unused, catalogue, refine(original, unused, catalogue, choices)).map_err(|r| fault(r.to_string()))
    };
    let refined = proved(basis.choices)?;
    let managed = matches!(source.policy, PolicyRef::Managed(_));
    let quota = match (managed, source.holder.arn.kind(), change) {
        (true, ..) => Quota::Managed,
        (false, _, Change::MoveToUser) | (false, PrincipalKind::User, _) => Quota::User,
        (false, PrincipalKind::Group, _) => Quota::Group,
        (false, ..) => Quota::Role,
    };
    let size = refined.text.as_deref().map_or(0, quota_size);
    let mut remedies = Vec::new();
    if managed && size > quota.limit() && !refined.is_unchanged() {
        let text = refined.text.as_deref().and_then(|text| Policy::parse(text).ok());
        if let Some(parts) = text.and_then(|policy| split(&policy, quota.limit()).ok()) {
            let parts = certify(original, unused, catalogue, parts).map_err(|r| fault(r.to_string()))?;
            remedies.push(Remedy::Split(parts));
        }
        let compact = proved(Choices { compact: true, ..basis.choices })?;
        if compact.text.as_deref().is_some_and(|text| quota_size(text) <= quota.limit()) {
            remedies.push(Remedy::Compact(compact));
        }
    }
    let policy = match source.policy {
        PolicyRef::Managed(arn) => basis.access.policy(arn),
        PolicyRef::Inline(_) => None,
    };
    let updated = policy.and_then(|policy| policy.updated);
    let surplus_version = policy.and_then(|policy| policy.surplus_version.as_deref()).map(str::to_owned);
    let fit = Fit { quota, size, remedies };
    let (removed, new_name, operations) = (Vec::new(), None, Vec::new());
    Ok(PolicyStep { source, change, original, refined, removed, updated, fit, new_name, surplus_version, operations })
}
