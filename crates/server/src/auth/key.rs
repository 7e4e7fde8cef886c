//! The keys of the API: what one may do, and how one is made.
//!
//! A signature can only be verified with the secret itself, so the store holds it. A secret is shown once, when its key is made,
//! and never printed, logged or served. Nothing is read or written here.

use std::fmt;

use leastwise::access::Timestamp;

use super::Visibility;

/// What a key may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See findings and analyzers, ask for recommendations, and ask the policy checks.
    Read,
    /// Also archive findings and make them active again.
    Archive,
    /// Also make, change, tag and delete analyzers and archive rules.
    Administer,
}

impl Scope {
    /// All scopes, the narrowest first.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Archive, Scope::Administer];

    /// The word: `read`, `archive` or `administer`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Archive => "archive",
            Scope::Administer => "administer",
        }
    }

    /// The scope of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

/// The secret part of a key. It has no `Display`, and its `Debug` tells nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret as it was kept.
    #[must_use]
    pub fn kept(text: String) -> Secret {
        Secret(text)
    }

    /// The text, for whoever has to show it once or keep it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A key, as far as it decides about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The public part: 20 capitals and digits.
    pub id: String,
    /// The secret part.
    pub secret: Secret,
    /// What it may do.
    pub scope: Scope,
    /// The accounts whose findings it sees.
    pub visible: Visibility,
    /// When it ends; none for never.
    pub expires: Option<Timestamp>,
}

/// Why a key cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// A key that administers changes what everybody sees, so it cannot be of some accounts only.
    AdministersSomeAccounts,
    /// The list of accounts is empty.
    NoAccounts,
    /// A word of the list is neither an account nor an organizational unit.
    NoAccount(String),
    /// The machine has no randomness.
    NoRandomness(String),
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::AdministersSomeAccounts => {
                f.write_str("a key that administers sees all accounts; give it the scope `read` or `archive`")
            }
            KeyError::NoAccounts => f.write_str("the key would see no account"),
            KeyError::NoAccount(word) => {
                write!(f, "`{word}` is neither an account of 12 digits nor an organizational unit as ou-abcd-11112222")
            }
            KeyError::NoRandomness(why) => write!(f, "the machine has no randomness: {why}"),
        }
    }
}

impl std::error::Error for KeyError {}

impl Key {
    /// Makes a new key, of random id and secret.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make(scope: Scope, visible: Visibility, expires: Option<Timestamp>) -> Result<Key, KeyError> {
        if scope == Scope::Administer && !visible.is_all() {
            return Err(KeyError::AdministersSomeAccounts);
        }
        if visible.accounts().is_some_and(|accounts| accounts.is_empty()) {
            return Err(KeyError::NoAccounts);
        }
        let id = format!("LWAK{}", random_text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)?);
        let secret = random_text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 40)?;
        Ok(Key { id, secret: Secret(secret), scope, visible, expires })
    }
}

/// So many characters, each equally likely. The alphabet's length is a power of two.
fn random_text(alphabet: &[u8], length: usize) -> Result<String, KeyError> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).map_err(|e| KeyError::NoRandomness(e.to_string()))?;
    Ok(bytes.iter().filter_map(|byte| alphabet.get(usize::from(*byte) % alphabet.len())).map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use leastwise::access::AccountId;

    use super::*;

    #[test]
    fn keys_differ_and_a_secret_is_in_no_message() {
        let one = Key::make(Scope::Read, Visibility::of(AccountId::parse("111122223333")), None).unwrap();
        let two = Key::make(Scope::Administer, Visibility::all(), None).unwrap();
        assert_ne!((&one.id, &one.secret), (&two.id, &two.secret));
        assert_eq!((one.id.len(), one.secret.expose().len()), (20, 40));
        assert!(!format!("{one:?}").contains(one.secret.expose()));
    }

    #[test]
    fn a_key_that_administers_sees_all_accounts() {
        let account = AccountId::parse("111122223333").unwrap();
        assert_eq!(Key::make(Scope::Administer, Visibility::of([account]), None), Err(KeyError::AdministersSomeAccounts));
        assert_eq!(Key::make(Scope::Read, Visibility::of([]), None), Err(KeyError::NoAccounts));
    }
}
