//! `unknown-service`: the catalogue has no service of that prefix.

use leastwise_policy::Catalogue;

use super::finding::{Findings, Severity};
use super::managed_names;
use super::nearest::nearest;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "unknown-service", severity: Severity::Error, title: "an action's service prefix is not known", run };

/// So many findings of a document come with the name that was probably meant, which takes time to find.
pub(super) const SUGGESTED: usize = 20;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut asked = 0;
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.actions.patterns.iter().enumerate() {
            let Some(prefix) = pattern.what.service().filter(|prefix| subject.catalogue.service(prefix).is_none()) else {
                continue;
            };
            let place = subject.action(statement, at, pattern);
            if managed_names::is_service(prefix) {
                let message = format!(
                    "the catalogue has no service `{prefix}`, though AWS's own policies name it: it is retired or not public"
                );
                *findings.add(place, message, "remove it if the service is gone") = Severity::Warning;
                continue;
            }
            asked += 1;
            let near = if asked <= SUGGESTED { near(subject.catalogue, prefix) } else { None };
            let help = near.map_or_else(
                || {
                    format!(
                        "the catalogue is of {}; `leastwise catalog list` shows its services",
                        subject.catalogue.provenance().date
                    )
                },
                |near| format!("did you mean `{near}:{}`?", pattern.what.name_glob()),
            );
            findings.add(place, format!("the catalogue has no service `{prefix}`"), help);
        }
    }
}

fn near<'c>(catalogue: &'c Catalogue, prefix: &str) -> Option<&'c str> {
    nearest(prefix, catalogue.services().map(|s| s.prefix()))
}
