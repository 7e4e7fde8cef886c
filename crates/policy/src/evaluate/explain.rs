//! Statement by statement, why it applies to a request or why not, in words.
//!
//! For people: it walks the same policies as the evaluation and asks the same questions, and only words the
//! answers. It decides nothing.

use std::fmt;

use super::PolicySet;
use super::combine;
use super::decision::{Place, PolicyKind};
use super::operator::Operator;
use super::request::Request;
use super::statement::{self, Clause};
use crate::document::{Condition, Effect, Policy, Statement};

/// What became of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<'a> {
    /// Which statement.
    pub place: Place<'a>,
    /// Its effect.
    pub effect: Effect,
    /// Whether it applies.
    pub outcome: Outcome,
}

/// Whether a statement applies to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All of its clauses are met.
    Applies,
    /// A clause is not met; the first one, and why.
    Fails(Clause, String),
    /// Its policy has no say on this request, and why.
    NotConsulted(&'static str),
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effect = match self.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        write!(f, "{} ({effect}): ", self.place)?;
        match &self.outcome {
            Outcome::Applies => f.write_str("applies"),
            Outcome::Fails(_, why) => f.write_str(why),
            Outcome::NotConsulted(why) => f.write_str(why),
        }
    }
}

pub(super) fn explain<'a>(set: &PolicySet<'a>, request: &Request) -> Vec<Explanation<'a>> {
    let mut walk = Walk { request, explained: Vec::new() };
    let limited = combine::service_control_applies(request);
    for (level, policies) in set.service_control.iter().enumerate() {
        let silent = (!limited).then_some("service control policies do not limit this caller");
        walk.group(PolicyKind::ServiceControl, level, policies, silent);
    }
    let limited = combine::resource_control_applies(request);
    for (level, policies) in set.resource_control.iter().enumerate() {
        let silent = (!limited).then_some("resource control policies do not limit this service, action or caller");
        walk.group(PolicyKind::ResourceControl, level, policies, silent);
    }
    walk.group(PolicyKind::Resource, 0, set.resource.as_slice(), None);
    walk.group(PolicyKind::Identity, 0, &set.identity, None);
    walk.group(PolicyKind::Boundary, 0, &set.boundaries, None);
    walk.group(PolicyKind::Session, 0, &set.session, None);
    walk.explained
}

struct Walk<'a, 'r> {
    request: &'r Request,
    explained: Vec<Explanation<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn group(&mut self, kind: PolicyKind, level: usize, policies: &[&'a Policy], silent: Option<&'static str>) {
        for (index, policy) in policies.iter().copied().enumerate() {
            let variables = statement::has_variables(policy);
            for statement in policy.statements() {
                let place = Place { kind, level, policy: index, statement: statement.index, sid: statement.sid.as_deref() };
                let outcome = match silent {
                    Some(why) => Outcome::NotConsulted(why),
                    None => match statement::applies(statement, kind, variables, self.request) {
                        Ok(_) => Outcome::Applies,
                        Err(clause) => Outcome::Fails(clause, why(statement, kind, clause, self.request)),
                    },
                };
                self.explained.push(Explanation { place, effect: statement.effect, outcome });
            }
        }
    }
}

fn why(statement: &Statement, kind: PolicyKind, clause: Clause, request: &Request) -> String {
    match clause {
        Clause::Action if statement.actions.negated => format!("`NotAction` lists `{}`", request.action),
        Clause::Action => format!("`Action` does not match `{}`", request.action),
        Clause::Resource => match &statement.resources {
            None => format!("the statement has no `Resource`, which a {kind} needs"),
            Some(element) if element.negated => format!("`NotResource` matches `{}`", request.resource),
            Some(_) => format!("`Resource` does not match `{}`", request.resource),
        },
        Clause::Principal => match &statement.principal {
            None => format!("the statement has no `Principal`, which a {kind} needs"),
            Some(_) if !matches!(kind, PolicyKind::Resource | PolicyKind::ResourceControl) => {
                format!("the statement has a principal, which a {kind} cannot have")
            }
            Some(element) if element.negated => "`NotPrincipal` names the caller".to_owned(),
            Some(_) => "`Principal` does not name the caller".to_owned(),
        },
        Clause::Condition(index) => statement.conditions.get(index).map_or_else(String::new, |line| why_not_held(line, request)),
    }
}

fn why_not_held(line: &Condition, request: &Request) -> String {
    let (operator, key) = (&line.operator.what, &line.key.what);
    if Operator::parse(operator).is_none() {
        return format!("`{operator}` is not a condition operator");
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
