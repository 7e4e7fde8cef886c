//! The known names of one service in order, so that the names behind a prefix are found by bisection.
//!
//! What the patterns of one policy are refined with; read once a service. It decides nothing.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use leastwise_policy::Unused;
use leastwise_policy::action::compare_ignoring_case;
use leastwise_policy::glob;
use leastwise_policy::known::KnownActions;

/// The known names of one service, and which of them are reported.
pub(crate) struct Service<'a> {
    pub(crate) names: Names<'a>,
    /// For each name, whether it is reported.
    reported: Vec<bool>,
}

impl<'a> Service<'a> {
    fn of(known: &'a KnownActions<'_>, unused: &Unused, service: &str) -> Service<'a> {
        let names = Names::of(known, service);
        if unused.names_service(service) {
            let reported = vec![true; names.sorted.len()];
            return Service { names, reported };
        }
        let mut reported = vec![false; names.sorted.len()];
        // Both are sorted ignoring case, and every listed name is known.
        let mut at = 0;
        for row in unused.actions_of(service) {
            while names.sorted.get(at).is_some_and(|name| !name.eq_ignore_ascii_case(row.name())) {
                at += 1;
            }
            if let Some(reported) = reported.get_mut(at) {
                *reported = true;
            }
        }
        Service { names, reported }
    }

    /// The names that the glob `pattern` matches, in two lists: those that are reported, and the others.
    pub(crate) fn split(&self, pattern: &str) -> (Names<'a>, Names<'a>) {
        self.part(self.names.places(pattern))
    }

    /// The names that fulfil `test`, in the same two lists.
    pub(crate) fn split_where(&self, test: impl Fn(&str) -> bool) -> (Names<'a>, Names<'a>) {
        let places = 0..self.names.sorted.len();
        self.part(places.filter(|at| self.names.sorted.get(*at).is_some_and(|name| test(name))))
    }

    fn part(&self, places: impl Iterator<Item = usize>) -> (Names<'a>, Names<'a>) {
        let (mut reported, mut others) = (Vec::new(), Vec::new());
        for at in places {
            let Some(name) = self.names.sorted.get(at) else { continue };
            if self.reported.get(at) == Some(&true) { reported.push(*name) } else { others.push(*name) }
        }
        let names = |sorted| Names { prefix: self.names.prefix, sorted };
        (names(reported), names(others))
    }
}

/// The services that a policy's wildcards reach, each read when first asked for.
pub(crate) struct Services<'a> {
    known: &'a KnownActions<'a>,
    unused: &'a Unused,
    read: RefCell<HashMap<Box<str>, Rc<Service<'a>>>>,
}

impl<'a> Services<'a> {
    /// Reads nothing yet.
    pub(crate) fn new(known: &'a KnownActions<'a>, unused: &'a Unused) -> Services<'a> {
        Services { known, unused, read: RefCell::default() }
    }

    /// The known actions.
    pub(crate) fn known(&self) -> &'a KnownActions<'a> {
        self.known
    }

    /// The unused list.
    pub(crate) fn unused(&self) -> &'a Unused {
        self.unused
    }

    /// The service with that prefix, ignoring case.
    pub(crate) fn of(&self, service: &str) -> Rc<Service<'a>> {
        let key = service.to_ascii_lowercase();
        let mut read = self.read.borrow_mut();
        let entry = read.entry(key.into()).or_insert_with(|| Rc::new(Service::of(self.known, self.unused, service)));
        Rc::clone(entry)
    }
}

/// Known names of one service, sorted ignoring case, without doubles.
#[derive(Debug, Clone)]
pub(crate) struct Names<'a> {
    prefix: &'a str,
    sorted: Vec<&'a str>,
}

