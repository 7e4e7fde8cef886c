//! The compact form: the cheapest patterns that keep what is kept, for policies that must become shorter.
//!
//! `docs/refinement.md`, "Compact form". Patterns of the form `prefix*suffix`, cut where tokens end, stand
//! in for the shortest safe prefixes; they satisfy the same claims. Patterns that need no change stay.

use std::collections::BTreeMap;

use leastwise_policy::Unused;
use leastwise_policy::document::ActionElement;
use leastwise_policy::edit::Item;
use leastwise_policy::glob;
use leastwise_policy::known::KnownActions;

use super::names::Names;
use super::set_cover::{Choice, Cover, cheapest_cover};
use super::tokens::token_ends;

/// How near a compact list is to the shortest one of its family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compactness {
    /// Characters that the chosen patterns take.
    pub cost: u64,
    /// No choice of `prefix*suffix` patterns takes fewer; equal to `cost` when the search was exhaustive.
    pub lower_bound: u64,
}

impl std::ops::AddAssign for Compactness {
    fn add_assign(&mut self, other: Compactness) {
        self.cost += other.cost;
        self.lower_bound += other.lower_bound;
    }
}

/// The items of a statement's compact list, in the order of the originals. `replaced` says for each original
/// pattern whether it must change, `dropped` whether it goes.
pub(crate) fn compact(
    actions: &ActionElement,
    replaced: &[bool],
    dropped: &[bool],
    unused: &Unused,
    known: &KnownActions<'_>,
) -> (Vec<Item>, Compactness) {
    let is = |flags: &[bool], at: usize| flags.get(at).copied().unwrap_or(false);
    let mut items: BTreeMap<(usize, String), Item> = BTreeMap::new();
    let mut services: Vec<&str> = Vec::new();
    for (at, pattern) in actions.patterns.iter().enumerate() {
        if is(replaced, at) {
            match pattern.what.service() {
                Some(service) => services.extend(known.prefix(service)),
                None => services.extend(known.services()),
            }
        } else if !is(dropped, at) {
            items.insert((at, String::new()), Item::Kept(at));
        }
    }
    services.sort_unstable();
    services.dedup();
    let mut total = Compactness::default();
    for service in services {
        let reaching: Vec<(usize, &str, bool)> = actions
            .patterns
            .iter()
            .enumerate()
            .filter(|(at, p)| !is(dropped, *at) && p.what.reaches(service))
            .map(|(at, p)| (at, p.what.name_glob(), is(replaced, at)))
            .collect();
        let names = Names::of(known, service);
        let (chosen, compactness) = compact_service(&names, &reaching, |name| unused.names(service, name));
        total += compactness;
        // An exact name stays only where it is chosen: another pattern may cover it, or it may stand twice.
        for (at, _) in reaching_exact(&reaching) {
            items.remove(&(at, String::new()));
        }
        for (at, pattern) in chosen {
            let as_written =
                reaching_exact(&reaching).into_iter().find(|(_, p)| p.eq_ignore_ascii_case(&pattern)).map(|(at, _)| at);
            match as_written {
                Some(at) => items.insert((at, String::new()), Item::Kept(at)),
                None => {
                    let pattern = format!("{}:{pattern}", names.prefix());
                    items.insert((at, pattern.clone()), Item::New { pattern, at })
                }
            };
        }
    }
    (items.into_values().collect(), total)
}

/// The exact names among the patterns that stay, with their places.
fn reaching_exact<'p>(reaching: &[(usize, &'p str, bool)]) -> Vec<(usize, &'p str)> {
    reaching
        .iter()
        .filter(|(_, glob, replaced)| !replaced && !glob::has_wildcard(glob))
        .map(|(at, glob, _)| (*at, *glob))
        .collect()
}

