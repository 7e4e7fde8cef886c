//! Other readings of a document, for what AWS leaves open or writes shortly: `Arn…` patterns with missing parts, and API
//! Gateway's short resources.
//!
//! A check passes only if it passes in the reading that is worst for it. Documents are rewritten by exchanging texts at
//! their places, so that statements keep their numbers.

use leastwise_policy::arn::api_gateway_short;
use leastwise_policy::evaluate::{Operator, Test};
use leastwise_policy::json::{Span, quote};
use leastwise_policy::{Effect, Policy, Statement};

/// A pattern that every ARN matches.
const EVERY_ARN: &str = "arn:*:*:*:*:*";
/// The identifier of an API: ten letters and digits.
const API: &str = "??????????";

/// Whether the reading is to allow as much as can be, or as little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    Widest,
    Narrowest,
}

/// The first pattern of an `Arn…` operator with fewer than six parts; AWS does not say what it matches.
pub(super) fn short_arn_pattern(policy: &Policy) -> Option<(&Statement, &str)> {
    policy.statements().iter().find_map(|statement| short_patterns(statement).next().map(|(_, _, value)| (statement, value)))
}

fn short_patterns(statement: &Statement) -> impl Iterator<Item = (Operator, Span, &str)> {
    statement.conditions.iter().flat_map(|line| {
        let operator = Operator::parse(&line.operator.what).filter(|operator| operator.test == Test::Arn);
        let short = |value: &str| value.splitn(6, ':').count() < 6 && !value.contains("${");
        line.values
            .iter()
            .filter(move |value| short(&value.what))
            .filter_map(move |value| operator.map(|operator| (operator, value.span, &*value.what)))
    })
}

/// The document with its patterns of missing parts read as that reading has them; none when nothing changes.
pub(super) fn of_short_patterns(policy: &Policy, reading: Reading) -> Option<Policy> {
    let mut exchanges = Vec::new();
    for statement in policy.statements() {
        for (operator, span, _) in short_patterns(statement) {
            // Matching every ARN makes the condition hold, or fail where it is negated.
            let applies_more = !operator.negated;
            let allows_more = applies_more == (statement.effect == Effect::Allow);
            if allows_more == (reading == Reading::Widest) {
                exchanges.push((span, EVERY_ARN.to_owned()));
            }
        }
    }
    exchanged(policy, exchanges)
}

/// The document with API Gateway's short resources written in full; none when it has none. In Allow statements the
/// identifier may be `any`thing when that is asked for, so that a question about one API is not missed.
pub(super) fn in_full(policy: &Policy, any: bool) -> Option<Policy> {
    let mut exchanges = Vec::new();
    for statement in policy.statements() {
        let Some(element) = &statement.resources else { continue };
        let wide = any && (statement.effect == Effect::Allow) != element.negated;
        for pattern in &element.patterns {
            let Some(rest) = api_gateway_short(&pattern.what) else { continue };
            let written = match rest {
                "/*" => "arn:*:execute-api:*:*:*/*".to_owned(),
                rest => format!("arn:*:execute-api:*:*:{}{rest}", if wide { "*" } else { API }),
            };
            exchanges.push((pattern.span, written));
        }
    }
    exchanged(policy, exchanges)
}

/// The document with other texts at these places.
fn exchanged(policy: &Policy, mut exchanges: Vec<(Span, String)>) -> Option<Policy> {
    if exchanges.is_empty() {
        return None;
    }
    exchanges.sort_by_key(|(span, _)| *span);
    let (mut text, mut at) = (String::with_capacity(policy.text().len()), 0);
    for (span, written) in exchanges {
        text.push_str(policy.text().get(at..span.start)?);
        text.push_str(&quote(&written));
        at = span.end;
    }
    text.push_str(policy.text().get(at..)?);
    Policy::parse(&text).ok()
}
