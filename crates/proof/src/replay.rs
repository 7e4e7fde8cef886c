//! Replays witnesses through the policy crate's evaluator, one request at a time.
//!
//! The opposite of the rest of this crate: no automata, no sets, nothing shared with the search that found the
//! witness. A witness holds whatever policy variables stand for, so that it is replayed with none of them known and with all
//! of them given. When the two disagree the verdict is disputed, which is our own fault and never passed over.

use leastwise_policy::evaluate::{Context, Principal, Request, is_about};
use leastwise_policy::{ActionName, Effect, Policy, Statement, Unused};

use crate::claims::Witness;
use crate::clause::Clause;
use crate::variables;

/// A request for a witness; nobody's in particular, as principals and conditions are not replayed.
struct Replay {
    requests: Vec<Request>,
    /// Whether the witness is about every resource of its statement.
    on_any: bool,
}

/// How many steps of the evaluator's matcher one replay may take at most.
const MAX_STEPS: usize = 100_000_000;

/// Whether a request whose longest text has so many bytes is replayed soon: the evaluator takes as many steps as a pattern with
/// several wildcards has characters, times those of the text.
pub(crate) fn is_cheap<'p>(longest: usize, policies: impl Iterator<Item = &'p Policy> + Clone) -> bool {
    let mut size: usize = policies.clone().map(|policy| policy.text().len()).sum();
    if size.saturating_mul(longest) <= MAX_STEPS {
        return true;
    }
    size = 0;
    for statement in policies.flat_map(|policy| policy.statements()) {
        let actions = statement.actions.patterns.iter().map(|pattern| pattern.what.as_str());
        let resources = statement.resources.iter().flat_map(|element| &element.patterns).map(|pattern| &*pattern.what);
        let values = statement.conditions.iter().flat_map(|line| &line.values).map(|value| &*value.what);
        let several = |text: &&str| text.bytes().filter(|b| matches!(b, b'*' | b'?' | b'$')).count() > 1;
        size += actions.chain(resources).chain(values).filter(several).map(str::len).sum::<usize>();
    }
    size.saturating_mul(longest) <= MAX_STEPS
}

/// How many bytes the longest text of a witness has.
pub(crate) fn longest(witness: &Witness) -> usize {
    witness.action.iter().chain(&witness.resource).map(String::len).max().unwrap_or(0)
}

impl Replay {
    fn of<'p>(witness: &Witness, policies: impl Iterator<Item = &'p Policy>) -> Option<Replay> {
        let action = witness.action.as_deref().and_then(ActionName::parse)?;
        let resource = witness.resource.as_deref().unwrap_or("*");
        let mut given = Context::default();
        for policy in policies {
            let elements = policy.statements().iter().filter_map(|statement| statement.resources.as_ref());
            for pattern in elements.flat_map(|element| &element.patterns) {
                for key in variables::keys(&pattern.what) {
                    given.insert(&key, ["x"]);
                }
            }
        }
        let request = |context| Request {
            principal: Principal::Anonymous,
            action: action.clone(),
            resource: resource.into(),
            resource_account: None,
            context,
        };
        Some(Replay { requests: vec![request(Context::default()), request(given)], on_any: witness.resource.is_none() })
    }

    fn is_about(&self, policy: &Policy, statement: &Statement, request: &Request) -> bool {
        if !self.on_any {
            return is_about(policy, statement, request);
        }
        let (service, name) = (request.action.service(), request.action.name());
        statement.actions.patterns.iter().any(|p| p.what.matches(service, name)) != statement.actions.negated
    }

    /// Whether something is so of every request.
    fn always(&self, is_so: impl Fn(&Request) -> bool) -> bool {
        self.requests.iter().all(is_so)
    }
}

/// Whether the refined document allows the witness's request and the original does not.
pub(crate) fn is_added(original: &Policy, refined: &Policy, witness: &Witness) -> bool {
    let Some(replay) = Replay::of(witness, [original, refined].into_iter()) else { return false };
    let Some(allow) = witness.refined.and_then(|at| refined.statements().get(at)) else { return false };
    let lost = witness.original.and_then(|at| original.statements().get(at));
    replay.always(|request| {
        let is_about = |policy: &Policy, effect, statement: &Statement| {
            statement.effect == effect && replay.is_about(policy, statement, request)
        };
        let any = |policy: &Policy, effect| policy.statements().iter().any(|s| is_about(policy, effect, s));
        let forbidden = match lost {
            Some(deny) => is_about(original, Effect::Deny, deny),
            None => !any(original, Effect::Allow),
        };
        is_about(refined, Effect::Allow, allow) && !any(refined, Effect::Deny) && forbidden
    })
}

/// Whether the statement grants the witness's action, which the list names.
pub(crate) fn is_unused_granted(clause: &Clause<'_>, unused: &Unused, witness: &Witness) -> bool {
    let Some(replay) = Replay::of(witness, std::iter::empty()) else { return false };
    clause.allows()
        && replay.always(|request| {
            replay.is_about(clause.policy, clause.statement, request)
                && unused.names(request.action.service(), request.action.name())
        })
}

/// Whether the original grants the witness's action, the list does not name it, and the documents either do not
/// grant it in the same way or deny it.
pub(crate) fn is_lost(old: &[Clause<'_>], documents: &[Vec<Clause<'_>>], unused: &Unused, witness: &Witness) -> bool {
    let Some(clause) = witness.original.and_then(|at| old.get(at)) else { return false };
    let new = || documents.iter().flatten();
    let policies = std::iter::once(clause.policy).chain(documents.iter().filter_map(|clauses| Some(clauses.first()?.policy)));
    let Some(replay) = Replay::of(witness, policies) else { return false };
    replay.always(|request| {
        let is_about = |c: &Clause<'_>| replay.is_about(c.policy, c.statement, request);
        let granted = || new().any(|c| c.allows() && c.frame.guard.follows_from(&clause.frame.guard) && is_about(c));
        let denied = || new().any(|c| !c.allows() && is_about(c));
        !unused.names(request.action.service(), request.action.name())
            && is_about(clause)
            && if witness.refined.is_some() { denied() } else { !granted() }
    })
}
