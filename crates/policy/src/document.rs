//! A policy document as its author wrote it: statements in order, every element with its span and spelling.
//!
//! Second step of the flow. This tree is for printing and editing; what a statement *means* is decided
//! elsewhere from its parts. It refuses what IAM would not store, and it never changes the text.

use std::fmt;

use crate::action::ActionPattern;
use crate::json::{self, Node, Position, Span, Value};
use crate::percent;

/// The longest policy document that is read, in bytes. IAM's own limits are far below
/// (131,072 characters for the largest resource policies).
pub const MAX_BYTES: usize = 1024 * 1024;

/// A policy document and where its parts stand in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    text: String,
    percent_encoded: bool,
    version: Option<Box<str>>,
    id: Option<Box<str>>,
    root: Span,
    statement_element: Span,
    statement_value: Span,
    statements: Vec<Statement>,
    unknown_keys: Vec<(Box<str>, Span)>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Place among the statements, from 0.
    pub index: usize,
    /// Where the statement's object stands.
    pub span: Span,
    /// Its `Sid`, when it has one.
    pub sid: Option<Box<str>>,
    /// Its `Effect`.
    pub effect: Effect,
    /// Its `Action` or `NotAction`.
    pub actions: ActionElement,
    /// Its `Principal` or `NotPrincipal`, if any (resource and trust policies).
    pub principal: Option<PrincipalElement>,
    /// Its `Resource` or `NotResource`, if any (a trust policy has none).
    pub resources: Option<ResourceElement>,
    /// Its `Condition` block; empty when there is none.
    pub conditions: Vec<Condition>,
}

/// What a statement does to the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// `"Allow"`
    Allow,
    /// `"Deny"`
    Deny,
}

/// The `Action` or `NotAction` element of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionElement {
    /// True for `NotAction`: the statement is about every action but the listed ones.
    pub negated: bool,
    /// From the key to the end of the value.
    pub element: Span,
    /// The value.
    pub value: Span,
    /// Whether the value is a list or a lone string.
    pub form: Form,
    /// The patterns, in order.
    pub patterns: Vec<Written<ActionPattern>>,
}

/// The `Resource` or `NotResource` element of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceElement {
    /// True for `NotResource`.
    pub negated: bool,
    /// The patterns, in order, as spelled.
    pub patterns: Vec<Written<Box<str>>>,
}

/// The `Principal` or `NotPrincipal` element of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalElement {
    /// True for `NotPrincipal`.
    pub negated: bool,
    /// The principals, in order. `"*"` alone has kind [`PrincipalKind::Anyone`].
    pub principals: Vec<(PrincipalKind, Written<Box<str>>)>,
}

/// What sort of principal a `Principal` element names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// `"Principal": "*"`
    Anyone,
    /// `{"AWS": …}`
    Aws,
    /// `{"Service": …}`
    Service,
    /// `{"Federated": …}`
    Federated,
    /// `{"CanonicalUser": …}`
    CanonicalUser,
    /// Any other key, as spelled.
    Other(Box<str>),
}

/// One line of a `Condition` block: an operator, a key, and the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The operator as spelled, such as `ForAnyValue:StringLike` or `BoolIfExists`.
    pub operator: Written<Box<str>>,
    /// The condition key as spelled.
    pub key: Written<Box<str>>,
    /// The values, in order; numbers and booleans as spelled.
    pub values: Vec<Written<Box<str>>>,
}

/// A parsed thing and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The thing.
    pub what: T,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// Whether an element's value is a list or a lone string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `"s3:GetObject"`
    String,
    /// `["s3:GetObject"]`
    List,
}