/// The cheapest patterns for one service: each with the place of the first original that has it in it.
fn compact_service(
    names: &Names<'_>,
    reaching: &[(usize, &str, bool)],
    is_unused: impl Fn(&str) -> bool,
) -> (Vec<(usize, String)>, Compactness) {
    let fixed: Vec<&str> =
        reaching.iter().filter(|(_, glob, replaced)| !replaced && glob::has_wildcard(glob)).map(|(_, glob, _)| *glob).collect();
    let open: Vec<(usize, &str)> = reaching
        .iter()
        .filter(|(_, glob, replaced)| *replaced || !glob::has_wildcard(glob))
        .map(|(at, glob, _)| (*at, *glob))
        .collect();
    let matches = |glob: &str, name: &str| glob::matches(glob, name, glob::Case::Ignored);
    let universe: Vec<&str> = names
        .iter()
        .filter(|n| !is_unused(n) && open.iter().any(|(_, g)| matches(g, n)) && !fixed.iter().any(|g| matches(g, n)))
        .collect();
    let place: BTreeMap<&str, u32> = universe.iter().copied().zip(0u32..).collect();
    let mut patterns: BTreeMap<String, (usize, Choice)> = BTreeMap::new();
    for name in &universe {
        for pattern in family(name) {
            if patterns.contains_key(&pattern) {
                continue;
            }
            let Some(at) = open.iter().find(|(_, original)| includes(original, &pattern)).map(|(at, _)| *at) else { continue };
            let covered: Vec<&str> = names.matching(&pattern).collect();
            if covered.iter().any(|n| is_unused(n)) {
                continue;
            }
            let elements: Vec<u32> = covered.iter().filter_map(|n| place.get(n).copied()).collect();
            let cost = (names.prefix().len() + pattern.len() + "\":\",".len()) as u64;
            patterns.insert(pattern, (at, Choice { elements, cost }));
        }
    }
    let choices: Vec<Choice> = patterns.values().map(|(_, c)| c.clone()).collect();
    let Some(Cover { chosen, cost, lower_bound }) = cheapest_cover(universe.len(), &choices) else {
        return (Vec::new(), Compactness::default());
    };
    let all: Vec<(usize, String)> = patterns.into_iter().map(|(pattern, (at, _))| (at, pattern)).collect();
    let chosen = chosen.into_iter().filter_map(|at| all.get(at).cloned()).collect();
    (chosen, Compactness { cost, lower_bound })
}

/// The patterns that may stand for `name`: the name itself, and `prefix*suffix` cut at token boundaries.
fn family(name: &str) -> Vec<String> {
    let ends: Vec<usize> = std::iter::once(0).chain(token_ends(name)).collect();
    let mut out = vec![name.to_owned()];
    for (index, prefix) in ends.iter().enumerate() {
        for suffix in ends.iter().skip(index) {
            let (Some(prefix), Some(suffix)) = (name.get(..*prefix), name.get(*suffix..)) else { continue };
            out.push(format!("{prefix}*{suffix}"));
        }
    }
    out
}

/// Whether every string that `inner` matches is matched by `outer`, judged pattern against pattern: a `*` of
/// `inner` must fall into a `*` of `outer`. Never true when it is not so; the proof decides for good.
fn includes(outer: &str, inner: &str) -> bool {
    let (outer, inner): (Vec<char>, Vec<char>) = (outer.chars().collect(), inner.chars().collect());
    let (mut o, mut i) = (0, 0);
    let mut resume: Option<(usize, usize)> = None;
    loop {
        match (outer.get(o), inner.get(i)) {
            (None, None) => return true,
            (Some('*'), _) => {
                resume = Some((o + 1, i));
                o += 1;
            }
            (Some('?'), Some(c)) if *c != '*' => (o, i) = (o + 1, i + 1),
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(b) => (o, i) = (o + 1, i + 1),
            _ => match resume {
                Some((after, from)) if from < inner.len() => {
                    resume = Some((after, from + 1));
                    (o, i) = (after, from + 1);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inclusion_of_patterns_is_never_claimed_wrongly() {
        assert!(includes("Get*", "Get*Tagging"));
        assert!(includes("*", "*"));
        assert!(includes("G?t*", "Get*"));
        assert!(!includes("Get?*", "Get*"));
        assert!(!includes("Get*Tagging", "Get*"));
        assert!(!includes("GetObject", "Get*"));
        assert!(includes("*a*b", "xa*yb"));
    }

    #[test]
    fn the_family_of_a_name_is_cut_at_tokens() {
        assert_eq!(family("GetTagging"), ["GetTagging", "*GetTagging", "*Tagging", "*", "Get*Tagging", "Get*", "GetTagging*"]);
    }
}
