//! `empty-list`: a list or an object without anything in it, so that its statement is about nothing, or says nothing.

use leastwise_policy::json::{self, Node, Span, Value};

use super::finding::{ElementPath, Findings, Severity};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check =
    Check { code: "empty-list", severity: Severity::Suggestion, title: "a list or object is empty", run };

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements().iter().filter(|s| s.sid.as_deref() == Some("")) {
        let place = subject.statement_member(statement, "Sid");
        findings.add(place, "`Sid` is empty: it names nothing".to_owned(), "fill it, or remove it");
    }
    let text = subject.policy.text();
    if !may_hold_empty(text) {
        return;
    }
    let Ok(root) = json::parse(text) else { return };
    let Some(element) = root.member("Statement") else { return };
    let path = ElementPath::default().key("Statement");
    let empty = |findings: &mut Findings, path: ElementPath, span: Span, what: &str, effect: &str| {
        findings.add((path, span), format!("{what} is empty: {effect}"), "fill it, or remove it");
    };
    let statements = match &element.value.value {
        Value::Array(items) if items.is_empty() => {
            return empty(findings, path, element.value.span, "`Statement`", "the policy says nothing");
        }
        Value::Array(items) => items.iter().collect(),
        _ => vec![&element.value],
    };
    for (index, statement) in statements.into_iter().enumerate() {
        let path = path.clone().index(index);
        for member in statement.as_object().unwrap_or_default() {
            let here = path.clone().key(&member.key);
            let effect = match &*member.key {
                "Action" | "Resource" | "Principal" => "the statement is about nothing",
                "NotAction" | "NotResource" | "NotPrincipal" => "the statement is about everything",
                "Condition" => "it restricts nothing",
                _ => continue,
            };
            if is_empty(&member.value) {
                empty(findings, here, member.value.span, &format!("`{}`", member.key), effect);
                continue;
            }
            for inner in member.value.as_object().unwrap_or_default() {
                let here = here.clone().key(&inner.key);
                if is_empty(&inner.value) {
                    let effect = if &*member.key == "Condition" { "it restricts nothing" } else { "it names nobody" };
                    empty(findings, here, inner.value.span, &format!("`{}`", inner.key), effect);
                    continue;
                }
                for key in inner.value.as_object().unwrap_or_default().iter().filter(|key| is_empty(&key.value)) {
                    let effect = "no value can match";
                    empty(findings, here.clone().key(&key.key), key.value.span, &format!("the list of `{}`", key.key), effect);
                }
            }
        }
    }
}

/// Whether an opening bracket is followed by its closing one, somewhere; strings are not told apart.
fn may_hold_empty(text: &str) -> bool {
    let mut last = b' ';
    text.bytes()
        .filter(|b| !b.is_ascii_whitespace())
        .any(|b| matches!((std::mem::replace(&mut last, b), b), (b'[', b']') | (b'{', b'}')))
}

fn is_empty(node: &Node) -> bool {
    match &node.value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
