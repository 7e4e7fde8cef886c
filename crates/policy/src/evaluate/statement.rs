//! Whether one statement applies to a request, and if not, which of its clauses fails first.
//!
//! The clauses are independent; the cheap ones are asked first. A statement with a part that AWS's grammar does not know
//! may apply or not, unless a clause that is known fails. What an applying statement means for the decision is not
//! decided here.

use super::condition;
use super::decision::PolicyKind;
use super::operator::Operator;
use super::principal::{self, Reach};
use super::request::{Context, Request};
use super::variable;
use crate::arn;
use crate::document::{Effect, Policy, PrincipalElement, PrincipalKind, ResourceElement, Statement};

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

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Applies {
    /// It applies, and names the caller so directly.
    Yes(Reach),
    /// It does not; the first clause that fails.
    No(Clause),
    /// All that is known of it is met, and something in it is not known.
    Unclear(Reach, Unknown),
}

/// What is not known of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// An element that the grammar does not have.
    Element,
    /// The operator of the line with that place.
    Operator(usize),
    /// A kind of principal.
    Principal,
    /// A principal where policies of this kind have none.
    Misplaced,
}

/// What a statement's policy says about all of its statements.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings<'p> {
    pub(super) policy: &'p Policy,
    pub(super) kind: PolicyKind,
    /// Whether the document has policy variables.
    variables: bool,
    /// Whether the caller has a permissions boundary.
    bounded: bool,
}

impl<'p> Surroundings<'p> {
    pub(super) fn new(policy: &'p Policy, kind: PolicyKind, bounded: bool) -> Surroundings<'p> {
        Surroundings { policy, kind, variables: has_variables(policy), bounded }
    }
}

/// Whether documents of this version have policy variables ("IAM JSON policy elements: Version").
fn has_variables(policy: &Policy) -> bool {
    policy.version() == Some("2012-10-17")
}

/// Services whose resource policies may leave out `Principal`, which then means everyone: AWS IoT Core's policies are
/// attached to certificates, things' groups and Cognito identities, and the grammar has no `Principal` in them ("AWS
/// IoT Core policies").
const PRINCIPAL_MAY_BE_MISSING: [&str; 1] = ["iot"];

/// Whether the statement applies.
pub(super) fn applies(statement: &Statement, around: Surroundings<'_>, request: &Request) -> Applies {
    if !action_matches(statement, request) {
        return Applies::No(Clause::Action);
    }
    let mut unknown = around.policy.unknown_element_of(statement).map(|_| Unknown::Element);
    match &statement.resources {
        Some(element) => {
            if listed(element, around, request) == element.negated {
                return Applies::No(Clause::Resource);
            }
        }
        // A trust policy names no resource: it is about the role that it belongs to.
        None if around.kind == PolicyKind::Resource || unknown.is_some() => {}
        None => return Applies::No(Clause::Resource),
    }
    let reach = match (&statement.principal, around.kind) {
        (Some(element), PolicyKind::Resource | PolicyKind::ResourceControl | PolicyKind::Endpoint) => {
            match named(element, statement.effect, around, request) {
                Ok(reach) => reach,
                Err(false) => return Applies::No(Clause::Principal),
                Err(true) => {
                    unknown = unknown.or(Some(Unknown::Principal));
                    Reach::Direct
                }
            }
        }
        // Everyone is meant: `Principal` can only be `*` in a resource control policy, and whoever uses an endpoint meets
        // its policy.
        (None, PolicyKind::ResourceControl | PolicyKind::Endpoint) => Reach::Direct,
        (None, PolicyKind::Resource) => {
            let service = request.action.service();
            if unknown.is_none() && !PRINCIPAL_MAY_BE_MISSING.iter().any(|own| own.eq_ignore_ascii_case(service)) {
                return Applies::No(Clause::Principal);
            }
            Reach::Direct
        }
        (Some(_), _) => {
            unknown = unknown.or(Some(Unknown::Misplaced));
            Reach::Direct
        }
        (None, _) => Reach::Direct,
    };
    for (at, line) in statement.conditions.iter().enumerate() {
        match Operator::parse(&line.operator.what) {
            None => unknown = unknown.or(Some(Unknown::Operator(at))),
            Some(operator) if condition::holds(line, operator, &request.context, around.variables) => {}
            Some(_) => return Applies::No(Clause::Condition(at)),
        }
    }
    match unknown {
        Some(unknown) => Applies::Unclear(reach, unknown),
        None => Applies::Yes(reach),
    }
}

/// How directly the element is about the caller; else whether a kind of principal that is not known could be.
fn named(element: &PrincipalElement, effect: Effect, around: Surroundings<'_>, request: &Request) -> Result<Reach, bool> {
    // Such a Deny meets every principal with a permissions boundary, whoever is listed ("Permissions boundaries for IAM
    // entities").
    if element.negated && effect == Effect::Deny && around.bounded && request.principal.account().is_some() {
        return Ok(Reach::Direct);
    }
    let strange = element.principals.iter().any(|(kind, _)| matches!(kind, PrincipalKind::Other(_)));
    match principal::reach(element, effect, &request.principal) {
        // The unknown kind could be what spares the caller.
        Some(_) if strange && element.negated => Err(true),
        Some(reach) => Ok(reach),
        None => Err(strange && !element.negated),
    }
}

/// Whether `Action` and `Resource` of a statement are about the request, whoever makes it and whatever `Condition` says.
/// Without `Resource` it is about every resource if it has a `Principal`, as trust policies have, and else about none.
#[must_use]
pub fn is_about(policy: &Policy, statement: &Statement, request: &Request) -> bool {
    let kind = if statement.principal.is_some() { PolicyKind::Resource } else { PolicyKind::Identity };
    let around = Surroundings::new(policy, kind, false);
    action_matches(statement, request)
        && match &statement.resources {
            Some(element) => listed(element, around, request) != element.negated,
            None => kind == PolicyKind::Resource,
        }
}

/// The statements of a document that apply to the request, were it a policy of that kind, in their order. Whether
/// the request is allowed then is a question about all policies: [`super::PolicySet::evaluate`]. Statements that may apply or
/// not, as something in them is not known, are left out.
#[must_use]
pub fn applying<'p>(policy: &'p Policy, kind: PolicyKind, request: &Request) -> Vec<&'p Statement> {
    let around = Surroundings::new(policy, kind, false);
    let yes = |statement: &&Statement| matches!(applies(statement, around, request), Applies::Yes(_));
    policy.statements().iter().filter(yes).collect()
}

