//! Sets of positions on a scale, as ranges: membership by bisection, intersection and difference in one pass.
//!
//! What a line of conditions wants of an ordered value is a few stretches of positions, however many constants there are.

/// Some positions: half-open ranges, sorted, that neither overlap nor touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    parts: Vec<(u32, u32)>,
}

impl Ranges {
    /// The positions below `end`.
    pub(super) fn below(end: u32) -> Ranges {
        Ranges::of(vec![(0, end)])
    }

    /// The positions in any of these ranges.
    pub(super) fn of(mut parts: Vec<(u32, u32)>) -> Ranges {
        parts.retain(|(from, to)| from < to);
        parts.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(parts.len());
        for (from, to) in parts {
            match merged.last_mut() {
                Some((_, end)) if *end >= from => *end = (*end).max(to),
                _ => merged.push((from, to)),
            }
        }
        Ranges { parts: merged }
    }

    /// How many ranges there are.
    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Whether a position is among them.
    pub(super) fn contains(&self, position: u32) -> bool {
        let at = self.parts.partition_point(|(_, to)| *to <= position);
        self.parts.get(at).is_some_and(|(from, _)| *from <= position)
    }

    /// The positions that are in both.
    pub(super) fn and(&self, other: &Ranges) -> Ranges {
        let (mut own, mut others) = (self.parts.iter().peekable(), other.parts.iter().peekable());
        let mut parts = Vec::new();
        while let (Some(one), Some(two)) = (own.peek(), others.peek()) {
            let (from, to) = (one.0.max(two.0), one.1.min(two.1));
            if from < to {
                parts.push((from, to));
            }
            if one.1 <= two.1 {
                own.next()
            } else {
                others.next()
            };
        }
        Ranges { parts }
    }

    /// The positions that are not in the other.
    pub(super) fn without(&self, other: &Ranges) -> Ranges {
        let mut rest = Vec::with_capacity(other.parts.len() + 1);
        let mut from = 0;
        for part in &other.parts {
            rest.push((from, part.0));
            from = part.1;
        }
        rest.push((from, u32::MAX));
        self.and(&Ranges::of(rest))
    }

    /// The positions, ascending.
    pub(super) fn positions(&self) -> impl Iterator<Item = u32> {
        self.parts.iter().flat_map(|(from, to)| *from..*to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_their_positions_are() {
        let bits = |ranges: &Ranges| (0..12).filter(|at| ranges.contains(*at)).collect::<Vec<u32>>();
        let mut dice = 7_u64;
        let mut roll = |sides: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((dice >> 33) % sides).unwrap()
        };
        for _ in 0..2000 {
            let mut some = || Ranges::of((0..roll(4)).map(|_| (roll(12), roll(13))).collect());
            let (one, two) = (some(), some());
            assert_eq!(one.positions().collect::<Vec<u32>>(), bits(&one));
            let both: Vec<u32> = bits(&one).into_iter().filter(|at| two.contains(*at)).collect();
            assert_eq!(bits(&one.and(&two)), both);
            let rest: Vec<u32> = bits(&one).into_iter().filter(|at| !two.contains(*at)).collect();
            assert_eq!(bits(&one.without(&two)), rest);
        }
    }
}