/// Why a text is not a policy that we read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
    /// Where in the text (of the decoded text, when it came percent-encoded).
    pub position: Position,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.message)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads a policy document: JSON text, with or without a byte-order mark, or the percent-encoded
    /// form in which the IAM API returns it (then the decoded text is the document).
    ///
    /// # Errors
    /// When the text is not JSON, has duplicate keys, is larger than [`MAX_BYTES`] or nested deeper than
    /// [`json::MAX_DEPTH`], or is not shaped as a policy (AWS, "Grammar of the IAM JSON policy language").
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        if text.len() > MAX_BYTES {
            return Err(PolicyError {
                message: format!("the document has {} bytes, more than the limit of {MAX_BYTES}", text.len()),
                position: Position { line: 1, column: 1 },
                help: "an IAM policy has at most 131,072 characters; is this the right file?",
            });
        }
        let decoded = percent::decode_document(text).map_err(|offset| PolicyError {
            message: "this looks percent-encoded, but an escape in it is broken".to_owned(),
            position: Position::of(text, offset),
            help: "give the document as JSON, or exactly as the IAM API returned it",
        })?;
        let percent_encoded = decoded.is_some();
        let text = decoded.unwrap_or_else(|| text.to_owned());
        let root = json::parse(&text).map_err(|e| PolicyError { message: e.message, position: e.position, help: e.help })?;
        let mut policy = Shape { text: &text }.policy(root)?;
        policy.text = text;
        policy.percent_encoded = percent_encoded;
        Ok(policy)
    }

    /// The document's text. Every span refers to it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the document came percent-encoded.
    #[must_use]
    pub fn percent_encoded(&self) -> bool {
        self.percent_encoded
    }

    /// `Version`, if present.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// `Id`, if present.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Where the document's object stands.
    #[must_use]
    pub fn root(&self) -> Span {
        self.root
    }

    /// Where the `Statement` element stands, from its key to the end of its value.
    #[must_use]
    pub fn statement_element(&self) -> Span {
        self.statement_element
    }

    /// Where the value of `Statement` stands: a list, or the lone statement.
    #[must_use]
    pub fn statement_value(&self) -> Span {
        self.statement_value
    }

    /// The statements, in order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Keys that the policy grammar does not know, at any level that it defines; they are kept and ignored.
    #[must_use]
    pub fn unknown_keys(&self) -> &[(Box<str>, Span)] {
        &self.unknown_keys
    }

    /// The first key of the statement that the grammar does not know.
    #[must_use]
    pub fn unknown_element_of(&self, statement: &Statement) -> Option<&str> {
        let inside = |span: &Span| statement.span.start <= span.start && span.end <= statement.span.end;
        self.unknown_keys.iter().find(|(_, span)| inside(span)).map(|(key, _)| &**key)
    }

    /// The first key of the document itself that the grammar does not know.
    #[must_use]
    pub fn unknown_element(&self) -> Option<&str> {
        let inside = |span: &Span| self.statements.iter().any(|s| s.span.start <= span.start && span.end <= s.span.end);
        self.unknown_keys.iter().find(|(_, span)| !inside(span)).map(|(key, _)| &**key)
    }

    /// The size that IAM's quotas count: characters without white space ("IAM and STS quotas").
    /// White space inside strings counts, as it cannot be left out.
    #[must_use]
    pub fn quota_size(&self) -> usize {
        quota_size(&self.text)
    }
}

/// The number of characters of a JSON text that IAM's size quotas count: all but the white space between tokens.
#[must_use]
pub fn quota_size(text: &str) -> usize {
    tokens_and_gaps(text).filter(|(_, gap)| !gap).count()
}

/// The JSON text without the white space between its tokens, and without a byte-order mark; nothing else changes.
#[must_use]
pub fn minified(text: &str) -> String {
    tokens_and_gaps(text).filter(|(_, gap)| !gap).map(|(c, _)| c).collect()
}

/// The characters of a JSON text, each with whether it is white space between tokens (or a byte-order mark).
pub(crate) fn tokens_and_gaps(text: &str) -> impl Iterator<Item = (char, bool)> {
    let (mut in_string, mut escaped) = (false, false);
    text.chars().map(move |c| {
        if !in_string {
            in_string = c == '"';
            return (c, matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{feff}'));
        }
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_string = false,
            _ => {}
        }
        (c, false)
    })
}

const LIST_OR_STRING: &str = "write one string, or a list of strings";

/// The strings of an element, in order.
type Strings = Vec<Written<Box<str>>>;

/// Reads the tree of a document as a policy.
struct Shape<'t> {
    text: &'t str,
}

