//! `syntax-error`: the text is not a policy that AWS would store.
//!
//! The document reader finds it; here its refusal becomes a finding.

use leastwise_policy::document::PolicyError;
use leastwise_policy::json::Span;

use super::finding::{ElementPath, Finding, Severity};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "syntax-error",
    severity: Severity::Error,
    title: "the text is not JSON, or not shaped as a policy",
    run: |_, _| {},
};

pub(super) fn finding(error: PolicyError) -> Finding {
    let (line, column) = (error.position.line, error.position.column);
    Finding {
        code: CHECK.code,
        severity: CHECK.severity,
        path: ElementPath::default(),
        span: Span::default(),
        line,
        column,
        end_line: line,
        end_column: column,
        message: error.message,
        help: error.help.to_owned(),
    }
}