fn action_matches(statement: &Statement, request: &Request) -> bool {
    let (service, name) = (request.action.service(), request.action.name());
    let listed = statement.actions.patterns.iter().any(|pattern| pattern.what.matches(service, name));
    listed != statement.actions.negated
}

fn listed(element: &ResourceElement, around: Surroundings<'_>, request: &Request) -> bool {
    let (resource, context): (&str, &Context) = (&request.resource, &request.context);
    element.patterns.iter().any(|pattern| {
        let pattern = &*pattern.what;
        if let Some(rest) = arn::api_gateway_short(pattern) {
            return around.kind == PolicyKind::Resource && in_api(rest, around.variables, resource, context);
        }
        if around.variables && variable::has_variable(pattern) {
            variable::fill_resource(pattern, context).is_some_and(|units| arn::resource_units_match(&units, resource))
        } else {
            arn::resource_matches(pattern, resource)
        }
    })
}

/// Whether the short form's part behind the API's identifier matches the resource ("API Gateway resource policy examples":
/// API Gateway puts the ARN of its own API before it).
fn in_api(rest: &str, variables: bool, resource: &str, context: &Context) -> bool {
    let Some(arn) = arn::Arn::parse(resource).filter(|arn| arn.service == "execute-api") else { return false };
    let Some(at) = arn.resource.find('/') else { return false };
    let below = arn.resource.get(at..).unwrap_or_default();
    if variables && variable::has_variable(rest) {
        return variable::fill_pattern(rest, context).is_some_and(|units| arn::units_match(&units, below));
    }
    crate::glob::matches(rest, below, crate::glob::Case::Kept)
}
