//! Archive rules of an analyzer, and filters as they come in.
//!
//! What a filter means is decided in the store.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Reply;
use super::error::WireError;
use super::page::USUAL;
use super::request::Call;
use crate::store::{ArchiveRule, Filter, FilterProblem, MOST_RULES, StoreError};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignedRequest {
    analyzer_name: String,
    rule_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    analyzer_name: String,
    rule_name: String,
    filter: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Of {
    analyzer_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Applied {
    analyzer_arn: String,
    rule_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct One {
    archive_rule: View,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    archive_rules: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    rule_name: String,
    filter: Value,
    created_at: String,
    updated_at: String,
}

impl View {
    fn of(rule: ArchiveRule) -> View {
        View {
            filter: rule.filter.to_json(),
            created_at: rule.created.to_string(),
            updated_at: rule.updated.to_string(),
            rule_name: rule.name,
        }
    }
}

impl From<FilterProblem> for WireError {
    fn from(problem: FilterProblem) -> WireError {
        WireError::field(problem.place, problem.message)
    }
}

/// The filter of a rule: of the keys that rules may have, and of something at all.
pub(super) fn filter(value: &Value) -> Result<Filter, WireError> {
    let filter = Filter::of_json(value)?;
    if filter.criteria.is_empty() {
        return Err(WireError::field("filter", "has no criterion: the rule would archive everything"));
    }
    match filter.criteria.keys().find(|key| !key.is_for_rules()) {
        Some(key) => Err(WireError::field(format!("filter.{}", key.as_str()), "is for lists, not for archive rules")),
        None => Ok(filter),
    }
}

/// That an analyzer may have so many rules.
pub(super) fn within_quota(rules: usize, analyzer: &str) -> Result<(), WireError> {
    if rules <= MOST_RULES as usize {
        return Ok(());
    }
    Err(StoreError::Quota { what: "archive rule", most: MOST_RULES, of: analyzer.to_owned() }.into())
}

pub(super) async fn create(call: &Call<'_>) -> Result<Reply, WireError> {
    let new: Written = call.input()?;
    let filter = filter(&new.filter)?;
    call.api.store.create_rule(&new.analyzer_name, &new.rule_name, &filter, &call.change()).await?;
    Reply::empty()
}

pub(super) async fn one(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: SignedRequest = call.input()?;
    call.sees_analyzer(&asked.analyzer_name).await?;
    let rule = call.api.store.rule(&asked.analyzer_name, &asked.rule_name).await?;
    if !call.who.visible.sees_rule(&rule.filter) {
        return Err(StoreError::NotFound { what: "archive rule", id: asked.rule_name }.into());
    }
    Reply::of(&One { archive_rule: View::of(rule) })
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, WireError> {
    let of: Of = call.input()?;
    let size = call.page_size(USUAL)?;
    call.sees_analyzer(&of.analyzer_name).await?;
    // An analyzer has a hundred at most.
    let mut rules = call.api.store.rules(&of.analyzer_name, call.after()?.as_deref(), MOST_RULES).await?;
    rules.retain(|rule| call.who.visible.sees_rule(&rule.filter));
    let has_more = rules.len() > size as usize;
    rules.truncate(size as usize);
    let next_token = rules.last().filter(|_| has_more).map(|rule| call.token(&rule.name)).transpose()?;
    Reply::of(&Listed { archive_rules: rules.into_iter().map(View::of).collect(), next_token })
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, WireError> {
    let new: Written = call.input()?;
    let filter = filter(&new.filter)?;
    call.api.store.update_rule(&new.analyzer_name, &new.rule_name, &filter, &call.change()).await?;
    Reply::empty()
}

pub(super) async fn delete(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: SignedRequest = call.input()?;
    call.api.store.delete_rule(&asked.analyzer_name, &asked.rule_name, &call.change()).await?;
    Reply::empty()
}

pub(super) async fn apply(call: &Call<'_>) -> Result<Reply, WireError> {
    let applied: Applied = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&applied.analyzer_arn).await?;
    call.api.store.apply_rule(&analyzer.name, &applied.rule_name, &call.change()).await?;
    Reply::empty()
}
