//! Leaves out emitted patterns that another pattern of the same statement makes superfluous.
//!
//! `refinement.md`, step 5: an emitted pattern goes when the names that it matches are all matched by one
//! other pattern of the result; of two equal ones the first stays; a pattern kept as written never goes.

use std::collections::HashMap;

use leastwise_policy::ActionPattern;

use super::names::Names;

/// A pattern of a statement's result, in order.
pub(crate) struct Placed<'p> {
    pub(crate) pattern: &'p ActionPattern,
    /// Whether refinement made it; the others stand as their author wrote them.
    pub(crate) emitted: bool,
}

/// For each pattern, whether it is left out. `services` are the names of every service in which one was emitted.
pub(crate) fn superfluous(patterns: &[Placed<'_>], services: &[Names<'_>]) -> Vec<bool> {
    let mut out = vec![false; patterns.len()];
    let mut by_service: HashMap<String, Vec<usize>> = HashMap::new();
    let mut everywhere: Vec<usize> = Vec::new();
    for (index, placed) in patterns.iter().enumerate() {
        match placed.pattern.service() {
            Some(service) => by_service.entry(service.to_ascii_lowercase()).or_default().push(index),
            None => everywhere.push(index),
        }
    }
    for names in services {
        let own = by_service.get(&names.prefix().to_ascii_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let mut reach: Vec<usize> = own.iter().chain(&everywhere).copied().collect();
        reach.sort_unstable();
        for index in superfluous_in(patterns, &reach, names) {
            if let Some(gone) = out.get_mut(index) {
                *gone = true;
            }
        }
    }
    out
}

fn superfluous_in(patterns: &[Placed<'_>], reach: &[usize], names: &Names<'_>) -> Vec<usize> {
    // The names that each pattern matches, as places in the service's list, and the patterns that match each name.
    let place: HashMap<&str, u32> = names.iter().zip(0u32..).collect();
    let mut matched: Vec<(usize, bool, Vec<u32>)> = Vec::with_capacity(reach.len());
    let mut matching: Vec<Vec<u32>> = vec![Vec::new(); place.len()];
    for index in reach {
        let Some(placed) = patterns.get(*index) else { continue };
        let places: Vec<u32> = names.matching(placed.pattern.name_glob()).filter_map(|name| place.get(name).copied()).collect();
        let entry = u32::try_from(matched.len()).unwrap_or(u32::MAX);
        for name in &places {
            if let Some(list) = matching.get_mut(*name as usize) {
                list.push(entry);
            }
        }
        matched.push((*index, placed.emitted, places));
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
