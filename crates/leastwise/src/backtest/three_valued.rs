//! Whether a statement applies to a recorded request: yes, no, or not to be told from the record.
//!
//! Asks the plain evaluator and then says how far its answer can be trusted: a condition on a key that no record holds, a
//! policy variable, or a resource that the record does not name leave it open. Open never counts as yes or no.

use std::collections::BTreeSet;
use std::fmt;

use leastwise_policy::evaluate::{Clause, Context, Outcome, PolicySet, Principal as Caller, Request};
use leastwise_policy::{ActionName, Effect, Policy, Statement};

use crate::access::{Principal, PrincipalArn, PrincipalKind, Unread};

/// Why a record does not decide whether a statement applies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecided {
    /// The statement names resources, and the record does not tell on which the call was.
    Resource,
    /// The statement asks for a condition key that the record does not tell.
    Condition(Box<str>),
    /// The statement's resource has a policy variable that the record does not fill.
    Variable,
    /// The statement has an element or an operator that AWS does not know.
    Unreadable,
}

impl Undecided {
    /// The reason in one word, as reports have it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Undecided::Resource => "resourceNotTold",
            Undecided::Condition(_) => "conditionNotTold",
            Undecided::Variable => "variableNotTold",
            Undecided::Unreadable => "statementNotRead",
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Undecided::Resource => f.write_str("the record does not tell the resource"),
            Undecided::Condition(key) => write!(f, "the record does not tell `{key}`"),
            Undecided::Variable => f.write_str("the record does not fill a policy variable of the resource"),
            Undecided::Unreadable => f.write_str("the statement has a part that AWS does not know"),
        }
    }
}

/// Whether a statement applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applies {
    No,
    Open(Undecided),
    Yes,
}

/// How many statements of some policies apply, by effect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) allow_yes: usize,
    pub(super) allow_open: usize,
    pub(super) deny_yes: usize,
    pub(super) deny_open: usize,
    /// What makes them open.
    pub(super) why: BTreeSet<Undecided>,
    /// On what, and under which conditions, the statements allow that may apply; sorted by whoever compares.
    pub(super) terms: Vec<String>,
}

impl Tally {
    pub(super) fn add(&mut self, more: Tally) {
        self.allow_yes += more.allow_yes;
        self.allow_open += more.allow_open;
        self.deny_yes += more.deny_yes;
        self.deny_open += more.deny_open;
        self.why.extend(more.why);
        self.terms.extend(more.terms);
    }

    /// Whether another one has every allowing statement of this one on the same terms, and as many that deny.
    pub(super) fn is_within(&self, other: &Tally) -> bool {
        let mut left = other.terms.clone();
        let has = |term: &String| left.iter().position(|own| own == term).map(|at| left.swap_remove(at)).is_some();
        (self.deny_yes, self.deny_open) == (other.deny_yes, other.deny_open) && self.terms.iter().all(has)
    }

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
    /// The request; the context holds what every record tells, and what the account's details tell of the caller. None when the
    /// caller is not one that policies know.
    pub(super) fn new(caller: &Principal, action: &ActionName, resource: Option<&str>, region: &str) -> Option<Recorded> {
        let principal: &PrincipalArn = &caller.arn;
        let mut context = Context::default();
        context.insert("aws:PrincipalArn", [principal.as_str()]);
        context.insert("aws:PrincipalAccount", [principal.account().as_str()]);
        if !region.is_empty() {
            context.insert("aws:RequestedRegion", [region]);
        }
        context.insert("aws:PrincipalIsAWSService", ["false"]);
        match principal.kind() {
            PrincipalKind::User => {
                context.insert("aws:username", [principal.name()]);
                context.insert("aws:PrincipalType", ["User"]);
                if !caller.id.is_empty() {
                    context.insert("aws:userid", [&*caller.id]);
                }
                // A role's session may bring tags of its own in their place.
                if !caller.unread.iter().any(|unread| matches!(unread, Unread::Field("" | "Tags") | Unread::TwoRecords)) {
                    for tag in &caller.tags {
                        context.insert(&format!("aws:PrincipalTag/{}", tag.key), [&*tag.value]);
                    }
                }
            }
            PrincipalKind::Role => context.insert("aws:PrincipalType", ["AssumedRole"]),
            PrincipalKind::Group | PrincipalKind::Root => {}
        }
        let owner = resource.and_then(|arn| arn.split(':').nth(4)).filter(|account| account.len() == 12);
        if let Some(owner) = owner {
            context.insert("aws:ResourceAccount", [owner]);
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
            if applies == Applies::No {
                continue;
            }
            if statement.effect == Effect::Allow {
                tally.terms.push(terms(statement));
            }
            match (statement.effect, applies) {
                (_, Applies::No) => {}
                (Effect::Allow, Applies::Yes) => tally.allow_yes += 1,
                (Effect::Deny, Applies::Yes) => tally.deny_yes += 1,
                (effect, Applies::Open(why)) => {
                    *(if effect == Effect::Allow { &mut tally.allow_open } else { &mut tally.deny_open }) += 1;
                    tally.why.insert(why);
                }
            }
        }
        tally
    }

