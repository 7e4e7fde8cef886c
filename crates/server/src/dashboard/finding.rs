//! A finding's page: what was found and who says so, what to do about it, when its access was used, what became of it.
//!
//! The page itself reads the store alone; evidence per action is asked of the analysis when somebody looks at it. It changes a
//! finding only by what people do: archive, make active, accept, ask for a recommendation.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use leastwise::access::PrincipalArn;
use leastwise::analysis::Analysis;
use leastwise::findings::FindingKind;
use leastwise::recommend::Basis;
use leastwise::report::permissions::permissions;
use serde_json::Value;

use super::charts::{States, states};
use super::evidence::{Evidence, evidence};
use super::findings::{reason, until};
use super::frame::{Frame, frame};
use super::overview::{count, list, state_numbers, text};
use super::recommendation::{AdviceView, Fact, advice, file};
use super::risk::{WORDS, worst};
use super::site::{PageError, Site, page};
use super::text::{capital, counted, day_of, encoded, kind, moment, number, path_and_name, with_days};
use super::visitor::{AuthorizedForm, Level, ToArchive, Visitor};
use crate::clock;
use crate::store::{Analyzer, AuditRow, Finding, FindingStatus, RecommendationStatus, StoreError};

#[derive(Debug, Clone)]
struct Head {
    id: String,
    name: String,
    kind: &'static str,
    account: String,
    resource: String,
    risk: &'static str,
    risk_name: &'static str,
    status: String,
    verdict: String,
}

#[derive(Debug, Clone)]
struct RiskLine {
    class: &'static str,
    name: &'static str,
    says: &'static str,
}

#[derive(Debug, Clone)]
struct SourceView {
    name: String,
    says: String,
    window: String,
}

/// A change, as the history shows it.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) at: String,
    pub(super) when: String,
    pub(super) who: String,
    pub(super) text: String,
    pub(super) subject: String,
    /// The page of the subject, if it is a finding.
    pub(super) href: String,
}

#[derive(Debug, Clone)]
struct Act {
    title: &'static str,
    may: bool,
    says: String,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    frame: Frame,
    finding: Head,
    states: States,
    risks: Vec<RiskLine>,
    rec: AdviceView,
    services: Vec<String>,
    history: Vec<Happened>,
    act: Act,
    facts: Vec<Fact>,
    sources: Vec<SourceView>,
    kept: Vec<String>,
}

#[derive(Template)]
#[template(path = "evidence.html")]
struct EvidencePage {
    frame: Frame,
    title: String,
    back: String,
    back_name: String,
    evidence: Evidence,
}

fn kind_name(of: FindingKind) -> &'static str {
    kind(of.as_str())
}

fn last_used(details: &Value) -> String {
    let last =
        list(details, "").first().and_then(|one| one.as_object()?.values().next()).map_or("", |one| text(one, "/lastAccessed"));
    if last.is_empty() {
        "It has never been used, as far back as the sources look.".to_owned()
    } else {
        format!("It was last used on {}.", day_of(last))
    }
}

fn verdict(finding: &Finding, evidence: &Value, details: &Value) -> String {
    match finding.summary.kind {
        FindingKind::UnusedPermission => {
            let of = |name: &str| count(evidence, &format!("/permissions/{name}"));
            let mut out = format!(
                "Of {} {} were not used in the tracking period.",
                counted(of("granted"), "granted action"),
                number(of("unused"))
            );
            if of("used") > 0 {
                out.push_str(&format!(
                    " {} used, and stay.",
                    if of("used") == 1 { "1 was".to_owned() } else { format!("{} were", number(of("used"))) }
                ));
            }
            let hidden = of("unobservable") + of("unknown");
            if hidden > 0 {
                out.push_str(&format!(" Of {} nobody could tell, so they stay too.", number(hidden)));
            }
            out
        }
        FindingKind::UnusedIamRole => format!("Nothing has used this role in the tracking period. {}", last_used(details)),
        FindingKind::UnusedIamUserAccessKey => {
            format!("This access key is active, and nothing has used it in the tracking period. {}", last_used(details))
        }
        FindingKind::UnusedIamUserPassword => format!(
            "The console password is enabled, and nobody has signed in with it in the tracking period. {}",
            last_used(details)
        ),
    }
}

