//! `redundant-action`: an action of a list that another entry of the same list covers.

use std::collections::HashMap;

use leastwise_policy::ActionPattern;
use leastwise_policy::document::Written;
use leastwise_policy::glob::Case;

use super::finding::{Findings, Severity};
use super::pattern::covers;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "redundant-action",
    severity: Severity::Suggestion,
    title: "an action is covered by another entry of the same list",
    run,
};

/// So many patterns of one service are compared with the others of their list.
const MOST_PATTERNS: usize = 64;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let patterns = &statement.actions.patterns;
        if patterns.len() < 2 {
            continue;
        }
        let mut wide = Wide::of(patterns);
        for (at, pattern) in patterns.iter().enumerate() {
            let Some(other) = wide.cover(at, pattern) else { continue };
            let message = if other.as_str().eq_ignore_ascii_case(pattern.what.as_str()) {
                format!("`{}` stands twice in the list", pattern.what)
            } else {
                format!("`{}` is covered by `{other}` in the same list", pattern.what)
            };
            findings.add(subject.action(statement, at, pattern), message, "remove it");
        }
    }
}

/// What of a list can cover other entries: first occurrences of each text, and the patterns by service.
struct Wide<'p> {
    everything: Option<usize>,
    first: HashMap<String, usize>,
    of_service: HashMap<String, Vec<(usize, &'p ActionPattern)>>,
    all: &'p [Written<ActionPattern>],
}

impl<'p> Wide<'p> {
    fn of(all: &'p [Written<ActionPattern>]) -> Wide<'p> {
        let mut wide = Wide { everything: None, first: HashMap::new(), of_service: HashMap::new(), all };
        for (at, pattern) in all.iter().enumerate() {
            match pattern.what.service() {
                None => {
                    wide.everything.get_or_insert(at);
                }
                Some(service) if pattern.what.has_wildcard() => {
                    let own = wide.of_service.entry(service.to_ascii_lowercase()).or_default();
                    if own.len() < MOST_PATTERNS {
                        own.push((at, &pattern.what));
                    }
                }
                Some(_) => {}
            }
        }
        wide
    }

    /// Another entry that covers this one; of two that cover each other, the earlier one.
    fn cover(&mut self, at: usize, pattern: &Written<ActionPattern>) -> Option<&'p ActionPattern> {
        if let Some(everything) = self.everything.filter(|everything| *everything != at) {
            return self.all.get(everything).map(|p| &p.what);
        }
        let first = *self.first.entry(pattern.what.as_str().to_ascii_lowercase()).or_insert(at);
        if first != at {
            return self.all.get(first).map(|p| &p.what);
        }
        let service = pattern.what.service()?.to_ascii_lowercase();
        let name = pattern.what.name_glob();
        let own = self.of_service.get(&service)?;
        own.iter()
            .find(|(other, wide)| {
                *other != at
                    && covers(wide.name_glob(), name, Case::Ignored)
                    && (*other < at || !covers(name, wide.name_glob(), Case::Ignored))
            })
            .map(|(_, wide)| *wide)
    }
}
