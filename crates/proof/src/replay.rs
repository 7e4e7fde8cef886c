//! Replays witnesses through the policy crate's plain matcher, one request at a time.
//!
//! The opposite of the rest of this crate: no automata, no sets, nothing shared with the search that found the
//! witness. When the two disagree the verdict is disputed, which is our own fault and never passed over.

use leastwise_policy::{ActionName, Effect, Policy, Statement, Unused};

use crate::claims::Witness;
use crate::clause::Clause;
use crate::resources;

/// Whether the statement is about the action.
fn matches_action(statement: &Statement, action: &str) -> bool {
    // The first colon parts service and name; the pattern's own matcher does the rest.
    let (service, name) = action.split_once(':').unwrap_or((action, ""));
    statement.actions.patterns.iter().any(|p| p.what.matches(service, name)) != statement.actions.negated
}

/// Whether the statement is about the resource; about every one when it does not say.
fn matches_resource(statement: &Statement, resource: &str) -> bool {
    statement
        .resources
        .as_ref()
        .is_none_or(|element| element.patterns.iter().any(|p| resources::replay(&p.what, resource)) != element.negated)
}

fn matches(statement: &Statement, witness: &Witness) -> bool {
    witness.action.as_ref().is_some_and(|action| matches_action(statement, action))
        && witness.resource.as_ref().is_none_or(|resource| matches_resource(statement, resource))
}

/// Whether the refined document allows the witness's request and the original does not.
pub(crate) fn is_added(original: &Policy, refined: &Policy, witness: &Witness) -> bool {
    let statement = witness.refined.and_then(|at| refined.statements().get(at));
    let allowed = statement.is_some_and(|s| s.effect == Effect::Allow && matches(s, witness));
    let before = |effect| original.statements().iter().any(|s| s.effect == effect && matches(s, witness));
    let denied = witness.original.and_then(|at| original.statements().get(at)).is_some_and(|s| s.effect == Effect::Deny);
    allowed && if denied { before(Effect::Deny) } else { !before(Effect::Allow) }
}

/// Whether the statement grants the witness's action, which the list names.
pub(crate) fn is_unused_granted(statement: &Statement, unused: &Unused, witness: &Witness) -> bool {
    let name = witness.action.as_deref().and_then(ActionName::parse);
    statement.effect == Effect::Allow
        && matches(statement, witness)
        && name.is_some_and(|name| unused.names(name.service(), name.name()))
}

/// Whether the original grants the witness's action, the list does not name it, and the documents either do not
/// grant it in the same way or deny it.
pub(crate) fn is_lost(old: &[Clause<'_>], documents: &[Vec<Clause<'_>>], unused: &Unused, witness: &Witness) -> bool {
    let Some(clause) = witness.original.and_then(|at| old.get(at)) else { return false };
    let name = witness.action.as_deref().and_then(ActionName::parse);
    let kept = name.is_some_and(|name| !unused.names(name.service(), name.name()));
    let new = || documents.iter().flatten();
    let granted = new().any(|c| c.allows() && c.frame.guard.follows_from(&clause.frame.guard) && matches(c.statement, witness));
    let denied = || new().any(|c| !c.allows() && matches(c.statement, witness));
    kept && matches(clause.statement, witness) && if witness.refined.is_some() { denied() } else { !granted }
}
