//! What we could not see: sources and their windows, gaps, problems, events that say nothing, and permissions by state.
//!
//! From the report of the last complete run. Nothing is left out for being unpleasant: this page is why the others can be believed.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::charts::{States, states};
use super::frame::{Frame, frame};
use super::overview::{count, list, report, state_numbers, text};
use super::site::{PageError, Site, page};
use super::text::{capital, counted, day_of, number};
use super::visitor::Visitor;

/// What the sources of one account could see.
#[derive(Debug, Clone, Default)]
pub(super) struct AccountSources {
    pub(super) account: String,
    pub(super) complete: bool,
    pub(super) says: String,
    pub(super) lines: Vec<SourceLine>,
}

/// One source, and whether it is as it should be.
#[derive(Debug, Clone)]
pub(super) struct SourceLine {
    pub(super) name: &'static str,
    pub(super) good: bool,
    pub(super) says: String,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Clone)]
struct KindStates {
    name: String,
    granted: String,
    states: States,
}

#[derive(Debug, Clone)]
struct Named {
    name: String,
    count: String,
}

#[derive(Debug, Clone)]
struct ProblemView {
    file: String,
    place: String,
    message: String,
    help: String,
}

#[derive(Template)]
#[template(path = "coverage.html")]
struct CoveragePage {
    frame: Frame,
    exists: bool,
    /// Whether there is more than the user sees.
    limited: bool,
    window: String,
    total: States,
    kinds: Vec<KindStates>,
    judged: Vec<Named>,
    not_judged: Vec<Named>,
    accounts: Vec<AccountSources>,
    events: Vec<Named>,
    unmapped: Vec<Named>,
    problems: Vec<ProblemView>,
    more_problems: String,
    catalogue: String,
}

