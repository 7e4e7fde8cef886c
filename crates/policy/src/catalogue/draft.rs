//! A catalogue in the making: what an import gathers, in any order, before it becomes text.
//!
//! Sorts and merges, so that equal facts give equal bytes; two names that differ only in case become one, with a
//! warning. It knows nothing of the sources' shapes: that is each import's own part.

use super::access_level::AccessLevels;
use super::format::{FIRST_LINE, is_action_name, is_full_action, is_name, is_prefix};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The head's legend, so that a reviewer needs no other page.
const LEGEND: &str = "\
# access levels: L list, R read, W write, T tagging, P permissions management, - none stated
# actions: name, levels, then `on` resource types (* required, [keys of this type only]), `if` condition keys,
#   `needs` dependent actions, `tracked` or `untracked` (last use is reported by IAM or not)
# `:Name` is a condition key of the service itself; rcp: resource control policies reach the service
";

/// Facts of a whole catalogue, sorted by their ASCII-lower-cased names.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) licence: Option<String>,
    pub(super) dependent_actions: Option<String>,
    pub(super) only_services: Option<String>,
    pub(super) outside_keys: BTreeMap<String, BTreeSet<String>>,
    pub(super) services: BTreeMap<String, ServiceDraft>,
    pub(super) warnings: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct ServiceDraft {
    prefix: String,
    names: Vec<String>,
    pub(super) resource_control_policies: Option<bool>,
    keys: BTreeMap<String, (String, BTreeSet<String>)>,
    resources: BTreeMap<String, ResourceDraft>,
    actions: BTreeMap<String, ActionDraft>,
    operations: BTreeMap<String, (String, Option<BTreeSet<String>>)>,
}

#[derive(Debug, Default)]
struct ResourceDraft {
    name: String,
    arn_formats: Vec<String>,
    keys: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct ActionDraft {
    name: String,
    pub(super) levels: AccessLevels,
    on: BTreeMap<String, (String, bool, BTreeSet<String>)>,
    keys: BTreeSet<String>,
    needs: BTreeMap<String, String>,
    pub(super) tracked: Option<bool>,
}

/// A name that cannot stand in a catalogue: what it should have been, and the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadName {
    pub(super) expected: &'static str,
    pub(super) found: String,
}

fn require(holds: bool, expected: &'static str, found: &str) -> Result<(), BadName> {
    if holds { Ok(()) } else { Err(BadName { expected, found: found.to_owned() }) }
}

impl Draft {
    pub(super) fn service(&mut self, prefix: &str) -> Result<&mut ServiceDraft, BadName> {
        require(is_prefix(prefix), "a service prefix", prefix)?;
        let service = self.services.entry(prefix.to_ascii_lowercase()).or_default();
        if service.prefix.is_empty() {
            prefix.clone_into(&mut service.prefix);
        }
        Ok(service)
    }

    /// The text of the catalogue; `source`, `version` and `date` are single lines.
    pub(super) fn render(&self, source: &str, version: &str, date: &str) -> String {
        let mut text = format!("{FIRST_LINE}\nsource {source}\nversion {version}\ndate {date}\n");
        let optional =
            [("licence", &self.licence), ("dependent-actions", &self.dependent_actions), ("only-services", &self.only_services)];
        for (word, value) in optional {
            if let Some(value) = value {
                line(&mut text, &[word, " ", value]);
            }
        }
        for (prefix, services) in &self.outside_keys {
            line(&mut text, &["outside-key ", prefix, " ", &joined(services.iter().map(String::as_str))]);
        }
        text.push_str(LEGEND);
        for service in self.services.values() {
            service.render(&mut text);
        }
        text
    }
}

fn line(text: &mut String, parts: &[&str]) {
    for part in parts {
        text.push_str(part);
    }
    text.push('\n');
}

fn joined<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(item);
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

