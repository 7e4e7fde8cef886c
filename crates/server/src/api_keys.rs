//! Keys of the API, as an operator makes, lists and removes them.
//!
//! Between the command line and the store; a server that runs meanwhile knows at its next request. The secret is given out
//! once, by [`add`], and by nothing else.

use std::fmt;

use leastwise::access::Timestamp;

use crate::auth::{Key, KeyError, Scope, Visibility, wrong_words};
use crate::clock;
use crate::serve::wait;
use crate::store::{ApiKey, Change, Location, Store, StoreError};

/// What is wanted of a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose it is or what it is for.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The accounts and organizational units whose findings it sees; empty for all.
    pub accounts: Vec<String>,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
}

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The public part.
    pub id: String,
    /// Whose it is or what it is for.
    pub name: String,
    /// What it may do, in a word.
    pub scope: String,
    /// The accounts whose findings it sees; empty for all.
    pub accounts: Vec<String>,
    /// Since when.
    pub created: Timestamp,
    /// Until when; none for ever.
    pub expires: Option<Timestamp>,
}

/// Why a key is not made, listed or removed.
#[derive(Debug)]
pub enum KeysFailure {
    /// What is wanted makes no sense.
    Key(KeyError),
    /// The store says no.
    Store(StoreError),
    /// No thread can be had to speak to the store.
    Threads(std::io::Error),
}

impl fmt::Display for KeysFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeysFailure::Key(error) => error.fmt(f),
            KeysFailure::Store(error) => error.fmt(f),
            KeysFailure::Threads(error) => write!(f, "no thread for the store: {error}"),
        }
    }
}

impl std::error::Error for KeysFailure {}

impl From<StoreError> for KeysFailure {
    fn from(error: StoreError) -> KeysFailure {
        KeysFailure::Store(error)
    }
}

/// Makes a key and keeps it. The only time that its secret is given out.
///
/// # Errors
/// [`KeysFailure`].
pub fn add(location: &Location, wanted: Wanted) -> Result<Key, KeysFailure> {
    let (key, row) = made(wanted).map_err(KeysFailure::Key)?;
    with(location, async |store: &Store| store.create_key(&row, &operator()).await)?;
    Ok(key)
}

/// A new key, and the row that keeps it.
///
/// # Errors
/// When what is wanted makes no sense.
pub(crate) fn made(wanted: Wanted) -> Result<(Key, ApiKey), KeyError> {
    let accounts = wanted.accounts.join(",");
    if let Some(wrong) = wrong_words(&accounts).first() {
        return Err(KeyError::NoAccount((*wrong).to_owned()));
    }
    if wanted.scope == Scope::Administer && !accounts.is_empty() {
        return Err(KeyError::AdministersSomeAccounts);
    }
    // Which accounts are in a unit is looked up with each request.
    let key = Key::make(wanted.scope, Visibility::all(), wanted.expires)?;
    let row = ApiKey {
        id: key.id.clone(),
        secret: key.secret.expose().to_owned(),
        owner: wanted.name,
        scopes: key.scope.as_str().to_owned(),
        accounts,
        created: clock::now(),
        is_disabled: false,
        expires: key.expires,
    };
    Ok((key, row))
}

/// The keys that count, by id.
///
/// # Errors
/// [`KeysFailure`].
pub fn list(location: &Location) -> Result<Vec<Listed>, KeysFailure> {
    let rows = with(location, async |store: &Store| store.keys().await)?;
    let listed = |row: ApiKey| Listed {
        id: row.id,
        name: row.owner,
        scope: row.scopes,
        accounts: row.accounts.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
        created: row.created,
        expires: row.expires,
    };
    Ok(rows.into_iter().filter(|row| !row.is_disabled).map(listed).collect())
}

/// Makes a key count no longer.
///
/// # Errors
/// [`KeysFailure`].
pub fn remove(location: &Location, id: &str) -> Result<(), KeysFailure> {
    with(location, async |store: &Store| store.disable_key(id, &operator()).await)
}

fn operator() -> Change {
    Change::by("operator")
}

/// Opens the store, does one thing, and lets go of it.
fn with<T>(location: &Location, act: impl AsyncFnOnce(&Store) -> Result<T, StoreError>) -> Result<T, KeysFailure> {
    let done = wait(async {
        let store = Store::open(location).await?;
        let done = act(&store).await;
        store.close().await;
        done
    });
    Ok(done.map_err(KeysFailure::Threads)??)
}
