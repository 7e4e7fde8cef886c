//! The first page: how many findings, how that changed, what is known, and where to look first.
//!
//! From counters, facets, the trend and the last run's report; never by counting findings.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use serde_json::Value;

use super::charts::{Bars, StateNumbers, States, Trend, bars, states, trend};
use super::frame::{Frame, frame};
use super::listing::{AGES, Row, row};
use super::risk::WORDS;
use super::site::{PageError, Site, page};
use super::text::{counted, day_of, encoded, kind, number};
use super::visitor::Visitor;
use crate::auth::Visibility;
use crate::clock;
use crate::store::{Analyzer, Facet, Filter, FindingStatus, Query, Risk, Sort, SortKey, Statistics, StoreError, TrendPoint};

#[derive(Debug, Clone)]
struct Tile {
    href: &'static str,
    name: &'static str,
    value: String,
    says: String,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    headline: String,
    subline: String,
    tiles: Vec<Tile>,
    trend: Trend,
    risk: Bars,
    states: States,
    first: Vec<Row>,
    groups: Vec<Bars>,
}

/// The report of an analyzer's last complete run: an object with `coverage`, `problems`, `window` and `catalog`.
pub(crate) async fn report(site: &Site, analyzer: &Analyzer, visible: &Visibility) -> Result<Value, StoreError> {
    let runs = site.store().runs(analyzer, 20).await?;
    let last = runs.into_iter().find_map(|run| run.report);
    Ok(visible.report(last.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null)))
}

/// The numbers of each day that has any: of the analyzer, or of the accounts that a caller sees.
pub(crate) async fn days(
    site: &Site,
    analyzer: &Analyzer,
    visible: &Visibility,
    now: Timestamp,
) -> Result<Vec<(Timestamp, u64, u64, u64)>, StoreError> {
    let from = now.days_before(TREND_DAYS);
    let Some(accounts) = visible.accounts() else { return Ok(by_day(&site.store().trend(analyzer, from, now).await?)) };
    let mut sums: BTreeMap<Timestamp, (u64, u64, u64)> = BTreeMap::new();
    for account in accounts {
        for day in site.store().account_trend(analyzer, &account, from, now).await? {
            let sum = sums.entry(day.day).or_default();
            *sum = (sum.0 + day.active, sum.1 + day.archived, sum.2 + day.resolved);
        }
    }
    Ok(sums.into_iter().map(|(day, (open, archived, resolved))| (day, open, archived, resolved)).collect())
}

/// A number in a report.
pub(super) fn count(of: &Value, pointer: &str) -> u64 {
    of.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// A text in a report.
pub(super) fn text<'v>(of: &'v Value, pointer: &str) -> &'v str {
    of.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A list in a report.
pub(super) fn list<'v>(of: &'v Value, pointer: &str) -> &'v [Value] {
    of.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Permissions by state, of an object as `coverage.total` is.
pub(super) fn state_numbers(of: &Value) -> StateNumbers {
    StateNumbers {
        used: count(of, "/used"),
        unused: count(of, "/unused"),
        unobservable: count(of, "/unobservable"),
        unknown: count(of, "/unknown"),
        blocked: count(of, "/blockedByBoundary") + count(of, "/denied"),
    }
}

/// Each day that has an entry, with its numbers.
fn by_day(points: &[TrendPoint]) -> Vec<(Timestamp, u64, u64, u64)> {
    let mut days: BTreeMap<Timestamp, (u64, u64, u64)> = BTreeMap::new();
    for point in points {
        let day = days.entry(point.day).or_default();
        match point.status {
            FindingStatus::Active => day.0 += point.count,
            FindingStatus::Archived => day.1 += point.count,
            FindingStatus::Resolved => day.2 += point.count,
        }
    }
    days.into_iter().map(|(day, (open, archived, resolved))| (day, open, archived, resolved)).collect()
}

