//! The document under check: what kind it is, and where its elements stand.
//!
//! Shared by the checks. It judges nothing.

use leastwise_policy::document::{PrincipalElement, Written};
use leastwise_policy::json::{self, Member, Span};
use leastwise_policy::{ActionPattern, Catalogue, Policy, Statement};

use super::finding::ElementPath;

/// What a policy is attached to, as far as its rules differ; the provider's `policyType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyType {
    /// Attached to a user, group or role: it names no principal.
    Identity,
    /// Attached to a resource, trust policies included: it names principals.
    Resource,
    /// A service control policy of an organization.
    ServiceControl,
    /// A resource control policy of an organization.
    ResourceControl,
}

impl PolicyType {
    /// The provider's word, such as `IDENTITY_POLICY`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PolicyType::Identity => "IDENTITY_POLICY",
            PolicyType::Resource => "RESOURCE_POLICY",
            PolicyType::ServiceControl => "SERVICE_CONTROL_POLICY",
            PolicyType::ResourceControl => "RESOURCE_CONTROL_POLICY",
        }
    }

    /// The kind that a document looks like: of a resource when any statement names a principal, else of an identity.
    #[must_use]
    pub fn guess(policy: &Policy) -> PolicyType {
        let named = policy.statements().iter().any(|s| s.principal.is_some());
        if named { PolicyType::Resource } else { PolicyType::Identity }
    }
}

/// The element and where it stands.
pub(super) type Place = (ElementPath, Span);

/// A document, its kind, and the catalogue that it is checked against.
pub(super) struct Subject<'a> {
    pub(super) policy: &'a Policy,
    pub(super) kind: PolicyType,
    pub(super) catalogue: &'a Catalogue,
}

impl<'a> Subject<'a> {
    /// The document as a whole.
    pub(super) fn document(&self) -> Place {
        (ElementPath::default(), self.policy.root())
    }

    /// A member of the document, or the document when it lacks it.
    pub(super) fn top_member(&self, key: &str) -> Place {
        match self.member(self.policy.root(), key) {
            Some(span) => (ElementPath::default().key(key), span),
            None => self.document(),
        }
    }

    pub(super) fn statement(&self, statement: &Statement) -> Place {
        (ElementPath::default().key("Statement").index(statement.index), statement.span)
    }

    /// A member of a statement, or the statement when it lacks it.
    pub(super) fn statement_member(&self, statement: &Statement, key: &str) -> Place {
        let (path, span) = self.statement(statement);
        match self.member(span, key) {
            Some(span) => (path.key(key), span),
            None => (path, span),
        }
    }

    pub(super) fn action_key(statement: &Statement) -> &'static str {
        if statement.actions.negated { "NotAction" } else { "Action" }
    }

    pub(super) fn action(&self, statement: &Statement, at: usize, pattern: &Written<ActionPattern>) -> Place {
        (self.item(self.statement(statement).0.key(Self::action_key(statement)), at, pattern.span), pattern.span)
    }

    /// `Action` or `NotAction` as a whole.
    pub(super) fn actions(&self, statement: &Statement) -> Place {
        (self.statement(statement).0.key(Self::action_key(statement)), statement.actions.element)
    }

    pub(super) fn resource(&self, statement: &Statement, at: usize, pattern: &Written<Box<str>>) -> Place {
        let negated = statement.resources.as_ref().is_some_and(|r| r.negated);
        let key = if negated { "NotResource" } else { "Resource" };
        (self.item(self.statement(statement).0.key(key), at, pattern.span), pattern.span)
    }

    pub(super) fn principal(&self, statement: &Statement, element: &PrincipalElement, span: Span) -> Place {
        (self.statement(statement).0.key(if element.negated { "NotPrincipal" } else { "Principal" }), span)
    }

    /// The operator of a line of the `Condition` block.
    pub(super) fn operator(&self, statement: &Statement, line: &leastwise_policy::document::Condition) -> Place {
        (self.statement(statement).0.key("Condition").key(&line.operator.what), line.operator.span)
    }

    /// The key of a line of the `Condition` block.
    pub(super) fn condition_key(&self, statement: &Statement, line: &leastwise_policy::document::Condition) -> Place {
        (self.operator(statement, line).0.key(&line.key.what), line.key.span)
    }

    /// A value of a line of the `Condition` block.
    pub(super) fn condition_value(
        &self,
        statement: &Statement,
        line: &leastwise_policy::document::Condition,
        at: usize,
        value: &Written<Box<str>>,
    ) -> Place {
        (self.item(self.condition_key(statement, line).0, at, value.span), value.span)
    }

    /// Adds the place in the list, unless the value is a lone string.
    fn item(&self, path: ElementPath, at: usize, span: Span) -> ElementPath {
        let before = self.policy.text().as_bytes().get(..span.start).unwrap_or_default();
        let lone = before.iter().rfind(|b| !b.is_ascii_whitespace()) == Some(&b':');
        if lone { path } else { path.index(at) }
    }

    /// Where the value of a member stands. Reads the object anew: the document's own tree does not keep all places.
    fn member(&self, object: Span, key: &str) -> Option<Span> {
        let node = json::parse(object.of(self.policy.text())).ok()?;
        let Member { key_span, value, .. } = node.member(key)?;
        Some(Span { start: object.start + key_span.start, end: object.start + value.span.end })
    }
}
