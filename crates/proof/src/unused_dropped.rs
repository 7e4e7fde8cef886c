//! The second claim: no known action that the unused list names is granted by an Allow statement that is left.
//!
//! Over the known actions, by the proof's own matching. It looks only at services that the list touches.

use std::collections::HashSet;

use crate::claims::{Reason, Verdict, Witness};
use crate::clause::{Clause, NamePattern};
use crate::known_names::{KnownNames, Names};
use crate::replay;
use crate::search::Budget;

/// Decides whether nothing unused is granted by any of the documents.
pub(crate) fn drops_everything_unused(documents: &[Vec<Clause<'_>>], known: &mut KnownNames<'_>) -> Verdict {
    let mut best: Option<(bool, Witness, &Clause<'_>)> = None;
    let budget = Budget::full();
    // What a statement grants is a matter of what it lists alone.
    let mut seen: HashSet<(bool, &str)> = HashSet::new();
    for (document, clauses) in documents.iter().enumerate() {
        for clause in clauses.iter().filter(|c| c.allows()) {
            if !seen.insert(clause.listing()) {
                continue;
            }
            let Ok(granted) = still_granted(clause, known, &budget) else { break };
            let Some((catalogued, action)) = granted else { continue };
            if best.as_ref().is_none_or(|(already, ..)| catalogued && !already) {
                let index = clause.statement.index;
                let explanation =
                    format!("statement {index} of the refined policy still grants `{action}`, which the unused list names");
                let mut witness = Witness::new(Reason::Shown, explanation);
                witness.action = Some(action);
                witness.document = Some(document);
                witness.refined = Some(index);
                best = Some((catalogued, witness, clause));
            }
        }
    }
    match best {
        None if budget.is_spent() => {
            Verdict::Refuted(Witness::too_complex("looking up what the unused list names among what is granted"))
        }
        None => Verdict::Holds,
        Some((_, witness, clause)) if !replay::is_cheap(replay::longest(&witness), std::iter::once(clause.policy)) => {
            Verdict::Refuted(Witness { reason: Reason::TooComplex, ..witness })
        }
        Some((_, witness, clause)) if replay::is_unused_granted(clause, known.unused(), &witness) => Verdict::Refuted(witness),
        Some((_, witness, _)) => Verdict::Disputed(witness),
    }
}

/// That the budget is spent.
struct Spent;

/// An unused action that a statement grants, and whether the catalogue has it.
fn still_granted(clause: &Clause<'_>, known: &mut KnownNames<'_>, budget: &Budget) -> Result<Option<(bool, String)>, Spent> {
    let set = clause.set();
    let mut best: Option<(bool, String)> = None;
    if clause.negated() || set.everything {
        for service in known.touched() {
            let names = known.of(&service);
            let mut granted = Names::clone(&*known.granted(clause, &service, budget).ok_or(Spent)?);
            granted.keep(names.unused());
            best = better(
                best,
                names.best(&granted, known).map(|at| (known.catalogued(&service, names.lower(at)), names.action(at))),
            );
        }
        if clause.negated() {
            return Ok(best);
        }
    }
    for patterns in set.services() {
        let service = patterns.service();
        if !known.unused().touches(service) {
            continue;
        }
        if !budget.spend(patterns.len()) {
            return Err(Spent);
        }
        let mut wildcards = patterns.patterns().filter(|p| !p.is_name()).peekable();
        if wildcards.peek().is_some() {
            let names = known.of(service);
            let mut granted = Names::none(names.len());
            for pattern in wildcards {
                if !budget.spend(names.cost_of(pattern)) {
                    return Err(Spent);
                }
                names.mark(pattern, &mut granted);
            }
            granted.keep(names.unused());
            best = better(
                best,
                names.best(&granted, known).map(|at| (known.catalogued(service, names.lower(at)), names.action(at))),
            );
        }
        let unused = known.unused();
        // `s3:` has no wildcard and is no name either: a whole service in the list does not make an action of it.
        let names_one = |p: &NamePattern<'_>| p.is_name() && !p.glob.is_empty() && unused.names(service, p.glob);
        for pattern in patterns.patterns().filter(names_one) {
            let names = known.of(service);
            let action = names.place(pattern.glob).map_or_else(|| format!("{service}:{}", pattern.glob), |at| names.action(at));
            best = better(best, Some((known.catalogued(service, pattern.glob), action)));
        }
    }
    Ok(best)
}

fn better(one: Option<(bool, String)>, other: Option<(bool, String)>) -> Option<(bool, String)> {
    match (one, other) {
        (Some((false, _)), Some(other @ (true, _))) | (None, Some(other)) => Some(other),
        (one, _) => one,
    }
}
