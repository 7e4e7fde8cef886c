//! Adds, lists and removes users of the dashboard without the dashboard, for the command line.
//!
//! Beside the settings page, on the same store; a server that runs sees it at once. It waits for the store.

use crate::clock;
use crate::serve::wait;
use crate::store::{Change, Location, Store, StoreError, User};

use super::password;
use super::sign_in::is_name;

/// Why it did not work.
#[derive(Debug)]
pub enum UsersFailure {
    /// Name or password cannot be.
    Refused(String),
    /// The store says no.
    Store(StoreError),
    /// There are no threads for it.
    Machine(std::io::Error),
}

impl From<StoreError> for UsersFailure {
    fn from(error: StoreError) -> UsersFailure {
        UsersFailure::Store(error)
    }
}

fn with<T>(location: &Location, work: impl AsyncFnOnce(&Store) -> Result<T, StoreError>) -> Result<T, UsersFailure> {
    let done = wait(async {
        let store = Store::open(location).await?;
        let done = work(&store).await;
        store.close().await;
        done
    });
    Ok(done.map_err(UsersFailure::Machine)??)
}

/// Adds a user, or gives one another password and level (`read`, `archive` or `administer`); sessions of the user end.
///
/// # Errors
/// When name or password cannot be, or the store says no.
pub fn add(location: &Location, name: &str, given: &str, level: &str) -> Result<(), UsersFailure> {
    if !is_name(name) {
        return Err(UsersFailure::Refused(format!("`{name}` is no name: 1 to 64 letters, digits, and . _ - @ + signs")));
    }
    let hash = password::hash(given).map_err(UsersFailure::Refused)?;
    let user = User { name: name.to_owned(), password: hash, scopes: level.to_owned(), created: clock::now() };
    with(location, async |store| store.put_user(&user, &Change::by("command line")).await)
}

/// All users, by name.
///
/// # Errors
/// When the store says no.
pub fn all(location: &Location) -> Result<Vec<User>, UsersFailure> {
    with(location, async |store| store.users().await)
}

/// Removes a user; sessions of the user end.
///
/// # Errors
/// When there is no such user, or the store says no.
pub fn remove(location: &Location, name: &str) -> Result<(), UsersFailure> {
    with(location, async |store| store.delete_user(name, &Change::by("command line")).await)
}
