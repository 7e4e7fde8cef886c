//! Weighted set cover: the cheapest sets that together hold every element; exact up to a stated effort.
//!
//! Serves the compact form alone. Knows nothing of policies: elements are numbers, sets have a cost.

/// A set that may be chosen.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// The elements, ascending.
    pub(crate) elements: Vec<u32>,
    /// What choosing it costs.
    pub(crate) cost: u64,
}

/// A cover and how good it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cover {
    /// Places of the chosen sets, ascending.
    pub(crate) chosen: Vec<usize>,
    /// The sum of their costs.
    pub(crate) cost: u64,
    /// No cover costs less than this; equal to `cost` when the cover is the cheapest one.
    pub(crate) lower_bound: u64,
}

/// How many elementary steps (looks at one element of one set) the search for one group of connected sets may
/// take before the best cover so far is taken; some hundredths of a second.
pub(crate) const SEARCH_STEPS: u64 = 4_000_000;

/// Bounds are counted in this fraction of a unit, so that shares of a cost stay whole numbers.
const SCALE: u64 = 5040;

/// The cheapest cover of the elements `0..count`; none when the sets together do not hold them all.
///
/// Sets that share no element, even by way of others, are searched apart. Each search is branch and bound,
/// first for a cover by greed. Within [`SEARCH_STEPS`] the result is exact; beyond, it is the best cover found,
/// at most ln(n)+1 times the cheapest by the greedy bound, and `lower_bound` says how far from it it can be.
pub(crate) fn cheapest_cover(count: usize, choices: &[Choice]) -> Option<Cover> {
    let useful = undominated(choices);
    let mut holders: Vec<Vec<usize>> = vec![Vec::new(); count];
    for at in &useful {
        for element in elements(choices, *at) {
            holders.get_mut(*element as usize)?.push(*at);
        }
    }
    if holders.iter().any(Vec::is_empty) {
        return None;
    }
    let mut total = Cover { chosen: Vec::new(), cost: 0, lower_bound: 0 };
    for group in groups(choices, &holders) {
        let mut search = Search { choices, holders: &holders, best: None, best_cost: u64::MAX, steps: 0 };
        // Elements of other groups count as held.
        let mut nothing = State { times: vec![1; count], open: group.len(), chosen: Vec::new(), cost: 0 };
        for element in &group {
            if let Some(times) = nothing.times.get_mut(*element) {
                *times = 0;
            }
        }
        let bound = search.bound(&nothing, &group).div_ceil(SCALE);
        search.greedy(nothing.clone(), &group);
        let exact = search.branch(nothing, &group);
        total.chosen.extend(search.best?);
        total.cost += search.best_cost;
        total.lower_bound += if exact { search.best_cost } else { bound.min(search.best_cost) };
    }
    total.chosen.sort_unstable();
    Some(total)
}

/// The elements in groups that no set connects.
fn groups(choices: &[Choice], holders: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; holders.len()];
    let mut out = Vec::new();
    for start in 0..holders.len() {
        let mut group = Vec::new();
        let mut queue = vec![start];
        while let Some(element) = queue.pop() {
            match seen.get_mut(element) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            group.push(element);
            for at in holders.get(element).into_iter().flatten() {
                queue.extend(elements(choices, *at).iter().map(|e| *e as usize));
            }
        }
        if !group.is_empty() {
            group.sort_unstable();
            out.push(group);
        }
    }
    out
}

fn elements(choices: &[Choice], at: usize) -> &[u32] {
    choices.get(at).map(|c| c.elements.as_slice()).unwrap_or_default()
}

/// The choices that no other choice replaces at the same or a lower cost, ascending.
fn undominated(choices: &[Choice]) -> Vec<usize> {
    let mut by_size: Vec<usize> = (0..choices.len()).filter(|at| !elements(choices, *at).is_empty()).collect();
    let cost = |at: usize| choices.get(at).map_or(u64::MAX, |c| c.cost);
    by_size.sort_by_key(|at| (std::cmp::Reverse(elements(choices, *at).len()), cost(*at), *at));
    let mut holders: std::collections::HashMap<u32, Vec<usize>> = std::collections::HashMap::new();
    let mut kept: Vec<usize> = Vec::new();
    for at in by_size {
        let own = elements(choices, at);
        // A set that holds all of `own` holds its first element.
        let rivals = own.first().and_then(|first| holders.get(first)).map(Vec::as_slice).unwrap_or_default();
        let beaten = rivals
            .iter()
            .any(|rival| cost(*rival) <= cost(at) && own.iter().all(|e| elements(choices, *rival).binary_search(e).is_ok()));
        if !beaten {
            for element in own {
                holders.entry(*element).or_default().push(at);
            }
            kept.push(at);
        }
    }
    kept.sort_unstable();
    kept
}

/// A part of a cover.
#[derive(Debug, Clone)]
struct State {
    /// How many chosen sets hold each element.
    times: Vec<u32>,
    /// How many elements no chosen set holds.
    open: usize,
    chosen: Vec<usize>,
    cost: u64,
}

impl State {
    fn is_open(&self, element: u32) -> bool {
        self.times.get(element as usize) == Some(&0)
    }
}

struct Search<'c> {
    choices: &'c [Choice],
    holders: &'c [Vec<usize>],
    best: Option<Vec<usize>>,
    best_cost: u64,
    steps: u64,
}

