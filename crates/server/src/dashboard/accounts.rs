//! All accounts, one account, and one principal: what is found about them, and what is known of them.
//!
//! From counters, lists and the last run's report. It concludes nothing.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use leastwise::access::PrincipalArn;
use leastwise::findings::FindingKind;

use super::charts::{Bars, Trend, bars, trend};
use super::coverage::{AccountSources, sources_of};
use super::evidence::Evidence;
use super::finding::told;
use super::frame::{Frame, frame};
use super::listing::{Row, row};
use super::overview::{TREND_DAYS, list, report, text};
use super::site::{PageError, Site, page};
use super::text::{counted, kind, number, path_and_name};
use super::visitor::Visitor;
use crate::clock;
use crate::store::{Criterion, Filter, FilterKey, FindingStatus, Query, Sort, SortKey, StoreError};

#[derive(Debug, Clone)]
struct AccountRow {
    account: String,
    active: String,
    roles: String,
    keys: String,
    passwords: String,
    permissions: String,
    sees: String,
    complete: bool,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    rows: Vec<AccountRow>,
    more: String,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    account: String,
    says: String,
    trend: Trend,
    types: Bars,
    sources: AccountSources,
    rows: Vec<Row>,
    all: String,
}

#[derive(Template)]
#[template(path = "principal.html")]
struct PrincipalPage {
    frame: Frame,
    name: String,
    arn: String,
    account: String,
    says: String,
    rows: Vec<Row>,
    evidence: Evidence,
}

/// Accounts on the page.
const ACCOUNTS: usize = 500;

/// `GET /accounts`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?;
    let frame = frame(&site, &visitor, analyzer.as_ref(), "/accounts").await?;
    let (mut rows, mut more) = (Vec::new(), String::new());
    if let Some(analyzer) = &analyzer {
        let report = report(&site, analyzer, &visitor.visible).await?;
        let mut statistics = site.store().statistics_of(analyzer, visitor.visible.accounts().as_deref(), usize::MAX).await?;
        let known: BTreeSet<String> = statistics.accounts.iter().map(|totals| totals.account.clone()).collect();
        // Accounts that were looked at and have nothing open are shown too.
        for looked_at in list(&report, "/coverage/accounts") {
            let account = text(looked_at, "/account");
            if !known.contains(account) {
                statistics.accounts.push(crate::store::AccountTotals {
                    account: account.to_owned(),
                    active: 0,
                    by_kind: Default::default(),
                });
            }
        }
        if statistics.accounts.len() > ACCOUNTS {
            more = format!("{} accounts more have fewer findings.", number(statistics.accounts.len() as u64 - ACCOUNTS as u64));
        }
        for totals in statistics.accounts.into_iter().take(ACCOUNTS) {
            let of = |kind| number(totals.by_kind.get(&kind).copied().unwrap_or_default());
            let sources = sources_of(&report, &totals.account);
            rows.push(AccountRow {
                active: number(totals.active),
                roles: of(FindingKind::UnusedIamRole),
                keys: of(FindingKind::UnusedIamUserAccessKey),
                passwords: of(FindingKind::UnusedIamUserPassword),
                permissions: of(FindingKind::UnusedPermission),
                complete: sources.complete,
                sees: sources.says,
                account: totals.account,
            });
        }
    }
    page(&AccountsPage { frame, rows, more })
}

fn is_account(account: &str) -> bool {
    account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
}

/// `GET /accounts/{account}`.
pub(super) async fn show_one(
    State(site): State<Site>,
    visitor: Visitor,
    Path(account): Path<String>,
) -> Result<Response, PageError> {
    let analyzer = visitor.analyzer(&site).await?.filter(|_| is_account(&account));
    let Some(analyzer) = analyzer else { return Err(StoreError::NotFound { what: "account", id: account }.into()) };
    let frame = frame(&site, &visitor, Some(&analyzer), "/accounts").await?;
    let report = report(&site, &analyzer, &visitor.visible).await?;
    let statistics = site.store().statistics_of(&analyzer, Some(std::slice::from_ref(&account)), 1).await?;
    let totals = statistics.accounts.first();
    let types = totals.map(|totals| {
        let mut by_kind: Vec<(&FindingKind, &u64)> = totals.by_kind.iter().filter(|(_, n)| **n > 0).collect();
        by_kind.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
        let row = |(own, n): (&FindingKind, &u64)| {
            (kind(own.as_str()).to_owned(), format!("/findings?account={account}&type={}", own.as_str()), String::new(), *n)
        };
        by_kind.into_iter().map(row).collect()
    });
    let mut filter = Filter::default();
    filter.criteria.insert(FilterKey::ResourceOwnerAccount, Criterion { eq: vec![account.clone()], ..Criterion::default() });
    let query = Query {
        filter,
        only: Some(FindingStatus::Active),
        sort: Sort { key: SortKey::Risk, descending: true },
        limit: 15,
        ..Query::of(&analyzer)
    };
    let now = clock::now();
    let found = site.store().list_within(&query, std::time::Duration::from_millis(200)).await?;
    let rows = found.findings.iter().map(|finding| row(finding, now)).collect();
    let days = site.store().account_trend(&analyzer, &account, now.days_before(TREND_DAYS), now).await?;
    let days: Vec<_> = days.iter().map(|day| (day.day, day.active, day.archived, day.resolved)).collect();
    let open = totals.map_or(0, |totals| totals.active);
    page(&AccountPage {
        frame,
        says: if open == 0 { "No finding is open.".to_owned() } else { format!("{} open.", counted(open, "finding")) },
        trend: trend(&days),
        types: bars("By type", types.unwrap_or_default(), String::new()),
        sources: sources_of(&report, &account),
        rows,
        all: format!("/findings?account={account}"),
        account,
    })
}

/// `GET /principals/{arn}`.
pub(super) async fn show_principal(
    State(site): State<Site>,
    visitor: Visitor,
    Path(arn): Path<String>,
) -> Result<Response, PageError> {
    let missing = || PageError::Store(StoreError::NotFound { what: "role or user", id: arn.clone() });
    let parsed = PrincipalArn::parse(&arn).ok_or_else(missing)?;
    let analyzer = visitor.analyzer(&site).await?.ok_or_else(missing)?;
    let frame = frame(&site, &visitor, Some(&analyzer), "/accounts").await?;
    let now = clock::now();
    let mut rows = Vec::new();
    for id in site.store().findings_of_resource(&analyzer, parsed.as_str()).await? {
        rows.push(row(&site.store().finding(&analyzer, &id).await?.summary, now));
    }
    let evidence = told(&site, &analyzer, parsed.as_str()).await;
    if rows.is_empty() && evidence.services.is_empty() {
        return Err(missing());
    }
    let says = if rows.is_empty() {
        "No finding is open about it.".to_owned()
    } else {
        format!("{} about it.", counted(rows.len() as u64, "finding"))
    };
    page(&PrincipalPage {
        frame,
        name: path_and_name(&arn).1.to_owned(),
        account: parsed.account().as_str().to_owned(),
        says,
        rows,
        evidence,
        arn,
    })
}
