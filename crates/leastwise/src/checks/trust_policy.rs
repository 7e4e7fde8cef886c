//! `trust-policy`: a role's trust policy has what IAM refuses, or what never lets anyone in: `NotPrincipal`, `"*"`, `Resource`, a provider
//! that is none, an action that its principal cannot call ("Grammar", "AWS STS" reference; "IAM Roles Anywhere", trust model).

use leastwise_policy::Effect;
use leastwise_policy::document::PrincipalKind;

use super::finding::{Findings, Severity};
use super::subject::Subject;
use super::trust::{Provider, is_trust_policy, provider};
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "trust-policy", severity: Severity::Error, title: "a role's trust policy cannot be so", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if !is_trust_policy(subject) {
        return;
    }
    for statement in subject.policy.statements() {
        if let Some(resources) = &statement.resources {
            let key = if resources.negated { "NotResource" } else { "Resource" };
            let message = format!("a trust policy is about its own role, and has no `{key}`");
            let help = "remove it; a policy of an STS endpoint with principals is read as a trust policy too";
            let severity = findings.add(subject.statement_member(statement, key), message, help);
            let of_endpoint = statement.principal.iter().flat_map(|p| &p.principals).all(|(kind, _)| *kind == PrincipalKind::Aws);
            if of_endpoint {
                *severity = Severity::Warning;
            }
        }
        let Some(element) = &statement.principal else { continue };
        if element.negated {
            let message = "a trust policy cannot have `NotPrincipal`".to_owned();
            findings.add(
                subject.statement_member(statement, "NotPrincipal"),
                message,
                "name who may assume the role with `Principal`",
            );
            continue;
        }
        for (kind, written) in &element.principals {
            let place = || subject.principal(statement, element, written.span);
            match kind {
                PrincipalKind::Anyone => {
                    let message = "a trust policy cannot have the principal `\"*\"`".to_owned();
                    findings.add(
                        place(),
                        message,
                        "name who may assume the role; {\"AWS\": \"*\"} with conditions where any account is meant",
                    );
                }
                PrincipalKind::Federated if provider(&written.what) == Provider::Neither => {
                    let message = format!("`{}` is no identity provider", written.what);
                    findings.add(
                        place(),
                        message,
                        "write a host such as accounts.google.com, or the ARN of a SAML or OIDC provider",
                    );
                }
                _ => {}
            }
        }
        if statement.effect == Effect::Deny {
            continue;
        }
        mismatched(subject, statement, element, findings);
    }
    roles_anywhere(subject, findings);
}

/// Actions that none of the statement's principals can call.
fn mismatched(
    subject: &Subject<'_>,
    statement: &leastwise_policy::Statement,
    element: &leastwise_policy::document::PrincipalElement,
    findings: &mut Findings,
) {
    let some = |wanted: fn(&PrincipalKind, &str) -> bool| element.principals.iter().any(|(kind, p)| wanted(kind, &p.what));
    for (at, pattern) in statement.actions.patterns.iter().enumerate().filter(|(_, p)| !p.what.has_wildcard()) {
        let (fits, help) = match &*pattern.what.name_glob().to_ascii_lowercase() {
            "assumerolewithsaml" => (
                some(|kind, text| *kind == PrincipalKind::Federated && !matches!(provider(text), Provider::OpenId(_))),
                "name a SAML provider as {\"Federated\": …}, or use another action",
            ),
            "assumerolewithwebidentity" => (
                some(|kind, text| *kind == PrincipalKind::Federated && provider(text) != Provider::Saml),
                "name an OIDC provider as {\"Federated\": …}, or use another action",
            ),
            "assumerole" => (
                some(|kind, _| *kind != PrincipalKind::Federated),
                "a provider's users call sts:AssumeRoleWithSAML or sts:AssumeRoleWithWebIdentity",
            ),
            _ => continue,
        };
        if !fits && !element.principals.is_empty() {
            let message = format!("no principal of this statement can call `{}`", pattern.what);
            findings.add(subject.action(statement, at, pattern), message, help);
        }
    }
}

/// IAM Roles Anywhere calls three actions in one; a trust policy has to allow it all of them.
fn roles_anywhere(subject: &Subject<'_>, findings: &mut Findings) {
    let theirs: Vec<_> = subject
        .policy
        .statements()
        .iter()
        .filter(|s| s.effect == Effect::Allow)
        .filter(|s| {
            s.principal.iter().flat_map(|p| &p.principals).any(|(_, p)| p.what.starts_with("rolesanywhere.amazonaws.com"))
        })
        .collect();
    let Some(first) = theirs.first() else { return };
    let missing: Vec<&str> = ["AssumeRole", "SetSourceIdentity", "TagSession"]
        .into_iter()
        .filter(|name| !theirs.iter().any(|s| s.actions.patterns.iter().any(|p| p.what.matches("sts", name))))
        .collect();
    if !missing.is_empty() {
        let listed = missing.iter().map(|name| format!("`sts:{name}`")).collect::<Vec<_>>().join(" and ");
        let message = format!("IAM Roles Anywhere also needs {listed} to assume the role");
        findings.add(subject.actions(first), message, "add the actions to this statement");
    }
}
