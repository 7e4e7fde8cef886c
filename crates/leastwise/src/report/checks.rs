//! The JSON view of the checks: `leastwise.check/1`, alone and as a line of a batch.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::evaluation::request_object;
use super::refinement::CatalogRow;
use crate::checks::{Answer, ElementPath, Finding, Outcome, PolicyType};
use leastwise_policy::Catalogue;

/// Name and version of this form; the number grows when a reader would have to change.
pub const SCHEMA: &str = "leastwise.check/1";

/// A check's result as JSON. As a line of a batch it has an id instead of a head.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(skip_serializing_if = "is_false")]
    known: bool,
    result: &'static str,
    #[serde(flatten)]
    body: Body<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    catalog: Option<CatalogRow<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Body<'a> {
    Answer { message: &'a str, reasons: Vec<ReasonRow<'a>>, witness: Option<Value> },
    Findings { policy_type: &'static str, findings: Vec<FindingRow<'a>> },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReasonRow<'a> {
    statement_id: Option<&'a str>,
    statement_index: Option<usize>,
    description: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FindingRow<'a> {
    code: &'static str,
    severity: &'static str,
    path: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: &'a str,
    help: &'a str,
    #[serde(skip_serializing_if = "is_false")]
    known: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde gives a reference
fn is_false(value: &bool) -> bool {
    !value
}

impl<'a> CheckReport<'a> {
    /// The result of one of the checks about all requests.
    #[must_use]
    pub fn answer(answer: &'a Answer) -> CheckReport<'a> {
        let reason = |r: &'a crate::checks::Reason| ReasonRow {
            statement_id: r.statement_id.as_deref(),
            statement_index: r.statement_index,
            description: &r.description,
        };
        CheckReport::of(
            answer.outcome,
            Body::Answer {
                message: &answer.message,
                reasons: answer.reasons.iter().map(reason).collect(),
                witness: answer.witness.as_ref().map(request_object),
            },
        )
    }

    fn of(outcome: Outcome, body: Body<'a>) -> CheckReport<'a> {
        CheckReport {
            schema: None,
            check: None,
            id: None,
            file: None,
            policy: None,
            digest: None,
            known: false,
            result: outcome.as_str(),
            body,
            catalog: None,
        }
    }

    /// The same with its file, the way to the policy in it (unless the file is the policy), and the policy's digest.
    #[must_use]
    pub fn of_file(self, file: &'a str, policy: &ElementPath, digest: &'a str) -> CheckReport<'a> {
        let policy = (!policy.0.is_empty()).then(|| policy.to_string());
        CheckReport { file: Some(file), policy, digest: Some(digest), ..self }
    }

    /// The same, where the baseline has this failing answer.
    #[must_use]
    pub fn known(self, known: bool) -> CheckReport<'a> {
        CheckReport { known, ..self }
    }

    /// The result of `valid`, as the caller judges the findings; `known` says which of them the baseline has.
    #[must_use]
    pub fn findings(outcome: Outcome, kind: PolicyType, findings: &'a [Finding], known: &[bool]) -> CheckReport<'a> {
        let row = |(at, f): (usize, &'a Finding)| FindingRow {
            known: known.get(at).copied().unwrap_or(false),
            code: f.code,
            severity: f.severity.as_str(),
            path: f.path.to_string(),
            line: f.line,
            column: f.column,
            end_line: f.end_line,
            end_column: f.end_column,
            message: &f.message,
            help: &f.help,
        };
        let body = Body::Findings { policy_type: kind.as_str(), findings: findings.iter().enumerate().map(row).collect() };
        CheckReport::of(outcome, body)
    }

    /// The same with a batch case's id.
    #[must_use]
    pub fn identified(self, id: Option<&'a RawValue>) -> CheckReport<'a> {
        CheckReport { id, ..self }
    }

    /// The same with its head: schema, check and catalogue.
    #[must_use]
    pub fn headed(self, check: &'static str, catalogue: &'a Catalogue) -> CheckReport<'a> {
        CheckReport { schema: Some(SCHEMA), check: Some(check), catalog: Some(catalogue.provenance().into()), ..self }
    }
}
