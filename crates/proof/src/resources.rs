//! Resources as sets of texts: any text but the empty one, `*` for requests on nothing in particular.
//!
//! The one meaning of the `Resource` element within this crate, for the four claims and for comparisons alike; patterns
//! match as the evaluator's do (`docs/evaluation.md`, Resources and Variables). A pattern with policy variables is a set of
//! its own about which two things are known: a set that holds it whatever the variables are, and what it is in terms of the
//! variables themselves, so that it can be seen to lie within patterns with the same ones.

use std::collections::HashMap;

use crate::language::{Glob, Union};
use crate::search::{Answer, Budget, Found, Word};
use crate::texts::{Pattern, Reach, Search, TextSet, Unit, symbol_of, text_of};
use crate::variables::{self, Filling, Symbols};

/// The sets of resources of a comparison.
#[derive(Debug)]
pub(crate) struct Resources<'p> {
    sets: Vec<Set>,
    universe: Union,
    symbols: Symbols,
    /// Sets that are there already, by how they are written.
    known: HashMap<(Written, Vec<&'p str>), u32>,
}

#[derive(Debug)]
enum Set {
    Plain(TextSet),
    /// One pattern with unknown parts.
    Unknown {
        narrow: TextSet,
        wide: TextSet,
    },
}

/// How the texts of a set are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Written {
    Plain,
    /// Some of them with variables, all filled in.
    Filled,
    /// One text, with something unknown in it.
    Unknown,
}

/// A resource; with unknown parts it has no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    word: Word,
    /// The resource itself.
    pub(crate) text: Option<String>,
}

impl Resource {
    fn of(text: &str) -> Resource {
        Resource { word: text.chars().map(symbol_of).collect(), text: Some(text.to_owned()) }
    }
}

/// A resource pattern without variables.
pub(crate) fn plain(text: &str) -> Pattern {
    Pattern::glob(text, if text.starts_with("arn:") { Reach::Resource } else { Reach::Everything })
}

/// A resource pattern in which variables have been filled in.
fn filled(units: Vec<Unit>) -> Pattern {
    Pattern::of(units, Reach::Resource)
}

