//! Reads parliament's `iam_definition.json` (iam-dataset's, too): a list of services, privileges and resources as lists.
//!
//! Part of an import. Services that share a prefix are merged; a resource type that ends in `*` is required, and the one
//! without a name holds what the action has of its own. The file has neither version nor day.

use super::shape::Shape;
use super::{BadName, Draft, ImportError, Part, Stated, access_levels, at, typed};
use serde::Deserialize;

#[derive(Deserialize)]
struct Service {
    prefix: String,
    #[serde(default)]
    service_name: String,
    privileges: Vec<Privilege>,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Deserialize)]
struct Privilege {
    privilege: String,
    #[serde(default)]
    access_level: String,
    #[serde(default)]
    resource_types: Vec<PrivilegeResource>,
}

#[derive(Deserialize)]
struct PrivilegeResource {
    resource_type: String,
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
    for Part { file, .. } in parts.iter().filter(|part| part.shape == Shape::Parliament) {
        for source in typed::<Vec<Service>>(file)? {
            service(source, draft).map_err(at(file))?;
        }
    }
    Ok(Stated::default())
}

fn service(source: Service, draft: &mut Draft) -> Result<(), BadName> {
    let mut warnings = std::mem::take(&mut draft.warnings);
    let service = draft.service(&source.prefix)?;
    service.display_name(&source.service_name)?;
    for condition in source.conditions {
        service.key(&condition.condition, [condition.value_type.as_str()])?;
    }
    for resource in source.resources {
        let arns = resource.arn.split(',').map(str::trim);
        service.resource(&resource.resource, arns, resource.condition_keys.iter().map(String::as_str))?;
    }
    for privilege in source.privileges {
        let name = privilege.privilege.as_str();
        let levels = access_levels(&privilege.access_level, &format!("{}:{name}", source.prefix), &mut warnings);
        let action = service.action(name, &mut warnings)?;
        action.levels = action.levels.union(levels);
        for on in privilege.resource_types {
            let keys = on.condition_keys.iter().map(String::as_str);
            let (resource, required) = match on.resource_type.strip_suffix('*') {
                Some(resource) => (resource, true),
                None => (on.resource_type.as_str(), false),
            };
            if resource.is_empty() {
                service.action_condition_keys(name, keys)?;
            } else {
                service.action_resource(name, resource, required, keys)?;
            }
            on.dependent_actions.iter().try_for_each(|needed| service.dependent_action(name, needed))?;
        }
    }
    draft.warnings = warnings;
    Ok(())
}
