//! From an HTTP request to the input of an operation, held against the model's rules.
//!
//! Members come from the path, the query and the body, as the model says. What it does not name is ignored, as the provider does. It knows no
//! operation's meaning.

use leastwise::access::Timestamp;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::Api;
use super::error::{Problem, Reason, WireError};
use super::model::{Kind, Location, Model, Operation};
use super::token::canonical;
use crate::auth::{Admitted, SignedRequest, pairs};
use crate::store::{Change, ClientToken, StoreError};

/// An operation, its input, and who asks.
pub(super) struct Call<'a> {
    pub(super) api: &'a Api,
    pub(super) who: &'a Admitted,
    pub(super) operation: &'static Operation,
    pub(super) input: Value,
    pub(super) now: Timestamp,
    /// Where the server is reached, as `https://leastwise.example`.
    pub(super) base: String,
}

impl Call<'_> {
    /// That whoever asks sees an analyzer, by its name.
    pub(super) async fn sees_analyzer(&self, name: &str) -> Result<(), WireError> {
        let analyzer = self.api.store.analyzer(name).await?;
        let missing = || StoreError::NotFound { what: "analyzer", id: name.to_owned() };
        self.who.visible.analyzer(analyzer).map(drop).ok_or_else(|| missing().into())
    }

    /// The input as a type.
    pub(super) fn input<T: DeserializeOwned>(&self) -> Result<T, WireError> {
        // The model's rules were kept, so that only our own types can disagree.
        serde_json::from_value(self.input.clone())
            .map_err(|e| WireError::Validation(Reason::CannotParse, e.to_string(), Vec::new()))
    }

    /// The change that it asks for: by this key, now, and once only if it has a client token.
    pub(super) fn change(&self) -> Change {
        let actor = self.who.key.as_ref().map_or_else(|| "anybody".to_owned(), |id| format!("key:{id}"));
        let token = self.input.get("clientToken").and_then(Value::as_str).filter(|token| !token.is_empty());
        let token = token.map(|token| {
            let mut rest = self.input.clone();
            rest.as_object_mut().and_then(|members| members.remove("clientToken"));
            let digest = Sha256::digest(canonical(&rest)).iter().map(|byte| format!("{byte:02x}")).collect();
            ClientToken { operation: &self.operation.name, token: format!("{actor} {token}"), digest }
        });
        Change { actor, at: self.now, token }
    }
}

/// Reads the input of an operation.
pub(super) fn read(operation: &Operation, labels: &[(&str, &str)], asked: &SignedRequest<'_>) -> Result<Value, WireError> {
    let model = Model::of_provider();
    let mut input = Map::new();
    let members = model.input(operation).map(|shape| &shape.members);
    let query = pairs(asked.query);
    let has_body = members.is_some_and(|all| all.values().any(|member| member.location == Location::Body));
    if has_body && !asked.body.iter().all(u8::is_ascii_whitespace) {
        let unreadable = |why: String| WireError::Validation(Reason::CannotParse, why, Vec::new());
        match serde_json::from_slice(asked.body) {
            Ok(Value::Object(body)) => input = body,
            Ok(_) => return Err(unreadable("the body is no JSON object".to_owned())),
            Err(e) => return Err(unreadable(format!("the body is no JSON: line {}, column {}", e.line(), e.column()))),
        }
    }
    for (name, member) in members.into_iter().flatten() {
        let kind = model.shape_of(member).map_or(Kind::String, |shape| shape.kind);
        match member.location {
            Location::Body => continue,
            Location::Uri => {
                let raw = labels.iter().find(|(label, _)| label == name).map_or("", |(_, raw)| *raw);
                input.insert(name.clone(), Value::String(text(name, percent_decode_str(raw).collect())?));
            }
            Location::Querystring => {
                let mut values = Vec::new();
                for (_, value) in query.iter().filter(|(key, _)| key == name.as_bytes()) {
                    values.push(text(name, value.clone())?);
                }
                // A member of the body of that name is not this one.
                input.remove(name);
                if kind == Kind::List && !values.is_empty() {
                    input.insert(name.clone(), values.into());
                } else if let Some(value) = values.into_iter().next() {
                    input.insert(name.clone(), typed(name, kind, value)?);
                }
            }
        }
    }
    let input = Value::Object(input);
    if has_nul(&input) {
        let why = "a text has the character U+0000, which is in no name, filter or document".to_owned();
        return Err(WireError::Validation(Reason::CannotParse, why, Vec::new()));
    }
    match model.problems(operation, &input) {
        problems if problems.is_empty() => Ok(input),
        problems => Err(WireError::fields(problems)),
    }
}