impl<'p> Resources<'p> {
    pub(crate) fn new() -> Resources<'p> {
        let mut universe = Glob::default();
        universe.push_whatever();
        universe.push_long_star();
        Resources { sets: Vec::new(), universe: Union::of([universe]), symbols: Symbols::default(), known: HashMap::new() }
    }

    fn push(&mut self, set: Set) -> u32 {
        self.sets.push(set);
        u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a set in which nothing is unknown.
    pub(crate) fn add(&mut self, patterns: impl IntoIterator<Item = Pattern>) -> u32 {
        self.push(Set::Plain(TextSet::of(patterns)))
    }

    /// Adds the patterns of an element, each with whether it is read for variables. They match what lies in any of the sets
    /// that come back: one for all patterns in which nothing is unknown, and one for each of the others.
    pub(crate) fn add_element(&mut self, patterns: impl IntoIterator<Item = (&'p str, bool)>, filling: &Filling) -> Vec<u32> {
        let (mut own, mut written, mut how, mut sets) = (Vec::new(), Vec::new(), Written::Plain, Vec::new());
        for (text, has_variables) in patterns {
            if !has_variables {
                own.push(plain(text));
                written.push(text);
                continue;
            }
            match variables::resource(text, filling, &mut self.symbols) {
                variables::Resource::Nothing => {}
                variables::Resource::Plain(units) => {
                    own.push(filled(units));
                    written.push(text);
                    how = Written::Filled;
                }
                variables::Resource::Unknown { narrow, wide } => {
                    let key = (Written::Unknown, vec![text]);
                    let set = match self.known.get(&key) {
                        Some(known) => *known,
                        None => {
                            let [narrow, wide] = [narrow, wide].map(|units| TextSet::of([filled(units)]));
                            let set = self.push(Set::Unknown { narrow, wide });
                            self.known.insert(key, set);
                            set
                        }
                    };
                    sets.push(set);
                }
            }
        }
        if !own.is_empty() {
            written.sort_unstable();
            written.dedup();
            let key = (how, written);
            let set = match self.known.get(&key) {
                Some(known) => *known,
                None => {
                    let set = self.add(own);
                    self.known.insert(key, set);
                    set
                }
            };
            sets.insert(0, set);
        }
        sets
    }

    /// Whether a set is every resource.
    pub(crate) fn is_everything(&self, at: u32) -> bool {
        matches!(self.sets.get(at as usize), Some(Set::Plain(set)) if set.is_everything())
    }

    /// Whether nothing of a set is unknown.
    pub(crate) fn is_known(&self, at: u32) -> bool {
        matches!(self.sets.get(at as usize), Some(Set::Plain(_)))
    }

    /// Whether a resource is in a set; with unknown parts, as far as is known.
    /// When the budget is spent on the way the answer means nothing.
    pub(crate) fn holds(&self, at: u32, resource: &Resource, budget: &Budget) -> bool {
        match (self.sets.get(at as usize), &resource.text) {
            (Some(Set::Plain(set)), Some(text)) => set.contains(text, budget),
            (Some(Set::Plain(set)), None) => set.contains_word(&resource.word, budget),
            (Some(Set::Unknown { narrow, .. }), _) => narrow.contains_word(&resource.word, budget),
            (None, _) => false,
        }
    }

    /// A resource that is in the sets as asserted. Where something is unknown there may be none although one is
    /// found, never the other way round.
    pub(crate) fn find(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<Resource> {
        let (mut inside, mut plain_outside, mut outside, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, holds) in asserted {
            match (self.sets.get(*at as usize), holds) {
                (Some(Set::Plain(set)), true) => inside.push(set),
                (Some(Set::Plain(set)), false) => {
                    plain_outside.push(set);
                    outside.push(set);
                }
                (Some(Set::Unknown { narrow, wide }), true) => {
                    inside.push(wide);
                    unknown.push(narrow);
                }
                (Some(Set::Unknown { narrow, .. }), false) => outside.push(narrow),
                (None, _) => {}
            }
        }
        if unknown.is_empty()
            && inside.iter().all(|set| set.contains("*", budget))
            && !plain_outside.iter().any(|set| set.contains("*", budget))
        {
            return Found::Some(Resource::of("*"));
        }
        let mut found = self.search(&inside, &plain_outside, budget);
        for (at, narrow) in unknown.iter().enumerate() {
            if !matches!(found, Found::Some(_)) {
                break;
            }
            match self.search(&[narrow], &outside, budget) {
                Found::Some(_) if at > 0 => {}
                other => found = other,
            }
        }
        found
    }

    /// A resource that is in the sets as asserted whatever the variables stand for. There may be others.
    pub(crate) fn find_certain(&self, asserted: &[(u32, bool)], budget: &Budget) -> Found<Resource> {
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for (at, holds) in asserted {
            match (self.sets.get(*at as usize), holds) {
                (Some(Set::Plain(set)), true) => inside.push(set),
                (Some(Set::Unknown { .. }), true) => return Found::None,
                (Some(Set::Plain(set) | Set::Unknown { wide: set, .. }), false) => outside.push(set),
                (None, _) => {}
            }
        }
        self.search(&inside, &outside, budget)
    }

    fn search(&self, inside: &[&TextSet], outside: &[&TextSet], budget: &Budget) -> Found<Resource> {
        let search = Search { universe: &self.universe, valid: |text| !text.is_empty(), inside, outside };
        match search.run(budget) {
            Answer::None => Found::None,
            Answer::TooComplex => Found::TooComplex,
            Answer::Word(word) => Found::Some(Resource { text: text_of(&word), word }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise_policy::arn;

    fn patterns() -> Vec<String> {
        let parts = ["", "*", "a*", "*a", "?", "a:b"];
        let mut patterns = vec!["arn".to_owned()];
        for _ in 0..4 {
            patterns = patterns.iter().flat_map(|p| parts.map(|part| format!("{p}:{part}"))).collect();
        }
        let longer: Vec<String> = patterns.iter().flat_map(|p| [format!("{p}:*a"), format!("{p}*")]).collect();
        patterns.into_iter().chain(longer).chain(["*", "a*", "arn*:a", "?rn:*", "**", "*:b"].map(str::to_owned)).collect()
    }

    const TEXTS: [&str; 12] = [
        "arn:a:a:a:a:a",
        "arn:a::a:b:a:b",
        "arn:a:a",
        "arn:::::",
        "arn:b:a:b:ba:a:a",
        "*",
        "arn",
        "arn::::",
        "arn:a:b:a:b:a:b:a",
        "b",
        "arn:a",
        "xrn:a:b",
    ];

    #[test]
    fn patterns_match_what_the_evaluator_matches() {
        for pattern in patterns() {
            let set = TextSet::of([plain(&pattern)]);
            let operator = TextSet::of([Pattern::glob(&pattern, Reach::Arn)]);
            for text in TEXTS {
                assert_eq!(set.contains(text, &Budget::full()), arn::resource_matches(&pattern, text), "{pattern} on {text}");
                assert_eq!(
                    operator.contains(text, &Budget::full()),
                    arn::like(&pattern, text),
                    "{pattern} on {text}, as an operator"
                );
            }
        }
    }

    #[test]
    fn what_a_search_finds_is_inside_and_outside_as_the_evaluator_sees_it() {
        let patterns = patterns();
        let (mut some, mut none) = (0, 0);
        for (at, pattern) in patterns.iter().enumerate().step_by(5) {
            for step in [1, 5, 11, 23] {
                let other = &patterns[(at * 31 + step * 101) % patterns.len()];
                let mut resources = Resources::new();
                let sets = [pattern, other].map(|text| resources.add([plain(text)]));
                match resources.find(&[(sets[0], true), (sets[1], false)], &Budget::full()) {
                    Found::Some(resource) => {
                        let text = resource.text.unwrap();
                        some += 1;
                        assert!(arn::resource_matches(pattern, &text), "{pattern}, {other}: {text}");
                        assert!(!arn::resource_matches(other, &text), "{pattern}, {other}: {text}");
                    }
                    Found::None => {
                        none += 1;
                        let escapes = |text: &&str| arn::resource_matches(pattern, text) && !arn::resource_matches(other, text);
                        assert_eq!(TEXTS.iter().find(|text| escapes(text)), None, "{pattern} in {other}");
                    }
                    Found::TooComplex => panic!("{pattern}, {other}"),
                }
            }
        }
        assert!(some > 1000 && none > 40, "{some} {none}");
    }
}
