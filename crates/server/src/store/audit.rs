//! The log of changes: who did what to what, and when.
//!
//! Written in the transaction of the change itself, by `change.rs`; read here. Nothing of it is ever changed.

use leastwise::access::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row, query};

use super::findings::places;
use super::{Store, StoreError};

/// One change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Counts up.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `key:ID`, `user:NAME` or `leastwise`.
    pub actor: String,
    /// What, such as `CreateAnalyzer`.
    pub action: String,
    /// To what: an ARN, the id of a finding, a name.
    pub subject: String,
    /// More about it, such as a reason.
    pub note: Option<String>,
}

impl Store {
    /// The changes after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_after(&self, after: i64, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let rows = query("SELECT id, at, actor, action, subject, note FROM audit WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(read).collect()
    }

    /// The latest changes of findings of these accounts, newest first: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_of_accounts(
        &self,
        accounts: &[String],
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.of_accounts(accounts, "audit.id <", before.unwrap_or(i64::MAX), "DESC", limit).await
    }

    /// The changes of findings of these accounts after `after`, oldest first, at most `limit`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit_of_accounts_after(
        &self,
        accounts: &[String],
        after: i64,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        self.of_accounts(accounts, "audit.id >", after, "ASC", limit).await
    }

    async fn of_accounts(
        &self,
        accounts: &[String],
        side: &str,
        place: i64,
        order: &str,
        limit: u32,
    ) -> Result<Vec<AuditRow>, StoreError> {
        if accounts.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT audit.id, at, actor, action, subject, note FROM audit JOIN findings ON findings.id = audit.subject \
             WHERE {side} $1 AND findings.account IN ({}) ORDER BY audit.id {order} LIMIT {limit}",
            places(2, accounts.len())
        );
        let mut rows = query(AssertSqlSafe(sql)).bind(place);
        for account in accounts {
            rows = rows.bind(account);
        }
        rows.fetch_all(self.reads()).await?.iter().map(read).collect()
    }

    /// The latest changes, newest first: those before `before`, at most `limit`, of one subject if named.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn audit(&self, subject: Option<&str>, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, StoreError> {
        let before = before.unwrap_or(i64::MAX);
        let rows = match subject {
            Some(subject) => query(
                "SELECT id, at, actor, action, subject, note FROM audit WHERE subject = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
            )
            .bind(subject)
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(self.reads())
            .await?,
            None => {
                query("SELECT id, at, actor, action, subject, note FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2")
                    .bind(before)
                    .bind(i64::from(limit))
                    .fetch_all(self.reads())
                    .await?
            }
        };
        rows.iter().map(read).collect()
    }
}

fn read(row: &AnyRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: row.try_get(0)?,
        at: Timestamp::from_seconds(row.try_get(1)?),
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        note: row.try_get(5)?,
    })
}
