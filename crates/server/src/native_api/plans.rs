//! Plans: what is recommended for a finding, step by step, with claims, certificates, diffs and the replay; and acceptances.
//!
//! Parts of the one report that the store keeps (`leastwise.recommend/2`). What was withheld has no steps, here as elsewhere.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use leastwise::report::diff::{DiffLine, diff as lines};
use serde_json::{Value, json};

use super::parsed;
use super::{Caller, Problem};
use crate::dashboard::begin_recommendation;
use crate::dashboard::site::Site;
use crate::dashboard::visitor::Level;
use crate::store::{FindingStatus, RecommendationStatus, StoreError};

type Answer = Result<Json<Value>, Problem>;

/// `GET …/plan`.
pub(super) async fn plan(State(site): State<Site>, _caller: Caller, Path(id): Path<String>) -> Answer {
    let (analyzer, _) = site.finding(&id).await?;
    let known = site.store().recommendation(&analyzer, &id).await?;
    let accepted = site.store().acceptance(&id).await?;
    Ok(Json(json!({
        "finding": id,
        "status": known.status.as_str(),
        "startedAt": known.started.to_string(),
        "completedAt": known.completed.map(|at| at.to_string()),
        "error": known.error.map(|error| json!({"code": error.code, "message": error.message})),
        "report": parsed(&known.report),
        "acceptance": accepted.map(|own| json!({"alternative": own.alternative, "by": own.actor, "at": own.at.to_string()})),
    })))
}

/// `POST …/plan`.
pub(super) async fn begin(
    State(site): State<Site>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.changes(Level::Archive)?;
    let (analyzer, finding) = site.finding(&id).await?;
    if finding.summary.status == FindingStatus::Resolved {
        return Err(Problem::bad("the finding is resolved"));
    }
    begin_recommendation(&site, &analyzer, &finding).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"finding": id, "status": RecommendationStatus::InProgress.as_str()}))))
}

/// A number of a path, from 1.
fn place(text: &str) -> Result<usize, Problem> {
    text.parse::<usize>()
        .ok()
        .and_then(|number| number.checked_sub(1))
        .ok_or_else(|| Problem::bad(format!("`{text}` is no number from 1")))
}

/// A whole number from 1, however JSON writes it: `1.0` is one too.
fn whole(value: &Value) -> Option<u32> {
    let number = value.as_f64().filter(|number| number.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(number))?;
    format!("{number:.0}").parse().ok()
}

/// An alternative of a finding's report.
async fn alternative(site: &Site, id: &str, number: &str) -> Result<Value, Problem> {
    let at = place(number)?;
    let (analyzer, _) = site.finding(id).await?;
    let known = site.store().recommendation(&analyzer, id).await?;
    let mut report = parsed(&known.report);
    let found = report.pointer_mut(&format!("/alternatives/{at}")).map(Value::take);
    found.ok_or_else(|| Problem::missing(format!("the plan has no alternative {number}")))
}

async fn step(site: &Site, id: &str, number: &str, step: &str) -> Result<Value, Problem> {
    let at = place(step)?;
    let mut own = alternative(site, id, number).await?;
    let found = own.pointer_mut(&format!("/recommendedSteps/{at}")).map(Value::take);
    found.ok_or_else(|| Problem::missing(format!("the alternative has no step {step}")))
}

/// `GET …/backtest`.
pub(super) async fn backtest(State(site): State<Site>, _caller: Caller, Path((id, number)): Path<(String, String)>) -> Answer {
    let own = alternative(&site, &id, &number).await?;
    Ok(Json(json!({"status": own.get("status"), "replay": own.get("replay")})))
}

/// `GET …/claims`.
pub(super) async fn claims(
    State(site): State<Site>,
    _caller: Caller,
    Path((id, number, at)): Path<(String, String, String)>,
) -> Answer {
    let own = step(&site, &id, &number, &at).await?;
    Ok(Json(json!({"claims": own.get("claims"), "certificate": own.get("certificate")})))
}

/// `GET …/diff`.
pub(super) async fn diff(
    State(site): State<Site>,
    _caller: Caller,
    Path((id, number, at)): Path<(String, String, String)>,
) -> Answer {
    let own = step(&site, &id, &number, &at).await?;
    let text = |name: &str| own.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (before, after) = (text("before"), text("text"));
    let line = |line: DiffLine| match line {
        DiffLine::Same(text) => json!({"kind": "same", "text": text}),
        DiffLine::Removed(text) => json!({"kind": "removed", "text": text}),
        DiffLine::Added(text) => json!({"kind": "added", "text": text}),
        DiffLine::Omitted(count) => json!({"kind": "omitted", "count": count}),
    };
    let lines: Vec<Value> = lines(&before, &after, usize::MAX / 2).into_iter().map(line).collect();
    Ok(Json(json!({"before": before, "after": own.get("text"), "lines": lines})))
}

/// `PUT …/acceptance`.
pub(super) async fn accept(State(site): State<Site>, caller: Caller, Path(id): Path<String>, body: Bytes) -> Answer {
    let change = caller.changes(Level::Archive)?;
    let sent: Value = serde_json::from_slice(&body).map_err(|error| Problem::bad(format!("the body is no JSON: {error}")))?;
    let number = sent.get("alternative").and_then(whole);
    let Some(number) = number else { return Err(Problem::bad("`alternative` is no number from 1")) };
    let own = alternative(&site, &id, &number.to_string()).await?;
    if own.get("status").and_then(Value::as_str) != Some("applicable") {
        return Err(Problem::bad("a plan that was withheld cannot be accepted"));
    }
    let (analyzer, _) = site.finding(&id).await?;
    let known = site.store().recommendation(&analyzer, &id).await?;
    site.store().accept(&id, number, &known.report, &change).await?;
    match site.store().acceptance(&id).await? {
        Some(own) => Ok(Json(json!({"alternative": own.alternative, "by": own.actor, "at": own.at.to_string()}))),
        None => Err(StoreError::NotFound { what: "acceptance", id }.into()),
    }
}
