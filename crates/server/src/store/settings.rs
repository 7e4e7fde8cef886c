//! Small values that all servers of one store share: identifiers and keys that are made once.
//!
//! Options of the command line are not kept here.

use sqlx::{Row, query};

use super::{Store, StoreError};

impl Store {
    /// The value of that name, if there is one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = query("SELECT value FROM settings WHERE name = $1").bind(name).fetch_optional(self.reads()).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Keeps a value, unless there is one of that name; what counts from now on is returned.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn settle(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let mut writing = self.writing().await?;
        query("INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(name)
            .bind(value)
            .execute(&mut *writing)
            .await?;
        let row = query("SELECT value FROM settings WHERE name = $1").bind(name).fetch_one(&mut *writing).await?;
        writing.commit().await?;
        Ok(row.try_get(0)?)
    }

    /// A random key of 32 bytes, made when it is first asked for; the same for all servers of this store.
    ///
    /// # Errors
    /// When the store fails, or the machine has no randomness.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let name = format!("secret:{name}");
        let text = match self.setting(&name).await? {
            Some(text) => text,
            None => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes).map_err(|error| StoreError::Unexpected(format!("no randomness: {error}")))?;
                self.settle(&name, &hex(&bytes)).await?
            }
        };
        unhex(&text).ok_or_else(|| StoreError::Unexpected(format!("the value of `{name}` is damaged")))
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
