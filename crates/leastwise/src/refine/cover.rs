//! Leaves out emitted patterns that another pattern of the same statement makes superfluous.
//!
//! `docs/refinement.md`, "Superfluous patterns": an emitted pattern goes when the names that it matches are all matched by one
//! other pattern of the result; of two equal ones the first stays; a pattern kept as written never goes.

use std::collections::BTreeMap;

use leastwise_policy::ActionPattern;

use super::names::Names;

/// A pattern of a statement's result, in order.
pub(crate) struct Placed<'p> {
    pub(crate) pattern: &'p ActionPattern,
    /// Whether refinement made it; the others stand as their author wrote them.
    pub(crate) emitted: bool,
    /// The place of the pattern of the original that it stands for.
    pub(crate) source: usize,
}

/// A service in which patterns were emitted.
#[derive(Clone, Copy)]
pub(crate) struct Reached<'n, 'a> {
    /// Its names.
    pub(crate) names: &'n Names<'a>,
    /// Whether no two patterns that one pattern of the original became here match the same name.
    pub(crate) disjoint: bool,
}

/// For each pattern, whether it is left out. `services` is every service in which one was emitted.
pub(crate) fn superfluous(patterns: &[Placed<'_>], services: &[Reached<'_, '_>]) -> Vec<bool> {
    let mut out = vec![false; patterns.len()];
    let mut by_service: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut everywhere: Vec<usize> = Vec::new();
    // Neighbours are mostly of one service.
    let mut at = 0;
    for run in patterns.chunk_by(|a, b| a.pattern.service() == b.pattern.service()) {
        let places = at..at + run.len();
        at = places.end;
        match run.first().and_then(|placed| placed.pattern.service()) {
            Some(service) => by_service.entry(service.to_ascii_lowercase()).or_default().extend(places),
            None => everywhere.extend(places),
        }
    }
    for Reached { names, disjoint } in services.iter().copied() {
        let own = by_service.get(&names.prefix().to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let mut reach: Vec<usize> = own.iter().chain(&everywhere).copied().collect();
        reach.sort_unstable();
        let sources = || reach.iter().filter_map(|index| patterns.get(*index)).map(|p| (p.emitted, p.source));
        if disjoint && sources().zip(sources().skip(1)).all(|((one, source), (other, next))| one && other && source == next) {
            continue;
        }
        for index in superfluous_in(patterns, &reach, names) {
            if let Some(gone) = out.get_mut(index) {
                *gone = true;
            }
        }
    }
    out
}

fn superfluous_in(patterns: &[Placed<'_>], reach: &[usize], names: &Names<'_>) -> Vec<usize> {
    // The names that each pattern matches, as places in the service's list, and how many patterns match each name.
    let mut matched: Vec<(usize, bool, Vec<u32>)> = Vec::with_capacity(reach.len());
    let mut matches = vec![0u32; names.len()];
    for index in reach {
        let Some(placed) = patterns.get(*index) else { continue };
        let places: Vec<u32> = names.places(placed.pattern.name_glob()).filter_map(|at| u32::try_from(at).ok()).collect();
        for place in &places {
            if let Some(count) = matches.get_mut(*place as usize) {
                *count += 1;
            }
        }
        matched.push((*index, placed.emitted, places));
    }
    // Usually no pattern is covered: each has a name to itself.
    let shares_all = |places: &[u32]| !places.is_empty() && places.iter().all(|p| matches.get(*p as usize) > Some(&1));
    if !matched.iter().any(|(_, emitted, places)| *emitted && shares_all(places)) {
        return Vec::new();
    }
    let mut matching: Vec<Vec<u32>> = vec![Vec::new(); names.len()];
    for ((_, _, places), entry) in matched.iter().zip(0u32..) {
        for place in places {
            if let Some(list) = matching.get_mut(*place as usize) {
                list.push(entry);
            }
        }
    }
    let covered = |entry: usize, (_, emitted, places): &(usize, bool, Vec<u32>)| {
        if !emitted {
            return false;
        }
        // Whoever covers all the names covers the one with the fewest patterns.
        let rarest = places.iter().filter_map(|p| matching.get(*p as usize)).min_by_key(|list| list.len());
        rarest.into_iter().flatten().any(|other| {
            let other_entry = *other as usize;
            let Some((_, other_emitted, other_places)) = matched.get(other_entry) else { return false };
            let larger = other_places.len() > places.len();
            let first_of_equals = other_places.len() == places.len() && (!other_emitted || other_entry < entry);
            other_entry != entry && (larger || first_of_equals) && includes(other_places, places)
        })
    };
    matched.iter().enumerate().filter(|(entry, item)| covered(*entry, item)).map(|(_, (index, _, _))| *index).collect()
}

/// Whether the sorted list `large` holds every element of the sorted list `small`.
fn includes(large: &[u32], small: &[u32]) -> bool {
    small.iter().all(|item| large.binary_search(item).is_ok())
}
