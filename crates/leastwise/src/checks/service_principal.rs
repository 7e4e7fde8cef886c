//! `service-principal`: an Allow for a service that acts for all its customers does not say for whose sake it may act, or asks for what
//! a service never has ("The confused deputy problem"; "AWS global condition context keys").

use leastwise_policy::Effect;
use leastwise_policy::document::PrincipalKind;
use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::of_statement;
use super::subject::{PolicyType, Subject};
use super::trust::is_trust_policy;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "service-principal",
    severity: Severity::SecurityWarning,
    title: "a service may act for the sake of other accounts",
    run,
};

/// Keys that say for whose sake a service acts.
const SOURCES: [&str; 5] = ["aws:SourceArn", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceOwner"];

/// Keys of users and roles, which a request by a service does not carry.
const OF_PRINCIPALS: [&str; 6] = [
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:MultiFactorAuthPresent",
    "aws:MultiFactorAuthAge",
    "aws:SourceIdentity",
    "aws:username",
];

/// Services whose guides say to name the source, as they write into resources for any account that asks them.
const ACTING_FOR_OTHERS: [&str; 10] = [
    "apigateway.amazonaws.com",
    "budgets.amazonaws.com",
    "cloudfront.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "cloudwatch.amazonaws.com",
    "config.amazonaws.com",
    "events.amazonaws.com",
    "s3.amazonaws.com",
    "ses.amazonaws.com",
    "sns.amazonaws.com",
];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind != PolicyType::Resource || is_trust_policy(subject) {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Allow) {
        let Some(element) = statement.principal.as_ref().filter(|element| !element.negated) else { continue };
        let only_services = element.principals.iter().all(|(kind, _)| *kind == PrincipalKind::Service);
        let needs = |line: &super::lines::Line<'_>| {
            line.operator.test != Test::Null && !line.operator.negated && !line.operator.if_exists
        };
        if only_services && !element.principals.is_empty() {
            for line in of_statement(statement).filter(needs) {
                let tag = line.key().get(..17).is_some_and(|start| start.eq_ignore_ascii_case("aws:PrincipalTag/"));
                if tag || OF_PRINCIPALS.iter().any(|key| line.has_key(key)) {
                    let message = format!("requests by a service do not carry `{}`, so that this allows nothing", line.key());
                    let help = "use `aws:SourceOrgID`, `aws:SourceAccount` or `aws:SourceArn` for services";
                    *findings.add(subject.condition_key(statement, line.condition), message, help) = Severity::Error;
                }
            }
        }
        if of_statement(statement).any(|line| line.operator.test != Test::Null && SOURCES.iter().any(|key| line.has_key(key))) {
            continue;
        }
        for (kind, written) in &element.principals {
            if *kind != PrincipalKind::Service || !ACTING_FOR_OTHERS.contains(&&*written.what) {
                continue;
            }
            let message = format!("`{}` may do this for the sake of any account", written.what);
            let help = "add a condition on `aws:SourceArn`, `aws:SourceAccount`, `aws:SourceOrgID` or `aws:SourceOrgPaths`";
            let severity = findings.add(subject.principal(statement, element, written.span), message, help);
            if !statement.conditions.is_empty() {
                // Restricted by other means, which AWS recommends less.
                *severity = Severity::Suggestion;
            }
        }
    }
}
