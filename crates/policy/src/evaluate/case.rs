//! One line of a batch: a request with all its policies, as `leastwise evaluate --batch` reads them.
//!
//! Reads the JSON shape into owned policies and evaluates. It reads no file and prints nothing.

use super::PolicySet;
use super::decision::{Decision, Evaluation};
use super::explain::Explanation;
use super::request::{Request, RequestError};
use crate::document::Policy;
use crate::json::{Node, Value};

/// A request and its policies.
#[derive(Debug, Clone)]
pub struct Case {
    /// The case's name, if it has one; a number as spelled.
    pub id: Option<Box<str>>,
    /// The request.
    pub request: Request,
    identity: Vec<Policy>,
    resource: Option<Policy>,
    boundaries: Vec<Policy>,
    session: Vec<Policy>,
    service_control: Vec<Vec<Policy>>,
    resource_control: Vec<Vec<Policy>>,
}

/// The answer to a case, in words that outlive its policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseResult {
    /// The case's name.
    pub id: Option<Box<str>>,
    /// The decision.
    pub decision: Decision,
    /// The statements that decided; see [`Evaluation::deciding`].
    pub deciding: Vec<Decided>,
    /// For an implicit deny, who did not allow the request.
    pub lacking: Option<String>,
}

/// A statement that decided, by the JSON member under which its policy was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// `identity`, `resourcePolicy`, `boundaries`, `sessionPolicy`, `scps` or `rcps`.
    pub member: &'static str,
    /// The level, from 0, for `scps` and `rcps`.
    pub level: Option<usize>,
    /// The policy's place in its list, from 0.
    pub policy: usize,
    /// The statement's place, from 0.
    pub statement: usize,
    /// The statement's `Sid`.
    pub sid: Option<Box<str>>,
}

impl Case {
    /// Reads `{"id"?, "request", "identity"?, "resourcePolicy"?, "boundaries"?, "sessionPolicy"?, "scps"?, "rcps"?}`.
    /// A policy is an object, or a string that holds one as the IAM API writes it. One policy may stand
    /// for a list of one; `boundary`, `session` and `sessionPolicies` are understood too. `text` is what `node` was parsed from.
    ///
    /// # Errors
    /// When the request or a policy is not one; the message says which.
    ///
    /// ```
    /// use leastwise_policy::evaluate::{Case, Decision};
    /// use leastwise_policy::json;
    ///
    /// let line = r#"{"id": "c1", "request": {"principal": "arn:aws:iam::111122223333:user/ana",
    ///     "action": "sqs:SendMessage", "resource": "arn:aws:sqs:eu-west-1:111122223333:jobs"},
    ///     "identity": [{"Version": "2012-10-17", "Statement": [
    ///         {"Sid": "Send", "Effect": "Allow", "Action": "sqs:Send*", "Resource": "*"}]}]}"#;
    /// let result = Case::from_node(&json::parse(line).unwrap(), line).unwrap().result();
    /// assert_eq!(result.decision, Decision::Allowed);
    /// assert_eq!(result.deciding[0].member, "identity");
    /// assert_eq!(result.deciding[0].sid.as_deref(), Some("Send"));
    /// ```
    pub fn from_node(node: &Node, text: &str) -> Result<Case, RequestError> {
        let reader = Reader { text };
        let Some(request) = node.member("request") else {
            let help = "write {\"id\": …, \"request\": {…}, \"identity\": […]}";
            return Err(RequestError { message: "the case has no `request`".to_owned(), span: node.span, help });
        };
        let id = node.member("id").and_then(|member| match &member.value.value {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            _ => None,
        });
        Ok(Case {
            id,
            request: Request::from_node(&request.value)?,
            identity: reader.policies(node, &["identity", "identityPolicies"])?,
            resource: reader.policies(node, &["resourcePolicy"])?.pop(),
            boundaries: reader.policies(node, &["boundaries", "boundary"])?,
            session: reader.policies(node, &["sessionPolicy", "sessionPolicies", "session"])?,
            service_control: reader.levels(node, "scps")?,
            resource_control: reader.levels(node, "rcps")?,
        })
    }

    /// The case's policies, to evaluate other requests under.
    #[must_use]
    pub fn policies(&self) -> PolicySet<'_> {
        PolicySet {
            identity: self.identity.iter().collect(),
            resource: self.resource.as_ref(),
            boundaries: self.boundaries.iter().collect(),
            session: self.session.iter().collect(),
            service_control: by_level(&self.service_control),
            resource_control: by_level(&self.resource_control),
        }
    }

    /// Evaluates the case.
    #[must_use]
    pub fn evaluate(&self) -> Evaluation<'_> {
        self.policies().evaluate(&self.request)
    }

    /// Explains every statement of the case.
    #[must_use]
    pub fn explain(&self) -> Vec<Explanation<'_>> {
        self.policies().explain(&self.request)
    }

    /// Evaluates the case into a result of its own.
    #[must_use]
    pub fn result(&self) -> CaseResult {
        CaseResult::of(self.id.clone(), &self.evaluate())
    }
}

