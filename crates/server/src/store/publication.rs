//! Makes a run visible all at once although it was written bit by bit; takes back one that was not; clears away what is old.
//!
//! A run marks findings with statuses of its own (`Phase` in `findings.rs`) in short transactions that nobody waits for long. One
//! flag makes them mean something else, which is the publication. Then they are settled, bit by bit again: each gets the status
//! that it has meant since. Whoever is killed in between leaves marks and a flag, from which the next run goes on. Every bit
//! carries the counters along. It decides nothing about findings: that was done when they were marked.

use leastwise::access::Timestamp;
use sqlx::{Arguments, AssertSqlSafe, Row, query};

use super::analysis::KEPT_DAYS;
use super::change::{Writing, change_rows, nothing};
use super::counters::{Moved, Tally};
use super::findings::Phase;
use super::webhooks::tell;
use super::{Store, StoreError};

/// Findings that are settled, taken back or deleted in one transaction.
const ROWS: usize = 300;
/// The statuses of marks.
const MARKS: std::ops::RangeInclusive<i64> = 3..=8;

/// What a mark means once the run is visible.
fn settled(status: i64) -> i64 {
    match status {
        3 | 7 => 0,
        4 | 8 => 1,
        5 | 6 => 2,
        other => other,
    }
}

/// What a mark meant before; what arrives was nothing.
fn before(status: i64) -> i64 {
    match status {
        5 => 0,
        6 => 1,
        7 | 8 => 2,
        other => other,
    }
}

/// Gives findings of a visible run the status that they mean; others stay.
pub(super) async fn settle(writing: &mut Writing, analyzer: i64, findings: &[Moved]) -> Result<(), StoreError> {
    let marked: Vec<Moved> = findings.iter().filter(|one| MARKS.contains(&one.status)).cloned().collect();
    if marked.is_empty() {
        return Ok(());
    }
    let at: i64 = query("SELECT analysed FROM analyzers WHERE id = $1")
        .bind(analyzer)
        .fetch_one(&mut **writing)
        .await?
        .try_get::<Option<i64>, _>(0)?
        .unwrap_or_default();
    let mut tally = Tally::of_move(writing, &marked, settled).await?;
    let back: Vec<&Moved> = marked.iter().filter(|one| matches!(one.status, 7 | 8)).collect();
    for one in &back {
        let staged = query("SELECT content, risk FROM staged WHERE analyzer = $1 AND seq = $2")
            .bind(analyzer)
            .bind(one.seq)
            .fetch_optional(&mut **writing)
            .await?;
        let Some(staged) = staged else { continue };
        let (content, risk): (String, i64) = (staged.try_get(0)?, staged.try_get(1)?);
        tally.risk(one, settled(one.status), risk);
        query("UPDATE findings SET content = $1, risk = $2 WHERE seq = $3")
            .bind(content)
            .bind(risk)
            .bind(one.seq)
            .execute(&mut **writing)
            .await?;
    }
    take_details(writing, analyzer, &back.iter().map(|one| one.seq).collect::<Vec<_>>()).await?;
    tally.write(writing).await?;
    let meanings: Vec<String> = MARKS.map(|mark| format!("WHEN {mark} THEN {}", settled(mark))).collect();
    let sql = format!(
        "UPDATE findings SET status = CASE status {} ELSE status END, updated = $1, analysed = $1, archived_until = NULL \
         WHERE seq IN {{rows}}",
        meanings.join(" ")
    );
    let seqs: Vec<i64> = marked.iter().map(|one| one.seq).collect();
    change_rows(writing, &sql, |values| values.add(at), seqs.iter().copied()).await?;
    tell(writing, &seqs).await
}

/// Puts the details that a run has brought in the place of those that were.
async fn take_details(writing: &mut Writing, analyzer: i64, seqs: &[i64]) -> Result<(), StoreError> {
    delete_details(writing, seqs.iter().copied()).await?;
    let sql = "UPDATE details SET finding = -finding WHERE finding IN {rows}";
    change_rows(writing, sql, nothing, seqs.iter().map(|seq| -seq)).await?;
    forget_staged(writing, analyzer, seqs).await
}

async fn forget_staged(writing: &mut Writing, analyzer: i64, seqs: &[i64]) -> Result<(), StoreError> {
    let sql = "DELETE FROM staged WHERE analyzer = $1 AND seq IN {rows}";
    change_rows(writing, sql, |values| values.add(analyzer), seqs.iter().copied()).await
}

/// Deletes the details under these numbers; those that a run has brought are under negative ones.
async fn delete_details(writing: &mut Writing, seqs: impl Iterator<Item = i64>) -> Result<(), StoreError> {
    change_rows(writing, "DELETE FROM details WHERE finding IN {rows}", nothing, seqs).await
}

/// Deletes findings with all that belongs to them.
async fn delete(writing: &mut Writing, gone: &[Moved]) -> Result<(), StoreError> {
    let tally = Tally::of_deletion(writing, gone).await?;
    tally.write(writing).await?;
    for sql in [
        "DELETE FROM recommendations WHERE finding IN (SELECT id FROM findings WHERE seq IN {rows})",
        "DELETE FROM services WHERE finding IN {rows}",
        "DELETE FROM details WHERE finding IN {rows}",
        "DELETE FROM findings WHERE seq IN {rows}",
    ] {
        change_rows(writing, sql, nothing, gone.iter().map(|one| one.seq)).await?;
    }
    Ok(())
}

