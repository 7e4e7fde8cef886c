//! The difference between two catalogues: services and actions that came or went, access levels that changed.
//!
//! Read by `leastwise catalog diff`. Names are compared without regard to case; other facts are not compared.

use super::Catalogue;
use super::access_level::AccessLevels;
use super::service::{Service, compare_ignoring_case};
use std::cmp::Ordering;

/// An action whose access levels are not the same in both catalogues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLevelChange {
    /// The action's name without its prefix, in the newer spelling.
    pub action: String,
    /// Levels in the older catalogue.
    pub old: AccessLevels,
    /// Levels in the newer catalogue.
    pub new: AccessLevels,
}

/// What differs in a service that both catalogues have; nothing here is empty throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceDiff {
    /// The service's prefix, in the newer spelling.
    pub prefix: String,
    /// Names of actions that only the newer catalogue has.
    pub added: Vec<String>,
    /// Names of actions that only the older catalogue has.
    pub removed: Vec<String>,
    /// Actions of both with different access levels.
    pub access_levels: Vec<AccessLevelChange>,
}

/// What differs between two catalogues; every list is sorted by lower-cased bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogueDiff {
    /// Prefixes of services that only the newer catalogue has.
    pub services_added: Vec<String>,
    /// Prefixes of services that only the older catalogue has.
    pub services_removed: Vec<String>,
    /// Services of both whose actions differ.
    pub services_changed: Vec<ServiceDiff>,
}

impl CatalogueDiff {
    /// Whether the catalogues know the same services, actions and access levels.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services_added.is_empty() && self.services_removed.is_empty() && self.services_changed.is_empty()
    }
}

/// Which of two sorted lists an item is in.
enum Side<T> {
    Old(T),
    New(T),
    Both(T, T),
}

/// Walks two lists that are sorted by the lower-cased bytes of `name`, side by side.
fn merged<T: Copy>(old: impl Iterator<Item = T>, new: impl Iterator<Item = T>, name: impl Fn(&T) -> &str) -> Vec<Side<T>> {
    let (mut old, mut new) = (old.peekable(), new.peekable());
    let mut sides = Vec::new();
    loop {
        let order = match (old.peek(), new.peek()) {
            (Some(one), Some(other)) => compare_ignoring_case(name(one), name(other)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return sides,
        };
        match order {
            Ordering::Less => sides.extend(old.next().map(Side::Old)),
            Ordering::Greater => sides.extend(new.next().map(Side::New)),
            Ordering::Equal => sides.extend(old.next().zip(new.next()).map(|(one, other)| Side::Both(one, other))),
        }
    }
}

/// What `new` has and `old` has not, and the reverse.
#[must_use]
pub fn diff(old: &Catalogue, new: &Catalogue) -> CatalogueDiff {
    let mut found = CatalogueDiff::default();
    for side in merged(old.services(), new.services(), |service| service.prefix()) {
        match side {
            Side::Old(service) => found.services_removed.push(service.prefix().to_owned()),
            Side::New(service) => found.services_added.push(service.prefix().to_owned()),
            Side::Both(old, new) => found.services_changed.extend(service_diff(old, new)),
        }
    }
    found
}

fn service_diff(old: &Service, new: &Service) -> Option<ServiceDiff> {
    let prefix = new.prefix().to_owned();
    let mut found = ServiceDiff { prefix, added: Vec::new(), removed: Vec::new(), access_levels: Vec::new() };
    for side in merged(old.actions(), new.actions(), |action| action.name()) {
        match side {
            Side::Old(action) => found.removed.push(action.name().to_owned()),
            Side::New(action) => found.added.push(action.name().to_owned()),
            Side::Both(old, new) if old.access_levels() != new.access_levels() => found.access_levels.push(AccessLevelChange {
                action: new.name().to_owned(),
                old: old.access_levels(),
                new: new.access_levels(),
            }),
            Side::Both(..) => {}
        }
    }
    let differs = !(found.added.is_empty() && found.removed.is_empty() && found.access_levels.is_empty());
    differs.then_some(found)
}
