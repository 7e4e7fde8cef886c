//! Resources as a dimension of requests: any text but the empty one, `*` for requests on nothing in particular.
//!
//! Patterns match as the evaluator's `Resource` element does. A pattern with policy variables is a set of its own about
//! which two things are known: a set that holds it whatever the variables are, and what it is in terms of the
//! variables themselves, so that it can be seen to lie within patterns with the same ones.

use super::keys::Found;
use super::texts::{Pattern, Reach, Search, TextSet, Unit, symbol_of, text_of};
use crate::language::{Glob, Union};
use crate::search::{Answer, Budget, Word};

/// The sets of resources of a comparison.
#[derive(Debug)]
pub(super) struct Places {
    sets: Vec<PlaceSet>,
    universe: Union,
}

#[derive(Debug)]
enum PlaceSet {
    Plain(TextSet),
    /// One pattern with unknown parts.
    Unknown {
        narrow: TextSet,
        wide: TextSet,
    },
}

/// A resource; with unknown parts it has no text.
#[derive(Debug, Clone)]
pub(super) struct Place {
    word: Word,
    /// The resource itself.
    pub(super) text: Option<String>,
}

impl Place {
    fn of(text: &str) -> Place {
        Place { word: text.chars().map(symbol_of).collect(), text: Some(text.to_owned()) }
    }
}

/// A resource pattern without variables.
pub(super) fn plain(text: &str) -> Pattern {
    Pattern::glob(text, if text.starts_with("arn:") { Reach::Resource } else { Reach::Everything })
}

/// A resource pattern in which variables have been filled in.
pub(super) fn filled(units: Vec<Unit>) -> Pattern {
    Pattern::of(units, Reach::Resource)
}

impl Places {
    pub(super) fn new() -> Places {
        let mut universe = Glob::default();
        universe.push_anything();
        universe.push_long_star();
        Places { sets: Vec::new(), universe: Union::of([universe]) }
    }

    fn push(&mut self, set: PlaceSet) -> u32 {
        self.sets.push(set);
        u32::try_from(self.sets.len() - 1).unwrap_or(u32::MAX)
    }

    /// Adds a set in which nothing is unknown.
    pub(super) fn add(&mut self, patterns: impl IntoIterator<Item = Pattern>) -> u32 {
        self.push(PlaceSet::Plain(TextSet::of(patterns)))
    }

    /// Adds one pattern with unknown parts, as symbols and as anything.
    pub(super) fn add_unknown(&mut self, narrow: Vec<Unit>, wide: Vec<Unit>) -> u32 {
        let [narrow, wide] = [narrow, wide].map(|units| TextSet::of([filled(units)]));
        self.push(PlaceSet::Unknown { narrow, wide })
    }

    /// Whether a set is every resource.
    pub(super) fn is_everything(&self, at: u32) -> bool {
        matches!(self.sets.get(at as usize), Some(PlaceSet::Plain(set)) if set.is_everything())
    }

    /// Whether a resource is in a set; with unknown parts, as far as is known.
    pub(super) fn holds(&self, at: u32, place: &Place) -> bool {
        match (self.sets.get(at as usize), &place.text) {
            (Some(PlaceSet::Plain(set)), Some(text)) => set.contains(text),
            (Some(PlaceSet::Plain(set)), None) => set.contains_word(&place.word),
            (Some(PlaceSet::Unknown { narrow, .. }), _) => narrow.contains_word(&place.word),
            (None, _) => false,
        }
    }

    /// A resource that is in the sets as asserted. Where something is unknown there may be none although one is
    /// found, never the other way round.
    pub(super) fn find(&self, asserted: &[(u32, bool)], budget: &mut Budget) -> Found<Place> {
        let (mut inside, mut plain_outside, mut outside, mut unknown) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (at, holds) in asserted {
            match (self.sets.get(*at as usize), holds) {
                (Some(PlaceSet::Plain(set)), true) => inside.push(set),
                (Some(PlaceSet::Plain(set)), false) => {
                    plain_outside.push(set);
                    outside.push(set);
                }
                (Some(PlaceSet::Unknown { narrow, wide }), true) => {
                    inside.push(wide);
                    unknown.push(narrow);
                }
                (Some(PlaceSet::Unknown { narrow, .. }), false) => outside.push(narrow),
                (None, _) => {}
            }
        }
        if unknown.is_empty() && inside.iter().all(|set| set.contains("*")) && !plain_outside.iter().any(|set| set.contains("*"))
        {
            return Found::Some(Place::of("*"));
        }
        let search = |inside: &[&TextSet], outside: &[&TextSet], budget: &mut Budget| {
            let search = Search { universe: &self.universe, valid: |text| !text.is_empty(), inside, outside };
            match search.run(budget) {
                Answer::None => Found::None,
                Answer::TooComplex => Found::TooComplex,
                Answer::Word(word) => Found::Some(Place { text: text_of(&word), word }),
            }
        };
        let mut found = search(&inside, &plain_outside, budget);
        for (at, narrow) in unknown.iter().enumerate() {
            if !matches!(found, Found::Some(_)) {
                break;
            }
            match search(&[narrow], &outside, budget) {
                Found::Some(_) if at > 0 => {}
                other => found = other,
            }
        }
        found
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
                assert_eq!(set.contains(text), arn::resource_matches(&pattern, text), "{pattern} on {text}");
                assert_eq!(operator.contains(text), arn::like(&pattern, text), "{pattern} on {text}, as an operator");
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
                let mut places = Places::new();
                let sets = [pattern, other].map(|text| places.add([plain(text)]));
                match places.find(&[(sets[0], true), (sets[1], false)], &mut Budget::full()) {
                    Found::Some(place) => {
                        let text = place.text.unwrap();
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
