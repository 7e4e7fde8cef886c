//! Sets of moments, as sorted and disjoint intervals.

/// Half-open intervals of seconds, sorted, disjoint and none empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Intervals(Vec<(i64, i64)>);

impl Intervals {
    pub(crate) fn of(intervals: impl IntoIterator<Item = (i64, i64)>) -> Intervals {
        let mut all: Vec<(i64, i64)> = intervals.into_iter().filter(|(from, to)| from < to).collect();
        all.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match joined.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        Intervals(joined)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn union(&self, other: &Intervals) -> Intervals {
        Intervals::of(self.iter().chain(other.iter()))
    }

    pub(crate) fn and(&self, other: &Intervals) -> Intervals {
        let mut all = Vec::new();
        for (from, to) in self.iter() {
            all.extend(other.iter().map(|(a, b)| (a.max(from), b.min(to))));
        }
        Intervals::of(all)
    }

    pub(crate) fn minus(&self, other: &Intervals) -> Intervals {
        let mut all = Vec::new();
        for (mut from, to) in self.iter() {
            for (a, b) in other.iter().filter(|(a, _)| *a < to) {
                all.push((from, a.max(from)));
                from = from.max(b);
            }
            all.push((from, to));
        }
        Intervals::of(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moments(of: &Intervals) -> Vec<i64> {
        of.iter().flat_map(|(from, to)| from..to).collect()
    }

    proptest! {
        #[test]
        fn they_are_the_sets_of_their_moments(a in proptest::collection::vec((0..40i64, 0..40i64), 0..6), b in proptest::collection::vec((0..40i64, 0..40i64), 0..6)) {
            let (a, b) = (Intervals::of(a), Intervals::of(b));
            let of = |test: &dyn Fn(bool, bool) -> bool| -> Vec<i64> {
                (0..40).filter(|at| test(moments(&a).contains(at), moments(&b).contains(at))).collect()
            };
            prop_assert_eq!(moments(&a.union(&b)), of(&|a, b| a || b));
            prop_assert_eq!(moments(&a.and(&b)), of(&|a, b| a && b));
            prop_assert_eq!(moments(&a.minus(&b)), of(&|a, b| a && !b));
            prop_assert!(a.0.windows(2).all(|two| two[0].1 < two[1].0));
        }
    }
}
