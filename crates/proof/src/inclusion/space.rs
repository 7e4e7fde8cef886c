//! Requests as points of a space: action, resource, caller, and one dimension for every condition key.
//!
//! A statement is a product: it applies where each of its literals holds, and a literal is about one dimension alone.
//! Here statements become products, and each dimension finds points where literals are as asserted, every such question
//! answered once. What cannot be taken apart is a dimension of its own, true or false as it likes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use leastwise_policy::document::{Condition, ResourceElement, Statement};
use leastwise_policy::evaluate::Operator;
use leastwise_policy::{Catalogue, Effect, Policy};

use super::PolicyKind;
use super::callers::{Caller, Callers};
use super::keys::{self, Key, State};
use super::names::Names;
use super::unfilled::Unfilled;
use crate::resources::{Resource, Resources};
use crate::search::{Budget, Found};
use crate::texts::Unit;
use crate::variables::{self, Filling, Symbols};

pub(super) const ACTION: u32 = 0;
pub(super) const RESOURCE: u32 = 1;
pub(super) const CALLER: u32 = 2;
pub(super) const FIRST_KEY: u32 = 3;

/// How many alternatives the conditions of a statement are at most.
const MOST_ALTERNATIVES: usize = 64;

/// That a point of one dimension is in a set, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Literal {
    pub(super) dimension: u32,
    pub(super) set: u32,
    pub(super) holds: bool,
}

impl std::ops::Not for Literal {
    type Output = Literal;

    fn not(self) -> Literal {
        Literal { holds: !self.holds, ..self }
    }
}

/// Where a statement applies, or a part of that.
#[derive(Debug, Clone)]
pub(super) struct Product<'p> {
    /// All of them have to hold. Sorted, without doubles.
    pub(super) literals: Vec<Literal>,
    /// The place of its policy.
    pub(super) document: usize,
    pub(super) statement: &'p Statement,
}

/// A place in one dimension.
#[derive(Debug, Clone)]
pub(super) enum Point {
    Action(String),
    Resource(Resource),
    Caller(Rc<Caller>),
    Key(State),
}

/// All dimensions of a comparison.
#[derive(Debug)]
pub(super) struct Space<'p> {
    pub(super) kind: PolicyKind,
    pub(super) catalogue: &'p Catalogue,
    pub(super) names: Names<'p>,
    pub(super) resources: Resources<'p>,
    callers: Callers<'p>,
    pub(super) keys: Vec<Key>,
    pub(super) budget: Budget,
    /// The keys that policy variables stand for, in lower case.
    pub(super) variables: BTreeSet<String>,
    /// Resource patterns with variables, and those without anything to fill in.
    pub(super) unfilled: BTreeSet<&'p str>,
    pub(super) exact: BTreeSet<&'p str>,
    filling: Filling,
    pub(super) symbols: Symbols,
    pub(super) known: Known<'p>,
    answers: HashMap<Asked, Found<Point>>,
}

/// A dimension, and what is asserted in it.
type Asked = (u32, Vec<(u32, bool)>);

/// Sets that are there already, by how they are written.
#[derive(Debug, Default)]
pub(super) struct Known<'p> {
    actions: HashMap<Vec<&'p str>, u32>,
    pub(super) lines: HashMap<(u32, String, Vec<&'p str>), u32>,
    keys: BTreeMap<String, u32>,
    pub(super) unfilled: Unfilled<'p>,
}

