//! A request as the evaluator sees it: who does what to which resource, and the context keys.
//!
//! Read from the JSON shape of `leastwise evaluate`, which adds the keys that the rest of the request determines, or built
//! by hand, with the context as given: a missing key has a meaning of its own.

use std::fmt;

use super::principal::Principal;
use crate::action::{ActionName, compare_ignoring_case};
use crate::arn::{Arn, is_account_number};
use crate::json::{Node, Span, Value};
use crate::members::{self, Known};

/// One request to AWS.
///
/// ```
/// use leastwise_policy::evaluate::{Principal, Request};
/// use leastwise_policy::{ActionName, json};
///
/// let text = r#"{"principal": "arn:aws:iam::111122223333:user/ana", "action": "s3:GetObject",
///     "resource": "arn:aws:s3:::logs/a", "context": {"aws:SecureTransport": "true", "aws:TagKeys": ["a", "b"]}}"#;
/// let request = Request::from_node(&json::parse(text).unwrap()).unwrap();
/// assert_eq!(request.principal.account(), Some("111122223333"));
/// assert_eq!(request.context.values("AWS:tagkeys").map(<[_]>::len), Some(2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Who makes the request.
    pub principal: Principal,
    /// What is to be done.
    pub action: ActionName,
    /// The ARN of what it is done to, or `*` for actions on no particular resource.
    pub resource: Box<str>,
    /// The number of the account that owns the resource, when it is known from elsewhere than the ARN.
    pub resource_account: Option<Box<str>>,
    /// The context keys; see [`Request::complete`] for those that follow from the rest.
    pub context: Context,
}

/// Context keys and their values. Key names are compared ignoring ASCII case, tag keys within them too
/// ("AWS global condition context keys").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Sorted by name, so that equal contexts are equal however they were made.
    keys: Vec<(Box<str>, Vec<Box<str>>)>,
}

impl Context {
    /// Sets a key to its values; a key that is there, in whatever case, is replaced.
    pub fn insert<V: Into<Box<str>>>(&mut self, key: &str, values: impl IntoIterator<Item = V>) {
        let values: Vec<Box<str>> = values.into_iter().map(Into::into).collect();
        match self.place(key) {
            Ok(at) => {
                if let Some((_, own)) = self.keys.get_mut(at) {
                    *own = values;
                }
            }
            Err(at) => self.keys.insert(at, (key.into(), values)),
        }
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.keys.binary_search_by(|(own, _)| compare_ignoring_case(own, key))
    }

    /// The values of a key; nothing when it is missing, or present without a value.
    #[must_use]
    pub fn values(&self, key: &str) -> Option<&[Box<str>]> {
        let (_, values) = self.keys.get(self.place(key).ok()?)?;
        (!values.is_empty()).then_some(values.as_slice())
    }

    /// Whether the key was set, be it to no value at all.
    #[must_use]
    pub fn mentions(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// The keys with their values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Box<str>])> {
        self.keys.iter().map(|(key, values)| (&**key, values.as_slice()))
    }
}

/// Why a JSON value is not a request, or not a case, that we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
    /// Where in the text that was parsed.
    pub span: Span,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RequestError {}

/// The members of a request.
const MEMBERS: [Known; 5] = [
    Known { name: "principal", also: &[], elsewhere: &["caller", "principalArn", "callerArn"] },
    Known { name: "action", also: &[], elsewhere: &["actionName", "actionNames"] },
    Known { name: "resource", also: &[], elsewhere: &["resourceArn", "resourceArns"] },
    Known { name: "resourceAccount", also: &[], elsewhere: &["resourceOwner", "accountId", "resourceAccountId"] },
    Known { name: "context", also: &[], elsewhere: &["contextEntries", "contextKeys", "contextVariables", "conditions"] },
];

/// The error of an object that has members which it should not have.
pub(super) fn unknown_member(node: &Node, known: &[Known]) -> Result<(), RequestError> {
    let help = "members are case-sensitive; `leastwise evaluate --help` and docs/evaluation.md list them";
    match members::unknown(node, known) {
        Some(error) => Err(RequestError { message: error.message, span: error.member.key_span, help }),
        None => Ok(()),
    }
}