fn source_name(code: &str) -> &str {
    match code {
        "cloudTrail" => "CloudTrail logs",
        "lastAccessed" => "Last-accessed report",
        "roleLastUsed" => "IAM's role last used",
        "credentialReport" => "Credential report",
        other => other,
    }
}

fn kept_sentence(one: &Value) -> String {
    let why = match text(one, "/reason") {
        "dataNotRecorded" => "the trail records no such data events",
        "neverLogged" => "CloudTrail never records them",
        "notKnownToBeLogged" => "no logged operation is known that would use them",
        "unseen" => "they are checked where no source looks",
        "noTrail" => "there is no log of the account",
        "trailIncomplete" => "the trail does not cover the period",
        "managementNotRecorded" => "the trail does not record such management events",
        "possiblyUsed" => "a recorded call may have checked them",
        "unmappedCall" => "a recorded call maps to no known action",
        "unattributedUse" => "somebody whom the record does not tell used them",
        other => other,
    };
    format!("{} kept: {why}.", counted(count(one, "/actions"), "action"))
}

/// Lines of the audit log, as a history shows them.
pub(super) fn happened(row: &AuditRow) -> Happened {
    let what = match row.action.as_str() {
        "ArchiveFinding" => "archived it",
        "ReopenFinding" => "made it active again",
        "AcceptRecommendation" => "accepted the recommendation",
        "GenerateFindingRecommendation" => "asked for a recommendation",
        "UpdateFindings" => "changed findings",
        "SignIn" => "signed in",
        "SignOut" => "signed out",
        "PutUser" => "made or changed a user",
        "DeleteUser" => "removed a user",
        "CreateAnalyzer" => "made an analyzer",
        "DeleteAnalyzer" => "deleted an analyzer",
        "CreateArchiveRule" => "made an archive rule",
        "UpdateArchiveRule" => "changed an archive rule",
        "DeleteArchiveRule" => "deleted an archive rule",
        "ApplyArchiveRule" => "applied an archive rule",
        "CreateWebhook" => "made a webhook",
        "DeleteWebhook" => "deleted a webhook",
        "TestWebhook" => "sent a test event to a webhook",
        "CreateKey" => "made a key",
        "DisableKey" => "took back a key",
        "Analyse" => "analysed",
        other => other,
    };
    let (sort, name) = row.actor.split_once(':').unwrap_or(("", &row.actor));
    let who = match sort {
        "key" => format!("the key {name}"),
        "rule" => format!("the archive rule {name}"),
        "" if name == "rule" => "an archive rule".to_owned(),
        _ => name.to_owned(),
    };
    let note = row.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let of_a_finding = ["ArchiveFinding", "ReopenFinding", "AcceptRecommendation", "GenerateFindingRecommendation"];
    let href = if of_a_finding.contains(&row.action.as_str()) { format!("/findings/{}", row.subject) } else { String::new() };
    Happened {
        at: row.at.to_string(),
        when: moment(row.at),
        who,
        text: format!("{what}{note}"),
        subject: row.subject.clone(),
        href,
    }
}

fn act(visitor: &Visitor, finding: &Finding) -> Act {
    let may = visitor.may(Level::Archive);
    match finding.summary.status {
        FindingStatus::Active => Act { title: "Put it aside", may, says: "You may look, but not archive.".to_owned() },
        FindingStatus::Archived => {
            let own = finding.summary.archiving.clone().unwrap_or_default();
            let by = match own.by.split_once(':') {
                Some(("rule", _)) if !visitor.visible.is_all() => "an archive rule".to_owned(),
                Some((_, name)) => name.to_owned(),
                None => own.by.clone(),
            };
            let why = own.why.map(|why| format!(": {why}")).unwrap_or_default();
            let until = own.until.map(|until| format!(" It opens again on {}.", super::text::day(until))).unwrap_or_default();
            Act { title: "Archived", may, says: format!("By {by}{why}.{until}") }
        }
        FindingStatus::Resolved => Act {
            title: "Resolved",
            may: false,
            says: "The last analysis no longer found it, or found it changed. It is kept for 90 days.".to_owned(),
        },
    }
}

