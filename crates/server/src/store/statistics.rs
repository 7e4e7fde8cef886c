//! Totals and facets: sums over counters, never over findings.
//!
//! The counters change with the findings (`counters.rs`); what they were on other days is in `history.rs`. It decides nothing about
//! what is shown.

use std::collections::BTreeMap;

use leastwise::findings::FindingKind;
use sqlx::{AssertSqlSafe, Row, query};

use super::findings::{FindingStatus, Phase, kind_of_number, listed, places};
use super::{Analyzer, Store, StoreError};

/// The findings of one account that are active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountTotals {
    /// The account.
    pub account: String,
    /// All.
    pub active: u64,
    /// By kind.
    pub by_kind: BTreeMap<FindingKind, u64>,
}

/// The totals of an analyzer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Numbers of findings by kind and status; what is not there is 0.
    pub by_kind: BTreeMap<(FindingKind, FindingStatus), u64>,
    /// Accounts with active findings, the one with most first; as many as were asked for.
    pub accounts: Vec<AccountTotals>,
    /// How many accounts have active findings.
    pub accounts_in_all: u64,
}

impl Statistics {
    /// All findings of a status.
    #[must_use]
    pub fn of_status(&self, status: FindingStatus) -> u64 {
        self.by_kind.iter().filter(|((_, own), _)| *own == status).map(|(_, n)| n).sum()
    }

    /// All active findings of a kind.
    #[must_use]
    pub fn active(&self, kind: FindingKind) -> u64 {
        self.by_kind.get(&(kind, FindingStatus::Active)).copied().unwrap_or_default()
    }
}

/// By what active findings are counted besides kind and account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// The services of which something is unused; a finding counts for each.
    Service,
    /// What the unused access could do: the number of a [`super::Risk`].
    Risk,
    /// The day of creation, since 1970.
    Day,
}

impl Facet {
    fn as_str(self) -> &'static str {
        match self {
            Facet::Service => "service",
            Facet::Risk => "risk",
            Facet::Day => "day",
        }
    }
}

/// Accounts whose kinds are asked for at once.
const ACCOUNTS: usize = 500;

pub(super) fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

