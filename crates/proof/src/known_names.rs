//! The known names of the services that a proof touches: in lower case, in order, with what the list calls unused.
//!
//! Built service by service when first asked for. It answers which known names a set of patterns matches, by the
//! proof's own matching; which names are known is the policy crate's vocabulary.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use leastwise_policy::action::compare_ignoring_case;
use leastwise_policy::{Catalogue, Policy, Unused};

use crate::clause::{Clause, NamePattern, ServiceSet};
use crate::search::Budget;

/// The known actions of one proof: the catalogue's, those that the list names, and the exact names in the original.
#[derive(Debug)]
pub(crate) struct KnownNames<'a> {
    catalogue: &'a Catalogue,
    unused: &'a Unused,
    original: &'a Policy,
    /// The exact names in the original, by service in lower case; read when first needed.
    written: Option<BTreeMap<String, Vec<&'a str>>>,
    services: HashMap<Box<str>, Rc<ServiceNames<'a>>>,
    /// The prefixes of all services that have a known action; found when first needed.
    prefixes: Option<Rc<[String]>>,
    /// By what a statement lists and by service, the names that it grants.
    granted: HashMap<(bool, Box<str>, Box<str>), Rc<Names>>,
}

/// Up to how many bytes a list of actions is remembered with what it grants.
const MAX_REMEMBERED: usize = 200;

/// The known names of one service.
#[derive(Debug)]
pub(crate) struct ServiceNames<'a> {
    /// The prefix as it is written.
    prefix: String,
    /// All names in lower case, one behind the other.
    text: String,
    names: Vec<Name<'a>>,
    unused: Names,
    catalogued: usize,
}

#[derive(Debug, Clone, Copy)]
struct Name<'a> {
    start: usize,
    end: usize,
    spelled: &'a str,
}

/// A set of names of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    words: Vec<u64>,
}

impl<'a> KnownNames<'a> {
    /// Reads nothing yet.
    pub(crate) fn new(catalogue: &'a Catalogue, unused: &'a Unused, original: &'a Policy) -> KnownNames<'a> {
        KnownNames {
            catalogue,
            unused,
            original,
            written: None,
            services: HashMap::new(),
            prefixes: None,
            granted: HashMap::new(),
        }
    }

    /// The unused list.
    pub(crate) fn unused(&self) -> &'a Unused {
        self.unused
    }

    fn written(&mut self) -> &BTreeMap<String, Vec<&'a str>> {
        let original = self.original;
        self.written.get_or_insert_with(|| {
            let mut written: BTreeMap<String, Vec<&'a str>> = BTreeMap::new();
            let patterns = original
                .statements()
                .iter()
                .flat_map(|s| &s.actions.patterns)
                .filter(|p| !p.what.has_wildcard() && !p.what.name_glob().is_empty());
            for pattern in patterns {
                let Some(service) = pattern.what.service() else { continue };
                let name = pattern.what.name_glob();
                match written.get_mut(service) {
                    Some(names) => names.push(name),
                    None => written.entry(service.to_ascii_lowercase()).or_default().push(name),
                }
            }
            written
        })
    }

    /// Prefixes, in lower case, of all services that have a known action.
    pub(crate) fn services(&mut self) -> Rc<[String]> {
        if let Some(prefixes) = &self.prefixes {
            return Rc::clone(prefixes);
        }
        let mut services: Vec<String> = self.catalogue.services().map(|s| s.prefix().to_ascii_lowercase()).collect();
        services.extend(self.touched());
        services.extend(self.written().keys().cloned());
        services.sort_unstable();
        services.dedup();
        let services: Rc<[String]> = services.into();
        self.prefixes = Some(Rc::clone(&services));
        services
    }

    /// The known names of a service that a statement grants or denies; none when the budget is spent.
    pub(crate) fn granted(&mut self, clause: &Clause<'_>, service: &str, budget: &Budget) -> Option<Rc<Names>> {
        let names = self.of(service);
        if !budget.spend(names.len() / 64 + 8) {
            return None;
        }
        let (negated, written) = clause.listing();
        // Long lists cost more to look up than to work out anew.
        let key = (written.len() <= MAX_REMEMBERED).then(|| (negated, Box::from(written), Box::from(service)));
        if let Some(known) = key.as_ref().and_then(|key| self.granted.get(key)) {
            return Some(Rc::clone(known));
        }
        if !budget.spend(names.cost(clause, service)) {
            return None;
        }
        let granted = Rc::new(names.granted(clause, service));
        if let Some(key) = key {
            self.granted.insert(key, Rc::clone(&granted));
        }
        Some(granted)
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
    pub(crate) fn of(&mut self, service: &str) -> Rc<ServiceNames<'a>> {
        if let Some(names) = self.services.get(service) {
            return Rc::clone(names);
        }
        let names = Rc::new(self.read(service));
        self.services.insert(service.into(), Rc::clone(&names));
        names
    }

    fn read(&mut self, service: &str) -> ServiceNames<'a> {
        let catalogue = self.catalogue.service(service);
        let mut all: Vec<&'a str> = catalogue.into_iter().flat_map(|s| s.action_names()).collect();
        let catalogued = all.len();
        let mut written = self.written().get(service).cloned().unwrap_or_default();
        written.sort_by(|a, b| compare_ignoring_case(a, b));
        merge(&mut all, &written);
        let listed: Vec<&'a str> = self.unused.actions_of(service).map(|action| action.name()).collect();
        merge(&mut all, &listed);
        let mut names = ServiceNames {
            prefix: catalogue.map_or(service, |s| s.prefix()).to_owned(),
            text: String::with_capacity(all.iter().map(|name| name.len()).sum()),
            names: Vec::with_capacity(all.len()),
            unused: Names::none(all.len()),
            catalogued,
        };
        let whole = self.unused.names_service(service);
        let mut listed = listed.into_iter().peekable();
        for (at, spelled) in all.into_iter().enumerate() {
            let start = names.text.len();
            names.text.push_str(spelled);
            names.names.push(Name { start, end: names.text.len(), spelled });
            // Both are in the same order, and every listed name is among all.
            if listed.next_if(|name| name.eq_ignore_ascii_case(spelled)).is_some() || whole {
                names.unused.add(at);
            }
        }
        names.text.make_ascii_lowercase();
        names
    }

    /// Whether the catalogue itself has the action.
    pub(crate) fn catalogued(&self, service: &str, name: &str) -> bool {
        self.catalogue.service(service).is_some_and(|s| s.action(name).is_some())
    }
}

