//! The two tables of the mapping in memory: `operations.txt`, which a script makes, and `exceptions.txt`, kept by hand.
//!
//! Read once, when first asked for. Their form is checked by tests and not at run time: a line that does not fit is
//! passed over. What the lines mean together is decided in the files beside this one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

const OPERATIONS: &str = include_str!("operations.txt");
const EXCEPTIONS: &str = include_str!("exceptions.txt");

/// What the models and data sets say, by service prefix in lower case.
pub(super) static GENERATED: LazyLock<Generated> = LazyLock::new(|| Generated::read(OPERATIONS));
/// What is kept by hand.
pub(super) static BY_HAND: LazyLock<ByHand> = LazyLock::new(|| ByHand::read(EXCEPTIONS));

/// The actions of an operation: used for certain, and possibly checked besides.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) used: Vec<&'static str>,
    pub(super) possibly_used: Vec<&'static str>,
}

/// A service of the generated table; names are in lower case where they are looked up by.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// Actions that have an operation of their own name.
    pub(super) operations: HashMap<String, &'static str>,
    /// The same, of models that act on data.
    pub(super) runtime: HashMap<String, &'static str>,
    pub(super) needs: HashMap<String, Needs>,
    /// Action names that catalogues of former years had.
    pub(super) retired: HashMap<String, &'static str>,
}

#[derive(Debug, Default)]
pub(super) struct Generated {
    pub(super) labels: HashMap<&'static str, Vec<&'static str>>,
    pub(super) sections: HashMap<&'static str, Section>,
}

impl Generated {
    fn read(text: &'static str) -> Generated {
        let mut table = Generated::default();
        let mut prefix = "";
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let word = words.next().unwrap_or_default();
            match word {
                "label" => {
                    if let Some(label) = words.next() {
                        table.labels.insert(label, words.collect());
                    }
                }
                "service" => prefix = words.next().unwrap_or_default(),
                "operations" | "runtime" | "retired" => {
                    let section = table.sections.entry(prefix).or_default();
                    let names = match word {
                        "operations" => &mut section.operations,
                        "runtime" => &mut section.runtime,
                        _ => &mut section.retired,
                    };
                    names.extend(words.map(|name| (name.to_ascii_lowercase(), name)));
                }
                "needs" => {
                    if let Some(operation) = words.next() {
                        let section = table.sections.entry(prefix).or_default();
                        section.needs.insert(operation.to_ascii_lowercase(), needs(words));
                    }
                }
                _ => {}
            }
        }
        table
    }
}

fn needs(words: impl Iterator<Item = &'static str>) -> Needs {
    let mut needs = Needs::default();
    let mut certain = true;
    for word in words {
        match word {
            "-" => {}
            "?" => certain = false,
            action if certain => needs.used.push(action),
            action => needs.possibly_used.push(action),
        }
    }
    needs
}

/// How CloudTrail logs the actions that a line of the hand-kept table names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logging {
    Management,
    Data(&'static str),
    Unlogged,
    Unseen,
}

#[derive(Debug, Default)]
pub(super) struct ByHand {
    pub(super) labels: HashMap<&'static str, Vec<&'static str>>,
    pub(super) needs: HashMap<&'static str, HashMap<String, Needs>>,
    /// By label, operations in lower case.
    pub(super) free: HashMap<&'static str, HashSet<String>>,
    pub(super) not_api: HashMap<&'static str, HashSet<String>>,
    /// Patterns over action names (a final `*` stands for any rest, one at the beginning for any start), by prefix, in the file's order.
    pub(super) logging: BTreeMap<&'static str, Vec<(&'static str, Logging)>>,
    pub(super) verbs: Vec<&'static str>,
}

impl ByHand {
    fn read(text: &'static str) -> ByHand {
        let mut table = ByHand::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let word = words.next().unwrap_or_default();
            if word == "verb" {
                table.verbs.extend(words);
                continue;
            }
            let kind = if word == "data" { words.next().unwrap_or_default() } else { "" };
            let Some(subject) = words.next() else { continue };
            let logging = match word {
                "label" => {
                    table.labels.insert(subject, words.collect());
                    continue;
                }
                "needs" => {
                    if let Some(operation) = words.next() {
                        table.needs.entry(subject).or_default().insert(operation.to_ascii_lowercase(), needs(words));
                    }
                    continue;
                }
                "free" => {
                    table.free.entry(subject).or_default().extend(words.map(str::to_ascii_lowercase));
                    continue;
                }
                "not-api" => {
                    table.not_api.entry(subject).or_default().extend(words.map(str::to_ascii_lowercase));
                    continue;
                }
                "managed" => Logging::Management,
                "data" => Logging::Data(kind),
                "unlogged" => Logging::Unlogged,
                "unseen" => Logging::Unseen,
                _ => continue,
            };
            table.logging.entry(subject).or_default().extend(words.map(|name| (name, logging)));
        }
        table
    }

    /// What the first pattern that fits the action says.
    pub(super) fn logging_of(&self, prefix: &str, name: &str) -> Option<Logging> {
        let ends = |name: &str, end: &str| {
            let at = name.len().checked_sub(end.len());
            at.and_then(|at| name.get(at..)).is_some_and(|rest| rest.eq_ignore_ascii_case(end))
        };
        let within = |name: &str, part: &str| name.to_ascii_lowercase().contains(&part.to_ascii_lowercase());
        let fits = |pattern: &str| match (pattern.strip_prefix('*').filter(|rest| !rest.is_empty()), pattern.strip_suffix('*')) {
            (Some(rest), Some(_)) => within(name, rest.trim_end_matches('*')),
            (Some(end), None) => ends(name, end),
            (None, Some(start)) => name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)),
            (None, None) => pattern.eq_ignore_ascii_case(name),
        };
        self.logging.get(prefix)?.iter().find(|(pattern, _)| fits(pattern)).map(|(_, logging)| *logging)
    }

    /// Whether the name begins with a verb of data, as a word of its own.
    pub(super) fn acts_on_data(&self, name: &str) -> bool {
        let begins = |verb: &str| name.strip_prefix(verb).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()));
        self.verbs.iter().any(|verb| begins(verb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use leastwise_policy::ActionName;

    #[test]
    fn every_line_of_the_generated_table_has_a_known_form() {
        assert!(OPERATIONS.starts_with("leastwise-event-mapping 1\n"));
        let mut seen = HashSet::new();
        for line in OPERATIONS.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let word = line.split(' ').next().unwrap();
            assert!(
                ["date", "source", "label", "service", "operations", "runtime", "needs", "retired"].contains(&word),
                "{line}"
            );
            if word == "service" {
                assert!(seen.insert(line), "{line}");
            }
            if word == "needs" {
                for action in line.split(' ').skip(2).filter(|w| !["-", "?"].contains(w)) {
                    assert!(ActionName::parse(action).is_some(), "{line}");
                }
            }
        }
    }

    #[test]
    fn every_exception_has_a_reason_and_a_known_form() {
        let mut because = "";
        for line in EXCEPTIONS.lines().skip(1) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "" => because = "",
                "#" | "date" => {}
                "because" => because = rest,
                "label" | "needs" | "free" | "not-api" | "managed" | "data" | "unlogged" | "unseen" | "verb" => {
                    assert!(because.contains('(') || word == "verb", "no reason and source for `{line}`");
                    assert!(rest.split(' ').count() > 1, "{line}");
                }
                _ => panic!("{line}"),
            }
        }
    }
}
