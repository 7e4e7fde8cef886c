//! Recommendations for findings about permissions: asked for, and shown when they are ready.
//!
//! They are made elsewhere, by the analysis that the finding is of; what is shown has been proved there.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Reply;
use super::error::{Reason, WireError};
use super::page::MOST;
use super::request::Call;
use crate::store::{FindingStatus, RecommendationStatus, StoreError};
use leastwise::findings::FindingKind;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Selector {
    analyzer_arn: String,
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct View {
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
    resource_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommended_steps: Option<Vec<Value>>,
    recommendation_type: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
struct ErrorView {
    code: String,
    message: String,
}

/// AWS's recommended steps create policies for the principal and detach policies from it. What is done to groups, to policies
/// that others have too, to permission sets, or beyond a quota, they cannot say.
fn not_in_aws_words(call: &Call<'_>, finding: &str) -> ErrorView {
    ErrorView {
        code: "NOT_IN_AWS_WORDS".to_owned(),
        message: format!(
            "the recommendation changes more than policies of the principal, which `recommendedAction` cannot say; \
             {}/api/v1/findings/{finding}/plan and the dashboard have its operations",
            call.base
        ),
    }
}

pub(super) async fn generate(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: Selector = call.input()?;
    let store = &call.api.store;
    let analyzer = store.analyzer_of_arn(&asked.analyzer_arn).await?;
    let finding = call.finding(&analyzer, &asked.id).await?.summary;
    let refused = |why: &str| Err(WireError::Validation(Reason::Other, why.to_owned(), Vec::new()));
    if finding.kind != FindingKind::UnusedPermission {
        return refused("recommendations are for findings of the type `UnusedPermission`");
    }
    if finding.status == FindingStatus::Resolved {
        return refused("the finding is resolved: there is nothing left to recommend");
    }
    // Asked for twice, it is made once.
    match store.recommendation(&analyzer, &finding.id).await {
        Ok(known) if known.status == RecommendationStatus::InProgress => return Reply::empty(),
        Ok(_) | Err(StoreError::NotFound { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    store.start_recommendation(&analyzer, &finding.id, &finding.resource, call.now).await?;
    let (store, desk) = (store.clone(), call.api.desk.clone());
    tokio::spawn(async move {
        let advice = desk.recommend(&finding.resource, analyzer.unused_access_age).await;
        if let Err(error) = store.finish_recommendation(&finding.id, advice, crate::clock::now()).await {
            tracing::error!(%error, finding = finding.id, "a recommendation cannot be kept");
        }
    });
    Reply::empty()
}

pub(super) async fn one(call: &Call<'_>) -> Result<Reply, WireError> {
    let asked: Selector = call.input()?;
    let analyzer = call.api.store.analyzer_of_arn(&asked.analyzer_arn).await?;
    call.finding(&analyzer, &asked.id).await?;
    let known = call.api.store.recommendation(&analyzer, &asked.id).await?;
    let damaged = |e: serde_json::Error| WireError::Internal(format!("the steps for finding {}: {e}", asked.id));
    let steps: Option<Vec<Value>> = serde_json::from_str(&known.steps).map_err(damaged)?;
    let has_succeeded = known.status == RecommendationStatus::Succeeded;
    let (status, error) = match (&steps, known.error) {
        (None, _) if has_succeeded => (RecommendationStatus::Failed, Some(not_in_aws_words(call, &known.finding))),
        (_, error) => (known.status, error.map(|error| ErrorView { code: error.code, message: error.message })),
    };
    // A recommendation that was made anew is another list.
    let scope = format!("{} {}", known.started, known.finding);
    let (steps, next_token) = call.page(steps.unwrap_or_default(), &scope, MOST)?;
    Reply::of(&View {
        started_at: known.started.to_string(),
        completed_at: known.completed.map(|time| time.to_string()),
        next_token,
        error,
        resource_arn: known.resource,
        recommended_steps: (status == RecommendationStatus::Succeeded).then_some(steps),
        recommendation_type: "UnusedPermissionRecommendation",
        status: status.as_str(),
    })
}
