//! Refines the `Action` element of one Allow statement, pattern by pattern.
//!
//! `refinement.md`, "One pattern in an Allow statement's `Action`". Decides what each pattern becomes; writes
//! no text and proves nothing.

use leastwise_policy::document::ActionElement;
use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::{ActionPattern, Unused};
use leastwise_policy::known::KnownActions;

use super::cover::{Placed, superfluous};
use super::names::Names;
use super::prefixes::Walk;
use super::{Generalization, Kept, KeptReason};

/// What becomes of one statement, and why.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) edit: StatementEdit,
    pub(crate) kept: Vec<Kept>,
}

/// What becomes of one pattern.
enum Fate<'a> {
    Keep(KeptReason),
    Drop,
    /// The patterns that take its place, sorted, and the names of the services in which they are.
    Replace(Vec<String>, Vec<Names<'a>>),
}

/// Refines an `Action` list of an Allow statement.
pub(crate) fn refine_actions(actions: &ActionElement, unused: &Unused, known: &KnownActions<'_>, mode: Generalization) -> Decision {
    let fates: Vec<Fate<'_>> = actions.patterns.iter().map(|p| fate(&p.what, unused, known, mode)).collect();
    let mut kept = Vec::new();
    let mut placed: Vec<(ActionPattern, bool, usize)> = Vec::new();
    let mut services: Vec<&Names<'_>> = Vec::new();
    let mut changed = false;
    for (at, (fate, written)) in fates.iter().zip(&actions.patterns).enumerate() {
        match fate {
            Fate::Keep(reason) => {
                kept.push(Kept { pattern: written.what.as_str().to_owned(), reason: *reason });
                placed.push((written.what.clone(), false, at));
            }
            Fate::Drop => changed = true,
            Fate::Replace(patterns, names) => {
                changed = true;
                // What is emitted begins with a service, so it parses.
                placed.extend(patterns.iter().filter_map(|p| ActionPattern::parse(p).ok()).map(|p| (p, true, at)));
                services.extend(names);
            }
        }
    }
    if !changed {
        return Decision { edit: StatementEdit::Keep, kept };
    }
    services.sort_by(|a, b| a.prefix().cmp(b.prefix()));
    services.dedup_by(|a, b| a.prefix() == b.prefix());
    let services: Vec<Names<'_>> = services.into_iter().cloned().collect();
    let in_order: Vec<Placed<'_>> = placed.iter().map(|(pattern, emitted, _)| Placed { pattern, emitted: *emitted }).collect();
    let gone = superfluous(&in_order, &services);
    let items: Vec<Item> = placed
        .iter()
        .zip(gone)
        .filter(|(_, gone)| !gone)
        .map(|((pattern, emitted, at), _)| if *emitted { Item::New { pattern: pattern.as_str().to_owned(), at: *at } } else { Item::Kept(*at) })
        .collect();
    let edit = if items.is_empty() { StatementEdit::Remove } else { StatementEdit::Actions(ActionEdit { negated: false, items }) };
    Decision { edit, kept }
}

fn fate<'a>(pattern: &ActionPattern, unused: &Unused, known: &'a KnownActions<'_>, mode: Generalization) -> Fate<'a> {
    let services: Vec<&str> = match pattern.service() {
        Some(service) => vec![service],
        None => known.services(),
    };
    if !services.iter().any(|service| unused.touches(service)) {
        return Fate::Keep(untouched_reason(pattern, known));
    }
    let mut out = Vec::new();
    let mut names_of = Vec::new();
    let (mut any_kept, mut any_dropped) = (false, false);
    for service in services {
        let names = Names::of(known, service);
        let (dropped, kept) = names.split(pattern.name_glob(), |name| unused.names(service, name));
        any_kept |= !kept.is_empty();
        any_dropped |= !dropped.is_empty();
        if kept.is_empty() {
            continue;
        }
        let prefix = names.prefix();
        match mode {
            Generalization::Closed => out.extend(kept.iter().map(|name| format!("{prefix}:{name}"))),
            Generalization::Open if dropped.is_empty() => out.push(format!("{prefix}:*")),
            Generalization::Open => {
                let walk = Walk { kept: &kept, barred: &dropped, barred_globs: &[] };
                out.extend(walk.patterns(pattern.name_glob()).into_iter().map(|p| format!("{prefix}:{p}")));
            }
        }
        names_of.push(names);
    }
    match (any_dropped, any_kept) {
        (false, _) => Fate::Keep(untouched_reason(pattern, known)),
        (true, false) => Fate::Drop,
        (true, true) => {
            out.sort_unstable();
            Fate::Replace(out, names_of)
        }
    }
}

/// Why a pattern of which nothing is reported stays.
fn untouched_reason(pattern: &ActionPattern, known: &KnownActions<'_>) -> KeptReason {
    let Some(service) = pattern.service() else { return KeptReason::NothingUnused };
    if let Some(name) = pattern.as_name() {
        return if known.catalogued(service, name.name()) { KeptReason::NothingUnused } else { KeptReason::UnknownName };
    }
    let any = known.names(service).any(|name| pattern.matches(service, name));
    if any { KeptReason::NothingUnused } else { KeptReason::MatchesNothingKnown }
}