/// Puts those of `more` that are not in `all` in their places; both are sorted ignoring case, `all` without doubles.
fn merge<'a>(all: &mut Vec<&'a str>, more: &[&'a str]) {
    let mut missing = Vec::new();
    let mut own = all.iter().peekable();
    for name in more {
        while own.next_if(|o| compare_ignoring_case(o, name) == Ordering::Less).is_some() {}
        if own.peek().is_none_or(|o| !o.eq_ignore_ascii_case(name)) {
            missing.push(*name);
        }
    }
    if missing.is_empty() {
        return;
    }
    all.extend(missing);
    // Stable: of spellings that differ in case, the one that was there first stays.
    all.sort_by(|a, b| compare_ignoring_case(a, b));
    all.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
}

impl ServiceNames<'_> {
    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The names that the list calls unused.
    pub(crate) fn unused(&self) -> &Names {
        &self.unused
    }

    fn text_of(&self, name: Name<'_>) -> &str {
        self.text.get(name.start..name.end).unwrap_or_default()
    }

    /// The name at a place, in lower case.
    pub(crate) fn lower(&self, at: usize) -> &str {
        self.names.get(at).map_or("", |name| self.text_of(*name))
    }

    /// The place of a name given in lower case.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.names.binary_search_by(|own| self.text_of(*own).cmp(name)).ok()
    }

    /// The whole action at a place, as it is written.
    pub(crate) fn action(&self, at: usize) -> String {
        format!("{}:{}", self.prefix, self.names.get(at).map_or("", |name| name.spelled))
    }

    /// The names that one pattern of this service matches.
    pub(crate) fn mark(&self, pattern: NamePattern<'_>, marks: &mut Names) {
        if pattern.is_name() {
            if let Some(at) = self.place(pattern.glob) {
                marks.add(at);
            }
            return;
        }
        let from = self.names.partition_point(|name| self.text_of(*name) < pattern.literal);
        let all = pattern.is_prefix();
        for (at, name) in self.names.iter().enumerate().skip(from) {
            let name = self.text_of(*name);
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

    /// Takes from `names` those that some pattern of this service matches.
    pub(crate) fn remove_matched(&self, patterns: ServiceSet<'_>, names: &mut Names) {
        let mut matched = Names::none(self.len());
        patterns.patterns().filter(|p| !p.is_name()).for_each(|p| self.mark(p, &mut matched));
        names.remove(&matched);
        let mut matched = Names::none(self.len());
        names.iter().filter(|at| patterns.has(self.lower(*at))).for_each(|at| matched.add(at));
        names.remove(&matched);
    }

    /// How many steps [`ServiceNames::granted`] takes.
    fn cost(&self, clause: &Clause<'_>, service: &str) -> usize {
        let set = clause.set();
        if set.everything {
            return 1;
        }
        set.of_service(service).patterns().map(|pattern| self.cost_of(pattern)).sum()
    }

    /// How many steps [`ServiceNames::mark`] takes.
    pub(crate) fn cost_of(&self, pattern: NamePattern<'_>) -> usize {
        if pattern.is_name() {
            return 8;
        }
        let from = self.names.partition_point(|name| self.text_of(*name) < pattern.literal);
        let behind = self.names.get(from..).unwrap_or_default();
        let count = behind.partition_point(|name| self.text_of(*name).starts_with(pattern.literal));
        8 + if pattern.is_prefix() { count } else { count.saturating_mul(pattern.glob.len() / 8 + 4) }
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

    /// How many words it has.
    pub(crate) fn size(&self) -> usize {
        self.words.len()
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
