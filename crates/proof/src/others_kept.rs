//! The third claim: what the original grants and the list does not name is still granted, where and when it was.
//!
//! Over the known actions, statement by statement of the original: some refined statement with the same resources,
//! principals and conditions grants it, or several whose resources together cover the original's. A Deny statement
//! that the original lacks must not take it away either. Documents of a split count together.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use crate::adds_nothing::denies_missing;
use crate::claims::{Reason, Verdict, Witness};
use crate::clause::{Alike, Clause, Frame, ServiceSet};
use crate::covered::{self, Escape, Right};
use crate::known_names::{KnownNames, Names, ServiceNames};
use crate::replay;
use crate::resources::Resources;
use crate::search::Budget;

/// Decides whether everything that the list does not name is kept by the documents together.
pub(crate) fn keeps_everything_not_reported(
    old: &[Clause<'_>],
    documents: &[Vec<Clause<'_>>],
    known: &mut KnownNames<'_>,
) -> Verdict {
    let budget = Budget::full();
    let new: Vec<&Clause<'_>> = documents.iter().flatten().filter(|c| c.allows()).collect();
    let mut by_frame: BTreeMap<&Frame<'_>, Alike<'_, '_>> = BTreeMap::new();
    for clause in &new {
        by_frame.entry(&clause.frame).or_default().push(clause);
    }
    let none = Alike::default();
    let mut best: Option<(u8, Witness)> = None;
    for clause in old.iter().filter(|c| c.allows()) {
        let alike = by_frame.get(&clause.frame).unwrap_or(&none);
        if alike.all().iter().any(|c| c.same_actions(clause)) {
            continue;
        }
        if best.as_ref().is_some_and(|b| b.0 == 0) {
            break;
        }
        for (service, names, lost) in lost(clause, alike, known) {
            offer(&mut best, elsewhere(clause, &new, &service, &names, &lost, known, &budget));
        }
    }
    for (at, document) in documents.iter().enumerate() {
        for deny in denies_missing(document, old) {
            let found = denied(deny, old, known, &budget);
            offer(&mut best, found.map(|(rank, witness)| (rank, Witness { document: Some(at), ..witness })));
        }
    }
    match best {
        None => Verdict::Holds,
        Some((_, witness)) if witness.reason != Reason::Shown || replay::is_lost(old, documents, known.unused(), &witness) => {
            Verdict::Refuted(witness)
        }
        Some((_, witness)) => Verdict::Disputed(witness),
    }
}

/// Takes a witness when it is better than the one there is: shown before not shown, catalogued before not.
fn offer(best: &mut Option<(u8, Witness)>, found: Option<(u8, Witness)>) {
    if let Some(found) = found.filter(|f| best.as_ref().is_none_or(|b| f.0 < b.0)) {
        *best = Some(found);
    }
}

/// By service, the names that the statement grants, the list does not name, and no statement of the same frame grants.
fn lost<'a>(
    clause: &Clause<'_>,
    alike: &Alike<'_, '_>,
    known: &mut KnownNames<'a>,
) -> Vec<(String, Rc<ServiceNames<'a>>, Names)> {
    let excluding: Vec<&Clause<'_>> = alike.excluding().collect();
    let listed = alike.listed();
    let own = clause.set();
    if listed.everything || (clause.negated() && own.everything) {
        return Vec::new();
    }
    // A statement that excludes patterns grants all of the other services.
    let excluded = excluding.iter().map(|c| c.set()).find(|set| !set.everything);
    let services: Vec<String> = match excluded {
        Some(set) => set.services().map(|s| s.service().to_owned()).collect(),
        None if clause.negated() || own.everything => known.services(),
        None => own.services().map(|s| s.service().to_owned()).collect(),
    };
    let mut all = Vec::new();
    for service in services {
        if known.unused().names_service(&service) || listed.of_service(&service).has("*") {
            continue;
        }
        if let Some(excluded) = excluded.filter(|_| clause.negated()) {
            let before = own.of_service(&service);
            if excluded.of_service(&service).patterns().all(|p| before.has(p.glob)) {
                continue;
            }
        }
        let listed = listed.of_service(&service);
        let mut gone;
        let names;
        if clause.negated() || own.everything {
            names = known.of(&service);
            gone = names.granted(clause, &service);
        } else {
            let own = own.of_service(&service);
            if excluding.is_empty() && each_kept(own, listed, known) {
                continue;
            }
            // What still stands as it stood is kept.
            names = known.of(&service);
            gone = Names::none(names.len());
            own.patterns().filter(|p| !listed.has(p.glob)).for_each(|p| names.mark(p, &mut gone));
        }
        gone.remove(names.unused());
        if !gone.is_empty() {
            names.remove_matched(listed, &mut gone);
        }
        for other in &excluding {
            gone.remove(&names.granted(other, &service));
        }
        if !gone.is_empty() {
            all.push((service, names, gone));
        }
    }
    all
}

/// Whether every pattern is still there as it was, or is a name that the list names: quick, and false when unsure.
fn each_kept(before: ServiceSet<'_>, after: ServiceSet<'_>, known: &KnownNames<'_>) -> bool {
    let service = before.service();
    before.patterns().all(|p| after.has(p.glob) || (p.is_name() && known.unused().names(service, p.glob)))
}

/// A lost name that statements with other frames do not grant on the same resources either.
fn elsewhere(
    clause: &Clause<'_>,
    new: &[&Clause<'_>],
    service: &str,
    names: &ServiceNames<'_>,
    lost: &Names,
    known: &KnownNames<'_>,
    budget: &Budget,
) -> Option<(u8, Witness)> {
    let near: Vec<&Clause<'_>> = new.iter().copied().filter(|c| c.frame.guard.follows_from(&clause.frame.guard)).collect();
    let granted: Vec<Names> = near.iter().map(|c| names.granted(c, service)).collect();
    let mut resources = Resources::new();
    let own = covered::about(&clause.frame, &mut resources);
    let theirs: Vec<_> = near.iter().map(|c| covered::about(&c.frame, &mut resources)).collect();
    let mut answers: HashMap<Vec<bool>, Escape> = HashMap::new();
    let mut best: Option<(u8, Witness)> = None;
    for at in lost.iter() {
        let by: Vec<bool> = granted.iter().map(|g| g.has(at)).collect();
        let escape = match answers.get(&by) {
            Some(escape) => escape.clone(),
            None => {
                let surely = theirs.iter().zip(&by).filter(|(_, by)| **by).map(|(r, _)| r).collect();
                let escape = covered::outside(&resources, &own, &Right { surely, perhaps: Vec::new() }, budget);
                answers.insert(by.clone(), escape.clone());
                escape
            }
        };
        let nowhere = !by.contains(&true);
        let (reason, resource) = match escape {
            Escape::None if !nowhere => continue,
            _ if nowhere => (Reason::Shown, None),
            Escape::Resource(resource) => (Reason::Shown, Some(resource)),
            Escape::TooComplex => (Reason::TooComplex, None),
            Escape::None | Escape::Unknown => (Reason::CannotBeShown, None),
        };
        let action = names.action(at);
        let index = clause.statement.index;
        let ending = match (&resource, reason) {
            (Some(resource), _) => format!("is no longer granted on `{resource}`"),
            (_, Reason::CannotBeShown) => "cannot be shown to be still granted on the same resources".to_owned(),
            (_, Reason::TooComplex) => "is kept or not: comparing the resources is too complex, so it counts as lost".to_owned(),
            _ if new.iter().any(|c| names.granted(c, service).has(at)) => {
                "is no longer granted for the same principals under the same conditions".to_owned()
            }
            _ => "is no longer granted".to_owned(),
        };
        let explanation =
            format!("`{action}`, which statement {index} of the original grants and the unused list does not name, {ending}");
        let mut witness = Witness::new(reason, explanation);
        witness.resource = resource;
        witness.original = Some(index);
        offer(
            &mut best,
            Some((rank(reason, known.catalogued(service, names.lower(at))), Witness { action: Some(action), ..witness })),
        );
        if best.as_ref().is_some_and(|b| b.0 == 0) {
            break;
        }
    }
    best
}

fn rank(reason: Reason, catalogued: bool) -> u8 {
    match reason {
        Reason::Shown => u8::from(!catalogued),
        Reason::CannotBeShown => 2,
        Reason::TooComplex => 3,
    }
}

/// A kept action that a Deny statement takes away which the original does not have.
fn denied(deny: &Clause<'_>, old: &[Clause<'_>], known: &mut KnownNames<'_>, budget: &Budget) -> Option<(u8, Witness)> {
    let mut resources = Resources::new();
    let about = covered::about(&deny.frame, &mut resources);
    let already: Vec<(&Clause<'_>, _)> =
        old.iter().filter(|c| !c.allows()).map(|c| (c, covered::about(&c.frame, &mut resources))).collect();
    let services: Vec<String> = if deny.negated() || deny.set().everything {
        known.services()
    } else {
        deny.set().services().map(|s| s.service().to_owned()).collect()
    };
    let mut best: Option<(u8, Witness)> = None;
    for allow in old.iter().filter(|c| c.allows()) {
        let own = covered::about(&allow.frame, &mut resources);
        let mut answers: HashMap<Vec<bool>, Escape> = HashMap::new();
        for service in &services {
            let names = known.of(service);
            let mut taken = names.granted(allow, service);
            taken.keep(&names.granted(deny, service));
            taken.remove(names.unused());
            if taken.is_empty() {
                continue;
            }
            let before: Vec<Names> = already.iter().map(|(c, _)| names.granted(c, service)).collect();
            for at in taken.iter() {
                let by: Vec<bool> = before.iter().map(|b| b.has(at)).collect();
                let escape = match answers.get(&by) {
                    Some(escape) => escape.clone(),
                    None => {
                        let active = || already.iter().zip(&by).filter(|(_, by)| **by).map(|(already, _)| already);
                        let sure = |c: &Clause<'_>| c.frame.guard.follows_from(&deny.frame.guard);
                        let right = Right {
                            surely: active().filter(|(c, _)| sure(c)).map(|(_, r)| r).collect(),
                            perhaps: active().filter(|(c, _)| !sure(c)).map(|(_, r)| r).collect(),
                        };
                        let escape = covered::shared(&resources, &own, &about, &right, budget);
                        answers.insert(by.clone(), escape.clone());
                        escape
                    }
                };
                let reason = match &escape {
                    Escape::None => continue,
                    Escape::Resource(_) if deny.frame.guard.is_empty() => Reason::Shown,
                    Escape::Resource(_) | Escape::Unknown => Reason::CannotBeShown,
                    Escape::TooComplex => Reason::TooComplex,
                };
                let (action, index) = (names.action(at), deny.statement.index);
                let may = if reason == Reason::Shown { "denies" } else { "may deny" };
                let explanation = format!(
                    "statement {index} of the refined policy {may} `{action}`, which statement {} of the original grants and the \
                     unused list does not name",
                    allow.statement.index
                );
                let mut witness = Witness::new(reason, explanation);
                witness.action = Some(action);
                if let Escape::Resource(resource) = escape {
                    witness.resource = Some(resource);
                }
                witness.original = Some(allow.statement.index);
                witness.refined = Some(index);
                offer(&mut best, Some((rank(reason, known.catalogued(service, names.lower(at))), witness)));
            }
        }
    }
    best
}
