//! The known actions of one case: the catalogue, and the names that the policy and the unused list add to it.
//!
//! Retired, brand new and private names are known when somebody writes them down (`refinement.md`, Words).
//! This is vocabulary, shared by refiner and proof; it decides nothing about them.

use std::collections::BTreeMap;

use crate::action::{ActionName, compare_ignoring_case};
use crate::catalogue::Catalogue;
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
        for policy in policies {
            for statement in policy.statements() {
                for pattern in &statement.actions.patterns {
                    if let Some(name) = pattern.what.as_name() {
                        known.add(name);
                    }
                }
            }
        }
        for name in unused.actions() {
            known.add(name.clone());
        }
        known
    }

    fn add(&mut self, name: ActionName) {
        if self.catalogue.service(name.service()).is_some_and(|s| s.action(name.name()).is_some()) {
            return;
        }
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

    /// The names that the catalogue lacks.
    pub fn added(&self) -> impl Iterator<Item = &ActionName> {
        self.added.values().flatten()
    }
}
