//! Reads PyPI `iam-actions`: actions.json, and resourcetypes.json and services.json when they are there.
//!
//! Part of an import. The data has no types of condition keys, no dependent actions and does not say which resource
//! types are required; its version ends in the day.

use super::shape::Shape;
use super::{Draft, HELP_FORMS, ImportError, Part, SourceFile, Stated, access_levels, at, of_all, typed};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Action {
    action: String,
    access_level: Option<String>,
    #[serde(default)]
    condition_keys: Vec<String>,
    #[serde(default)]
    resources: Vec<String>,
}

#[derive(Deserialize)]
struct Resource {
    arn_pattern: String,
    condition_keys: Option<String>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "ServiceNames")]
    names: Vec<String>,
}

pub(super) fn read(parts: &[Part<'_>], draft: &mut Draft) -> Result<Stated, ImportError> {
    if !parts.iter().any(|part| part.shape == Shape::IamActions) {
        return Err(of_all("no actions.json among the files of `iam-actions`".to_owned(), HELP_FORMS));
    }
    for Part { file, shape } in parts {
        match shape {
            Shape::IamActions => actions(file, draft)?,
            Shape::IamActionsResources => resources(file, draft)?,
            Shape::IamActionsServices => {
                for (prefix, Service { names }) in typed::<BTreeMap<String, Service>>(file)? {
                    let service = draft.service(&prefix).map_err(at(file))?;
                    names.iter().try_for_each(|name| service.display_name(name)).map_err(at(file))?;
                }
            }
            _ => {}
        }
    }
    Ok(Stated::default())
}

fn actions(file: &SourceFile<'_>, draft: &mut Draft) -> Result<(), ImportError> {
    let mut warnings = std::mem::take(&mut draft.warnings);
    for (prefix, actions) in typed::<BTreeMap<String, BTreeMap<String, Action>>>(file)? {
        let service = draft.service(&prefix).map_err(at(file))?;
        for action in actions.into_values() {
            let name = &action.action;
            let levels = access_levels(&action.access_level.unwrap_or_default(), &format!("{prefix}:{name}"), &mut warnings);
            let known = service.action(name, &mut warnings).map_err(at(file))?;
            known.levels = known.levels.union(levels);
            service.action_condition_keys(name, action.condition_keys.iter().map(String::as_str)).map_err(at(file))?;
            for resource in &action.resources {
                service.action_resource(name, resource, false, []).map_err(at(file))?;
            }
        }
    }
    draft.warnings = warnings;
    Ok(())
}

fn resources(file: &SourceFile<'_>, draft: &mut Draft) -> Result<(), ImportError> {
    for (prefix, types) in typed::<BTreeMap<String, BTreeMap<String, Resource>>>(file)? {
        let service = draft.service(&prefix).map_err(at(file))?;
        for (name, Resource { arn_pattern, condition_keys }) in types {
            let keys = condition_keys.as_deref().into_iter().flat_map(str::lines).map(str::trim).filter(|key| !key.is_empty());
            service.resource(&name, [arn_pattern.as_str()], keys).map_err(at(file))?;
        }
    }
    Ok(())
}
