//! Adds, lists and removes users of the dashboard without the dashboard, for the command line.
//!
//! Beside the settings page, on the same store; a server that runs sees it at once. It waits for the store.

use crate::auth::wrong_words;
use crate::clock;
use crate::serve::wait;
use crate::store::{Change, Location, Store, StoreError, User};

use super::sign_in::is_name;
use crate::auth::password;

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

/// The accounts and organizational units of a list with commas or blanks, as they are kept; empty for all.
///
/// # Errors
/// When a word is neither, or the level is for those who see all.
pub(crate) fn limits(level: &str, accounts: &str) -> Result<String, String> {
    let words: Vec<&str> =
        accounts.split(|sign: char| sign == ',' || sign.is_whitespace()).filter(|word| !word.is_empty()).collect();
    let list = words.join(",");
    if let Some(wrong) = wrong_words(&list).first() {
        return Err(format!("`{wrong}` is neither an account of 12 digits nor an organizational unit as ou-abcd-11112222"));
    }
    if level == "administer" && !list.is_empty() {
        return Err("a user who administers sees all accounts; give the scope `read` or `archive`".to_owned());
    }
    Ok(list)
}

/// Adds a user, or gives one another password, level (`read`, `archive` or `administer`) and accounts; sessions of the user end.
///
/// # Errors
/// When name or password cannot be, or the store says no.
pub fn add(location: &Location, name: &str, given: &str, level: &str, accounts: &str) -> Result<(), UsersFailure> {
    if !is_name(name) {
        return Err(UsersFailure::Refused(format!("`{name}` is no name: 1 to 64 letters, digits, and . _ - @ + signs")));
    }
    let accounts = limits(level, accounts).map_err(UsersFailure::Refused)?;
    let hash = password::hash(given).map_err(UsersFailure::Refused)?;
    let user = User { name: name.to_owned(), password: hash, scopes: level.to_owned(), accounts, created: clock::now() };
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
