//! Who may come in: users with their password's hash, sessions by the digest of their cookie, keys that sign requests.
//!
//! Rows and nothing more: `auth/` makes and checks what is in them. The secret of a key has to be known in the clear, since
//! SigV4 signs with it; the store's file is for its owner alone, and whoever reads it can sign. A session's cookie and a
//! password cannot be got back from the store.

use leastwise::access::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{Row, query};

use super::change::Begun;
use super::{Change, Store, StoreError};

/// Somebody who signs in with a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The hash of the password, in PHC form.
    pub password: String,
    /// What the user may do, as `auth/` writes it.
    pub scopes: String,
    /// The accounts and organizational units that the user sees, as `auth/` reads them; empty for all.
    pub accounts: String,
    /// Since when.
    pub created: Timestamp,
}

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The digest of the cookie.
    pub digest: String,
    /// The user.
    pub user: String,
    /// What the user may do.
    pub scopes: String,
    /// The accounts and organizational units that the user sees; empty for all.
    pub accounts: String,
    /// What forms have to repeat.
    pub csrf: String,
    /// Since when.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// A key that signs requests.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, as it is in requests.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Whose it is.
    pub owner: String,
    /// What it may do, as `auth/` writes it.
    pub scopes: String,
    /// For which accounts, as `auth/` writes it.
    pub accounts: String,
    /// Since when.
    pub created: Timestamp,
    /// Until when; for good unless told.
    pub expires: Option<Timestamp>,
    /// Whether it no longer counts.
    pub is_disabled: bool,
}

/// Without the secret.
impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).field("owner", &self.owner).finish_non_exhaustive()
    }
}

fn read_key(row: &AnyRow) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.try_get(0)?,
        secret: row.try_get(1)?,
        owner: row.try_get(2)?,
        scopes: row.try_get(3)?,
        accounts: row.try_get(4)?,
        created: Timestamp::from_seconds(row.try_get(5)?),
        is_disabled: row.try_get::<i64, _>(6)? != 0,
        expires: row.try_get::<Option<i64>, _>(7)?.map(Timestamp::from_seconds),
    })
}

fn read_user(row: &AnyRow) -> Result<User, StoreError> {
    Ok(User {
        name: row.try_get(0)?,
        password: row.try_get(1)?,
        scopes: row.try_get(2)?,
        accounts: row.try_get(3)?,
        created: Timestamp::from_seconds(row.try_get(4)?),
    })
}

/// How the names of those begin who sign in with an OpenID Connect provider; no user of the store can be called so.
pub(crate) const OF_PROVIDER: &str = "oidc:";