impl CaseResult {
    /// The result of an evaluation, under the case's name if it has one.
    #[must_use]
    pub fn of(id: Option<Box<str>>, evaluation: &Evaluation<'_>) -> CaseResult {
        let deciding = evaluation.deciding.iter().map(|place| {
            let (member, levels) = place.kind.member();
            Decided {
                member,
                level: levels.then_some(place.level),
                policy: place.policy,
                statement: place.statement,
                sid: place.sid.map(Into::into),
            }
        });
        CaseResult {
            id,
            decision: evaluation.decision,
            deciding: deciding.collect(),
            lacking: evaluation.lacking.as_ref().map(ToString::to_string),
        }
    }
}

fn by_level(levels: &[Vec<Policy>]) -> Vec<Vec<&Policy>> {
    levels.iter().map(|level| level.iter().collect()).collect()
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn policies(&self, node: &Node, names: &[&str]) -> Result<Vec<Policy>, RequestError> {
        let Some(member) = names.iter().find_map(|name| node.member(name)) else { return Ok(Vec::new()) };
        self.list(&member.value, &member.key)
    }

    fn levels(&self, node: &Node, name: &str) -> Result<Vec<Vec<Policy>>, RequestError> {
        let Some(member) = node.member(name) else { return Ok(Vec::new()) };
        match &member.value.value {
            Value::Null => Ok(Vec::new()),
            // A list of policies without levels is one level.
            Value::Array(items) if items.iter().any(|item| item.as_array().is_none()) => {
                Ok(vec![self.list(&member.value, name)?])
            }
            Value::Array(items) => items.iter().enumerate().map(|(i, item)| self.list(item, &format!("{name}[{i}]"))).collect(),
            _ => Ok(vec![self.list(&member.value, name)?]),
        }
    }

    fn list(&self, node: &Node, path: &str) -> Result<Vec<Policy>, RequestError> {
        match &node.value {
            Value::Null => Ok(Vec::new()),
            Value::Array(items) => items.iter().enumerate().map(|(i, item)| self.policy(item, &format!("{path}[{i}]"))).collect(),
            _ => Ok(vec![self.policy(node, path)?]),
        }
    }

    fn policy(&self, node: &Node, path: &str) -> Result<Policy, RequestError> {
        let document = match &node.value {
            Value::Object(_) => node.span.of(self.text),
            Value::String(document) => document,
            _ => {
                let message = format!("`{path}` is {}, not a policy", node.kind());
                return Err(RequestError { message, span: node.span, help: "give the policy document as an object" });
            }
        };
        Policy::parse(document).map_err(|error| RequestError {
            message: format!("`{path}` is not a policy: {error}"),
            span: node.span,
            help: error.help,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn read(text: &str) -> Result<Case, RequestError> {
        Case::from_node(&json::parse(text).unwrap(), text)
    }

    const REQUEST: &str = r#""request": {"principal": "111122223333", "action": "s3:GetObject", "resource": "*"}"#;
    const POLICY: &str = r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;

    #[test]
    fn a_broken_policy_is_named_by_its_path() {
        for (rest, part) in [
            (r#""identity": [{"Statement": 1}]"#, "`identity[0]` is not a policy"),
            (r#""scps": [[1]]"#, "`scps[0][0]` is a number"),
            (r#""resourcePolicy": []"#, ""),
        ] {
            match read(&format!("{{{REQUEST}, {rest}}}")) {
                Ok(_) => assert_eq!(part, ""),
                Err(error) => assert!(!part.is_empty() && error.message.contains(part), "{error}"),
            }
        }
        assert!(read("{}").unwrap_err().message.contains("no `request`"));
    }

    #[test]
    fn a_policy_may_be_a_string_and_a_list_may_be_one_policy() {
        let quoted = POLICY.replace('"', "\\\"");
        for rest in [format!(r#""identity": {POLICY}"#), format!(r#""identity": ["{quoted}"]"#), format!(r#""scps": [{POLICY}]"#)]
        {
            let result = read(&format!("{{\"id\": 7, {REQUEST}, {rest}}}")).unwrap().result();
            assert_eq!(result.id.as_deref(), Some("7"));
            assert_eq!(result.decision, Decision::ExplicitlyDenied, "{rest}");
        }
    }
}
