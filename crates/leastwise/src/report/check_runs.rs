//! The views of a run over several policies: JSON of the whole run, and one SARIF log of all of it.
//!
//! A run over one plain file has the form of [`CheckReport`]; whatever is more, or cannot be read, has this one. Places are those of
//! the files, also where a policy was unwrapped from something else.

use leastwise_policy::json::Position;
use leastwise_policy::{Catalogue, Policy};
use serde::Serialize;
use serde_json::{Value, json};

use super::checks::{CheckReport, SCHEMA};
use super::refinement::CatalogRow;
use super::sarif;
use crate::checks::{Answer, Finding};
use crate::sources::Source;

/// Something for which a file, or a policy in it, could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProblemRow {
    /// The file.
    pub file: String,
    /// The way to the policy in it; empty for the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// A policy that is not in the file in which it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    /// The file.
    pub file: String,
    /// The way to the policy in it; empty for the file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub policy: String,
    /// Why it was not checked.
    pub why: String,
}

/// A run over several policies.
#[derive(Debug, Serialize)]
pub struct RunReport<'a> {
    schema: &'static str,
    check: &'static str,
    result: &'static str,
    policies: Vec<CheckReport<'a>>,
    problems: &'a [ProblemRow],
    skipped: &'a [SkippedRow],
    catalog: CatalogRow<'a>,
}

impl<'a> RunReport<'a> {
    /// The report; its result is `ERROR` when there are problems.
    #[must_use]
    pub fn new(
        check: &'static str,
        passes: bool,
        policies: Vec<CheckReport<'a>>,
        problems: &'a [ProblemRow],
        skipped: &'a [SkippedRow],
        catalogue: &'a Catalogue,
    ) -> RunReport<'a> {
        let result = if !problems.is_empty() {
            "ERROR"
        } else if passes {
            "PASS"
        } else {
            "FAIL"
        };
        RunReport { schema: SCHEMA, check, result, policies, problems, skipped, catalog: catalogue.provenance().into() }
    }
}

/// The finding as it stands in the file: its path goes through the file's wrapping, its place is the file's.
#[must_use]
pub fn placed(finding: Finding, source: &Source, file: &str) -> Finding {
    let document = &source.document;
    let unplaced = finding.span == leastwise_policy::json::Span::default();
    let offsets = if unplaced {
        let at = offset(document, Position { line: finding.line, column: finding.column });
        (at, at)
    } else {
        (finding.span.start, finding.span.end)
    };
    let path = crate::checks::ElementPath(source.path.0.iter().chain(&finding.path.0).cloned().collect());
    if source.places == crate::sources::Places::same() {
        return Finding { path, ..finding };
    }
    let start = Position::of(file, source.places.at(offsets.0));
    let end = Position::of(file, source.places.at(offsets.1).max(source.places.at(offsets.0)));
    Finding { path, line: start.line, column: start.column, end_line: end.line, end_column: end.column, ..finding }
}

