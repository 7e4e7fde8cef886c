//! Whether one statement applies to a request, and if not, which of its clauses fails first.
//!
//! The clauses are independent; the cheap ones are asked first. What an applying statement means for the
//! decision is not decided here.

use super::condition;
use super::decision::PolicyKind;
use super::principal::{self, Reach};
use super::request::{Context, Request};
use super::variable;
use crate::arn;
use crate::document::{Policy, ResourceElement, Statement};

/// The part of a statement that a request does not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clause {
    /// `Action` or `NotAction`.
    Action,
    /// `Resource` or `NotResource`, or that one is missing.
    Resource,
    /// `Principal` or `NotPrincipal`, or that it is missing or may not be there.
    Principal,
    /// The line of the `Condition` block with that place, from 0.
    Condition(usize),
}

/// Whether documents of this version have policy variables ("IAM JSON policy elements: Version").
pub(super) fn has_variables(policy: &Policy) -> bool {
    policy.version() == Some("2012-10-17")
}

/// How directly the statement names the caller if it applies, else the first clause that fails.
pub(super) fn applies(statement: &Statement, kind: PolicyKind, variables: bool, request: &Request) -> Result<Reach, Clause> {
    if !action_matches(statement, request) {
        return Err(Clause::Action);
    }
    if !resource_matches(statement, kind, variables, request) {
        return Err(Clause::Resource);
    }
    let reach = match (&statement.principal, kind) {
        (Some(element), PolicyKind::Resource | PolicyKind::ResourceControl) => {
            principal::reach(element, statement.effect, &request.principal).ok_or(Clause::Principal)?
        }
        // Everybody is meant, as `Principal` can only be `*` in these.
        (None, PolicyKind::ResourceControl) => Reach::Direct,
        (None, PolicyKind::Resource) | (Some(_), _) => return Err(Clause::Principal),
        (None, _) => Reach::Direct,
    };
    match statement.conditions.iter().position(|line| !condition::holds(line, &request.context, variables)) {
        Some(failing) => Err(Clause::Condition(failing)),
        None => Ok(reach),
    }
}

/// Whether `Action` and `Resource` of a statement are about the request, whoever makes it and whatever `Condition` says.
/// Without `Resource` it is about every resource if it has a `Principal`, as trust policies have, and else about none.
#[must_use]
pub fn is_about(policy: &Policy, statement: &Statement, request: &Request) -> bool {
    let kind = if statement.principal.is_some() { PolicyKind::Resource } else { PolicyKind::Identity };
    action_matches(statement, request) && resource_matches(statement, kind, has_variables(policy), request)
}

/// The statements of a document that apply to the request, were it a policy of that kind, in their order. Whether
/// the request is allowed then is a question about all policies: [`super::PolicySet::evaluate`].
#[must_use]
pub fn applying<'p>(policy: &'p Policy, kind: PolicyKind, request: &Request) -> Vec<&'p Statement> {
    let variables = has_variables(policy);
    policy.statements().iter().filter(|statement| applies(statement, kind, variables, request).is_ok()).collect()
}

fn action_matches(statement: &Statement, request: &Request) -> bool {
    let (service, name) = (request.action.service(), request.action.name());
    let listed = statement.actions.patterns.iter().any(|pattern| pattern.what.matches(service, name));
    listed != statement.actions.negated
}

fn resource_matches(statement: &Statement, kind: PolicyKind, variables: bool, request: &Request) -> bool {
    match &statement.resources {
        Some(element) => listed(element, variables, &request.resource, &request.context) != element.negated,
        // A trust policy names no resource: it is about the role that it belongs to.
        None => kind == PolicyKind::Resource,
    }
}

fn listed(element: &ResourceElement, variables: bool, resource: &str, context: &Context) -> bool {
    element.patterns.iter().any(|pattern| {
        let pattern = &*pattern.what;
        if variables && variable::has_variable(pattern) {
            variable::fill_resource(pattern, context).is_some_and(|units| arn::resource_units_match(&units, resource))
        } else {
            arn::resource_matches(pattern, resource)
        }
    })
}
