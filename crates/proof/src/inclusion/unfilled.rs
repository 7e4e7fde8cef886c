//! Lines of a `Condition` block whose values hold policy variables that stand for nobody knows what.
//!
//! Such a line is taken apart into its values: without a negation it is any of them, with one it is none of them. Each value
//! with a variable is true or false as it likes, but what is known of it is used: it lies in the pattern with anything in the
//! variable's place, and in every value that matches it letter by letter. Lines that cannot be taken apart are one such thing as
//! a whole.

use std::collections::BTreeMap;

use leastwise_policy::document::Condition;
use leastwise_policy::evaluate::{Operator, Quantifier, Test};

use super::keys::{self, Key};
use super::space::{FIRST_KEY, Literal, Product, Space};
use crate::language::{Glob, Union};
use crate::search::{Answer, Budget};
use crate::texts::{Pattern, Reach, Search, TextSet, Unit};
use crate::variables;

/// Among how many such values of a comparison those that lie within one another are looked for.
const MOST_COMPARED: usize = 64;

/// One value with variables: the operator without negation and `IfExists`, the key, and the value with a symbol for each variable.
type Single = (String, String, Vec<Unit>);

/// The values with variables of a comparison, and the lines that are not taken apart.
#[derive(Debug, Default)]
pub(super) struct Unfilled<'p> {
    /// By operator, key and values.
    whole: BTreeMap<(String, String, Vec<&'p str>), u32>,
    singles: BTreeMap<Single, u32>,
    /// By the dimension of a value with variables: that the key has it with anything in their place.
    wide: BTreeMap<u32, Literal>,
}

impl<'p> Space<'p> {
    /// The line as alternatives, at most so many, of each of which all literals have to hold.
    pub(super) fn unfilled_line(
        &mut self,
        operator: Operator,
        condition: &'p Condition,
        written: Vec<&'p str>,
        most: usize,
    ) -> Option<Vec<Vec<Literal>>> {
        let key = &*condition.key.what;
        let (own, plain): (Vec<&'p str>, Vec<&'p str>) =
            written.iter().partition(|value| variables::keys(value).next().is_some());
        let any_of_them = !operator.negated && operator.quantifier != Some(Quantifier::ForAllValues);
        let none_of_them = operator.negated && operator.quantifier.is_none();
        if !(any_of_them || none_of_them) || own.len() + 2 > most {
            let name = (format!("{operator:?}"), key.to_ascii_lowercase(), written);
            return Some(vec![vec![self.free(key, |unfilled, next| *unfilled.whole.entry(name).or_insert(next))]]);
        }
        let base = Operator { negated: false, if_exists: false, ..operator };
        let rest = match plain.is_empty() {
            true => None,
            false => Some(self.exact_line(if none_of_them { operator } else { base }, key, plain, true)?),
        };
        if none_of_them {
            let mut none: Vec<Literal> = rest.into_iter().collect();
            for value in own {
                none.push(!self.single(base, key, value)?);
            }
            return Some(vec![none]);
        }
        let mut alternatives: Vec<Vec<Literal>> = rest.into_iter().map(|literal| vec![literal]).collect();
        for value in own {
            alternatives.push(vec![self.single(base, key, value)?]);
        }
        if operator.if_exists && operator.quantifier.is_none() {
            let missing = Operator { quantifier: None, test: Test::Null, ..base };
            alternatives.push(vec![self.exact_line(missing, key, vec!["true"], false)?]);
        }
        Some(alternatives)
    }

    /// A dimension that is true or false as it likes; `place` finds the one that is there already, or takes the next.
    fn free(&mut self, key: &str, place: impl FnOnce(&mut Unfilled<'p>, u32) -> u32) -> Literal {
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX >> 1);
        let at = place(&mut self.known.unfilled, next);
        if at == next {
            let mut key = Key::opaque(key);
            key.add_opaque();
            self.keys.push(key);
        }
        Literal { dimension: FIRST_KEY + at, set: 0, holds: true }
    }

