//! Tags of analyzers.
//!
//! The limits are AWS's for tags of any resource. Nothing but an analyzer has tags here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Reply;
use super::error::WireError;
use super::request::Call;

/// The most tags of one resource.
const MOST_TAGS: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag {
    resource_arn: String,
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Untag {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Serialize)]
struct Listed {
    tags: BTreeMap<String, String>,
}

/// That the tags may be added to those that are there.
pub(super) fn check(new: &[(String, String)], there: &[(String, String)]) -> Result<(), WireError> {
    for (name, value) in new {
        let place = format!("tags.{name}");
        if name.is_empty() || name.chars().count() > 128 {
            return Err(WireError::field(place, "has a key that is not of 1 to 128 characters"));
        }
        if name.to_ascii_lowercase().starts_with("aws:") {
            return Err(WireError::field(place, "begins with `aws:`, which is reserved"));
        }
        if value.chars().count() > 256 {
            return Err(WireError::field(place, "has a value of more than 256 characters"));
        }
    }
    let added = new.iter().filter(|(name, _)| there.iter().all(|(own, _)| own != name)).count();
    if there.len() + added > MOST_TAGS {
        return Err(WireError::field("tags", format!("would be more than {MOST_TAGS}")));
    }
    Ok(())
}

pub(super) async fn tag(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: Tag = call.input()?;
    let store = &call.api.store;
    let analyzer = store.analyzer_of_arn(&asked.resource_arn).await?;
    let new: Vec<(String, String)> = asked.tags.into_iter().collect();
    check(&new, &store.tags(&analyzer.arn).await?)?;
    store.tag(&analyzer.arn, &new, &call.change()).await?;
    Reply::empty()
}

pub(super) async fn untag(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: Untag = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.resource_arn).await?;
    call.api.store.untag(&analyzer.arn, &asked.tag_keys, &call.change()).await?;
    Reply::empty()
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, WireError> {
    let of: Of = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&of.resource_arn).await?;
    let tags = if call.who.visible.sees_tags(&analyzer) { call.api.store.tags(&analyzer.arn).await? } else { Vec::new() };
    Reply::of(&Listed { tags: tags.into_iter().collect() })
}
