//! `key-not-carried`: a condition asks for a service's key that requests of the statement's actions never carry, so that it never
//! holds for them, or, negated, always does (Service Authorization Reference, condition keys of actions and resource types).
//!
//! Said of keys that the catalog lists, for actions that it lists. Global keys are not looked at: services may add them.

use leastwise_policy::Statement;
use leastwise_policy::evaluate::Test;
use leastwise_policy::global_keys;

use super::carried::{Carries, carries};
use super::finding::{Findings, Severity};
use super::lines::{Line, of_statement};
use super::subject::Subject;
use super::unknown_condition_key::{Known, Types, known};
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "key-not-carried",
    severity: Severity::Warning,
    title: "requests of an action never carry a condition key",
    run,
};

/// Questions whether an action carries a key, asked for one document at most.
const MAX_QUESTIONS: usize = 20_000;

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    let mut left = MAX_QUESTIONS;
    for statement in subject.policy.statements().iter().filter(|s| !s.actions.negated && !s.conditions.is_empty()) {
        for line in of_statement(statement) {
            let key = line.key();
            let of_service = matches!(known(subject.catalogue, key), Known::Types(Types::OfService(_)));
            if !of_service
                || global_keys::value_type(key).is_some()
                || key.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("aws:"))
            {
                continue;
            }
            left = left.saturating_sub(statement.actions.patterns.len());
            if left == 0 {
                return;
            }
            report(subject, statement, line, findings);
        }
    }
}

fn report(subject: &Subject<'_>, statement: &Statement, line: Line<'_>, findings: &mut Findings) {
    let (key, patterns) = (line.key(), &statement.actions.patterns);
    let answers: Vec<Carries> = patterns.iter().map(|p| carries(subject.catalogue, &p.what, key)).collect();
    let lacking: Vec<&str> =
        patterns.iter().zip(&answers).filter(|(_, answer)| **answer == Carries::No).map(|(p, _)| p.what.as_str()).collect();
    let none = lacking.len() == patterns.len() && !patterns.is_empty();
    // With `IfExists`, and with `Null`, the author knows that some requests lack the key.
    if lacking.is_empty() || (!none && (line.operator.if_exists || line.operator.test == Test::Null)) {
        return;
    }
    let listed = lacking.iter().take(3).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let more = if lacking.len() > 3 { format!(" and {} more", lacking.len() - 3) } else { String::new() };
    let holds = line.operator.negated || line.operator.if_exists;
    let effect = match line.operator.test {
        Test::Null => "the key is always missing",
        _ if holds => "the condition always holds for them",
        _ => "the condition never holds for them",
    };
    let message = format!("requests of {listed}{more} do not carry `{key}`: {effect}");
    let help = "move these actions to a statement without this key, or use a key that they carry";
    findings.add(subject.condition_key(statement, line.condition), message, help);
}
