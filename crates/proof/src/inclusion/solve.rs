//! Finds a request inside one product and outside others, by cutting along one dimension at a time.
//!
//! A state asserts literals and has a point in every dimension where they are so. If the point lies in one of the products
//! that it has to avoid, it has to leave it along one of its dimensions: each is tried, what was tried before being excluded, so
//! that no part of the space is looked at twice. The number of states is bounded.

use super::space::{Literal, Point, Product, Space};
use crate::search::Found;

/// How many states one comparison may come through.
pub(super) const MOST_STATES: u32 = 20_000;
/// How deep cuts may be nested.
const MOST_CUTS: u32 = 1_000;

/// Where a search stands.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// By dimension: sets, and whether the point is in them.
    pub(super) asserted: Vec<Vec<(u32, bool)>>,
    pub(super) points: Vec<Point>,
}

/// A search, and how much it may still do.
#[derive(Debug)]
pub(super) struct Solver {
    states: u32,
    /// Whether something was left out because it was too much.
    pub(super) too_complex: bool,
}

impl Solver {
    pub(super) fn new() -> Solver {
        Solver { states: MOST_STATES, too_complex: false }
    }

    /// A request where all of `inside` hold and that is in none of `outside`.
    pub(super) fn run(&mut self, space: &mut Space<'_>, inside: &[Literal], outside: &[&Product<'_>]) -> Option<Request> {
        let dimensions = space.dimensions();
        if !space.budget.spend(dimensions as usize * 4 + 1) {
            self.too_complex = true;
            return None;
        }
        let mut asserted: Vec<Vec<(u32, bool)>> = vec![Vec::new(); dimensions as usize];
        for literal in inside {
            let own = asserted.get_mut(literal.dimension as usize)?;
            if own.contains(&(literal.set, !literal.holds)) {
                return None;
            }
            insert(own, (literal.set, literal.holds));
        }
        // Names of actions last: most searches are about them.
        let mut points: Vec<Option<Point>> = vec![None; asserted.len()];
        for (dimension, own) in (0..dimensions).zip(&asserted).rev() {
            match space.find(dimension, own) {
                Found::Some(point) => {
                    if let Some(place) = points.get_mut(dimension as usize) {
                        *place = Some(point);
                    }
                }
                Found::None => return None,
                Found::TooComplex => {
                    self.too_complex = true;
                    return None;
                }
            }
        }
        let points = points.into_iter().collect::<Option<Vec<Point>>>()?;
        self.leave(space, Request { asserted, points }, outside, 0)
    }

    fn leave(&mut self, space: &mut Space<'_>, mut here: Request, outside: &[&Product<'_>], cuts: u32) -> Option<Request> {
        'states: loop {
            self.states = self.states.saturating_sub(1);
            if self.states == 0 || cuts > MOST_CUTS || !space.budget.spend(outside.len() * 2) {
                self.too_complex = true;
                return None;
            }
            let Some(open) = here.narrowest(space, outside) else { return Some(here) };
            let (last, others) = open.split_last()?;
            for literal in others {
                if !space.budget.spend(here.size()) {
                    self.too_complex = true;
                    return None;
                }
                let mut child = here.clone();
                if self.assert(space, &mut child, !*literal)
                    && let Some(found) = self.leave(space, child, outside, cuts + 1)
                {
                    return Some(found);
                }
                // What comes after stays inside; the point does so already.
                if let Some(own) = here.asserted.get_mut(literal.dimension as usize) {
                    insert(own, (literal.set, literal.holds));
                }
            }
            if self.assert(space, &mut here, !*last) {
                continue 'states;
            }
            return None;
        }
    }

    /// Adds a literal and moves the point where it holds; false when there is no such place.
    fn assert(&mut self, space: &mut Space<'_>, state: &mut Request, literal: Literal) -> bool {
        let Some(own) = state.asserted.get_mut(literal.dimension as usize) else { return false };
        insert(own, (literal.set, literal.holds));
        match space.find(literal.dimension, own) {
            Found::Some(point) => {
                if let Some(place) = state.points.get_mut(literal.dimension as usize) {
                    *place = point;
                }
                true
            }
            Found::None => false,
            Found::TooComplex => {
                self.too_complex = true;
                false
            }
        }
    }
}

impl Request {
    /// Of the products in which the point lies, the one with the fewest ways out: its literals that may still be left.
    fn narrowest(&self, space: &Space<'_>, outside: &[&Product<'_>]) -> Option<Vec<Literal>> {
        let mut best: Option<Vec<Literal>> = None;
        for product in outside {
            if let Some(open) = self.ways_out(space, product)
                && best.as_ref().is_none_or(|best| open.len() < best.len())
            {
                let done = open.len() <= 1;
                best = Some(open);
                if done {
                    break;
                }
            }
        }
        best
    }

    /// If the point lies in the product, the literals of it that have not been asserted.
    fn ways_out(&self, space: &Space<'_>, product: &Product<'_>) -> Option<Vec<Literal>> {
        let mut open = Vec::new();
        for literal in &product.literals {
            let at = literal.dimension as usize;
            let own = self.asserted.get(at)?;
            let asserted = own.get(own.partition_point(|(set, _)| *set < literal.set)).filter(|(set, _)| *set == literal.set);
            match asserted {
                Some((_, holds)) if *holds == literal.holds => {}
                Some(_) => return None,
                None if !space.budget.spend(1) => return None,
                None if space.holds(literal.dimension, literal.set, self.points.get(at)?) == literal.holds => open.push(*literal),
                None => return None,
            }
        }
        Some(open)
    }

    /// How much a copy of it takes.
    fn size(&self) -> usize {
        self.points.len() * 4 + self.asserted.iter().map(Vec::len).sum::<usize>()
    }

    /// The literals asserted in one dimension.
    pub(super) fn asserted_in(&self, dimension: u32) -> &[(u32, bool)] {
        self.asserted.get(dimension as usize).map_or(&[], Vec::as_slice)
    }
}

fn insert(own: &mut Vec<(u32, bool)>, literal: (u32, bool)) {
    if let Err(at) = own.binary_search(&literal) {
        own.insert(at, literal);
    }
}
