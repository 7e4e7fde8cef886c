//! `tag-not-carried`: a statement decides by tags, and names a service whose requests carry no such tags, so that it neither allows nor
//! denies what it names there (Service Authorization Reference; "Controlling access to AWS resources using tags").
//!
//! Judged by whole services: whether a single action carries tags, the reference does not say reliably.

use std::collections::BTreeSet;

use leastwise_policy::Effect;
use leastwise_policy::evaluate::Test;

use super::carried::service_knows;
use super::finding::{Findings, Severity};
use super::lines::lines;
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "tag-not-carried",
    severity: Severity::SecurityWarning,
    title: "a statement decides by tags for a service without them",
    run,
};

const KEYS: [&str; 3] = ["aws:resourcetag/", "aws:requesttag/", "aws:tagkeys"];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for line in lines(subject) {
        let key = line.key().to_ascii_lowercase();
        // A condition that holds without the key does what it says also where there are no tags.
        let needs_key = !line.operator.negated && !line.operator.if_exists && line.operator.test != Test::Null;
        if !needs_key || line.operator.quantifier == Some(leastwise_policy::evaluate::Quantifier::ForAllValues) {
            continue;
        }
        let Some(kind) = KEYS.iter().find(|kind| key.starts_with(*kind)) else { continue };
        let actions = &line.statement.actions;
        let deny = line.statement.effect == Effect::Deny;
        let place = subject.condition_key(line.statement, line.condition);
        let severity = if deny { Severity::SecurityWarning } else { Severity::Suggestion };
        if actions.negated {
            if *kind == "aws:resourcetag/" {
                let what = if deny { "denies" } else { "allows" };
                let message = format!("this {what} nothing of the services whose requests carry no `{}`", line.key());
                *findings.add(place, message, "list the actions meant with `Action`") = severity;
            }
            continue;
        }
        let services: BTreeSet<&str> = actions
            .patterns
            .iter()
            .filter_map(|pattern| subject.catalogue.service(pattern.what.service()?))
            .filter(|service| service.actions().len() > 0 && !service_knows(service, &key))
            .map(|service| service.prefix())
            .collect();
        if services.is_empty() {
            continue;
        }
        let listed = services.iter().take(4).map(|s| format!("`{s}`")).collect::<Vec<_>>().join(", ");
        let what = if deny { "denied" } else { "allowed" };
        let message = format!("requests of {listed} carry no `{}`, so that their actions are not {what} here", line.key());
        *findings.add(place, message, "move their actions to a statement that names resources") = severity;
    }
}
