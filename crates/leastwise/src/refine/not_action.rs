//! Refines the `NotAction` element of one Allow statement: removal means adding to the list.
//!
//! `refinement.md`, "`NotAction` in an Allow statement". The dual of the rule for `Action`: prefixes that
//! cover what is reported and nothing that is kept. Decides; writes no text and proves nothing.

use leastwise_policy::Unused;
use leastwise_policy::action::ActionPattern;
use leastwise_policy::document::ActionElement;
use leastwise_policy::edit::{ActionEdit, Item, StatementEdit};
use leastwise_policy::known::KnownActions;

use super::cover::{Placed, superfluous};
use super::names::Names;
use super::prefixes::Walk;
use super::statement::Decision;
use super::{Generalization, Kept, KeptReason, NotActionForm};

/// What a `NotAction` list grants in one service: reported, and not reported.
struct Granted<'a> {
    names: Names<'a>,
    dropped: Names<'a>,
    kept: Names<'a>,
}

/// Refines a `NotAction` list of an Allow statement.
pub(crate) fn refine_not_actions(
    actions: &ActionElement,
    unused: &Unused,
    known: &KnownActions<'_>,
    mode: Generalization,
    form: NotActionForm,
) -> Decision {
    let kept: Vec<Kept> = actions
        .patterns
        .iter()
        .map(|p| Kept { pattern: p.what.as_str().to_owned(), reason: KeptReason::StillExcluded })
        .collect();
    let granted: Vec<Granted<'_>> =
        known.services().into_iter().map(|service| granted_in(service, actions, unused, known)).collect();
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

fn granted_in<'a>(service: &str, actions: &ActionElement, unused: &Unused, known: &'a KnownActions<'_>) -> Granted<'a> {
    let names = Names::of(known, service);
    let excluding: Vec<&ActionPattern> = actions.patterns.iter().map(|p| &p.what).filter(|p| p.reaches(service)).collect();
    let free = if excluding.is_empty() {
        names.clone()
    } else {
        names.split("*", |name| !excluding.iter().any(|p| p.matches(service, name))).0
    };
    let (dropped, kept) = free.split("*", |name| unused.names(service, name));
    Granted { names, dropped, kept }
}

/// What is added to the list: whole services first, then the shortest prefixes that meet nothing kept.
fn exclusions(granted: &[Granted<'_>]) -> Vec<String> {
    let (mut whole, mut prefixes) = (Vec::new(), Vec::new());
    let mut names = Vec::new();
    for service in granted.iter().filter(|g| !g.dropped.is_empty()) {
        let prefix = service.names.prefix();
        if service.kept.is_empty() {
            whole.push(format!("{prefix}:*"));
            continue;
        }
        let walk = Walk { kept: &service.dropped, barred: &service.kept, barred_globs: &[] };
        prefixes.extend(walk.patterns("*").into_iter().map(|p| format!("{prefix}:{p}")));
        names.push(service.dropped.clone());
    }
    whole.sort_unstable();
    whole.extend(without_superfluous(prefixes, &names));
    whole
}

/// What an `Action` list grants instead: within a service, prefixes that meet neither what is reported nor,
/// over all strings, what the original excludes.
fn inclusions(granted: &[Granted<'_>], actions: &ActionElement, mode: Generalization) -> Vec<String> {
    let mut out = Vec::new();
    for service in granted.iter().filter(|g| !g.kept.is_empty()) {
        let prefix = service.names.prefix();
        if mode == Generalization::Closed {
            out.extend(service.kept.iter().map(|name| format!("{prefix}:{name}")));
            continue;
        }
        let globs: Vec<&str> = actions.patterns.iter().filter(|p| p.what.reaches(prefix)).map(|p| p.what.name_glob()).collect();
        if globs.is_empty() && service.dropped.is_empty() {
            out.push(format!("{prefix}:*"));
            continue;
        }
        let walk = Walk { kept: &service.kept, barred: &service.dropped, barred_globs: &globs };
        out.extend(walk.patterns("*").into_iter().map(|p| format!("{prefix}:{p}")));
    }
    let names: Vec<Names<'_>> = granted.iter().filter(|g| !g.kept.is_empty()).map(|g| g.names.clone()).collect();
    without_superfluous(out, &names)
}

fn without_superfluous(mut patterns: Vec<String>, services: &[Names<'_>]) -> Vec<String> {
    patterns.sort_unstable();
    let parsed: Vec<ActionPattern> = patterns.iter().filter_map(|p| ActionPattern::parse(p).ok()).collect();
    let placed: Vec<Placed<'_>> = parsed.iter().map(|pattern| Placed { pattern, emitted: true }).collect();
    let gone = superfluous(&placed, services);
    patterns.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(p, _)| p).collect()
}
