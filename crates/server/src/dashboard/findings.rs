//! The table of findings: filtered, sorted and paged by its address alone; what is done with many at once; export.
//!
//! The same handler gives the whole page; htmx takes the results out of it. An export is written page by page while it is read.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::stream;
use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use serde_json::json;

use super::fields::Fields;
use super::frame::{Frame, frame};
use super::listing::{AGES, Row, is_countable, query_of, row, sort_of};
use super::risk::WORDS;
use super::site::{PageError, Site, local, page};
use super::text::{counted, kind, number};
use super::visitor::{AuthorizedForm, Level, ToArchive, Visitor};
use crate::auth::Visibility;
use crate::clock;
use crate::store::{Analyzer, Facet, FindingStatus, FindingSummary, Page, Query, StoreError};

#[derive(Debug, Clone)]
pub(super) struct ChoiceOption {
    value: String,
    text: String,
    chosen: bool,
}

#[derive(Debug, Clone)]
struct Choice {
    name: &'static str,
    label: &'static str,
    options: Vec<ChoiceOption>,
}

#[derive(Debug, Clone)]
struct FilterForm {
    q: String,
    sort: String,
    address: String,
    says: String,
    choices: Vec<Choice>,
}

#[derive(Debug, Clone)]
struct Column {
    id: &'static str,
    name: &'static str,
    href: String,
    sorted: &'static str,
    class: &'static str,
}

#[derive(Debug, Clone)]
struct Empty {
    title: &'static str,
    says: &'static str,
}

#[derive(Template)]
#[template(path = "findings.html")]
struct FindingsPage {
    frame: Frame,
    export_csv: String,
    export_json: String,
    filter: FilterForm,
    rows: Vec<Row>,
    columns: Vec<Column>,
    first_page: String,
    next_page: String,
    may_archive: bool,
    empty: Empty,
}

fn choice(
    name: &'static str,
    label: &'static str,
    chosen: &str,
    any: Option<&str>,
    options: impl Iterator<Item = (String, String)>,
) -> Choice {
    let first = any.map(|any| ChoiceOption { value: String::new(), text: any.to_owned(), chosen: chosen.is_empty() });
    let mut options: Vec<ChoiceOption> =
        first.into_iter().chain(options.map(|(value, text)| ChoiceOption { chosen: value == chosen, value, text })).collect();
    if !chosen.is_empty() && !options.iter().any(|option| option.chosen) {
        options.push(ChoiceOption { value: chosen.to_owned(), text: chosen.to_owned(), chosen: true });
    }
    Choice { name, label, options }
}

/// Values that a list of choices has at most.
const CHOICES: usize = 200;

async fn choices(site: &Site, analyzer: &Analyzer, query: &Fields, visible: &Visibility) -> Result<Vec<Choice>, PageError> {
    let seen = visible.accounts();
    let statistics = site.store().statistics_of(analyzer, seen.as_deref(), CHOICES).await?;
    let services = site.store().facets_of(analyzer, Facet::Service, FindingStatus::Active, seen.as_deref()).await?;
    let plain =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(value, text)| ((*value).to_owned(), (*text).to_owned())).collect::<Vec<_>>();
    let statuses = plain(&[("archived", "Archived"), ("resolved", "Resolved"), ("all", "All")]);
    let types = FindingKind::ALL.into_iter().map(|one| (one.as_str().to_owned(), kind(one.as_str()).to_owned()));
    let risks = WORDS.iter().map(|(_, name, _, text, _)| ((*name).to_owned(), (*text).to_owned()));
    let mut accounts: Vec<String> = statistics.accounts.into_iter().map(|totals| totals.account).collect();
    accounts.sort();
    let mut names: Vec<String> = services.into_iter().take(CHOICES).map(|(service, _)| service).collect();
    names.sort();
    let same = |value: String| (value.clone(), value);
    Ok(vec![
        choice("status", "Status", query.of("status"), Some("Active"), statuses.into_iter()),
        choice("type", "Type", query.of("type"), Some("Any"), types),
        choice("risk", "Risk", query.of("risk"), Some("Any"), risks),
        choice("account", "Account", query.of("account"), Some("Any"), accounts.into_iter().map(same)),
        choice("service", "Service", query.of("service"), Some("Any"), names.into_iter().map(same)),
        choice(
            "age",
            "Open for",
            query.of("age"),
            Some("Any"),
            AGES.iter().map(|(name, words, ..)| ((*name).to_owned(), (*words).to_owned())),
        ),
    ])
}

