//! `rcp-perimeter`: a Deny of a resource control policy also hits requests that it is not meant for: those of AWS services, or, when it
//! is about services, those of users and roles ("Resource control policies", "Establishing a data perimeter"; Access Analyzer).

use leastwise_policy::Effect;
use leastwise_policy::Statement;
use leastwise_policy::evaluate::Test;

use super::finding::{Findings, Severity};
use super::lines::of_statement;
use super::subject::{PolicyType, Subject};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "rcp-perimeter",
    severity: Severity::Warning,
    title: "a resource control policy's Deny also hits AWS services, or users and roles",
    run,
};

/// Keys of users and roles; requests of AWS services lack them, so that a negated line holds for services.
const OF_PRINCIPALS: [&str; 5] =
    ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalTag/"];
/// Keys of the resource for whose sake a service acts; requests of users and roles lack them.
const OF_SOURCES: [&str; 4] = ["aws:SourceOrgID", "aws:SourceOrgPaths", "aws:SourceAccount", "aws:SourceArn"];

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    if subject.kind != PolicyType::ResourceControl {
        return;
    }
    for statement in subject.policy.statements().iter().filter(|s| s.effect == Effect::Deny) {
        for line in of_statement(statement).filter(|line| line.operator.negated && line.operator.test != Test::Null) {
            let begins = |key: &&&str| line.key().get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key));
            let place = || subject.condition_key(statement, line.condition);
            if OF_PRINCIPALS.iter().any(|key| begins(&key)) && !spares(statement, "false") {
                let message = format!("requests of AWS services lack `{}`, so that this Deny also hits them", line.key());
                findings.add(place(), message, "add {\"BoolIfExists\": {\"aws:PrincipalIsAWSService\": \"false\"}}");
            } else if OF_SOURCES.iter().any(|key| begins(&key)) {
                if !spares(statement, "true") {
                    let message = format!("requests of users and roles lack `{}`, so that this Deny also hits them", line.key());
                    findings.add(place(), message, "add {\"Bool\": {\"aws:PrincipalIsAWSService\": \"true\"}}");
                } else if !has_source(statement) {
                    let message = format!("some requests of AWS services lack `{}`, and this Deny also hits them", line.key());
                    findings.add(place(), message, "add {\"Null\": {\"aws:SourceAccount\": \"false\"}}");
                }
            }
        }
    }
}

/// Whether the statement is held to requests that are, or are not, of AWS services.
fn spares(statement: &Statement, word: &str) -> bool {
    of_statement(statement).any(|line| {
        line.operator.test == Test::Bool
            && line.has_key("aws:PrincipalIsAWSService")
            && line.condition.values.iter().all(|v| v.what.eq_ignore_ascii_case(word))
    })
}

/// Whether the statement is held to requests that say for whose sake they are.
fn has_source(statement: &Statement) -> bool {
    of_statement(statement).any(|line| {
        line.operator.test == Test::Null
            && ["aws:SourceAccount", "aws:SourceArn"].iter().any(|key| line.has_key(key))
            && line.condition.values.iter().all(|v| v.what.eq_ignore_ascii_case("false"))
    })
}
