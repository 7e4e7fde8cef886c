//! Sets of known actions, as bits over the catalogue.
//!
//! Groundwork of the access model: a policy grants thousands of actions and an organization has a hundred thousand
//! policies, so sets are ranges of bits. It expands patterns over the catalogue and decides nothing else.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use leastwise_policy::ActionPattern;
use leastwise_policy::action::compare_ignoring_case;
use leastwise_policy::catalogue::Catalogue;
use leastwise_policy::glob::{Case, matches};

/// An action of the catalogue, by its place in it. Order is that of the catalogue: service prefix, then name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(u32);

/// A set of the catalogue's actions. Only the words between the least and the greatest member are held.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ActionSet {
    first: usize,
    words: Vec<u64>,
}

impl fmt::Debug for ActionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl ActionSet {
    /// The set without members, as a constant.
    pub(super) const EMPTY: ActionSet = ActionSet { first: 0, words: Vec::new() };

    /// The set without members.
    #[must_use]
    pub fn new() -> ActionSet {
        ActionSet::default()
    }

    /// Whether `action` is a member.
    #[must_use]
    pub fn contains(&self, action: ActionId) -> bool {
        self.word(action.0 as usize / 64) & (1 << (action.0 % 64)) != 0
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members, in the catalogue's order.
    pub fn iter(&self) -> impl Iterator<Item = ActionId> + '_ {
        self.words.iter().enumerate().flat_map(move |(index, word)| {
            let base = (self.first + index) * 64;
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then(|| ActionId(u32::try_from(base).unwrap_or(u32::MAX).saturating_add(bit)))
            })
        })
    }

    /// Adds `action`.
    pub fn insert(&mut self, action: ActionId) {
        let at = action.0 as usize / 64;
        self.reach(at, at + 1);
        if let Some(word) = at.checked_sub(self.first).and_then(|at| self.words.get_mut(at)) {
            *word |= 1 << (action.0 % 64);
        }
    }

    /// Adds every member of `other`.
    pub fn add_all(&mut self, other: &ActionSet) {
        if other.words.is_empty() {
            return;
        }
        self.reach(other.first, other.first + other.words.len());
        for (word, more) in self.words.iter_mut().skip(other.first - self.first).zip(&other.words) {
            *word |= more;
        }
    }

    /// Removes every member of `other`.
    pub fn remove_all(&mut self, other: &ActionSet) {
        let first = self.first;
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= !other.word(first + index);
        }
    }

    /// Keeps only the members that `other` has too.
    pub fn keep_all(&mut self, other: &ActionSet) {
        let first = self.first;
        for (index, word) in self.words.iter_mut().enumerate() {
            *word &= other.word(first + index);
        }
    }

    fn word(&self, at: usize) -> u64 {
        at.checked_sub(self.first).and_then(|at| self.words.get(at)).copied().unwrap_or_default()
    }

    /// Makes room for the words from `from` to before `to`.
    fn reach(&mut self, from: usize, to: usize) {
        if self.words.is_empty() {
            self.first = from;
        }
        if from < self.first {
            self.words.splice(0..0, std::iter::repeat_n(0, self.first - from));
            self.first = from;
        }
        if to > self.first + self.words.len() {
            self.words.resize(to - self.first, 0);
        }
    }
}

/// The catalogue's actions by number, and what patterns match among them.
#[derive(Debug)]
pub struct ActionIndex<'c> {
    catalogue: &'c Catalogue,
    /// For each service in the catalogue's order: its prefix and the number of its first action.
    services: Vec<(&'c str, u32)>,
    names: Vec<&'c str>,
    /// By pattern in lower case, those with a wildcard only.
    expanded: Mutex<HashMap<Box<str>, Arc<ActionSet>>>,
}

impl<'c> ActionIndex<'c> {
    /// Numbers the actions of `catalogue`.
    #[must_use]
    pub fn new(catalogue: &'c Catalogue) -> ActionIndex<'c> {
        let (mut services, mut names) = (Vec::new(), Vec::new());
        for service in catalogue.services() {
            services.push((service.prefix(), u32::try_from(names.len()).unwrap_or(u32::MAX)));
            names.extend(service.action_names());
        }
        ActionIndex { catalogue, services, names, expanded: Mutex::default() }
    }

    /// The catalogue.
    #[must_use]
    pub fn catalogue(&self) -> &'c Catalogue {
        self.catalogue
    }

    /// Service prefix and name of an action, in the catalogue's spelling.
    #[must_use]
    pub fn name(&self, action: ActionId) -> (&'c str, &'c str) {
        let service = self.services.partition_point(|(_, first)| *first <= action.0).saturating_sub(1);
        let prefix = self.services.get(service).map_or("", |(prefix, _)| prefix);
        (prefix, self.names.get(action.0 as usize).copied().unwrap_or_default())
    }

    /// The action of that service and name, ignoring case; none when the catalogue lacks it.
    #[must_use]
    pub fn action(&self, service: &str, name: &str) -> Option<ActionId> {
        let (start, end) = self.range(service)?;
        let names = self.names.get(start..end)?;
        let at = names.binary_search_by(|own| compare_ignoring_case(own, name)).ok()?;
        u32::try_from(start + at).ok().map(ActionId)
    }

    /// All known actions of one service; empty when the catalogue lacks the service.
    #[must_use]
    pub fn service(&self, prefix: &str) -> ActionSet {
        self.of_range(self.range(prefix).unwrap_or_default(), |_| true)
    }

    /// All known actions.
    #[must_use]
    pub fn all(&self) -> ActionSet {
        self.of_range((0, self.names.len()), |_| true)
    }

    /// The known actions that `pattern` matches.
    #[must_use]
    pub fn matching(&self, pattern: &ActionPattern) -> Arc<ActionSet> {
        if !pattern.has_wildcard() {
            let mut set = ActionSet::new();
            if let Some(action) = self.action(pattern.service().unwrap_or_default(), pattern.name_glob()) {
                set.insert(action);
            }
            return Arc::new(set);
        }
        let key: Box<str> = pattern.as_str().to_ascii_lowercase().into();
        if let Some(known) = self.expanded.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Arc::clone(known);
        }
        let range = match pattern.service() {
            None => (0, self.names.len()),
            Some(service) => self.range(service).unwrap_or_default(),
        };
        let glob = pattern.name_glob();
        let set = Arc::new(self.of_range(range, |name| matches(glob, name, Case::Ignored)));
        self.expanded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&set));
        set
    }

    fn range(&self, service: &str) -> Option<(usize, usize)> {
        let at = self.services.binary_search_by(|(prefix, _)| compare_ignoring_case(prefix, service)).ok()?;
        let start = self.services.get(at)?.1 as usize;
        let end = self.services.get(at + 1).map_or(self.names.len(), |(_, first)| *first as usize);
        Some((start, end))
    }

    fn of_range(&self, (start, end): (usize, usize), wanted: impl Fn(&str) -> bool) -> ActionSet {
        let mut set = ActionSet::new();
        for (at, name) in self.names.iter().enumerate().take(end).skip(start) {
            if wanted(name)
                && let Ok(at) = u32::try_from(at)
            {
                set.insert(ActionId(at));
            }
        }
        set
    }
}
