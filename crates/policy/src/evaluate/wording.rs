//! What cannot be read in a policy, and what does not apply, in words.
//!
//! For messages and notes; it decides nothing.

use super::decision::PolicyKind;
use super::operator::{self, Operator};
use super::request::Request;
use super::statement::{Clause, Surroundings, Unknown};
use crate::document::{Condition, Policy, PrincipalKind, Statement};
use crate::nearest::nearest;

/// The elements of a statement and of a document ("Grammar of the IAM JSON policy language").
const ELEMENTS: [&str; 12] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
];

/// The kinds of principals.
const PRINCIPALS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// `; did you mean …?`, when there is a near name.
pub(super) fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    nearest(wrong, names).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

/// Why the document as a whole cannot be read.
pub(super) fn document(policy: &Policy) -> Option<String> {
    if let Some(version) = policy.version().filter(|version| !["2012-10-17", "2008-10-17"].contains(version)) {
        return Some(format!("AWS knows no version `{version}` of the policy language; write 2012-10-17"));
    }
    // Most documents have none.
    if policy.unknown_keys().is_empty() {
        return None;
    }
    policy.unknown_element().map(element)
}

fn element(key: &str) -> String {
    format!("`{key}` is not an element of a policy{}", did_you_mean(key, ELEMENTS.into_iter()))
}

/// Why a statement cannot be read.
pub(super) fn unknown(statement: &Statement, around: Surroundings<'_>, unknown: Unknown) -> String {
    match unknown {
        Unknown::Element => around.policy.unknown_element_of(statement).map_or_else(String::new, element),
        Unknown::Operator(at) => statement.conditions.get(at).map_or_else(String::new, |line| operator(&line.operator.what)),
        Unknown::Principal => {
            let strange = statement.principal.iter().flat_map(|element| &element.principals).find_map(|(kind, _)| match kind {
                PrincipalKind::Other(key) => Some(&**key),
                _ => None,
            });
            strange.map_or_else(String::new, |key| {
                format!("`{key}` is not a kind of principal{}", did_you_mean(key, PRINCIPALS.into_iter()))
            })
        }
        Unknown::Misplaced => misplaced(around.kind),
    }
}

pub(super) fn misplaced(kind: PolicyKind) -> String {
    format!("it has a principal, which {} cannot have; is it a resource policy?", with_article(kind))
}

/// The kind with its article.
pub(super) fn with_article(kind: PolicyKind) -> String {
    let article = if kind == PolicyKind::Identity { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Why the operator cannot be read.
pub(super) fn operator(name: &str) -> String {
    let base = name.rsplit_once(':').map_or(name, |(_, base)| base);
    format!("`{name}` is not a condition operator{}", did_you_mean(base, operator::names()))
}

/// Why a clause of the statement is not met.
pub(super) fn why(statement: &Statement, kind: PolicyKind, clause: Clause, request: &Request) -> String {
    match clause {
        Clause::Action if statement.actions.negated => format!("`NotAction` lists `{}`", request.action),
        Clause::Action => format!("`Action` does not match `{}`", request.action),
        Clause::Resource => match &statement.resources {
            None => format!("the statement has no `Resource`, which {} needs", with_article(kind)),
            Some(element) if element.negated => format!("`NotResource` matches `{}`", request.resource),
            Some(_) => format!("`Resource` does not match `{}`", request.resource),
        },
        Clause::Principal => match &statement.principal {
            None => format!("the statement has no `Principal`, which {} needs", with_article(kind)),
            Some(element) if element.negated => "`NotPrincipal` names the caller".to_owned(),
            Some(_) => "`Principal` does not name the caller".to_owned(),
        },
        Clause::Condition(index) => statement.conditions.get(index).map_or_else(String::new, |line| why_not_held(line, request)),
    }
}

fn why_not_held(line: &Condition, request: &Request) -> String {
    let (operator, key) = (&line.operator.what, &line.key.what);
    if Operator::parse(operator).is_none() {
        return self::operator(operator);
    }
    let list =
        |values: &mut dyn Iterator<Item = &Box<str>>| values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    let wanted = list(&mut line.values.iter().map(|value| &value.what));
    match request.context.values(key) {
        None => format!("`{operator}` on `{key}`: the request has no such key"),
        Some(values) => {
            let given = list(&mut values.iter());
            format!("`{operator}` on `{key}`: the request has {given}, the policy says {wanted}")
        }
    }
}
