//! Recommendations that were asked for: one a finding, under way, ready, or failed with a code.
//!
//! Kept as they were made; a new request replaces them. What is in them was proved before it came here.

use leastwise::access::Timestamp;
use sqlx::{AssertSqlSafe, Row, query};

use super::findings::places;
use super::{Analyzer, Store, StoreError};

/// How far a recommendation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecommendationStatus {
    /// It is being made.
    InProgress,
    /// It is there.
    Succeeded,
    /// There is none, for a reason.
    Failed,
}

impl RecommendationStatus {
    /// The provider's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RecommendationStatus::InProgress => "IN_PROGRESS",
            RecommendationStatus::Succeeded => "SUCCEEDED",
            RecommendationStatus::Failed => "FAILED",
        }
    }

    fn parse(text: &str) -> RecommendationStatus {
        match text {
            "SUCCEEDED" => RecommendationStatus::Succeeded,
            "FAILED" => RecommendationStatus::Failed,
            _ => RecommendationStatus::InProgress,
        }
    }
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecommendationError {
    /// A word for programs, such as `NOT_JUDGED`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// A recommendation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recommendation {
    /// The finding's id.
    pub finding: String,
    /// The ARN of the finding's resource.
    pub resource: String,
    /// How far it is.
    pub status: RecommendationStatus,
    /// When it was asked for.
    pub started: Timestamp,
    /// When it was ready, or failed.
    pub completed: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<RecommendationError>,
    /// The provider's `recommendedSteps`: JSON of a list; empty when it failed or when there is nothing to do.
    pub steps: String,
    /// Our own form, with claims, certificates, diffs and replay: JSON of an object, or `null`.
    pub report: String,
}

impl Store {
    /// Writes down that a recommendation has been asked for, in place of an earlier one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn start_recommendation(
        &self,
        analyzer: &Analyzer,
        finding: &str,
        resource: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        query(
            "INSERT INTO recommendations (finding, analyzer, status, resource, started) VALUES ($1, $2, 'IN_PROGRESS', $3, $4) \
             ON CONFLICT (finding) DO UPDATE SET status = 'IN_PROGRESS', started = excluded.started, completed = NULL, \
             error_code = NULL, error_message = NULL, steps = NULL, report = NULL",
        )
        .bind(finding)
        .bind(analyzer.id)
        .bind(resource)
        .bind(at.seconds())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Writes down what became of it: steps and report, or an error.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish_recommendation(
        &self,
        finding: &str,
        outcome: Result<(String, String), RecommendationError>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (status, error, made) = match outcome {
            Ok(made) => (RecommendationStatus::Succeeded, None, Some(made)),
            Err(error) => (RecommendationStatus::Failed, Some(error), None),
        };
        let (steps, report) = made.unzip();
        let (code, message) = error.map(|error| (error.code, error.message)).unzip();
        let mut writing = self.writing().await?;
        query(
            "UPDATE recommendations SET status = $1, completed = $2, error_code = $3, error_message = $4, steps = $5, report = $6 \
             WHERE finding = $7",
        )
        .bind(status.as_str())
        .bind(at.seconds())
        .bind(code)
        .bind(message)
        .bind(steps)
        .bind(report)
        .bind(finding)
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// The recommendation of a finding.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when none was asked for.
    pub async fn recommendation(&self, analyzer: &Analyzer, finding: &str) -> Result<Recommendation, StoreError> {
        let row = query(
            "SELECT status, resource, started, completed, error_code, error_message, steps, report FROM recommendations \
             WHERE finding = $1 AND analyzer = $2",
        )
        .bind(finding)
        .bind(analyzer.id)
        .fetch_optional(self.reads())
        .await?;
        let row = row.ok_or_else(|| StoreError::missing("recommendation", finding))?;
        let status: String = row.try_get(0)?;
        let (code, message): (Option<String>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
        Ok(Recommendation {
            finding: finding.to_owned(),
            resource: row.try_get(1)?,
            status: RecommendationStatus::parse(&status),
            started: Timestamp::from_seconds(row.try_get(2)?),
            completed: row.try_get::<Option<i64>, _>(3)?.map(Timestamp::from_seconds),
            error: code.map(|code| RecommendationError { code, message: message.unwrap_or_default() }),
            steps: row.try_get::<Option<String>, _>(6)?.unwrap_or_else(|| "[]".to_owned()),
            report: row.try_get::<Option<String>, _>(7)?.unwrap_or_else(|| "null".to_owned()),
        })
    }

    /// The recommendations of an analyzer that were asked for, of some accounts or of all, by the ids of their findings: those after
    /// `after`, at most `limit`, without their contents.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn recommendations(
        &self,
        analyzer: &Analyzer,
        only: Option<&[String]>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Recommendation>, StoreError> {
        let of_accounts = match only {
            None => String::new(),
            Some([]) => return Ok(Vec::new()),
            Some(accounts) => format!(
                " AND finding IN (SELECT id FROM findings WHERE findings.analyzer = $1 AND account IN ({}))",
                places(3, accounts.len())
            ),
        };
        let sql = format!(
            "SELECT finding, status, resource, started, completed, error_code, error_message FROM recommendations \
             WHERE analyzer = $1 AND finding > $2{of_accounts} ORDER BY finding LIMIT {limit}"
        );
        let mut rows = query(AssertSqlSafe(sql)).bind(analyzer.id).bind(after);
        for account in only.unwrap_or_default() {
            rows = rows.bind(account);
        }
        let rows = rows.fetch_all(self.reads()).await?;
        rows.iter()
            .map(|row| {
                let (code, message): (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(6)?);
                Ok(Recommendation {
                    finding: row.try_get(0)?,
                    resource: row.try_get(2)?,
                    status: RecommendationStatus::parse(&row.try_get::<String, _>(1)?),
                    started: Timestamp::from_seconds(row.try_get(3)?),
                    completed: row.try_get::<Option<i64>, _>(4)?.map(Timestamp::from_seconds),
                    error: code.map(|code| RecommendationError { code, message: message.unwrap_or_default() }),
                    steps: "[]".to_owned(),
                    report: "null".to_owned(),
                })
            })
            .collect()
    }

    /// Fails what was under way when the server stopped, so that nobody waits for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn abandon_recommendations(&self, at: Timestamp) -> Result<u64, StoreError> {
        let mut writing = self.writing().await?;
        let done = query(
            "UPDATE recommendations SET status = 'FAILED', completed = $1, error_code = 'INTERRUPTED', \
             error_message = 'the server was stopped while it was being made; ask again' WHERE status = 'IN_PROGRESS'",
        )
        .bind(at.seconds())
        .execute(&mut *writing)
        .await?;
        writing.commit().await?;
        Ok(done.rows_affected())
    }
}