    fn trusted(&self, statement: &Statement, outcome: &Outcome) -> Applies {
        match outcome {
            Outcome::Applies => self.with_conditions(statement, Applies::Yes),
            Outcome::Fails(Clause::Resource, _) if self.has_open_variable(statement) => Applies::Open(Undecided::Variable),
            Outcome::Fails(Clause::Condition(index), _) => match statement.conditions.get(*index) {
                Some(line) if !self.tells(&line.key.what) => Applies::Open(Undecided::Condition(line.key.what.clone())),
                Some(line) => match line.values.iter().find_map(|value| self.open_variable(&value.what)) {
                    Some(key) => Applies::Open(Undecided::Condition(key.into())),
                    None => Applies::No,
                },
                None => Applies::No,
            },
            Outcome::Unclear(_) => Applies::Open(Undecided::Unreadable),
            Outcome::Fails(..) | Outcome::NotConsulted(_) => Applies::No,
        }
    }

    /// The action matches and the resource is not known.
    fn on_any_resource(&self, statement: &Statement) -> Applies {
        let everywhere = statement
            .resources
            .as_ref()
            .is_some_and(|resources| !resources.negated && resources.patterns.iter().any(|pattern| &*pattern.what == "*"));
        self.with_conditions(statement, if everywhere { Applies::Yes } else { Applies::Open(Undecided::Resource) })
    }

    fn with_conditions(&self, statement: &Statement, without: Applies) -> Applies {
        if statement.conditions.is_empty() {
            return without;
        }
        if let Some(line) = statement.conditions.iter().find(|line| !self.tells(&line.key.what)) {
            return Applies::Open(Undecided::Condition(line.key.what.clone()));
        }
        if self.resource_known { without } else { Applies::Open(Undecided::Resource) }
    }

    fn tells(&self, key: &str) -> bool {
        self.request.context.values(key).is_some()
    }

    /// The key of a policy variable in the text that the record does not tell; one that is not understood counts as such.
    fn open_variable<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once("${") {
            let (inside, after) = behind.split_once('}').unwrap_or((behind, ""));
            let literal = matches!(inside, "*" | "?" | "$");
            if !literal && !self.tells(inside) {
                return Some(inside);
            }
            rest = after;
        }
        None
    }

    fn has_open_variable(&self, statement: &Statement) -> bool {
        let patterns = statement.resources.iter().flat_map(|resources| &resources.patterns);
        patterns.into_iter().any(|pattern| self.open_variable(&pattern.what).is_some())
    }
}

/// On what a statement allows and under which conditions, as a text to compare.
fn terms(statement: &Statement) -> String {
    let mut text = String::new();
    if let Some(resources) = &statement.resources {
        text.push(if resources.negated { '!' } else { '=' });
        resources.patterns.iter().for_each(|pattern| text.extend([&*pattern.what, "\n"]));
    }
    for line in &statement.conditions {
        text.extend([&*line.operator.what, "\t", &*line.key.what]);
        line.values.iter().for_each(|value| text.extend(["\t", &*value.what]));
        text.push('\n');
    }
    text
}