fn by_risk(facet: &[(String, u64)]) -> Bars {
    let of = |risk: Risk| {
        let has = |value: &str| value.parse().is_ok_and(|number| Risk(number).has(risk));
        facet.iter().filter(|(value, _)| has(value)).map(|(_, n)| n).sum::<u64>()
    };
    let rows = WORDS.iter().map(|(risk, name, class, _, says)| {
        ((*says).to_owned(), format!("/findings?risk={name}"), format!("r-{class}"), of(*risk))
    });
    bars("", rows.filter(|row| row.3 > 0).collect(), String::new())
}

fn by_age(facet: &[(String, u64)], now: Timestamp) -> Bars {
    let today = now.seconds().div_euclid(86_400);
    let age = |value: &str| value.parse::<i64>().map_or(0, |day| (today - day).max(0));
    let rows = AGES.iter().map(|(name, words, from, to)| {
        let fits = |age: i64| age >= *from && to.is_none_or(|to| age < to);
        let n = facet.iter().filter(|(value, _)| fits(age(value))).map(|(_, n)| n).sum();
        ((*words).to_owned(), format!("/findings?age={name}"), String::new(), n)
    });
    bars("By age", rows.filter(|row| row.3 > 0).collect(), String::new())
}

/// So many days before today a trend begins, if the record reaches so far back.
pub(super) const TREND_DAYS: u32 = 60;

/// For how long the riskiest findings are looked for among those of some accounts.
const LOOKING: std::time::Duration = std::time::Duration::from_millis(300);

/// The most that a list of bars shows.
const BARS: usize = 6;

fn groups(statistics: &Statistics, services: &[(String, u64)], days: &[(String, u64)], now: Timestamp) -> Vec<Bars> {
    let more = |all: u64| match all.saturating_sub(BARS as u64) {
        0 => String::new(),
        more => format!("and {} more", number(more)),
    };
    let mut types: Vec<(FindingKind, u64)> = FindingKind::ALL.into_iter().map(|kind| (kind, statistics.active(kind))).collect();
    types.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let types = types
        .into_iter()
        .filter(|(_, n)| *n > 0)
        .map(|(one, n)| (kind(one.as_str()).to_owned(), format!("/findings?type={}", one.as_str()), String::new(), n));
    let accounts = statistics.accounts.iter().take(BARS).map(|totals| {
        (totals.account.clone(), format!("/findings?account={}", encoded(&totals.account)), String::new(), totals.active)
    });
    let by_service = services
        .iter()
        .take(BARS)
        .map(|(service, n)| (service.clone(), format!("/findings?service={}", encoded(service)), String::new(), *n));
    vec![
        bars("By type", types.collect(), String::new()),
        Bars { all: "/accounts", ..bars("By account", accounts.collect(), more(statistics.accounts_in_all)) },
        bars("By service", by_service.collect(), more(services.len() as u64)),
        by_age(days, now),
    ]
}

fn tiles(statistics: &Statistics, risks: &[(String, u64)], report: &Value, days: &[(Timestamp, u64, u64, u64)]) -> Vec<Tile> {
    let open = statistics.of_status(FindingStatus::Active);
    let before = days.len().checked_sub(2).and_then(|at| days.get(at));
    let change = match before.map(|day| day.1) {
        None => "since the first analysis".to_owned(),
        Some(before) if before == open => "as many as the day before".to_owned(),
        Some(before) if before < open => format!("{} more than the day before", number(open - before)),
        Some(before) => format!("{} fewer than the day before", number(before - open)),
    };
    let escalation = risks
        .iter()
        .filter(|(value, _)| value.parse().is_ok_and(|number| Risk(number).has(Risk::ESCALATION)))
        .map(|(_, n)| n)
        .sum::<u64>();
    let judged =
        list(report, "/coverage/judged").iter().find(|one| text(one, "/what") == "role").map_or(0, |one| count(one, "/count"));
    vec![
        Tile { href: "/findings", name: "Open", value: number(open), says: change },
        Tile {
            href: "/findings?risk=escalation",
            name: "Could escalate",
            value: number(escalation),
            says: "to more than they were given".to_owned(),
        },
        Tile {
            href: "/findings?type=UnusedIAMRole",
            name: "Unused roles",
            value: number(statistics.active(FindingKind::UnusedIamRole)),
            says: format!("of {} judged", number(judged)),
        },
        Tile {
            href: "/findings?status=archived",
            name: "Archived",
            value: number(statistics.of_status(FindingStatus::Archived)),
            says: "put aside, with a reason".to_owned(),
        },
        Tile {
            href: "/findings?status=resolved",
            name: "Resolved",
            value: number(statistics.of_status(FindingStatus::Resolved)),
            says: "in the last 90 days".to_owned(),
        },
    ]
}