impl ServiceDraft {
    pub(super) fn display_name(&mut self, name: &str) -> Result<(), BadName> {
        let name = name.trim();
        require(!name.contains(char::is_control), "a service's name on one line", name)?;
        if !name.is_empty() && !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
            self.names.sort();
        }
        Ok(())
    }

    /// Notes a condition key, with types when known; gives its lower-cased name.
    pub(super) fn key<'a>(&mut self, name: &str, types: impl IntoIterator<Item = &'a str>) -> Result<String, BadName> {
        require(is_name(name), "a condition key", name)?;
        let lower = name.to_ascii_lowercase();
        let (_, known) = self.keys.entry(lower.clone()).or_insert_with(|| (name.to_owned(), BTreeSet::new()));
        for value_type in types {
            require(is_name(value_type), "the type of a condition key", value_type)?;
            known.insert(value_type.to_owned());
        }
        Ok(lower)
    }

    fn all_keys<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Result<BTreeSet<String>, BadName> {
        names.into_iter().map(|name| self.key(name, [])).collect()
    }

    pub(super) fn resource<'a>(
        &mut self,
        name: &str,
        arn_formats: impl IntoIterator<Item = &'a str>,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), BadName> {
        require(is_name(name), "a resource type", name)?;
        let keys = self.all_keys(keys)?;
        let resource = self.resources.entry(name.to_ascii_lowercase()).or_default();
        if resource.name.is_empty() {
            name.clone_into(&mut resource.name);
        }
        for arn in arn_formats {
            require(is_name(arn), "an ARN format", arn)?;
            if !resource.arn_formats.iter().any(|known| known == arn) {
                resource.arn_formats.push(arn.to_owned());
            }
        }
        resource.keys.extend(keys);
        Ok(())
    }

    /// The action of that name; a spelling that differs in case from the known one is reported as a warning.
    pub(super) fn action(&mut self, name: &str, warnings: &mut Vec<String>) -> Result<&mut ActionDraft, BadName> {
        require(is_action_name(name), "an action name", name)?;
        let action = self.actions.entry(name.to_ascii_lowercase()).or_default();
        if action.name.is_empty() {
            name.clone_into(&mut action.name);
        } else if action.name != name {
            warnings.push(format!(
                "`{0}:{1}` and `{0}:{name}` differ only in case and are one action here",
                self.prefix, action.name
            ));
        }
        Ok(action)
    }

    pub(super) fn action_condition_keys<'a>(
        &mut self,
        action: &str,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), BadName> {
        let keys = self.all_keys(keys)?;
        self.existing(action, |action| action.keys.extend(keys));
        Ok(())
    }

    pub(super) fn action_resource<'a>(
        &mut self,
        action: &str,
        resource: &str,
        required: bool,
        keys: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), BadName> {
        require(is_name(resource) && !resource.ends_with('*'), "a resource type", resource)?;
        let keys = self.all_keys(keys)?;
        // The service's own list has the last word on how a resource type is spelt.
        let lower = resource.to_ascii_lowercase();
        self.existing(action, |action| {
            let (_, known, known_keys) = action.on.entry(lower).or_insert_with(|| (resource.to_owned(), false, BTreeSet::new()));
            *known |= required;
            known_keys.extend(keys);
        });
        Ok(())
    }

    pub(super) fn dependent_action(&mut self, action: &str, needed: &str) -> Result<(), BadName> {
        require(is_full_action(needed), "a dependent action with its service prefix", needed)?;
        self.existing(action, |action| {
            action.needs.entry(needed.to_ascii_lowercase()).or_insert_with(|| needed.to_owned());
        });
        Ok(())
    }

    pub(super) fn has_action(&self, name: &str) -> bool {
        self.actions.contains_key(&name.to_ascii_lowercase())
    }

    fn existing(&mut self, name: &str, change: impl FnOnce(&mut ActionDraft)) {
        if let Some(action) = self.actions.get_mut(&name.to_ascii_lowercase()) {
            change(action);
        }
    }

    pub(super) fn operation(&mut self, name: &str, authorised: Option<Vec<String>>) -> Result<(), BadName> {
        require(is_name(name), "an operation", name)?;
        let (_, known) = self.operations.entry(name.to_ascii_lowercase()).or_insert_with(|| (name.to_owned(), None));
        for action in authorised.iter().flatten() {
            require(is_full_action(action), "an authorised action with its service prefix", action)?;
        }
        if let Some(actions) = authorised {
            known.get_or_insert_default().extend(actions);
        }
        Ok(())
    }

    /// A key of this service as the text writes it, by its lower-cased name.
    fn written_key(&self, lower: &str) -> String {
        let name = self.keys.get(lower).map_or(lower, |(name, _)| name.as_str());
        match name.strip_prefix(self.prefix.as_str()) {
            Some(rest) if rest.starts_with(':') => rest.to_owned(),
            _ => name.to_owned(),
        }
    }

    fn written_keys(&self, lower: &BTreeSet<String>, separator: &str) -> String {
        lower.iter().map(|key| self.written_key(key)).collect::<Vec<_>>().join(separator)
    }

    fn render(&self, text: &mut String) {
        let rcp = match self.resource_control_policies {
            Some(true) => "\trcp yes",
            Some(false) => "\trcp no",
            None => "",
        };
        line(text, &["\nservice ", &self.prefix, "\t", &self.names.join("; "), rcp]);
        self.render_block(text, "keys", &self.keys, |lower, (_, types)| {
            format!("{}\t{}", self.written_key(lower), joined(types.iter().map(String::as_str)))
        });
        self.render_block(text, "resources", &self.resources, |_, resource| {
            let arns = joined(resource.arn_formats.iter().map(String::as_str));
            let mut entry = format!("{}\t{arns}", resource.name);
            if !resource.keys.is_empty() {
                let _ = write!(entry, "\t{}", self.written_keys(&resource.keys, ","));
            }
            entry
        });
        self.render_block(text, "actions", &self.actions, |_, action| self.render_action(action));
        self.render_block(text, "operations", &self.operations, |_, (name, actions)| match actions {
            Some(actions) => format!("{name}\t{}", joined(actions.iter().map(String::as_str))),
            None => name.clone(),
        });
    }

    fn render_block<T>(&self, text: &mut String, title: &str, entries: &BTreeMap<String, T>, entry: impl Fn(&str, &T) -> String) {
        if !entries.is_empty() {
            line(text, &[title]);
        }
        for (lower, value) in entries {
            line(text, &[" ", &entry(lower, value)]);
        }
    }

    fn render_action(&self, action: &ActionDraft) -> String {
        let mut entry = format!("{}\t{}", action.name, action.levels.letters());
        let on = action.on.iter().map(|(lower, (name, required, keys))| {
            let name = self.resources.get(lower).map_or(name, |resource| &resource.name);
            let star = if *required { "*" } else { "" };
            let keys = if keys.is_empty() { String::new() } else { format!("[{}]", self.written_keys(keys, "|")) };
            format!("{name}{star}{keys}")
        });
        let on: Vec<String> = on.collect();
        for (word, items) in [("on", on.join(",")), ("if", self.written_keys(&action.keys, ",")), ("needs", needs(action))] {
            if !items.is_empty() {
                let _ = write!(entry, "\t{word} {items}");
            }
        }
        match action.tracked {
            Some(true) => entry.push_str("\ttracked"),
            Some(false) => entry.push_str("\tuntracked"),
            None => {}
        }
        entry
    }
}

fn needs(action: &ActionDraft) -> String {
    action.needs.values().map(String::as_str).collect::<Vec<_>>().join(",")
}
