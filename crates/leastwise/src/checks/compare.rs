//! The one door to the proof's comparison over all requests.
//!
//! Stands in for `leastwise_proof::inclusion` until that is merged: it decides what the four claims and the evaluator already decide,
//! and says "undecided" about everything else. Never a false "included".

use leastwise_policy::document::PrincipalKind;
use leastwise_policy::evaluate::{Context, Decision, PolicyKind, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, Catalogue, Effect, Policy, Unused};
use leastwise_proof::{Claim, Reason, Verdict, prove};

use super::access::Access;
use super::pattern::may_meet;

/// What comparing two sets of requests gives.
pub(super) enum Comparison {
    /// Everything of the one is in the other.
    Included,
    /// This is not.
    NotIncluded(Box<Counterexample>),
    /// It cannot be decided, for this reason.
    Undecided(String),
}

/// A request that the new policy allows and should not.
pub(super) struct Counterexample {
    pub(super) request: Request,
    /// The statement that allows it: the place of its policy among the new ones, and its own there.
    pub(super) statement: (usize, usize),
}

const SOMEBODY: &str = "arn:aws:iam::111122223333:user/somebody";

fn request(principal: Principal, action: &str, resource: &str) -> Option<Request> {
    let action = ActionName::parse(action)?;
    Some(Request { principal, action, resource: resource.into(), resource_account: None, context: Context::default() })
}

/// Whether the new policies allow only what the existing ones allow.
pub(super) fn no_new_access(existing: &[&Policy], new: &[&Policy], _kind: PolicyKind, catalogue: &Catalogue) -> Comparison {
    let undecided = |why: &str| Comparison::Undecided(why.to_owned());
    let ([original], Ok(unused)) = (existing, Unused::parse("[]")) else {
        return undecided("several existing policies are not compared yet");
    };
    let refined: Vec<Policy> = new.iter().map(|p| (*p).clone()).collect();
    match prove(original, &refined, &unused, catalogue).verdict(Claim::AddsNothing) {
        Verdict::Holds => Comparison::Included,
        Verdict::Refuted(witness) if witness.reason == Reason::Shown => {
            let shown = witness.action.as_deref().zip(Principal::parse(SOMEBODY));
            let request =
                shown.and_then(|(action, somebody)| request(somebody, action, witness.resource.as_deref().unwrap_or("*")));
            match request.zip(witness.refined) {
                Some((request, statement)) => Comparison::NotIncluded(Box::new(Counterexample {
                    request,
                    statement: (witness.document.unwrap_or(0), statement),
                })),
                None => Comparison::Undecided(witness.to_string()),
            }
        }
        Verdict::Refuted(witness) | Verdict::Disputed(witness) => Comparison::Undecided(witness.to_string()),
    }
}

/// Whether the policy allows nothing of that access.
pub(super) fn access_not_granted(policy: &Policy, access: &Access, kind: PolicyKind, _catalogue: &Catalogue) -> Comparison {
    let any = [String::from("*")];
    let actions = if access.actions().is_empty() { &any[..] } else { access.actions() };
    let resources = if access.resources().is_empty() { &any[..] } else { access.resources() };
    let mut open = false;
    for statement in policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        for action in actions {
            let meets = |pattern: &str| may_meet(&pattern.to_ascii_lowercase(), &action.to_ascii_lowercase());
            let named = statement.actions.negated || statement.actions.patterns.iter().any(|p| meets(p.what.as_str()));
            for resource in resources.iter().filter(|_| named) {
                let reached = statement
                    .resources
                    .as_ref()
                    .is_none_or(|r| r.negated || r.patterns.iter().any(|p| p.what.contains("${") || may_meet(&p.what, resource)));
                if !reached {
                    continue;
                }
                open = true;
                let tried =
                    Principal::parse(SOMEBODY).and_then(|p| request(p, &action.replace('*', "x"), &resource.replace('*', "x")));
                let set = match kind {
                    PolicyKind::Resource => PolicySet { resource: Some(policy), ..PolicySet::default() },
                    _ => PolicySet { identity: vec![policy], ..PolicySet::default() },
                };
                if let Some(request) = tried.filter(|r| set.evaluate(r).decision == Decision::Allowed) {
                    return Comparison::NotIncluded(Box::new(Counterexample { request, statement: (0, statement.index) }));
                }
            }
        }
    }
    if open {
        Comparison::Undecided("statements of the policy may reach the access; this is not compared yet".to_owned())
    } else {
        Comparison::Included
    }
}

/// Whether the policy of a resource of that type gives nobody unknown access.
pub(super) fn no_public_access(policy: &Policy, _resource_type: &str, _catalogue: &Catalogue) -> Comparison {
    let mut open = false;
    for statement in policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        let Some(element) = &statement.principal else { continue };
        let anyone =
            element.negated || element.principals.iter().any(|(kind, p)| *kind == PrincipalKind::Anyone || p.what.contains('*'));
        if !anyone {
            continue;
        }
        open = true;
        let action = statement.actions.patterns.first().map(|p| p.what.as_str().replace('*', "x"));
        let resource =
            statement.resources.as_ref().and_then(|r| r.patterns.first()).map_or("*".to_owned(), |p| p.what.replace('*', "x"));
        let tried = action.and_then(|action| request(Principal::Anonymous, &action, &resource));
        let set = PolicySet { resource: Some(policy), ..PolicySet::default() };
        if let Some(request) = tried.filter(|r| set.evaluate(r).decision == Decision::Allowed) {
            return Comparison::NotIncluded(Box::new(Counterexample { request, statement: (0, statement.index) }));
        }
    }
    if open {
        Comparison::Undecided("a statement names everybody under conditions; this is not compared yet".to_owned())
    } else {
        Comparison::Included
    }
}
