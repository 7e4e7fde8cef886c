//! Archive rules: which findings are archived as soon as they are found.
//!
//! A rule acts on new findings, when an analysis is written, and on those that are there only when it is applied by hand. It
//! never reopens what it archived.

use leastwise::access::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::change::{Begun, Writing};
use super::{Change, Filter, FindingStatus, Query, Store, StoreError};

/// The most rules of one analyzer ("IAM Access Analyzer quotas").
pub const MOST_RULES: u32 = 100;

/// An archive rule of an analyzer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveRule {
    /// Its name, unique for the analyzer.
    pub name: String,
    /// What it archives.
    pub filter: Filter,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

fn read(row: &AnyRow) -> Result<ArchiveRule, StoreError> {
    let filter: String = row.try_get(1)?;
    Ok(ArchiveRule {
        name: row.try_get(0)?,
        filter: Filter::parse(&filter).map_err(|problem| StoreError::Unexpected(problem.to_string()))?,
        created: Timestamp::from_seconds(row.try_get(2)?),
        updated: Timestamp::from_seconds(row.try_get(3)?),
    })
}

/// Adds a rule.
pub(super) async fn insert(
    writing: &mut Writing,
    analyzer: i64,
    name: &str,
    filter: &Filter,
    at: Timestamp,
) -> Result<(), StoreError> {
    let added = query(
        "INSERT INTO archive_rules (analyzer, name, filter, created, updated) VALUES ($1, $2, $3, $4, $4) \
         ON CONFLICT (analyzer, name) DO NOTHING",
    )
    .bind(analyzer)
    .bind(name)
    .bind(filter.to_string())
    .bind(at.seconds())
    .execute(&mut **writing)
    .await?;
    if added.rows_affected() == 0 {
        return Err(StoreError::Exists { what: "archive rule", id: name.to_owned() });
    }
    Ok(())
}

/// What the log and errors call a rule.
fn subject(analyzer: &super::Analyzer, name: &str) -> String {
    format!("{}/archive-rule/{name}", analyzer.arn)
}

impl Store {
    /// Makes a rule.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Quota`], [`StoreError::NotFound`] when there is no such analyzer.
    pub async fn create_rule(&self, analyzer: &str, name: &str, filter: &Filter, change: &Change) -> Result<(), StoreError> {
        let analyzer = self.analyzer(analyzer).await?;
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        self.lock(&mut writing, analyzer.id).await?;
        insert(&mut writing, analyzer.id, name, filter, change.at).await?;
        let there = query("SELECT CAST(COUNT(*) AS BIGINT) FROM archive_rules WHERE analyzer = $1")
            .bind(analyzer.id)
            .fetch_one(&mut *writing)
            .await?;
        if there.try_get::<i64, _>(0)? > i64::from(MOST_RULES) {
            return Err(StoreError::Quota { what: "archive rule", most: MOST_RULES, of: analyzer.name });
        }
        self.finish(writing, change, "CreateArchiveRule", &subject(&analyzer, name), Some(&filter.to_string()), "").await
    }

    /// One rule of an analyzer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn rule(&self, analyzer: &str, name: &str) -> Result<ArchiveRule, StoreError> {
        let analyzer = self.analyzer(analyzer).await?;
        let row = query("SELECT name, filter, created, updated FROM archive_rules WHERE analyzer = $1 AND name = $2")
            .bind(analyzer.id)
            .bind(name)
            .fetch_optional(self.reads())
            .await?;
        read(&row.ok_or_else(|| StoreError::missing("archive rule", name))?)
    }

    /// The rules of an analyzer by name: those after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such analyzer.
    pub async fn rules(&self, analyzer: &str, after: Option<&str>, limit: u32) -> Result<Vec<ArchiveRule>, StoreError> {
        let analyzer = self.analyzer(analyzer).await?;
        self.rules_of(analyzer.id, after, limit).await
    }

    pub(super) async fn rules_of(&self, analyzer: i64, after: Option<&str>, limit: u32) -> Result<Vec<ArchiveRule>, StoreError> {
        let rows = query(
            "SELECT name, filter, created, updated FROM archive_rules WHERE analyzer = $1 AND name > $2 ORDER BY name LIMIT $3",
        )
        .bind(analyzer)
        .bind(after.unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(self.reads())
        .await?;
        rows.iter().map(read).collect()
    }

    /// Gives a rule another filter. What it has archived stays archived.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn update_rule(&self, analyzer: &str, name: &str, filter: &Filter, change: &Change) -> Result<(), StoreError> {
        let analyzer = self.analyzer(analyzer).await?;
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let done = query("UPDATE archive_rules SET filter = $1, updated = $2 WHERE analyzer = $3 AND name = $4")
            .bind(filter.to_string())
            .bind(change.at.seconds())
            .bind(analyzer.id)
            .bind(name)
            .execute(&mut *writing)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("archive rule", name));
        }
        self.finish(writing, change, "UpdateArchiveRule", &subject(&analyzer, name), Some(&filter.to_string()), "").await
    }

    /// Deletes a rule. What it has archived stays archived.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_rule(&self, analyzer: &str, name: &str, change: &Change) -> Result<(), StoreError> {
        let analyzer = self.analyzer(analyzer).await?;
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let done = query("DELETE FROM archive_rules WHERE analyzer = $1 AND name = $2")
            .bind(analyzer.id)
            .bind(name)
            .execute(&mut *writing)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("archive rule", name));
        }
        self.finish(writing, change, "DeleteArchiveRule", &subject(&analyzer, name), None, "").await
    }

    /// Archives every active finding that the rule fits, and says how many.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn apply_rule(&self, analyzer: &str, name: &str, change: &Change) -> Result<u64, StoreError> {
        let rule = self.rule(analyzer, name).await?;
        let analyzer = self.analyzer(analyzer).await?;
        // Bit by bit, so that nobody waits for a rule that fits very much; asked for again after a failure, it does the rest.
        if let Begun::Again(_) = self.begin(change).await? {
            return Ok(0);
        }
        let by = format!("rule:{name}");
        let mut asked = Query { filter: rule.filter, limit: 300, only: Some(FindingStatus::Active), ..Query::of(&analyzer) };
        let mut archived = 0;
        loop {
            let mut writing = self.writing().await?;
            self.lock(&mut writing, analyzer.id).await?;
            let page = self.page(&mut writing, &asked).await?;
            let ids: Vec<String> = page.findings.into_iter().map(|finding| finding.id).collect();
            archived += super::findings::archive(&mut writing, analyzer.id, &ids, &by, None, None, change.at).await?;
            writing.commit().await?;
            match page.next {
                Some(next) => asked.after = Some(next),
                None => break,
            }
        }
        let Begun::Fresh(writing) = self.begin(change).await? else { return Ok(archived) };
        let note = format!("{archived} findings archived");
        self.finish(writing, change, "ApplyArchiveRule", &subject(&analyzer, name), Some(&note), "").await?;
        Ok(archived)
    }
}
