//! Access that a policy should not grant, as sets of actions and resources.
//!
//! A narrower question than inclusion: only requests for the listed access count.

use super::Access;
use super::space::{ACTION, Literal, RESOURCE, Space};
use crate::resources;

/// Why the access cannot be asked about.
pub(super) fn unfit(access: &Access) -> Option<String> {
    let most = Access::MOST;
    if access.actions.len() > most || access.resources.len() > most {
        return Some(format!("at most {most} actions and {most} resources can be asked about at once"));
    }
    access.resources.iter().find(|text| text.is_empty()).map(|_| "an empty text is no resource".to_owned())
}

/// What every request has to be in.
pub(super) fn literals(access: &Access, space: &mut Space<'_>) -> Vec<Literal> {
    let mut literals = Vec::new();
    if !access.actions.is_empty() {
        let set = space.names.add_patterns(access.actions.clone());
        literals.push(Literal { dimension: ACTION, set, holds: true });
    }
    if !access.resources.is_empty() {
        let set = space.resources.add(access.resources.iter().map(|text| resources::plain(text)));
        literals.push(Literal { dimension: RESOURCE, set, holds: true });
    }
    literals
}
