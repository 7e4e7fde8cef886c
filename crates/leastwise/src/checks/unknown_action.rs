//! `unknown-action`: the service is known, but has no action of that name.

use super::finding::{Findings, Severity};
use super::managed_names;
use super::nearest::nearest;
use super::subject::Subject;
use super::unknown_service::SUGGESTED;
use super::valid::Check;

pub(super) const CHECK: Check = Check { code: "unknown-action", severity: Severity::Error, title: "an action is not known", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut asked = 0;
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.actions.patterns.iter().enumerate() {
            let written = &pattern.what;
            if written.has_wildcard() {
                continue;
            }
            let Some(service) = written.service().and_then(|prefix| subject.catalogue.service(prefix)) else { continue };
            if service.action(written.name_glob()).is_some() {
                continue;
            }
            let place = subject.action(statement, at, pattern);
            if managed_names::is_action(written.as_str()) {
                let message = format!(
                    "the catalogue has no action `{written}`, though AWS's own policies name it: it is retired or not public"
                );
                *findings.add(place, message, "remove it if nothing needs it") = Severity::Warning;
                continue;
            }
            asked += 1;
            let near = if asked <= SUGGESTED { nearest(written.name_glob(), service.action_names()) } else { None };
            let help = near.map_or_else(
                || {
                    let date = &subject.catalogue.provenance().date;
                    format!(
                        "the catalogue is of {date}; `leastwise catalog list {}` shows the service's actions",
                        service.prefix()
                    )
                },
                |near| format!("did you mean `{}:{near}`?", service.prefix()),
            );
            findings.add(place, format!("`{}` has no action `{}`", service.prefix(), written.name_glob()), help);
        }
    }
}