impl Store {
    /// Adds a user, or gives one another password and scopes; sessions of the user end.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_user(&self, user: &User, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query(
            "INSERT INTO users (name, password, scopes, accounts, created) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (name) DO UPDATE SET password = excluded.password, scopes = excluded.scopes, accounts = excluded.accounts",
        )
        .bind(&user.name)
        .bind(&user.password)
        .bind(&user.scopes)
        .bind(&user.accounts)
        .bind(user.created.seconds())
        .execute(&mut *writing)
        .await?;
        query("DELETE FROM sessions WHERE user_name = $1").bind(&user.name).execute(&mut *writing).await?;
        self.finish(writing, change, "PutUser", &user.name, None, "").await
    }

    /// The user of that name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn user(&self, name: &str) -> Result<Option<User>, StoreError> {
        let row = query("SELECT name, password, scopes, accounts, created FROM users WHERE name = $1")
            .bind(name)
            .fetch_optional(self.reads())
            .await?;
        row.as_ref().map(read_user).transpose()
    }

    /// All users, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let rows =
            query("SELECT name, password, scopes, accounts, created FROM users ORDER BY name").fetch_all(self.reads()).await?;
        rows.iter().map(read_user).collect()
    }

    /// Deletes a user and the user's sessions. Of those who sign in with a provider there are only sessions to end.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_user(&self, name: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let ended = query("DELETE FROM sessions WHERE user_name = $1").bind(name).execute(&mut *writing).await?;
        let done = query("DELETE FROM users WHERE name = $1").bind(name).execute(&mut *writing).await?;
        if done.rows_affected() == 0 && !(name.starts_with(OF_PROVIDER) && ended.rows_affected() > 0) {
            return Err(StoreError::missing("user", name));
        }
        self.finish(writing, change, "DeleteUser", name, None, "").await
    }

    /// Keeps a session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open_session(&self, session: &Session, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query("DELETE FROM sessions WHERE expires < $1").bind(change.at.seconds()).execute(&mut *writing).await?;
        query("INSERT INTO sessions (digest, user_name, scopes, accounts, csrf, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(&session.digest)
            .bind(&session.user)
            .bind(&session.scopes)
            .bind(&session.accounts)
            .bind(&session.csrf)
            .bind(session.created.seconds())
            .bind(session.expires.seconds())
            .execute(&mut *writing)
            .await?;
        self.finish(writing, change, "SignIn", &session.user, None, "").await
    }

    /// The session of that digest, unless it has expired, or its user is gone or may do or see something else since. Whether whom a
    /// provider knows is let in still is for the caller to ask.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn session(&self, digest: &str, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let row = query(
            "SELECT digest, user_name, sessions.scopes, sessions.accounts, csrf, sessions.created, expires, users.scopes, users.accounts \
             FROM sessions LEFT JOIN users ON users.name = user_name WHERE digest = $1 AND expires > $2",
        )
        .bind(digest)
        .bind(now.seconds())
        .fetch_optional(self.reads())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let session = Session {
            digest: row.try_get(0)?,
            user: row.try_get(1)?,
            scopes: row.try_get(2)?,
            accounts: row.try_get(3)?,
            csrf: row.try_get(4)?,
            created: Timestamp::from_seconds(row.try_get(5)?),
            expires: Timestamp::from_seconds(row.try_get(6)?),
        };
        let (scopes, accounts): (Option<String>, Option<String>) = (row.try_get(7)?, row.try_get(8)?);
        let is_same = scopes.as_ref() == Some(&session.scopes) && accounts.as_ref() == Some(&session.accounts);
        Ok((is_same || session.user.starts_with(OF_PROVIDER)).then_some(session))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn close_session(&self, digest: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        query("DELETE FROM sessions WHERE digest = $1").bind(digest).execute(&mut *writing).await?;
        self.finish(writing, change, "SignOut", &change.actor, None, "").await
    }

    /// Adds a key.
    ///
    /// # Errors
    /// [`StoreError::Exists`].
    pub async fn create_key(&self, key: &ApiKey, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let done = query(
            "INSERT INTO api_keys (id, secret, owner, scopes, accounts, created, disabled, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(&key.id)
        .bind(&key.secret)
        .bind(&key.owner)
        .bind(&key.scopes)
        .bind(&key.accounts)
        .bind(key.created.seconds())
        .bind(i64::from(key.is_disabled))
        .bind(key.expires.map(Timestamp::seconds))
        .execute(&mut *writing)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Exists { what: "key", id: key.id.clone() });
        }
        self.finish(writing, change, "CreateKey", &key.id, None, "").await
    }

    /// The key of that id, disabled or not.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let row = query("SELECT id, secret, owner, scopes, accounts, created, disabled, expires FROM api_keys WHERE id = $1")
            .bind(id)
            .fetch_optional(self.reads())
            .await?;
        row.as_ref().map(read_key).transpose()
    }

    /// All keys, by id.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows = query("SELECT id, secret, owner, scopes, accounts, created, disabled, expires FROM api_keys ORDER BY id")
            .fetch_all(self.reads())
            .await?;
        rows.iter().map(read_key).collect()
    }

    /// Makes a key count no longer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn disable_key(&self, id: &str, change: &Change) -> Result<(), StoreError> {
        let Begun::Fresh(mut writing) = self.begin(change).await? else { return Ok(()) };
        let done = query("UPDATE api_keys SET disabled = 1 WHERE id = $1").bind(id).execute(&mut *writing).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::missing("key", id));
        }
        self.finish(writing, change, "DisableKey", id, None, "").await
    }
}
