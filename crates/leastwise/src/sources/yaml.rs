//! YAML as the tree that the JSON reader makes: every value with its place, and CloudFormation's short forms (`!Sub`) as
//! the objects for which they stand.
//!
//! Numbers stay texts, as CloudFormation and IAM want strings. Aliases are copied, up to a bound; keys twice are refused.

use std::collections::HashMap;

use leastwise_policy::json::{MAX_DEPTH, Member, Node, Position, Span, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

use super::SourceError;

/// How many values a text may have, aliases counted as often as they stand.
const MAX_VALUES: usize = 500_000;

/// Every document of a YAML text.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, SourceError> {
    let body = text.trim_start_matches('\u{feff}');
    let mut reader = Reader {
        text,
        offsets: offsets(body, text.len() - body.len()),
        open: Vec::new(),
        anchors: HashMap::new(),
        documents: Vec::new(),
        values: 0,
    };
    for event in Parser::new_from_str(body) {
        let (event, span) = event.map_err(|e| {
            let at = reader.offset(e.marker().index());
            reader.error(at, format!("this is neither JSON nor YAML: {}", e.info()))
        })?;
        let span = Span { start: reader.offset(span.start.index()), end: reader.offset(span.end.index()) };
        reader.take(event, span)?;
    }
    Ok(reader.documents)
}

/// The byte at which each character begins, unless all are of one byte; `before` bytes stand in front.
fn offsets(body: &str, before: usize) -> Vec<usize> {
    if body.is_ascii() && before == 0 {
        return Vec::new();
    }
    body.char_indices().map(|(at, _)| at + before).chain([body.len() + before]).collect()
}

enum Open {
    List { start: usize, anchor: usize, tag: Option<String>, items: Vec<Node> },
    Object { start: usize, anchor: usize, tag: Option<String>, members: Vec<Member>, key: Option<(Box<str>, Span)> },
}

struct Reader<'t> {
    text: &'t str,
    offsets: Vec<usize>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    documents: Vec<Node>,
    values: usize,
}

impl Reader<'_> {
    fn offset(&self, index: usize) -> usize {
        if self.offsets.is_empty() { index } else { self.offsets.get(index).copied().unwrap_or(self.text.len()) }
    }

    fn error(&self, at: usize, message: String) -> SourceError {
        SourceError {
            message,
            position: Position::of(self.text, at),
            help: "give a policy as JSON or YAML, or a file that holds policies (docs/inputs.md)",
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SourceError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let end = span.start + self.text.get(span.start..span.end).unwrap_or_default().trim_end().len();
                let span = Span { start: span.start, end };
                let is_text = style != ScalarStyle::Plain || tag.as_ref().is_some_and(|t| t.is_yaml_core_schema());
                let value = if is_text { Value::String(text.as_ref().into()) } else { plain(&text) };
                self.close(Node { span, value }, anchor, name_of(tag.as_deref()))
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(Open::List { start: span.start, anchor, tag: name_of(tag.as_deref()), items: Vec::new() }, span)
            }
            Event::MappingStart(anchor, tag) => {
                let tag = name_of(tag.as_deref());
                self.begin(Open::Object { start: span.start, anchor, tag, members: Vec::new(), key: None }, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (start, anchor, tag, value) = match self.open.pop() {
                    Some(Open::List { start, anchor, tag, items }) => (start, anchor, tag, Value::Array(items)),
                    Some(Open::Object { start, anchor, tag, members, .. }) => (start, anchor, tag, Value::Object(members)),
                    None => return Err(self.error(span.start, "a YAML collection ends that did not begin".to_owned())),
                };
                let end = start + self.text.get(start..span.end.max(start)).unwrap_or_default().trim_end().len();
                self.close(Node { span: Span { start, end }, value }, anchor, tag)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.error(span.start, "a YAML alias names no anchor before it".to_owned()));
                };
                let node = Node { span, value: node.value.clone() };
                self.values += count(&node);
                self.close(node, 0, None)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, open: Open, span: Span) -> Result<(), SourceError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.error(span.start, format!("the YAML is nested more than {MAX_DEPTH} levels deep")));
        }
        self.open.push(open);
        Ok(())
    }

    /// A value is complete: it becomes a key, a member, an item, or a document.
    fn close(&mut self, node: Node, anchor: usize, tag: Option<String>) -> Result<(), SourceError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(
                self.error(node.span.start, format!("the YAML has more than {MAX_VALUES} values, aliases counted in full"))
            );
        }
        let node = match tag {
            Some(tag) => short_form(&tag, node),
            None => node,
        };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Object { members, key, .. }) => match key.take() {
                Some((name, key_span)) if &*name == "<<" => merge(members, node, key_span),
                Some((name, key_span)) => {
                    let member = Member { key: name, key_span, value: node };
                    match members.iter_mut().find(|known| known.key == member.key) {
                        None => members.push(member),
                        // A mapping's own key is stronger than a merged one.
                        Some(merged) if merged.key_span.of(self.text) == "<<" => *merged = member,
                        Some(_) => {
                            let message = format!("the key `{}` stands twice in one mapping", member.key);
                            return Err(self.error(key_span.start, message));
                        }
                    }
                }
                None => {
                    let name: Box<str> = match node.value {
                        Value::String(name) | Value::Number(name) => name,
                        Value::Bool(value) => if value { "true" } else { "false" }.into(),
                        Value::Null => "null".into(),
                        _ => return Err(self.error(node.span.start, "a key of a mapping is a collection".to_owned())),
                    };
                    *key = Some((name, node.span));
                }
            },
        }
        Ok(())
    }
}

