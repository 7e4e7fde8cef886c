//! Lists: findings, principals and plans, page by page.
//!
//! As the caller sees them. A page ends with a place to go on from, which is sealed for the list and for the caller; an unknown parameter
//! is refused rather than left out.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use leastwise::findings::FindingKind;
use serde_json::{Value, json};

use super::{Caller, Problem};
use crate::access_analyzer::Tokens;
use crate::dashboard::fields::Fields;
use crate::dashboard::site::Site;
use crate::store::{Analyzer, Criterion, Cursor, Filter, FilterKey, FindingStatus, FindingSummary, Page, Query, Sort};

type Answer = Result<Json<Value>, Problem>;

/// Rows on a page unless asked, and at most.
const USUAL: u32 = 100;
const MAX_ROWS: u32 = 1000;

/// What a list was asked for.
struct SignedRequest {
    fields: Fields,
    limit: u32,
    analyzer: Option<Analyzer>,
}

impl SignedRequest {
    /// Reads the parameters of a list, of which these are known besides those that all lists have.
    async fn of(site: &Site, caller: &Caller, uri: &Uri, known: &[&str]) -> Result<SignedRequest, Problem> {
        let fields = Fields::parse(uri.query().unwrap_or_default());
        if let Some(unknown) = fields.names().find(|name| !["analyzer", "limit", "after"].contains(name) && !known.contains(name))
        {
            let all: Vec<&str> = ["analyzer", "limit", "after"].iter().chain(known).copied().collect();
            return Err(Problem::bad(format!("`{unknown}` is no parameter of this list; there are {}", all.join(", "))));
        }
        let limit = match fields.of("limit") {
            "" => USUAL,
            text => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_ROWS).contains(limit))
                .ok_or_else(|| Problem::bad(format!("`limit` is not from 1 to {MAX_ROWS}")))?,
        };
        let analyzer = match fields.of("analyzer") {
            "" => site.analyzers_for(&caller.visible).await?.into_iter().next(),
            name => Some(site.analyzer_for(name, &caller.visible).await?),
        };
        Ok(SignedRequest { fields, limit, analyzer })
    }

    /// What the places of this list are sealed for.
    fn sealed_for(&self, list: &str, caller: &Caller) -> String {
        let analyzer = self.analyzer.as_ref().map_or("", |analyzer| analyzer.name.as_str());
        let asked = self.fields.with("after", "").with("limit", "").address(list);
        format!("{asked} {analyzer:?} {:?}", caller.visible.accounts())
    }

    /// The place behind which the page begins.
    fn after(&self, tokens: &Tokens, sealed_for: &str) -> Result<Option<String>, Problem> {
        match self.fields.of("after") {
            "" => Ok(None),
            token => {
                let foreign = || Problem::bad("`after` is not one that this list returned");
                tokens.open(sealed_for, token).map(Some).ok_or_else(foreign)
            }
        }
    }
}

fn next(tokens: &Tokens, sealed_for: &str, place: Option<String>) -> Result<Option<String>, Problem> {
    let seal = |place: String| tokens.seal(sealed_for, &place).ok_or_else(|| Problem::fault("no randomness for a place"));
    place.map(seal).transpose()
}

/// A finding as the export of the dashboard has it.
fn row(finding: &FindingSummary, caller: &Caller) -> Value {
    let archived = finding.archiving.as_ref().map(|own| {
        let by = if own.by.starts_with("rule:") && !caller.visible.is_all() { "rule" } else { &own.by };
        json!({"by": by, "reason": own.why, "until": own.until.map(|until| until.to_string())})
    });
    json!({
        "id": finding.id, "findingType": finding.kind.as_str(), "status": finding.status.as_str(), "resource": finding.resource,
        "resourceType": finding.resource_type.as_str(), "resourceOwnerAccount": finding.account,
        "risks": finding.risk.names().collect::<Vec<_>>(), "unusedActions": finding.unused_actions,
        "createdAt": finding.created.to_string(), "updatedAt": finding.updated.to_string(),
        "analyzedAt": finding.analysed.to_string(), "archived": archived,
    })
}

