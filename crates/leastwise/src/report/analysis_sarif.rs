//! The SARIF 2.1.0 view of an analysis, for code scanning.
//!
//! A view; it decides nothing. A principal is no file, so each result stands at a path made of its account and ARN, and
//! carries the finding's id as its fingerprint.

use serde_json::{Value, json};

use super::held_back::{NOTHING_JUDGED, all_held, held};
use super::sentence;
use crate::findings::{Finding, FindingKind, Found};

/// The findings as one SARIF log.
#[must_use]
pub fn sarif(found: &Found<'_>) -> Value {
    let rule = |kind: &FindingKind| {
        json!({
            "id": kind.as_str(),
            "name": kind.as_str(),
            "shortDescription": {"text": kind.title()},
            "fullDescription": {"text": rule_text(*kind)},
            "defaultConfiguration": {"level": "warning"},
        })
    };
    let note = |id: &str, level: &str, text: String| json!({"descriptor": {"id": id}, "level": level, "message": {"text": text}});
    let mut notes: Vec<Value> = Vec::new();
    if found.coverage.held.nothing_judged() {
        notes.push(note("nothingJudged", "warning", NOTHING_JUDGED.to_owned()));
    }
    for unmatched in &found.coverage.unmatched {
        notes.push(note("unmatchedExclusion", "warning", unmatched.to_string()));
    }
    for (kind, reason, count) in all_held(found) {
        let settle = reason.command().map_or(String::new(), |command| format!("; settled by: {command}"));
        notes.push(note(&format!("heldBack/{}/{}", kind.as_str(), reason.code()), "note", held(kind, reason, count) + &settle));
    }
    let results: Vec<Value> = found.findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "leastwise",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": FindingKind::ALL.iter().map(rule).collect::<Vec<_>>(),
            }},
            "invocations": [{"executionSuccessful": true, "toolExecutionNotifications": notes}],
            "results": results,
        }],
    })
}

fn rule_text(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::UnusedIamRole => "The role existed for the whole tracking period and no use of it is seen in it.",
        FindingKind::UnusedIamUserAccessKey => {
            "The access key is active, older than the tracking period, and was not used in it."
        }
        FindingKind::UnusedIamUserPassword => "The password is enabled, older than the tracking period, and was not used in it.",
        FindingKind::UnusedPermission => {
            "The principal is active and did not use some of what it is granted, as a source shows that would have shown the use."
        }
    }
}

fn result(finding: &Finding<'_>) -> Value {
    let path = finding.resource.as_str().rsplit(':').next().unwrap_or_default();
    let rule = FindingKind::ALL.iter().position(|kind| *kind == finding.kind).unwrap_or_default();
    json!({
        "ruleId": finding.kind.as_str(),
        "ruleIndex": rule,
        "level": "warning",
        "message": {"text": format!("{}: {}", finding.resource, sentence(finding))},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": format!("iam/{}/{path}", finding.account())}, "region": {"startLine": 1}},
            "logicalLocations": [{"fullyQualifiedName": finding.resource.as_str(), "kind": "resource"}],
        }],
        "partialFingerprints": {"leastwiseFindingId/v1": finding.id.as_str()},
    })
}
