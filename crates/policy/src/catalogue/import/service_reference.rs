//! Reads the provider's service reference, format v1.4: one JSON file a service, and the list of the services.
//!
//! Part of an import. Access levels come from the four flags (none set: Read), tracked actions from `SupportedBy`, and
//! operations with the actions that authorise them are kept. SDK method names and operation contexts are left out.
//! The files have neither a common version nor a day.

use super::shape::Shape;
use super::{BadName, Draft, ImportError, Part, Stated, at, typed};
use crate::catalogue::{AccessLevel, AccessLevels};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    name: String,
    actions: Vec<Action>,
    #[serde(default)]
    condition_keys: Vec<Key>,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Action {
    name: String,
    #[serde(default)]
    action_condition_keys: Vec<String>,
    #[serde(default)]
    resources: Vec<ActionResource>,
    annotations: Option<Annotations>,
    supported_by: Option<SupportedBy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ActionResource {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Annotations {
    properties: Option<Properties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Properties {
    is_list: bool,
    is_permission_management: bool,
    is_tagging_only: bool,
    is_write: bool,
}

#[derive(Deserialize)]
struct SupportedBy {
    #[serde(rename = "IAM Action Last Accessed")]
    last_accessed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    name: String,
    #[serde(default)]
    types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    name: String,
    #[serde(default, rename = "ARNFormats")]
    arn_formats: Vec<String>,
    #[serde(default)]
    condition_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Operation {
    name: String,
    authorized_actions: Option<Vec<AuthorisedAction>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AuthorisedAction {
    name: String,
    service: String,
}

impl Properties {
    fn access_levels(&self) -> AccessLevels {
        let flags = [
            (self.is_list, AccessLevel::List),
            (self.is_write, AccessLevel::Write),
            (self.is_tagging_only, AccessLevel::Tagging),
            (self.is_permission_management, AccessLevel::PermissionsManagement),
        ];
        let set =
            flags.into_iter().filter(|(set, _)| *set).fold(AccessLevels::default(), |levels, (_, level)| levels.with(level));
        if set.is_empty() { set.with(AccessLevel::Read) } else { set }
    }
}

pub(super) fn read(parts: &[Part<'_>], draft: &mut Draft) -> Result<Stated, ImportError> {
    for Part { file, .. } in parts.iter().filter(|part| part.shape == Shape::ServiceReference) {
        service(typed::<Service>(file)?, draft).map_err(at(file))?;
    }
    Ok(Stated::default())
}

#[derive(Deserialize)]
struct Listed {
    service: String,
}

/// The services that a list of services names and no file holds, sorted; none when no list is among the files, so that
/// nobody knows.
pub(super) fn lacking(parts: &[Part<'_>], draft: &Draft) -> Result<Option<Vec<String>>, ImportError> {
    let mut lacking = None;
    for Part { file, .. } in parts.iter().filter(|part| part.shape == Shape::ServiceReferenceIndex) {
        let listed = typed::<Vec<Listed>>(file)?.into_iter().map(|listed| listed.service);
        let absent = listed.filter(|prefix| !draft.services.contains_key(&prefix.to_ascii_lowercase()));
        lacking.get_or_insert_with(Vec::new).extend(absent);
    }
    if let Some(lacking) = &mut lacking {
        lacking.sort();
        lacking.dedup();
    }
    Ok(lacking)
}

fn service(source: Service, draft: &mut Draft) -> Result<(), BadName> {
    let service = draft.service(&source.name)?;
    for key in &source.condition_keys {
        service.key(&key.name, key.types.iter().map(String::as_str))?;
    }
    for resource in &source.resources {
        let arns = resource.arn_formats.iter().map(String::as_str);
        service.resource(&resource.name, arns, resource.condition_keys.iter().map(String::as_str))?;
    }
    for action in &source.actions {
        let properties = action.annotations.as_ref().and_then(|annotations| annotations.properties.as_ref());
        let known = service.action(&action.name, properties.map(Properties::access_levels).unwrap_or_default())?;
        known.tracked = action.supported_by.as_ref().and_then(|by| by.last_accessed).or(known.tracked);
        service.action_condition_keys(&action.name, action.action_condition_keys.iter().map(String::as_str))?;
        for resource in &action.resources {
            service.action_resource(&action.name, &resource.name, false, [])?;
        }
    }
    for operation in source.operations {
        let authorised = operation
            .authorized_actions
            .map(|actions| actions.into_iter().map(|action| format!("{}:{}", action.service, action.name)).collect());
        service.operation(&operation.name, authorised)?;
    }
    Ok(())
}
