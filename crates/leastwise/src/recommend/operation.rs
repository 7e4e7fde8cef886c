//! What a step does to the account, one operation at a time, each with its policy and its holder.
//!
//! The words of AWS's finding recommendations know two actions on the principal of a finding. These are unambiguous for every
//! holder, and done in their order a principal never has less than it has in the end.

use super::step::{Change, PolicyStep};
use crate::access::model::PolicyRef;
use crate::access::{Principal, PrincipalArn};

/// One change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Creates a managed policy of that name with the step's document.
    CreatePolicy(String),
    /// Attaches a managed policy: its ARN, or the name of one that was created before.
    AttachPolicy(String, PrincipalArn),
    /// Detaches a managed policy, by its ARN.
    DetachPolicy(String, PrincipalArn),
    /// Deletes a version of a managed policy, to make room for one more.
    DeletePolicyVersion(String, String),
    /// Gives a managed policy a new default version with the step's document.
    CreatePolicyVersion(String),
    /// Puts the step's document as an inline policy of that name.
    PutInlinePolicy(String, PrincipalArn),
    /// Deletes the inline policy of that name.
    DeleteInlinePolicy(String, PrincipalArn),
    /// Takes a user out of a group.
    LeaveGroup(PrincipalArn, PrincipalArn),
    /// Replaces a policy in a permission set and provisions the set again; with false, removes it there.
    UpdatePermissionSet(String, String, bool),
}

impl Operation {
    /// The operation in JSON.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Operation::CreatePolicy(_) => "CREATE_POLICY",
            Operation::AttachPolicy(..) => "ATTACH_POLICY",
            Operation::DetachPolicy(..) => "DETACH_POLICY",
            Operation::DeletePolicyVersion(..) => "DELETE_POLICY_VERSION",
            Operation::CreatePolicyVersion(_) => "CREATE_POLICY_VERSION",
            Operation::PutInlinePolicy(..) => "PUT_INLINE_POLICY",
            Operation::DeleteInlinePolicy(..) => "DELETE_INLINE_POLICY",
            Operation::LeaveGroup(..) => "LEAVE_GROUP",
            Operation::UpdatePermissionSet(..) => "UPDATE_PERMISSION_SET",
        }
    }

    /// The policy that it is about: an ARN, or a name.
    #[must_use]
    pub fn policy(&self) -> Option<&str> {
        match self {
            Operation::LeaveGroup(..) => None,
            Operation::CreatePolicy(policy)
            | Operation::AttachPolicy(policy, _)
            | Operation::DetachPolicy(policy, _)
            | Operation::DeletePolicyVersion(policy, _)
            | Operation::CreatePolicyVersion(policy)
            | Operation::PutInlinePolicy(policy, _)
            | Operation::DeleteInlinePolicy(policy, _)
            | Operation::UpdatePermissionSet(policy, ..) => Some(policy),
        }
    }

    /// Whose policies change.
    #[must_use]
    pub fn holder(&self) -> Option<&PrincipalArn> {
        match self {
            Operation::AttachPolicy(_, holder)
            | Operation::DetachPolicy(_, holder)
            | Operation::PutInlinePolicy(_, holder)
            | Operation::DeleteInlinePolicy(_, holder)
            | Operation::LeaveGroup(_, holder) => Some(holder),
            _ => None,
        }
    }

    /// What to do, as a phrase with names in backticks.
    #[must_use]
    pub fn phrase(&self) -> String {
        let of = |holder: &PrincipalArn| format!("{} `{}`", holder.kind().name(), holder.name());
        match self {
            Operation::CreatePolicy(name) => format!("create policy `{name}`"),
            Operation::AttachPolicy(policy, to) => format!("attach `{policy}` to {}", of(to)),
            Operation::DetachPolicy(policy, from) => format!("detach `{policy}` from {}", of(from)),
            Operation::DeletePolicyVersion(policy, version) => format!("delete version `{version}` of `{policy}`"),
            Operation::CreatePolicyVersion(policy) => format!("create a default version of `{policy}`"),
            Operation::PutInlinePolicy(name, to) => format!("put inline policy `{name}` of {}", of(to)),
            Operation::DeleteInlinePolicy(name, from) => format!("delete inline policy `{name}` of {}", of(from)),
            Operation::LeaveGroup(group, user) => format!("remove {} from group `{}`", of(user), group.name()),
            Operation::UpdatePermissionSet(policy, set, true) => format!("replace `{policy}` in permission set `{set}`"),
            Operation::UpdatePermissionSet(policy, set, false) => format!("remove `{policy}` from permission set `{set}`"),
        }
    }
}

