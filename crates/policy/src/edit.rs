//! Edits a policy document in place: whole statements go, lists of actions change, every other byte stays.
//!
//! Last step of the flow for a document, the way back from decisions to text. It decides nothing: which
//! patterns stay is the refiner's business, and whether that was right is the proof's.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::document::{Form, Policy, Statement, tokens_and_gaps};
use crate::json::{Span, quote};

/// What becomes of one statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementEdit {
    /// It stays, byte for byte.
    Keep,
    /// It goes.
    Remove,
    /// Its `Action` or `NotAction` element changes, and nothing else.
    Actions(ActionEdit),
}

/// The new content of an `Action` or `NotAction` element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionEdit {
    /// Whether the element is a `NotAction` afterwards.
    pub negated: bool,
    /// The patterns, in order; at least one.
    pub items: Vec<Item>,
}

/// One pattern of an edited list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The pattern at this place of the original list, with its own bytes.
    Kept(usize),
    /// A new pattern, which stands where the pattern at `at` stood (or behind it, for an addition).
    New {
        /// The pattern's text.
        pattern: String,
        /// Place in the original list.
        at: usize,
    },
}

impl Policy {
    /// The document's text with `edits` applied, one for each statement in order; none when no statement is left.
    ///
    /// A statement without an edit in the list stays as it is.
    #[must_use]
    pub fn edited(&self, edits: &[StatementEdit]) -> Option<String> {
        let text = self.text();
        let layout = Layout { text, minified: OnceCell::new() };
        let edit_of = |statement: &Statement| edits.get(statement.index).unwrap_or(&StatementEdit::Keep);
        let kept: Vec<&Statement> = self.statements().iter().filter(|s| *edit_of(s) != StatementEdit::Remove).collect();
        if kept.is_empty() && !self.statements().is_empty() {
            return None;
        }
        let value = self.statement_value();
        let lone = self.statements().first().is_some_and(|s| s.span == value);
        let body: Cow<'_, str> = if lone {
            kept.iter().map(|s| self.edited_statement(s, edit_of(s), &layout).into_owned()).collect()
        } else {
            let spans: Vec<Span> = self.statements().iter().map(|s| s.span).collect();
            let slots: Vec<Slot<'_>> =
                kept.iter().map(|s| Slot { origin: s.index, text: self.edited_statement(s, edit_of(s), &layout) }).collect();
            Cow::Owned(relist(&layout, value, &spans, &slots))
        };
        let before = Span { start: 0, end: value.start }.of(text);
        let after = Span { start: value.end, end: text.len() }.of(text);
        Some([before, &body, after].concat())
    }

    fn edited_statement(&self, statement: &Statement, edit: &StatementEdit, layout: &Layout<'_>) -> Cow<'_, str> {
        let text = self.text();
        let StatementEdit::Actions(edit) = edit else { return Cow::Borrowed(statement.span.of(text)) };
        let actions = &statement.actions;
        let spans: Vec<Span> = actions.patterns.iter().map(|p| p.span).collect();
        let slots: Vec<Slot<'_>> = edit
            .items
            .iter()
            .map(|item| match item {
                Item::Kept(at) => Slot { origin: *at, text: Cow::Borrowed(spans.get(*at).copied().unwrap_or_default().of(text)) },
                Item::New { pattern, at } => Slot { origin: *at, text: Cow::Owned(quote(pattern)) },
            })
            .collect();
        let value = match (actions.form, slots.as_slice()) {
            (Form::String, [one]) => one.text.clone().into_owned(),
            (Form::String, many) => self.new_list(statement, many, layout),
            (Form::List, many) => relist(layout, actions.value, &spans, many),
        };
        let key_end = actions.element.start + if actions.negated { "\"NotAction\"".len() } else { "\"Action\"".len() };
        let key = Span { start: actions.element.start, end: key_end };
        let key_text = match (actions.negated, edit.negated) {
            (was, is) if was == is => None,
            (_, true) => Some("\"NotAction\""),
            (_, false) => Some("\"Action\""),
        };
        let between = match key_text {
            // The key may be spelled with escapes; then its length differs, and we write `: ` anew.
            Some(new) if key.of(text).ends_with('"') => {
                format!("{new}{}", Span { start: key_end, end: actions.value.start }.of(text))
            }
            Some(new) => format!("{new}: "),
            None => Span { start: actions.element.start, end: actions.value.start }.of(text).to_owned(),
        };
        let before = Span { start: statement.span.start, end: actions.element.start }.of(text);
        let after = Span { start: actions.value.end, end: statement.span.end }.of(text);
        Cow::Owned([before, &between, &value, after].concat())
    }

    /// A list in the document's own layout, for an element that was a lone string.
    fn new_list(&self, statement: &Statement, slots: &[Slot<'_>], layout: &Layout<'_>) -> String {
        let text = self.text();
        let key_indent = indent_before(text, statement.actions.element.start);
        let Some(key_indent) = key_indent else {
            let separator = if layout.minified() { "," } else { ", " };
            let items: Vec<&str> = slots.iter().map(|s| &*s.text).collect();
            return format!("[{}]", items.join(separator));
        };
        let line_start = text.get(..statement.span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let statement_line = text.get(line_start..).unwrap_or_default();
        let outer = statement_line.len() - statement_line.trim_start_matches([' ', '\t']).len();
        let outer = statement_line.get(..outer).unwrap_or_default();
        let unit = key_indent.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ");
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let lines: Vec<String> = slots.iter().map(|s| format!("{newline}{key_indent}{unit}{}", s.text)).collect();
        format!("[{}{newline}{key_indent}]", lines.join(","))
    }
}

/// How a document is laid out, found out when first asked.
struct Layout<'t> {
    text: &'t str,
    minified: OnceCell<bool>,
}

impl Layout<'_> {
    /// Whether the document has no white space between its tokens.
    fn minified(&self) -> bool {
        *self.minified.get_or_init(|| {
            let body = self.text.trim_start_matches('\u{feff}').trim();
            tokens_and_gaps(body).all(|(_, gap)| !gap)
        })
    }
}

