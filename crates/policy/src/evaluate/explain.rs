//! Statement by statement, why it applies to a request or why not, in words.
//!
//! For people: it walks the same policies as the evaluation and asks the same questions, and only words the
//! answers. It decides nothing.

use std::fmt;

use super::PolicySet;
use super::combine;
use super::decision::{Place, PolicyKind};
use super::request::Request;
use super::statement::{self, Applies, Clause, Surroundings};
use super::wording;
use crate::document::{Effect, Policy};

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
    /// What is known of it is met, but a part of it is not known to AWS's grammar; which.
    Unclear(String),
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
            Outcome::Fails(_, why) | Outcome::Unclear(why) => f.write_str(why),
            Outcome::NotConsulted(why) => f.write_str(why),
        }
    }
}

pub(super) fn explain<'a>(set: &PolicySet<'a>, request: &Request) -> Vec<Explanation<'a>> {
    let mut walk = Walk { request, bounded: !set.boundaries.is_empty(), explained: Vec::new() };
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
    walk.group(PolicyKind::Endpoint, 0, set.endpoint.as_slice(), None);
    walk.group(PolicyKind::Resource, 0, set.resource.as_slice(), None);
    walk.group(PolicyKind::Identity, 0, &set.identity, None);
    walk.group(PolicyKind::Boundary, 0, &set.boundaries, None);
    walk.group(PolicyKind::Session, 0, &set.session, None);
    walk.explained
}

struct Walk<'a, 'r> {
    request: &'r Request,
    bounded: bool,
    explained: Vec<Explanation<'a>>,
}

impl<'a> Walk<'a, '_> {
    fn group(&mut self, kind: PolicyKind, level: usize, policies: &[&'a Policy], silent: Option<&'static str>) {
        for (index, policy) in policies.iter().copied().enumerate() {
            let around = Surroundings::new(policy, kind, self.bounded);
            for statement in policy.statements() {
                let place = Place { kind, level, policy: index, statement: statement.index, sid: statement.sid.as_deref() };
                let outcome = match silent {
                    Some(why) => Outcome::NotConsulted(why),
                    None => match statement::applies(statement, around, self.request) {
                        Applies::Yes(_) => Outcome::Applies,
                        Applies::No(clause) => Outcome::Fails(clause, wording::why(statement, kind, clause, self.request)),
                        Applies::Unclear(_, unknown) => Outcome::Unclear(wording::unknown(statement, around, unknown)),
                    },
                };
                self.explained.push(Explanation { place, effect: statement.effect, outcome });
            }
        }
    }
}
