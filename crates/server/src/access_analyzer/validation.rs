//! What is wrong with a policy document: the findings of `checks::valid`, in the provider's form.
//!
//! Types and places are the provider's; the codes are our own (`docs/checks`), written as the provider writes its.

use leastwise::checks::{self, ElementPath, Finding, PathElement, PolicyType};
use leastwise_policy::Catalogue;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::checks::aside;
use super::error::WireError;
use super::page::USUAL;
use super::request::Call;

/// Codes whose element is a key, not what stands behind it.
const OF_KEYS: [&str; 3] = ["unknown-element", "unknown-operator", "unknown-condition-key"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedRequest {
    policy_document: String,
    policy_type: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    findings: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    finding_details: String,
    finding_type: &'static str,
    issue_code: String,
    learn_more_link: String,
    locations: [Location; 1],
}

#[derive(Serialize)]
struct Location {
    path: Vec<Step>,
    span: Span,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Step {
    Index(usize),
    Key(String),
    Value(String),
}

#[derive(Serialize)]
struct Span {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    /// From 1.
    line: usize,
    /// From 0.
    column: usize,
    /// In characters, from 0.
    offset: usize,
}

fn path(path: &ElementPath, is_key: bool) -> Vec<Step> {
    let last = path.0.len().saturating_sub(1);
    let step = |(at, element): (usize, &PathElement)| match element {
        PathElement::Index(index) => Step::Index(*index),
        PathElement::Key(key) if is_key && at == last => Step::Key(key.to_string()),
        PathElement::Key(key) => Step::Value(key.to_string()),
    };
    path.0.iter().enumerate().map(step).collect()
}

fn view(text: &str, finding: Finding, base: &str) -> View {
    let offset = |bytes: usize| text.get(..bytes).map_or(bytes, |before| before.chars().count());
    let position =
        |line: usize, column: usize, bytes: usize| Position { line, column: column.saturating_sub(1), offset: offset(bytes) };
    let span = Span {
        start: position(finding.line, finding.column, finding.span.start),
        end: position(finding.end_line, finding.end_column, finding.span.end),
    };
    View {
        finding_details: format!("{}. {}", finding.message, finding.help),
        finding_type: finding.severity.as_str(),
        issue_code: finding.code.replace('-', "_").to_ascii_uppercase(),
        learn_more_link: format!("{base}/docs/checks/{}", finding.code),
        locations: [Location { path: path(&finding.path, OF_KEYS.contains(&finding.code)), span }],
    }
}

pub(super) async fn validate(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: SignedRequest = call.input()?;
    let kind = match asked.policy_type.as_str() {
        "RESOURCE_POLICY" => PolicyType::Resource,
        "SERVICE_CONTROL_POLICY" => PolicyType::ServiceControl,
        "RESOURCE_CONTROL_POLICY" => PolicyType::ResourceControl,
        _ => PolicyType::Identity,
    };
    let base = call.base.clone();
    let findings = aside(move || {
        let found = checks::valid(&asked.policy_document, Some(kind), Catalogue::embedded()).findings;
        found.into_iter().map(|finding| view(&asked.policy_document, finding, &base)).collect()
    });
    // The token is sealed for the document too, so its findings are the same on every page.
    let (findings, next_token) = call.page(findings.await?, "", USUAL)?;
    Reply::of(&Listed { findings, next_token })
}