/// The recommendation of a finding as it is now.
async fn recommended(site: &Site, visitor: &Visitor, analyzer: &Analyzer, finding: &Finding) -> Result<AdviceView, PageError> {
    let summary = &finding.summary;
    if summary.kind != FindingKind::UnusedPermission {
        let says = match summary.kind {
            FindingKind::UnusedIamRole => {
                "Delete the role, once nobody claims it. Until then, a Deny policy takes its access away and can be taken back."
            }
            FindingKind::UnusedIamUserAccessKey => "Make the key inactive first; delete it when nothing has broken.",
            _ => "Delete the login profile of the user. Keys are not touched by that.",
        };
        return Ok(AdviceView { says: says.to_owned(), ..AdviceView::default() });
    }
    let may_ask = visitor.may(Level::Archive) && summary.status != FindingStatus::Resolved;
    let known = match site.store().recommendation(analyzer, &summary.id).await {
        Ok(known) => known,
        Err(StoreError::NotFound { .. }) => {
            let says = "Nobody has asked for a recommendation yet. It is worked out, proved, and replayed against the records in a moment.".to_owned();
            return Ok(AdviceView { says, may_ask, ..AdviceView::default() });
        }
        Err(other) => return Err(other.into()),
    };
    match known.status {
        RecommendationStatus::InProgress => {
            Ok(AdviceView { says: "Working it out…".to_owned(), working: true, ..AdviceView::default() })
        }
        RecommendationStatus::Failed => {
            let why = known.error.map(|error| error.message).unwrap_or_default();
            Ok(AdviceView { says: format!("Nothing is recommended: {why}."), may_ask, ..AdviceView::default() })
        }
        RecommendationStatus::Succeeded => {
            let report: Value = serde_json::from_str(&known.report).unwrap_or_default();
            let chosen = visitor.query.of("alternative").parse().unwrap_or(1);
            let mut view = advice(&summary.id, &report, chosen);
            if let Some(accepted) = site.store().acceptance(&summary.id).await? {
                let by = accepted.actor.split_once(':').map_or(accepted.actor.as_str(), |(_, name)| name);
                view.accepted = format!(
                    "{by} accepted alternative {} on {}. The next analysis after the change will tell.",
                    accepted.alternative,
                    moment(accepted.at)
                );
            }
            view.may_accept = may_ask && view.exists && !view.withheld && view.accepted.is_empty();
            view.may_ask = may_ask;
            Ok(view)
        }
    }
}

