//! From a point of the space to a request, and its replay through the plain evaluator.
//!
//! The opposite of the rest: one request at a time, nothing shared with the search. A request that the evaluator does
//! not confirm is never shown.

use std::sync::OnceLock;

use leastwise_policy::evaluate::{Context, Decision, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, Policy};

use super::PolicyKind;
use super::keys::State;
use super::solve;
use super::space::{Point, Space};

/// The request at a point; none where the point holds what only a request knows.
pub(super) fn request(space: &Space<'_>, found: &solve::Request, new: &[&Policy]) -> Option<Request> {
    let (mut action, mut resource, mut principal) = (None, None, None);
    let mut context = Context::default();
    let mut missing = Vec::new();
    for (dimension, point) in (0_u32..).zip(&found.points) {
        match point {
            Point::Action(name) => action = spelled(space, name, new),
            Point::Resource(place) => resource = place.text.clone(),
            Point::Caller(caller) => principal = Some(caller.clone()),
            Point::Key(State::Values(values)) => {
                context.insert(&space.key_of(dimension)?.name, values.iter().map(String::as_str));
            }
            Point::Key(State::Missing) => missing.push(&*space.key_of(dimension)?.name),
            Point::Key(State::Unknown) => {}
        }
    }
    let principal = principal?;
    let resource_account = principal.account().map(Into::into);
    let mut request = Request { principal, action: action?, resource: resource?.into(), resource_account, context };
    // Who reads the request would take these keys from the rest of it, so that their absence has to be said.
    let determined = request.determined();
    for key in missing {
        if determined.iter().any(|(own, _)| own.eq_ignore_ascii_case(key)) {
            request.context.insert(key, Vec::<Box<str>>::new());
        }
    }
    Some(request)
}

/// An action, found in lower case, as the catalogue or a policy spells it.
fn spelled(space: &Space<'_>, name: &str, new: &[&Policy]) -> Option<ActionName> {
    let lower = ActionName::parse(name)?;
    if let Some(service) = space.catalogue.service(lower.service())
        && let Some(action) = service.action(lower.name())
    {
        return ActionName::of(service.prefix(), action.name());
    }
    let mut written = new.iter().flat_map(|policy| policy.statements()).flat_map(|s| &s.actions.patterns);
    written.find_map(|pattern| pattern.what.as_name().filter(|own| *own == lower)).or(Some(lower))
}

/// Whether the policies allow the request, as the evaluator says.
pub(super) fn allows(policies: &[&Policy], request: &Request, kind: PolicyKind) -> bool {
    let (Some(delegating), Some(everything)) = (delegation(), everything()) else { return false };
    match kind {
        PolicyKind::Identity => {
            // Roles and keys are used only as their own policies say: here these leave it to the account.
            let set = PolicySet { identity: policies.to_vec(), resource: Some(delegating), ..PolicySet::default() };
            set.evaluate(request).decision == Decision::Allowed
        }
        PolicyKind::Resource => {
            // From another account, with every permission there, so that the resource's policy alone decides.
            let mut request = request.clone();
            if matches!(request.principal, Principal::Aws(_)) {
                request.resource_account = Some("another account".into());
            }
            let decide = |policy: &Policy| {
                let set = PolicySet {
                    identity: vec![everything],
                    resource: Some(policy),
                    session: vec![everything],
                    ..PolicySet::default()
                };
                set.evaluate(&request).decision
            };
            let decisions: Vec<Decision> = policies.iter().map(|policy| decide(policy)).collect();
            decisions.contains(&Decision::Allowed) && !decisions.contains(&Decision::ExplicitlyDenied)
        }
    }
}

/// A resource policy that leaves everything to the account of the caller of identity policies.
fn delegation() -> Option<&'static Policy> {
    static POLICY: OnceLock<Option<Policy>> = OnceLock::new();
    let text = r#"{"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"}}"#;
    POLICY.get_or_init(|| Policy::parse(text).ok()).as_ref()
}

fn everything() -> Option<&'static Policy> {
    static POLICY: OnceLock<Option<Policy>> = OnceLock::new();
    let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    POLICY.get_or_init(|| Policy::parse(text).ok()).as_ref()
}

/// The request in words, to follow "statement 0 allows".
pub(super) fn in_words(request: &Request, kind: PolicyKind) -> String {
    let mut words = format!("`{}`", request.action);
    if &*request.resource != "*" {
        words.push_str(&format!(" on `{}`", request.resource));
    }
    if kind == PolicyKind::Resource {
        words.push_str(&match &request.principal {
            Principal::Anonymous => " to anybody, even without credentials".to_owned(),
            Principal::Aws(aws) => format!(" to `{}`", aws.arn()),
            Principal::Service(names) => format!(" to the service `{}`", names.join("`, `")),
            Principal::Federated(name) => format!(" to identities of `{name}`"),
            Principal::CanonicalUser(name) => format!(" to the canonical user `{name}`"),
        });
    }
    for (at, (key, values)) in request.context.iter().enumerate() {
        words.push_str(if at == 0 { " when " } else { " and " });
        match values {
            [] => words.push_str(&format!("`{key}` is missing")),
            values => words.push_str(&format!("`{key}` is `{}`", values.join("`, `"))),
        }
    }
    words
}