fn columns(query: &Fields) -> Vec<Column> {
    let (chosen, sort) = sort_of(query.of("sort"));
    let column = |name: &'static str, key: &'static str, class: &'static str| {
        let by_itself = sort_of(key).1.descending;
        let turned = chosen == key && sort.descending == by_itself;
        let value = if turned { format!("-{key}") } else { key.to_owned() };
        let sorted = match (chosen == key, sort.descending) {
            (false, _) => "",
            (true, true) => "descending",
            (true, false) => "ascending",
        };
        Column { id: key, name, href: query.with("after", "").with("sort", &value).address("/findings"), sorted, class }
    };
    vec![
        column("Principal", "resource", ""),
        column("Risk", "risk", ""),
        column("Finding", "type", ""),
        column("Account", "account", ""),
        Column { id: "unused", name: "Unused", href: String::new(), sorted: "", class: "num" },
        column("Open for", "created", "num"),
    ]
}

/// `GET /findings`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/findings").await?;
    let query = visitor.query.with("done", "");
    let now = clock::now();
    let (mut rows, mut next, mut says, mut form) = (Vec::new(), None, String::new(), Vec::new());
    if let Some(analyzer) = &analyzer {
        let mut asked = query_of(&query, analyzer, now);
        let sees_any = visitor.visible.narrow(&mut asked.filter);
        let nothing = Page { findings: Vec::new(), next: None };
        let found = if sees_any { site.store().list_within(&asked, SEARCHING).await? } else { nothing };
        rows = found.findings.iter().map(|finding| row(finding, now)).collect();
        next = found.next;
        form = choices(&site, analyzer, &query, &visitor.visible).await?;
        let total = if is_countable(&query) {
            let statistics = site.store().statistics_of(analyzer, visitor.visible.accounts().as_deref(), 0).await?;
            let of = |kind, status| statistics.by_kind.get(&(kind, status)).copied().unwrap_or_default();
            let kinds =
                FindingKind::ALL.into_iter().filter(|kind| query.of("type").is_empty() || kind.as_str() == query.of("type"));
            let statuses = FindingStatus::ALL.into_iter().filter(|status| asked.only.is_none_or(|only| only == *status));
            Some(
                kinds
                    .flat_map(|kind| statuses.clone().map(move |status| (kind, status)))
                    .map(|(kind, status)| of(kind, status))
                    .sum::<u64>(),
            )
        } else if asked.after.is_none() && next.is_none() {
            Some(rows.len() as u64)
        } else {
            None
        };
        says = match total {
            Some(total) if next.is_none() && asked.after.is_none() => counted(total, "finding"),
            Some(total) => format!("{} of {}", number(rows.len() as u64), counted(total, "finding")),
            // The search may have ended before the page was full.
            None if next.is_some() => match rows.len() {
                0 => "None so far; the search goes on with the next page".to_owned(),
                found => format!("{}, and perhaps more on the next page", counted(found as u64, "finding")),
            },
            None => format!("{}, the last page", counted(rows.len() as u64, "finding")),
        };
    }
    let filtered = ["q", "type", "risk", "account", "service", "age", "after"].iter().any(|name| !query.of(name).is_empty());
    let (first, goes_on) = (query.with("after", ""), next.is_some());
    page(&FindingsPage {
        frame,
        export_csv: first.address("/findings/export.csv"),
        export_json: first.address("/findings/export.json"),
        filter: FilterForm {
            q: query.of("q").to_owned(),
            sort: query.of("sort").to_owned(),
            address: query.address("/findings"),
            says,
            choices: form,
        },
        rows,
        columns: columns(&query),
        first_page: if query.of("after").is_empty() { String::new() } else { first.address("/findings") },
        next_page: next.map(|cursor| query.with("after", &cursor.to_string()).address("/findings")).unwrap_or_default(),
        may_archive: visitor.may(Level::Archive),
        empty: if goes_on {
            Empty {
                title: "Nothing fits so far.",
                says: "There are too many findings to look at all of them at once. The search goes on with the next page.",
            }
        } else if filtered {
            Empty { title: "Nothing fits the filter.", says: "Take something out of it, or look at all statuses." }
        } else {
            Empty {
                title: "No finding is here.",
                says: "Either nothing is unused, or nothing could be shown to be: see Coverage.",
            }
        },
    })
}

