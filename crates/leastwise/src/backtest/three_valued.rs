//! Whether a statement applies to a recorded request: yes, no, or not to be told from the record.
//!
//! Asks the plain evaluator and then says how far its answer can be trusted: a condition on a key that no record holds, a
//! policy variable, or a resource that the record does not name leave it open. Open never counts as yes or no.

use leastwise_policy::evaluate::{Clause, Context, Outcome, PolicySet, Principal as Caller, Request};
use leastwise_policy::{ActionName, Effect, Policy, Statement};

use crate::access::{PrincipalArn, PrincipalKind};

/// Whether a statement applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Applies {
    No,
    Open,
    Yes,
}

/// How many statements of some policies apply, by effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) allow_yes: usize,
    pub(super) allow_open: usize,
    pub(super) deny_yes: usize,
    pub(super) deny_open: usize,
}

impl Tally {
    pub(super) fn allows(&self) -> usize {
        self.allow_yes + self.allow_open
    }
}

/// A recorded request, ready to be put to policies.
pub(super) struct Recorded {
    request: Request,
    resource_known: bool,
}

impl Recorded {
    /// The request; the context holds what every record tells. None when the caller is not one that policies know.
    pub(super) fn new(principal: &PrincipalArn, action: &ActionName, resource: Option<&str>, region: &str) -> Option<Recorded> {
        let mut context = Context::default();
        context.insert("aws:PrincipalArn", [principal.as_str()]);
        context.insert("aws:PrincipalAccount", [principal.account().as_str()]);
        if !region.is_empty() {
            context.insert("aws:RequestedRegion", [region]);
        }
        if principal.kind() == PrincipalKind::User {
            context.insert("aws:username", [principal.name()]);
        }
        let request = Request {
            principal: Caller::parse(principal.as_str())?,
            action: action.clone(),
            resource: resource.unwrap_or("*").into(),
            resource_account: None,
            context,
        };
        Some(Recorded { request, resource_known: resource.is_some() })
    }

    /// The same request on a resource that nobody knows.
    pub(super) fn anywhere(mut self) -> Recorded {
        self.resource_known = false;
        self
    }

    /// What the policy's statements say.
    pub(super) fn put_to(&self, policy: &Policy) -> Tally {
        let mut tally = Tally::default();
        let (service, name) = (self.request.action.service(), self.request.action.name());
        let about = |statement: &Statement| {
            statement.actions.patterns.iter().any(|p| p.what.matches(service, name)) != statement.actions.negated
        };
        if !policy.statements().iter().any(about) {
            return tally;
        }
        let set = PolicySet { identity: vec![policy], ..PolicySet::default() };
        let explained = if self.resource_known { set.explain(&self.request) } else { Vec::new() };
        for statement in policy.statements().iter().filter(|statement| about(statement)) {
            let applies = match explained.iter().find(|e| e.place.statement == statement.index) {
                Some(explanation) => self.trusted(statement, &explanation.outcome),
                None => self.on_any_resource(statement),
            };
            match (statement.effect, applies) {
                (_, Applies::No) => {}
                (Effect::Allow, Applies::Yes) => tally.allow_yes += 1,
                (Effect::Allow, Applies::Open) => tally.allow_open += 1,
                (Effect::Deny, Applies::Yes) => tally.deny_yes += 1,
                (Effect::Deny, Applies::Open) => tally.deny_open += 1,
            }
        }
        tally
    }

    fn trusted(&self, statement: &Statement, outcome: &Outcome) -> Applies {
        match outcome {
            Outcome::Applies => self.with_conditions(statement, Applies::Yes),
            Outcome::Fails(Clause::Resource, _) if has_variable(statement) => Applies::Open,
            Outcome::Fails(Clause::Condition(index), _) => match statement.conditions.get(*index) {
                Some(line) if self.tells(&line.key.what) && !line.values.iter().any(|v| v.what.contains("${")) => Applies::No,
                _ => Applies::Open,
            },
            Outcome::Fails(..) | Outcome::NotConsulted(_) => Applies::No,
        }
    }

    /// The action matches and the resource is not known.
    fn on_any_resource(&self, statement: &Statement) -> Applies {
        let everywhere = statement
            .resources
            .as_ref()
            .is_some_and(|resources| !resources.negated && resources.patterns.iter().any(|pattern| &*pattern.what == "*"));
        self.with_conditions(statement, if everywhere { Applies::Yes } else { Applies::Open })
    }

    fn with_conditions(&self, statement: &Statement, without: Applies) -> Applies {
        let told = self.resource_known && statement.conditions.iter().all(|line| self.tells(&line.key.what));
        if statement.conditions.is_empty() || told { without } else { Applies::Open }
    }

    fn tells(&self, key: &str) -> bool {
        self.request.context.values(key).is_some()
    }
}

fn has_variable(statement: &Statement) -> bool {
    statement.resources.as_ref().is_some_and(|resources| resources.patterns.iter().any(|pattern| pattern.what.contains("${")))
}
