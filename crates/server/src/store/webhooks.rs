//! Webhooks, and what is still to be delivered to them.
//!
//! A delivery is one finding whose state one webhook has not been told yet. It is written in the transaction that changes the
//! finding, before anybody is told, and goes away when the receiver has said yes to just that state: a finding that changes in
//! between stays due. So each state that lasts is told at least once. What is sent is made from the finding at that time.

use leastwise::access::Timestamp;
use sqlx::{Row, query};

use super::change::{Begun, Writing, change_rows, nothing};
use super::{Change, Store, StoreError};

/// A receiver of events.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: String,
    /// Where events are sent.
    pub url: String,
    /// In which form: `eventbridge`, `ocsf` or `asff`.
    pub form: String,
    /// What signs them.
    pub secret: String,
    /// Since when.
    pub created: Timestamp,
}

/// Without the secret.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}

/// Something to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The webhook's id.
    pub webhook: String,
    /// The finding's id.
    pub finding: String,
    /// The moment of the state that is to be told, in seconds since 1970; a later state has a greater one, even within a second.
    pub version: i64,
    /// Attempts that failed.
    pub attempts: u32,
}

/// How many deliveries of a webhook are waiting, and why the last attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waiting {
    /// So many.
    pub count: u64,
    /// Why.
    pub problem: Option<String>,
}

/// Makes the state of findings due for every webhook.
pub(super) async fn tell(writing: &mut Writing, seqs: &[i64]) -> Result<(), StoreError> {
    let sql = "INSERT INTO deliveries (webhook, finding, version, attempts, due) \
               SELECT webhooks.id, findings.id, findings.updated, 0, findings.updated FROM findings CROSS JOIN webhooks \
               WHERE findings.seq IN {rows} \
               ON CONFLICT (webhook, finding) DO UPDATE SET attempts = 0, due = excluded.due, \
               version = CASE WHEN excluded.version > deliveries.version THEN excluded.version ELSE deliveries.version + 1 END";
    change_rows(writing, sql, nothing, seqs.iter().copied()).await
}

impl Store {
    /// All webhooks, by id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows = query("SELECT id, url, form, secret, created FROM webhooks ORDER BY id").fetch_all(self.reads()).await?;
        rows.iter()
            .map(|row| {
                Ok(Webhook {
                    id: row.try_get(0)?,
                    url: row.try_get(1)?,
                    form: row.try_get(2)?,
                    secret: row.try_get(3)?,
                    created: Timestamp::from_seconds(row.try_get(4)?),
                })
            })
            .collect()
    }

    /// Adds a webhook.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create_webhook(&self, webhook: &Webhook, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query("INSERT INTO webhooks (id, url, form, secret, created) VALUES ($1, $2, $3, $4, $5)")
            .bind(&webhook.id)
            .bind(&webhook.url)
            .bind(&webhook.form)
            .bind(&webhook.secret)
            .bind(webhook.created.seconds())
            .execute(&mut *writing)
            .await?;
        self.finish(writing, change, "CreateWebhook", &webhook.id, Some(&webhook.url), "").await
    }

    /// Deletes a webhook, and what was to be delivered to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_webhook(&self, id: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query("DELETE FROM deliveries WHERE webhook = $1").bind(id).execute(&mut *writing).await?;
        let done = query("DELETE FROM webhooks WHERE id = $1").bind(id).execute(&mut *writing).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("webhook", id));
        }
        self.finish(writing, change, "DeleteWebhook", id, None, "").await
    }

    /// What is due for delivery to a webhook, the longest due first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn deliveries(&self, webhook: &str, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let rows = query(
            "SELECT webhook, finding, version, attempts FROM deliveries WHERE webhook = $1 AND due <= $2 ORDER BY due LIMIT $3",
        )
        .bind(webhook)
        .bind(now.seconds())
        .bind(i64::from(limit))
        .fetch_all(self.reads())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Delivery {
                    webhook: row.try_get(0)?,
                    finding: row.try_get(1)?,
                    version: row.try_get(2)?,
                    attempts: u32::try_from(row.try_get::<i64, _>(3)?).unwrap_or_default(),
                })
            })
            .collect()
    }

    /// How much waits for a webhook.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn waiting(&self, webhook: &str) -> Result<Waiting, StoreError> {
        let row = query("SELECT CAST(COUNT(*) AS BIGINT), MAX(problem) FROM deliveries WHERE webhook = $1")
            .bind(webhook)
            .fetch_one(self.reads())
            .await?;
        Ok(Waiting { count: u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(), problem: row.try_get(1)? })
    }

    /// Writes down that a state was delivered, or given up. A newer state of the finding stays due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delivered(&self, delivery: &Delivery) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        query("DELETE FROM deliveries WHERE webhook = $1 AND finding = $2 AND version = $3")
            .bind(&delivery.webhook)
            .bind(&delivery.finding)
            .bind(delivery.version)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Writes down that an attempt failed, and when the next one is due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone(&self, delivery: &Delivery, due: Timestamp, problem: &str) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        query("UPDATE deliveries SET attempts = attempts + 1, due = $1, problem = $2 WHERE webhook = $3 AND finding = $4 AND version = $5")
            .bind(due.seconds())
            .bind(problem)
            .bind(&delivery.webhook)
            .bind(&delivery.finding)
            .bind(delivery.version)
            .execute(&mut *writing)
            .await?;
        writing.commit().await?;
        Ok(())
    }
}