/// An element of an edited list: its text, and the place in the original list that it has or comes from.
struct Slot<'t> {
    origin: usize,
    text: Cow<'t, str>,
}

/// A list's text with other elements: gaps between neighbours that stay neighbours keep their bytes, and a
/// new gap is a copy of the one that stood nearest.
fn relist(layout: &Layout<'_>, list: Span, items: &[Span], slots: &[Slot<'_>]) -> String {
    let text = layout.text;
    let first = items.first().map_or(list.end.saturating_sub(1), |s| s.start);
    let last = items.last().map_or(first, |s| s.end);
    let lead = Span { start: list.start, end: first }.of(text);
    let tail = Span { start: last, end: list.end }.of(text);
    let gap = |before: usize| match (items.get(before), items.get(before + 1)) {
        (Some(a), Some(b)) => Some(Span { start: a.end, end: b.start }.of(text)),
        _ => None,
    };
    let invented = || {
        let space = lead.trim_start_matches('[');
        if space.contains('\n') || layout.minified() { format!(",{space}") } else { ", ".to_owned() }
    };
    let mut out = String::with_capacity(lead.len() + tail.len() + slots.iter().map(|slot| slot.text.len() + 2).sum::<usize>());
    out.push_str(lead);
    let mut previous: Option<usize> = None;
    for slot in slots {
        if let Some(before) = previous {
            let nearest = if slot.origin > before {
                gap(slot.origin - 1)
            } else {
                slot.origin.checked_sub(1).and_then(gap).or_else(|| gap(slot.origin))
            };
            match nearest {
                Some(separator) => out.push_str(separator),
                None => out.push_str(&invented()),
            }
        }
        out.push_str(&slot.text);
        previous = Some(slot.origin);
    }
    out.push_str(tail);
    out
}

