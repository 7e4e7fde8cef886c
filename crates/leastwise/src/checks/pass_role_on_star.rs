//! `pass-role-on-star`: whoever may pass every role to a service can do whatever any role of the account can
//! ("Grant a user permissions to pass a role to an AWS service"). A condition on `iam:PassedToService` or the role makes it milder.

use leastwise_policy::Effect;
use leastwise_policy::arn::{Arn, is_account_number, resource_matches};

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "pass-role-on-star",
    severity: Severity::SecurityWarning,
    title: "`iam:PassRole` is allowed on every role",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    // Policies of an organization grant nothing: they only limit what others grant.
    if matches!(subject.kind, PolicyType::ServiceControl | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow && s.conditions.is_empty()) {
        let Some(resources) = &statement.resources else { continue };
        let every = resources.negated || resources.patterns.iter().any(|p| takes_every_role(&p.what));
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

/// Whether the pattern matches whatever role of some account.
fn takes_every_role(pattern: &str) -> bool {
    let account = Arn::parse(pattern).map(|arn| arn.account).filter(|account| is_account_number(account));
    let sample = format!("arn:aws:iam::{}:role/any/role", account.unwrap_or("111122223333"));
    resource_matches(pattern, &sample)
}