/// `GET /api/v1/findings`.
pub(super) async fn findings(State(site): State<Site>, caller: Caller, uri: Uri) -> Answer {
    let asked = SignedRequest::of(&site, &caller, &uri, &["status", "findingType", "account", "resource"]).await?;
    let sealed_for = asked.sealed_for("findings", &caller);
    let tokens = Tokens::of_key(site.store().secret("list-place").await?);
    let after = asked.after(&tokens, &sealed_for)?;
    let Some(analyzer) = &asked.analyzer else { return Ok(Json(json!({"findings": [], "next": null}))) };
    let mut filter = Filter::default();
    let one = |value: &str| Criterion { eq: vec![value.to_owned()], ..Criterion::default() };
    let only = match asked.fields.of("status") {
        "" => None,
        word => {
            let status = FindingStatus::parse(word);
            Some(status.ok_or_else(|| Problem::bad("`status` is none of ACTIVE, ARCHIVED and RESOLVED"))?)
        }
    };
    match asked.fields.of("findingType") {
        "" => {}
        word if FindingKind::ALL.iter().any(|kind| kind.as_str() == word) => {
            filter.criteria.insert(FilterKey::FindingType, one(word));
        }
        word => {
            let known: Vec<&str> = FindingKind::ALL.into_iter().map(FindingKind::as_str).collect();
            return Err(Problem::bad(format!("`{word}` is no finding type; there are {}", known.join(", "))));
        }
    }
    for (name, key) in [("account", FilterKey::ResourceOwnerAccount), ("resource", FilterKey::Resource)] {
        if !asked.fields.of(name).is_empty() {
            filter.criteria.insert(key, one(asked.fields.of(name)));
        }
    }
    let after = match after {
        None => None,
        Some(place) => Some(Cursor::parse(&place, Sort::default()).ok_or_else(|| Problem::bad("`after` is damaged"))?),
    };
    let page = if caller.visible.narrow(&mut filter) {
        let query = Query { filter, only, after, limit: asked.limit, ..Query::of(analyzer) };
        site.store().list(&query).await?
    } else {
        Page { findings: Vec::new(), next: None }
    };
    let rows: Vec<Value> = page.findings.iter().map(|finding| row(finding, &caller)).collect();
    let next = next(&tokens, &sealed_for, page.next.map(|cursor| cursor.to_string()))?;
    Ok(Json(json!({"analyzer": analyzer.name, "findings": rows, "next": next})))
}

/// `GET /api/v1/principals`: all roles and users of the current analysis, by ARN.
pub(super) async fn principals(State(site): State<Site>, caller: Caller, uri: Uri) -> Answer {
    let asked = SignedRequest::of(&site, &caller, &uri, &["account"]).await?;
    let sealed_for = asked.sealed_for("principals", &caller);
    let tokens = Tokens::of_key(site.store().secret("list-place").await?);
    let after = asked.after(&tokens, &sealed_for)?.unwrap_or_default();
    let Some(analyzer) = &asked.analyzer else { return Ok(Json(json!({"principals": [], "next": null}))) };
    let (visible, account, limit) = (caller.visible.clone(), asked.fields.of("account").to_owned(), asked.limit as usize);
    let question = move |analysis: &leastwise::analysis::Analysis<'_>, _: &leastwise::recommend::Basis<'_>| {
        let mut found: Vec<String> = analysis
            .access
            .principals()
            .iter()
            .map(|principal| principal.arn.as_str().to_owned())
            .filter(|arn| *arn > after && visible.sees_principal(arn))
            .filter(|arn| account.is_empty() || arn.split(':').nth(4) == Some(account.as_str()))
            .collect();
        found.sort_unstable();
        let is_more = found.len() > limit;
        found.truncate(limit);
        (found, is_more)
    };
    let told = site.desk().ask(analyzer.unused_access_age, question).await;
    let (found, is_more) = told.ok_or_else(|| Problem::missing("no analysis is complete yet; ask again in a moment"))?;
    let one = |arn: &String| {
        let kind = if arn.contains(":user/") { "AWS::IAM::User" } else { "AWS::IAM::Role" };
        json!({"arn": arn, "account": arn.split(':').nth(4), "resourceType": kind})
    };
    let next = next(&tokens, &sealed_for, found.last().filter(|_| is_more).cloned())?;
    Ok(Json(json!({"analyzer": analyzer.name, "principals": found.iter().map(one).collect::<Vec<_>>(), "next": next})))
}

/// `GET /api/v1/plans`: recommendations that were asked for, by the ids of their findings.
pub(super) async fn plans(State(site): State<Site>, caller: Caller, uri: Uri) -> Answer {
    let asked = SignedRequest::of(&site, &caller, &uri, &[]).await?;
    let sealed_for = asked.sealed_for("plans", &caller);
    let tokens = Tokens::of_key(site.store().secret("list-place").await?);
    let after = asked.after(&tokens, &sealed_for)?.unwrap_or_default();
    let Some(analyzer) = &asked.analyzer else { return Ok(Json(json!({"plans": [], "next": null}))) };
    let accounts = caller.visible.accounts();
    let mut found = site.store().recommendations(analyzer, accounts.as_deref(), &after, asked.limit.saturating_add(1)).await?;
    let is_more = found.len() > asked.limit as usize;
    found.truncate(asked.limit as usize);
    let one = |known: &crate::store::Recommendation| {
        json!({
            "finding": known.finding, "resource": known.resource, "status": known.status.as_str(),
            "startedAt": known.started.to_string(), "completedAt": known.completed.map(|at| at.to_string()),
            "error": known.error.as_ref().map(|error| json!({"code": error.code, "message": error.message})),
        })
    };
    let next = next(&tokens, &sealed_for, found.last().filter(|_| is_more).map(|known| known.finding.clone()))?;
    Ok(Json(json!({"analyzer": analyzer.name, "plans": found.iter().map(one).collect::<Vec<_>>(), "next": next})))
}
