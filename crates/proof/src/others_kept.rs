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
    let done = |best: &Option<(u8, Witness)>| best.as_ref().is_some_and(|b| b.0 == 0) || budget.is_spent();
    for clause in old.iter().filter(|c| c.allows()) {
        let alike = by_frame.get(&clause.frame).unwrap_or(&none);
        if alike.has_actions_of(clause) {
            continue;
        }
        if done(&best) {
            break;
        }
        let Some(lost) = lost(clause, alike, known, &budget) else { break };
        offer(&mut best, elsewhere(clause, &new, &lost, known, &budget));
    }
    for (at, document) in documents.iter().enumerate() {
        for deny in denies_missing(document, old) {
            if done(&best) {
                break;
            }
            let found = denied(deny, old, known, &budget);
            offer(&mut best, found.map(|(rank, witness)| (rank, Witness { document: Some(at), ..witness })));
        }
    }
    let policies =
        || old.iter().take(1).chain(documents.iter().filter_map(|clauses| clauses.first())).map(|clause| clause.policy);
    match best {
        None if budget.is_spent() => Verdict::Refuted(Witness::too_complex("looking for what is no longer granted")),
        None => Verdict::Holds,
        Some((_, witness)) if witness.reason != Reason::Shown => Verdict::Refuted(witness),
        Some((_, witness)) if !replay::is_cheap(replay::longest(&witness), policies()) => {
            Verdict::Refuted(Witness { reason: Reason::TooComplex, ..witness })
        }
        Some((_, witness)) if replay::is_lost(old, documents, known.unused(), &witness) => Verdict::Refuted(witness),
        Some((_, witness)) => Verdict::Disputed(witness),
    }
}

/// Takes a witness when it is better than the one there is: shown before not shown, catalogued before not.
fn offer(best: &mut Option<(u8, Witness)>, found: Option<(u8, Witness)>) {
    if let Some(found) = found.filter(|f| best.as_ref().is_none_or(|b| f.0 < b.0)) {
        *best = Some(found);
    }
}

/// Names of one service.
type OfService<'a> = (String, Rc<ServiceNames<'a>>, Names);

/// By service, the names that the statement grants, the list does not name, and no statement of the same frame grants; none
/// when the budget is spent.
fn lost<'a>(
    clause: &Clause<'_>,
    alike: &Alike<'_, '_>,
    known: &mut KnownNames<'a>,
    budget: &Budget,
) -> Option<Vec<OfService<'a>>> {
    let excluding: Vec<&Clause<'_>> = alike.excluding().collect();
    let listed = alike.listed();
    let own = clause.set();
    if listed.everything || (clause.negated() && own.everything) {
        return Some(Vec::new());
    }
    // A statement that excludes patterns grants all of the other services.
    let excluded = excluding.iter().map(|c| c.set()).find(|set| !set.everything);
    let services: Rc<[String]> = match excluded {
        Some(set) => set.services().map(|s| s.service().to_owned()).collect(),
        None if clause.negated() || own.everything => known.services(),
        None => own.services().map(|s| s.service().to_owned()).collect(),
    };
    let mut all = Vec::new();
    for service in services.iter() {
        let listed = listed.of_service(service);
        if !budget.spend(excluding.len() + own.of_service(service).len() + 4) {
            return None;
        }
        if known.unused().names_service(service) || listed.has("*") {
            continue;
        }
        if let Some(excluded) = excluded.filter(|_| clause.negated()) {
            let before = own.of_service(service);
            if excluded.of_service(service).patterns().all(|p| before.has(p.glob)) {
                continue;
            }
        }
        let mut gone;
        let names;
        if clause.negated() || own.everything {
            names = known.of(service);
            gone = Names::clone(&*known.granted(clause, service, budget)?);
        } else {
            let own = own.of_service(service);
            if excluding.is_empty() && each_kept(own, listed, known) {
                continue;
            }
            // What still stands as it stood is kept.
            names = known.of(service);
            gone = Names::none(names.len());
            for pattern in own.patterns().filter(|p| !listed.has(p.glob)) {
                if !budget.spend(names.cost_of(pattern)) {
                    return None;
                }
                names.mark(pattern, &mut gone);
            }
        }
        gone.remove(names.unused());
        if !gone.is_empty() {
            let marking: usize = listed.patterns().map(|pattern| names.cost_of(pattern)).sum();
            if !budget.spend(names.len() + marking) {
                return None;
            }
            names.remove_matched(listed, &mut gone);
        }
        for other in &excluding {
            gone.remove(&*known.granted(other, service, budget)?);
        }
        if !gone.is_empty() {
            all.push((service.clone(), names, gone));
        }
    }
    Some(all)
}