impl Search<'_> {
    fn cost(&self, at: usize) -> u64 {
        self.choices.get(at).map_or(u64::MAX, |c| c.cost)
    }

    fn open_in(&mut self, state: &State, at: usize) -> u64 {
        let own = elements(self.choices, at);
        self.steps += own.len() as u64;
        own.iter().filter(|e| state.is_open(**e)).count() as u64
    }

    /// The smallest share of its cost that an open element of this set can bear.
    fn share(&mut self, state: &State, at: usize) -> u64 {
        self.cost(at) * SCALE / self.open_in(state, at).max(1)
    }

    /// What the open elements cost at least: each its smallest share of a set that holds it, in units of 1/[`SCALE`].
    fn bound(&mut self, state: &State, group: &[usize]) -> u64 {
        let mut shares: std::collections::HashMap<usize, u64> = std::collections::HashMap::new();
        let holders = self.holders;
        let mut sum = 0;
        for element in group.iter().filter(|e| state.times.get(**e) == Some(&0)) {
            let of_element = holders.get(*element).into_iter().flatten();
            sum += of_element.map(|at| *shares.entry(*at).or_insert_with(|| self.share(state, *at))).min().unwrap_or(0);
        }
        sum
    }

    fn choose(&mut self, state: &mut State, at: usize) {
        for element in elements(self.choices, at) {
            if let Some(times) = state.times.get_mut(*element as usize) {
                state.open -= usize::from(*times == 0);
                *times += 1;
            }
        }
        state.chosen.push(at);
        state.cost += self.cost(at);
    }

    fn greedy(&mut self, mut state: State, group: &[usize]) {
        let mut candidates: Vec<usize> = group.iter().filter_map(|e| self.holders.get(*e)).flatten().copied().collect();
        candidates.sort_unstable();
        candidates.dedup();
        while state.open > 0 {
            let mut best: Option<(u64, usize)> = None;
            for at in &candidates {
                let open = self.open_in(&state, *at);
                if let Some(share) = (self.cost(*at) * SCALE).checked_div(open) {
                    best = Some(best.map_or((share, *at), |b| b.min((share, *at))));
                }
            }
            let Some((_, at)) = best else { return };
            self.choose(&mut state, at);
        }
        self.take(&state);
    }

    fn take(&mut self, state: &State) {
        if state.cost < self.best_cost {
            self.best_cost = state.cost;
            self.best = Some(state.chosen.clone());
        }
    }

    /// Depth first over the open element with the fewest holders, with an explicit stack; whether it came to its end.
    fn branch(&mut self, start: State, group: &[usize]) -> bool {
        self.steps = 0;
        let mut stack = vec![start];
        while let Some(state) = stack.pop() {
            self.steps += group.len() as u64;
            if self.steps >= SEARCH_STEPS {
                return false;
            }
            if state.open == 0 {
                self.take(&state);
                continue;
            }
            if state.cost.saturating_add(self.bound(&state, group).div_ceil(SCALE)) >= self.best_cost {
                continue;
            }
            let holders = self.holders;
            let open = group.iter().filter(|e| state.times.get(**e) == Some(&0)).filter_map(|e| holders.get(*e));
            let Some(fewest) = open.min_by_key(|h| h.len()) else { continue };
            let mut ranked: Vec<(u64, usize)> = fewest.iter().map(|at| (self.share(&state, *at), *at)).collect();
            // The most promising comes off the stack first.
            ranked.sort_unstable_by(|a, b| b.cmp(a));
            for (_, at) in ranked {
                let mut next = state.clone();
                self.choose(&mut next, at);
                self.steps += next.times.len() as u64;
                stack.push(next);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn choice(elements: &[u32], cost: u64) -> Choice {
        Choice { elements: elements.to_vec(), cost }
    }

    #[test]
    fn greed_alone_would_pay_more() {
        let choices = [choice(&[0, 1, 2, 3], 7), choice(&[0, 1], 3), choice(&[2, 3], 3), choice(&[1, 2], 1)];
        let cover = cheapest_cover(4, &choices).unwrap();
        assert_eq!((cover.chosen, cover.cost, cover.lower_bound), (vec![1, 2], 6, 6));
    }

    #[test]
    fn what_no_set_holds_cannot_be_covered() {
        assert_eq!(cheapest_cover(2, &[choice(&[0], 1)]), None);
    }

    proptest! {
        #[test]
        fn no_subset_of_the_choices_is_a_cheaper_cover(sets in proptest::collection::vec((1u32..64, 1u64..20), 1..9)) {
            let choices: Vec<Choice> = sets.iter().map(|(bits, cost)| Choice { elements: (0..6).filter(|e| bits >> e & 1 == 1).collect(), cost: *cost }).collect();
            let brute = (0u32..1 << choices.len()).filter_map(|pick| {
                let picked = choices.iter().enumerate().filter(|(i, _)| pick >> i & 1 == 1).map(|(_, c)| c);
                let held: u32 = picked.clone().flat_map(|c| &c.elements).fold(0, |held, e| held | 1 << e);
                (held == 63).then(|| picked.map(|c| c.cost).sum::<u64>())
            }).min();
            let cover = cheapest_cover(6, &choices);
            prop_assert_eq!(cover.as_ref().map(|c| c.cost), brute);
            if let Some(cover) = cover {
                prop_assert_eq!(cover.lower_bound, cover.cost);
                prop_assert_eq!(cover.chosen.iter().map(|at| choices[*at].cost).sum::<u64>(), cover.cost);
            }
        }
    }
}
