//! The own API under `/api/v1/`: what the provider's API has no words for. Evidence, coverage, plans with claims and
//! certificates, backtests, diffs, acceptances, and a stream of changes.
//!
//! Its document is `docs/openapi.json`; the router is made from one table, which a test compares with the document. It gives
//! the JSON of the flow's own views as they are, and concludes nothing.

mod caller;
mod keys;
mod lists;
mod plans;
mod problem;
mod stream;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, delete, get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use caller::Caller;
use problem::Problem;

use crate::dashboard::site::Site;
use crate::dashboard::{last_report, permissions_of, trend_days};

/// The document, as it is served.
const DOCUMENT: &str = include_str!("../../../../docs/openapi.json");

/// Every operation: method, path, handler.
fn operations() -> Vec<(&'static str, &'static str, MethodRouter<Site>)> {
    vec![
        ("get", "/api/v1/openapi.json", get(document)),
        ("get", "/api/v1/analyzers", get(analyzers)),
        ("get", "/api/v1/analyzers/{analyzer}/coverage", get(coverage)),
        ("get", "/api/v1/analyzers/{analyzer}/trend", get(trend)),
        ("get", "/api/v1/analyzers/{analyzer}/principals/{arn}/permissions", get(permissions)),
        ("get", "/api/v1/findings", get(lists::findings)),
        ("get", "/api/v1/principals", get(lists::principals)),
        ("get", "/api/v1/plans", get(lists::plans)),
        ("get", "/api/v1/keys", get(keys::list)),
        ("post", "/api/v1/keys", post(keys::create)),
        ("delete", "/api/v1/keys/{key}", delete(keys::revoke)),
        ("get", "/api/v1/findings/{id}/evidence", get(evidence)),
        ("get", "/api/v1/findings/{id}/history", get(history)),
        ("get", "/api/v1/findings/{id}/plan", get(plans::plan)),
        ("post", "/api/v1/findings/{id}/plan", post(plans::begin)),
        ("get", "/api/v1/findings/{id}/plan/{alternative}/backtest", get(plans::backtest)),
        ("get", "/api/v1/findings/{id}/plan/{alternative}/steps/{step}/claims", get(plans::claims)),
        ("get", "/api/v1/findings/{id}/plan/{alternative}/steps/{step}/diff", get(plans::diff)),
        ("put", "/api/v1/findings/{id}/acceptance", put(plans::accept)),
        ("get", "/api/v1/events", get(stream::events)),
    ]
}

/// All addresses of the own API.
pub(crate) fn router() -> Router<Site> {
    let nowhere = any(async || Problem::missing("there is no such address"));
    let router = Router::new().route("/api/{*rest}", nowhere);
    operations().into_iter().fold(router, |router, (_, path, handler)| router.route(path, handler))
}

/// `GET /metrics`, for Prometheus.
pub(crate) async fn metrics(State(site): State<Site>, caller: Caller) -> Result<Response, Problem> {
    caller.sees_all()?;
    let text = crate::metrics::metrics(site.store()).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn analyzers(State(site): State<Site>, caller: Caller) -> Result<Json<Value>, Problem> {
    let all = site.analyzers_for(&caller.visible).await?;
    let one = |analyzer: &crate::store::Analyzer| {
        json!({
            "name": analyzer.name, "arn": analyzer.arn, "type": analyzer.scope.as_str(), "unusedAccessAge": analyzer.unused_access_age,
            "analysedAt": analyzer.analysed.map(|at| at.to_string()), "pending": analyzer.is_pending,
        })
    };
    Ok(Json(json!({"analyzers": all.iter().map(one).collect::<Vec<_>>()})))
}

async fn coverage(State(site): State<Site>, caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let analyzer = site.store().analyzer(&name).await?;
    match last_report(&site, &analyzer, &caller.visible).await? {
        Value::Null => Err(Problem::missing("no analysis of the analyzer is complete yet")),
        report => Ok(Json(report)),
    }
}

async fn trend(State(site): State<Site>, caller: Caller, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let analyzer = site.store().analyzer(&name).await?;
    let day = |at: leastwise::access::Timestamp| at.to_string().chars().take(10).collect::<String>();
    if !caller.visible.is_all() {
        // Of some accounts it is known how many there were of each status, and not of which type.
        let days = trend_days(&site, &analyzer, &caller.visible, crate::clock::now()).await?;
        let points = days.into_iter().flat_map(|(at, active, archived, resolved)| {
            [("ACTIVE", active), ("ARCHIVED", archived), ("RESOLVED", resolved)]
                .map(|(status, count)| json!({"day": day(at), "status": status, "count": count}))
        });
        return Ok(Json(json!({"points": points.collect::<Vec<_>>()})));
    }
    let points = site.store().trend(&analyzer, leastwise::access::Timestamp::from_seconds(0), crate::clock::now()).await?;
    let point = |point: &crate::store::TrendPoint| {
        json!({
            "day": day(point.day), "findingType": point.kind.as_str(), "status": point.status.as_str(), "count": point.count,
        })
    };
    Ok(Json(json!({"points": points.iter().map(point).collect::<Vec<_>>()})))
}

async fn permissions(
    State(site): State<Site>,
    _caller: Caller,
    Path((name, arn)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let analyzer = site.store().analyzer(&name).await?;
    let told = permissions_of(&site, &analyzer, &arn).await;
    told.map(Json).ok_or_else(|| Problem::missing(format!("`{arn}` is no principal of the current analysis")))
}

/// A text that is JSON, as the store has it.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

async fn evidence(State(site): State<Site>, _caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let (analyzer, finding) = site.finding(&id).await?;
    let permissions = permissions_of(&site, &analyzer, &finding.summary.resource).await;
    Ok(Json(json!({
        "id": finding.summary.id, "resource": finding.summary.resource, "findingType": finding.summary.kind.as_str(),
        "status": finding.summary.status.as_str(), "risks": finding.summary.risk.names().collect::<Vec<_>>(),
        "evidence": parsed(&finding.evidence), "permissions": permissions,
    })))
}

async fn history(State(site): State<Site>, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    site.finding(&id).await?;
    let rows = site.store().audit(Some(&id), None, 1000).await?;
    let changes: Vec<Value> = rows.into_iter().map(|row| stream::change(&caller.visible.audit(row))).collect();
    Ok(Json(json!({"changes": changes})))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_and_the_router_know_the_same_operations() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut written = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                written.insert((method.clone(), path.clone()));
            }
        }
        let routed: BTreeSet<(String, String)> =
            operations().into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned())).collect();
        assert_eq!(written, routed);
    }

    #[test]
    fn every_operation_says_what_it_answers_when_it_goes_well_and_when_not() {
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
                assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{method} {path}");
                let codes: Vec<&str> = operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
                assert!(codes.iter().any(|code| code.starts_with('2')), "{method} {path}");
                assert!(path.ends_with("openapi.json") || codes.contains(&"401"), "{method} {path}");
            }
        }
    }
}