impl Request {
    /// Reads `{"principal", "action", "resource", "resourceAccount"?, "context"?}`. The principal is an ARN, an
    /// account's number, `"*"` for an anonymous caller, or one of `{"AWS": …}`, `{"Service": …}`,
    /// `{"Federated": …}` and `{"CanonicalUser": …}`. A context value is a string, number or boolean, or a list
    /// of them; `null` means that the key is missing. A missing `resource` means `*`. The request is completed
    /// ([`Request::complete`]): what the context says of a key counts, `null` too.
    ///
    /// # Errors
    /// When a member is missing, unknown or of another kind, or the action is not `service:Name`.
    pub fn from_node(node: &Node) -> Result<Request, RequestError> {
        let error = |span, message, help| RequestError { message, span, help };
        if node.as_object().is_none() {
            let help = "write {\"principal\": …, \"action\": …, \"resource\": …}";
            return Err(error(node.span, format!("the request is {}, not an object", node.kind()), help));
        }
        unknown_member(node, &MEMBERS)?;
        let text = |key: &'static str| match node.member(key).map(|m| &m.value) {
            None | Some(Node { value: Value::Null, .. }) => Ok(None),
            Some(value) => value.as_str().map(|text| Some((text, value.span))).ok_or_else(|| {
                error(value.span, format!("`{key}` is {}, not a string", value.kind()), "put the value in double quotes")
            }),
        };
        let Some(principal) = node.member("principal") else {
            let help = "add \"principal\": an ARN, {\"Service\": …}, or \"*\" for an anonymous caller";
            return Err(error(node.span, "the request has no `principal`".to_owned(), help));
        };
        let Some((action, action_span)) = text("action")? else {
            return Err(error(node.span, "the request has no `action`".to_owned(), "add \"action\": \"s3:GetObject\""));
        };
        let action = ActionName::parse(action).filter(|_| !action.contains([' ', '\t', '\n', ','])).ok_or_else(|| {
            let help = "write one `service:Name`, without wildcards, blanks and commas";
            error(action_span, format!("`{action}` is not the name of an action"), help)
        })?;
        let mut context = Context::default();
        if let Some(member) = node.member("context").filter(|m| m.value.value != Value::Null) {
            let Some(keys) = member.value.as_object() else {
                let message = format!("`context` is {}, not an object", member.value.kind());
                return Err(error(member.value.span, message, "write {\"aws:username\": \"ana\"}"));
            };
            for (at, key) in keys.iter().enumerate() {
                if keys.iter().take(at).any(|before| before.key.eq_ignore_ascii_case(&key.key)) {
                    let message = format!("`{}` is given twice; keys are the same in any case", key.key);
                    return Err(error(key.key_span, message, "keep one of the two"));
                }
                let values = if key.value.value == Value::Null { Vec::new() } else { context_values(&key.key, &key.value)? };
                context.insert(&key.key, values);
            }
        }
        let mut request = Request {
            principal: Principal::from_node(&principal.value)?,
            action,
            resource: match text("resource")? {
                Some(("", span)) => {
                    let help = "write the ARN of one resource, or \"*\" for an action on none in particular";
                    return Err(error(span, "`resource` is empty".to_owned(), help));
                }
                given => given.map_or("*", |(text, _)| text).into(),
            },
            resource_account: match text("resourceAccount")? {
                Some((account, span)) if !is_account_number(account) => {
                    let message = format!("`{account}` is not the number of an account");
                    return Err(error(span, message, "write the twelve digits as a string"));
                }
                given => given.map(|(text, _)| text.into()),
            },
            context,
        };
        request.complete();
        Ok(request)
    }

    /// The account that owns the resource: as said, else as written in the ARN; nothing when neither tells.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.resource_account
            .as_deref()
            .or_else(|| Arn::parse(&self.resource).map(|arn| arn.account).filter(|account| is_account_number(account)))
    }
}

fn context_values(key: &str, node: &Node) -> Result<Vec<Box<str>>, RequestError> {
    let one = |node: &Node| match &node.value {
        Value::String(text) | Value::Number(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(if *value { "true" } else { "false" }.into()),
        _ => Err(RequestError {
            message: format!("`{key}` holds {}", node.kind()),
            span: node.span,
            help: "a context value is a string, or a list of strings",
        }),
    };
    match &node.value {
        Value::Array(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(node)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(text: &str) -> Result<Request, RequestError> {
        Request::from_node(&json::parse(text).unwrap())
    }

    #[test]
    fn context_values_may_be_scalars_lists_and_null() {
        let request = read(
            r#"{"principal": "*", "action": "s3:GetObject",
                "context": {"a": true, "b": 5, "c": null, "d": [], "e": ["x", 1]}}"#,
        )
        .unwrap();
        assert_eq!(&*request.resource, "*");
        assert_eq!(request.context.values("A").unwrap(), ["true".into()]);
        assert_eq!(request.context.values("b").unwrap(), ["5".into()]);
        assert_eq!(request.context.values("c"), None);
        assert_eq!(request.context.values("d"), None);
        assert_eq!(request.context.values("e").unwrap().len(), 2);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, part) in [
            ("[]", "a list"),
            (r#"{"action": "s3:GetObject"}"#, "no `principal`"),
            (r#"{"principal": "*"}"#, "no `action`"),
            (r#"{"principal": "*", "action": "s3:Get*"}"#, "`s3:Get*`"),
            (r#"{"principal": "*", "action": "s3:Get", "context": 1}"#, "`context` is a number"),
            (r#"{"principal": "*", "action": "s3:Get", "context": {"k": {}}}"#, "`k` holds an object"),
            (r#"{"principal": "bob", "action": "s3:Get"}"#, "`bob`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_owner_is_what_was_said_or_what_the_arn_says() {
        let owner = |resource: &str, account: &str| {
            let text = format!(r#"{{"principal": "*", "action": "a:B", "resource": "{resource}"{account}}}"#);
            read(&text).unwrap().owner().map(str::to_owned)
        };
        assert_eq!(owner("arn:aws:sqs:r:111122223333:q", ""), Some("111122223333".to_owned()));
        assert_eq!(owner("arn:aws:sqs:r:1:q", r#", "resourceAccount": "444455556666""#), Some("444455556666".to_owned()));
        assert_eq!(owner("arn:aws:s3:::b", ""), None);
        assert_eq!(owner("arn:aws:iam::aws:policy/P", ""), None);
    }
}
