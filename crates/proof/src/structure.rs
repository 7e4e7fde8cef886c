//! The fourth claim: a refined document is the original with fewer statements and other lists of actions, byte for byte.
//!
//! Statements are aligned by their bytes outside the `Action` or `NotAction` element; as several can be alike, every
//! alignment is considered. It looks at texts only and knows nothing of what actions mean.

use std::collections::HashMap;

use leastwise_policy::json::{Position, Span};
use leastwise_policy::{Effect, Policy, Statement};

use crate::claims::{Reason, Verdict, Witness};

/// How many pairs of statements are compared at most. A policy of 131,072 characters has about 2,600 statements
/// and never comes near it.
const PAIRS: usize = 50_000_000;

/// Decides whether every document keeps the original's structure. No document at all keeps it when no Deny goes with it.
pub(crate) fn keeps_structure(original: &Policy, documents: &[&Policy]) -> Verdict {
    if documents.is_empty() {
        let Some(deny) = original.statements().iter().find(|s| s.effect == Effect::Deny) else { return Verdict::Holds };
        let explanation = format!("nothing is left, but statement {} of the original is a Deny, which must stay", deny.index);
        let mut witness = Witness::new(Reason::Shown, explanation);
        witness.original = Some(deny.index);
        witness.place = Some(Position::of(original.text(), deny.span.start));
        return Verdict::Refuted(witness);
    }
    for (at, document) in documents.iter().enumerate() {
        if let Err(witness) = check(original, document) {
            return Verdict::Refuted(Witness { document: Some(at), ..*witness });
        }
    }
    Verdict::Holds
}

fn check(original: &Policy, refined: &Policy) -> Result<(), Box<Witness>> {
    if original.text() == refined.text() {
        return Ok(());
    }
    let (old, new) = (Layout::of(original), Layout::of(refined));
    if new.statements.len() > old.statements.len() {
        let (had, has) = (old.statements.len(), new.statements.len());
        let index = old.statements.len();
        let explanation = format!("the refined policy has {has} statements, more than the {had} of the original");
        return Err(refuted(refined, new.start_of(index), explanation, None, Some(index)));
    }
    if new.statements.is_empty() {
        let explanation = "a document without statements is not a policy: detach it instead".to_owned();
        return Err(refuted(refined, refined.statement_value().start, explanation, None, None));
    }
    same_bytes(refined, old.head, new.head, 0, "before the statements")?;
    same_bytes(refined, old.tail, new.tail, refined.text().len() - new.tail.len(), "behind the statements")?;
    align(&old, &new).map_err(|failure| explain(failure, (original, &old), (refined, &new)))
}

fn refuted(refined: &Policy, at: usize, explanation: String, original: Option<usize>, index: Option<usize>) -> Box<Witness> {
    let mut witness = Witness::new(Reason::Shown, explanation);
    witness.original = original;
    witness.refined = index;
    witness.place = Some(Position::of(refined.text(), at));
    Box::new(witness)
}

/// Both must be equal; `offset` is where the new text stands in the refined document.
fn same_bytes(refined: &Policy, old: &str, new: &str, offset: usize, what: &str) -> Result<(), Box<Witness>> {
    if old == new {
        return Ok(());
    }
    let explanation = format!("the text {what} is not the original's");
    Err(refuted(refined, offset + first_difference(old, new), explanation, None, None))
}

/// Where the second text first differs from the first.
fn first_difference(old: &str, new: &str) -> usize {
    old.bytes().zip(new.bytes()).take_while(|(a, b)| a == b).count()
}

/// A document cut into what must stay and what may change.
struct Layout<'t> {
    /// Up to the first statement.
    head: &'t str,
    /// From the last statement.
    tail: &'t str,
    /// What stands between neighbours.
    gaps: Vec<&'t str>,
    statements: Vec<Shape<'t>>,
    spans: Vec<Span>,
}

/// What may not change in a statement: all of a Deny; of an Allow what stands before and behind its actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Shape<'t> {
    deny: bool,
    before: &'t str,
    behind: &'t str,
}

