//! Recommendations that people accepted: which alternative, who, when, and what it said then.
//!
//! One for each finding; a later one replaces it. Nothing is done in AWS by it.

use leastwise::access::Timestamp;
use sqlx::{Row, query};

use super::change::Begun;
use super::{Change, Store, StoreError};

/// A recommendation that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Which alternative, from 1.
    pub alternative: u32,
    /// Who.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// Writes down that an alternative of a finding's recommendation was accepted, with the whole of what it said.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accept(&self, finding: &str, alternative: u32, report: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query(
            "INSERT INTO acceptances (finding, alternative, actor, at, report) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (finding) DO UPDATE SET alternative = excluded.alternative, actor = excluded.actor, at = excluded.at, \
             report = excluded.report",
        )
        .bind(finding)
        .bind(i64::from(alternative))
        .bind(&change.actor)
        .bind(change.at.seconds())
        .bind(report)
        .execute(&mut *writing)
        .await?;
        let note = format!("alternative {alternative}");
        self.finish(writing, change, "AcceptRecommendation", finding, Some(&note), "").await
    }

    /// What was accepted for a finding.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn acceptance(&self, finding: &str) -> Result<Option<Acceptance>, StoreError> {
        let row = query("SELECT alternative, actor, at FROM acceptances WHERE finding = $1")
            .bind(finding)
            .fetch_optional(self.reads())
            .await?;
        row.map(|row| {
            Ok(Acceptance {
                alternative: u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(),
                actor: row.try_get(1)?,
                at: Timestamp::from_seconds(row.try_get(2)?),
            })
        })
        .transpose()
    }
}
