//! Whether a document can be compared at all: what AWS's grammar does not know, and what can never apply where it stands.
//!
//! AWS stores no such document. An answer about the rest of it would be an answer about something else than was given, so
//! that the checks about all requests refuse it. It reads one document at a time.

use leastwise_policy::document::PrincipalKind;
use leastwise_policy::evaluate::Operator;
use leastwise_policy::json::Span;
use leastwise_policy::nearest::nearest;
use leastwise_policy::{Effect, Policy};

use super::subject::PolicyType;
use super::{unknown_element, unknown_operator};

/// Something in a document for which no check about all requests can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// Where in the document.
    pub span: Span,
    /// The statement, from 0; none for the document.
    pub statement: Option<usize>,
}

/// Everything that makes the document unfit as a policy of that kind.
///
/// ```
/// use leastwise::checks::{PolicyType, unfit};
/// use leastwise_policy::Policy;
///
/// let policy = Policy::parse(r#"{"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*", "Conditions": {}}]}"#).unwrap();
/// assert!(unfit(&policy, PolicyType::Identity)[0].help.contains("did you mean `Condition`?"));
/// assert!(unfit(&policy, PolicyType::Resource).len() > 1);
/// ```
#[must_use]
pub fn unfit(policy: &Policy, kind: PolicyType) -> Vec<Unfit> {
    let mut found = Vec::new();
    if let Some(version) = policy.version().filter(|version| !["2012-10-17", "2008-10-17"].contains(version)) {
        found.push(Unfit {
            message: format!("AWS knows no version `{version}` of the policy language"),
            help: "write 2012-10-17".to_owned(),
            span: policy.root(),
            statement: None,
        });
    }
    for (key, span) in policy.unknown_keys() {
        let inside = policy.statements().iter().find(|s| s.span.start <= span.start && span.end <= s.span.end);
        found.push(Unfit {
            message: format!("`{key}` is not an element of a policy"),
            help: did_you_mean(key, unknown_element::ELEMENTS.into_iter(), "remove it: AWS refuses the document"),
            span: *span,
            statement: inside.map(|statement| statement.index),
        });
    }
    for statement in policy.statements() {
        let mut add = |message: String, help: String, span: Span| {
            found.push(Unfit { message, help, span, statement: Some(statement.index) });
        };
        for line in statement.conditions.iter().filter(|line| Operator::parse(&line.operator.what).is_none()) {
            let name = &*line.operator.what;
            let base = name.rsplit_once(':').map_or(name, |(_, base)| base);
            let help = did_you_mean(base, unknown_operator::OPERATORS.into_iter(), "write an operator such as `StringEquals`");
            add(format!("`{name}` is not a condition operator"), help, line.operator.span);
        }
        for (principal, name) in statement.principal.iter().flat_map(|element| &element.principals) {
            if let PrincipalKind::Other(key) = principal {
                let kinds = ["AWS", "Service", "Federated", "CanonicalUser"];
                let help = did_you_mean(key, kinds.into_iter(), "write AWS, Service, Federated or CanonicalUser");
                add(format!("`{key}` is not a kind of principal"), help, name.span);
            }
        }
        let effect = match statement.effect {
            Effect::Allow => "Allow",
            Effect::Deny => "Deny",
        };
        let index = statement.index;
        match (&statement.principal, kind) {
            (Some(_), PolicyType::Identity | PolicyType::ServiceControl) => add(
                format!("statement {index} ({effect}) has a principal, so that it never applies as {}", article(kind)),
                "is it a resource policy? Say `--type resource`".to_owned(),
                statement.span,
            ),
            (None, PolicyType::Resource) => add(
                format!("statement {index} ({effect}) has no `Principal`, so that it never applies as a resource policy"),
                "add a `Principal`; is it an identity policy? Say `--type identity`".to_owned(),
                statement.span,
            ),
            _ => {}
        }
        // A trust policy has none.
        if statement.resources.is_none() && kind != PolicyType::Resource {
            let message =
                format!("statement {index} ({effect}) has no `Resource`, so that it never applies as {}", article(kind));
            add(message, "add `Resource`; `*` is every resource".to_owned(), statement.span);
        }
    }
    found
}

fn did_you_mean<'n>(wrong: &str, names: impl Iterator<Item = &'n str>, otherwise: &str) -> String {
    nearest(wrong, names).map_or_else(|| otherwise.to_owned(), |near| format!("did you mean `{near}`?"))
}

fn article(kind: PolicyType) -> &'static str {
    match kind {
        PolicyType::Identity => "an identity policy",
        PolicyType::Resource => "a resource policy",
        PolicyType::ServiceControl => "a service control policy",
        PolicyType::ResourceControl => "a resource control policy",
    }
}
