//! Refines the `NotAction` element of one Allow statement: removal means adding to the list.
//!
//! `docs/refinement.md`, "`NotAction` in an Allow statement". The dual of the rule for `Action`: prefixes that
//! cover what is reported and nothing that is kept. Decides; writes no text and proves nothing.

use std::rc::Rc;

use leastwise_policy::action::ActionPattern;
use leastwise_policy::document::ActionElement;
use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};

use super::cover::{Placed, Reached, superfluous};
use super::names::{Names, Service, Services};
use super::prefixes::Walk;
use super::statement::Decision;
use super::{Generalization, Kept, KeptReason, NotActionForm};

/// What a `NotAction` list grants in one service: reported, and not reported.
struct Granted<'a> {
    service: Rc<Service<'a>>,
    dropped: Names<'a>,
    kept: Names<'a>,
}

/// Refines a `NotAction` list of an Allow statement.
pub(crate) fn refine_not_actions(
    actions: &ActionElement,
    services: &Services<'_>,
    mode: Generalization,
    form: NotActionForm,
) -> Decision {
    let kept: Vec<Kept> = actions
        .patterns
        .iter()
        .map(|p| Kept { pattern: p.what.as_str().to_owned(), reason: KeptReason::StillExcluded })
        .collect();
    let granted: Vec<Granted<'_>> =
        services.known().services().into_iter().map(|service| granted_in(services.of(service), actions)).collect();
    if granted.iter().all(|g| g.dropped.is_empty()) {
        return Decision { edit: StatementEdit::Keep, kept, compactness: None };
    }
    if granted.iter().all(|g| g.kept.is_empty()) {
        return Decision { edit: StatementEdit::Remove, kept: Vec::new(), compactness: None };
    }
    let additions = exclusions(&granted);
    let at = actions.patterns.len().saturating_sub(1);
    if form == NotActionForm::RewriteWhenShorter {
        let inclusions = inclusions(&granted, actions, mode);
        let length = |patterns: &[String]| patterns.iter().map(|p| p.len() + 3).sum::<usize>();
        let written: usize = actions.patterns.iter().map(|p| p.what.as_str().len() + 3).sum();
        if length(&inclusions) < length(&additions) + written {
            let items = inclusions.into_iter().map(|pattern| Item::New { pattern, at }).collect();
            return Decision {
                edit: StatementEdit::Actions(ActionEdit { negated: false, items }),
                kept: Vec::new(),
                compactness: None,
            };
        }
    }
    let mut items: Vec<Item> = (0..actions.patterns.len()).map(Item::Kept).collect();
    items.extend(additions.into_iter().map(|pattern| Item::New { pattern, at }));
    Decision { edit: StatementEdit::Actions(ActionEdit { negated: true, items }), kept, compactness: None }
}

fn granted_in<'a>(service: Rc<Service<'a>>, actions: &ActionElement) -> Granted<'a> {
    let prefix = service.names.prefix();
    let excluding: Vec<&ActionPattern> = actions.patterns.iter().map(|p| &p.what).filter(|p| p.reaches(prefix)).collect();
    let (dropped, kept) = service.split_where(|name| !excluding.iter().any(|p| p.matches(prefix, name)));
    Granted { service, dropped, kept }
}

/// What is added to the list: whole services first, then the shortest prefixes that meet nothing kept.
fn exclusions(granted: &[Granted<'_>]) -> Vec<String> {
    let (mut whole, mut narrower) = (Vec::new(), Vec::new());
    let mut reached = Vec::new();
    for service in granted.iter().filter(|g| !g.dropped.is_empty()) {
        let prefix = service.service.names.prefix();
        if service.kept.is_empty() {
            whole.push([prefix, ":*"].concat());
            continue;
        }
        let walk = Walk { kept: &service.dropped, barred: &service.kept, barred_globs: &[] };
        let prefixes = walk.patterns("*");
        narrower.extend(prefixes.patterns.iter().map(|p| [prefix, ":", p].concat()));
        reached.push(Reached { names: &service.dropped, disjoint: prefixes.disjoint });
    }
    whole.sort_unstable();
    whole.extend(without_superfluous(narrower, &reached));
    whole
}

/// What an `Action` list grants instead: within a service, prefixes that meet neither what is reported nor,
/// over all strings, what the original excludes.
fn inclusions(granted: &[Granted<'_>], actions: &ActionElement, mode: Generalization) -> Vec<String> {
    let mut out = Vec::new();
    let mut reached = Vec::new();
    for service in granted.iter().filter(|g| !g.kept.is_empty()) {
        let prefix = service.service.names.prefix();
        let globs: Vec<&str> = actions.patterns.iter().filter(|p| p.what.reaches(prefix)).map(|p| p.what.name_glob()).collect();
        let mut disjoint = true;
        if mode == Generalization::Closed {
            out.extend(service.kept.iter().map(|name| [prefix, ":", name].concat()));
        } else if globs.is_empty() && service.dropped.is_empty() {
            out.push([prefix, ":*"].concat());
        } else {
            let walk = Walk { kept: &service.kept, barred: &service.dropped, barred_globs: &globs };
            let prefixes = walk.patterns("*");
            out.extend(prefixes.patterns.iter().map(|p| [prefix, ":", p].concat()));
            disjoint = prefixes.disjoint;
        }
        reached.push(Reached { names: &service.service.names, disjoint });
    }
    without_superfluous(out, &reached)
}

fn without_superfluous(mut patterns: Vec<String>, services: &[Reached<'_, '_>]) -> Vec<String> {
    // Nearly in order already, service by service.
    patterns.sort();
    let parsed: Vec<ActionPattern> = patterns.iter().filter_map(|p| ActionPattern::parse(p).ok()).collect();
    let placed: Vec<Placed<'_>> = parsed.iter().map(|pattern| Placed { pattern, emitted: true, source: 0 }).collect();
    let gone = superfluous(&placed, services);
    patterns.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(p, _)| p).collect()
}
