//! Which condition keys an action's requests carry, by the catalog: its own, and those of the resource types that it acts on.
//!
//! Shared by the checks of keys that never come. What the catalog does not know is taken to be carried.

use leastwise_policy::catalogue::{Action, Service};
use leastwise_policy::{ActionPattern, Catalogue, global_keys};

/// What is known of an action, or of those that a pattern matches, and a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// Some action's requests carry it.
    Yes,
    /// No action's requests do.
    No,
    /// The action is not in the catalog, or may be of any service.
    Unknown,
}

/// Whether requests of the actions that the pattern matches carry the key.
pub(super) fn carries(catalogue: &Catalogue, pattern: &ActionPattern, key: &str) -> Carries {
    let Some(service) = pattern.service().and_then(|prefix| catalogue.service(prefix)) else { return Carries::Unknown };
    if !pattern.has_wildcard() {
        let Some(action) = service.action(pattern.name_glob()) else { return Carries::Unknown };
        return if action_carries(action, key) { Carries::Yes } else { Carries::No };
    }
    if !service_knows(service, key) && global_keys::value_type(key).is_none() {
        return Carries::No;
    }
    let mut matched = false;
    for action in service.actions().filter(|action| pattern.matches(service.prefix(), action.name())) {
        matched = true;
        if action_carries(action, key) {
            return Carries::Yes;
        }
    }
    if matched { Carries::No } else { Carries::Unknown }
}

/// Whether the service lists the key among those of its actions or resource types.
pub(super) fn service_knows(service: &Service, key: &str) -> bool {
    service.condition_key(key).is_some() || service.condition_keys().iter().any(|own| global_keys::names(&own.name, key))
}

fn action_carries(action: Action<'_>, key: &str) -> bool {
    // A service's own key of tags is an older name of the global one.
    let tag =
        key.split_once(':').filter(|(_, name)| name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("ResourceTag/")));
    let alias =
        tag.filter(|(prefix, _)| prefix.eq_ignore_ascii_case(action.service().prefix())).map(|(_, name)| format!("aws:{name}"));
    let names = |own: &str| global_keys::names(own, key) || alias.as_ref().is_some_and(|alias| global_keys::names(own, alias));
    action.condition_keys().any(|own| names(&own.name))
        || action.resource_types().any(|on| {
            on.condition_keys().any(|own| names(&own.name))
                || on.resource_type().is_some_and(|kind| kind.condition_keys.iter().any(|own| names(own)))
        })
}
