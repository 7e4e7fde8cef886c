//! Totals, facets and trends: sums over counters, never over findings.
//!
//! The counters change with the findings (`tally.rs`); history is one set of rows for each analyzer and day, written at the
//! end of an analysis and at the first look of a day. It decides nothing about what is shown.

use std::collections::BTreeMap;

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::findings::FindingKind;
use sqlx::{Row, query};

use super::findings::{FindingStatus, kind_of_number};
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

/// How many findings of an analyzer are of one account, kind and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The account.
    pub account: String,
    /// The kind.
    pub kind: FindingKind,
    /// The status.
    pub status: FindingStatus,
    /// How many.
    pub findings: u64,
}

/// The totals of an analyzer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Numbers of findings by kind and status; what is not there is 0.
    pub by_kind: BTreeMap<(FindingKind, FindingStatus), u64>,
    /// Accounts with active findings, the one with most first.
    pub accounts: Vec<AccountTotals>,
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

/// The findings at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrendPoint {
    /// The day's beginning.
    pub day: Timestamp,
    /// Which kind.
    pub kind: FindingKind,
    /// Which status.
    pub status: FindingStatus,
    /// How many.
    pub count: u64,
}

fn number(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

impl Store {
    /// The numbers of findings of an analyzer, those that are not 0.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self, analyzer: &Analyzer) -> Result<Vec<Count>, StoreError> {
        let rows = query("SELECT account, kind, status, n FROM counts WHERE analyzer = $1 AND n > 0")
            .bind(analyzer.id)
            .fetch_all(self.reads())
            .await?;
        let count = |row: &sqlx::any::AnyRow| {
            let (kind, status) = (kind_of_number(row.try_get(1)?), FindingStatus::of_number(row.try_get(2)?));
            Ok(Count { account: row.try_get(0)?, kind, status, findings: number(row.try_get(3)?) })
        };
        rows.iter().map(count).collect()
    }

    /// The totals of an analyzer, with the `accounts` accounts that have most active findings.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn statistics(&self, analyzer: &Analyzer, accounts: usize) -> Result<Statistics, StoreError> {
        let rows = query("SELECT account, kind, status, n FROM counts WHERE analyzer = $1 AND n > 0")
            .bind(analyzer.id)
            .fetch_all(self.reads())
            .await?;
        let mut statistics = Statistics::default();
        let mut by_account: BTreeMap<String, BTreeMap<FindingKind, u64>> = BTreeMap::new();
        for row in &rows {
            let kind = kind_of_number(row.try_get(1)?);
            let status = FindingStatus::of_number(row.try_get(2)?);
            let n = number(row.try_get(3)?);
            *statistics.by_kind.entry((kind, status)).or_default() += n;
            if status == FindingStatus::Active {
                *by_account.entry(row.try_get(0)?).or_default().entry(kind).or_default() += n;
            }
        }
        let total = |(account, by_kind): (String, BTreeMap<FindingKind, u64>)| AccountTotals {
            account,
            active: by_kind.values().sum(),
            by_kind,
        };
        statistics.accounts = by_account.into_iter().map(total).collect();
        statistics.accounts.sort_by(|one, other| other.active.cmp(&one.active).then_with(|| one.account.cmp(&other.account)));
        statistics.accounts.truncate(accounts);
        Ok(statistics)
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
        let rows = query(
            "SELECT value, n FROM facets WHERE analyzer = $1 AND status = $2 AND facet = $3 AND n > 0 ORDER BY n DESC, value",
        )
        .bind(analyzer.id)
        .bind(status.number())
        .bind(facet.as_str())
        .fetch_all(self.reads())
        .await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, number(row.try_get(1)?)))).collect()
    }

    /// The findings of an analyzer day by day from `from` on: the last known numbers of each day that has any.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn trend(&self, analyzer: &Analyzer, from: Timestamp) -> Result<Vec<TrendPoint>, StoreError> {
        let rows = query("SELECT day, kind, status, n FROM history WHERE analyzer = $1 AND day >= $2 ORDER BY day, kind, status")
            .bind(analyzer.id)
            .bind(from.seconds().div_euclid(DAY))
            .fetch_all(self.reads())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(TrendPoint {
                    day: Timestamp::from_seconds(row.try_get::<i64, _>(0)? * DAY),
                    kind: kind_of_number(row.try_get(1)?),
                    status: FindingStatus::of_number(row.try_get(2)?),
                    count: number(row.try_get(3)?),
                })
            })
            .collect()
    }

    /// Writes today's numbers of every analyzer into the history, over those of earlier today.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_history(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        query(
            "INSERT INTO history (analyzer, day, kind, status, n) \
             SELECT analyzer, CAST($1 AS BIGINT), kind, status, CAST(SUM(n) AS BIGINT) FROM counts WHERE analyzer >= 0 GROUP BY analyzer, kind, status \
             ON CONFLICT (analyzer, day, kind, status) DO UPDATE SET n = excluded.n",
        )
        .bind(now.seconds().div_euclid(DAY))
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(())
    }
}
