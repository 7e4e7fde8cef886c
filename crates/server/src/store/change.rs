//! Who changes something, when, and under which client token.
//!
//! Every change of the store begins here: it takes the store's one writer, looks whether the token was used before, and
//! writes the audit log in the same transaction. It decides nothing about permissions.

use leastwise::access::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::error::BoxDynError;
use sqlx::{Any, Arguments, AssertSqlSafe, Row, Transaction, query, query_with};

use super::findings::places;
use super::{Store, StoreError};

/// A change that somebody asks for.
#[derive(Debug, Clone)]
pub struct Change {
    /// Who: `key:ID`, `user:NAME`, or `leastwise` itself.
    pub actor: String,
    /// When.
    pub at: Timestamp,
    /// The token that makes the request repeatable.
    pub token: Option<ClientToken>,
}

/// A client token, as AWS's idempotent operations take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientToken {
    /// The operation that it is for.
    pub operation: &'static str,
    /// Account or key that the token belongs to, and the token: the caller joins them.
    pub token: String,
    /// A digest of the request without the token.
    pub digest: String,
}

impl Change {
    /// A change by `actor` now, without a token.
    #[must_use]
    pub fn by(actor: impl Into<String>) -> Change {
        Change { actor: actor.into(), at: crate::clock::now(), token: None }
    }

    /// A change that leastwise makes by itself.
    #[must_use]
    pub fn own() -> Change {
        Change::by("leastwise")
    }
}

/// For how long a client token makes a request repeatable, in seconds: a day.
pub const TOKENS_KEPT: i64 = 86_400;

pub(super) type Writing = Transaction<'static, Any>;

/// How a change begins.
pub(super) enum Begun {
    /// It is new: write, then [`finish`].
    Fresh(Writing),
    /// It was made before, with this answer.
    Again(String),
}

impl Store {
    /// Begins a change.
    pub(super) async fn begin(&self, change: &Change) -> Result<Begun, StoreError> {
        let mut writing = self.writing().await?;
        if let Some(ClientToken { operation, token, digest }) = &change.token {
            let known = query("SELECT digest, answer FROM tokens WHERE operation = $1 AND token = $2")
                .bind(*operation)
                .bind(token)
                .fetch_optional(&mut *writing)
                .await?;
            if let Some(known) = known {
                let same = known.try_get::<String, _>(0)? == *digest;
                return if same { Ok(Begun::Again(known.try_get(1)?)) } else { Err(StoreError::TokenReused) };
            }
        }
        Ok(Begun::Fresh(writing))
    }

    /// Forgets client tokens that are older than [`TOKENS_KEPT`], and says how many.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forget_tokens(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut writing = self.writing().await?;
        let done = query("DELETE FROM tokens WHERE at < $1").bind(now.seconds() - TOKENS_KEPT).execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(done.rows_affected())
    }

    /// Ends a change: writes audit log and token, and commits. What is returned is on disk then.
    pub(super) async fn finish(
        &self,
        mut writing: Writing,
        change: &Change,
        action: &'static str,
        subject: &str,
        note: Option<&str>,
        answer: &str,
    ) -> Result<(), StoreError> {
        log(&mut writing, change, action, subject, note).await?;
        if let Some(ClientToken { operation, token, digest }) = &change.token {
            query("INSERT INTO tokens (operation, token, digest, answer, at) VALUES ($1, $2, $3, $4, $5)")
                .bind(*operation)
                .bind(token)
                .bind(digest)
                .bind(answer)
                .bind(change.at.seconds())
                .execute(&mut *writing)
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }
}

/// Runs a statement over the rows of these numbers, which stand in its text as `{rows}`. `before` binds what stands there as
/// `$1`, `$2` and so on. Without rows there is nothing to do.
pub(super) async fn change_rows(
    writing: &mut Writing,
    sql: &str,
    before: impl FnOnce(&mut AnyArguments) -> Result<(), BoxDynError>,
    rows: impl IntoIterator<Item = i64>,
) -> Result<(), StoreError> {
    let mut values = AnyArguments::default();
    before(&mut values).map_err(sqlx::Error::Encode)?;
    let known = values.len();
    for row in rows {
        values.add(row).map_err(sqlx::Error::Encode)?;
    }
    let added = values.len() - known;
    if added > 0 {
        let sql = sql.replace("{rows}", &format!("({})", places(known + 1, added)));
        query_with(AssertSqlSafe(sql), values).execute(&mut **writing).await?;
    }
    Ok(())
}

/// Nothing stands before the rows of [`change_rows`].
pub(super) fn nothing(_: &mut AnyArguments) -> Result<(), BoxDynError> {
    Ok(())
}

/// Writes one line of the audit log.
pub(super) async fn log(
    writing: &mut Writing,
    change: &Change,
    action: &'static str,
    subject: &str,
    note: Option<&str>,
) -> Result<(), StoreError> {
    query("INSERT INTO audit (at, actor, action, subject, note) VALUES ($1, $2, $3, $4, $5)")
        .bind(change.at.seconds())
        .bind(&change.actor)
        .bind(action)
        .bind(subject)
        .bind(note)
        .execute(&mut **writing)
        .await?;
    Ok(())
}
