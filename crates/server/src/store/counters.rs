//! The counters behind the statistics, kept in step with the findings.
//!
//! Whoever changes findings collects the differences here and writes them in the same transaction. It never counts rows of
//! findings, except those that it is told have moved.

use std::collections::BTreeMap;

use leastwise::access::time::DAY;
use leastwise::findings::FindingKind;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

use super::StoreError;
use super::change::Writing;
use super::findings::{BATCH, kind_number, places};

/// A finding as its row has it: what the counters need to follow its status.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    /// Its number.
    pub(super) seq: i64,
    /// The number of its status, as it is kept.
    pub(super) status: i64,
    pub(super) analyzer: i64,
    pub(super) account: String,
    pub(super) kind: i64,
    pub(super) risk: i64,
    pub(super) created: i64,
}

const COLUMNS: &str = "seq, status, analyzer, account, kind, risk, created";

impl Moved {
    /// Those of an analyzer that have these ids, by id.
    pub(super) async fn by_id(
        writing: &mut Writing,
        analyzer: i64,
        ids: &[String],
    ) -> Result<BTreeMap<String, Moved>, StoreError> {
        // The plus keeps SQLite from choosing an index of the analyzer, which has all of them.
        let sql = format!("SELECT {COLUMNS}, id FROM findings WHERE +analyzer = $1 AND id IN ({})", places(2, ids.len()));
        let mut rows = query(AssertSqlSafe(sql)).bind(analyzer);
        for id in ids {
            rows = rows.bind(id);
        }
        rows.fetch_all(&mut **writing).await?.iter().map(|row| Ok((row.try_get(7)?, Moved::read(row)?))).collect()
    }

    /// Those of these numbers.
    pub(super) async fn of_seqs(writing: &mut Writing, seqs: &[i64]) -> Result<Vec<Moved>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM findings WHERE seq IN ({})", places(1, seqs.len()));
        let mut rows = query(AssertSqlSafe(sql));
        for seq in seqs {
            rows = rows.bind(*seq);
        }
        rows.fetch_all(&mut **writing).await?.iter().map(Moved::read).collect()
    }

    /// Some of an analyzer that have a status.
    pub(super) async fn of_status(
        writing: &mut Writing,
        analyzer: i64,
        status: i64,
        limit: usize,
    ) -> Result<Vec<Moved>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM findings WHERE analyzer = $1 AND status = $2 LIMIT {limit}");
        let rows = query(AssertSqlSafe(sql)).bind(analyzer).bind(status).fetch_all(&mut **writing).await?;
        rows.iter().map(Moved::read).collect()
    }

    fn read(row: &AnyRow) -> Result<Moved, StoreError> {
        Ok(Moved {
            seq: row.try_get(0)?,
            status: row.try_get(1)?,
            analyzer: row.try_get(2)?,
            account: row.try_get(3)?,
            kind: row.try_get(4)?,
            risk: row.try_get(5)?,
            created: row.try_get(6)?,
        })
    }
}

/// What the counters change by.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// By analyzer, account, kind and status.
    counts: BTreeMap<(i64, String, i64, i64), i64>,
    /// By analyzer, status, facet and value.
    facets: BTreeMap<(i64, i64, &'static str, String), i64>,
}

impl Tally {
    /// `n` more findings like this one in a status, in every count but that by service.
    pub(super) fn count(&mut self, one: &Moved, status: i64, n: i64) {
        *self.counts.entry((one.analyzer, one.account.clone(), one.kind, status)).or_default() += n;
        self.facet(one.analyzer, status, "kind", one.kind.to_string(), n);
        self.facet(one.analyzer, status, "risk", one.risk.to_string(), n);
        self.facet(one.analyzer, status, "day", one.created.div_euclid(DAY).to_string(), n);
    }

    /// `n` more findings with a value of a facet.
    pub(super) fn facet(&mut self, analyzer: i64, status: i64, facet: &'static str, value: String, n: i64) {
        *self.facets.entry((analyzer, status, facet, value)).or_default() += n;
    }