/// Whether every pattern is still there as it was, or is a name that the list names: quick, and false when unsure.
fn each_kept(before: ServiceSet<'_>, after: ServiceSet<'_>, known: &KnownNames<'_>) -> bool {
    let service = before.service();
    before.patterns().all(|p| after.has(p.glob) || (p.is_name() && known.unused().names(service, p.glob)))
}

/// Statements by what they list, as which names they grant is a matter of that alone.
struct Listings<'c, 'p> {
    /// One statement for each list.
    lists: Vec<&'c Clause<'p>>,
    /// By statement, which list it has.
    numbers: Vec<usize>,
}

impl<'c, 'p> Listings<'c, 'p> {
    fn of(clauses: &[&'c Clause<'p>]) -> Listings<'c, 'p> {
        let mut known: HashMap<(bool, &str), usize> = HashMap::new();
        let mut listings = Listings { lists: Vec::new(), numbers: Vec::with_capacity(clauses.len()) };
        for clause in clauses {
            let number = *known.entry(clause.listing()).or_insert(listings.lists.len());
            if number == listings.lists.len() {
                listings.lists.push(clause);
            }
            listings.numbers.push(number);
        }
        listings
    }

    /// The names, parted by which of the lists they are in. None when the budget is spent.
    fn part(&self, names: Names, service: &str, known: &mut KnownNames<'_>, budget: &Budget) -> Option<Vec<(Vec<bool>, Names)>> {
        let mut parts = vec![(Vec::with_capacity(self.lists.len()), names)];
        for list in &self.lists {
            let granted = known.granted(list, service, budget)?;
            let mut next = Vec::with_capacity(parts.len());
            for (bits, names) in parts {
                if !budget.spend(names.size() + bits.len() / 8 + 2) {
                    return None;
                }
                let (mut inside, mut outside) = (names.clone(), names);
                inside.keep(&granted);
                outside.remove(&granted);
                for (is_in, names) in [(true, inside), (false, outside)] {
                    if !names.is_empty() {
                        let mut bits: Vec<bool> = bits.clone();
                        bits.push(is_in);
                        next.push((bits, names));
                    }
                }
            }
            parts = next;
        }
        Some(parts)
    }

    /// The statements whose list is in.
    fn with<'s>(&'s self, bits: &'s [bool]) -> impl Iterator<Item = usize> + 's {
        self.numbers.iter().enumerate().filter(|(_, number)| bits.get(**number) == Some(&true)).map(|(at, _)| at)
    }
}