fn texts(of: &Value, pointer: &str) -> Vec<String> {
    list(of, pointer).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn trail(of: &Value) -> SourceLine {
    let good = of.pointer("/complete").and_then(Value::as_bool).unwrap_or_default();
    let mut notes = Vec::new();
    if !text(of, "/lacks").is_empty() {
        notes.push(format!("{}.", capital(text(of, "/lacks"))));
    }
    for gap in list(of, "/gaps") {
        let region = text(gap, "/region");
        let place = if region.is_empty() { String::new() } else { format!(" in {region}") };
        notes.push(format!(
            "Gap{place} from {} to {}: {}.",
            text(gap, "/from"),
            text(gap, "/to"),
            text(gap, "/why").replace('`', "")
        ));
    }
    if count(of, "/moreGaps") > 0 {
        notes.push(format!("And {} more.", counted(count(of, "/moreGaps"), "gap")));
    }
    let data = texts(of, "/dataEvents");
    notes.push(if data.is_empty() {
        "No data events: what only they would show, such as reading objects, counts as unobservable.".to_owned()
    } else {
        format!("Data events of {}.", data.join(", "))
    });
    let excluded = texts(of, "/excludedServices");
    if !excluded.is_empty() {
        notes.push(format!("Events of {} are left out by the trail.", excluded.join(", ")));
    }
    if of.pointer("/allRegions").and_then(Value::as_bool) == Some(false) {
        notes.push("It does not look in all regions.".to_owned());
    }
    SourceLine {
        name: "CloudTrail",
        good,
        says: format!(
            "{} from {} to {}",
            if good { "complete" } else { "incomplete" },
            day_of(text(of, "/window/from")),
            day_of(text(of, "/window/to"))
        ),
        notes,
    }
}

fn of_account(of: &Value) -> AccountSources {
    let flag = |name: &str| of.pointer(name).and_then(Value::as_bool).unwrap_or_default();
    let mut lines = vec![SourceLine {
        name: "Account details",
        good: flag("/detailsComplete"),
        says: if flag("/detailsComplete") { "complete".to_owned() } else { "pages or policies are missing".to_owned() },
        notes: Some(text(of, "/detailsRefutedByUse"))
            .filter(|at| !at.is_empty())
            .into_iter()
            .map(|at| format!("A use on {} is of something that they do not have: they are out of date.", day_of(at)))
            .collect(),
    }];
    lines.push(SourceLine {
        name: "Credential report",
        good: flag("/credentialReport"),
        says: match (flag("/credentialReport"), text(of, "/credentialReportMade")) {
            (false, _) => "there is none, so keys and passwords are not judged".to_owned(),
            (true, "") => "there".to_owned(),
            (true, made) => format!("made on {}", day_of(made)),
        },
        notes: Some(text(of, "/credentialReportRefutedByUse"))
            .filter(|at| !at.is_empty())
            .into_iter()
            .map(|at| format!("A use on {} is later than it knows of: it is out of date.", day_of(at)))
            .collect(),
    });
    let trails = list(of, "/trails");
    lines.extend(trails.iter().map(trail));
    if trails.is_empty() {
        lines.push(SourceLine {
            name: "CloudTrail",
            good: false,
            says: "there is no log of the account".to_owned(),
            notes: Vec::new(),
        });
    }
    let reports = |name: &str| count(of, &format!("/lastAccessedReports/{name}"));
    let bad: Vec<String> = ["stale", "partial", "failed"]
        .into_iter()
        .filter(|name| reports(name) > 0)
        .map(|name| format!("{} {name}", number(reports(name))))
        .collect();
    lines.push(SourceLine {
        name: "Last-accessed reports",
        good: reports("complete") > 0 && bad.is_empty(),
        says: match (reports("complete"), bad.is_empty()) {
            (0, true) => "there are none".to_owned(),
            (complete, true) => format!("{} complete", number(complete)),
            (complete, false) => format!("{} complete, {}", number(complete), bad.join(", ")),
        },
        notes: Vec::new(),
    });
    let weak: Vec<&str> = lines.iter().filter(|line| !line.good).map(|line| line.name).collect();
    AccountSources {
        account: text(of, "/account").to_owned(),
        complete: weak.is_empty(),
        says: if weak.is_empty() { "all sources complete".to_owned() } else { format!("incomplete: {}", weak.join(", ")) },
        lines,
    }
}

/// What the report says of an account's sources.
pub(super) fn sources_of(report: &Value, account: &str) -> AccountSources {
    let found = list(report, "/coverage/accounts").iter().find(|one| text(one, "/account") == account);
    found.map(of_account).unwrap_or_else(|| AccountSources {
        account: account.to_owned(),
        says: "not in the last analysis".to_owned(),
        ..AccountSources::default()
    })
}

/// What was judged or not, in words.
fn what(code: &str) -> String {
    match code {
        "user" => "users".to_owned(),
        "role" => "roles".to_owned(),
        "group" => "groups: judged through their members".to_owned(),
        "serviceLinked" => "service-linked roles: they belong to a service".to_owned(),
        "young" => "younger than the tracking period".to_owned(),
        "excluded" => "excluded".to_owned(),
        "unread" => "could not be read in full".to_owned(),
        other => other.to_owned(),
    }
}

/// Problems on the page.
const PROBLEMS: usize = 200;
/// Accounts on the page.
const ACCOUNTS: usize = 100;

/// `GET /coverage`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/coverage").await?;
    let report = match &analyzer {
        Some(analyzer) => report(&site, analyzer, &visitor.visible).await?,
        None => Value::Null,
    };
    let named = |pointer: &str| {
        let rows = list(&report, pointer).iter();
        rows.map(|one| Named { name: what(text(one, "/what")), count: number(count(one, "/count")) }).collect::<Vec<_>>()
    };
    let events = [
        ("read", "events read"),
        ("mapped", "map to a known action"),
        ("notCalls", "are no calls, such as sign-ins and service events"),
        ("unattributable", "do not tell who it was"),
    ];
    let kinds = list(&report, "/coverage/byPrincipalKind").iter().map(|one| KindStates {
        name: format!("{}s", capital(text(one, "/kind"))),
        granted: number(count(one, "/granted")),
        states: states(state_numbers(one)),
    });
    let problems = list(&report, "/problems");
    let problem = |one: &Value| ProblemView {
        file: text(one, "/file").to_owned(),
        place: text(one, "/place").to_owned(),
        message: text(one, "/message").to_owned(),
        help: text(one, "/help").to_owned(),
    };
    let unmapped = list(&report, "/coverage/events/unmapped").iter().take(PROBLEMS).map(|one| Named {
        name: format!("{} {}", text(one, "/eventSource"), text(one, "/eventName")),
        count: number(count(one, "/count")),
    });
    page(&CoveragePage {
        frame,
        exists: report.is_object(),
        limited: !visitor.visible.is_all(),
        window: format!(
            "{} to {}, {}; sources may begin late or end early by {}",
            day_of(text(&report, "/window/from")),
            day_of(text(&report, "/window/to")),
            counted(count(&report, "/window/days"), "day"),
            counted(count(&report, "/window/toleranceHours"), "hour")
        ),
        total: states(state_numbers(report.pointer("/coverage/total").unwrap_or(&Value::Null))),
        kinds: kinds.collect(),
        judged: named("/coverage/judged"),
        not_judged: named("/coverage/notJudged"),
        accounts: list(&report, "/coverage/accounts").iter().take(ACCOUNTS).map(of_account).collect(),
        events: events
            .map(|(name, says)| Named {
                name: says.to_owned(),
                count: number(count(&report, &format!("/coverage/events/{name}"))),
            })
            .into(),
        unmapped: unmapped.collect(),
        problems: problems.iter().take(PROBLEMS).map(problem).collect(),
        more_problems: if problems.len() > PROBLEMS {
            format!("and {} more", number((problems.len() - PROBLEMS) as u64))
        } else {
            String::new()
        },
        catalogue: match text(&report, "/catalog/date") {
            "" => String::new(),
            date => format!("Actions are those of the catalogue `{}` of {}.", text(&report, "/catalog/source"), day_of(date))
                .replace('`', ""),
        },
    })
}