    /// The differences when a finding that has moved to a status gets another risk.
    pub(super) fn risk(&mut self, one: &Moved, status: i64, risk: i64) {
        self.facet(one.analyzer, status, "risk", one.risk.to_string(), -1);
        self.facet(one.analyzer, status, "risk", risk.to_string(), 1);
    }

    /// The differences when these findings get the status that `to` makes of theirs.
    pub(super) async fn of_move(writing: &mut Writing, moved: &[Moved], to: impl Fn(i64) -> i64) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        tally.of_rows(writing, moved, -1, |status| status).await?;
        tally.of_rows(writing, moved, 1, to).await?;
        Ok(tally)
    }

    /// The differences when these findings are deleted.
    pub(super) async fn of_deletion(writing: &mut Writing, gone: &[Moved]) -> Result<Tally, StoreError> {
        let mut tally = Tally::default();
        tally.of_rows(writing, gone, -1, |status| status).await?;
        Ok(tally)
    }

    /// Counts rows as if they had the status that `as_if` makes of theirs.
    async fn of_rows(
        &mut self,
        writing: &mut Writing,
        rows: &[Moved],
        n: i64,
        as_if: impl Fn(i64) -> i64,
    ) -> Result<(), StoreError> {
        let mut by_status: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for one in rows {
            let status = as_if(one.status);
            self.count(one, status, n);
            // Other kinds have no services.
            if one.kind == kind_number(FindingKind::UnusedPermission) {
                by_status.entry((one.analyzer, status)).or_default().push(one.seq);
            }
        }
        for ((analyzer, status), seqs) in by_status {
            for seqs in seqs.chunks(BATCH) {
                let sql = format!(
                    "SELECT service, COUNT(*) FROM services WHERE finding IN ({}) GROUP BY service",
                    places(1, seqs.len())
                );
                let mut rows = query(AssertSqlSafe(sql));
                for seq in seqs {
                    rows = rows.bind(*seq);
                }
                for row in rows.fetch_all(&mut **writing).await? {
                    let count: i64 = row.try_get(1)?;
                    self.facet(analyzer, status, "service", row.try_get(0)?, n * count);
                }
            }
        }
        Ok(())
    }

    /// Writes the differences, many at once.
    pub(super) async fn write(self, writing: &mut Writing) -> Result<(), StoreError> {
        let counts: Vec<_> = self.counts.into_iter().filter(|(_, n)| *n != 0).collect();
        for part in counts.chunks(ROWS) {
            let values: Vec<String> = (0..part.len()).map(|at| format!("({})", places(5 * at + 1, 5))).collect();
            let sql = format!(
                "INSERT INTO counts (analyzer, account, kind, status, n) VALUES {} \
                 ON CONFLICT (analyzer, account, kind, status) DO UPDATE SET n = counts.n + excluded.n",
                values.join(", ")
            );
            let mut insert = query(AssertSqlSafe(sql));
            for ((analyzer, account, kind, status), n) in part {
                insert = insert.bind(*analyzer).bind(account).bind(*kind).bind(*status).bind(*n);
            }
            insert.execute(&mut **writing).await?;
        }
        let facets: Vec<_> = self.facets.into_iter().filter(|(_, n)| *n != 0).collect();
        for part in facets.chunks(ROWS) {
            let values: Vec<String> = (0..part.len()).map(|at| format!("({})", places(5 * at + 1, 5))).collect();
            let sql = format!(
                "INSERT INTO facets (analyzer, status, facet, value, n) VALUES {} \
                 ON CONFLICT (analyzer, status, facet, value) DO UPDATE SET n = facets.n + excluded.n",
                values.join(", ")
            );
            let mut insert = query(AssertSqlSafe(sql));
            for ((analyzer, status, facet, value), n) in part {
                insert = insert.bind(*analyzer).bind(*status).bind(*facet).bind(value).bind(*n);
            }
            insert.execute(&mut **writing).await?;
        }
        Ok(())
    }
}

/// Counters that are written at once.
const ROWS: usize = 100;
