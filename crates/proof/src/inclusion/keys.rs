//! One condition key as a dimension of requests: missing, one value, or a set of values.
//!
//! Every line of a `Condition` block is a set of such states, and asks whether some or every value lies in some language
//! (`docs/evaluation.md`, Condition operators). Languages are texts, or sorts of ordered values, never both at once: where
//! a policy mixes them on one key, or compares with what only a request knows, the line is opaque.

use leastwise_policy::evaluate::{Operator, Quantifier, Test};
use leastwise_policy::{Catalogue, global_keys};

use super::ranges::Ranges;
use super::scales::{Family, Scale};
use crate::language::{Glob, Union};
use crate::search::{Answer, Budget, Found};
use crate::texts::{Pattern, Reach, Search, TextSet, Unit, text_of, unit_of};

/// A condition key.
#[derive(Debug)]
pub(super) struct Key {
    /// As first written.
    pub(super) name: String,
    /// Whether a request has no more than one value of it.
    pub(super) single: bool,
    /// When its value is given, which it is, or that it is missing.
    pub(super) pinned: Option<State>,
    lines: Vec<Line>,
    form: Form,
}

/// What a request has of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Missing,
    Values(Vec<String>),
    /// Lines on it are not understood; only what has been assumed about them is known.
    Unknown,
}

/// One line of a condition block, or what is asked about the key in another way.
#[derive(Debug)]
enum Line {
    Null {
        missing: bool,
        present: bool,
    },
    /// On a scale, `ranges` is what is wanted.
    Compare {
        operator: Operator,
        texts: Vec<String>,
        set: TextSet,
        ranges: Ranges,
    },
}

/// How values are told apart.
#[derive(Debug)]
enum Form {
    Texts,
    Scale(Scale),
    Opaque,
}

impl Key {
    pub(super) fn new(name: &str, single: bool) -> Key {
        Key { name: name.to_owned(), single, pinned: None, lines: Vec::new(), form: Form::Texts }
    }

    /// A dimension of a line that is not understood, true or false.
    pub(super) fn opaque(name: &str) -> Key {
        Key { form: Form::Opaque, ..Key::new(name, true) }
    }

    /// Adds a line whose values have been filled in; returns its number.
    pub(super) fn add(&mut self, operator: Operator, values: Vec<Vec<Unit>>) -> u32 {
        let line = if operator.test == Test::Null {
            let says = |wanted: &str| values.iter().any(|v| spelled(v).eq_ignore_ascii_case(wanted));
            Line::Null { missing: says("true"), present: says("false") }
        } else {
            let texts = values.iter().map(|value| spelled(value)).collect();
            let set = TextSet::of(values.into_iter().filter_map(|value| pattern(operator.test, value)));
            self.single &= operator.quantifier.is_none();
            Line::Compare { operator, texts, set, ranges: Ranges::default() }
        };
        self.lines.push(line);
        u32::try_from(self.lines.len() - 1).unwrap_or(u32::MAX)
    }

    /// A line that is true or false, and nothing more is known.
    pub(super) fn add_opaque(&mut self) -> u32 {
        self.lines.push(Line::Null { missing: false, present: false });
        u32::try_from(self.lines.len() - 1).unwrap_or(u32::MAX)
    }

    /// Whether its lines are not understood.
    pub(super) fn is_opaque(&self) -> bool {
        matches!(self.form, Form::Opaque)
    }

    /// To be called when all lines are there: decides how values are told apart.
    pub(super) fn settle(&mut self) {
        if self.is_opaque() {
            return;
        }
        let compared: Vec<(Test, &[String])> = self
            .lines
            .iter()
            .filter_map(|line| match line {
                Line::Compare { operator, texts, .. } => Some((operator.test, texts.as_slice())),
                Line::Null { .. } => None,
            })
            .collect();
        let family = compared.iter().find_map(|(test, _)| Family::of(*test));
        let texts = |wanted: fn(Test) -> bool| -> Vec<&str> {
            compared.iter().filter(|(test, _)| wanted(*test)).flat_map(|(_, texts)| texts.iter().map(String::as_str)).collect()
        };
        let folded = texts(|test| test == Test::StringEqualsIgnoreCase);
        let form = match family {
            _ if compared.iter().any(|(test, _)| *test == Test::Binary) => None,
            None if folded.iter().all(|text| text.is_ascii()) => Some(Form::Texts),
            None => None,
            Some(family) => {
                let known = |test: Test| match Family::of(test) {
                    Some(own) => own == family,
                    None => test == Test::StringEquals && family == Family::Truth,
                };
                let exact = texts(|test| test == Test::StringEquals);
                let wanted = texts(|test| Family::of(test).is_some());
                compared.iter().all(|(test, _)| known(*test)).then(|| Form::Scale(Scale::of(family, &wanted, &exact)))
            }
        };
        self.form = form.unwrap_or(Form::Opaque);
        if let Form::Scale(scale) = &self.form {
            for line in &mut self.lines {
                if let Line::Compare { operator, texts, ranges, .. } = line {
                    *ranges = scale.wanted(operator.test, texts);
                }
            }
        }
    }