    /// That the key has that one value.
    fn single(&mut self, base: Operator, key: &str, value: &str) -> Option<Literal> {
        let units = variables::with_symbols(value, keys::has_wildcards(base.test), &mut self.symbols);
        let name = (format!("{base:?}"), key.to_ascii_lowercase(), units.clone());
        let single = self.free(key, |unfilled, next| *unfilled.singles.entry(name).or_insert(next));
        if !self.known.unfilled.wide.contains_key(&single.dimension) {
            let anything = |unit| if matches!(unit, Unit::Opaque(_)) { Unit::Any } else { unit };
            // The parts of an ARN shift with what is filled in, so that its wildcards reach over everything here.
            let test = if base.test == Test::StringEqualsIgnoreCase { base.test } else { Test::StringLike };
            let wide = self.add_line(key, Operator { test, ..base }, vec![units.into_iter().map(anything).collect()])?;
            self.known.unfilled.wide.insert(single.dimension, wide);
        }
        Some(single)
    }

    /// Adds to the products what follows from their values with variables: that others hold too, or that others do not hold
    /// either, and what is known of the key. To be done where a request has to lie inside; it lies outside as soon as it lies
    /// outside what was there before.
    pub(super) fn add_what_follows(&self, products: &mut [Product<'p>]) {
        let singles: Vec<(&Single, u32)> = self.known.unfilled.singles.iter().map(|(single, at)| (single, *at)).collect();
        if singles.len() > MOST_COMPARED {
            return;
        }
        // By dimension: what holds too where the value with variables holds, and what does not where it does not.
        let (mut forth, mut back): (Follows, Follows) = (BTreeMap::new(), BTreeMap::new());
        for (one, from) in &singles {
            for (other, to) in &singles {
                if from != to && one.0 == other.0 && one.1 == other.1 && lies_within(one, other, &self.budget) {
                    forth.entry(FIRST_KEY + from).or_default().push(FIRST_KEY + to);
                    back.entry(FIRST_KEY + to).or_default().push(FIRST_KEY + from);
                }
            }
        }
        for product in products {
            let mut more: Vec<Literal> = Vec::new();
            for literal in &product.literals {
                let follows = if literal.holds { &forth } else { &back }.get(&literal.dimension);
                more.extend(follows.into_iter().flatten().map(|at| Literal { dimension: *at, set: 0, holds: literal.holds }));
            }
            if !self.budget.spend(product.literals.len() + more.len()) {
                return;
            }
            let wide = |literal: &Literal| literal.holds.then(|| self.known.unfilled.wide.get(&literal.dimension)).flatten();
            let wide: Vec<Literal> = product.literals.iter().chain(&more).filter_map(wide).copied().collect();
            product.literals.extend(more.into_iter().chain(wide));
            product.literals.sort_unstable();
            product.literals.dedup();
        }
    }
}

/// By dimension, the dimensions of other values with variables.
type Follows = BTreeMap<u32, Vec<u32>>;

/// Whether all texts of one value are texts of the other, whatever the variables stand for.
fn lies_within(one: &Single, other: &Single, budget: &Budget) -> bool {
    // The parts of an ARN shift with what is filled in, and letters with their case.
    let is_text = |single: &Single| single.0.contains("test: StringEquals,") || single.0.contains("test: StringLike,");
    if !is_text(one) {
        return false;
    }
    let set = |single: &Single| TextSet::of([Pattern::of(single.2.iter().copied(), Reach::Everything)]);
    let mut universe = Glob::default();
    universe.push_long_star();
    let universe = Union::of([universe]);
    let (inside, outside) = (set(one), set(other));
    let search = Search { universe: &universe, valid: |_| true, inside: &[&inside], outside: &[&outside] };
    matches!(search.run(budget), Answer::None)
}