impl Shape<'_> {
    fn error(&self, span: Span, message: String, help: &'static str) -> PolicyError {
        PolicyError { message, position: Position::of(self.text, span.start), help }
    }

    fn policy(&self, root: Node) -> Result<Policy, PolicyError> {
        let (whole, kind) = (root.span, root.kind());
        let Value::Object(members) = root.value else {
            let message = format!("found {kind} where a policy document should be");
            return Err(self.error(
                whole,
                message,
                "a policy is an object such as {\"Version\": \"2012-10-17\", \"Statement\": […]}",
            ));
        };
        let mut unknown_keys = Vec::new();
        let (mut version, mut id, mut statement) = (None, None, None);
        for member in members {
            match &*member.key {
                "Version" => version = Some(self.string(member.value, "`Version`")?),
                "Id" => id = Some(self.string(member.value, "`Id`")?),
                "Statement" => statement = Some(member),
                _ => unknown_keys.push((member.key, member.key_span)),
            }
        }
        let Some(element) = statement else {
            let near = self.near_miss(&unknown_keys, &["Statement"]);
            return Err(self.error(
                near.unwrap_or(whole),
                "the document has no `Statement`".to_owned(),
                "add \"Statement\": […]; keys are case-sensitive",
            ));
        };
        let statement_value = element.value.span;
        let nodes: Vec<Node> = match element.value.value {
            Value::Array(items) => items,
            Value::Object(_) => vec![element.value],
            _ => {
                let message = format!("`Statement` is {}", element.value.kind());
                return Err(self.error(statement_value, message, "write one statement object, or a list of them"));
            }
        };
        let mut statements = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            statements.push(self.statement(index, node, &mut unknown_keys)?);
        }
        Ok(Policy {
            text: String::new(),
            percent_encoded: false,
            version,
            id,
            root: whole,
            statement_element: Span { start: element.key_span.start, end: statement_value.end },
            statement_value,
            statements,
            unknown_keys,
        })
    }

    fn statement(&self, index: usize, node: Node, unknown_keys: &mut Vec<(Box<str>, Span)>) -> Result<Statement, PolicyError> {
        let (whole, kind) = (node.span, node.kind());
        let Value::Object(members) = node.value else {
            let message = format!("statement {index} is {kind}");
            return Err(self.error(
                whole,
                message,
                "a statement is an object such as {\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"}",
            ));
        };
        let (mut sid, mut effect, mut actions, mut principal, mut resources) = (None, None, None, None, None);
        let mut conditions = Vec::new();
        let first_unknown = unknown_keys.len();
        for member in members {
            let element = Span { start: member.key_span.start, end: member.value.span.end };
            match &*member.key {
                "Sid" => sid = Some(self.string(member.value, "`Sid`")?),
                "Effect" => effect = Some(self.effect(&member.value)?),
                "Action" | "NotAction" => {
                    if actions.is_some() {
                        let message = format!("statement {index} has both `Action` and `NotAction`");
                        return Err(self.error(
                            member.key_span,
                            message,
                            "keep one of the two; IAM refuses a statement with both",
                        ));
                    }
                    actions = Some(self.actions(&member.key, member.value, element)?);
                }
                "Resource" | "NotResource" => {
                    if resources.is_some() {
                        let message = format!("statement {index} has both `Resource` and `NotResource`");
                        return Err(self.error(
                            member.key_span,
                            message,
                            "keep one of the two; IAM refuses a statement with both",
                        ));
                    }
                    let patterns = self.strings(member.value, &member.key, false)?.1;
                    resources = Some(ResourceElement { negated: &*member.key == "NotResource", patterns });
                }
                "Principal" | "NotPrincipal" => {
                    if principal.is_some() {
                        let message = format!("statement {index} has both `Principal` and `NotPrincipal`");
                        return Err(self.error(
                            member.key_span,
                            message,
                            "keep one of the two; IAM refuses a statement with both",
                        ));
                    }
                    principal = Some(self.principal(&member.key, member.value)?);
                }
                "Condition" => conditions = self.conditions(member.value)?,
                _ => unknown_keys.push((member.key, member.key_span)),
            }
        }
        let own_unknown = unknown_keys.get(first_unknown..).unwrap_or_default();
        let Some(effect) = effect else {
            let span = self.near_miss(own_unknown, &["Effect"]).unwrap_or(whole);
            return Err(self.error(
                span,
                format!("statement {index} has no `Effect`"),
                "add \"Effect\": \"Allow\" or \"Deny\"; keys are case-sensitive",
            ));
        };
        let Some(actions) = actions else {
            let span = self.near_miss(own_unknown, &["Action", "NotAction"]).unwrap_or(whole);
            let message = format!("statement {index} has neither `Action` nor `NotAction`");
            return Err(self.error(span, message, "add \"Action\": […]; keys are case-sensitive"));
        };
        // A misspelled `condition` would be ignored, and with it a restriction: refuse it rather than guess.
        if let Some(span) = self.near_miss(own_unknown, &["Condition", "Resource", "NotResource", "Principal", "NotPrincipal"]) {
            let message = format!("`{}` is not an element of a statement", span.of(self.text).trim_matches('"'));
            return Err(self.error(
                span,
                message,
                "keys are case-sensitive: Condition, Resource, NotResource, Principal, NotPrincipal",
            ));
        }
        Ok(Statement { index, span: whole, sid, effect, actions, principal, resources, conditions })
    }

    /// The first unknown key that is one of `names` but for its case.
    fn near_miss(&self, unknown_keys: &[(Box<str>, Span)], names: &[&str]) -> Option<Span> {
        unknown_keys.iter().find(|(key, _)| names.iter().any(|name| name.eq_ignore_ascii_case(key))).map(|(_, span)| *span)
    }

    fn string(&self, node: Node, what: &str) -> Result<Box<str>, PolicyError> {
        let kind = node.kind();
        match node.value {
            Value::String(s) => Ok(s),
            _ => Err(self.error(node.span, format!("{what} is {kind}, not a string"), "put the value in double quotes")),
        }
    }

    fn effect(&self, node: &Node) -> Result<Effect, PolicyError> {
        match node.as_str() {
            Some("Allow") => Ok(Effect::Allow),
            Some("Deny") => Ok(Effect::Deny),
            Some(other) => Err(self.error(
                node.span,
                format!("unknown effect `{other}`"),
                "write \"Allow\" or \"Deny\", with a capital letter",
            )),
            None => {
                Err(self.error(node.span, format!("`Effect` is {}, not a string", node.kind()), "write \"Allow\" or \"Deny\""))
            }
        }
    }

    /// A string or a list of strings. `scalars` admits numbers and booleans too, as condition values have them.
    fn strings(&self, node: Node, what: &str, scalars: bool) -> Result<(Form, Strings), PolicyError> {
        let one = |node: Node| {
            let kind = node.kind();
            let what_is = match node.value {
                Value::String(s) => Some(s),
                Value::Number(n) if scalars => Some(n),
                Value::Bool(b) if scalars => Some(if b { "true" } else { "false" }.into()),
                _ => None,
            };
            what_is
                .map(|what| Written { what, span: node.span })
                .ok_or_else(|| self.error(node.span, format!("`{what}` holds {kind}"), LIST_OR_STRING))
        };
        match node.value {
            Value::Array(items) => Ok((Form::List, items.into_iter().map(one).collect::<Result<_, _>>()?)),
            _ => Ok((Form::String, vec![one(node)?])),
        }
    }

    fn actions(&self, key: &str, node: Node, element: Span) -> Result<ActionElement, PolicyError> {
        let value = node.span;
        let (form, strings) = self.strings(node, key, false)?;
        let mut patterns = Vec::with_capacity(strings.len());
        for Written { what, span } in strings {
            let pattern =
                ActionPattern::of(what).map_err(|(e, what)| self.error(span, format!("`{what}` {}", e.message()), e.help()))?;
            patterns.push(Written { what: pattern, span });
        }
        Ok(ActionElement { negated: key == "NotAction", element, value, form, patterns })
    }

    fn principal(&self, key: &str, node: Node) -> Result<PrincipalElement, PolicyError> {
        let negated = key == "NotPrincipal";
        let help = "write \"*\", or an object such as {\"AWS\": \"arn:aws:iam::111122223333:root\"}";
        let mut principals = Vec::new();
        let kind = node.kind();
        match node.value {
            Value::String(s) if &*s == "*" => {
                principals.push((PrincipalKind::Anyone, Written { what: s, span: node.span }));
            }
            Value::Object(members) => {
                for member in members {
                    let kind = match &*member.key {
                        "AWS" => PrincipalKind::Aws,
                        "Service" => PrincipalKind::Service,
                        "Federated" => PrincipalKind::Federated,
                        "CanonicalUser" => PrincipalKind::CanonicalUser,
                        other => PrincipalKind::Other(other.into()),
                    };
                    for written in self.strings(member.value, &member.key, false)?.1 {
                        principals.push((kind.clone(), written));
                    }
                }
            }
            Value::String(s) => return Err(self.error(node.span, format!("`{key}` is the string `{s}`"), help)),
            _ => return Err(self.error(node.span, format!("`{key}` is {kind}"), help)),
        }
        Ok(PrincipalElement { negated, principals })
    }

    fn conditions(&self, node: Node) -> Result<Vec<Condition>, PolicyError> {
        let help = "a condition is {\"StringEquals\": {\"aws:PrincipalTag/team\": \"blue\"}}";
        let kind = node.kind();
        let Value::Object(operators) = node.value else {
            return Err(self.error(node.span, format!("`Condition` is {kind}, not an object"), help));
        };
        let mut conditions = Vec::new();
        for operator in operators {
            let kind = operator.value.kind();
            let Value::Object(keys) = operator.value.value else {
                let message = format!("`{}` is {kind}, not an object of keys", operator.key);
                return Err(self.error(operator.value.span, message, help));
            };
            for key in keys {
                conditions.push(Condition {
                    operator: Written { what: operator.key.clone(), span: operator.key_span },
                    values: self.strings(key.value, &key.key, true)?.1,
                    key: Written { what: key.key, span: key.key_span },
                });
            }
        }
        Ok(conditions)
    }
}