/// `GET /findings/{id}`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor, Path(id): Path<String>) -> Result<Response, PageError> {
    let (analyzer, finding) = site.finding(&id).await?;
    let summary = &finding.summary;
    let (known, details): (Value, Value) =
        (serde_json::from_str(&finding.evidence).unwrap_or_default(), serde_json::from_str(&finding.details).unwrap_or_default());
    let (risk, risk_name) = worst(summary.risk);
    let (_, name) = path_and_name(&summary.resource);
    let verdict = verdict(&finding, &known, &details);
    let frame = frame(&site, &visitor, Some(&analyzer), "/findings").await?;
    let rec = recommended(&site, &visitor, &analyzer, &finding).await?;
    let mut history: Vec<Happened> =
        site.store().audit(Some(&id), None, 100).await?.into_iter().map(|row| happened(&visitor.visible.audit(row))).collect();
    history.push(Happened {
        at: summary.created.to_string(),
        when: moment(summary.created),
        who: String::new(),
        text: "found by the analysis".to_owned(),
        subject: String::new(),
        href: String::new(),
    });
    let principal = format!("/principals/{}", encoded(&summary.resource));
    let link = |name, text: String, href: String| Fact { name, text, href };
    let mut facts = vec![
        link("Principal", name.to_owned(), principal),
        link("Account", summary.account.clone(), format!("/accounts/{}", summary.account)),
        Fact::of("Found", moment(summary.created)),
        Fact::of("Last looked at", moment(summary.analysed)),
        Fact::of("Analyzer", analyzer.name.clone()),
        Fact::of("Id", summary.id.clone()),
    ];
    if summary.kind == FindingKind::UnusedIamUserAccessKey {
        let key = list(&details, "").first().map_or("", |one| text(one, "/unusedIamUserAccessKeyDetails/accessKeyId"));
        facts.insert(1, Fact::of("Key", key));
    }
    let sources = list(&known, "/sources").iter().map(|source| SourceView {
        name: source_name(text(source, "/source")).to_owned(),
        says: capital(&with_days(&format!("{}.", text(source, "/says")))),
        window: match (text(source, "/window/from"), text(source, "/window/to")) {
            ("", _) => String::new(),
            (from, to) => format!("looked from {} to {}", day_of(from), day_of(to)),
        },
    });
    let services: Vec<String> = list(&details, "")
        .iter()
        .map(|one| text(one, "/unusedPermissionDetails/serviceNamespace").to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    page(&FindingPage {
        frame,
        states: states(state_numbers(known.pointer("/permissions").unwrap_or(&Value::Null))),
        risks: WORDS
            .iter()
            .filter(|(one, ..)| summary.risk.has(*one))
            .map(|(_, _, class, name, says)| RiskLine { class, name, says })
            .collect(),
        rec,
        services,
        history,
        act: act(&visitor, &finding),
        facts,
        sources: sources.collect(),
        kept: list(&known, "/kept").iter().map(kept_sentence).collect(),
        finding: Head {
            id: summary.id.clone(),
            name: name.to_owned(),
            kind: kind_name(summary.kind),
            account: summary.account.clone(),
            resource: summary.resource.clone(),
            risk,
            risk_name,
            status: summary.status.as_str().to_ascii_lowercase(),
            verdict,
        },
    })
}

/// Every permission of a principal, as the current analysis has it (`leastwise.permissions/1`); none when it or any analysis is
/// not there.
pub(crate) async fn permissions_of(site: &Site, analyzer: &Analyzer, resource: &str) -> Option<Value> {
    let resource = resource.to_owned();
    let question = move |analysis: &Analysis<'_>, basis: &Basis<'_>| {
        let principal = PrincipalArn::parse(&resource).and_then(|arn| analysis.access.principal(&arn))?;
        Some(permissions(analysis, principal, basis.period))
    };
    site.desk().ask(analyzer.unused_access_age, question).await.flatten()
}

/// What the analysis says of every permission of a principal; nothing when there is none.
pub(super) async fn told(site: &Site, analyzer: &Analyzer, resource: &str) -> Evidence {
    permissions_of(site, analyzer, resource).await.map(|told| evidence(&told)).unwrap_or_default()
}

/// `GET /findings/{id}/evidence`.
pub(super) async fn show_evidence(
    State(site): State<Site>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    let (analyzer, finding) = site.finding(&id).await?;
    let resource = &finding.summary.resource;
    let evidence = told(&site, &analyzer, resource).await;
    let frame = frame(&site, &visitor, Some(&analyzer), "/findings").await?;
    let name = path_and_name(resource).1.to_owned();
    page(&EvidencePage { frame, title: format!("Evidence: {name}"), back: format!("/findings/{id}"), back_name: name, evidence })
}

