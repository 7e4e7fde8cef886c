//! The JSON view of an evaluation: `leastwise.evaluate/1`, alone and as a line of a batch; and requests as JSON.

use leastwise_policy::evaluate::{CaseResult, Decided, Principal, Request};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// Name and version of this form; the number grows when a reader would have to change.
pub const SCHEMA: &str = "leastwise.evaluate/1";

/// A decision as JSON.
#[derive(Debug, Serialize)]
pub struct EvaluationReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    decision: &'static str,
    deciding: Vec<DecidedRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lacking: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    unclear: &'a [String],
    #[serde(rename = "missingContextKeys", skip_serializing_if = "<[String]>::is_empty")]
    missing_keys: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    notes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DecidedRow<'a> {
    /// The member of a case under which the policy stands.
    policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<usize>,
    policy_index: usize,
    statement_index: usize,
    sid: Option<&'a str>,
}

impl<'a> EvaluationReport<'a> {
    /// The line of a batch, with the case's own id as it was written.
    #[must_use]
    pub fn line(id: Option<&'a RawValue>, result: &'a CaseResult) -> EvaluationReport<'a> {
        EvaluationReport {
            schema: None,
            id,
            decision: result.decision.as_str(),
            deciding: result.deciding.iter().map(row).collect(),
            lacking: result.lacking.as_deref(),
            rule: result.rule,
            unclear: &result.unclear,
            missing_keys: &result.missing_keys,
            notes: &result.notes,
            explanation: None,
        }
    }

    /// The report on one evaluation, with a sentence for each statement where that was asked for.
    #[must_use]
    pub fn single(result: &'a CaseResult, explanation: Option<Vec<String>>) -> EvaluationReport<'a> {
        EvaluationReport { schema: Some(SCHEMA), explanation, ..EvaluationReport::line(None, result) }
    }
}

fn row(decided: &Decided) -> DecidedRow<'_> {
    DecidedRow {
        policy: decided.member,
        level: decided.level,
        policy_index: decided.policy,
        statement_index: decided.statement,
        sid: decided.sid.as_deref(),
    }
}

/// A request in the form that `leastwise evaluate --request` reads.
#[must_use]
pub fn request_object(request: &Request) -> Value {
    let one = |names: &[Box<str>]| match names {
        [] => Value::Null,
        [name] => Value::from(&**name),
        names => names.iter().map(|name| &**name).collect(),
    };
    let principal = match &request.principal {
        Principal::Anonymous => Value::from("*"),
        Principal::Service(names) => json!({ "Service": one(names) }),
        Principal::Federated(name) => json!({ "Federated": &**name }),
        Principal::CanonicalUser(name) => json!({ "CanonicalUser": &**name }),
        Principal::Aws(aws) => Value::from(aws.arn()),
    };
    let mut object = Map::new();
    object.insert("principal".to_owned(), principal);
    object.insert("action".to_owned(), request.action.as_str().into());
    object.insert("resource".to_owned(), (&*request.resource).into());
    if let Some(account) = &request.resource_account {
        object.insert("resourceAccount".to_owned(), (&**account).into());
    }
    let context: Map<String, Value> = request.context.iter().map(|(key, values)| (key.to_owned(), one(values))).collect();
    if !context.is_empty() {
        object.insert("context".to_owned(), context.into());
    }
    object.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise_policy::json as policy_json;

    #[test]
    fn a_request_is_read_back_as_it_was_written() {
        for text in [
            r#"{"principal": "arn:aws:iam::111122223333:user/ana", "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k"}"#,
            r#"{"principal": "*", "action": "s3:GetObject", "resource": "*", "context": {"aws:TagKeys": ["a", "b"], "k": "v"}}"#,
            r#"{"principal": {"Service": "sns.amazonaws.com"}, "action": "a:B", "resource": "*", "resourceAccount": "111122223333"}"#,
            r#"{"principal": {"Service": ["a.amazonaws.com", "b.amazonaws.com"]}, "action": "a:B", "resource": "*"}"#,
            r#"{"principal": {"CanonicalUser": "abc"}, "action": "a:B", "resource": "*"}"#,
            r#"{"principal": "111122223333", "action": "a:B", "resource": "*", "context": {"aws:PrincipalType": null}}"#,
        ] {
            let read = |text: &str| Request::from_node(&policy_json::parse(text).unwrap()).unwrap();
            let request = read(text);
            assert_eq!(read(&request_object(&request).to_string()), request, "{text}");
        }
    }
}
