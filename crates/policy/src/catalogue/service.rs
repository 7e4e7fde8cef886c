//! One service of a catalogue: a section of its text, read when first asked for.
//!
//! Names are found by scanning line ends; the rest (keys, resource types, operations) is read only on demand, and
//! an action's own facts at each question. It trusts the section's form: `format` checks texts from outside first.

use super::access_level::AccessLevels;
use super::index::Index;
pub(super) use crate::action::compare_ignoring_case;
use std::borrow::Cow;
use std::sync::OnceLock;

/// A condition key and the types that its values have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionKey {
    /// The key in full, such as `s3:prefix` or `aws:RequestTag/${TagKey}`; `${…}` stands for any text.
    pub name: String,
    /// Value types as AWS names them (`String`, `ArrayOfString`, `ARN`, `Bool`, …); empty when the source states none.
    pub value_types: Vec<String>,
}

/// A type of resource that a service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceType {
    /// The type's name within its service, such as `bucket`.
    pub name: String,
    /// ARN formats, with `${…}` or `*` for the parts that vary.
    pub arn_formats: Vec<String>,
    /// Names of the condition keys that resources of this type support, in full.
    pub condition_keys: Vec<String>,
}

/// An API operation, and the actions that a call of it is authorised by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The operation's name.
    pub name: String,
    /// Actions in full (`s3:GetObject`); `None` when the source does not map the operation.
    pub authorised_actions: Option<Vec<String>>,
}

#[derive(Debug, Default)]
struct Facts {
    keys: Vec<ConditionKey>,
    resources: Vec<ResourceType>,
    operations: Vec<Operation>,
}

/// Where an action's line stands in the section, without its leading space and its line end.
#[derive(Debug, Clone, Copy)]
struct ActionLine {
    start: u32,
    name_end: u32,
    end: u32,
}

/// A service: its prefix, actions, resource types, condition keys and, from some sources, operations.
#[derive(Debug)]
pub struct Service {
    section: Cow<'static, str>,
    prefix_end: usize,
    actions: OnceLock<Vec<ActionLine>>,
    by_name: OnceLock<Index>,
    facts: OnceLock<Facts>,
}

const OPENING: usize = "service ".len();

impl Service {
    pub(super) fn of_section(section: Cow<'static, str>) -> Service {
        let prefix_end = memchr::memchr2(b'\t', b'\n', section.as_bytes()).unwrap_or(section.len());
        Service { section, prefix_end, actions: OnceLock::new(), by_name: OnceLock::new(), facts: OnceLock::new() }
    }

    pub(super) fn section(&self) -> &str {
        &self.section
    }

