//! Policy variables: `${aws:username}`, `${aws:username, 'anyone'}`, `${*}`, `${?}`, `${$}`.
//!
//! Puts values of the request into a text of the policy. Only documents of version 2012-10-17 have variables,
//! and only `Resource`, string and ARN values may hold them ("IAM policy elements: Variables and tags");
//! callers see to that. A text whose variable has no value and no default becomes nothing at all.

use std::borrow::Cow;

use super::request::Context;
use crate::arn::Unit;

/// How many characters stand between a variable's braces at most, so that a text of nothing but `${` is read in little
/// time. AWS states no bound; names of keys and values of tags have at most a few hundred.
const LONGEST: usize = 1_024;

/// A piece of a policy's text.
enum Piece<'a> {
    /// The policy's own words: wildcards count.
    Own(&'a str),
    /// A variable, as written and what it stands for: taken letter by letter.
    Value(&'a str, Option<&'a str>),
}

/// Whether there may be a variable in the text.
pub(super) fn has_variable(text: &str) -> bool {
    text.contains("${")
}

/// The text with its variables replaced; nothing when one has neither a value nor a default.
pub(super) fn fill_text<'a>(text: &'a str, context: &'a Context) -> Option<Cow<'a, str>> {
    if !has_variable(text) {
        return Some(Cow::Borrowed(text));
    }
    let mut filled = String::new();
    for piece in (Pieces { rest: text, context }) {
        filled.push_str(match piece {
            Piece::Own(own) => own,
            Piece::Value(_, value) => value?,
        });
    }
    Some(Cow::Owned(filled))
}

/// The pattern with its variables replaced; nothing when one has neither a value nor a default.
pub(super) fn fill_pattern(text: &str, context: &Context) -> Option<Vec<Unit>> {
    let mut units = Vec::with_capacity(text.len());
    for piece in (Pieces { rest: text, context }) {
        match piece {
            Piece::Own(own) => units.extend(own.chars().map(Unit::of)),
            Piece::Value(_, value) => units.extend(value?.chars().map(Unit::Char)),
        }
    }
    Some(units)
}

/// As [`fill_pattern`], for the `Resource` element: a variable counts only behind the fifth colon of an ARN
/// and is plain text before it ("IAM policy elements: Variables and tags", Resource element).
pub(super) fn fill_resource(text: &str, context: &Context) -> Option<Vec<Unit>> {
    let is_arn = text.starts_with("arn:");
    let mut units = Vec::with_capacity(text.len());
    let mut colons = 0;
    for piece in (Pieces { rest: text, context }) {
        match piece {
            Piece::Own(own) => {
                colons += own.bytes().filter(|b| *b == b':').count();
                units.extend(own.chars().map(Unit::of));
            }
            Piece::Value(written, _) if is_arn && colons < 5 => units.extend(written.chars().map(Unit::Char)),
            Piece::Value(_, value) => units.extend(value?.chars().map(Unit::Char)),
        }
    }
    Some(units)
}

/// Cuts a text at its variables.
struct Pieces<'a> {
    rest: &'a str,
    context: &'a Context,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let text = self.rest;
        if text.is_empty() {
            return None;
        }
        if let Some(length) = variable_length(text) {
            let (written, rest) = text.split_at_checked(length)?;
            self.rest = rest;
            let inside = written.get(2..length - 1).unwrap_or_default();
            return Some(Piece::Value(written, value_of(inside, self.context)));
        }
        // Up to the next place at which a whole variable stands.
        let mut end = text.len();
        for (at, _) in text.match_indices("${").filter(|(at, _)| *at > 0) {
            if text.get(at..).and_then(variable_length).is_some() {
                end = at;
                break;
            }
        }
        let (own, rest) = text.split_at_checked(end)?;
        self.rest = rest;
        Some(Piece::Own(own))
    }
}

/// The length of the variable with which `text` begins, braces included. A closing brace in a quoted
/// default does not end it; something unclosed, empty or longer than [`LONGEST`] is no variable.
fn variable_length(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("${")?;
    // Most texts without an end are told quickly; a character has four bytes at most.
    let near = inside.as_bytes().get(..LONGEST * 4).unwrap_or(inside.as_bytes());
    if !near.contains(&b'}') {
        return None;
    }
    let mut quoted = false;
    for (at, c) in inside.char_indices().take(LONGEST) {
        match c {
            '\'' => quoted = !quoted,
            '}' if !quoted => return (at > 0).then_some(at + 3),
            _ => {}
        }
    }
    None
}

/// What a variable stands for. A key with several values has no value as a variable ("Single-valued vs.
/// multivalued context keys").
fn value_of<'a>(inside: &'a str, context: &'a Context) -> Option<&'a str> {
    if matches!(inside, "*" | "?" | "$") {
        return Some(inside);
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, rest)) => (key, rest.trim().strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''))),
        None => (inside, None),
    };
    match context.values(key.trim()) {
        Some([one]) => Some(one),
        Some(_) => None,
        None => default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        let mut context = Context::default();
        context.insert("aws:username", ["ali*ce"]);
        context.insert("aws:TagKeys", ["a", "b"]);
        context
    }

    #[test]
    fn variables_are_replaced_by_values_defaults_and_special_characters() {
        for (text, expected) in [
            ("home/${aws:username}/x", Some("home/ali*ce/x")),
            ("${AWS:UserName}", Some("ali*ce")),
            ("${aws:userid, 'anonymous'}", Some("anonymous")),
            ("${aws:userid,'}'}", Some("}")),
            ("${aws:userid}", None),
            ("${aws:TagKeys, 'x'}", None),
            ("${*}${?}${$}", Some("*?$")),
            ("$ {x} ${ open", Some("$ {x} ${ open")),
            ("${}", Some("${}")),
        ] {
            assert_eq!(fill_text(text, &context()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_star_that_came_from_a_value_is_no_wildcard() {
        let units = fill_pattern("${aws:username}*", &context()).unwrap();
        assert!(crate::arn::units_match(&units, "ali*ce-x"));
        assert!(!crate::arn::units_match(&units, "alixce-x"));
    }

    #[test]
    fn a_variable_before_the_fifth_colon_of_a_resource_is_plain_text() {
        let units = fill_resource("arn:aws:sqs:r:${aws:username}:q", &context()).unwrap();
        assert!(!crate::arn::resource_units_match(&units, "arn:aws:sqs:r:ali*ce:q"));
        let units = fill_resource("arn:aws:sqs:r:1:${aws:username}-q", &context()).unwrap();
        assert!(crate::arn::resource_units_match(&units, "arn:aws:sqs:r:1:ali*ce-q"));
    }
}
