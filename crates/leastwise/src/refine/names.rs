//! The known names of one service in order, so that the names behind a prefix are found by bisection.

use leastwise_policy::action::compare_ignoring_case;
use leastwise_policy::glob;
use leastwise_policy::known::KnownActions;

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
        Names::sorted(known.prefix(service).unwrap_or_default(), sorted)
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

    /// The names that the glob `pattern` matches, in two lists: those that fulfil `test`, and the others.
    pub(crate) fn split(&self, pattern: &str, test: impl Fn(&str) -> bool) -> (Names<'a>, Names<'a>) {
        let (with, without) = self.matching(pattern).partition(|name| test(name));
        (Names { prefix: self.prefix, sorted: with }, Names { prefix: self.prefix, sorted: without })
    }

    /// The names that begin with `start`, ignoring case.
    pub(crate) fn starting_with(&self, start: &str) -> &[&'a str] {
        let first = self.sorted.partition_point(|name| compare_ignoring_case(name, start).is_lt());
        let rest = self.sorted.get(first..).unwrap_or_default();
        rest.get(..rest.partition_point(|name| begins_with(name, start))).unwrap_or_default()
    }

    /// The names that `pattern`, a glob over names, matches; a glob's literal beginning is found by bisection.
    pub(crate) fn matching(&self, pattern: &str) -> impl Iterator<Item = &'a str> {
        let literal = pattern.find(['*', '?']).unwrap_or(pattern.len());
        let start = pattern.get(..literal).unwrap_or_default();
        let rest = pattern.get(literal..).unwrap_or_default();
        let whole = rest == "*";
        let candidates = self.starting_with(start);
        candidates.iter().copied().filter(move |name| whole || glob::matches(pattern, name, glob::Case::Ignored))
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
        let all = ["DescribeFleets", "DescribeFleetHistory", "describefleet", "Get", "GetObject", "getobjectacl", "GetZ", "", "x-y"];
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
