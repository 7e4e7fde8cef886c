//! The known actions of one case: the catalogue, and the names that the policy and the unused list add to it.
//!
//! Retired, brand new and private names are known when somebody writes them down (`docs/refinement.md`, "Words").
//! This is vocabulary, shared by refiner and proof; it decides nothing about them.

use std::collections::BTreeMap;

use crate::action::{ActionName, ActionPattern, compare_ignoring_case};
use crate::catalogue::{Catalogue, Service};
use crate::document::Policy;
use crate::unused::Unused;

/// The known actions of one case, by service.
#[derive(Debug, Clone)]
pub struct KnownActions<'a> {
    catalogue: &'a Catalogue,
    /// Names that the catalogue lacks, by lower-case prefix, sorted and without doubles.
    added: BTreeMap<String, Vec<ActionName>>,
}

impl<'a> KnownActions<'a> {
    /// The catalogue's actions, the names in `unused`, and the exact names in `policies`.
    /// Where a name that the catalogue lacks is spelled in several ways, the policies' first spelling is taken.
    #[must_use]
    pub fn new(catalogue: &'a Catalogue, unused: &Unused, policies: &[&Policy]) -> KnownActions<'a> {
        let mut known = KnownActions { catalogue, added: BTreeMap::new() };
        for statement in policies.iter().flat_map(|policy| policy.statements()) {
            // Neighbours are mostly of one service, which is looked up once.
            let mut last: Option<(&str, Option<&Service>)> = None;
            for (prefix, name) in statement.actions.patterns.iter().filter_map(|pattern| pattern.what.exact()) {
                let service = match last {
                    Some((known, service)) if known == prefix => service,
                    _ => catalogue.service(prefix),
                };
                last = Some((prefix, service));
                if service.is_none_or(|s| s.action(name).is_none())
                    && let Some(name) = ActionName::of(prefix, name)
                {
                    known.add(name);
                }
            }
        }
        for row in unused.rows() {
            let service = row.first().and_then(|name| catalogue.service(name.service()));
            // A few are looked up, many are walked along.
            if let Some(service) = service.filter(|s| row.len() * 8 < s.action_names().len()) {
                row.iter().filter(|name| service.action(name.name()).is_none()).for_each(|name| known.add(name.clone()));
                continue;
            }
            let mut names = service.into_iter().flat_map(|s| s.action_names()).peekable();
            // Both are sorted ignoring case.
            for name in row {
                while names.next_if(|n| compare_ignoring_case(n, name.name()).is_lt()).is_some() {}
                if names.peek().is_none_or(|n| !n.eq_ignore_ascii_case(name.name())) {
                    known.add(name.clone());
                }
            }
        }
        known
    }

    /// Adds a name that the catalogue lacks.
    fn add(&mut self, name: ActionName) {
        let names = self.added.entry(name.service().to_ascii_lowercase()).or_default();
        if let Err(place) = names.binary_search(&name) {
            names.insert(place, name);
        }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// Whether the catalogue itself has the action, in whatever case.
    #[must_use]
    pub fn catalogued(&self, service: &str, name: &str) -> bool {
        self.catalogue.service(service).is_some_and(|s| s.action(name).is_some())
    }

    /// Every service that has a known action, as spelled prefixes, sorted ignoring case.
    #[must_use]
    pub fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> = self.catalogue.services().map(|s| s.prefix()).collect();
        services.extend(
            self.added
                .iter()
                .filter(|(prefix, _)| self.catalogue.service(prefix).is_none())
                .filter_map(|(_, names)| names.first())
                .map(ActionName::service),
        );
        services.sort_by(|a, b| compare_ignoring_case(a, b));
        services
    }

    /// The service's prefix as it is written: in the catalogue's spelling, or else as the name that added it has it.
    #[must_use]
    pub fn prefix(&self, service: &str) -> Option<&str> {
        let added = || self.added.get(&service.to_ascii_lowercase()).and_then(|names| names.first()).map(ActionName::service);
        self.catalogue.service(service).map(|s| s.prefix()).or_else(added)
    }

    /// The known names of one service, as spelled, without doubles: the catalogue's first, then the added ones.
    pub fn names(&self, service: &str) -> impl Iterator<Item = &str> {
        let catalogued = self.catalogue.service(service).into_iter().flat_map(|s| s.action_names());
        let added = if self.added.is_empty() { None } else { self.added.get(&service.to_ascii_lowercase()) };
        catalogued.chain(added.into_iter().flatten().map(ActionName::name))
    }

    /// Whether the service has a known name that the pattern matches.
    #[must_use]
    pub fn any_matches(&self, service: &str, pattern: &ActionPattern) -> bool {
        let glob = pattern.name_glob();
        let literal = glob.get(..glob.find(['*', '?']).unwrap_or(glob.len())).unwrap_or_default();
        let added = if self.added.is_empty() { None } else { self.added.get(&service.to_ascii_lowercase()) };
        let mut catalogued = self.catalogue.service(service).into_iter().flat_map(|s| s.names_starting_with(literal));
        catalogued.any(|name| pattern.matches(service, name))
            || added.into_iter().flatten().any(|name| pattern.matches(service, name.name()))
    }

    /// Whether the action is one of those that the catalogue lacks. For names that stand in the policies or the list this
    /// answers what [`KnownActions::catalogued`] answers, and more quickly.
    #[must_use]
    pub fn adds(&self, service: &str, name: &str) -> bool {
        let added = if self.added.is_empty() { None } else { self.added.get(&service.to_ascii_lowercase()) };
        added.is_some_and(|names| names.binary_search_by(|own| compare_ignoring_case(own.name(), name)).is_ok())
    }

    /// Whether the service has known names that the catalogue lacks.
    #[must_use]
    pub fn adds_to(&self, service: &str) -> bool {
        !self.added.is_empty() && self.added.contains_key(&service.to_ascii_lowercase())
    }

    /// The names that the catalogue lacks.
    pub fn added(&self) -> impl Iterator<Item = &ActionName> {
        self.added.values().flatten()
    }
}
