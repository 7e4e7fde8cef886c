//! Whether the resources of some statements cover those of others: the questions that the claims ask.
//!
//! On top of `resources`, which knows what a pattern matches. A statement with `NotResource` is about what its patterns
//! leave. Where policy variables decide, the answer says so, and no claim holds wrongly.

use crate::clause::Frame;
use crate::resources::{Resource, Resources};
use crate::search::{Budget, Found};
use crate::variables::Filling;

/// The resources that one statement is about.
#[derive(Debug)]
pub(crate) struct About {
    negated: bool,
    /// About what lies in any of them, or in none if negated.
    sets: Vec<u32>,
}

/// What a question about resources has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Escape {
    /// There is no such resource.
    None,
    /// There is, and this is one.
    Resource(String),
    /// There may be: it depends on texts that only a request knows.
    Unknown,
    /// The budget is spent.
    TooComplex,
}

/// The right-hand side of a question: what is covered.
#[derive(Debug, Default)]
pub(crate) struct Right<'r> {
    /// Covers in every case.
    pub(crate) surely: Vec<&'r About>,
    /// Covers under conditions that are not reasoned about.
    pub(crate) perhaps: Vec<&'r About>,
}

/// In how many ways one question may be asked.
const MAX_CASES: usize = 64;

/// Sets, and whether a resource is to lie in them.
type Asserted = Vec<(u32, bool)>;

/// The resources of a statement with that frame. A statement without the element is about every resource: it has a
/// `Principal`, which the entrance sees to.
pub(crate) fn about<'p>(frame: &Frame<'p>, resources: &mut Resources<'p>) -> About {
    match &frame.resources {
        None => About { negated: true, sets: Vec::new() },
        Some((negated, patterns)) => {
            About { negated: *negated, sets: resources.add_element(patterns.iter().copied(), &Filling::Unknown) }
        }
    }
}

/// A resource that `left` is about and none of `right` is. Those of `perhaps` may or may not count on the right.
pub(crate) fn outside(resources: &Resources<'_>, left: &About, right: &Right<'_>, budget: &Budget) -> Escape {
    find(resources, &[left], right, budget)
}

/// A resource that `left` and `other` are both about and none of `right` is.
pub(crate) fn shared(resources: &Resources<'_>, left: &About, other: &About, right: &Right<'_>, budget: &Budget) -> Escape {
    find(resources, &[left, other], right, budget)
}

/// First with as little on the right as there may be: when nothing escapes that, nothing escapes. What escapes even the
/// most that may stand there, whatever the variables are, is shown; anything between is unknown.
fn find(resources: &Resources<'_>, inside: &[&About], right: &Right<'_>, budget: &Budget) -> Escape {
    let least = cases(inside, &right.surely, budget);
    let Some(least) = least else { return Escape::TooComplex };
    let mut unsure = false;
    let mut exact = right.perhaps.is_empty();
    for case in &least {
        match resources.find(case, budget) {
            Found::None => {}
            Found::TooComplex => return Escape::TooComplex,
            Found::Some(resource) => {
                exact &= case.iter().all(|(set, _)| resources.is_known(*set));
                if let Some(text) = resource.text.filter(|_| exact) {
                    return Escape::Resource(text);
                }
                unsure = true;
            }
        }
    }
    if !unsure {
        return Escape::None;
    }
    let all: Vec<&About> = right.surely.iter().chain(&right.perhaps).copied().collect();
    let Some(most) = cases(inside, &all, budget) else { return Escape::TooComplex };
    for case in &most {
        match resources.find_certain(case, budget) {
            Found::None => {}
            Found::TooComplex => return Escape::TooComplex,
            Found::Some(Resource { text: Some(text), .. }) => return Escape::Resource(text),
            Found::Some(_) => {}
        }
    }
    Escape::Unknown
}

/// The question as cases, of which any may be so: all of what one case asserts has to hold. None when they are too many.
fn cases(inside: &[&About], outside: &[&About], budget: &Budget) -> Option<Vec<Asserted>> {
    let mut all: Asserted = Vec::new();
    let mut choices: Vec<&[u32]> = Vec::new();
    let sides = inside.iter().map(|about| (about, true)).chain(outside.iter().map(|about| (about, false)));
    for (about, is_inside) in sides {
        if !budget.spend(about.sets.len() + 1) {
            return None;
        }
        // Inside what the patterns list, or outside what they leave: in one of the sets.
        if about.negated == is_inside {
            all.extend(about.sets.iter().map(|set| (*set, false)));
        } else {
            choices.push(&about.sets);
        }
    }
    all.sort_unstable();
    all.dedup();
    let mut cases = vec![all];
    for sets in choices {
        if cases.len().saturating_mul(sets.len()) > MAX_CASES {
            return None;
        }
        let with = |case: &Asserted| -> Vec<Asserted> {
            let free = |set: &&u32| case.binary_search(&(**set, false)).is_err();
            let added = |set: &u32| {
                let mut case = case.clone();
                if let Err(at) = case.binary_search(&(*set, true)) {
                    case.insert(at, (*set, true));
                }
                case
            };
            sets.iter().filter(free).map(added).collect()
        };
        for case in &cases {
            if !budget.spend(case.len() * sets.len()) {
                return None;
            }
        }
        cases = cases.iter().flat_map(with).collect();
    }
    Some(cases)
}
