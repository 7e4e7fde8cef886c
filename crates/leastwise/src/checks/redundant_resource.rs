//! `redundant-resource`: a resource of a list that another entry of the same list covers.

use super::finding::{Findings, Severity};
use super::pattern::covers_resource;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "redundant-resource",
    severity: Severity::Suggestion,
    title: "a resource is covered by another entry of the same list",
    run,
};

/// So many patterns of one list are compared with the others.
const MOST_PATTERNS: usize = 64;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let Some(resources) = statement.resources.as_ref().filter(|r| r.patterns.len() > 1) else { continue };
        let patterns = &resources.patterns;
        let wide: Vec<(usize, &str)> = patterns.iter().enumerate().map(|(at, p)| (at, &*p.what)).take(MOST_PATTERNS).collect();
        for (at, pattern) in patterns.iter().enumerate() {
            let cover = wide.iter().find(|(other, wide)| {
                *other != at && covers_resource(wide, &pattern.what) && (*other < at || !covers_resource(&pattern.what, wide))
            });
            if let Some((_, wide)) = cover {
                let message = format!("`{}` is covered by `{wide}` in the same list", pattern.what);
                findings.add(subject.resource(statement, at, pattern), message, "remove it");
            }
        }
    }
}