/// Whether a text has the one character that PostgreSQL cannot keep.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(all) => all.iter().any(has_nul),
        Value::Object(all) => all.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, WireError> {
    let unreadable = |message: &str| Problem { name: name.to_owned(), message: message.to_owned(), is_unreadable: true };
    String::from_utf8(bytes).map_err(|_| WireError::fields(vec![unreadable("is no UTF-8")]))
}

fn typed(name: &str, kind: Kind, value: String) -> Result<Value, WireError> {
    let unreadable = |message: &str| {
        WireError::fields(vec![Problem { name: name.to_owned(), message: message.to_owned(), is_unreadable: true }])
    };
    match kind {
        Kind::Integer => value.parse::<i64>().map(Value::from).map_err(|_| unreadable("is no integer")),
        Kind::Boolean => value.parse::<bool>().map(Value::from).map_err(|_| unreadable("is no boolean")),
        _ => Ok(Value::String(value)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use axum::http::HeaderMap;
    use serde_json::json;

    use super::*;

    fn input(method: &str, path: &str, query: &str, body: &str) -> Result<Value, WireError> {
        let headers = HeaderMap::new();
        let asked = SignedRequest { method, path, query, headers: &headers, authority: None, body: body.as_bytes() };
        let (operation, labels) = Model::of_provider().find(method, path).unwrap();
        read(operation, &labels, &asked)
    }

    #[test]
    fn members_come_from_path_query_and_body() {
        let read = input("DELETE", "/tags/arn%3Aaws%3Ax%2Fy", "tagKeys=a%20b&tagKeys=c+d&other=1", "not read").unwrap();
        assert_eq!(read, json!({"resourceArn": "arn:aws:x/y", "tagKeys": ["a b", "c+d"]}));
        let arn = "a:a:a:a:a:analyzer/x";
        let read = input("GET", "/findingv2/1", &format!("analyzerArn={arn}&maxResults=7"), "").unwrap();
        assert_eq!(read, json!({"analyzerArn": arn, "id": "1", "maxResults": 7}));
        let read = input("PUT", "/analyzer/x", "", r#"{"analyzerName": "other", "unknown": 1}"#).unwrap();
        assert_eq!(read["analyzerName"], "x");
        assert_eq!(input("GET", "/analyzer", "type=ACCOUNT&type=x", "").unwrap(), json!({"type": "ACCOUNT"}));
    }

    #[test]
    fn what_cannot_be_read_is_said_to_be_so() {
        for (method, path, query, body) in [
            ("PUT", "/analyzer", "", "{"),
            ("PUT", "/analyzer", "", "[]"),
            ("GET", "/analyzer", "maxResults=x", ""),
            ("GET", "/analyzer", "nextToken=%ff", ""),
            ("GET", "/analyzer/%ff", "", ""),
            ("GET", "/analyzer/a%00", "", ""),
            ("POST", "/findingv2", "", r#"{"analyzerArn": "a:a:a:a:a:analyzer/x", "filter": {"resource": {"eq": ["\u0000"]}}}"#),
            ("POST", "/policy/validation", "", r#"{"policyDocument": 1, "policyType": "IDENTITY_POLICY"}"#),
        ] {
            let error = input(method, path, query, body).unwrap_err();
            assert!(matches!(error, WireError::Validation(Reason::CannotParse, ..)), "{method} {path} {query} {body}: {error:?}");
        }
        let error = input("PUT", "/analyzer", "", "").unwrap_err();
        assert!(matches!(error, WireError::Validation(Reason::FieldValidationFailed, _, problems) if problems.len() == 2));
        let error = input("GET", "/analyzer/a%20", "", "").unwrap_err();
        assert!(matches!(error, WireError::Validation(Reason::FieldValidationFailed, ..)));
    }
}
