//! The catalogue's text format, version 1: finds its sections, and checks texts that come from outside.
//!
//! A head (`word value` lines, comments), then a section a service, each in one canonical form, so that a text is its
//! own rendering. Checking is strict: whatever passes here is read later without questions. Nothing is repaired.

use super::access_level::AccessLevels;
use super::service::{compare_ignoring_case, full_key};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// The first line of every catalogue text of this version.
pub(super) const FIRST_LINE: &str = "leastwise-catalogue 1";
const BOUNDARY: &[u8] = b"\n\nservice ";

/// Why a text is no catalogue of format version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueError {
    /// The line, counted from 1, that breaks the format.
    pub line: usize,
    /// What is wrong there, with the offending text in backticks.
    pub problem: String,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for CatalogueError {}

/// Parts a text at its services: the head, then the sections, which together are the whole text.
pub(super) fn sections(text: &str) -> (&str, impl Iterator<Item = &str>) {
    let mut starts: Vec<usize> = memchr::memmem::find_iter(text.as_bytes(), BOUNDARY).map(|at| at + 2).collect();
    starts.push(text.len());
    let head = starts.first().and_then(|end| text.get(..*end)).unwrap_or(text);
    let ends = starts.clone().into_iter().skip(1);
    (head, starts.into_iter().zip(ends).filter_map(|(start, end)| text.get(start..end)))
}

/// The head's `word value` lines; comments and the first line are left out.
pub(super) fn head_lines(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines().skip(1).filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(' '))
}

/// Whether `name` can stand in the format: printable, no list separators, no space at an end.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && !name.contains(|c: char| c.is_control() || ",|[]".contains(c))
}

/// Whether `name` can be an action's: a name without spaces, wildcards or a colon.
pub(super) fn is_action_name(name: &str) -> bool {
    is_name(name) && name.is_ascii() && !name.contains([' ', '*', '?', ':'])
}

/// Whether `prefix` can be a service's.
pub(super) fn is_prefix(prefix: &str) -> bool {
    !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// Whether `date` is written `YYYY-MM-DD`, with a month and a day that can be.
pub(super) fn is_date(date: &str) -> bool {
    let number = |range: std::ops::Range<usize>| {
        let digits = date.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok()).flatten()
    };
    let form = date.len() == 10 && date.get(4..5) == Some("-") && date.get(7..8) == Some("-") && number(0..4).is_some();
    form && number(5..7).is_some_and(|month| (1..=12).contains(&month))
        && number(8..10).is_some_and(|day| (1..=31).contains(&day))
}

const HELP_IMPORT: &str = "make the file anew with `leastwise catalog import PATH… --out FILE`";
const HELP_FIRST: &str = "a catalogue file begins with the line `leastwise-catalogue 1`; \
    other data sets are read by `leastwise catalog import PATH… --out FILE`";
const BLOCKS: [&str; 4] = ["keys", "resources", "actions", "operations"];

/// Checks the whole of `text` against the format.
pub(super) fn check(text: &str) -> Result<(), CatalogueError> {
    let mut checker = Checker::default();
    for (index, line) in text.split('\n').enumerate() {
        checker.line = index + 1;
        checker.take(line)?;
    }
    // A text that ends in a line end yields one empty last line; then the section is closed and not empty.
    checker.finish(text)
}

#[derive(Default)]
struct Checker {
    line: usize,
    head: BTreeSet<String>,
    prefix: Option<String>,
    block: Option<usize>,
    previous: Option<String>,
    keys: BTreeSet<String>,
    after_blank: bool,
}

impl Checker {
    fn fail<T>(&self, problem: String) -> Result<T, CatalogueError> {
        Err(CatalogueError { line: self.line, problem, help: if self.line == 1 { HELP_FIRST } else { HELP_IMPORT } })
    }

