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
    /// In which form, such as `eventbridge`.
    pub form: String,
    /// What signs them.
    pub secret: String,
    /// Since when.
    pub created: Timestamp,
    /// Attempts that failed in a row because the receiver did not answer as one.
    pub failures: u32,
    /// Before this moment the receiver is not asked again.
    pub due: Timestamp,
}

/// Without the secret and without the address, which may hold one.
impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).field("form", &self.form).finish_non_exhaustive()
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

/// What was sent, or not, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// When.
    pub at: Timestamp,
    /// `finding`, `findings` or `test`.
    pub kind: String,
    /// The finding's id, or how many there were.
    pub subject: String,
    /// `delivered`, or why not.
    pub outcome: String,
}

/// What stands in the place of a finding's id when a test is to be sent.
pub(crate) const TEST: &str = "test";
/// Rows of the log that are kept of each webhook.
const MAX_LOG: i64 = 200;

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
        let rows = query("SELECT id, url, form, secret, created, failures, due FROM webhooks ORDER BY id")
            .fetch_all(self.reads())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Webhook {
                    id: row.try_get(0)?,
                    url: row.try_get(1)?,
                    form: row.try_get(2)?,
                    secret: row.try_get(3)?,
                    created: Timestamp::from_seconds(row.try_get(4)?),
                    failures: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or_default(),
                    due: Timestamp::from_seconds(row.try_get(6)?),
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
        // Where it leads is no secret, what is behind that may be one.
        self.finish(writing, change, "CreateWebhook", &webhook.id, Some(&webhook.form), "").await
    }

    /// Deletes a webhook, and what was to be delivered to it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_webhook(&self, id: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query("DELETE FROM deliveries WHERE webhook = $1").bind(id).execute(&mut *writing).await?;
        query("DELETE FROM delivery_log WHERE webhook = $1").bind(id).execute(&mut *writing).await?;
        let done = query("DELETE FROM webhooks WHERE id = $1").bind(id).execute(&mut *writing).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("webhook", id));
        }
        self.finish(writing, change, "DeleteWebhook", id, None, "").await
    }

    /// Makes a test due for a webhook, now.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn send_test(&self, id: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let done = query("UPDATE webhooks SET due = 0 WHERE id = $1").bind(id).execute(&mut *writing).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("webhook", id));
        }
        query(
            "INSERT INTO deliveries (webhook, finding, version, attempts, due) VALUES ($1, $2, $3, 0, 0) \
             ON CONFLICT (webhook, finding) DO UPDATE SET version = excluded.version, attempts = 0, due = 0",
        )
        .bind(id)
        .bind(TEST)
        .bind(change.at.seconds())
        .execute(&mut *writing)
        .await?;
        self.finish(writing, change, "TestWebhook", id, None, "").await
    }

    /// What was sent to a webhook lately, the latest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delivery_log(&self, webhook: &str, limit: u32) -> Result<Vec<DeliveryRow>, StoreError> {
        let rows = query("SELECT at, kind, subject, outcome FROM delivery_log WHERE webhook = $1 ORDER BY id DESC LIMIT $2")
            .bind(webhook)
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(DeliveryRow {
                    at: Timestamp::from_seconds(row.try_get(0)?),
                    kind: row.try_get(1)?,
                    subject: row.try_get(2)?,
                    outcome: row.try_get(3)?,
                })
            })
            .collect()
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

    /// Writes down that states were delivered, with a row of the log. Newer states of the findings stay due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delivered(&self, webhook: &str, deliveries: &[Delivery], row: &DeliveryRow) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        for delivery in deliveries {
            query("DELETE FROM deliveries WHERE webhook = $1 AND finding = $2 AND version = $3")
                .bind(&delivery.webhook)
                .bind(&delivery.finding)
                .bind(delivery.version)
                .execute(&mut *writing)
                .await?;
        }
        query("UPDATE webhooks SET failures = 0, due = 0 WHERE id = $1").bind(webhook).execute(&mut *writing).await?;
        log_delivery(&mut writing, webhook, row).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Drops a delivery whose finding is gone.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn drop_delivery(&self, delivery: &Delivery) -> Result<(), StoreError> {
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

    /// Writes down that a receiver did not answer as one, and when it is asked again: one row of the log for all that waits. With
    /// `gives_up` what is due now is given up; says how much that was.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn suspend(&self, webhook: &str, due: Timestamp, row: &DeliveryRow, gives_up: bool) -> Result<u64, StoreError> {
        let mut writing = self.writing().await?;
        query("UPDATE webhooks SET failures = failures + 1, due = $1 WHERE id = $2")
            .bind(due.seconds())
            .bind(webhook)
            .execute(&mut *writing)
            .await?;
        let mut gone = 0;
        if gives_up {
            let done = query("DELETE FROM deliveries WHERE webhook = $1 AND due <= $2")
                .bind(webhook)
                .bind(row.at.seconds())
                .execute(&mut *writing)
                .await?;
            gone = done.rows_affected();
        }
        log_delivery(&mut writing, webhook, row).await?;
        writing.commit().await?;
        Ok(gone)
    }

    /// Writes down that an attempt failed, and when the next one is due.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn postpone(&self, delivery: &Delivery, due: Timestamp, row: &DeliveryRow) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        log_delivery(&mut writing, &delivery.webhook, row).await?;
        let problem = &row.outcome;
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

async fn log_delivery(writing: &mut Writing, webhook: &str, row: &DeliveryRow) -> Result<(), StoreError> {
    // A webhook that was deleted meanwhile leaves nothing.
    let added = query(
        "INSERT INTO delivery_log (webhook, at, kind, subject, outcome) SELECT id, $2, $3, $4, $5 FROM webhooks WHERE id = $1 RETURNING id",
    )
    .bind(webhook)
    .bind(row.at.seconds())
    .bind(&row.kind)
    .bind(&row.subject)
    .bind(&row.outcome)
    .fetch_optional(&mut **writing)
    .await?;
    if let Some(added) = added {
        let id: i64 = added.try_get(0)?;
        // Ids are of all webhooks together, so the row that is too much is looked for.
        query(
            "DELETE FROM delivery_log WHERE webhook = $1 AND id <= \
             (SELECT COALESCE(MIN(id), 0) - 1 FROM (SELECT id FROM delivery_log WHERE webhook = $1 AND id <= $2 ORDER BY id DESC LIMIT $3) AS kept)",
        )
        .bind(webhook)
        .bind(id)
        .bind(MAX_LOG)
        .execute(&mut **writing)
        .await?;
    }
    Ok(())
}
