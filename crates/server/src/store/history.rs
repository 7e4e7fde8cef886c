//! History: how many findings there were day by day, of an analyzer and of each account.
//!
//! Written from the counters of `counters.rs` at the end of an analysis and with every round of the cycle; what is read ends with what
//! the counters say now, so that a trend is never behind what people did. An account gets a row only for a day on which its
//! numbers changed: ten thousand accounts of which one in ten changes every day are 31 MB after 400 days in SQLite, and 242 MB if
//! all do. It never counts findings, and forgets nothing but analyzers that are gone.

use std::collections::BTreeMap;

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::findings::FindingKind;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

use super::change::Writing;
use super::findings::{FindingStatus, Phase, kind_of_number, listed, places};
use super::statistics::number;
use super::{Analyzer, Store, StoreError};

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

/// The findings of one account at the end of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountDay {
    /// The day's beginning.
    pub day: Timestamp,
    /// Active ones.
    pub active: u64,
    /// Archived ones.
    pub archived: u64,
    /// Resolved ones that are kept still.
    pub resolved: u64,
}

/// Rows of accounts that are written at once.
const ROWS: usize = 500;
/// Accounts whose history is deleted at once.
const ACCOUNTS: usize = 20;

/// The beginning of a day that is counted since 1970.
fn beginning(day: i64) -> Timestamp {
    Timestamp::from_seconds(day.saturating_mul(DAY))
}

/// The numbers of each account as the counters have them, as columns `account`, `active`, `archived` and `resolved`.
fn present(phase: Phase, only: &str) -> String {
    let columns = FindingStatus::ALL.map(|status| {
        let name = status.as_str().to_ascii_lowercase();
        format!("CAST(SUM(CASE WHEN status IN ({}) THEN n ELSE 0 END) AS BIGINT) AS {name}", listed(phase.numbers(status)))
    });
    format!("SELECT account, {} FROM counts WHERE analyzer = $1{only} GROUP BY account", columns.join(", "))
}

