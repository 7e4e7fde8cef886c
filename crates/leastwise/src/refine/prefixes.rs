//! The shortest safe prefixes: the fewest token-boundary beginnings that keep what is kept and nothing reported.
//!
//! The trie of `docs/refinement.md` is walked without being built: a node is a beginning of a kept name that ends
//! where a token ends, and a sorted list answers what a node would be asked. Emits names and globs over the
//! names of one service; the caller writes the service before them.

use leastwise_policy::glob;

use super::names::{Names, begins_with};
use super::tokens::token_ends;

/// What the nodes of a pattern are checked against.
pub(crate) struct Walk<'n, 'a> {
    /// The names that must stay covered (K).
    pub(crate) kept: &'n Names<'a>,
    /// The names that no emitted pattern may match (B).
    pub(crate) barred: &'n Names<'a>,
    /// Globs that no emitted wildcard may meet, for strings beyond the known names.
    pub(crate) barred_globs: &'n [&'n str],
}

/// What a walk emits.
pub(crate) struct Prefixes {
    /// The patterns, sorted and without doubles.
    pub(crate) patterns: Vec<String>,
    /// Whether surely no two of them match the same known name.
    pub(crate) disjoint: bool,
}

impl Walk<'_, '_> {
    /// The patterns that the names in `kept` become, each within the glob `within`, sorted and without doubles.
    ///
    /// `within` must match every kept name. The result matches every kept name, no barred name, and nothing
    /// that `within` does not match, known or not.
    pub(crate) fn patterns(&self, within: &str) -> Prefixes {
        let within = collapse_stars(within);
        let prefix_only = within.find(['*', '?']).is_some_and(|at| within.get(at..) == Some("*"));
        let mut out: Vec<String> = Vec::new();
        let mut done = "";
        let mut last = "";
        let mut disjoint = prefix_only;
        let kept = self.kept.as_slice();
        let mut barred = self.barred.walk();
        for (at, name) in kept.iter().copied().enumerate() {
            // Names are sorted: those behind one safe node follow one another, and `node*` has them all.
            if prefix_only && !done.is_empty() && name.starts_with(done) {
                continue;
            }
            done = "";
            // A node may be the beginning of a neighbour that has tokens of its own: `ListMulti*` matches
            // `ListMultipartUploadParts` too.
            disjoint &= last.is_empty() || !begins_with(name, last);
            let Some(node) = self.shortest_safe(name, barred.longest_shared_start(name)) else {
                out.push(name.to_owned());
                continue;
            };
            (done, last) = (node, node);
            // Those that begin alike stand beside each other.
            let behind = |beside: Option<usize>| beside.and_then(|b| kept.get(b)).is_some_and(|b| begins_with(b, node));
            // The name before has a pattern of its own, and this one may have it too (`ListQueues`, `ListQueue*`).
            let before = behind(at.checked_sub(1));
            disjoint &= !before;
            if !before && !behind(Some(at + 1)) {
                out.push(name.to_owned());
            } else if prefix_only {
                out.push([node, "*"].concat());
            } else {
                out.extend(meet(node, &within, self.kept.starting_with(node)));
            }
        }
        out.sort_unstable();
        out.dedup();
        Prefixes { patterns: out, disjoint }
    }

    /// The first safe node on the path to `name`: the shortest beginning, ending where a token ends, that no
    /// barred name begins with, ignoring case. `shared` is how much of it some barred name begins with.
    fn shortest_safe<'s>(&self, name: &'s str, shared: Option<usize>) -> Option<&'s str> {
        let nodes = std::iter::once(0).chain(token_ends(name)).filter(|end| shared.is_none_or(|shared| *end > shared));
        let mut nodes = nodes.filter_map(|end| name.get(..end));
        nodes.find(|node| self.barred_globs.iter().all(|g| residuals(node, g).is_empty()))
    }
}

/// `start*` ∩ `within` as patterns: the residuals that cover a name; one that covers a single name is that name.
fn meet(start: &str, within: &str, names: &[&str]) -> Vec<String> {
    let mut out = Vec::new();
    for residual in residuals(start, within) {
        let pattern = format!("{start}{residual}");
        let mut covered = names.iter().filter(|name| glob::matches(&pattern, name, glob::Case::Ignored));
        match (covered.next(), covered.next()) {
            (None, _) => {}
            (Some(only), None) => out.push((*only).to_owned()),
            (Some(_), Some(_)) => out.push(pattern),
        }
    }
    out
}

/// What may still follow `start` so that the whole matches `glob`, ignoring case: for every position in
/// `glob` that is reached by `start`, the rest of `glob` from there. Empty when no string that begins with
/// `start` matches.
pub(crate) fn residuals<'g>(start: &str, glob: &'g str) -> Vec<&'g str> {
    let bytes = glob.as_bytes();
    let mut reached = vec![0usize];
    for c in start.chars() {
        let mut next: Vec<usize> = Vec::new();
        for state in reached {
            // Follow a star both ways: it may swallow `c` and stay, or have ended before it.
            let mut at = state;
            while bytes.get(at) == Some(&b'*') {
                next.push(at);
                at += 1;
            }
            let Some(literal) = glob.get(at..).and_then(|rest| rest.chars().next()) else { continue };
            if literal == '?' || literal.eq_ignore_ascii_case(&c) {
                next.push(at + literal.len_utf8());
            }
        }
        next.sort_unstable();
        next.dedup();
        reached = next;
    }
    reached.into_iter().filter_map(|at| glob.get(at..)).collect()
}

/// The same glob with each run of stars as one star.
fn collapse_stars(glob: &str) -> String {
    let mut out = String::with_capacity(glob.len());
    for c in glob.chars() {
        if c != '*' || !out.ends_with('*') {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residuals_are_what_may_follow() {
        assert_eq!(residuals("GetObject", "Get*Tagging"), ["*Tagging", "agging"]);
        assert_eq!(residuals("Get", "Get*Tagging"), ["*Tagging"]);
        assert_eq!(residuals("Put", "Get*"), [""; 0]);
        assert_eq!(residuals("Get", "get"), [""]);
        assert_eq!(residuals("GetX", "get?"), [""]);
        assert_eq!(residuals("", "a*"), ["a*"]);
    }

    #[test]
    fn a_residual_and_its_start_stay_within_the_glob() {
        for glob in ["Get*Tagging", "*a*b?c*", "?*x", "a*a*a"] {
            for start in ["Get", "GetObjecT", "xaxb", "a", "aa", "aXa", "xxbyc"] {
                for residual in residuals(start, glob) {
                    let example = format!("{start}{}", residual.replace('*', "q").replace('?', "z"));
                    assert!(glob::matches(glob, &example, glob::Case::Ignored), "{start} + {residual} not in {glob}");
                }
            }
        }
    }
}