impl Store {
    /// Ends what the last run of an analyzer has left: settles it when it is visible, and takes it back when it is not.
    pub(super) async fn end_run(&self, analyzer: i64) -> Result<(), StoreError> {
        loop {
            let mut writing = self.writing().await?;
            self.lock(&mut writing, analyzer).await?;
            let phase = Phase::of(&mut writing, analyzer).await?;
            if phase.run == 0 {
                return Ok(());
            }
            if !self.end_some(&mut writing, analyzer, phase).await? {
                query("UPDATE analyzers SET run = 0, settling = 0 WHERE id = $1").bind(analyzer).execute(&mut *writing).await?;
            }
            writing.commit().await?;
        }
    }

    /// Ends the marks of some findings; false when there are none any more.
    async fn end_some(&self, writing: &mut Writing, analyzer: i64, phase: Phase) -> Result<bool, StoreError> {
        for status in MARKS {
            let marked = Moved::of_status(writing, analyzer, status, ROWS).await?;
            if marked.is_empty() {
                continue;
            }
            if phase.is_settling {
                settle(writing, analyzer, &marked).await?;
            } else if matches!(status, 3 | 4) {
                delete(writing, &marked).await?;
            } else {
                Tally::of_move(writing, &marked, before).await?.write(writing).await?;
                let sql = "UPDATE findings SET status = $1 WHERE seq IN {rows}";
                change_rows(writing, sql, |values| values.add(before(status)), marked.iter().map(|one| one.seq)).await?;
            }
            return Ok(true);
        }
        let sql = format!("SELECT seq, change FROM staged WHERE analyzer = $1 LIMIT {ROWS}");
        let rows = query(AssertSqlSafe(sql)).bind(analyzer).fetch_all(&mut **writing).await?;
        let seqs = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
        if seqs.is_empty() {
            return Ok(false);
        }
        if phase.is_settling {
            let sql = "UPDATE findings SET content = staged.content, analysed = analyzers.analysed FROM staged, analyzers \
                       WHERE staged.seq = findings.seq AND staged.analyzer = $1 AND analyzers.id = $1 AND findings.seq IN {rows}";
            change_rows(writing, sql, |values| values.add(analyzer), seqs.iter().copied()).await?;
            take_details(writing, analyzer, &seqs).await?;
        } else {
            delete_details(writing, seqs.iter().map(|seq| -seq)).await?;
            forget_staged(writing, analyzer, &seqs).await?;
        }
        Ok(true)
    }

    /// Deletes findings that were resolved 90 days ago or earlier, and says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete_old(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut writing = self.writing().await?;
            let sql = format!("SELECT seq FROM findings WHERE status = 2 AND updated <= $1 LIMIT {ROWS}");
            let rows = query(AssertSqlSafe(sql)).bind(now.days_before(KEPT_DAYS).seconds()).fetch_all(&mut *writing).await?;
            let seqs = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
            if seqs.is_empty() {
                return Ok(deleted);
            }
            let gone = Moved::of_seqs(&mut writing, &seqs).await?;
            delete(&mut writing, &gone).await?;
            writing.commit().await?;
            deleted += gone.len() as u64;
        }
    }

    /// Deletes what analyzers that are gone have found, and says how many findings that were.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clear_away(&self) -> Result<u64, StoreError> {
        self.clear_history().await?;
        let (mut deleted, mut behind) = (0, 0_i64);
        loop {
            // From one analyzer to the next along the index, without reading the findings in between.
            let next: Option<i64> = query("SELECT MIN(analyzer) FROM findings WHERE analyzer > $1")
                .bind(behind)
                .fetch_one(self.reads())
                .await?
                .try_get(0)?;
            let Some(analyzer) = next else { return Ok(deleted) };
            behind = analyzer;
            loop {
                let mut writing = self.writing().await?;
                let known = query("SELECT id FROM analyzers WHERE id = $1").bind(analyzer).fetch_optional(&mut *writing).await?;
                if known.is_some() {
                    break;
                }
                let sql = format!("SELECT seq FROM findings WHERE analyzer = $1 LIMIT {ROWS}");
                let rows = query(AssertSqlSafe(sql)).bind(analyzer).fetch_all(&mut *writing).await?;
                let seqs = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
                if seqs.is_empty() {
                    for table in ["DELETE FROM counts WHERE analyzer = $1", "DELETE FROM facets WHERE analyzer = $1"] {
                        query(table).bind(analyzer).execute(&mut *writing).await?;
                    }
                    writing.commit().await?;
                    break;
                }
                let gone = Moved::of_seqs(&mut writing, &seqs).await?;
                delete(&mut writing, &gone).await?;
                delete_details(&mut writing, seqs.iter().map(|seq| -seq)).await?;
                writing.commit().await?;
                deleted += seqs.len() as u64;
            }
        }
    }
}
