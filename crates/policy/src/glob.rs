//! Matches one string against one glob, the plain way: `*` is any run of characters, `?` is one character.
//!
//! Used by patterns and by the evaluator. It decides about one string at a time; questions about all
//! strings (inclusion) belong to the proof crate, which has its own matcher.

/// Whether letters of different ASCII case are the same letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `a` matches `A`; action names are compared so.
    Ignored,
    /// `a` does not match `A`; resources are compared so.
    Kept,
}

/// Whether the whole of `text` matches `glob`.
///
/// Time is at most the product of the two lengths, whatever the glob.
///
/// ```
/// use leastwise_policy::glob::{matches, Case};
/// assert!(matches("Get*Tagging", "getobjecttagging", Case::Ignored));
/// assert!(!matches("Get?", "Get", Case::Ignored));
/// ```
#[must_use]
pub fn matches(glob: &str, text: &str, case: Case) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    // Where to resume when the last `*` has to swallow one character more.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        let step = match (glob.get(g), text.get(t)) {
            (Some(b'*'), _) => {
                resume = Some((g + 1, t));
                g += 1;
                true
            }
            (Some(b'?'), Some(_)) => {
                g += 1;
                t = next_character(text, t);
                true
            }
            (Some(a), Some(b)) if same(*a, *b, case) => {
                g += 1;
                t += 1;
                true
            }
            (None, None) => return true,
            _ => false,
        };
        if !step {
            let Some((after_star, from)) = resume else { return false };
            if from >= text.len() {
                return false;
            }
            let from = next_character(text, from);
            resume = Some((after_star, from));
            g = after_star;
            t = from;
        }
    }
}

fn same(a: u8, b: u8, case: Case) -> bool {
    a == b || (case == Case::Ignored && a.eq_ignore_ascii_case(&b))
}

/// The offset behind the UTF-8 character that begins at `at`.
fn next_character(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while text.get(next).is_some_and(|b| b & 0xC0 == 0x80) {
        next += 1;
    }
    next
}

/// Whether `text` has a wildcard in it.
#[must_use]
pub fn has_wildcard(text: &str) -> bool {
    text.bytes().any(|b| b == b'*' || b == b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_mark_takes_one_character_not_one_byte() {
        assert!(matches("a?b", "aéb", Case::Kept));
        assert!(!matches("a??b", "aéb", Case::Kept));
    }

    #[test]
    fn star_takes_any_run_also_an_empty_one() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("a**b", "ab", true),
            ("*?", "", false),
            ("?*?", "ab", true),
        ] {
            assert_eq!(matches(glob, text, Case::Kept), expected, "{glob} on {text}");
        }
    }

    #[test]
    fn case_counts_only_where_it_is_kept() {
        assert!(matches("GET*", "getX", Case::Ignored));
        assert!(!matches("GET*", "getX", Case::Kept));
    }

    #[test]
    fn many_stars_do_not_take_exponential_time() {
        let glob = "a*".repeat(2000) + "b";
        assert!(!matches(&glob, &"a".repeat(4000), Case::Kept));
    }
}