impl<'t> Layout<'t> {
    fn of(policy: &'t Policy) -> Layout<'t> {
        let text = policy.text();
        let spans: Vec<Span> = policy.statements().iter().map(|s| s.span).collect();
        let value = policy.statement_value();
        // A list without statements has neither lead nor tail: all of it is head.
        let first = spans.first().map_or(value.end, |s| s.start);
        let last = spans.last().map_or(value.end, |s| s.end);
        Layout {
            head: Span { start: 0, end: first }.of(text),
            tail: Span { start: last, end: text.len() }.of(text),
            gaps: spans.iter().zip(spans.iter().skip(1)).map(|(a, b)| Span { start: a.end, end: b.start }.of(text)).collect(),
            statements: policy.statements().iter().map(|s| Shape::of(text, s)).collect(),
            spans,
        }
    }

    fn start_of(&self, index: usize) -> usize {
        self.spans.get(index).map_or(0, |s| s.start)
    }
}

impl<'t> Shape<'t> {
    fn of(text: &'t str, statement: &Statement) -> Shape<'t> {
        let element = statement.actions.element;
        match statement.effect {
            Effect::Deny => Shape { deny: true, before: statement.span.of(text), behind: "" },
            Effect::Allow => Shape {
                deny: false,
                before: Span { start: statement.span.start, end: element.start }.of(text),
                behind: Span { start: element.end, end: statement.span.end }.of(text),
            },
        }
    }
}

/// Why no alignment exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The refined statement of that index can stand for no original one behind those before it.
    Statement(usize),
    /// A Deny behind the last refined statement is missing.
    LastDeny,
    TooComplex,
}

/// What an alignment has to respect besides the order.
#[derive(Debug, Clone, Copy)]
struct Rules {
    gaps: bool,
    denies: bool,
}

fn align(old: &Layout<'_>, new: &Layout<'_>) -> Result<(), Failure> {
    aligned(old, new, Rules { gaps: true, denies: true })
}

/// Looks for an alignment: refined statements to equal original ones in order, no Deny left out, and each gap one
/// of those that stood between the two. Row by row: for each refined statement, which original ones it can be.
fn aligned(old: &Layout<'_>, new: &Layout<'_>, rules: Rules) -> Result<(), Failure> {
    let mut numbers: HashMap<&Shape<'_>, usize> = HashMap::new();
    let mut number = |shape| {
        let next = numbers.len();
        *numbers.entry(shape).or_insert(next)
    };
    let olds: Vec<usize> = old.statements.iter().map(&mut number).collect();
    let news: Vec<usize> = new.statements.iter().map(&mut number).collect();
    let removed = olds.len() - news.len();
    if news.len().saturating_mul(removed + 1) > PAIRS {
        return Err(Failure::TooComplex);
    }
    // The last Deny before each original statement, and before the end.
    let mut denies: Vec<Option<usize>> = vec![None];
    for (at, shape) in old.statements.iter().enumerate() {
        let last = denies.last().copied().flatten();
        denies.push(if shape.deny && rules.denies { Some(at) } else { last });
    }
    let deny_before = |at: usize| denies.get(at).copied().flatten();
    // `possible` holds the row's original statements from `row` on, `counts` how many of the row before stand before each.
    let mut counts: Vec<usize> = Vec::new();
    for (row, wanted) in news.iter().enumerate() {
        let gap = row.checked_sub(1).and_then(|at| new.gaps.get(at));
        let mut next = Vec::with_capacity(removed + 2);
        next.push(0);
        let mut last_gap = None;
        for place in 0..=removed {
            let at = row + place;
            if let Some(before) = at.checked_sub(1).filter(|before| !rules.gaps || old.gaps.get(*before) == gap) {
                last_gap = Some(before);
            }
            let fits = olds.get(at) == Some(wanted)
                && match row.checked_sub(1) {
                    None => deny_before(at).is_none(),
                    Some(base) => last_gap.is_some_and(|last| {
                        // Original statements `from..=last` that the refined statement before this one can be.
                        let from = deny_before(at).unwrap_or(0).max(base);
                        let upto = |at: usize| counts.get(at.saturating_sub(base)).copied().unwrap_or(0);
                        last >= from && upto(last + 1) > upto(from)
                    }),
                };
            next.push(next.last().copied().unwrap_or(0) + usize::from(fits));
        }
        if next.last() == Some(&0) {
            return Err(Failure::Statement(row));
        }
        counts = next;
    }
    let base = news.len().saturating_sub(1);
    let needed = deny_before(olds.len()).map_or(0, |deny| deny.saturating_sub(base));
    let (all, before) = (counts.last().copied().unwrap_or(0), counts.get(needed).copied().unwrap_or(usize::MAX));
    if all > before { Ok(()) } else { Err(Failure::LastDeny) }
}

fn explain(failure: Failure, (original, old): (&Policy, &Layout<'_>), (refined, new): (&Policy, &Layout<'_>)) -> Box<Witness> {
    if failure == Failure::TooComplex {
        return Box::new(Witness::too_complex("aligning the statements of the two documents"));
    }
    if let Err(order) = aligned(old, new, Rules { gaps: false, denies: false }) {
        let Failure::Statement(index) = order else { return Box::new(Witness::too_complex("aligning the statements")) };
        return explain_statement(index, (original, old), (refined, new));
    }
    if aligned(old, new, Rules { gaps: false, denies: true }).is_err() {
        let missing = first_missing_deny(old, new);
        let explanation = format!("statement {missing} of the original is a Deny and is missing from the refined policy");
        return refuted(refined, refined.statement_value().start, explanation, Some(missing), None);
    }
    let index = if let Failure::Statement(index) = failure { index } else { new.statements.len().saturating_sub(1) };
    let explanation = format!("what separates statement {index} of the refined policy from the one before is not the original's");
    let at = index.checked_sub(1).and_then(|before| new.spans.get(before)).map_or(0, |s| s.end);
    refuted(refined, at, explanation, None, Some(index))
}

/// The first original Deny that the refined statements, taken in order, do not come to.
fn first_missing_deny(old: &Layout<'_>, new: &Layout<'_>) -> usize {
    let mut rest = new.statements.iter().filter(|s| s.deny).peekable();
    for (at, shape) in old.statements.iter().enumerate().filter(|(_, s)| s.deny) {
        if rest.peek() == Some(&shape) {
            rest.next();
        } else {
            return at;
        }
    }
    0
}

/// A statement that is none of the original's, or stands out of order.
fn explain_statement(
    index: usize,
    (original, old): (&Policy, &Layout<'_>),
    (refined, new): (&Policy, &Layout<'_>),
) -> Box<Witness> {
    let start = new.start_of(index);
    let Some(shape) = new.statements.get(index) else {
        return refuted(refined, start, "a statement is not the original's".to_owned(), None, Some(index));
    };
    if let Some(at) = old.statements.iter().position(|s| s == shape) {
        let explanation =
            format!("statement {index} of the refined policy is statement {at} of the original, out of order or once too often");
        return refuted(refined, start, explanation, Some(at), Some(index));
    }
    let sid = refined.statements().get(index).and_then(|s| s.sid.as_deref());
    let same_sid = sid.and_then(|sid| original.statements().iter().position(|s| s.sid.as_deref() == Some(sid)));
    // The closest relative: of the same Sid, or else the one that shares the longest beginning.
    let closest = same_sid.or_else(|| {
        let shared = |s: &Shape<'_>| first_difference(s.before, shape.before) + first_difference(s.behind, shape.behind);
        let all = old.statements.iter().enumerate().filter(|(_, s)| s.deny == shape.deny);
        all.max_by_key(|(at, s)| (shared(s), std::cmp::Reverse(at.abs_diff(index)))).map(|(at, _)| at)
    });
    let Some((at, relative)) = closest.and_then(|at| old.statements.get(at).map(|s| (at, s))) else {
        let explanation = format!("statement {index} of the refined policy is none of the original's");
        return refuted(refined, start, explanation, None, Some(index));
    };
    let offset = if relative.before != shape.before || shape.deny {
        first_difference(relative.before, shape.before)
    } else {
        let behind = refined.statements().get(index).map_or(0, |s| s.actions.element.end - s.span.start);
        behind + first_difference(relative.behind, shape.behind)
    };
    let explanation = match (relative.deny, shape.deny) {
        (true, true) => {
            format!("statement {index} of the refined policy changes statement {at} of the original, which is a Deny")
        }
        (false, false) => {
            format!("statement {index} of the refined policy differs from statement {at} of the original outside its actions")
        }
        _ => format!("statement {index} of the refined policy has another effect than statement {at} of the original"),
    };
    refuted(refined, start + offset, explanation, Some(at), Some(index))
}
