//! `condition-never-holds`: the lines of a `Condition` block contradict each other, or its date has passed. All lines have to hold
//! ("Conditions with multiple context keys or values").
//!
//! "Passed" is measured against the catalog's date, as the check has no clock: such a date is long gone.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use leastwise_policy::Effect;
use leastwise_policy::evaluate::{Comparison, Test};

use super::finding::{Findings, Severity};
use super::lines::{Line, of_statement};
use super::subject::Subject;
use super::valid::Check;

pub(super) const CHECK: Check = Check {
    code: "condition-never-holds",
    severity: Severity::Error,
    title: "the lines of a condition contradict each other",
    run,
};

fn run(subject: &Subject<'_>, findings: &mut Findings) {
    for statement in subject.policy.statements() {
        let mut by_key: HashMap<String, Vec<Line<'_>>> = HashMap::new();
        for line in of_statement(statement).filter(|l| l.operator.quantifier.is_none()) {
            passed(subject, line, findings);
            by_key.entry(line.key().to_ascii_lowercase()).or_default().push(line);
        }
        let mut groups: Vec<&Vec<Line<'_>>> = by_key.values().filter(|lines| lines.len() > 1).collect();
        groups.sort_by_key(|lines| lines.first().map(|line| line.condition.key.span));
        for lines in groups {
            // One key in two spellings under one operator is `duplicate-condition-key`.
            let mut written = HashSet::new();
            if !lines.iter().all(|line| written.insert(line.condition.operator.what.to_ascii_lowercase())) {
                continue;
            }
            let Some(why) = contradiction(lines) else { continue };
            let Some(last) = lines.last() else { continue };
            let effect = if statement.effect == Effect::Allow { "allows" } else { "denies" };
            let message =
                format!("no value of `{}` meets all its lines: {why}, so that the statement {effect} nothing", last.key());
            findings.add(
                subject.condition_key(statement, last.condition),
                message,
                "correct one of the lines, or remove the statement",
            );
        }
    }
}

/// A date that requests are to be before, and that they no longer are.
fn passed(subject: &Subject<'_>, line: Line<'_>, findings: &mut Findings) {
    let before = matches!(line.operator.test, Test::Date(Comparison::Less | Comparison::LessOrEqual | Comparison::Equal));
    if !before || line.operator.negated || !(line.has_key("aws:CurrentTime") || line.has_key("aws:EpochTime")) {
        return;
    }
    let date = &subject.catalogue.provenance().date;
    let test = line.operator.test;
    let values = &line.condition.values;
    if !values.is_empty() && values.iter().all(|value| test.order(&value.what, date) == Some(Ordering::Less)) {
        let effect = if line.statement.effect == Effect::Allow { "allows" } else { "denies" };
        let message = format!("the time that `{}` asks for has passed: the statement {effect} nothing any more", line.key());
        let place = subject.condition_key(line.statement, line.condition);
        *findings.add(place, message, "remove the statement, or set a later date") = Severity::Warning;
    }
}

/// Why no value, nor the lack of one, meets all lines; nothing when that is not certain.
fn contradiction(lines: &[Line<'_>]) -> Option<&'static str> {
    let must_lack = |line: &Line<'_>| {
        line.operator.test == Test::Null
            && !line.condition.values.is_empty()
            && line.condition.values.iter().all(|v| is(&v.what, "true"))
    };
    let must_have = |line: &Line<'_>| match line.operator.test {
        Test::Null => !line.condition.values.is_empty() && line.condition.values.iter().all(|v| is(&v.what, "false")),
        _ => !line.operator.negated && !line.operator.if_exists,
    };
    if lines.iter().any(must_lack) && lines.iter().any(must_have) {
        return Some("one asks that requests lack the key");
    }
    // Without the key a line with `IfExists` holds, and a negated one; so one line has to need the key.
    if !lines.iter().any(must_have) {
        return None;
    }
    if excluded(lines) {
        return Some("one excludes all that another asks for");
    }
    disjoint_bounds(lines).then_some("the bounds exclude each other")
}

fn is(value: &str, word: &str) -> bool {
    value.eq_ignore_ascii_case(word)
}

/// Whether every value that some `StringEquals` asks for is excluded by another line of text.
fn excluded(lines: &[Line<'_>]) -> bool {
    let plain = |line: &&Line<'_>| line.compares_text() && line.condition.values.iter().all(|v| !v.what.contains("${"));
    lines.iter().filter(plain).filter(|line| line.operator.test == Test::StringEquals && !line.operator.negated).any(|asked| {
        !asked.condition.values.is_empty()
            && asked.condition.values.iter().all(|value| lines.iter().filter(plain).any(|other| !meets(*other, &value.what)))
    })
}

/// Whether a value of the request meets the line, whose values have no variables.
fn meets(line: Line<'_>, value: &str) -> bool {
    use leastwise_policy::glob::{Case, matches};
    let any = line.condition.values.iter().any(|own| match line.operator.test {
        Test::StringLike => matches(&own.what, value, Case::Kept),
        Test::StringEqualsIgnoreCase => is(&own.what, value),
        _ => *own.what == *value,
    });
    any != line.operator.negated
}

/// Whether a lower bound is above an upper one.
fn disjoint_bounds(lines: &[Line<'_>]) -> bool {
    let bounds = || lines.iter().filter(|line| !line.operator.negated);
    bounds().any(|low| {
        let (Test::Numeric(above) | Test::Date(above)) = low.operator.test else { return false };
        matches!(above, Comparison::Greater | Comparison::GreaterOrEqual)
            && bounds().any(|high| {
                let (Test::Numeric(below) | Test::Date(below)) = high.operator.test else { return false };
                let closed = above == Comparison::GreaterOrEqual && below == Comparison::LessOrEqual;
                matches!(below, Comparison::Less | Comparison::LessOrEqual)
                    && !low.condition.values.is_empty()
                    && low.condition.values.iter().all(|least| {
                        high.condition.values.iter().all(|most| match low.operator.test.order(&least.what, &most.what) {
                            Some(Ordering::Greater) => true,
                            Some(Ordering::Equal) => !closed,
                            _ => false,
                        })
                    })
            })
    })
}
