//! `service-linked-role-on-star`: a principal that may create every service-linked role can give every service its standing access to the account
//! ("Create a service-linked role"). A condition makes it milder, such as one on `iam:AWSServiceName`.

use leastwise_policy::Effect;
use leastwise_policy::arn::resource_matches;

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "service-linked-role-on-star",
    severity: Severity::Warning,
    title: "`iam:CreateServiceLinkedRole` is allowed for every service",
    run,
};

/// A role that no service has, under the path of service-linked roles.
const SAMPLE: &str = "role/aws-service-role/any.amazonaws.com/AWSServiceRoleForAny";

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if matches!(subject.kind, PolicyType::ServiceControl | PolicyType::ResourceControl) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow && s.conditions.is_empty()) {
        let Some(resources) = &statement.resources else { continue };
        let takes = |pattern: &str| {
            let account = leastwise_policy::arn::Arn::parse(pattern).map_or("111122223333", |arn| arn.account);
            let account = if leastwise_policy::arn::is_account_number(account) { account } else { "111122223333" };
            resource_matches(pattern, &format!("arn:aws:iam::{account}:{SAMPLE}"))
        };
        let every = resources.negated || resources.patterns.iter().any(|p| takes(&p.what));
        let matched =
            statement.actions.patterns.iter().enumerate().find(|(_, p)| p.what.matches("iam", "CreateServiceLinkedRole"));
        if !every || matched.is_some() == statement.actions.negated {
            continue;
        }
        let place = match matched {
            Some((at, pattern)) => subject.action(statement, at, pattern),
            None => subject.actions(statement),
        };
        let message = "this allows `iam:CreateServiceLinkedRole` for every service of AWS".to_owned();
        findings.add(place, message, "name the roles in `Resource`, or add a condition on `iam:AWSServiceName`");
    }
}
