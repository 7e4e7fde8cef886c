//! From a value of a tree to a policy document: JSON text, with the places of its parts in the file.
//!
//! Texts in JSON stay as they are, byte by byte; what is written in YAML, or has functions in it, is written anew.

use leastwise_policy::json::{Node, Value, quote};

use super::intrinsic::{self, Resolved, Template};
use super::places::Places;

/// A document written anew.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) text: String,
    pub(super) places: Places,
    /// The functions of which only the deployment knows the value, as written, each once.
    pub(super) open: Vec<String>,
    /// The names that stand for them.
    pub(super) made_up: Vec<String>,
}

/// Whether the value has a function in it.
pub(super) fn has_functions(node: &Node) -> bool {
    match &node.value {
        Value::Object(members) => intrinsic::is_function(node) || members.iter().any(|member| has_functions(&member.value)),
        Value::Array(items) => items.iter().any(has_functions),
        _ => false,
    }
}

/// Writes the value as a JSON document.
pub(super) fn write(node: &Node, template: Template<'_>) -> Written {
    let mut written = Written::default();
    written.value(node, template);
    written
}

impl Written {
    fn mark(&mut self, file: usize) {
        self.places.push(self.text.len(), file);
    }

    fn value(&mut self, node: &Node, template: Template<'_>) {
        self.mark(node.span.start);
        match &node.value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(true) => self.text.push_str("true"),
            Value::Bool(false) => self.text.push_str("false"),
            Value::Number(text) => self.text.push_str(text),
            Value::String(text) => self.text.push_str(&quote(text)),
            Value::Array(items) => {
                self.text.push('[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(", ");
                    }
                    self.value(item, template);
                }
                self.mark(node.span.end.saturating_sub(1));
                self.text.push(']');
            }
            Value::Object(_) if intrinsic::is_function(node) => self.function(node, template),
            Value::Object(members) => {
                self.text.push('{');
                for (at, member) in members.iter().enumerate() {
                    if at > 0 {
                        self.text.push_str(", ");
                    }
                    self.mark(member.key_span.start);
                    self.text.push_str(&quote(&member.key));
                    self.mark(member.key_span.end);
                    self.text.push_str(": ");
                    self.value(&member.value, template);
                }
                self.mark(node.span.end.saturating_sub(1));
                self.text.push('}');
            }
        }
        self.mark(node.span.end);
    }

    fn function(&mut self, node: &Node, template: Template<'_>) {
        let (text, open) = match template.resolve(node) {
            Resolved::Text { text, open } => (text, open),
            Resolved::Nothing => ("unresolved".to_owned(), true),
        };
        if open {
            let name = intrinsic::name(node);
            if !self.open.contains(&name) {
                self.open.push(name);
            }
            self.made_up.push(text.clone());
        }
        self.text.push_str(&quote(&text));
    }
}

/// The text of a string value, with the places of its bytes; `file` is the text in which the value stands.
pub(super) fn of_string(node: &Node, text: &str, file: &str) -> Places {
    let raw = node.span.of(file);
    let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default();
    let json_string = raw.len() >= 2 && raw.starts_with('"') && raw.ends_with('"');
    if json_string && inner == text {
        return Places::shifted(node.span.start + 1);
    }
    let mut places = Places::same();
    if json_string && let Some(()) = unescaped(inner, node.span.start + 1, text, &mut places) {
        return places;
    }
    // A text of YAML: line by line where its lines stand as they are.
    let mut places = Places::same();
    places.push(0, node.span.start);
    let (mut document, mut from) = (0, 0);
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        if let Some(at) = raw.get(from..).and_then(|rest| rest.find(content)).filter(|_| !content.trim().is_empty()) {
            places.push(document, node.span.start + from + at);
            from += at + content.len();
        }
        document += line.len();
    }
    places
}

/// Walks along a string's literal and its text; nothing when they do not agree.
fn unescaped(inner: &str, start: usize, text: &str, places: &mut Places) -> Option<()> {
    places.push(0, start);
    let (mut at, mut document) = (0, 0);
    while at < inner.len() {
        let rest = inner.get(at..)?;
        let width = if rest.starts_with("\\u") {
            // A surrogate brings its other half.
            let pair = rest.get(2..3).is_some_and(|d| d.eq_ignore_ascii_case("d"))
                && rest.get(3..4).is_some_and(|d| matches!(d, "8" | "9" | "a" | "b" | "A" | "B"));
            if pair { 12 } else { 6 }
        } else if rest.starts_with('\\') {
            2
        } else {
            rest.chars().next()?.len_utf8()
        };
        let c = text.get(document..)?.chars().next()?;
        at += width;
        document += c.len_utf8();
        if width != c.len_utf8() {
            places.push(document, start + at);
        }
    }
    (document == text.len()).then_some(())
}

/// A percent-encoded text decoded, with its places in the encoded one; nothing when an escape is broken.
pub(super) fn decoded(text: &str) -> Option<(String, Places)> {
    let (mut bytes, mut places) = (Vec::with_capacity(text.len()), Places::same());
    places.push(0, 0);
    let mut rest = text.bytes().enumerate();
    while let Some((at, byte)) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<(usize, u8)>| char::from(b?.1).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
        places.push(bytes.len(), at + 3);
    }
    Some((String::from_utf8(bytes).ok()?, places))
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise_policy::json;

    #[test]
    fn a_string_with_escapes_keeps_the_places_of_its_characters() {
        let file = r#"{"Policy": "{\"a\": \"é\\n\u0041\"}"}"#;
        let root = json::parse(file).unwrap();
        let node = &root.member("Policy").unwrap().value;
        let text = node.as_str().unwrap();
        let places = of_string(node, text, file);
        for (part, there) in [("a", r#"a\""#), ("é", "é"), ("A", r"\u0041")] {
            let at = places.at(text.find(part).unwrap());
            assert!(file[at..].starts_with(there), "{part}: {}", &file[at..]);
        }
    }

    #[test]
    fn a_percent_encoded_text_keeps_its_places() {
        let text = "%7B%22a%22%3A1%7D";
        let (document, places) = decoded(text).unwrap();
        assert_eq!(document, "{\"a\":1}");
        assert_eq!(places.at(2), text.find('a').unwrap());
        assert_eq!(places.at(0), 0);
        assert!(decoded("%7").is_none());
    }
}
