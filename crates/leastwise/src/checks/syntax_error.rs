//! `syntax-error`: the text is not a policy that AWS would store.
//!
//! The document reader finds it; here its refusal becomes a finding.

use leastwise_policy::document::PolicyError;
use leastwise_policy::json::Span;

use super::declarative;
use super::finding::{ElementPath, Finding, Severity};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "syntax-error",
    severity: Severity::Error,
    title: "the text is not JSON, or not shaped as a policy",
    run: |_, _| {},
};

/// The refusal of a text as a finding. A policy of an organization that has no statements is named as what it is.
pub(super) fn finding(error: PolicyError, text: &str) -> Finding {
    let (line, column) = (error.position.line, error.position.column);
    let (message, help) = declarative::what_it_is(text).unwrap_or_else(|| (error.message, error.help.to_owned()));
    Finding {
        code: CHECK.code,
        severity: CHECK.severity,
        path: ElementPath::default(),
        span: Span::default(),
        line,
        column,
        end_line: line,
        end_column: column,
        message,
        help,
    }
}