    fn take(&mut self, line: &str) -> Result<(), CatalogueError> {
        if line.ends_with('\r') {
            return self.fail("the line ends with a carriage return, where a line feed alone is expected".to_owned());
        }
        if self.line == 1 {
            return match line.strip_prefix("leastwise-catalogue ") {
                Some("1") => Ok(()),
                Some(version) => {
                    self.fail(format!("format version `{}` is not known here; this program reads `1`", excerpt(version)))
                }
                None => self.fail(format!("expected `{FIRST_LINE}`, found `{}`", excerpt(line))),
            };
        }
        let after_blank = std::mem::replace(&mut self.after_blank, line.is_empty());
        if line.is_empty() {
            return if after_blank { self.fail("a second empty line; sections are parted by one".to_owned()) } else { Ok(()) };
        }
        match (line.strip_prefix("service "), &self.prefix) {
            (Some(opening), _) if after_blank => self.service(opening),
            (Some(_), _) => self.fail("a `service` line without an empty line before it".to_owned()),
            (None, _) if after_blank => {
                self.fail(format!("expected a `service` line after the empty line, found `{}`", excerpt(line)))
            }
            (None, None) => self.head_line(line),
            (None, Some(_)) => match line.strip_prefix(' ') {
                Some(entry) => self.entry(entry),
                None => self.block_title(line),
            },
        }
    }

    fn head_line(&mut self, line: &str) -> Result<(), CatalogueError> {
        if line.starts_with('#') {
            return Ok(());
        }
        let Some((word, value)) = line.split_once(' ').filter(|(_, value)| value.trim() == *value && !value.is_empty()) else {
            return self.fail(format!("expected a word and a value in the head, found `{}`", excerpt(line)));
        };
        match word {
            "source" | "version" | "date" | "licence" | "dependent-actions" | "only-services" => {
                if word == "date" && !is_date(value) {
                    return self.fail(format!("`{}` is no date; expected YYYY-MM-DD", excerpt(value)));
                }
                if !self.head.insert(word.to_owned()) {
                    return self.fail(format!("`{word}` stands in the head twice"));
                }
                Ok(())
            }
            "outside-key" if value.split_once(' ').is_some_and(|(key, list)| is_name(key) && list.split(',').all(is_prefix)) => {
                Ok(())
            }
            "outside-key" => self.fail(format!("expected `outside-key PREFIX SERVICE,…`, found `{}`", excerpt(line))),
            _ => self.fail(format!("`{}` is no word of the head", excerpt(word))),
        }
    }

    fn service(&mut self, opening: &str) -> Result<(), CatalogueError> {
        self.check_head()?;
        let mut fields = opening.split('\t');
        let prefix = fields.next().unwrap_or_default();
        if !is_prefix(prefix) {
            return self.fail(format!("`{}` is no service prefix", excerpt(prefix)));
        }
        if let Some(previous) = &self.prefix
            && compare_ignoring_case(previous, prefix) != Ordering::Less
        {
            return self.fail(format!(
                "service `{}` stands after `{}`; services are sorted, each once",
                excerpt(prefix),
                excerpt(previous)
            ));
        }
        if fields.next().is_none_or(|name| name.trim() != name || name.contains(char::is_control)) {
            return self.fail(format!("expected the name of service `{}` after a tab", excerpt(prefix)));
        }
        match (fields.next(), fields.next()) {
            (None | Some("rcp yes" | "rcp no"), None) => {}
            (found, _) => {
                return self.fail(format!(
                    "expected `rcp yes`, `rcp no` or nothing more, found `{}`",
                    excerpt(found.unwrap_or_default())
                ));
            }
        }
        self.prefix = Some(prefix.to_owned());
        (self.block, self.previous) = (None, None);
        self.keys.clear();
        Ok(())
    }

    fn check_head(&self) -> Result<(), CatalogueError> {
        match ["source", "version", "date"].iter().find(|word| !self.head.contains(**word)) {
            Some(word) => self.fail(format!("the head has no `{word}` line")),
            None => Ok(()),
        }
    }