/// `POST /findings/{id}/archive`.
pub(super) async fn archive(
    State(site): State<Site>,
    Path(id): Path<String>,
    AuthorizedForm { form, change, .. }: AuthorizedForm<ToArchive>,
) -> Result<Response, PageError> {
    let (analyzer, _) = site.finding(&id).await?;
    let until = until(form.of("until"), change.at)?;
    let Some(reason) = reason(&form)? else { return Err(PageError::Bad("Say why the finding is put aside.".to_owned())) };
    site.store().archive(&analyzer, std::slice::from_ref(&id), Some(reason), until, &change).await?;
    Ok(Redirect::to(&format!("/findings/{id}?done=archived")).into_response())
}

/// `POST /findings/{id}/reactivate`.
pub(super) async fn reactivate(
    State(site): State<Site>,
    Path(id): Path<String>,
    AuthorizedForm { change, .. }: AuthorizedForm<ToArchive>,
) -> Result<Response, PageError> {
    let (analyzer, _) = site.finding(&id).await?;
    site.store().reopen(&analyzer, std::slice::from_ref(&id), &change).await?;
    Ok(Redirect::to(&format!("/findings/{id}?done=reactivated")).into_response())
}

/// `POST /findings/{id}/recommendation`: begins to work one out.
pub(super) async fn ask(
    State(site): State<Site>,
    Path(id): Path<String>,
    _: AuthorizedForm<ToArchive>,
) -> Result<Response, PageError> {
    let (analyzer, finding) = site.finding(&id).await?;
    begin(&site, &analyzer, &finding).await?;
    Ok(Redirect::to(&format!("/findings/{id}#rec")).into_response())
}

/// Begins to work out the recommendation of a finding; the store says what becomes of it.
pub(crate) async fn begin(site: &Site, analyzer: &Analyzer, finding: &Finding) -> Result<(), StoreError> {
    let (id, resource) = (finding.summary.id.clone(), finding.summary.resource.clone());
    site.store().start_recommendation(analyzer, &id, &resource, clock::now()).await?;
    let (store, desk, days) = (site.store().clone(), site.desk().clone(), analyzer.unused_access_age);
    tokio::spawn(async move {
        let outcome = desk.recommend(&resource, days).await;
        if let Err(error) = store.finish_recommendation(&id, outcome, clock::now()).await {
            tracing::error!(%error, finding = %id, "a recommendation could not be kept");
        }
    });
    Ok(())
}

/// `POST /findings/{id}/accept`.
pub(super) async fn accept(
    State(site): State<Site>,
    Path(id): Path<String>,
    AuthorizedForm { form, change, .. }: AuthorizedForm<ToArchive>,
) -> Result<Response, PageError> {
    let (analyzer, _) = site.finding(&id).await?;
    let known = site.store().recommendation(&analyzer, &id).await?;
    let report: Value = serde_json::from_str(&known.report).unwrap_or_default();
    let alternative: u32 = form.of("alternative").parse().unwrap_or(0);
    let view = advice(&id, &report, alternative as usize);
    if alternative == 0 || view.number != alternative as usize || !view.exists || view.withheld {
        return Err(PageError::Bad("That alternative is not there any more; look again.".to_owned()));
    }
    site.store().accept(&id, alternative, &report.to_string(), &change).await?;
    Ok(Redirect::to(&format!("/findings/{id}?alternative={alternative}&done=accepted")).into_response())
}

/// `GET /findings/{id}/recommendation/{alternative}/{step}/{file}`.
pub(super) async fn download(
    State(site): State<Site>,
    _visitor: Visitor,
    Path((id, alternative, step, what)): Path<(String, usize, usize, String)>,
) -> Result<Response, PageError> {
    let (analyzer, _) = site.finding(&id).await?;
    let known = site.store().recommendation(&analyzer, &id).await?;
    let report: Value = serde_json::from_str(&known.report).unwrap_or_default();
    let Some(file) = file(&report, alternative, step, &what) else { return Ok(StatusCode::NOT_FOUND.into_response()) };
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}-{alternative}-{step}-{what}\"")),
    ];
    Ok((headers, file).into_response())
}