impl Store {
    /// The totals of an analyzer, with the `accounts` accounts that have most active findings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn statistics(&self, analyzer: &Analyzer, accounts: usize) -> Result<Statistics, StoreError> {
        self.statistics_of(analyzer, None, accounts).await
    }

    /// The totals of some accounts of an analyzer, or of all, with the `top` accounts that have most active findings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn statistics_of(
        &self,
        analyzer: &Analyzer,
        only: Option<&[String]>,
        top: usize,
    ) -> Result<Statistics, StoreError> {
        let mut reading = self.reading().await?;
        let phase = Phase::of(&mut reading, analyzer.id).await?;
        let mut statistics = Statistics::default();
        let these = |from: usize| match only {
            None => String::new(),
            Some([]) => " AND 1 = 0".to_owned(),
            Some(accounts) => format!(" AND account IN ({})", places(from, accounts.len())),
        };
        let sums = match only {
            None => "SELECT CAST(value AS BIGINT), status, n FROM facets WHERE analyzer = $1 AND facet = 'kind'".to_owned(),
            Some(_) => format!(
                "SELECT kind, status, CAST(SUM(n) AS BIGINT) FROM counts WHERE analyzer = $1{} GROUP BY kind, status",
                these(2)
            ),
        };
        let mut sums = query(AssertSqlSafe(sums)).bind(analyzer.id);
        for account in only.unwrap_or_default() {
            sums = sums.bind(account);
        }
        for row in sums.fetch_all(&mut *reading).await? {
            if let Some(status) = phase.status(row.try_get(1)?) {
                *statistics.by_kind.entry((kind_of_number(row.try_get(0)?), status)).or_default() += number(row.try_get(2)?);
            }
        }
        if top == 0 {
            return Ok(statistics);
        }
        let active = listed(phase.numbers(FindingStatus::Active));
        let sql = format!(
            "SELECT account, CAST(SUM(n) AS BIGINT) AS active, COUNT(*) OVER () FROM counts WHERE analyzer = $1 AND status IN ({active}) \
             AND n > 0{} GROUP BY account ORDER BY active DESC, account LIMIT $2",
            these(3)
        );
        let mut largest = query(AssertSqlSafe(sql)).bind(analyzer.id).bind(i64::try_from(top).unwrap_or(i64::MAX));
        for account in only.unwrap_or_default() {
            largest = largest.bind(account);
        }
        for row in largest.fetch_all(&mut *reading).await? {
            statistics.accounts_in_all = number(row.try_get(2)?);
            statistics.accounts.push(AccountTotals {
                account: row.try_get(0)?,
                active: number(row.try_get(1)?),
                by_kind: BTreeMap::new(),
            });
        }
        for part in statistics.accounts.chunks_mut(ACCOUNTS) {
            let sql = format!(
                "SELECT account, kind, n FROM counts WHERE analyzer = $1 AND status IN ({active}) AND n > 0 AND account IN ({})",
                places(2, part.len())
            );
            let mut kinds = query(AssertSqlSafe(sql)).bind(analyzer.id);
            for totals in part.iter() {
                kinds = kinds.bind(totals.account.clone());
            }
            let mut by_account: BTreeMap<String, BTreeMap<FindingKind, u64>> = BTreeMap::new();
            for row in kinds.fetch_all(&mut *reading).await? {
                let of = by_account.entry(row.try_get(0)?).or_default();
                *of.entry(kind_of_number(row.try_get(1)?)).or_default() += number(row.try_get(2)?);
            }
            for totals in part {
                totals.by_kind = by_account.remove(&totals.account).unwrap_or_default();
            }
        }
        Ok(statistics)
    }

    /// As [`Store::facets`], of some accounts or of all. Of some, findings are counted: there are no counters by account for them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn facets_of(
        &self,
        analyzer: &Analyzer,
        facet: Facet,
        status: FindingStatus,
        only: Option<&[String]>,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let Some(accounts) = only else { return self.facets(analyzer, facet, status).await };
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let mut reading = self.reading().await?;
        let phase = Phase::of(&mut reading, analyzer.id).await?;
        let (value, more) = match facet {
            Facet::Service => ("services.service", " JOIN services ON services.finding = findings.seq"),
            Facet::Risk => ("CAST(risk AS TEXT)", ""),
            Facet::Day => ("CAST(created / 86400 AS TEXT)", ""),
        };
        let sql = format!(
            "SELECT {value} AS value, CAST(COUNT(*) AS BIGINT) AS n FROM findings{more} WHERE findings.analyzer = $1 AND account IN ({}) \
             AND status IN ({}) AND kind IN (0, 1, 2, 3) GROUP BY 1 ORDER BY n DESC, value",
            places(2, accounts.len()),
            listed(phase.numbers(status))
        );
        let mut rows = query(AssertSqlSafe(sql)).bind(analyzer.id);
        for account in accounts {
            rows = rows.bind(account);
        }
        rows.fetch_all(&mut *reading).await?.iter().map(|row| Ok((row.try_get(0)?, number(row.try_get(1)?)))).collect()
    }

    /// How many findings of a status have each value of a facet, the most frequent first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn facets(
        &self,
        analyzer: &Analyzer,
        facet: Facet,
        status: FindingStatus,
    ) -> Result<Vec<(String, u64)>, StoreError> {
        let mut reading = self.reading().await?;
        let phase = Phase::of(&mut reading, analyzer.id).await?;
        let sql = format!(
            "SELECT value, CAST(SUM(n) AS BIGINT) AS n FROM facets WHERE analyzer = $1 AND status IN ({}) AND facet = $2 AND n > 0 \
             GROUP BY value ORDER BY n DESC, value",
            listed(phase.numbers(status))
        );
        let rows = query(AssertSqlSafe(sql)).bind(analyzer.id).bind(facet.as_str()).fetch_all(&mut *reading).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, number(row.try_get(1)?)))).collect()
    }
}
