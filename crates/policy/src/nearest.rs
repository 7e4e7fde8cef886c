//! The name that was probably meant: the one that differs by the fewest letters. For messages; it decides nothing.

/// The nearest of `names` that differs from `wrong` by at most a third of its letters, and by three at most; the first of equals.
/// Case does not count. Time is the product of the lengths for each name of about the same length.
#[must_use]
pub fn nearest<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = wrong.to_ascii_lowercase();
    let most = (wrong.len() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for name in names.filter(|name| name.len().abs_diff(wrong.len()) <= most && name.len() <= 128) {
        let limit = best.map_or(most, |(distance, _)| distance.saturating_sub(1));
        let distance = distance(wrong.as_bytes(), name.as_bytes());
        if distance <= limit && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, name));
        }
    }
    best.map(|(_, name)| name)
}

/// How many letters must be added, removed, changed or swapped with their neighbour, ignoring case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        let mut left = i + 1;
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut cost = (at(&last, j) + usize::from(!x.eq_ignore_ascii_case(y))).min(left + 1).min(at(&last, j + 1) + 1);
            let swapped = j > 0
                && previous.is_some_and(|p: &u8| p.eq_ignore_ascii_case(y))
                && b.get(j - 1).is_some_and(|q| q.eq_ignore_ascii_case(x));
            if swapped {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
            left = cost;
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(x);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let names = ["GetObject", "GetObjectAcl", "PutObject", "ListBucket"];
        for (wrong, expected) in [
            ("GetObjekt", Some("GetObject")),
            ("getobejct", Some("GetObject")),
            ("PutObjects", Some("PutObject")),
            ("ListBuckets", Some("ListBucket")),
            ("Frobnicate", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, names.into_iter()), expected, "{wrong}");
        }
    }

    #[test]
    fn distance_counts_swaps_as_one() {
        assert_eq!(distance(b"ab", b"ba"), 1);
        assert_eq!(distance(b"kitten", b"sitting"), 3);
        assert_eq!(distance(b"", b"abc"), 3);
    }
}