/// The byte offset of a place in a text.
#[must_use]
pub fn offset(text: &str, place: Position) -> usize {
    let before: usize = text.split_inclusive('\n').take(place.line.saturating_sub(1)).map(str::len).sum();
    let line = text.get(before..).unwrap_or_default();
    before + line.char_indices().nth(place.column.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// The digest of a document, whatever its white space: by it a baseline knows a policy again.
#[must_use]
pub fn digest(document: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(leastwise_policy::document::minified(document).as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The place in the file of the statement that a reason names, or of the policy.
#[must_use]
pub fn place_of(source: &Source, policy: &Policy, statement: Option<usize>, file: &str) -> (Position, Position) {
    let span = statement.and_then(|at| policy.statements().get(at)).map_or(policy.root(), |statement| statement.span);
    (Position::of(file, source.places.at(span.start)), Position::of(file, source.places.at(span.end)))
}

/// One SARIF log of a run, put together from those of its policies.
#[derive(Debug)]
pub struct SarifRun {
    log: Option<Value>,
    rule: &'static str,
}

impl SarifRun {
    /// A log of that check, without results.
    #[must_use]
    pub fn new(check: &'static str) -> SarifRun {
        SarifRun { log: None, rule: check }
    }

    /// Adds the findings about a file; `known` says of each whether the baseline has it.
    pub fn findings(&mut self, file: &str, findings: &[Finding], known: &[bool]) {
        let mut log = serde_json::to_value(sarif::findings(file, findings)).unwrap_or_default();
        with_results(&mut log, |results| results.iter_mut().zip(known).for_each(|(result, known)| mark(result, *known)));
        self.join(log);
    }

    /// Adds the answer about a policy, at the places of its file.
    pub fn answer(&mut self, file: &str, text: &str, source: &Source, policy: &Policy, answer: &Answer, known: bool) {
        let mut log = serde_json::to_value(sarif::answer(self.rule, file, policy, answer)).unwrap_or_default();
        let place = |(result, reason): (&mut Value, &crate::checks::Reason)| {
            let (start, end) = place_of(source, policy, reason.statement_index, text);
            let region =
                json!({"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column});
            if let Some(own) = result.pointer_mut("/locations/0/physicalLocation/region") {
                *own = region;
            }
            let within = source.path.to_string();
            if !within.is_empty()
                && let Some(own) = result.pointer_mut("/locations/0/logicalLocations/0/fullyQualifiedName")
            {
                *own = Value::from(format!("{within}.{}", own.as_str().unwrap_or_default()));
            }
            mark(result, known);
        };
        with_results(&mut log, |results| results.iter_mut().zip(&answer.reasons).for_each(place));
        self.join(log);
    }

    /// Adds what could not be checked, as errors of the rule `bad-input`.
    pub fn problem(&mut self, problem: &ProblemRow) {
        let mut log = serde_json::to_value(sarif::findings(&problem.file, &[])).unwrap_or_default();
        let file = if problem.file == "standard input" { "stdin.json" } else { &problem.file };
        let uri: String = file.replace('\\', "/").bytes().map(sarif::escaped).collect();
        let region = json!({"startLine": problem.line, "startColumn": problem.column});
        let place = json!([{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}]);
        let result = json!({
            "ruleId": "bad-input",
            "level": "error",
            "message": {"text": format!("{}; {}", problem.message, problem.help)},
            // Arguments stand in no file.
            "locations": if file.is_empty() { json!([]) } else { place },
        });
        with_results(&mut log, |results| results.push(result));
        if let Some(Value::Array(rules)) = log.pointer_mut("/runs/0/tool/driver/rules") {
            *rules = vec![json!({
                "id": "bad-input",
                "shortDescription": {"text": "a file or a policy in it cannot be read"},
                "defaultConfiguration": {"level": "error"},
            })];
        }
        self.join(log);
    }

    fn join(&mut self, mut log: Value) {
        let Some(whole) = &mut self.log else {
            self.log = Some(log);
            return;
        };
        let new_rules: Vec<Value> = match log.pointer_mut("/runs/0/tool/driver/rules") {
            Some(Value::Array(rules)) => std::mem::take(rules),
            _ => Vec::new(),
        };
        let mut joined = Vec::new();
        with_results(&mut log, |results| joined = std::mem::take(results));
        if let Some(Value::Array(rules)) = whole.pointer_mut("/runs/0/tool/driver/rules") {
            for rule in new_rules {
                if !rules.iter().any(|own| own.get("id") == rule.get("id")) {
                    rules.push(rule);
                }
            }
        }
        with_results(whole, |results| results.append(&mut joined));
    }

    /// The log as JSON.
    #[must_use]
    pub fn log(self) -> Value {
        let mut log = self.log.unwrap_or_else(|| serde_json::to_value(sarif::findings("", &[])).unwrap_or_default());
        // Where rules come from several logs, each result's index is that of its rule in the whole.
        let ids: Vec<Value> = match log.pointer("/runs/0/tool/driver/rules") {
            Some(Value::Array(rules)) => rules.iter().filter_map(|rule| rule.get("id").cloned()).collect(),
            _ => Vec::new(),
        };
        with_results(&mut log, |results| {
            for result in results {
                let at = ids.iter().position(|id| Some(id) == result.get("ruleId"));
                if let (Some(at), Value::Object(members)) = (at, result) {
                    members.insert("ruleIndex".to_owned(), Value::from(at));
                }
            }
        });
        log
    }
}

fn mark(result: &mut Value, known: bool) {
    if let (true, Value::Object(members)) = (known, result) {
        members.insert("baselineState".to_owned(), Value::from("unchanged"));
    }
}

/// Changes the results of a log.
fn with_results(log: &mut Value, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(results)) = log.pointer_mut("/runs/0/results") {
        change(results);
    }
}
