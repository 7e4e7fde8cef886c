//! Whether one statement is surely about every request that another is about.
//!
//! Shared by the checks on whole statements; errs on the safe side, and gives up after a bounded number of comparisons.

use leastwise_policy::glob::Case;
use leastwise_policy::{ActionPattern, Policy, Statement};

use super::pattern::{covers, covers_resource};

/// So many comparisons of patterns are made for one document and check, at most.
const MOST_COMPARISONS: usize = 400_000;

/// How much comparing is left.
pub(super) struct Comparisons(usize);

impl Comparisons {
    pub(super) fn full() -> Comparisons {
        Comparisons(MOST_COMPARISONS)
    }

    fn one(&mut self) -> bool {
        self.0 = self.0.saturating_sub(1);
        self.0 > 0
    }

    /// For each statement, with the first other one that covers it and passes `fits`.
    pub(super) fn pairs(policy: &Policy, fits: impl Fn(&Statement, &Statement) -> bool) -> Vec<(&Statement, &Statement)> {
        let mut left = Comparisons::full();
        let statements = policy.statements();
        let mut out = Vec::new();
        for narrow in statements {
            let cover = statements
                .iter()
                .find(|wide| wide.index != narrow.index && left.one() && fits(wide, narrow) && left.covers(wide, narrow));
            out.extend(cover.map(|wide| (narrow, wide)));
        }
        out
    }

    /// Whether `wide` is surely about every request that `narrow` is about.
    pub(super) fn covers(&mut self, wide: &Statement, narrow: &Statement) -> bool {
        let conditions = wide.conditions.iter().all(|line| {
            narrow.conditions.iter().any(|own| {
                own.operator.what == line.operator.what
                    && own.key.what.eq_ignore_ascii_case(&line.key.what)
                    && own.values.len() == line.values.len()
                    && own.values.iter().zip(&line.values).all(|(a, b)| a.what == b.what)
            })
        });
        let principals = match (&wide.principal, &narrow.principal) {
            (None, None) => true,
            (Some(a), Some(b)) => {
                let plain = |p: &leastwise_policy::document::PrincipalElement| {
                    p.principals.iter().map(|(kind, w)| (kind.clone(), w.what.clone())).collect::<Vec<_>>()
                };
                a.negated == b.negated && plain(a) == plain(b)
            }
            _ => false,
        };
        conditions && principals && self.actions(wide, narrow) && self.resources(wide, narrow)
    }

    fn actions(&mut self, wide: &Statement, narrow: &Statement) -> bool {
        let (wide, narrow) = (&wide.actions, &narrow.actions);
        if wide.negated || narrow.negated {
            let plain = |patterns: &[leastwise_policy::document::Written<ActionPattern>]| {
                patterns.iter().map(|p| p.what.as_str().to_ascii_lowercase()).collect::<Vec<_>>()
            };
            return wide.negated == narrow.negated && plain(&wide.patterns) == plain(&narrow.patterns);
        }
        !narrow.patterns.is_empty()
            && narrow.patterns.iter().all(|n| wide.patterns.iter().any(|w| self.one() && action_covers(&w.what, &n.what)))
    }

    fn resources(&mut self, wide: &Statement, narrow: &Statement) -> bool {
        let (wide, narrow) = match (&wide.resources, &narrow.resources) {
            (None, None) => return true,
            (Some(wide), Some(narrow)) => (wide, narrow),
            _ => return false,
        };
        if !wide.negated && wide.patterns.iter().any(|p| &*p.what == "*") {
            return true;
        }
        if wide.negated || narrow.negated {
            let same = wide.patterns.iter().map(|p| &p.what).eq(narrow.patterns.iter().map(|p| &p.what));
            return wide.negated == narrow.negated && same;
        }
        !narrow.patterns.is_empty()
            && narrow.patterns.iter().all(|n| wide.patterns.iter().any(|w| self.one() && covers_resource(&w.what, &n.what)))
    }
}

fn action_covers(wide: &ActionPattern, narrow: &ActionPattern) -> bool {
    match (wide.service(), narrow.service()) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b) && covers(wide.name_glob(), narrow.name_glob(), Case::Ignored),
    }
}
