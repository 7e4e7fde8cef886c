//! Analyzers and their runs: list, make, delete.
//!
//! A short form of what the API can do; exclusions and tags are made through it.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use leastwise::findings::FindingKind;

use super::frame::{Frame, frame};
use super::site::{PageError, Site, local, page};
use super::text::{counted, encoded, moment, number};
use super::visitor::{AuthorizedForm, Level, ToAdminister, ToRead, Visitor, cookie_line};
use crate::auth::Visibility;
use crate::state::{NO_ACCOUNT, analyzer_arn};
use crate::store::{Analyzer, FindingStatus, NewAnalyzer, RunRow, Scope};

#[derive(Debug, Clone)]
struct RunView {
    started: String,
    says: String,
    good: bool,
}

#[derive(Debug, Clone)]
struct AnalyzerView {
    name: String,
    arn: String,
    href: String,
    scope: &'static str,
    days: String,
    open: String,
    exclusions: String,
    analysed: String,
    runs: Vec<RunView>,
}

#[derive(Template)]
#[template(path = "analyzers.html")]
struct AnalyzersPage {
    frame: Frame,
    analyzers: Vec<AnalyzerView>,
    may: bool,
}

fn run(run: &RunRow) -> RunView {
    let says = match (&run.problem, run.finished) {
        (Some(problem), _) => format!("failed: {problem}"),
        (None, None) => "under way".to_owned(),
        (None, Some(_)) => {
            let summary = run.summary;
            format!(
                "{}, {} new, {} resolved",
                counted(summary.found, "finding"),
                number(summary.opened),
                number(summary.resolved)
            )
        }
    };
    RunView { started: moment(run.started), says, good: run.problem.is_none() }
}

async fn view(site: &Site, analyzer: &Analyzer, visible: &Visibility) -> Result<AnalyzerView, PageError> {
    let statistics = site.store().statistics_of(analyzer, visible.accounts().as_deref(), 0).await?;
    // What a run changed, and why it failed, is of all accounts together.
    let runs = if visible.is_all() { site.store().runs(analyzer, 5).await? } else { Vec::new() };
    Ok(AnalyzerView {
        name: analyzer.name.clone(),
        arn: analyzer.arn.clone(),
        href: format!("/analyzers/{}", encoded(&analyzer.name)),
        scope: match analyzer.scope {
            Scope::Account => "one account",
            Scope::Organization => "all accounts of the inputs",
        },
        days: counted(analyzer.unused_access_age, "day"),
        open: number(
            FindingKind::ALL
                .into_iter()
                .map(|kind| statistics.active(kind))
                .sum::<u64>()
                .min(statistics.of_status(FindingStatus::Active)),
        ),
        exclusions: match analyzer.exclusions.len() {
            0 => "nothing".to_owned(),
            many => counted(many as u64, "rule"),
        },
        analysed: analyzer.analysed.map_or_else(|| "not yet".to_owned(), moment),
        runs: runs.iter().map(run).collect(),
    })
}

/// `GET /analyzers`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/analyzers").await?;
    let mut analyzers = Vec::new();
    for analyzer in &site.analyzers_for(&visitor.visible).await? {
        analyzers.push(view(&site, analyzer, &visitor.visible).await?);
    }
    page(&AnalyzersPage { frame, analyzers, may: visitor.may(Level::Administer) })
}

fn is_name(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    first && name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// `POST /analyzers`.
pub(super) async fn create(
    State(site): State<Site>,
    AuthorizedForm { form, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let (name, days) = (form.of("name"), form.of("days").parse::<u32>().unwrap_or_default());
    if !is_name(name) {
        return Err(PageError::Bad(
            "An analyzer's name begins with a letter and has letters, digits, and . _ - signs.".to_owned(),
        ));
    }
    if !(1..=365).contains(&days) {
        return Err(PageError::Bad("The tracking period has 1 to 365 days.".to_owned()));
    }
    let scope = if form.of("scope") == "account" { Scope::Account } else { Scope::Organization };
    let known = site.analyzers().await?;
    let account = form.of("account");
    let account = match scope {
        Scope::Account if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) => account,
        Scope::Account => return Err(PageError::Bad("An account's number has 12 digits.".to_owned())),
        // As the default analyzer: the account of whichever is there already.
        Scope::Organization => site.account().or_else(|| known.first().map(Analyzer::account)).unwrap_or(NO_ACCOUNT),
    };
    let new = NewAnalyzer {
        name: name.to_owned(),
        arn: analyzer_arn(site.region(), account, name),
        scope,
        unused_access_age: days,
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
    };
    site.store().create_analyzer(&new, &change).await?;
    site.desk().wake();
    Ok(Redirect::to("/analyzers?done=saved").into_response())
}

/// `POST /analyzers/{name}/delete`.
pub(super) async fn delete(
    State(site): State<Site>,
    Path(name): Path<String>,
    AuthorizedForm { form, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    if form.of("confirm") != name {
        return Err(PageError::Bad("Write the analyzer's name to delete it with all its findings.".to_owned()));
    }
    site.store().delete_analyzer(&name, &change).await?;
    Ok(Redirect::to("/analyzers?done=deleted").into_response())
}

/// `POST /analyzer-choice`: which analyzer the pages are about.
pub(super) async fn choose(
    State(site): State<Site>,
    AuthorizedForm { visitor, form, .. }: AuthorizedForm<ToRead>,
) -> Result<Response, PageError> {
    let analyzer = site.analyzer_for(form.of("analyzer"), &visitor.visible).await?;
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie_line(&site, "analyzer", &analyzer.name, 31_536_000))]);
    Ok((cookies, Redirect::to("/")).into_response())
}

/// `POST /theme`: light, dark, or as the system is.
pub(super) async fn theme(
    State(site): State<Site>,
    AuthorizedForm { form, .. }: AuthorizedForm<ToRead>,
) -> Result<Response, PageError> {
    let cookie = match form.of("theme") {
        theme @ ("dark" | "light") => cookie_line(&site, "theme", theme, 31_536_000),
        _ => cookie_line(&site, "theme", "", 0),
    };
    let back = form.of("back");
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Redirect::to(local(back))).into_response())
}
