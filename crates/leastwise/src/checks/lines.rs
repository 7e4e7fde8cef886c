//! The lines of a document's `Condition` blocks, each with its operator read, and what is known of their keys.
//!
//! Shared by the checks of conditions. A line whose operator AWS does not have is left out: `unknown-operator` reports it.

use leastwise_policy::document::Condition;
use leastwise_policy::evaluate::{Operator, Test};
use leastwise_policy::{Catalogue, Effect, Statement};

use super::subject::Subject;
use super::unknown_condition_key::{Known, known};

/// One operator, one key and its values.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) statement: &'a Statement,
    pub(super) condition: &'a Condition,
    pub(super) operator: Operator,
}

/// The lines of every statement, in the order of the text.
pub(super) fn lines<'a>(subject: &Subject<'a>) -> impl Iterator<Item = Line<'a>> + use<'a> {
    let policy = subject.policy;
    policy.statements().iter().flat_map(of_statement)
}

/// The lines of one statement, in the order of the text.
pub(super) fn of_statement(statement: &Statement) -> impl Iterator<Item = Line<'_>> {
    statement.conditions.iter().filter_map(move |condition| {
        let operator = Operator::parse(&condition.operator.what)?;
        Some(Line { statement, condition, operator })
    })
}

impl<'a> Line<'a> {
    /// The key as written.
    pub(super) fn key(self) -> &'a str {
        &self.condition.key.what
    }

    /// Whether the key is that one, ignoring case.
    pub(super) fn has_key(self, key: &str) -> bool {
        self.key().eq_ignore_ascii_case(key)
    }

    /// Whether the values are compared as text.
    pub(super) fn compares_text(self) -> bool {
        matches!(self.operator.test, Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike)
    }

    /// Whether the statement is reached by requests that match a value: an Allow with a plain operator, or a Deny with a negated
    /// one that spares them.
    pub(super) fn opens(self) -> bool {
        (self.statement.effect == Effect::Allow) != self.operator.negated
    }
}

/// Whether a request may have several values of the key; nothing when no source says, or sources differ.
pub(super) fn has_many_values(catalogue: &Catalogue, key: &str) -> Option<bool> {
    let Known::Types(types) = known(catalogue, key) else { return None };
    let (mut one, mut many) = (false, false);
    for kind in types.iter() {
        if kind.starts_with("ArrayOf") { many = true } else { one = true }
    }
    (one != many).then_some(many)
}

/// The text without its policy variables and escapes (`${…}`), so that what is left is the policy's own.
pub(super) fn without_variables(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, variable)) = rest.split_once("${") {
        out.push_str(before);
        match variable.split_once('}') {
            Some((_, after)) => rest = after,
            None => return out,
        }
    }
    out.push_str(rest);
    out
}
