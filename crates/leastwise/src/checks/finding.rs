//! What `valid` says: a code, how bad it is, the element, its place in the text, a sentence and what to do.
//!
//! Plain data; the views in `report` turn it into text, JSON and SARIF.

use std::fmt;

use leastwise_policy::json::{Position, Span};

/// How bad a finding is, in the provider's words (IAM Access Analyzer, policy validation), the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// AWS refuses the document, or a part of it can never have an effect.
    Error,
    /// The document allows more than is wise.
    SecurityWarning,
    /// The document probably does not do what its author means.
    Warning,
    /// The document could be clearer; it does what it says.
    Suggestion,
}

impl Severity {
    /// The provider's word: `ERROR`, `SECURITY_WARNING`, `WARNING` or `SUGGESTION`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "ERROR",
            Severity::SecurityWarning => "SECURITY_WARNING",
            Severity::Warning => "WARNING",
            Severity::Suggestion => "SUGGESTION",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One step from the document to an element of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathElement {
    /// The member of that key.
    Key(Box<str>),
    /// The item of a list, from 0.
    Index(usize),
}

/// The way from the document to an element; shown as `Statement[0].Action[1]`. A lone statement is the first of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElementPath(pub Vec<PathElement>);

impl ElementPath {
    /// The path with one more key.
    #[must_use]
    pub fn key(mut self, key: &str) -> ElementPath {
        self.0.push(PathElement::Key(key.into()));
        self
    }

    /// The path with one more place in a list.
    #[must_use]
    pub fn index(mut self, index: usize) -> ElementPath {
        self.0.push(PathElement::Index(index));
        self
    }

    /// The statement that the path goes through, from 0.
    #[must_use]
    pub fn statement(&self) -> Option<usize> {
        match self.0.as_slice() {
            [PathElement::Key(key), PathElement::Index(index), ..] if &**key == "Statement" => Some(*index),
            _ => None,
        }
    }
}

impl fmt::Display for ElementPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, element) in self.0.iter().enumerate() {
            match element {
                PathElement::Key(key) if at > 0 => write!(f, ".{key}")?,
                PathElement::Key(key) => f.write_str(key)?,
                PathElement::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// One finding about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check's stable name, such as `unknown-action`; its page is `docs/checks/<code>.md`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The element; empty for the document as a whole.
    pub path: ElementPath,
    /// Where the element stands, in bytes of the document's (decoded) text.
    pub span: Span,
    /// Line of the element's first character, from 1.
    pub line: usize,
    /// Column of that character, in characters from 1.
    pub column: usize,
    /// Line of the place behind the element's last character.
    pub end_line: usize,
    /// Column of that place.
    pub end_column: usize,
    /// What is found, in lower case, with the policy's own text in backticks.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Findings as the checks add them; places in the text are worked out once, at the end.
pub(super) struct Findings {
    code: &'static str,
    severity: Severity,
    list: Vec<Finding>,
}

impl Findings {
    pub(super) fn none() -> Findings {
        Findings { code: "", severity: Severity::Error, list: Vec::new() }
    }

    /// What is added from now on is of this check.
    pub(super) fn begin(&mut self, code: &'static str, severity: Severity) {
        (self.code, self.severity) = (code, severity);
    }

    /// Adds a finding of the check's usual severity, which the caller may change.
    pub(super) fn add(&mut self, (path, span): (ElementPath, Span), message: String, help: impl Into<String>) -> &mut Severity {
        let (code, severity, help) = (self.code, self.severity, help.into());
        self.list.push(Finding { code, severity, path, span, line: 1, column: 1, end_line: 1, end_column: 1, message, help });
        // What was just pushed is there; the fallback is never written to anything.
        match self.list.last_mut() {
            Some(last) => &mut last.severity,
            None => &mut self.severity,
        }
    }

    /// The findings in the order of the text, each with its line and column.
    pub(super) fn placed(mut self, text: &str) -> Vec<Finding> {
        self.list.sort_by(|a, b| (a.span, a.severity, a.code).cmp(&(b.span, b.severity, b.code)));
        let mut offsets: Vec<usize> = self.list.iter().flat_map(|f| [f.span.start, f.span.end]).collect();
        offsets.sort_unstable();
        offsets.dedup();
        let places = places(text, &offsets);
        let place = |offset: usize| {
            offsets.binary_search(&offset).ok().and_then(|at| places.get(at)).map_or((1, 1), |p| (p.line, p.column))
        };
        for finding in &mut self.list {
            (finding.line, finding.column) = place(finding.span.start);
            (finding.end_line, finding.end_column) = place(finding.span.end);
        }
        self.list
    }
}

/// The places of sorted byte offsets, in one walk through the text; as [`Position::of`] says them one by one.
fn places(text: &str, offsets: &[usize]) -> Vec<Position> {
    let mut wanted = offsets.iter().peekable();
    let mut out = Vec::with_capacity(offsets.len());
    let mut position = Position { line: 1, column: 1 };
    for (at, byte) in text.bytes().enumerate() {
        if byte & 0xC0 != 0x80 || position.column == 1 {
            while wanted.next_if(|offset| **offset <= at).is_some() {
                out.push(position);
            }
        }
        match byte {
            b'\n' => position = Position { line: position.line + 1, column: 1 },
            // The byte-order mark shows no column; a continuation byte begins no character.
            0xEF if at == 0 && text.starts_with('\u{feff}') => {}
            _ if byte & 0xC0 == 0x80 => {}
            _ => position.column += 1,
        }
    }
    out.extend(wanted.map(|_| position));
    out
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn one_walk_finds_the_places_that_single_questions_find() {
        for text in ["", "a\nbé\n\ncd", "\u{feff}{\n é}", "é\u{feff}\n"] {
            let offsets: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).collect();
            let single: Vec<Position> = offsets.iter().map(|at| Position::of(text, *at)).collect();
            assert_eq!(places(text, &offsets), single, "{text:?}");
        }
    }

    #[test]
    fn a_path_reads_like_the_document() {
        let path = ElementPath::default().key("Statement").index(0).key("Action").index(1);
        assert_eq!(path.to_string(), "Statement[0].Action[1]");
        assert_eq!(path.statement(), Some(0));
        assert_eq!(ElementPath::default().key("Version").statement(), None);
    }
}