/// What a step does, for a plan about `principal`; `holders` have the policy when it changes for all.
pub(super) fn of_step(step: &PolicyStep<'_>, principal: &Principal, holders: &[&Principal]) -> Vec<Operation> {
    let id = step.existing_policy_id().to_owned();
    let holder = &step.source.holder.arn;
    let (is_left, name) = (step.refined.text.is_some(), step.new_name.clone());
    let replaced = |of: &PrincipalArn| match &name {
        Some(name) if is_left => vec![
            Operation::CreatePolicy(name.clone()),
            Operation::AttachPolicy(name.clone(), of.clone()),
            Operation::DetachPolicy(id.clone(), of.clone()),
        ],
        _ => vec![Operation::DetachPolicy(id.clone(), of.clone())],
    };
    let inline = |of: &PrincipalArn| match is_left {
        true => vec![Operation::PutInlinePolicy(id.clone(), of.clone())],
        false => vec![Operation::DeleteInlinePolicy(id.clone(), of.clone())],
    };
    match (step.change, step.source.policy) {
        (Change::Inline, _) | (Change::ForGroup, PolicyRef::Inline(_)) => inline(holder),
        (Change::Copy, _) | (Change::ForGroup, PolicyRef::Managed(_)) => replaced(holder),
        (Change::InPlace, _) if is_left => {
            let surplus = step.surplus_version.iter().map(|version| Operation::DeletePolicyVersion(id.clone(), version.clone()));
            surplus.chain([Operation::CreatePolicyVersion(id.clone())]).collect()
        }
        (Change::InPlace, _) => holders.iter().map(|holder| Operation::DetachPolicy(id.clone(), holder.arn.clone())).collect(),
        (Change::MoveToUser, _) if !is_left => Vec::new(),
        (Change::MoveToUser, PolicyRef::Managed(arn)) if step.refined.is_unchanged() => {
            let is_attached = principal.attached.iter().any(|attached| attached == arn);
            if is_attached { Vec::new() } else { vec![Operation::AttachPolicy(id.clone(), principal.arn.clone())] }
        }
        (Change::MoveToUser, PolicyRef::Managed(_)) => {
            let name = name.unwrap_or(id);
            vec![Operation::CreatePolicy(name.clone()), Operation::AttachPolicy(name, principal.arn.clone())]
        }
        (Change::MoveToUser, PolicyRef::Inline(_)) => {
            vec![Operation::PutInlinePolicy(name.unwrap_or(id), principal.arn.clone())]
        }
        (Change::PermissionSet(set), _) => vec![Operation::UpdatePermissionSet(id, set.to_owned(), is_left)],
    }
}

/// A name like `base` that nobody has yet: with `-recommended`, then numbered. IAM compares names without case and takes
/// 128 characters ("IAM and AWS STS quotas").
pub(super) fn free_name(base: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let with = |suffix: &str| {
        let kept: String = base.chars().take(128 - suffix.len()).collect();
        format!("{kept}{suffix}")
    };
    let first = with("-recommended");
    if !is_taken(&first) {
        return first;
    }
    (2_u32..).map(|number| with(&format!("-recommended-{number}"))).find(|name| !is_taken(name)).unwrap_or(first)
}