    fn line(&self, line: u32) -> Option<&Line> {
        self.lines.get(line as usize)
    }

    /// Whether a value is one that a line wants, negation aside.
    fn wants(&self, line: &Line, value: &str, budget: &Budget) -> bool {
        match (line, &self.form) {
            (Line::Compare { set, .. }, Form::Texts) => set.contains(value, budget),
            (Line::Compare { ranges, .. }, Form::Scale(scale)) => ranges.contains(scale.position(value)),
            _ => false,
        }
    }

    /// Whether a line holds.
    pub(super) fn holds(&self, line: u32, state: &State, budget: &Budget) -> bool {
        let Some(line) = self.line(line) else { return false };
        match (line, state) {
            (_, State::Unknown) => false,
            (Line::Null { missing, .. }, State::Missing) => *missing,
            (Line::Null { present, .. }, State::Values(_)) => *present,
            (Line::Compare { operator, .. }, State::Missing) => when_missing(*operator),
            (Line::Compare { operator, .. }, State::Values(values)) => {
                let matches = |value: &String| self.wants(line, value, budget);
                match operator.quantifier {
                    None => values.iter().any(matches) != operator.negated,
                    Some(quantifier) if values.iter().all(String::is_empty) => quantifier == Quantifier::ForAllValues,
                    Some(Quantifier::ForAllValues) => values.iter().all(|value| matches(value) != operator.negated),
                    Some(Quantifier::ForAnyValue) => values.iter().any(|value| matches(value) != operator.negated),
                }
            }
        }
    }