/// The moment at which a day that a form names ends.
pub(super) fn until(text: &str, now: Timestamp) -> Result<Option<Timestamp>, PageError> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = Timestamp::parse(text).ok_or_else(|| PageError::Bad(format!("`{text}` is no date")))?;
    let end = Timestamp::from_seconds(day.seconds() + 86_400);
    if end <= now { Err(PageError::Bad(format!("`{text}` is over already"))) } else { Ok(Some(end)) }
}

/// A reason as a form has it, no longer than it may be.
pub(super) fn reason(form: &Fields) -> Result<Option<&str>, PageError> {
    match form.of("reason") {
        "" => Ok(None),
        reason if reason.chars().count() > 500 => Err(PageError::Bad("a reason has at most 500 characters".to_owned())),
        reason => Ok(Some(reason)),
    }
}

/// For how long a page is looked for when few findings fit.
const SEARCHING: std::time::Duration = std::time::Duration::from_millis(400);

/// The most findings that are changed at once.
const BULK: usize = 500;

/// `POST /findings/bulk`.
pub(super) async fn bulk(
    State(site): State<Site>,
    AuthorizedForm { visitor, form, change, .. }: AuthorizedForm<ToArchive>,
) -> Result<Response, PageError> {
    let back = form.of("back");
    let back = local(back).to_owned();
    let done = |code: &str| {
        let (path, query) = back.split_once('?').unwrap_or((&back, ""));
        Ok(Redirect::to(&Fields::parse(query).with("done", code).address(path)).into_response())
    };
    let ids = form.all("id");
    if ids.is_empty() {
        return done("none");
    }
    if ids.len() > BULK {
        return Err(PageError::Bad(format!("at most {BULK} findings are changed at once")));
    }
    // All rows of one page belong to one analyzer.
    let first = ids.first().map_or("", String::as_str);
    let (analyzer, _) = site.finding(first).await?;
    if !visitor.visible.is_all() {
        for id in &ids {
            let finding = site.store().finding(&analyzer, id).await?;
            if !visitor.visible.sees(&finding.summary.account) {
                return Err(PageError::Store(StoreError::NotFound { what: "finding", id: id.clone() }));
            }
        }
    }
    match form.of("do") {
        "archive" => {
            site.store().archive(&analyzer, &ids, reason(&form)?, until(form.of("until"), change.at)?, &change).await?;
            done("archived")
        }
        "reactivate" => {
            site.store().reopen(&analyzer, &ids, &change).await?;
            done("reactivated")
        }
        other => Err(PageError::Bad(format!("`{other}` is nothing that is done with findings"))),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Csv,
    Json,
}

/// A value of CSV: quoted, and never a formula to a spreadsheet; names may begin with such signs.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

const HEADINGS: &str = "id,type,status,resource,resourceType,account,risks,unusedActions,created,updated,archivedBy,archivedReason,archivedUntil\r\n";

fn line(form: Form, finding: &FindingSummary) -> String {
    let archiving = finding.archiving.clone().unwrap_or_default();
    let until = archiving.until.map(|until| until.to_string());
    let risks: Vec<&str> = finding.risk.names().collect();
    match form {
        Form::Csv => {
            let unused = finding.unused_actions.to_string();
            let (created, updated) = (finding.created.to_string(), finding.updated.to_string());
            let cells = [
                finding.id.as_str(),
                finding.kind.as_str(),
                finding.status.as_str(),
                &finding.resource,
                finding.resource_type.as_str(),
                &finding.account,
                &risks.join(" "),
                &unused,
                &created,
                &updated,
                &archiving.by,
                archiving.why.as_deref().unwrap_or_default(),
                until.as_deref().unwrap_or_default(),
            ];
            cells.map(cell).join(",") + "\r\n"
        }
        Form::Json => {
            let value = json!({
                "id": finding.id, "findingType": finding.kind.as_str(), "status": finding.status.as_str(),
                "resource": finding.resource, "resourceType": finding.resource_type.as_str(),
                "resourceOwnerAccount": finding.account, "risks": risks, "unusedActions": finding.unused_actions,
                "createdAt": finding.created.to_string(), "updatedAt": finding.updated.to_string(),
                "archived": finding.archiving.as_ref().map(|own| json!({"by": own.by, "reason": own.why, "until": until})),
            });
            value.to_string()
        }
    }
}

/// What is left of an export: what was asked for, whether a line was written, whether it is over.
struct Rest {
    site: Site,
    asked: Option<Query>,
    form: Form,
    started: bool,
    /// Whether the names of archive rules are of others.
    hides_rules: bool,
}

async fn export(site: Site, visitor: Visitor, form: Form) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let asked = analyzer.map(|analyzer| Query { limit: 1000, after: None, ..query_of(&visitor.query, &analyzer, clock::now()) });
    let asked = asked.and_then(|mut asked| visitor.visible.narrow(&mut asked.filter).then_some(asked));
    let hides_rules = !visitor.visible.is_all();
    let (kind, name, head, tail) = match form {
        Form::Csv => ("text/csv; charset=utf-8", "findings.csv", HEADINGS, ""),
        Form::Json => ("application/json", "findings.json", "[", "]\n"),
    };
    let rest = Rest { site, asked, form, started: false, hides_rules };
    let rows = stream::try_unfold(rest, async |mut rest| -> Result<_, std::io::Error> {
        let Some(asked) = rest.asked.take() else { return Ok(None) };
        // So much is looked at that a rare filter does not ask a million times for nothing.
        let asked = Query { look: 50_000, ..asked };
        let found = rest.site.store().list(&asked).await.map_err(|error| std::io::Error::other(error.to_string()))?;
        let mut out = String::new();
        for mut finding in found.findings {
            if let Some(own) = finding.archiving.as_mut().filter(|own| rest.hides_rules && own.by.starts_with("rule:")) {
                own.by = "rule".to_owned();
            }
            if rest.form == Form::Json {
                out.push_str(if rest.started { ",\n" } else { "\n" });
            }
            rest.started = true;
            out.push_str(&line(rest.form, &finding));
        }
        rest.asked = found.next.map(|next| Query { after: Some(next), ..asked });
        Ok(Some((out, rest)))
    });
    use futures_util::StreamExt;
    let whole = stream::iter([Ok(head.to_owned())]).chain(rows).chain(stream::iter([Ok(tail.to_owned())]));
    let headers =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))];
    Ok((headers, Body::from_stream(whole)).into_response())
}

