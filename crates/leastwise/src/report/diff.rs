//! The lines of two documents side by side in one list: what stays, what goes, what comes.

use similar::{ChangeTag, TextDiff};

/// One line of a diff, without its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffLine {
    /// Both documents have it.
    Same(String),
    /// Only the original has it.
    Removed(String),
    /// Only the refined document has it.
    Added(String),
    /// So many lines that both documents have are not shown.
    Omitted(usize),
}

/// The diff of two texts, with `context` unchanged lines around each change.
#[must_use]
pub fn diff(before: &str, after: &str, context: usize) -> Vec<DiffLine> {
    let whole = TextDiff::from_lines(before, after);
    let lines: Vec<DiffLine> = whole
        .iter_all_changes()
        .map(|change| {
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            match change.tag() {
                ChangeTag::Equal => DiffLine::Same(text),
                ChangeTag::Delete => DiffLine::Removed(text),
                ChangeTag::Insert => DiffLine::Added(text),
            }
        })
        .collect();
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, l)| !matches!(l, DiffLine::Same(_))).map(|(at, _)| at).collect();
    let near = |at: usize| {
        let after = changed.partition_point(|c| *c < at);
        let next = changed.get(after).is_some_and(|c| c - at <= context);
        let previous = after.checked_sub(1).and_then(|i| changed.get(i)).is_some_and(|c| at - c <= context);
        next || previous
    };
    let mut out: Vec<DiffLine> = Vec::new();
    for (at, line) in lines.into_iter().enumerate() {
        if near(at) {
            out.push(line);
        } else if let Some(DiffLine::Omitted(count)) = out.last_mut() {
            *count += 1;
        } else {
            out.push(DiffLine::Omitted(1));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_far_from_a_change_are_counted_not_shown() {
        let before = "a\nb\nc\nd\ne\nf\n";
        let after = "a\nb\nc\nD\ne\nf\n";
        let shown = diff(before, after, 1);
        let line = |s: &str| s.to_owned();
        let expected = vec![
            DiffLine::Omitted(2),
            DiffLine::Same(line("c")),
            DiffLine::Removed(line("d")),
            DiffLine::Added(line("D")),
            DiffLine::Same(line("e")),
            DiffLine::Omitted(1),
        ];
        assert_eq!(shown, expected);
    }
}
