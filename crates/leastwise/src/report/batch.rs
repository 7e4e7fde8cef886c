//! The JSON view of a line of a batch that has no result: `{"id", "error": {"kind", "line", "message"}}`.

use serde::Serialize;
use serde_json::value::RawValue;

/// What stands in the place of a result.
#[derive(Debug, Serialize)]
pub struct ErrorLine<'a> {
    id: Option<&'a RawValue>,
    error: ErrorRow<'a>,
}

#[derive(Debug, Serialize)]
struct ErrorRow<'a> {
    kind: &'a str,
    line: u64,
    message: &'a str,
}

impl<'a> ErrorLine<'a> {
    /// The line for the case with that id, if it has one that could be read. `kind` is a word for programs, `line` the
    /// place of the case in its file, from 1.
    #[must_use]
    pub fn new(id: Option<&'a RawValue>, kind: &'a str, line: u64, message: &'a str) -> ErrorLine<'a> {
        ErrorLine { id, error: ErrorRow { kind, line, message } }
    }
}