/// A lost name that statements with other frames do not grant on the same resources either.
fn elsewhere(
    clause: &Clause<'_>,
    new: &[&Clause<'_>],
    lost: &[OfService<'_>],
    known: &mut KnownNames<'_>,
    budget: &Budget,
) -> Option<(u8, Witness)> {
    if lost.is_empty() || !budget.spend(new.iter().map(|c| c.frame.guard.size()).sum()) {
        return None;
    }
    let near: Vec<&Clause<'_>> = new.iter().copied().filter(|c| c.frame.guard.follows_from(&clause.frame.guard)).collect();
    let listings = Listings::of(&near);
    let mut resources = Resources::new();
    let own = covered::about(&clause.frame, &mut resources);
    if !budget.spend(near.iter().map(|c| c.frame.size() * 8).sum()) {
        return None;
    }
    let theirs: Vec<_> = near.iter().map(|c| covered::about(&c.frame, &mut resources)).collect();
    let mut answers: HashMap<Vec<bool>, Escape> = HashMap::new();
    let mut best: Option<(u8, Witness)> = None;
    for (service, names, lost) in lost {
        for (by, part) in listings.part(lost.clone(), service, known, budget)? {
            let escape = match answers.get(&by) {
                Some(escape) => escape.clone(),
                None => {
                    let surely = listings.with(&by).filter_map(|at| theirs.get(at)).collect();
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
            let Some(at) = names.best(&part, known) else { continue };
            let action = names.action(at);
            let index = clause.statement.index;
            let granted = |c: &&Clause<'_>| known_to_grant(c, service, names, at);
            let ending = match (&resource, reason) {
                (Some(resource), _) => format!("is no longer granted on `{resource}`"),
                (_, Reason::CannotBeShown) => "cannot be shown to be still granted on the same resources".to_owned(),
                (_, Reason::TooComplex) => {
                    "is kept or not: comparing the resources is too complex, so it counts as lost".to_owned()
                }
                _ if new.iter().any(granted) => {
                    "is no longer granted for the same principals under the same conditions".to_owned()
                }
                _ => "is no longer granted".to_owned(),
            };
            let explanation =
                format!("`{action}`, which statement {index} of the original grants and the unused list does not name, {ending}");
            let mut witness = Witness::new(reason, explanation);
            witness.resource = resource;
            witness.original = Some(index);
            let rank = rank(reason, known.catalogued(service, names.lower(at)));
            offer(&mut best, Some((rank, Witness { action: Some(action), ..witness })));
            if best.as_ref().is_some_and(|b| b.0 == 0) {
                return best;
            }
        }
    }
    best
}

/// Whether a statement grants one name, whomever and wherever.
fn known_to_grant(clause: &Clause<'_>, service: &str, names: &ServiceNames<'_>, at: usize) -> bool {
    let set = clause.set();
    let listed = set.everything || set.of_service(service).patterns().any(|pattern| pattern.matches(names.lower(at)));
    listed != clause.negated()
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
    let before: Vec<&Clause<'_>> = old.iter().filter(|c| !c.allows()).collect();
    if !budget.spend(old.iter().map(|c| c.frame.size() * 8).sum()) {
        return None;
    }
    let already: Vec<_> = before.iter().map(|c| covered::about(&c.frame, &mut resources)).collect();
    let listings = Listings::of(&before);
    let services: Rc<[String]> = if deny.negated() || deny.set().everything {
        known.services()
    } else {
        deny.set().services().map(|s| s.service().to_owned()).collect()
    };
    let mut best: Option<(u8, Witness)> = None;
    for allow in old.iter().filter(|c| c.allows()) {
        let own = covered::about(&allow.frame, &mut resources);
        // Most statements are about other resources.
        if covered::shared(&resources, &own, &about, &Right::default(), budget) == Escape::None {
            continue;
        }
        let mut answers: HashMap<Vec<bool>, Escape> = HashMap::new();
        for service in services.iter() {
            let names = known.of(service);
            let mut taken = Names::clone(&*known.granted(allow, service, budget)?);
            taken.keep(&*known.granted(deny, service, budget)?);
            taken.remove(names.unused());
            if taken.is_empty() {
                continue;
            }
            for (by, part) in listings.part(taken, service, known, budget)? {
                let escape = match answers.get(&by) {
                    Some(escape) => escape.clone(),
                    None => {
                        if !budget.spend(before.iter().map(|c| c.frame.guard.size()).sum()) {
                            return best;
                        }
                        let active = || listings.with(&by).filter_map(|at| Some((before.get(at)?, already.get(at)?)));
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
                let Some(at) = names.best(&part, known) else { continue };
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
                if best.as_ref().is_some_and(|b| b.0 == 0) {
                    return best;
                }
            }
        }
    }
    best
}
