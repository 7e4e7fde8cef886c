//! `rcp-syntax`: a resource control policy has what AWS Organizations does not take in one ("RCP syntax"): only Deny, only the
//! principal `"*"`, no `NotAction`, no `Action` of every service or of a service that these policies do not reach.

use leastwise_policy::document::PrincipalKind;
use leastwise_policy::{Effect, Statement};

use super::finding::{Findings, Severity};
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "rcp-syntax",
    severity: Severity::Error,
    title: "a resource control policy has what AWS does not take in one",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind != PolicyType::ResourceControl {
        return;
    }
    for statement in subject.policy.statements() {
        if is_full_access(statement) {
            continue;
        }
        if statement.effect == Effect::Allow {
            let message = "a resource control policy only denies".to_owned();
            let help = "remove the statement: AWS attaches RCPFullAWSAccess itself, and what is not denied stays allowed by other policies";
            findings.add(subject.statement_member(statement, "Effect"), message, help);
        }
        principal(subject, statement, findings);
        if statement.actions.negated {
            let message = "a resource control policy has no `NotAction`".to_owned();
            findings.add(subject.actions(statement), message, "list the actions with `Action`");
            continue;
        }
        for (at, pattern) in statement.actions.patterns.iter().enumerate() {
            let Some(prefix) = pattern.what.service() else {
                if statement.effect == Effect::Deny {
                    let message =
                        format!("`{}` is the actions of every service, which only RCPFullAWSAccess may name", pattern.what);
                    findings.add(subject.action(statement, at, pattern), message, "name the services, such as `s3:*`");
                }
                continue;
            };
            let reached = subject.catalogue.service(prefix).map(|service| service.resource_control_policies());
            if reached == Some(Some(false)) {
                let message = format!("resource control policies do not reach `{prefix}`");
                let help = "use a service control policy, or the services that \"RCP syntax\" lists";
                findings.add(subject.action(statement, at, pattern), message, help);
            }
        }
    }
}

/// The statement of RCPFullAWSAccess, which AWS attaches everywhere.
fn is_full_access(statement: &Statement) -> bool {
    let every = statement.actions.patterns.iter().any(|p| p.what.service().is_none() && p.what.name_glob() == "*");
    let all = statement.resources.as_ref().is_some_and(|r| !r.negated && r.patterns.iter().any(|p| &*p.what == "*"));
    statement.effect == Effect::Allow
        && every
        && !statement.actions.negated
        && all
        && statement.conditions.is_empty()
        && is_open(statement)
}

fn is_open(statement: &Statement) -> bool {
    statement.principal.as_ref().is_some_and(|element| {
        !element.negated
            && element.principals.iter().all(|(kind, _)| *kind == PrincipalKind::Anyone)
            && !element.principals.is_empty()
    })
}

fn principal(subject: &Subject<'_>, statement: &Statement, findings: &mut Findings) {
    let Some(element) = statement.principal.as_ref().filter(|_| !is_open(statement)) else { return };
    let key = if element.negated { "NotPrincipal" } else { "Principal" };
    let message = format!("a resource control policy has `\"Principal\": \"*\"`, and no other `{key}`");
    let help = "write \"Principal\": \"*\", and say who is meant with conditions such as `aws:PrincipalArn`";
    findings.add(subject.statement_member(statement, key), message, help);
}
