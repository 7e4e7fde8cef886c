//! The known names of the services that a proof touches: in lower case, in order, with what the list calls unused.
//!
//! Built service by service when first asked for. It answers which known names a set of patterns matches, by the
//! proof's own matching; which names are known is the policy crate's vocabulary.

use std::collections::HashMap;
use std::rc::Rc;

use leastwise_policy::{Catalogue, KnownActions, Policy, Unused};

use crate::clause::{Clause, NamePattern, ServiceSet};

/// The known actions of one proof.
#[derive(Debug)]
pub(crate) struct KnownNames<'a> {
    known: KnownActions<'a>,
    unused: &'a Unused,
    services: HashMap<Box<str>, Rc<ServiceNames>>,
}

/// The known names of one service.
#[derive(Debug)]
pub(crate) struct ServiceNames {
    /// The prefix as it is written.
    pub(crate) prefix: Box<str>,
    spelled: Vec<Box<str>>,
    lower: Vec<Box<str>>,
    unused: Names,
    catalogued: usize,
}

/// A set of names of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    words: Vec<u64>,
}

impl<'a> KnownNames<'a> {
    /// Nothing is read yet but the names that `original` and `unused` add.
    pub(crate) fn new(catalogue: &'a Catalogue, unused: &'a Unused, original: &Policy) -> KnownNames<'a> {
        KnownNames { known: KnownActions::new(catalogue, unused, &[original]), unused, services: HashMap::new() }
    }

    /// The unused list.
    pub(crate) fn unused(&self) -> &'a Unused {
        self.unused
    }

    /// Prefixes, in lower case, of all services that have a known action.
    pub(crate) fn services(&self) -> Vec<String> {
        self.known.services().into_iter().map(str::to_ascii_lowercase).collect()
    }

    /// Prefixes, in lower case, of the services about which the unused list says something.
    pub(crate) fn touched(&self) -> Vec<String> {
        let mut services: Vec<String> = self.unused.services().map(str::to_owned).collect();
        for action in self.unused.actions() {
            if services.last().is_none_or(|last| !last.eq_ignore_ascii_case(action.service())) {
                services.push(action.service().to_ascii_lowercase());
            }
        }
        services.sort_unstable();
        services.dedup();
        services
    }

    /// The names of one service, whose prefix is given in lower case.
    pub(crate) fn of(&mut self, service: &str) -> Rc<ServiceNames> {
        if let Some(names) = self.services.get(service) {
            return Rc::clone(names);
        }
        let names = Rc::new(self.read(service));
        self.services.insert(service.into(), Rc::clone(&names));
        names
    }

    fn read(&self, service: &str) -> ServiceNames {
        let mut pairs: Vec<(Box<str>, Box<str>)> =
            self.known.names(service).map(|name| (name.to_ascii_lowercase().into(), name.into())).collect();
        let catalogued = pairs.iter().filter(|(lower, _)| self.known.catalogued(service, lower)).count();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        let (lower, spelled): (Vec<Box<str>>, Vec<Box<str>>) = pairs.into_iter().unzip();
        let mut unused = Names::none(lower.len());
        if self.unused.names_service(service) {
            unused = Names::all(lower.len());
        } else if self.unused.touches(service) {
            for (at, name) in lower.iter().enumerate() {
                if self.unused.names(service, name) {
                    unused.add(at);
                }
            }
        }
        let prefix = self.known.prefix(service).unwrap_or(service).into();
        ServiceNames { prefix, spelled, lower, unused, catalogued }
    }

    /// Whether the catalogue itself has the action.
    pub(crate) fn catalogued(&self, service: &str, name: &str) -> bool {
        self.known.catalogued(service, name)
    }
}

impl ServiceNames {
    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.lower.len()
    }

    /// The names that the list calls unused.
    pub(crate) fn unused(&self) -> &Names {
        &self.unused
    }

    /// The name at a place, in lower case.
    pub(crate) fn lower(&self, at: usize) -> &str {
        self.lower.get(at).map_or("", |name| name)
    }

    /// The place of a name given in lower case.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.lower.binary_search_by(|own| (**own).cmp(name)).ok()
    }

    /// The whole action at a place, as it is written.
    pub(crate) fn action(&self, at: usize) -> String {
        format!("{}:{}", self.prefix, self.spelled.get(at).map_or("", |name| name))
    }

    /// The names that one pattern of this service matches.
    pub(crate) fn mark(&self, pattern: NamePattern<'_>, marks: &mut Names) {
        if pattern.is_name() {
            if let Ok(at) = self.lower.binary_search_by(|name| (**name).cmp(pattern.glob)) {
                marks.add(at);
            }
            return;
        }
        let from = self.lower.partition_point(|name| &**name < pattern.literal);
        let all = pattern.is_prefix();
        for (at, name) in self.lower.iter().enumerate().skip(from) {
            if !name.starts_with(pattern.literal) {
                break;
            }
            if all || pattern.matches(name) {
                marks.add(at);
            }
        }
    }

    /// The names that some pattern of this service matches.
    pub(crate) fn matched(&self, patterns: ServiceSet<'_>) -> Names {
        let mut marks = Names::none(self.len());
        for pattern in patterns.patterns() {
            self.mark(pattern, &mut marks);
        }
        marks
    }

    /// The known names of this service that a statement with these patterns, or with all but these, matches.
    pub(crate) fn granted(&self, clause: &Clause<'_>, service: &str) -> Names {
        let set = clause.set();
        let listed = if set.everything { Names::all(self.len()) } else { self.matched(set.of_service(service)) };
        if !clause.negated() {
            return listed;
        }
        let mut rest = Names::all(self.len());
        rest.remove(&listed);
        rest
    }

    /// The first of `names` by the catalogue's names before those that it lacks.
    pub(crate) fn best(&self, names: &Names, known: &KnownNames<'_>) -> Option<usize> {
        let catalogued = |at: &usize| self.catalogued == self.len() || known.catalogued(&self.prefix, self.lower(*at));
        names.iter().find(catalogued).or_else(|| names.iter().next())
    }
}

impl Names {
    /// No name out of `count`.
    pub(crate) fn none(count: usize) -> Names {
        Names { words: vec![0; count.div_ceil(64)] }
    }

    /// All of `count` names.
    pub(crate) fn all(count: usize) -> Names {
        let mut names = Names { words: vec![u64::MAX; count.div_ceil(64)] };
        if let (Some(last), rest @ 1..) = (names.words.last_mut(), count % 64) {
            *last = (1 << rest) - 1;
        }
        names
    }

    /// Puts one in.
    pub(crate) fn add(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Whether one is in.
    pub(crate) fn has(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Leaves only those that are in `other` too.
    pub(crate) fn keep(&mut self, other: &Names) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Leaves only those that are not in `other`.
    pub(crate) fn remove(&mut self, other: &Names) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The places, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words
            .iter()
            .enumerate()
            .flat_map(|(at, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 64 + bit))
    }
}
