//! The one door to the proof's comparison over all requests.
//!
//! Hands the checks' questions to `leastwise_proof::inclusion`, which answers them; decides nothing itself.

use leastwise_policy::{ActionName, Catalogue, Policy};
use leastwise_proof::inclusion;
pub(super) use leastwise_proof::inclusion::{Comparison, PolicyKind};

use super::access::Access;

/// Whether the new policy allows only what the existing one allows.
pub(super) fn no_new_access(existing: &Policy, new: &Policy, kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    inclusion::no_new_access(&[existing], &[new], kind, catalogue)
}

/// Whether the policy allows nothing of that access.
pub(super) fn access_not_granted(policy: &Policy, access: &Access, kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    let names: Option<Vec<ActionName>> = access.actions().iter().map(|action| ActionName::parse(action)).collect();
    if let Some(actions) = names {
        let access = inclusion::Access { actions, resources: access.resources().to_vec() };
        return inclusion::access_not_granted(policy, &access, kind, catalogue);
    }
    // Patterns among the actions: whatever the policy allows has to be within what is not asked about.
    match Policy::parse(&everything_but(access, kind)) {
        Ok(rest) => inclusion::no_new_access(&[&rest], &[policy], kind, catalogue),
        Err(e) => Comparison::Undecided(format!("the access cannot be written as a policy: {e}")),
    }
}

/// A policy that allows everything but the access.
fn everything_but(access: &Access, kind: PolicyKind) -> String {
    let principal = if kind == PolicyKind::Resource { r#""Principal": "*", "# } else { "" };
    let mut statements = Vec::new();
    if !access.actions().is_empty() {
        let actions = serde_json::Value::from(access.actions());
        statements.push(format!(r#"{{"Effect": "Allow", {principal}"NotAction": {actions}, "Resource": "*"}}"#));
    }
    if !access.resources().is_empty() {
        let resources = serde_json::Value::from(access.resources());
        statements.push(format!(r#"{{"Effect": "Allow", {principal}"Action": "*", "NotResource": {resources}}}"#));
    }
    // Without variables the old version says the same, and in it `${…}` is plain text, as in the question.
    let version = if access.resources().iter().any(|r| r.contains("${")) { "2008-10-17" } else { "2012-10-17" };
    format!(r#"{{"Version": "{version}", "Statement": [{}]}}"#, statements.join(", "))
}

/// Whether the policy of a resource of that type gives nobody unknown access.
pub(super) fn no_public_access(policy: &Policy, resource_type: &str, catalogue: &Catalogue) -> Comparison {
    inclusion::no_public_access(policy, resource_type, catalogue)
}
