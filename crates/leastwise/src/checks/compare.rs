//! The one door to the proof's comparison over all requests.
//!
//! Hands the checks' questions to `leastwise_proof::inclusion`, which answers them; decides nothing itself.

use leastwise_policy::{Catalogue, Policy};
use leastwise_proof::inclusion;
pub(super) use leastwise_proof::inclusion::{Comparison, Counterexample, PolicyKind};

use super::access::Access;

/// Whether the new policy allows only what the existing one allows.
pub(super) fn no_new_access(existing: &Policy, new: &Policy, kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    inclusion::no_new_access(&[existing], &[new], kind, catalogue)
}

/// Whether the policy allows nothing of that access.
pub(super) fn access_not_granted(policy: &Policy, access: &Access, kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    let access = inclusion::Access { actions: access.actions().to_vec(), resources: access.resources().to_vec() };
    inclusion::access_not_granted(policy, &access, kind, catalogue)
}

/// Whether the policy of a resource of that type gives nobody unknown access.
pub(super) fn no_public_access(policy: &Policy, resource_type: &str, catalogue: &Catalogue) -> Comparison {
    inclusion::no_public_access(policy, resource_type, catalogue)
}