/// The white space before `at` when nothing else stands before it on its line and there is a line before.
fn indent_before(text: &str, at: usize) -> Option<&str> {
    let before = text.get(..at)?;
    let line = before.get(before.rfind('\n')? + 1..)?;
    line.chars().all(|c| c == ' ' || c == '\t').then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(text: &str, edits: &[StatementEdit]) -> Option<String> {
        Policy::parse(text).unwrap().edited(edits)
    }

    fn actions(items: Vec<Item>) -> StatementEdit {
        StatementEdit::Actions(ActionEdit { negated: false, items })
    }

    fn new(pattern: &str, at: usize) -> Item {
        Item::New { pattern: pattern.to_owned(), at }
    }

    #[test]
    fn no_edit_changes_no_byte() {
        let text =
            "\u{feff}{ \"Statement\" :[ {\"Effect\":\"Allow\",\t\"Action\" : \"s3:Get\\u002a\",\r\n\"Resource\":\"*\"} ] }\n";
        assert_eq!(edit(text, &[]).unwrap(), text);
        assert_eq!(edit(text, &[actions(vec![Item::Kept(0)])]).unwrap(), text);
    }

    #[test]
    fn elements_of_a_list_change_in_the_lists_own_layout() {
        let text = "{\"Statement\": [{\"Effect\": \"Allow\",\n  \"Action\": [\n    \"a:A\",\n    \"b:B*\",\n    \"c:C\"\n  ], \"Resource\": \"*\"}]}";
        let edited = edit(text, &[actions(vec![new("b:B1", 1), new("b:B2*", 1), Item::Kept(2)])]).unwrap();
        let expected = text.replace("\"a:A\",\n    ", "").replace("\"b:B*\"", "\"b:B1\",\n    \"b:B2*\"");
        assert_eq!(edited, expected);
    }

    #[test]
    fn a_list_of_one_grows_in_one_line_when_it_stands_in_one() {
        let text = r#"{"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]}"#;
        let edited = edit(text, &[actions(vec![new("s3:A", 0), new("s3:B", 0)])]).unwrap();
        assert_eq!(edited, text.replace("\"s3:*\"", "\"s3:A\", \"s3:B\""));
        let small = r#"{"Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":"*"}]}"#;
        let edited = edit(small, &[actions(vec![new("s3:A", 0), new("s3:B", 0)])]).unwrap();
        assert_eq!(edited, small.replace("\"s3:*\"", "\"s3:A\",\"s3:B\""));
    }

    #[test]
    fn a_string_becomes_a_list_indented_as_the_document_is() {
        let text = "{\n\t\"Statement\": {\n\t\t\"Effect\": \"Allow\",\n\t\t\"Action\": \"*\",\n\t\t\"Resource\": \"*\"\n\t}\n}\n";
        let edited = edit(text, &[actions(vec![new("a:*", 0), new("b:B", 0)])]).unwrap();
        assert_eq!(edited, text.replace("\"Action\": \"*\"", "\"Action\": [\n\t\t\t\"a:*\",\n\t\t\t\"b:B\"\n\t\t]"));
        let edited = edit(text, &[actions(vec![new("b:B", 0)])]).unwrap();
        assert_eq!(edited, text.replace("\"Action\": \"*\"", "\"Action\": \"b:B\""));
    }

    #[test]
    fn removed_statements_take_one_separator_with_them() {
        let s = |n: u32| format!("{{\"Sid\":\"{n}\",\"Effect\":\"Allow\",\"Action\":\"a:A\",\"Resource\":\"*\"}}");
        let text = format!("{{\"Statement\":[\n {},\n  {}  ,{}\n]}}", s(0), s(1), s(2));
        let removed = |gone: &[usize]| {
            let edits: Vec<_> =
                (0..3).map(|i| if gone.contains(&i) { StatementEdit::Remove } else { StatementEdit::Keep }).collect();
            edit(&text, &edits)
        };
        assert_eq!(removed(&[0]).unwrap(), format!("{{\"Statement\":[\n {}  ,{}\n]}}", s(1), s(2)));
        assert_eq!(removed(&[1]).unwrap(), format!("{{\"Statement\":[\n {}  ,{}\n]}}", s(0), s(2)));
        assert_eq!(removed(&[2]).unwrap(), format!("{{\"Statement\":[\n {},\n  {}\n]}}", s(0), s(1)));
        assert_eq!(removed(&[0, 1]).unwrap(), format!("{{\"Statement\":[\n {}\n]}}", s(2)));
        assert_eq!(removed(&[0, 1, 2]), None);
    }

    #[test]
    fn a_key_changes_only_when_the_element_turns_round() {
        let text = r#"{"Statement": [{"Effect": "Allow", "NotAction" : ["s3:*"], "Resource": "*"}]}"#;
        let edited = edit(text, &[actions(vec![new("sqs:*", 0)])]).unwrap();
        assert_eq!(edited, r#"{"Statement": [{"Effect": "Allow", "Action" : ["sqs:*"], "Resource": "*"}]}"#);
    }
}
