//! The SARIF view of the checks (OASIS, "Static Analysis Results Interchange Format" 2.1.0), for code hosts and editors.
//!
//! Only the parts of the format that we fill are here.

use leastwise_policy::Policy;
use leastwise_policy::json::Position;
use serde::Serialize;

use crate::checks::{Answer, CHECKS, Finding, Severity};

/// A SARIF log with one run.
#[derive(Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    results: Vec<ResultRow>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
struct Driver {
    name: &'static str,
    version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    short_description: Message,
    default_configuration: Configuration,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultRow {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<LogicalLocation>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Debug, Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::SecurityWarning | Severity::Warning => "warning",
        Severity::Suggestion => "note",
    }
}

fn log(rules: Vec<Rule>, results: Vec<ResultRow>) -> Log {
    Log {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: [Run {
            tool: Tool { driver: Driver { name: "leastwise", version: env!("CARGO_PKG_VERSION"), rules } },
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

fn location(file: &str, path: String, region: Region) -> [Location; 1] {
    let uri = file.replace('\\', "/").bytes().map(escaped).collect();
    let logical_locations = if path.is_empty() { Vec::new() } else { vec![LogicalLocation { fully_qualified_name: path }] };
    [Location { physical_location: PhysicalLocation { artifact_location: ArtifactLocation { uri }, region }, logical_locations }]
}

/// A byte of a path as a URI has it (RFC 3986).
pub(super) fn escaped(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

/// The findings of `valid` about a file. Every check is a rule, whether it found something or not.
#[must_use]
pub fn findings(file: &str, findings: &[Finding]) -> Log {
    let rule = |check: &crate::checks::Check| Rule {
        id: check.code,
        short_description: Message { text: check.title.to_owned() },
        default_configuration: Configuration { level: level(check.severity) },
    };
    let result = |f: &Finding| ResultRow {
        rule_id: f.code,
        rule_index: CHECKS.iter().position(|c| c.code == f.code).unwrap_or_default(),
        level: level(f.severity),
        message: Message { text: format!("{}; {}", f.message, f.help) },
        locations: location(
            file,
            f.path.to_string(),
            Region { start_line: f.line, start_column: f.column, end_line: f.end_line, end_column: f.end_column },
        ),
    };
    log(CHECKS.iter().map(rule).collect(), findings.iter().map(result).collect())
}

/// The reasons of a check about all requests, at the statements of the file's policy.
#[must_use]
pub fn answer(check: &'static str, file: &str, policy: &Policy, answer: &Answer) -> Log {
    let rule = Rule {
        id: check,
        short_description: Message { text: answer.message.clone() },
        default_configuration: Configuration { level: "error" },
    };
    let result = |reason: &crate::checks::Reason| {
        let statement = reason.statement_index.and_then(|index| policy.statements().get(index));
        let span = statement.map_or(policy.root(), |s| s.span);
        let (start, end) = (Position::of(policy.text(), span.start), Position::of(policy.text(), span.end));
        ResultRow {
            rule_id: check,
            rule_index: 0,
            level: "error",
            message: Message { text: format!("{}: {}", answer.message, reason.description) },
            locations: location(
                file,
                statement.map_or_else(String::new, |s| format!("Statement[{}]", s.index)),
                Region { start_line: start.line, start_column: start.column, end_line: end.line, end_column: end.column },
            ),
        }
    };
    log(vec![rule], answer.reasons.iter().map(result).collect())
}
