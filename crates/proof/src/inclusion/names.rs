//! Actions as a dimension of requests: names of services and actions, in lower case.
//!
//! Sets are the `Action` elements of the policies and lists of patterns; the catalogue is a set of its own, so that a
//! counterexample can be looked for among its actions. Every `service:name` is an action, catalogued or not.

use std::cell::OnceCell;

use leastwise_policy::document::ActionElement;
use leastwise_policy::{ActionPattern, Catalogue};

use crate::language::{Glob, SEPARATOR, Union};
use crate::search::Found;
use crate::search::{Answer, Budget};
use crate::texts::{Pattern, Reach, Search, TextSet, text_of};

/// The actions of a comparison, and the sets of them.
#[derive(Debug)]
pub(super) struct Names<'p> {
    catalogue: &'p Catalogue,
    sets: Vec<(Source<'p>, OnceCell<TextSet>)>,
    universe: Union,
}

/// What a set is made of.
#[derive(Debug)]
enum Source<'p> {
    Element(&'p ActionElement),
    Patterns(Vec<ActionPattern>),
    Catalogue,
}

impl<'p> Names<'p> {
    pub(super) fn new(catalogue: &'p Catalogue) -> Names<'p> {
        let mut universe = Glob::default();
        universe.push_any();
        universe.push_star();
        universe.push_symbol(SEPARATOR);
        universe.push_anything();
        universe.push_long_star();
        Names { catalogue, sets: Vec::new(), universe: Union::of([universe]) }
    }

    fn push(&mut self, source: Source<'p>) -> u32 {
        self.sets.push((source, OnceCell::new()));
        u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds what the patterns of an element match, negated or not.
    pub(super) fn add(&mut self, element: &'p ActionElement) -> u32 {
        self.push(Source::Element(element))
    }

    /// Adds what any of these matches.
    pub(super) fn add_patterns(&mut self, patterns: Vec<ActionPattern>) -> u32 {
        self.push(Source::Patterns(patterns))
    }

    /// Adds all that the catalogue knows.
    pub(super) fn add_catalogue(&mut self) -> u32 {
        self.push(Source::Catalogue)
    }

    fn set(&self, at: u32) -> Option<&TextSet> {
        let (source, set) = self.sets.get(at as usize)?;
        match source {
            Source::Catalogue => None,
            Source::Element(element) => {
                Some(set.get_or_init(|| TextSet::of(element.patterns.iter().map(|pattern| glob(&pattern.what)))))
            }
            Source::Patterns(patterns) => Some(set.get_or_init(|| TextSet::of(patterns.iter().map(glob)))),
        }
    }

    /// Whether an action, in lower case, is in a set.
    pub(super) fn holds(&self, at: u32, name: &str, budget: &Budget) -> bool {
        match self.set(at) {
            Some(set) => set.contains(name, budget),
            None => name
                .split_once(':')
                .is_some_and(|(service, name)| self.catalogue.service(service).is_some_and(|s| s.action(name).is_some())),
        }
    }

    fn sides(&self, asserted: &[(u32, bool)]) -> (Vec<&TextSet>, Vec<&TextSet>) {
        let side = |inside: bool| asserted.iter().filter(|(_, own)| *own == inside).filter_map(|(at, _)| self.set(*at)).collect();
        (side(true), side(false))
    }

    /// An action, in lower case, that is in the sets as asserted.
    pub(super) fn find(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<String> {
        let catalogue = |at: u32| matches!(self.sets.get(at as usize), Some((Source::Catalogue, _)));
        if let Some((_, known)) = asserted.iter().find(|(at, _)| catalogue(*at))
            && *known
        {
            return match self.catalogued(asserted, 1, budget) {
                None => Found::TooComplex,
                Some(names) => names.first().map_or(Found::None, |name| Found::Some(name.to_ascii_lowercase())),
            };
        }
        let (inside, outside) = self.sides(asserted);
        let search = Search { universe: &self.universe, valid: is_action, inside: &inside, outside: &outside };
        match search.run(budget) {
            Answer::None => Found::None,
            Answer::TooComplex => Found::TooComplex,
            Answer::Word(word) => text_of(&word).map_or(Found::TooComplex, Found::Some),
        }
    }

    /// The first catalogued actions, as spelled there, that are in the sets as asserted; none when the budget is spent.
    pub(super) fn catalogued(&self, asserted: &[(u32, bool)], most: usize, budget: &Budget) -> Option<Vec<String>> {
        let (inside, outside) = self.sides(asserted);
        let mut found = Vec::new();
        let mut lower = String::new();
        let mut look = |service: &leastwise_policy::catalogue::Service| {
            for name in service.action_names() {
                if !budget.spend(asserted.len() + 1) {
                    return None;
                }
                lower.clear();
                lower.extend([service.prefix(), ":", name]);
                lower.make_ascii_lowercase();
                if inside.iter().all(|set| set.contains(&lower, budget))
                    && !outside.iter().any(|set| set.contains(&lower, budget))
                {
                    found.push(format!("{}:{name}", service.prefix()));
                    if found.len() >= most {
                        break;
                    }
                }
            }
            Some(found.len() >= most)
        };
        let limits = inside.iter().filter(|set| !set.is_everything()).min_by_key(|set| set.heads().count());
        match limits {
            Some(set) => {
                let mut services: Vec<&str> = set.heads().filter_map(|(head, _)| head.split_once(':')).map(|(s, _)| s).collect();
                services.dedup();
                for service in services.into_iter().filter_map(|prefix| self.catalogue.service(prefix)) {
                    if look(service)? {
                        break;
                    }
                }
            }
            None => {
                for service in self.catalogue.services() {
                    if look(service)? {
                        break;
                    }
                }
            }
        }
        Some(found)
    }
}

/// What an action's pattern matches; without a service it matches all.
fn glob(pattern: &ActionPattern) -> Pattern {
    match pattern.service() {
        None => Pattern::glob("*", Reach::Everything),
        Some(_) => Pattern::glob(&pattern.as_str().to_ascii_lowercase(), Reach::Everything),
    }
}

/// Whether a text without wildcards is `service:name`.
fn is_action(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty()) && !text.contains(['*', '?'])
}
