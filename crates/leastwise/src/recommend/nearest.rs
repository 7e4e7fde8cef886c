//! The names that are nearest to one that is not known, for messages.
//!
//! Small edit distance over short texts. It only suggests; nothing is ever looked up by a near name.

/// At most three of `names`, the nearest to `wanted` first; only such as differ in less than half of it.
#[must_use]
pub fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
    let wanted_lower = wanted.to_ascii_lowercase();
    let bound = (wanted.chars().count() / 2).clamp(1, 12);
    let mut found: Vec<(usize, &str)> = Vec::new();
    for name in names {
        let lower = name.to_ascii_lowercase();
        let distance =
            if lower.len() > 2 && wanted_lower.len() > 2 && (lower.contains(&wanted_lower) || wanted_lower.contains(&lower)) {
                Some(1)
            } else {
                distance(&wanted_lower, &lower, bound)
            };
        if let Some(distance) = distance {
            found.push((distance, name));
        }
    }
    found.sort();
    found.dedup();
    found.into_iter().take(3).map(|(_, name)| name).collect()
}

/// The number of characters to insert, remove or replace; none when it is more than `bound`.
fn distance(a: &str, b: &str, bound: usize) -> Option<usize> {
    if a.chars().count().abs_diff(b.chars().count()) > bound {
        return None;
    }
    let mut previous: Vec<usize> = (0..=b.chars().count()).collect();
    for (row, left) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for ((right, above), corner) in b.chars().zip(previous.iter().skip(1)).zip(&previous) {
            let beside = current.last().copied().unwrap_or_default();
            current.push((corner + usize::from(left != right)).min(above + 1).min(beside + 1));
        }
        previous = current;
    }
    previous.last().copied().filter(|distance| *distance <= bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_the_one_that_was_meant_first() {
        let names = ["data-worker-1", "data-worker-11", "web-api-3"];
        assert_eq!(nearest("data-wroker-1", names.into_iter())[0], "data-worker-1");
        assert_eq!(nearest("zzz", names.into_iter()), Vec::<&str>::new());
    }
}