fn subline(report: &Value, visible: &Visibility) -> String {
    if let Some(accounts) = visible.accounts() {
        return format!("You see {}.", counted(accounts.len() as u64, "account"));
    }
    let total = report.pointer("/coverage/total").cloned().unwrap_or_default();
    let granted = count(&total, "/granted");
    if granted == 0 {
        return "Nothing has been analysed yet.".to_owned();
    }
    let mut out = format!(
        "Of {} granted permissions {} were not used from {} to {}.",
        number(granted),
        number(count(&total, "/unused")),
        day_of(text(report, "/window/from")),
        day_of(text(report, "/window/to"))
    );
    let hidden = count(&total, "/unobservable") + count(&total, "/unknown");
    if hidden > 0 {
        out.push_str(&format!(" Of {} more nobody could tell, so they are kept.", number(hidden)));
    }
    out
}

/// `GET /`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/").await?;
    let Some(analyzer) = analyzer else {
        return page(&Overview {
            frame,
            headline: "Nothing to show yet".to_owned(),
            subline: "An analyzer looks for unused access; there is none.".to_owned(),
            tiles: Vec::new(),
            trend: Trend::default(),
            risk: Bars::default(),
            states: States::default(),
            first: Vec::new(),
            groups: Vec::new(),
        });
    };
    let (store, now) = (site.store(), clock::now());
    let seen = visitor.visible.accounts();
    let statistics = store.statistics_of(&analyzer, seen.as_deref(), BARS).await?;
    let facet = async |facet| store.facets_of(&analyzer, facet, FindingStatus::Active, seen.as_deref()).await;
    let (services, risks, ages) = (facet(Facet::Service).await?, facet(Facet::Risk).await?, facet(Facet::Day).await?);
    let days = days(&site, &analyzer, &visitor.visible, now).await?;
    let report = report(&site, &analyzer, &visitor.visible).await?;
    let mut filter = Filter::default();
    let sees_any = visitor.visible.narrow(&mut filter);
    let riskiest = Query {
        filter,
        only: Some(FindingStatus::Active),
        sort: Sort { key: SortKey::Risk, descending: true },
        limit: 7,
        ..Query::of(&analyzer)
    };
    let found = if sees_any { store.list_within(&riskiest, LOOKING).await?.findings } else { Vec::new() };
    let first = found.iter().map(|finding| row(finding, now)).collect();
    let (open, accounts) = (statistics.of_status(FindingStatus::Active), statistics.accounts_in_all);
    let headline = match (open, accounts) {
        (0, _) => "No finding is open.".to_owned(),
        (1, _) => "1 finding is open.".to_owned(),
        (_, 1) => format!("{} are open in 1 account.", counted(open, "finding")),
        _ => format!("{} are open in {}.", counted(open, "finding"), counted(accounts, "account")),
    };
    page(&Overview {
        frame,
        headline,
        subline: subline(&report, &visitor.visible),
        tiles: tiles(&statistics, &risks, &report, &days),
        trend: trend(&days),
        risk: by_risk(&risks),
        states: states(state_numbers(&report.pointer("/coverage/total").cloned().unwrap_or_default())),
        first,
        groups: groups(&statistics, &services, &ages, now),
    })
}
