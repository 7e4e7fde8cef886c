//! What can go wrong in the store, in the words of whoever asked.
//!
//! Errors of the database are told apart by what can be done about them: wait for the connection, make room, or tell us. It
//! retries nothing.

use std::fmt;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// What was asked for is not there.
    NotFound {
        /// What sort of thing.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// Something of that name is there already.
    Exists {
        /// What sort of thing.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// There are as many as there may be.
    Quota {
        /// What sort of thing.
        what: &'static str,
        /// How many there may be.
        most: u32,
        /// What has so many.
        of: String,
    },
    /// The client token was used before, for another request.
    TokenReused,
    /// There is no room left on the disk, or a quota is used up. Nothing was changed.
    Full(String),
    /// The database cannot be reached, or is busy for longer than we wait. Nothing is known to have changed.
    Unreachable(String),
    /// The database says something that we did not expect.
    Unexpected(String),
}

impl StoreError {
    pub(super) fn missing(what: &'static str, id: impl Into<String>) -> StoreError {
        StoreError::NotFound { what, id: id.into() }
    }

    /// Whether the same request may succeed later without anybody changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, StoreError::Full(_) | StoreError::Unreachable(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound { what, id } => write!(f, "{what} `{id}` does not exist"),
            StoreError::Exists { what, id } => write!(f, "{what} `{id}` already exists"),
            StoreError::Quota { what, most, of } => write!(f, "`{of}` already has {most} {what}s, the most that are allowed"),
            StoreError::TokenReused => f.write_str("the client token was used before, with other parameters"),
            StoreError::Full(why) => write!(f, "the store has no room left: {why}"),
            StoreError::Unreachable(why) => write!(f, "the store cannot be reached: {why}"),
            StoreError::Unexpected(why) => write!(f, "the store failed: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let text = error.to_string();
        match &error {
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                StoreError::Unreachable(text)
            }
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                // SQLite's numbers (https://sqlite.org/rescode.html) have few digits, PostgreSQL's SQLSTATE has five places.
                let sqlite = (code.len() < 5).then(|| code.parse::<u32>().ok()).flatten().map(|code| code & 0xff);
                match (sqlite, code.get(..2).unwrap_or_default(), &*code) {
                    // FULL; IOERR, which is what a failed write is.
                    (Some(13), ..) | (None, _, "53100" | "53400") => StoreError::Full(text),
                    (Some(10), ..) if text.contains("disk I/O") => StoreError::Full(text),
                    // BUSY, LOCKED, CANTOPEN.
                    (Some(5 | 6 | 14), ..) | (None, "08" | "57" | "53", _) => StoreError::Unreachable(text),
                    _ => StoreError::Unexpected(text),
                }
            }
            _ => StoreError::Unexpected(text),
        }
    }
}
