//! One line of a batch: a request with all its policies, as `leastwise evaluate --batch` reads them.
//!
//! Reads the JSON shape into owned policies and evaluates. It reads no file and prints nothing.

use super::PolicySet;
use super::decision::{Decision, Evaluation, Unclear};
use super::explain::Explanation;
use super::request::{Request, RequestError, unknown_member};
use crate::arn::is_account_number;
use crate::document::Policy;
use crate::json::{Node, Value};
use crate::members::Known;

const IDENTITY: Known = Known { name: "identity", also: &["identityPolicies"], elsewhere: &["policies", "policyInputList"] };
const RESOURCE: Known = Known { name: "resourcePolicy", also: &[], elsewhere: &["bucketPolicy", "keyPolicy", "trustPolicy"] };
const BOUNDARIES: Known = Known {
    name: "boundaries",
    also: &["boundary"],
    elsewhere: &["permissionsBoundary", "permissionBoundary", "permissionsBoundaryPolicyInputList"],
};
const SESSION: Known = Known { name: "sessionPolicy", also: &["sessionPolicies", "session"], elsewhere: &[] };
const SCPS: Known = Known { name: "scps", also: &[], elsewhere: &["serviceControlPolicies", "serviceControl"] };
const RCPS: Known = Known { name: "rcps", also: &[], elsewhere: &["resourceControlPolicies", "resourceControl"] };
const ENDPOINT: Known =
    Known { name: "vpcEndpointPolicy", also: &[], elsewhere: &["endpointPolicy", "endpointPolicies", "vpcePolicy"] };
const OBJECT_OWNER: Known = Known { name: "objectOwner", also: &[], elsewhere: &["objectAccount", "objectOwnerAccount"] };

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
    endpoint: Option<Policy>,
    object_owner: Option<Box<str>>,
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
    /// When allowed whatever the policies say: the rule of AWS by which it is.
    pub rule: Option<&'static str>,
    /// The statements that cannot be read and could be about the request, each in a sentence; see [`Evaluation::unclear`].
    pub unclear: Vec<String>,
    /// What else a reader should know ([`PolicySet::notes`]).
    pub notes: Vec<String>,
    /// The keys that the policies ask for and the request lacks ([`PolicySet::missing_keys`]).
    pub missing_keys: Vec<String>,
}

/// A statement that decided, by the JSON member under which its policy was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// `identity`, `resourcePolicy`, `boundaries`, `sessionPolicy`, `scps`, `rcps` or `vpcEndpointPolicy`.
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
    /// The members of a case.
    pub const MEMBERS: [Known; 10] = [
        Known::plain("id"),
        Known::plain("request"),
        IDENTITY,
        RESOURCE,
        BOUNDARIES,
        SESSION,
        SCPS,
        RCPS,
        ENDPOINT,
        OBJECT_OWNER,
    ];

    /// Reads `{"id"?, "request", "identity"?, "resourcePolicy"?, "boundaries"?, "sessionPolicy"?, "scps"?, "rcps"?,
    /// "vpcEndpointPolicy"?, "objectOwner"?}`. A policy is an object, or a string that holds one as the IAM API writes it. One
    /// policy may stand for a list of one; `identityPolicies`, `boundary`, `session` and `sessionPolicies` are understood
    /// too. `text` is what `node` was parsed from.
    ///
    /// # Errors
    /// When the request or a policy is not one, a member is unknown, or one is said twice; the message says which.
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
        unknown_member(node, &Case::MEMBERS)?;
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
            identity: reader.policies(node, IDENTITY)?,
            resource: reader.at_most_one(node, RESOURCE)?,
            boundaries: reader.policies(node, BOUNDARIES)?,
            session: reader.policies(node, SESSION)?,
            service_control: reader.levels(node, SCPS)?,
            resource_control: reader.levels(node, RCPS)?,
            endpoint: reader.at_most_one(node, ENDPOINT)?,
            object_owner: object_owner(node)?,
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
            endpoint: self.endpoint.as_ref(),
            object_owner: self.object_owner.as_deref(),
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
        CaseResult::of(self.id.clone(), &self.policies(), &self.request)
    }
}

impl CaseResult {
    /// Evaluates a request, under the case's name if it has one.
    #[must_use]
    pub fn of(id: Option<Box<str>>, set: &PolicySet<'_>, request: &Request) -> CaseResult {
        let evaluation = set.evaluate(request);
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
            rule: evaluation.rule,
            unclear: evaluation.unclear.iter().map(Unclear::to_string).collect(),
            notes: set.notes(request),
            missing_keys: set.missing_keys(request),
        }
    }
}

fn by_level(levels: &[Vec<Policy>]) -> Vec<Vec<&Policy>> {
    levels.iter().map(|level| level.iter().collect()).collect()
}

fn object_owner(node: &Node) -> Result<Option<Box<str>>, RequestError> {
    let Some(member) = OBJECT_OWNER.of(node) else { return Ok(None) };
    match &member.value.value {
        Value::Null => Ok(None),
        Value::String(account) if is_account_number(account) => Ok(Some(account.clone())),
        _ => {
            let message = "`objectOwner` is not the number of an account".to_owned();
            Err(RequestError { message, span: member.value.span, help: "write the twelve digits as a string" })
        }
    }
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn policies(&self, node: &Node, known: Known) -> Result<Vec<Policy>, RequestError> {
        let Some(member) = known.of(node) else { return Ok(Vec::new()) };
        self.list(&member.value, &member.key)
    }

    fn at_most_one(&self, node: &Node, known: Known) -> Result<Option<Policy>, RequestError> {
        let mut policies = self.policies(node, known)?;
        if policies.len() > 1 {
            let message = format!("`{}` holds {} policies; a resource or an endpoint has one", known.name, policies.len());
            let span = known.of(node).map_or(node.span, |member| member.value.span);
            return Err(RequestError { message, span, help: "join their statements in one policy" });
        }
        Ok(policies.pop())
    }

    fn levels(&self, node: &Node, known: Known) -> Result<Vec<Vec<Policy>>, RequestError> {
        let name = known.name;
        let Some(member) = known.of(node) else { return Ok(Vec::new()) };
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
