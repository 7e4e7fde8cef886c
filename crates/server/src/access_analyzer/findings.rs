//! Findings: listed, shown, archived and made active again.
//!
//! A key for some accounts sees only their findings; others are not there for it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Reply;
use super::error::WireError;
use super::page::USUAL;
use super::request::Call;
use crate::store::{Analyzer, Cursor, Filter, Finding, FindingSummary, Page, Query, Sort, SortKey};

/// The most findings of one `UpdateFindings`.
const MOST_IDS: usize = 1000;

/// What lists may be sorted by.
const SORTS: [(&str, SortKey); 8] = [
    ("createdAt", SortKey::Created),
    ("updatedAt", SortKey::Updated),
    ("resource", SortKey::Resource),
    ("status", SortKey::Status),
    ("findingType", SortKey::FindingType),
    ("resourceOwnerAccount", SortKey::Account),
    ("resourceType", SortKey::ResourceType),
    ("id", SortKey::Id),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    analyzer_arn: String,
    filter: Option<Value>,
    sort: Option<SortAsked>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SortAsked {
    attribute_name: Option<String>,
    order_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneAsked {
    analyzer_arn: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    analyzer_arn: String,
    status: String,
    ids: Option<Vec<String>>,
    resource_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    findings: Vec<View>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    analyzed_at: String,
    created_at: String,
    id: String,
    resource: String,
    resource_type: &'static str,
    resource_owner_account: String,
    status: &'static str,
    updated_at: String,
    finding_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    #[serde(flatten)]
    summary: View,
    finding_details: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl View {
    fn of(finding: FindingSummary) -> View {
        View {
            analyzed_at: finding.analysed.to_string(),
            created_at: finding.created.to_string(),
            resource_type: finding.resource_type.as_str(),
            status: finding.status.as_str(),
            updated_at: finding.updated.to_string(),
            finding_type: finding.kind.as_str(),
            id: finding.id,
            resource: finding.resource,
            resource_owner_account: finding.account,
        }
    }
}

impl Call<'_> {
    /// A finding that whoever asks may see.
    pub(super) async fn finding(&self, analyzer: &Analyzer, id: &str) -> Result<Finding, WireError> {
        let finding = self.api.store.finding(analyzer, id).await?;
        if self.who.visible.sees(&finding.summary.account) {
            return Ok(finding);
        }
        // As if it were not there: in the words of one that is not.
        Err(WireError::from(crate::store::StoreError::NotFound { what: "finding", id: id.to_owned() }))
    }
}

fn sort(asked: Option<SortAsked>) -> Result<Sort, WireError> {
    let Some(asked) = asked else { return Ok(Sort::default()) };
    let key = match asked.attribute_name {
        None => SortKey::Created,
        Some(name) => SORTS.iter().find(|(own, _)| *own == name).map(|(_, key)| *key).ok_or_else(|| {
            let known: Vec<&str> = SORTS.iter().map(|(own, _)| *own).collect();
            WireError::field("sort.attributeName", format!("is none of {}", known.join(", ")))
        })?,
    };
    Ok(Sort { key, descending: asked.order_by.as_deref() == Some("DESC") })
}

pub(super) async fn list(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: List = call.input()?;
    let mut filter = asked.filter.as_ref().map(Filter::of_json).transpose()?.unwrap_or_default();
    let sort = sort(asked.sort)?;
    let limit = call.page_size(USUAL)?;
    let unreadable = || WireError::field("nextToken", "is not one that this query returned");
    let after = call.after()?.map(|place| Cursor::parse(&place, sort).ok_or_else(unreadable)).transpose()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let page = if call.who.visible.narrow(&mut filter) {
        call.api.store.list(&Query { filter, sort, after, limit, ..Query::of(&analyzer) }).await?
    } else {
        Page { findings: Vec::new(), next: None }
    };
    let next_token = page.next.map(|cursor| call.token(&cursor.to_string())).transpose()?;
    Reply::of(&Listed { findings: page.findings.into_iter().map(View::of).collect(), next_token })
}

pub(super) async fn one(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: OneAsked = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let finding = call.finding(&analyzer, &asked.id).await?;
    let damaged = |e: serde_json::Error| WireError::Internal(format!("the details of finding {}: {e}", asked.id));
    // Details never change under one id: what changes is another finding.
    let details: Vec<Value> = serde_json::from_str(&finding.details).map_err(damaged)?;
    let (finding_details, next_token) = call.page(details, &asked.id, super::page::MOST)?;
    Reply::of(&Whole { summary: View::of(finding.summary), finding_details, next_token })
}

pub(super) async fn update(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: Update = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let mut ids = asked.ids.unwrap_or_default();
    if ids.len() > MOST_IDS {
        return Err(WireError::field("ids", format!("has more than {MOST_IDS} items")));
    }
    // What is of others is not there: nothing is changed, as with a resource that has no findings.
    if let Some(resource) = asked.resource_arn.as_ref().filter(|arn| call.who.visible.sees_principal(arn)) {
        ids.extend(call.api.store.findings_of_resource(&analyzer, resource).await?);
    }
    if ids.is_empty() && asked.resource_arn.is_none() {
        return Err(WireError::field("ids", "is needed, or `resourceArn`"));
    }
    if !call.who.visible.is_all() {
        for id in &ids {
            call.finding(&analyzer, id).await?;
        }
    }
    ids.sort_unstable();
    ids.dedup();
    if asked.status == "ARCHIVED" {
        call.api.store.archive(&analyzer, &ids, None, None, &call.change()).await?;
    } else {
        call.api.store.reopen(&analyzer, &ids, &call.change()).await?;
    }
    Reply::empty()
}
