//! `wildcard-matches-nothing`: a pattern that matches no known action of its service.

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "wildcard-matches-nothing",
    severity: Severity::Warning,
    title: "an action pattern matches no known action",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        for (at, pattern) in statement.actions.patterns.iter().enumerate() {
            let written = &pattern.what;
            if !written.has_wildcard() || written.name_glob() == "*" {
                continue;
            }
            let Some(service) = written.service().and_then(|prefix| subject.catalogue.service(prefix)) else { continue };
            if !service.action_names().any(|name| written.matches(service.prefix(), name)) {
                let help = format!(
                    "correct or remove it; what AWS adds later under it would be {}",
                    if statement.effect == leastwise_policy::Effect::Allow { "allowed" } else { "denied" }
                );
                findings.add(subject.action(statement, at, pattern), format!("`{written}` matches no known action"), help);
            }
        }
    }
}