impl<'a> Names<'a> {
    /// The known names of the service with that prefix.
    pub(crate) fn of(known: &'a KnownActions<'_>, service: &str) -> Names<'a> {
        let sorted: Vec<&str> = known.names(service).collect();
        let prefix = known.prefix(service).unwrap_or_default();
        // The catalogue's own names are in order.
        if known.adds_to(service) { Names::sorted(prefix, sorted) } else { Names { prefix, sorted } }
    }

    fn sorted(prefix: &'a str, mut sorted: Vec<&'a str>) -> Names<'a> {
        if !sorted.is_sorted_by(|a, b| compare_ignoring_case(a, b).is_lt()) {
            sorted.sort_by(|a, b| compare_ignoring_case(a, b));
            sorted.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        }
        Names { prefix, sorted }
    }

    /// The service prefix, as it is written.
    pub(crate) fn prefix(&self) -> &'a str {
        self.prefix
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.sorted.iter().copied()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// How many names there are.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// The places of the names that begin with `start`, ignoring case.
    fn range(&self, start: &str) -> Range<usize> {
        if start.is_empty() {
            return 0..self.sorted.len();
        }
        let first = self.sorted.partition_point(|name| compare_ignoring_case(name, start).is_lt());
        let rest = self.sorted.get(first..).unwrap_or_default();
        first..first + rest.partition_point(|name| begins_with(name, start))
    }

    /// The names that begin with `start`, ignoring case.
    pub(crate) fn starting_with(&self, start: &str) -> &[&'a str] {
        self.sorted.get(self.range(start)).unwrap_or_default()
    }

    pub(crate) fn as_slice(&self) -> &[&'a str] {
        &self.sorted
    }

    /// A walk along the names, for questions that come in order.
    pub(crate) fn walk(&self) -> NamesWalk<'_, 'a> {
        NamesWalk { names: &self.sorted, at: 0 }
    }

    /// The names that `pattern`, a glob over names, matches; a glob's literal beginning is found by bisection.
    pub(crate) fn matching(&self, pattern: &str) -> impl Iterator<Item = &'a str> {
        self.places(pattern).filter_map(|at| self.sorted.get(at).copied())
    }

    /// The places, in order, of the names that `pattern` matches.
    pub(crate) fn places(&self, pattern: &str) -> impl Iterator<Item = usize> {
        let literal = pattern.find(['*', '?']).unwrap_or(pattern.len());
        let start = pattern.get(..literal).unwrap_or_default();
        let exact = literal == pattern.len();
        let whole = exact || pattern.get(literal..) == Some("*");
        let matches =
            move |at: &usize| whole || self.sorted.get(*at).is_some_and(|name| glob::matches(pattern, name, glob::Case::Ignored));
        let range = if exact {
            let place = self.sorted.binary_search_by(|name| compare_ignoring_case(name, pattern));
            place.map_or(0..0, |at| at..at + 1)
        } else {
            self.range(start)
        };
        range.filter(matches)
    }
}

/// A place among names, which moves ahead.
pub(crate) struct NamesWalk<'n, 'a> {
    names: &'n [&'a str],
    at: usize,
}

impl NamesWalk<'_, '_> {
    /// How many bytes of `text`, at most, some name begins with, ignoring case; none when there is no name.
    /// Texts are asked for in the order of the names.
    pub(crate) fn longest_shared_start(&mut self, text: &str) -> Option<usize> {
        while self.names.get(self.at).is_some_and(|name| compare_ignoring_case(name, text).is_lt()) {
            self.at += 1;
        }
        // Those that share most with it stand beside its place in the order.
        let shared = |name: &&str| name.bytes().zip(text.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        let before = self.at.checked_sub(1).and_then(|before| self.names.get(before));
        before.map(shared).max(self.names.get(self.at).map(shared))
    }
}

/// Whether `text` begins with `start`, ignoring ASCII case.
pub(crate) fn begins_with(text: &str, start: &str) -> bool {
    text.as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_what_a_plain_scan_finds() {
        let all =
            ["DescribeFleets", "DescribeFleetHistory", "describefleet", "Get", "GetObject", "getobjectacl", "GetZ", "", "x-y"];
        let names = Names::sorted("s", all.to_vec());
        for start in ["", "D", "describefleet", "DescribeFleetH", "get", "GETOBJECT", "GetObjectAclX", "z", "x-"] {
            let mut scan: Vec<&str> = all.iter().copied().filter(|n| begins_with(n, start)).collect();
            scan.sort_by(|a, b| compare_ignoring_case(a, b));
            assert_eq!(names.starting_with(start), scan, "{start}");
        }
        for pattern in ["*", "Get*", "get?bject*", "*s", "GetObject", "", "*e*"] {
            let mut scan: Vec<&str> = all.iter().copied().filter(|n| glob::matches(pattern, n, glob::Case::Ignored)).collect();
            scan.sort_by(|a, b| compare_ignoring_case(a, b));
            assert_eq!(names.matching(pattern).collect::<Vec<_>>(), scan, "{pattern}");
        }
    }
}