    /// The prefix that stands before the colon of the service's action names.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.section.get(OPENING..self.prefix_end).unwrap_or_default()
    }

    fn opening_fields(&self) -> impl Iterator<Item = &str> {
        self.section.lines().next().unwrap_or_default().split('\t').skip(1)
    }

    /// The display name. Several services can share a prefix; then their names are joined by `; `.
    #[must_use]
    pub fn name(&self) -> &str {
        self.opening_fields().next().unwrap_or_default()
    }

    /// Whether resource control policies reach this service; `None` when the source does not say.
    #[must_use]
    pub fn resource_control_policies(&self) -> Option<bool> {
        self.opening_fields().find_map(|field| match field {
            "rcp yes" => Some(true),
            "rcp no" => Some(false),
            _ => None,
        })
    }

    /// The lines of one block (`keys`, `resources`, `actions`, `operations`), each without its leading space.
    fn block(&self, title: &str) -> impl Iterator<Item = &str> {
        let mut lines = self.section.lines();
        let found = lines.by_ref().any(|line| line == title);
        lines.take_while(move |_| found).map_while(|line| line.strip_prefix(' '))
    }

    fn action_lines(&self) -> &[ActionLine] {
        self.actions.get_or_init(|| {
            let bytes = self.section.as_bytes();
            let mut lines = Vec::new();
            let Some(block) = memchr::memmem::find(bytes, b"\nactions\n") else { return lines };
            let mut at = block + "\nactions\n".len();
            while bytes.get(at) == Some(&b' ') {
                let start = at + 1;
                let rest = bytes.get(start..).unwrap_or_default();
                let end = start + memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                let name_end = start + memchr::memchr(b'\t', rest).unwrap_or(rest.len()).min(end - start);
                if let (Ok(start), Ok(name_end), Ok(end)) = (u32::try_from(start), u32::try_from(name_end), u32::try_from(end)) {
                    lines.push(ActionLine { start, name_end, end });
                }
                at = end + 1;
            }
            lines
        })
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        self.section.get(start as usize..end as usize).unwrap_or_default()
    }

    fn name_at(&self, line: ActionLine) -> &str {
        self.slice(line.start, line.name_end)
    }

    /// Names of the service's actions in the catalogue's spelling, sorted by their lower-cased bytes, each once.
    pub fn action_names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.action_lines().iter().map(|line| self.name_at(*line))
    }

    /// The names that begin with `start`, ignoring ASCII case, in the same order; found by bisection.
    pub fn names_starting_with(&self, start: &str) -> impl ExactSizeIterator<Item = &str> + Clone {
        let lines = self.action_lines();
        let first = lines.partition_point(|line| compare_ignoring_case(self.name_at(*line), start).is_lt());
        let rest = lines.get(first..).unwrap_or_default();
        let begins = |line: &ActionLine| {
            self.name_at(*line).as_bytes().get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()))
        };
        rest.get(..rest.partition_point(begins)).unwrap_or_default().iter().map(|line| self.name_at(*line))
    }

    /// The action of that name (without the prefix), ignoring ASCII case.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<Action<'_>> {
        let lines = self.action_lines();
        let index = self.by_name.get_or_init(|| Index::of(self.action_names()));
        let at = index.place(name, |at| lines.get(at).map_or("", |line| self.name_at(*line)))?;
        lines.get(at).map(|line| self.action_at(*line))
    }

    /// The service's actions, in the order of [`Service::action_names`].
    pub fn actions(&self) -> impl ExactSizeIterator<Item = Action<'_>> + Clone {
        self.action_lines().iter().map(|line| self.action_at(*line))
    }

    fn action_at(&self, line: ActionLine) -> Action<'_> {
        Action { service: self, name: self.name_at(line), fields: self.slice(line.name_end, line.end) }
    }

    fn facts(&self) -> &Facts {
        self.facts.get_or_init(|| {
            let prefix = self.prefix();
            let keys = self.block("keys").map(|line| {
                let (name, value_types) = line.split_once('\t').unwrap_or((line, "-"));
                ConditionKey { name: full_key(prefix, name).into_owned(), value_types: list(value_types) }
            });
            let resources = self.block("resources").map(|line| {
                let mut fields = line.split('\t');
                ResourceType {
                    name: fields.next().unwrap_or_default().to_owned(),
                    arn_formats: list(fields.next().unwrap_or("-")),
                    condition_keys: list(fields.next().unwrap_or("-"))
                        .iter()
                        .map(|key| full_key(prefix, key).into_owned())
                        .collect(),
                }
            });
            let operations = self.block("operations").map(|line| {
                let (name, actions) = line.split_once('\t').map_or((line, None), |(name, actions)| (name, Some(list(actions))));
                Operation { name: name.to_owned(), authorised_actions: actions }
            });
            Facts { keys: keys.collect(), resources: resources.collect(), operations: operations.collect() }
        })
    }

    /// The service's condition keys, global ones that it supports included, sorted by their lower-cased bytes.
    #[must_use]
    pub fn condition_keys(&self) -> &[ConditionKey] {
        &self.facts().keys
    }

    /// The condition key of that full name, ignoring ASCII case.
    #[must_use]
    pub fn condition_key(&self, name: &str) -> Option<&ConditionKey> {
        let keys = self.condition_keys();
        keys.get(keys.binary_search_by(|key| compare_ignoring_case(&key.name, name)).ok()?)
    }

    /// The service's resource types, sorted by their lower-cased bytes.
    #[must_use]
    pub fn resource_types(&self) -> &[ResourceType] {
        &self.facts().resources
    }

    /// The resource type of that name, ignoring ASCII case.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&ResourceType> {
        let types = self.resource_types();
        types.get(types.binary_search_by(|kind| compare_ignoring_case(&kind.name, name)).ok()?)
    }

    /// The service's API operations, when the source lists them; sorted by their lower-cased bytes.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.facts().operations
    }
}