/// `GET /findings/export.csv`.
pub(super) async fn csv(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    export(site, visitor, Form::Csv).await
}

/// `GET /findings/export.json`.
pub(super) async fn json(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    export(site, visitor, Form::Json).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_takes_no_name_for_a_formula() {
        assert_eq!(cell("=cmd|x"), "\"'=cmd|x\"");
        assert_eq!(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
    }

    #[test]
    fn archived_until_a_day_means_until_its_end_and_no_day_before_today() {
        let now = Timestamp::parse("2026-11-01T12:00:00Z").unwrap();
        assert_eq!(until("2026-11-01", now).unwrap(), Timestamp::parse("2026-11-02"));
        assert!(until("2026-10-31", now).is_err() && until("soon", now).is_err());
        assert_eq!(until("", now).unwrap(), None);
    }

    #[test]
    fn a_second_click_on_a_column_turns_the_order() {
        let hrefs = |query: &str| {
            columns(&Fields::parse(query)).into_iter().map(|one| (one.id, one.href, one.sorted)).collect::<Vec<_>>()
        };
        assert_eq!(hrefs("").get(1), Some(&("risk", "/findings?sort=-risk".to_owned(), "descending")));
        assert_eq!(hrefs("sort=-risk&after=x&q=a").get(1), Some(&("risk", "/findings?q=a&sort=risk".to_owned(), "ascending")));
        assert_eq!(hrefs("").first(), Some(&("resource", "/findings?sort=resource".to_owned(), "")));
    }
}