impl<'p> Space<'p> {
    pub(super) fn new(kind: PolicyKind, filling: Filling, catalogue: &'p Catalogue, budget: Budget) -> Space<'p> {
        Space {
            kind,
            catalogue,
            names: Names::new(catalogue),
            resources: Resources::new(),
            callers: Callers::new(kind == PolicyKind::Identity),
            keys: Vec::new(),
            budget,
            variables: BTreeSet::new(),
            unfilled: BTreeSet::new(),
            exact: BTreeSet::new(),
            filling,
            symbols: Symbols::default(),
            known: Known::default(),
            answers: HashMap::new(),
        }
    }

    /// To be called when all products are there. `strangers` is for [`Callers::settle`].
    pub(super) fn settle(&mut self, strangers: bool) {
        if let Filling::Known(values) = self.filling.clone() {
            for (name, value) in values {
                let at = self.key(&name);
                let state = value.map_or(State::Missing, |value| State::Values(vec![value]));
                if let Some(key) = self.keys.get_mut(at as usize) {
                    key.pinned = Some(state);
                }
            }
        }
        self.callers.settle(strangers);
        for key in &mut self.keys {
            key.settle();
        }
    }

    /// How many dimensions there are.
    pub(super) fn dimensions(&self) -> u32 {
        FIRST_KEY + u32::try_from(self.keys.len()).unwrap_or(u32::MAX >> 1)
    }

    /// The key of a dimension.
    pub(super) fn key_of(&self, dimension: u32) -> Option<&Key> {
        self.keys.get(dimension.checked_sub(FIRST_KEY)? as usize)
    }

    /// The dimension of a key.
    pub(super) fn dimension_of(&mut self, name: &str) -> u32 {
        FIRST_KEY + self.key(name)
    }

    /// The place of a key of that name.
    pub(super) fn key(&mut self, name: &str) -> u32 {
        let lower = name.to_ascii_lowercase();
        if let Some(known) = self.known.keys.get(&lower) {
            return *known;
        }
        let at = u32::try_from(self.keys.len()).unwrap_or(u32::MAX >> 1);
        self.keys.push(Key::new(name, keys::has_one_value(name, self.catalogue)));
        self.known.keys.insert(lower, at);
        at
    }

    /// The products of the statements with that effect; too few when the budget is spent on the way.
    pub(super) fn products(&mut self, policies: &[&'p Policy], effect: Effect) -> Vec<Product<'p>> {
        let mut all = Vec::new();
        for (document, policy) in policies.iter().enumerate() {
            let variables = policy.version() == Some("2012-10-17");
            for statement in policy.statements().iter().filter(|s| s.effect == effect) {
                let Some(bases) = self.bases(statement, variables) else { continue };
                let Some(wheres) = self.wheres(statement.resources.as_ref(), variables) else { continue };
                for (base, place) in bases.iter().flat_map(|base| wheres.iter().map(move |place| (base, place))) {
                    let mut literals: Vec<Literal> = base.iter().chain(place).copied().collect();
                    literals.sort_unstable();
                    literals.dedup();
                    if !self.budget.spend(literals.len() * 2 + 4) {
                        return all;
                    }
                    let contradictory = literals.windows(2).any(|w| matches!(w, [a, b] if *a == !*b));
                    if !contradictory {
                        all.push(Product { literals, document, statement });
                    }
                }
            }
        }
        all
    }

    /// What a statement demands but for resources, as alternatives; none when it never applies.
    fn bases(&mut self, statement: &'p Statement, variables: bool) -> Option<Vec<Vec<Literal>>> {
        let mut literals = Vec::new();
        match (&statement.principal, self.kind) {
            (None, PolicyKind::Identity) => {}
            // Each kind of policy without what it needs, or with what it must not have, is about nobody.
            (Some(_), PolicyKind::Identity) | (None, PolicyKind::Resource) => return None,
            (Some(element), PolicyKind::Resource) => {
                let set = self.callers.add(element, statement.effect);
                literals.push(Literal { dimension: CALLER, set, holds: true });
            }
        }
        let element = &statement.actions;
        if element.patterns.iter().any(|pattern| pattern.what.service().is_none()) {
            if element.negated {
                return None;
            }
        } else {
            let mut written: Vec<&'p str> = element.patterns.iter().map(|pattern| pattern.what.as_str()).collect();
            written.sort_unstable();
            let names = &mut self.names;
            let set = *self.known.actions.entry(written).or_insert_with(|| names.add(element));
            literals.push(Literal { dimension: ACTION, set, holds: !element.negated });
        }
        let mut alternatives = vec![literals];
        for condition in &statement.conditions {
            let line = self.line(condition, variables, MOST_ALTERNATIVES / alternatives.len().max(1))?;
            let with = |literals: Vec<Literal>| line.iter().map(move |more| [literals.as_slice(), more].concat());
            alternatives = alternatives.into_iter().flat_map(with).collect();
        }
        Some(alternatives)
    }

    /// The line of a condition block, as alternatives, at most so many, of each of which all literals have to hold; none when it never holds.
    fn line(&mut self, condition: &'p Condition, variables: bool, most: usize) -> Option<Vec<Vec<Literal>>> {
        let operator = Operator::parse(&condition.operator.what)?;
        if !self.budget.spend(condition.values.iter().map(|value| value.what.len() / 2 + 8).sum()) {
            return None;
        }
        let mut written: Vec<&'p str> = condition.values.iter().map(|value| &*value.what).collect();
        written.sort_unstable();
        written.dedup();
        let filled = variables && operator.takes_variables() && written.iter().any(|value| variables::has_variable(value));
        if filled {
            self.variables.extend(written.iter().flat_map(|value| variables::keys(value)));
            let unknown = matches!(self.filling, Filling::Unknown);
            if unknown && written.iter().any(|value| variables::keys(value).next().is_some()) {
                return self.unfilled_line(operator, condition, written, most);
            }
        }
        Some(vec![vec![self.exact_line(operator, &condition.key.what, written, filled)?]])
    }

    /// The line of an operator, a key and values in which nothing is unknown; `filled` says whether they are read for variables.
    pub(super) fn exact_line(&mut self, operator: Operator, key: &str, written: Vec<&'p str>, filled: bool) -> Option<Literal> {
        let none = BTreeMap::new();
        let values = match &self.filling {
            Filling::Known(values) => values,
            // Special characters are all that is in them.
            Filling::Unknown => &none,
        };
        let wildcards = keys::has_wildcards(operator.test);
        let units: Vec<Vec<Unit>> = match filled {
            true => written.iter().filter_map(|value| variables::filled(value, wildcards, values)).collect(),
            false => written.iter().map(|value| keys::plain(operator.test, value)).collect(),
        };
        let at = self.key(key);
        // Spelled alike whatever the case of the operator; `ArnEquals` is `ArnLike`.
        let name = (at, format!("{operator:?}{}", if filled { "$" } else { "" }), written);
        let set = match self.known.lines.get(&name) {
            Some(known) => *known,
            None => {
                let line = self.keys.get_mut(at as usize).map(|key| key.add(operator, units))?;
                self.known.lines.insert(name, line);
                line
            }
        };
        Some(Literal { dimension: FIRST_KEY + at, set, holds: true })
    }

    /// That a key is as a line says whose values are filled in.
    pub(super) fn add_line(&mut self, key: &str, operator: Operator, values: Vec<Vec<Unit>>) -> Option<Literal> {
        let at = self.key(key);
        let set = self.keys.get_mut(at as usize)?.add(operator, values);
        Some(Literal { dimension: FIRST_KEY + at, set, holds: true })
    }

    /// On which resources a statement is, as alternatives; none when on none.
    fn wheres(&mut self, element: Option<&'p ResourceElement>, variables: bool) -> Option<Vec<Vec<Literal>>> {
        let Some(element) = element else {
            return (self.kind == PolicyKind::Resource).then(|| vec![Vec::new()]);
        };
        for pattern in &element.patterns {
            let text: &'p str = &pattern.what;
            if variables && variables::has_variable(text) {
                self.unfilled.insert(text);
                self.variables.extend(variables::keys(text));
            } else if !text.contains(['*', '?']) {
                self.exact.insert(text);
            }
        }
        let size: usize = element.patterns.iter().map(|pattern| pattern.what.len() / 2 + 8).sum();
        if !self.budget.spend(size) {
            return None;
        }
        let texts = element.patterns.iter().map(|pattern| (&*pattern.what, variables && variables::has_variable(&pattern.what)));
        let sets = self.resources.add_element(texts, &self.filling);
        let everything = sets.iter().any(|set| self.resources.is_everything(*set));
        let literal = |set: u32| Literal { dimension: RESOURCE, set, holds: !element.negated };
        match (element.negated, everything) {
            (true, true) => None,
            (false, true) => Some(vec![Vec::new()]),
            (true, false) => Some(vec![sets.into_iter().map(literal).collect()]),
            (false, false) => {
                let wheres: Vec<Vec<Literal>> = sets.into_iter().map(|set| vec![literal(set)]).collect();
                (!wheres.is_empty()).then_some(wheres)
            }
        }
    }

    /// A point of a dimension at which the literals are as asserted.
    pub(super) fn find(&mut self, dimension: u32, asserted: &[(u32, bool)]) -> Found<Point> {
        let question = (dimension, asserted.to_vec());
        if let Some(known) = self.answers.get(&question) {
            return known.clone();
        }
        if !self.budget.spend(asserted.len() + 4) {
            return Found::TooComplex;
        }
        let budget = &self.budget;
        let answer = match dimension {
            ACTION => point(self.names.find(asserted, budget), Point::Action),
            RESOURCE => point(self.resources.find(asserted, budget), Point::Resource),
            CALLER => point(self.callers.find(asserted, budget), Point::Caller),
            key => match self.keys.get((key - FIRST_KEY) as usize) {
                Some(key) => point(key.find(asserted, budget), Point::Key),
                None => Found::None,
            },
        };
        // When the budget is spent on the way, that nothing was found says nothing.
        let answer = if matches!(answer, Found::None) && budget.is_spent() { Found::TooComplex } else { answer };
        self.answers.insert(question, answer.clone());
        answer
    }

    /// Whether a set of a dimension holds a point of it.
    pub(super) fn holds(&self, dimension: u32, set: u32, point: &Point) -> bool {
        match point {
            Point::Action(name) => self.names.holds(set, name, &self.budget),
            Point::Resource(place) => self.resources.holds(set, place, &self.budget),
            Point::Caller(caller) => self.callers.holds(set, caller),
            Point::Key(state) => self.key_of(dimension).is_some_and(|key| key.holds(set, state, &self.budget)),
        }
    }
}

fn point<T>(found: Found<T>, make: impl Fn(T) -> Point) -> Found<Point> {
    match found {
        Found::Some(own) => Found::Some(make(own)),
        Found::None => Found::None,
        Found::TooComplex => Found::TooComplex,
    }
}