    /// A state in which the lines are as asserted.
    pub(super) fn find(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<State> {
        let contradictory = || asserted.iter().any(|(line, holds)| asserted.contains(&(*line, !holds)));
        if self.is_opaque() {
            return if contradictory() { Found::None } else { Found::Some(State::Unknown) };
        }
        let fits = |state: &State| asserted.iter().all(|(line, holds)| self.holds(*line, state, budget) == *holds);
        if let Some(pinned) = &self.pinned {
            return if fits(pinned) { Found::Some(pinned.clone()) } else { Found::None };
        }
        if fits(&State::Missing) {
            return Found::Some(State::Missing);
        }
        match self.find_values(asserted, budget) {
            Found::None => {}
            found => return found,
        }
        let empty = State::Values(vec![String::new()]);
        if fits(&empty) { Found::Some(empty) } else { Found::None }
    }

    /// One value, if the lines can be as asserted with one.
    pub(super) fn find_one(&self, asserted: &[(u32, bool)], budget: &Budget) -> Option<String> {
        let (every, some) = self.demands(asserted)?;
        let all: Vec<(u32, bool)> = every.into_iter().chain(some).collect();
        let empty = State::Values(vec![String::new()]);
        match self.value(&all, budget) {
            Found::Some(value) => Some(value),
            Found::None if asserted.iter().all(|(line, holds)| self.holds(*line, &empty, budget) == *holds) => {
                Some(String::new())
            }
            _ => None,
        }
    }

    /// What the asserted lines demand of a set of values with one that is not empty: what every value has to be,
    /// and what some value has to be. None when the key must be missing.
    fn demands(&self, asserted: &[(u32, bool)]) -> Option<(Demands, Demands)> {
        let (mut every, mut some) = (Vec::new(), Vec::new());
        for (at, holds) in asserted {
            match self.line(*at)? {
                Line::Null { present, .. } if present == holds => {}
                Line::Null { .. } => return None,
                Line::Compare { operator, .. } => {
                    let universal = match operator.quantifier {
                        None => operator.negated,
                        Some(quantifier) => quantifier == Quantifier::ForAllValues,
                    };
                    let inside = operator.negated != *holds;
                    if universal == *holds { every.push((*at, inside)) } else { some.push((*at, inside)) }
                }
            }
        }
        Some((every, some))
    }

    fn find_values(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<State> {
        let Some((every, some)) = self.demands(asserted) else { return Found::None };
        let all: Vec<(u32, bool)> = every.iter().chain(&some).copied().collect();
        match self.value(&all, budget) {
            Found::Some(value) => return Found::Some(State::Values(vec![value])),
            Found::TooComplex => return Found::TooComplex,
            Found::None if self.single => return Found::None,
            Found::None => {}
        }
        // A value for each demand; one of them, or one besides, must not be the empty text.
        let mut values: Vec<String> = Vec::new();
        for demand in &some {
            let wanted: Vec<(u32, bool)> = every.iter().copied().chain([*demand]).collect();
            let has = |value: &str| wanted.iter().all(|(line, inside)| self.is(*line, value, budget) == *inside);
            if values.iter().any(|value| has(value)) {
                continue;
            }
            match self.value(&wanted, budget) {
                Found::Some(value) => values.push(value),
                Found::TooComplex => return Found::TooComplex,
                Found::None if has("") => values.push(String::new()),
                Found::None => return Found::None,
            }
        }
        if values.iter().all(String::is_empty) {
            match self.value(&every, budget) {
                Found::Some(value) => values.push(value),
                Found::TooComplex => return Found::TooComplex,
                Found::None => return Found::None,
            }
        }
        Found::Some(State::Values(values))
    }

    fn is(&self, line: u32, value: &str, budget: &Budget) -> bool {
        self.line(line).is_some_and(|line| self.wants(line, value, budget))
    }

    /// A value other than the empty text that is, or is not, one that each of the lines wants.
    fn value(&self, wanted: &[(u32, bool)], budget: &Budget) -> Found<String> {
        match &self.form {
            Form::Opaque => Found::None,
            Form::Scale(scale) => {
                let mut left = Ranges::below(scale.len());
                for (at, inside) in wanted {
                    let Some(Line::Compare { ranges, .. }) = self.line(*at) else { continue };
                    if !budget.spend(left.len() + ranges.len() + 1) {
                        return Found::TooComplex;
                    }
                    left = if *inside { left.and(ranges) } else { left.without(ranges) };
                }
                for position in left.positions() {
                    if !budget.spend(4) {
                        return Found::TooComplex;
                    }
                    if let Some(value) = scale.sample(position) {
                        return Found::Some(value);
                    }
                }
                Found::None
            }
            Form::Texts => {
                let sets = |side: bool| -> Vec<&TextSet> {
                    let lines = wanted.iter().filter(|(_, inside)| *inside == side).filter_map(|(at, _)| self.line(*at));
                    lines.filter_map(|l| if let Line::Compare { set, .. } = l { Some(set) } else { None }).collect()
                };
                let mut universe = Glob::default();
                universe.push_anything();
                universe.push_long_star();
                let (inside, outside) = (sets(true), sets(false));
                let universe = Union::of([universe]);
                let search = Search { universe: &universe, valid: |text| !text.is_empty(), inside: &inside, outside: &outside };
                match search.run(budget) {
                    Answer::None => Found::None,
                    Answer::TooComplex => Found::TooComplex,
                    Answer::Word(word) => text_of(&word).map_or(Found::TooComplex, Found::Some),
                }
            }
        }
    }
}

/// Lines, and whether a value is to be one that they want.
type Demands = Vec<(u32, bool)>;

fn when_missing(operator: Operator) -> bool {
    match operator.quantifier {
        // `IfExists` is about each value of the set: without any, a set operator decides alone.
        Some(quantifier) => quantifier == Quantifier::ForAllValues,
        None => operator.negated || operator.if_exists,
    }
}

fn spelled(units: &[Unit]) -> String {
    let spell = |unit: &Unit| match unit {
        Unit::Char(c) | Unit::Folded(c) => *c,
        Unit::One => '?',
        _ => '*',
    };
    units.iter().map(spell).collect()
}

/// What an operator on texts makes of one value, in which wildcards have been told from characters.
fn pattern(test: Test, value: Vec<Unit>) -> Option<Pattern> {
    match test {
        Test::StringEquals => Some(Pattern::of(value, Reach::Everything)),
        Test::StringLike => Some(Pattern::of(value, Reach::Everything)),
        Test::Arn => Some(Pattern::of(value, Reach::Arn)),
        Test::StringEqualsIgnoreCase => {
            let fold = |unit| match unit {
                Unit::Char(c) if c.is_ascii_alphabetic() => Unit::Folded(c.to_ascii_lowercase()),
                other => other,
            };
            Some(Pattern::of(value.into_iter().map(fold), Reach::Everything))
        }
        _ => None,
    }
}

/// Whether an operator's values may have wildcards.
pub(super) fn has_wildcards(test: Test) -> bool {
    matches!(test, Test::StringLike | Test::Arn)
}

/// A value as units, when it has no variables.
pub(super) fn plain(test: Test, value: &str) -> Vec<Unit> {
    value.chars().map(|c| if has_wildcards(test) { unit_of(c) } else { Unit::Char(c) }).collect()
}

/// Whether requests have at most one value of the key, as far as is known; when nothing is known they may have several.
pub(super) fn has_one_value(key: &str, catalogue: &Catalogue) -> bool {
    let Some((prefix, _)) = key.split_once(':') else { return false };
    if prefix.eq_ignore_ascii_case("aws") {
        return global_keys::value_type(key).is_some_and(|kind| !kind.starts_with("ArrayOf"));
    }
    let Some(service) = catalogue.service(prefix) else { return false };
    let exact = service.condition_key(key);
    let found = exact.or_else(|| service.condition_keys().iter().find(|known| global_keys::names(&known.name, key)));
    found.is_some_and(|known| !known.value_types.is_empty() && known.value_types.iter().all(|t| !t.starts_with("ArrayOf")))
}
