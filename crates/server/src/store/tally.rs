//! The counters behind the statistics, kept in step with the findings.
//!
//! Whoever changes findings collects the differences here and writes them in the same transaction. It never counts rows of
//! findings, except those that it is told have moved.

use std::collections::BTreeMap;

use leastwise::access::time::DAY;
use sqlx::{AssertSqlSafe, Row, query};

use super::StoreError;
use super::change::Writing;
use super::findings::{BATCH, FindingStatus, places};

/// A finding whose status changes.
#[derive(Debug, Clone)]
pub(super) struct Moved {
    seq: i64,
    analyzer: i64,
    account: String,
    kind: i64,
    status: i64,
    risk: i64,
    created: i64,
}

impl Moved {
    /// Those of the ids that have a status now.
    pub(super) async fn of_ids(writing: &mut Writing, ids: &[String], status: FindingStatus) -> Result<Vec<Moved>, StoreError> {
        let sql = format!(
            "SELECT seq, analyzer, account, kind, status, risk, created FROM findings WHERE status = $1 AND id IN ({})",
            places(2, ids.len())
        );
        let mut rows = query(AssertSqlSafe(sql)).bind(status.number());
        for id in ids {
            rows = rows.bind(id);
        }
        let rows = rows.fetch_all(&mut **writing).await?;
        rows.iter()
            .map(|row| {
                Ok(Moved {
                    seq: row.try_get(0)?,
                    analyzer: row.try_get(1)?,
                    account: row.try_get(2)?,
                    kind: row.try_get(3)?,
                    status: row.try_get(4)?,
                    risk: row.try_get(5)?,
                    created: row.try_get(6)?,
                })
            })
            .collect()
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
    /// `n` more findings of an account, kind and status.
    pub(super) fn count(&mut self, analyzer: i64, account: &str, kind: i64, status: i64, n: i64) {
        *self.counts.entry((analyzer, account.to_owned(), kind, status)).or_default() += n;
    }

    /// `n` more findings with a value of a facet.
    pub(super) fn facet(&mut self, analyzer: i64, status: i64, facet: &'static str, value: String, n: i64) {
        *self.facets.entry((analyzer, status, facet, value)).or_default() += n;
    }

    /// The differences when these findings get another status.
    pub(super) async fn of_move(writing: &mut Writing, moved: &[Moved], to: FindingStatus) -> Result<Tally, StoreError> {
        let (mut tally, to) = (Tally::default(), to.number());
        for one in moved {
            for (status, n) in [(one.status, -1), (to, 1)] {
                tally.count(one.analyzer, &one.account, one.kind, status, n);
                tally.facet(one.analyzer, status, "risk", one.risk.to_string(), n);
                tally.facet(one.analyzer, status, "day", one.created.div_euclid(DAY).to_string(), n);
            }
        }
        let mut by_origin: BTreeMap<(i64, i64), Vec<i64>> = BTreeMap::new();
        for one in moved {
            by_origin.entry((one.analyzer, one.status)).or_default().push(one.seq);
        }
        for ((analyzer, from), seqs) in by_origin {
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
                    let (service, n): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
                    tally.facet(analyzer, from, "service", service.clone(), -n);
                    tally.facet(analyzer, to, "service", service, n);
                }
            }
        }
        Ok(tally)
    }

    /// Writes the differences.
    pub(super) async fn write(self, writing: &mut Writing) -> Result<(), StoreError> {
        for ((analyzer, account, kind, status), n) in self.counts.into_iter().filter(|(_, n)| *n != 0) {
            query(
                "INSERT INTO counts (analyzer, account, kind, status, n) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (analyzer, account, kind, status) DO UPDATE SET n = counts.n + excluded.n",
            )
            .bind(analyzer)
            .bind(account)
            .bind(kind)
            .bind(status)
            .bind(n)
            .execute(&mut **writing)
            .await?;
        }
        for ((analyzer, status, facet, value), n) in self.facets.into_iter().filter(|(_, n)| *n != 0) {
            query(
                "INSERT INTO facets (analyzer, status, facet, value, n) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (analyzer, status, facet, value) DO UPDATE SET n = facets.n + excluded.n",
            )
            .bind(analyzer)
            .bind(status)
            .bind(facet)
            .bind(value)
            .bind(n)
            .execute(&mut **writing)
            .await?;
        }
        Ok(())
    }
}
