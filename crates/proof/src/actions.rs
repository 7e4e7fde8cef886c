//! Inclusion of one statement's actions in those of others, for the usual case that nothing else differs.
//!
//! Over all strings, by texts and prefixes where these suffice and by `search` where not. It answers yes, or that
//! it cannot tell: then `adds_nothing` looks at whole requests.

use crate::clause::{ActionSet, Alike, Clause, NamePattern, ServiceSet};
use crate::language::Union;
use crate::search::{Answer, Budget, NAMES, Side, shortest};

/// Whether every action of `left` is one of some of `right`. False also when the budget ran out on the way.
pub(crate) fn inside<'p>(left: &Clause<'p>, right: &Alike<'_, 'p>, budget: &Budget) -> bool {
    if right.has_actions_of(left) {
        return true;
    }
    if !budget.spend(right.len()) {
        return false;
    }
    if left.negated() {
        return right.listed().everything
            || right.excluding().any(|r| budget.spend(r.set().len() + 8) && covered(r.set(), left.set(), budget))
            || left.set().everything;
    }
    covered(left.set(), right.listed(), budget)
        || right.excluding().any(|r| budget.spend(left.set().len() + 8) && disjoint(left.set(), r.set(), budget))
}

/// Whether every action that a pattern of `left` matches is matched by some pattern of `right`.
fn covered(left: &ActionSet, right: &ActionSet, budget: &Budget) -> bool {
    if right.everything {
        return true;
    }
    !left.everything
        && left.services().all(|patterns| {
            let others = right.of_service(patterns.service());
            if patterns.patterns().all(|pattern| others.has(pattern.glob)) {
                return true;
            }
            if !budget.spend(others.len()) {
                return false;
            }
            let others = Others::of(others);
            patterns.patterns().all(|pattern| others.cover(pattern, budget))
        })
}

/// Whether no action is matched by patterns of both.
fn disjoint(left: &ActionSet, right: &ActionSet, budget: &Budget) -> bool {
    if left.is_empty() || right.is_empty() {
        return true;
    }
    !left.everything
        && !right.everything
        && left.services().all(|patterns| {
            let others = right.of_service(patterns.service());
            patterns.patterns().all(|pattern| {
                if !budget.spend(others.len()) {
                    return false;
                }
                let near: Vec<NamePattern<'_>> = others.patterns().filter(|o| compatible(*o, pattern)).collect();
                if near.is_empty() {
                    return true;
                }
                let (one, other) = (Union::of([pattern.compile()]), Union::of(near.iter().map(NamePattern::compile)));
                let sides = [Side { union: &one, negated: false }, Side { union: &other, negated: false }];
                shortest(&sides, &[], NAMES, budget) == Answer::None
            })
        })
}

/// The patterns of a service that may cover others.
struct Others<'a> {
    all: ServiceSet<'a>,
    /// Those with a wildcard that is not one `*` at the end.
    inner: Vec<NamePattern<'a>>,
    prefixes: Vec<NamePattern<'a>>,
}

/// Up to how many prefix patterns are tried one by one.
const FEW: usize = 12;

impl<'a> Others<'a> {
    fn of(all: ServiceSet<'a>) -> Others<'a> {
        let (prefixes, inner) = all.patterns().filter(|p| !p.is_name()).partition(|p| p.is_prefix());
        Others { all, inner, prefixes }
    }

    fn cover(&self, pattern: NamePattern<'_>, budget: &Budget) -> bool {
        if self.all.has(pattern.glob) || self.prefix_covers(pattern.literal) {
            return true;
        }
        if !budget.spend(self.inner.len() * (1 + pattern.glob.len() / 16)) {
            return false;
        }
        if pattern.is_name() {
            return self.inner.iter().any(|o| o.matches(pattern.glob));
        }
        if !budget.spend(self.all.len()) {
            return false;
        }
        let near: Vec<NamePattern<'_>> = self.all.patterns().filter(|o| compatible(*o, pattern)).collect();
        if near.iter().all(NamePattern::is_name) {
            // Finitely many names do not cover a wildcard.
            return false;
        }
        if !budget.spend(near.iter().map(|o| o.glob.len()).sum()) {
            return false;
        }
        let (one, other) = (Union::of([pattern.compile()]), Union::of(near.iter().map(NamePattern::compile)));
        let side = |union| Side { union, negated: false };
        shortest(&[side(&one)], &[side(&other)], NAMES, budget) == Answer::None
    }

    fn prefix_covers(&self, literal: &str) -> bool {
        if self.prefixes.len() <= FEW {
            return self.prefixes.iter().any(|p| literal.starts_with(p.literal));
        }
        let ends = literal.char_indices().map(|(at, _)| at).chain([literal.len()]);
        ends.into_iter().any(|end| literal.get(..end).is_some_and(|head| self.all.has_prefix(head)))
    }
}

/// Whether some name may match both, as far as what stands before their wildcards tells.
fn compatible(one: NamePattern<'_>, other: NamePattern<'_>) -> bool {
    if one.is_name() && other.is_name() {
        return one.glob == other.glob;
    }
    one.literal.starts_with(other.literal) && !other.is_name() || other.literal.starts_with(one.literal) && !one.is_name()
}
