//! From a point of the space to a request, and its replay through the plain evaluator.
//!
//! The opposite of the rest: one request at a time, nothing shared with the search. What is replayed is the request as it
//! is read back from what is shown. A request that the evaluator does not confirm is never shown.

use leastwise_policy::arn::is_account_number;
use leastwise_policy::evaluate::{Context, PolicyKind as Kind, Principal, Request, applying};
use leastwise_policy::{ActionName, Effect, Policy};

use super::PolicyKind;
use super::keys::State;
use super::solve;
use super::space::{Point, Space};

/// The request at a point; none where the point holds what only a request knows.
pub(super) fn request(space: &Space<'_>, found: &solve::Request, new: &[&Policy]) -> Option<Request> {
    let (mut action, mut resource, mut principal) = (None, None, None);
    let mut context = Context::default();
    for (dimension, point) in (0_u32..).zip(&found.points) {
        match point {
            Point::Action(name) => action = spelled(space, name, new),
            Point::Resource(found) => resource = found.text.clone(),
            Point::Caller(caller) => principal = Some(caller.principal.clone()),
            Point::Key(State::Values(values)) => {
                context.insert(&space.key_of(dimension)?.name, values.iter().map(String::as_str));
            }
            Point::Key(State::Missing | State::Unknown) => {}
        }
    }
    let principal = principal?;
    // What stands in the account's place of an ARN need not be one that a request may name.
    let resource_account = principal.account().filter(|account| is_account_number(account)).map(Into::into);
    let mut request = Request { principal, action: action?, resource: resource?.into(), resource_account, context };
    // Who reads the request would take these keys from the rest of it, so that their absence has to be said.
    for (key, _) in request.determined() {
        let asked = || space.keys.iter().any(|own| own.name.eq_ignore_ascii_case(key));
        if !request.context.mentions(key) && (space.variables.contains(&key.to_ascii_lowercase()) || asked()) {
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

/// The statements of some policies that apply to a request, each by the place of its policy and its own.
#[derive(Debug, Default)]
pub(super) struct Applying {
    pub(super) allows: Vec<(usize, usize)>,
    pub(super) denies: Vec<(usize, usize)>,
}

impl Applying {
    /// Whether the policies allow the request together.
    pub(super) fn allowed(&self) -> bool {
        !self.allows.is_empty() && self.denies.is_empty()
    }
}

/// What the evaluator says of every statement, for the request as it is read back.
///
/// The policies are to decide alone: whether an account's own policies, or the policy of a key or role, are needed besides is
/// not asked.
pub(super) fn replay(policies: &[&Policy], request: &Request, kind: PolicyKind) -> Applying {
    let kind = match kind {
        PolicyKind::Identity => Kind::Identity,
        PolicyKind::Resource => Kind::Resource,
    };
    let mut request = request.clone();
    request.complete();
    let mut found = Applying::default();
    for (document, policy) in policies.iter().enumerate() {
        for statement in applying(policy, kind, &request) {
            let list = if statement.effect == Effect::Allow { &mut found.allows } else { &mut found.denies };
            list.push((document, statement.index));
        }
    }
    found
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