impl Store {
    /// The findings of an analyzer day by day from `from` on: the last known numbers of each day that has any, and for the day of
    /// `now` those of the moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn trend(&self, analyzer: &Analyzer, from: Timestamp, now: Timestamp) -> Result<Vec<TrendPoint>, StoreError> {
        let today = now.seconds().div_euclid(DAY);
        let mut reading = self.reading().await?;
        let rows = query(
            "SELECT day, kind, status, n FROM history WHERE analyzer = $1 AND day >= $2 AND day < $3 ORDER BY day, kind, status",
        )
        .bind(analyzer.id)
        .bind(from.seconds().div_euclid(DAY))
        .bind(today)
        .fetch_all(&mut *reading)
        .await?;
        let mut points = rows
            .iter()
            .map(|row| {
                Ok(TrendPoint {
                    day: beginning(row.try_get(0)?),
                    kind: kind_of_number(row.try_get(1)?),
                    status: FindingStatus::of_number(row.try_get(2)?),
                    count: number(row.try_get(3)?),
                })
            })
            .collect::<Result<Vec<TrendPoint>, StoreError>>()?;
        for ((_, kind, status), n) in totals(&mut reading, Some(analyzer.id)).await? {
            let (kind, status) = (kind_of_number(kind), FindingStatus::of_number(status));
            points.push(TrendPoint { day: beginning(today), kind, status, count: number(n) });
        }
        Ok(points)
    }

    /// The findings of an account for each day from `from` on, or from the first on that is known, to the day of `now`, whose
    /// numbers are those of the moment.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn account_trend(
        &self,
        analyzer: &Analyzer,
        account: &str,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<AccountDay>, StoreError> {
        let (first, today) = (from.seconds().div_euclid(DAY), now.seconds().div_euclid(DAY));
        let mut reading = self.reading().await?;
        // The row before the first day says what was then.
        let known = query(
            "SELECT day, active, archived, resolved FROM account_history WHERE analyzer = $1 AND account = $2 AND day < $3 \
             AND day >= COALESCE((SELECT MAX(day) FROM account_history WHERE analyzer = $1 AND account = $2 AND day <= $4), $4) \
             ORDER BY day",
        )
        .bind(analyzer.id)
        .bind(account)
        .bind(today)
        .bind(first)
        .fetch_all(&mut *reading)
        .await?;
        let phase = Phase::of(&mut reading, analyzer.id).await?;
        let now = query(AssertSqlSafe(present(phase, " AND account = $2")))
            .bind(analyzer.id)
            .bind(account)
            .fetch_optional(&mut *reading)
            .await?;
        let mut days: Vec<AccountDay> = Vec::new();
        // Of a trend that begins today nothing is known but the present.
        for row in known.iter().filter(|_| first < today) {
            let day: i64 = row.try_get(0)?;
            fill(&mut days, day);
            let day = beginning(day.max(first));
            days.push(account_day(day, row)?);
        }
        if let Some(row) = &now {
            fill(&mut days, today);
            days.push(account_day(beginning(today), row)?);
        }
        Ok(days)
    }

    /// Writes today's numbers of every analyzer into the history, over those of earlier today, and those of accounts that have
    /// changed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keep_history(&self, now: Timestamp) -> Result<(), StoreError> {
        let day = now.seconds().div_euclid(DAY);
        let mut writing = self.writing().await?;
        for ((analyzer, kind, status), n) in totals(&mut writing, None).await? {
            query(
                "INSERT INTO history (analyzer, day, kind, status, n) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (analyzer, day, kind, status) DO UPDATE SET n = excluded.n",
            )
            .bind(analyzer)
            .bind(day)
            .bind(kind)
            .bind(status)
            .bind(n)
            .execute(&mut *writing)
            .await?;
        }
        writing.commit().await?;
        let analyzers = query("SELECT id FROM analyzers ORDER BY id").fetch_all(self.reads()).await?;
        for row in &analyzers {
            self.keep_account_history(row.try_get(0)?, day).await?;
        }
        Ok(())
    }

    /// Writes the numbers of the accounts of an analyzer whose last row says something else.
    async fn keep_account_history(&self, analyzer: i64, day: i64) -> Result<(), StoreError> {
        let mut reading = self.reading().await?;
        let phase = Phase::of(&mut reading, analyzer).await?;
        let sql = format!(
            "SELECT present.account, present.active, present.archived, present.resolved FROM ({}) AS present \
             LEFT JOIN account_history_end AS known ON known.analyzer = $1 AND known.account = present.account \
             WHERE COALESCE(known.active, 0) <> present.active OR COALESCE(known.archived, 0) <> present.archived \
             OR COALESCE(known.resolved, 0) <> present.resolved",
            present(phase, "")
        );
        let changed = query(AssertSqlSafe(sql)).bind(analyzer).fetch_all(&mut *reading).await?;
        // Nobody should wait for the reader, nor it for the writer.
        reading.rollback().await?;
        for part in changed.chunks(ROWS) {
            let mut writing = self.writing().await?;
            // An analyzer that was deleted meanwhile leaves nothing.
            let there = query("SELECT id FROM analyzers WHERE id = $1").bind(analyzer).fetch_optional(&mut *writing).await?;
            if there.is_none() {
                return Ok(());
            }
            let rows: Vec<String> = (0..part.len()).map(|at| format!("($1, $2, {})", places(4 * at + 3, 4))).collect();
            for (table, key) in [("account_history", "analyzer, account, day"), ("account_history_end", "analyzer, account")] {
                let sql = format!(
                    "INSERT INTO {table} (analyzer, day, account, active, archived, resolved) VALUES {} ON CONFLICT ({key}) DO UPDATE \
                     SET day = excluded.day, active = excluded.active, archived = excluded.archived, resolved = excluded.resolved",
                    rows.join(", ")
                );
                let mut insert = query(AssertSqlSafe(sql)).bind(analyzer).bind(day);
                for row in part {
                    insert = insert.bind(row.try_get::<String, _>(0)?);
                    for column in 1..=3_usize {
                        insert = insert.bind(row.try_get::<i64, _>(column)?);
                    }
                }
                insert.execute(&mut *writing).await?;
            }
            writing.commit().await?;
        }
        Ok(())
    }

    /// Deletes the history of accounts of analyzers that are gone.
    pub(super) async fn clear_history(&self) -> Result<(), StoreError> {
        let of_nobody = "analyzer NOT IN (SELECT id FROM analyzers)";
        loop {
            let some = format!("SELECT analyzer, account FROM account_history_end WHERE {of_nobody} LIMIT {ACCOUNTS}");
            let rows = query(AssertSqlSafe(some)).fetch_all(self.reads()).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut writing = self.writing().await?;
            for row in &rows {
                let (analyzer, account): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
                for sql in [
                    "DELETE FROM account_history WHERE analyzer = $1 AND account = $2",
                    "DELETE FROM account_history_end WHERE analyzer = $1 AND account = $2",
                ] {
                    query(sql).bind(analyzer).bind(&account).execute(&mut *writing).await?;
                }
            }
            writing.commit().await?;
        }
    }
}

/// The numbers of an account on a day, which stand behind the first column.
fn account_day(day: Timestamp, row: &AnyRow) -> Result<AccountDay, StoreError> {
    let (active, archived, resolved) = (number(row.try_get(1)?), number(row.try_get(2)?), number(row.try_get(3)?));
    Ok(AccountDay { day, active, archived, resolved })
}

/// Repeats the last day until the one before `day`: without a row nothing has changed.
fn fill(days: &mut Vec<AccountDay>, day: i64) {
    while let Some(last) = days.last().copied() {
        let next = last.day.seconds().div_euclid(DAY) + 1;
        if next >= day {
            return;
        }
        days.push(AccountDay { day: beginning(next), ..last });
    }
}

/// The numbers of one analyzer or of all, by analyzer, kind and status, as they are visible at the moment.
async fn totals(connection: &mut Writing, only: Option<i64>) -> Result<BTreeMap<(i64, i64, i64), i64>, StoreError> {
    let rows = query(
        "SELECT analyzer, CAST(value AS BIGINT), facets.status, n, run, settling FROM facets JOIN analyzers ON analyzers.id = analyzer \
         WHERE facet = 'kind' AND analyzer BETWEEN $1 AND $2",
    )
    .bind(only.unwrap_or(i64::MIN))
    .bind(only.unwrap_or(i64::MAX))
    .fetch_all(&mut **connection)
    .await?;
    let mut totals = BTreeMap::new();
    for row in &rows {
        let phase = Phase { run: row.try_get(4)?, is_settling: row.try_get::<i64, _>(5)? != 0 };
        if let Some(status) = phase.status(row.try_get(2)?) {
            let of = (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?, status.number());
            *totals.entry(of).or_default() += row.try_get::<i64, _>(3)?;
        }
    }
    Ok(totals)
}
