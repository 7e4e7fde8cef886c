//! `open-trust-policy`: a role lets in more than one thinks: every user of an OpenID Connect provider, every repository of GitHub, every
//! account of AWS ("Create a role for OpenID Connect federation", "Configuring a role for GitHub OIDC identity provider").

use leastwise_policy::document::PrincipalKind;
use leastwise_policy::evaluate::Test;
use leastwise_policy::{Effect, Statement};

use super::finding::{Findings, Severity};
use super::lines::of_statement;
use super::subject::{Place, Subject};
use super::trust::{Provider, is_trust_policy, provider};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "open-trust-policy",
    severity: Severity::SecurityWarning,
    title: "a role can be assumed by more than is wise",
    run,
};

const GITHUB: &str = "token.actions.githubusercontent.com";

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if !is_trust_policy(subject) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        let Some(element) = statement.principal.as_ref().filter(|element| !element.negated) else { continue };
        for (kind, written) in &element.principals {
            let place = || subject.principal(statement, element, written.span);
            match (kind, provider(&written.what)) {
                (PrincipalKind::Aws, _) if &*written.what == "*" && statement.conditions.is_empty() => {
                    let message = "every principal of every account may assume this role".to_owned();
                    findings.add(place(), message, "name accounts or roles, or add a condition on `aws:PrincipalOrgID`");
                }
                (PrincipalKind::Federated, Provider::OpenId(host)) => open_id(subject, statement, host, place(), findings),
                _ => {}
            }
        }
    }
}

fn open_id(subject: &Subject<'_>, statement: &Statement, host: &str, place: Place, findings: &mut Findings) {
    let key_of_host = |key: &str| {
        let own = key.rsplit_once(':').map_or("", |(prefix, _)| prefix);
        own.eq_ignore_ascii_case(host) || own.eq_ignore_ascii_case(host.split('/').next().unwrap_or_default())
    };
    let restricts =
        |line: &super::lines::Line<'_>| line.operator.test != Test::Null && !line.operator.negated && !line.operator.if_exists;
    if !of_statement(statement).filter(restricts).any(|line| key_of_host(line.key())) {
        let message = format!("every user of `{host}` may assume this role, of whatever application");
        findings.add(place, message, format!("add conditions on `{host}:aud` and `{host}:sub`"));
        return;
    }
    if !host.eq_ignore_ascii_case(GITHUB) {
        return;
    }
    // A few claims name the repository themselves.
    let names_repository =
        ["sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "job_workflow_ref", "enterprise"];
    let subject_lines: Vec<_> = of_statement(statement)
        .filter(restricts)
        .filter(|line| names_repository.iter().any(|claim| line.has_key(&format!("{GITHUB}:{claim}"))))
        .collect();
    if subject_lines.is_empty() {
        let message = "every repository of GitHub may assume this role".to_owned();
        findings.add(
            place,
            message,
            format!("add a condition on `{GITHUB}:sub`, such as repo:ORGANIZATION/REPOSITORY:ref:refs/heads/main"),
        );
        return;
    }
    for line in
        subject_lines.iter().filter(|line| line.has_key(&format!("{GITHUB}:sub")) && line.operator.test == Test::StringLike)
    {
        for (at, value) in line.condition.values.iter().enumerate().filter(|(_, v)| v.what.contains(['*', '?'])) {
            let (what, severity) = match opened(&value.what) {
                Opened::Owners => ("repositories of other organizations", Severity::SecurityWarning),
                Opened::Repositories => ("every repository of the organization that it matches", Severity::Warning),
                Opened::Branches => ("every branch and pull request that it matches", Severity::Suggestion),
            };
            let message = format!("`{}` lets in {what}", value.what);
            let help = "name the repository and the branch or environment: repo:ORGANIZATION/REPOSITORY:ref:refs/heads/main";
            *findings.add(subject.condition_value(statement, line.condition, at, value), message, help) = severity;
        }
    }
}

/// What a pattern for GitHub's subject leaves open.
#[derive(Debug, PartialEq, Eq)]
enum Opened {
    Owners,
    Repositories,
    Branches,
}

fn opened(value: &str) -> Opened {
    let wild = |text: &str| text.contains(['*', '?']);
    let Some((owner, rest)) = value.strip_prefix("repo:").and_then(|rest| rest.split_once('/')) else { return Opened::Owners };
    let name = rest.split(':').next().unwrap_or_default();
    if wild(owner) {
        Opened::Owners
    } else if wild(name) {
        Opened::Repositories
    } else {
        Opened::Branches
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn what_a_subject_leaves_open_is_its_first_wildcard() {
        for (value, expected) in [
            ("*", Opened::Owners),
            ("repo:*", Opened::Owners),
            ("repo:acme*/app:*", Opened::Owners),
            ("repo:acme/*", Opened::Repositories),
            ("repo:acme/app*:ref:refs/heads/main", Opened::Repositories),
            ("repo:acme/app:*", Opened::Branches),
        ] {
            assert_eq!(opened(value), expected, "{value}");
        }
    }
}
