//! `pass-role-on-star`: whoever may pass every role to a service can do whatever any role of the account can
//! ("Grant a user permissions to pass a role to an AWS service"). A condition on `iam:PassedToService` or the role makes it milder.

use leastwise_policy::Effect;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "pass-role-on-star",
    severity: Severity::SecurityWarning,
    title: "`iam:PassRole` is allowed on every role",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow && s.conditions.is_empty()) {
        let Some(resources) = &statement.resources else { continue };
        let every = resources.negated
            || resources
                .patterns
                .iter()
                .any(|p| leastwise_policy::arn::resource_matches(&p.what, "arn:aws:iam::111122223333:role/any/role"));
        let matched = statement.actions.patterns.iter().enumerate().find(|(_, p)| p.what.matches("iam", "PassRole"));
        if !every || matched.is_some() == statement.actions.negated {
            continue;
        }
        let place = match matched {
            Some((at, pattern)) => subject.action(statement, at, pattern),
            None => subject.actions(statement),
        };
        let message =
            "this allows `iam:PassRole` on every role, so that its holder can act as any of them through a service".to_owned();
        findings.add(place, message, "name the roles in `Resource`, and add a condition on `iam:PassedToService`");
    }
}
