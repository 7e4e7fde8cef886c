//! Refines the `Action` element of one Allow statement, pattern by pattern.
//!
//! `docs/refinement.md`, "`Action` in an Allow statement". Decides what each pattern becomes; writes
//! no text and proves nothing.

use std::borrow::Cow;
use std::rc::Rc;

use leastwise_policy::ActionPattern;
use leastwise_policy::document::ActionElement;
use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::known::KnownActions;

use super::compact::{Compactness, compact};
use super::cover::{Placed, Reached, superfluous};
use super::names::{Service, Services};
use super::prefixes::Walk;
use super::{Choices, Generalization, Kept, KeptReason};

/// What becomes of one statement, and why.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    pub(crate) edit: StatementEdit,
    pub(crate) kept: Vec<Kept>,
    pub(crate) compactness: Option<Compactness>,
}

/// What becomes of one pattern.
enum Fate<'a> {
    Keep(KeptReason),
    Drop,
    /// The patterns that take its place, sorted, and the services in which they are, each with
    /// whether they are disjoint there.
    Replace(Vec<String>, Vec<(Rc<Service<'a>>, bool)>),
}

/// Refines an `Action` list of an Allow statement.
pub(crate) fn refine_actions(actions: &ActionElement, services: &Services<'_>, choices: Choices) -> Decision {
    let mode = choices.generalization;
    let fates: Vec<Fate<'_>> = actions.patterns.iter().map(|p| fate(&p.what, services, mode)).collect();
    let mut kept = Vec::new();
    let mut placed: Vec<(Cow<'_, ActionPattern>, bool, usize)> = Vec::with_capacity(fates.len());
    let mut touched: Vec<Reached<'_, '_>> = Vec::new();
    let mut changed = false;
    for (at, (fate, written)) in fates.iter().zip(&actions.patterns).enumerate() {
        match fate {
            Fate::Keep(reason) => {
                kept.push(Kept { pattern: written.what.as_str().to_owned(), reason: *reason });
                placed.push((Cow::Borrowed(&written.what), false, at));
            }
            Fate::Drop => changed = true,
            Fate::Replace(patterns, names) => {
                changed = true;
                // What is emitted begins with a service, so it parses.
                placed.extend(patterns.iter().filter_map(|p| ActionPattern::parse(p).ok()).map(|p| (Cow::Owned(p), true, at)));
                touched.extend(names.iter().map(|(service, disjoint)| Reached { names: &service.names, disjoint: *disjoint }));
            }
        }
    }
    if !changed {
        return Decision { edit: StatementEdit::Keep, kept, compactness: None };
    }
    if choices.compact && mode == Generalization::Open {
        let replaced: Vec<bool> = fates.iter().map(|f| matches!(f, Fate::Replace(..))).collect();
        let dropped: Vec<bool> = fates.iter().map(|f| matches!(f, Fate::Drop)).collect();
        let (items, compactness) = compact(actions, &replaced, &dropped, services.unused(), services.known());
        return Decision { edit: edit_of(items), kept, compactness: Some(compactness) };
    }
    touched.sort_by(|a, b| a.names.prefix().cmp(b.names.prefix()));
    touched.dedup_by(|a, b| a.names.prefix() == b.names.prefix());
    let in_order: Vec<Placed<'_>> =
        placed.iter().map(|(pattern, emitted, at)| Placed { pattern, emitted: *emitted, source: *at }).collect();
    let gone = superfluous(&in_order, &touched);
    let items: Vec<Item> = placed
        .iter()
        .zip(gone)
        .filter(|(_, gone)| !gone)
        .map(
            |((pattern, emitted, at), _)| {
                if *emitted { Item::New { pattern: pattern.as_str().to_owned(), at: *at } } else { Item::Kept(*at) }
            },
        )
        .collect();
    Decision { edit: edit_of(items), kept, compactness: None }
}

fn edit_of(items: Vec<Item>) -> StatementEdit {
    if items.is_empty() { StatementEdit::Remove } else { StatementEdit::Actions(ActionEdit { negated: false, items }) }
}

fn fate<'a>(pattern: &ActionPattern, all: &Services<'a>, mode: Generalization) -> Fate<'a> {
    let (unused, known) = (all.unused(), all.known());
    if let Some((service, name)) = pattern.exact() {
        return if unused.names(service, name) { Fate::Drop } else { Fate::Keep(untouched_reason(pattern, known)) };
    }
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
        let names = all.of(service);
        let (dropped, kept) = names.split(pattern.name_glob());
        any_kept |= !kept.is_empty();
        any_dropped |= !dropped.is_empty();
        if kept.is_empty() {
            continue;
        }
        let prefix = names.names.prefix();
        let disjoint = match mode {
            Generalization::Closed => {
                out.extend(kept.iter().map(|name| [prefix, ":", name].concat()));
                true
            }
            Generalization::Open if dropped.is_empty() => {
                out.push([prefix, ":*"].concat());
                true
            }
            Generalization::Open => {
                let walk = Walk { kept: &kept, barred: &dropped, barred_globs: &[] };
                let prefixes = walk.patterns(pattern.name_glob());
                out.extend(prefixes.patterns.iter().map(|p| [prefix, ":", p].concat()));
                prefixes.disjoint
            }
        };
        names_of.push((names, disjoint));
    }
    match (any_dropped, any_kept) {
        (false, _) => Fate::Keep(untouched_reason(pattern, known)),
        (true, false) => Fate::Drop,
        (true, true) => {
            // Nearly in order already, service by service.
            out.sort();
            Fate::Replace(out, names_of)
        }
    }
}

/// Why a pattern of which nothing is reported stays.
fn untouched_reason(pattern: &ActionPattern, known: &KnownActions<'_>) -> KeptReason {
    let Some(service) = pattern.service() else { return KeptReason::NothingUnused };
    if let Some((service, name)) = pattern.exact() {
        return if known.adds(service, name) { KeptReason::UnknownName } else { KeptReason::NothingUnused };
    }
    if known.any_matches(service, pattern) { KeptReason::NothingUnused } else { KeptReason::MatchesNothingKnown }
}