    fn block_title(&mut self, line: &str) -> Result<(), CatalogueError> {
        let Some(block) = BLOCKS.iter().position(|title| *title == line) else {
            return self
                .fail(format!("expected a block title (keys, resources, actions, operations), found `{}`", excerpt(line)));
        };
        if self.block.is_some_and(|previous| previous >= block) {
            return self.fail(format!("block `{line}` stands twice or out of order"));
        }
        (self.block, self.previous) = (Some(block), None);
        Ok(())
    }

    fn entry(&mut self, entry: &str) -> Result<(), CatalogueError> {
        let (name, fields) = entry.split_once('\t').unwrap_or((entry, ""));
        let prefix = self.prefix.clone().unwrap_or_default();
        let block = self.block.and_then(|block| BLOCKS.get(block)).copied().unwrap_or_default();
        let sound = match block {
            "keys" => is_name(name) && !fields.is_empty() && (fields == "-" || fields.split(',').all(is_name)),
            "resources" => {
                let parts: Vec<&str> = fields.split('\t').collect();
                let keys = match parts.as_slice() {
                    [_] => "-",
                    [_, keys] => keys,
                    _ => "",
                };
                let arns = parts.first().copied().unwrap_or_default();
                is_name(name)
                    && (arns == "-" || arns.split(',').all(is_name))
                    && (keys == "-" || keys.split(',').all(|key| self.knows(&prefix, key)))
            }
            "actions" => is_action_name(name) && self.action_fields(&prefix, fields),
            "operations" => is_name(name) && (fields == "-" || fields.is_empty() || fields.split(',').all(is_full_action)),
            _ => return self.fail(format!("`{}` stands before any block title", excerpt(entry))),
        };
        if !sound {
            return self.fail(format!("`{}` is no entry of block `{block}`", excerpt(entry)));
        }
        let sorted_as = if block == "keys" { full_key(&prefix, name).into_owned() } else { name.to_owned() };
        if let Some(previous) = &self.previous
            && compare_ignoring_case(previous, &sorted_as) != Ordering::Less
        {
            return self.fail(format!(
                "`{}` stands after `{}`; entries are sorted without regard to case, each once",
                excerpt(&sorted_as),
                excerpt(previous)
            ));
        }
        if block == "keys" {
            self.keys.insert(sorted_as.to_ascii_lowercase());
        }
        self.previous = Some(sorted_as);
        Ok(())
    }

    fn knows(&self, prefix: &str, key: &str) -> bool {
        self.keys.contains(&full_key(prefix, key).to_ascii_lowercase())
    }

    fn action_fields(&self, prefix: &str, fields: &str) -> bool {
        let mut fields = fields.split('\t');
        let mut reached = 0;
        fields.next().and_then(AccessLevels::of_letters).is_some()
            && fields.all(|field| {
                let (word, value) = field.split_once(' ').unwrap_or((field, ""));
                let (place, sound) = match word {
                    "on" => (1, value.split(',').all(|written| self.action_resource(prefix, written))),
                    "if" => (2, value.split(',').all(|key| self.knows(prefix, key))),
                    "needs" => (3, value.split(',').all(is_full_action)),
                    "tracked" | "untracked" => (4, field == word),
                    _ => (0, false),
                };
                sound && std::mem::replace(&mut reached, place) < place
            })
    }

    fn action_resource(&self, prefix: &str, written: &str) -> bool {
        let (name, keys) = match written.split_once('[') {
            Some((name, keys)) => (name, keys.strip_suffix(']').unwrap_or("|")),
            None => (written, ""),
        };
        is_name(name.strip_suffix('*').unwrap_or(name)) && (keys.is_empty() || keys.split('|').all(|key| self.knows(prefix, key)))
    }

    fn finish(&self, text: &str) -> Result<(), CatalogueError> {
        self.check_head()?;
        if text.ends_with("\n\n") || !text.ends_with('\n') {
            return self.fail("the text does not end with one line end".to_owned());
        }
        Ok(())
    }
}

/// Whether `name` is an action with its service prefix.
pub(super) fn is_full_action(name: &str) -> bool {
    name.split_once(':').is_some_and(|(prefix, action)| is_prefix(prefix) && is_action_name(action))
}

/// At most 60 characters of `text`, for a message.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