/// The members of a merge key (`<<`), where the mapping has none of its own yet.
fn merge(members: &mut Vec<Member>, node: Node, key_span: Span) {
    let sources = match node.value {
        Value::Array(items) => items,
        value => vec![Node { span: node.span, value }],
    };
    for source in sources {
        if let Value::Object(own) = source.value {
            for member in own {
                if !members.iter().any(|known| known.key == member.key) {
                    members.push(Member { key_span, ..member });
                }
            }
        }
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.iter().map(|member| count(&member.value)).sum::<usize>(),
        _ => 1,
    }
}

/// A plain scalar of the core schema; a number stays a text.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => Value::String(text.into()),
    }
}

/// The name of a local tag such as `!Sub`.
fn name_of(tag: Option<&Tag>) -> Option<String> {
    let tag = tag?;
    (tag.handle == "!" && !tag.suffix.is_empty()).then(|| tag.suffix.clone())
}

/// The object for which a short form stands ("Intrinsic function reference").
fn short_form(tag: &str, node: Node) -> Node {
    let span = node.span;
    let key = match tag {
        "Ref" | "Condition" => tag.to_owned(),
        _ => format!("Fn::{tag}"),
    };
    let value = match (tag, &node.value) {
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((path, ""));
            let item = |text: &str| Node { span, value: Value::String(text.into()) };
            Node { span, value: Value::Array(vec![item(resource), item(attribute)]) }
        }
        _ => node,
    };
    Node {
        span,
        value: Value::Object(vec![Member { key: key.into(), key_span: Span { start: span.start, end: span.start }, value }]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_places_and_short_forms_are_objects() {
        let text = "é: 1\nVersion: 2012-10-17\nResource: !Sub \"${B.Arn}/*\"\nList:\n  - !Ref X\n  - !GetAtt B.Arn\n  - true\n";
        let documents = parse(text).unwrap();
        let root = &documents[0];
        let of = |key: &str| root.member(key).unwrap();
        assert_eq!(of("Version").value.as_str(), Some("2012-10-17"));
        assert_eq!(of("Version").value.span.of(text), "2012-10-17");
        assert_eq!(of("Version").key_span.of(text), "Version");
        assert_eq!(of("é").value.as_str(), Some("1"));
        assert_eq!(of("Resource").value.member("Fn::Sub").unwrap().value.as_str(), Some("${B.Arn}/*"));
        let list = of("List").value.as_array().unwrap();
        assert_eq!(list[0].member("Ref").unwrap().value.as_str(), Some("X"));
        assert_eq!(list[1].member("Fn::GetAtt").unwrap().value.as_array().unwrap().len(), 2);
        assert_eq!(list[2].value, Value::Bool(true));
    }

    #[test]
    fn what_is_no_yaml_or_too_much_is_refused_with_its_place() {
        assert!(parse("a: [1").unwrap_err().message.contains("neither JSON nor YAML"));
        assert_eq!(parse("a: 1\nb: 2\na: 3\n").unwrap_err().position.line, 3);
        let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..8 {
            let before = format!("*a{}", level - 1);
            laughs.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(",")));
        }
        assert!(parse(&laughs).unwrap_err().message.contains("more than"));
    }

    #[test]
    fn merge_keys_and_anchors_are_resolved() {
        let documents = parse("base: &b\n  x: 1\n  y: 2\nown:\n  <<: *b\n  z: 3\n").unwrap();
        let own = documents[0].member("own").unwrap();
        assert_eq!(own.value.as_object().unwrap().len(), 3);
    }
}