/// The items of a comma-separated field; `-` is the empty list.
fn list(field: &str) -> Vec<String> {
    if field == "-" { Vec::new() } else { field.split(',').map(str::to_owned).collect() }
}

/// A key as the section writes it, in full: `:Name` is short for the service's own prefix.
pub(super) fn full_key<'a>(prefix: &str, written: &'a str) -> Cow<'a, str> {
    if written.starts_with(':') { Cow::Owned(format!("{prefix}{written}")) } else { Cow::Borrowed(written) }
}

/// A known action and its facts.
#[derive(Debug, Clone, Copy)]
pub struct Action<'a> {
    service: &'a Service,
    name: &'a str,
    pub(super) fields: &'a str,
}

/// A resource type that an action acts on.
#[derive(Debug, Clone, Copy)]
pub struct ActionResource<'a> {
    service: &'a Service,
    name: &'a str,
    keys: &'a str,
    /// Whether the action always needs a resource of this type, as far as the source says.
    pub required: bool,
}

impl<'a> Action<'a> {
    /// The service that the action belongs to.
    #[must_use]
    pub fn service(&self) -> &'a Service {
        self.service
    }

    /// The action's name without the prefix, in the catalogue's spelling.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    fn field(&self, word: &str) -> Option<&'a str> {
        self.fields.split('\t').find_map(|field| field.strip_prefix(word)?.strip_prefix(' '))
    }

    /// The access levels that the source states.
    #[must_use]
    pub fn access_levels(&self) -> AccessLevels {
        self.fields.split('\t').nth(1).and_then(AccessLevels::of_letters).unwrap_or_default()
    }

    /// The resource types that the action acts on; none means that it needs `Resource: "*"`.
    pub fn resource_types(&self) -> impl Iterator<Item = ActionResource<'a>> {
        let service = self.service;
        self.field("on").into_iter().flat_map(|types| types.split(',')).map(move |written| {
            let (name, keys) = written.split_once('[').map_or((written, ""), |(name, keys)| (name, keys.trim_end_matches(']')));
            let (name, required) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
            ActionResource { service, name, keys, required }
        })
    }

    /// The condition keys that the action supports whatever it acts on.
    pub fn condition_keys(&self) -> impl Iterator<Item = &'a ConditionKey> {
        let service = self.service;
        let keys = self.field("if").into_iter().flat_map(|keys| keys.split(','));
        keys.filter_map(move |written| service.condition_key(&full_key(service.prefix(), written)))
    }

    /// Actions, in full, that a caller needs besides to make the call succeed.
    pub fn dependent_actions(&self) -> impl Iterator<Item = &'a str> {
        let found = memchr::memmem::find(self.fields.as_bytes(), b"\tneeds ").map(|at| at + "\tneeds ".len());
        let rest = found.and_then(|at| self.fields.get(at..)).map(|rest| rest.split('\t').next().unwrap_or(rest));
        rest.into_iter().flat_map(|actions| actions.split(','))
    }

    /// Whether IAM reports when the action was last used; `None` when the source does not say.
    #[must_use]
    pub fn tracked(&self) -> Option<bool> {
        self.fields.split('\t').find_map(|field| match field {
            "tracked" => Some(true),
            "untracked" => Some(false),
            _ => None,
        })
    }

    /// The operations of the action's own service that it authorises, when the source lists operations.
    pub fn operations(&self) -> impl Iterator<Item = &'a Operation> {
        let full = format!("{}:{}", self.service.prefix(), self.name);
        self.service.operations().iter().filter(move |operation| {
            operation.authorised_actions.iter().flatten().any(|action| action.eq_ignore_ascii_case(&full))
        })
    }
}

impl<'a> ActionResource<'a> {
    /// The resource type's name, as in the service's list.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The resource type itself, when the source describes it.
    #[must_use]
    pub fn resource_type(&self) -> Option<&'a ResourceType> {
        self.service.resource_type(self.name)
    }

    /// The condition keys that the action supports when it acts on this type.
    pub fn condition_keys(&self) -> impl Iterator<Item = &'a ConditionKey> {
        let service = self.service;
        let keys = self.keys.split('|').filter(|key| !key.is_empty());
        keys.filter_map(move |written| service.condition_key(&full_key(service.prefix(), written)))
    }
}
