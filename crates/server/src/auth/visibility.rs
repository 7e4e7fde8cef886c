//! Whose accounts a caller sees: all, or some. What is of others is left out of everything that is shown, and is not there when asked for.
//!
//! For keys and for users alike. What that means for the things of the store is in `crate::visible`; nothing is read here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use leastwise::access::{AccountId, PrincipalArn};
use serde_json::Value;

/// The accounts that a caller sees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visibility(Option<BTreeSet<AccountId>>);

/// The organizational units that an operator has described, with the accounts that are in each or below it.
pub type OrganizationalUnits = BTreeMap<String, BTreeSet<AccountId>>;

/// The organizational units as they were read last. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Units(Arc<RwLock<OrganizationalUnits>>);

impl Units {
    /// Puts others in their place.
    pub(crate) fn replace(&self, units: OrganizationalUnits) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = units;
    }

    /// Whom a list of accounts and units lets see what.
    pub(crate) fn visibility(&self, list: &str) -> Visibility {
        Visibility::parse(list, &self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a text can be the id of an organizational unit (AWS Organizations API Reference, `OrganizationalUnit`).
#[must_use]
pub fn is_organizational_unit(text: &str) -> bool {
    let part = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let rest = text.strip_prefix("ou-").and_then(|rest| rest.split_once('-'));
    rest.is_some_and(|(root, own)| part(root, 4..=32) && part(own, 8..=32))
}

/// Reads a description of organizational units: `{"organizationalUnits": [{"id": "ou-…", "parent": "r-… or ou-…", "accounts": ["…"]}]}`. A unit
/// has its own accounts and those of the units below it.
///
/// # Errors
/// When it is none; the message says where.
pub fn read_units(text: &str) -> Result<OrganizationalUnits, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))?;
    let listed = value.get("organizationalUnits").and_then(Value::as_array).ok_or("has no list `organizationalUnits`")?;
    let mut own: OrganizationalUnits = BTreeMap::new();
    let mut parents: BTreeMap<String, String> = BTreeMap::new();
    for (at, unit) in listed.iter().enumerate() {
        let place = |what: &str| format!("organizationalUnits[{at}] {what}");
        let id = unit.get("id").and_then(Value::as_str).filter(|id| is_organizational_unit(id));
        let id = id.ok_or_else(|| place("has no `id` as ou-abcd-11112222"))?;
        let accounts = unit.get("accounts").and_then(Value::as_array).ok_or_else(|| place("has no list `accounts`"))?;
        let accounts =
            accounts.iter().map(|one| one.as_str().and_then(AccountId::parse)).collect::<Option<BTreeSet<AccountId>>>();
        let accounts = accounts.ok_or_else(|| place("has an account that has not 12 digits"))?;
        if own.insert(id.to_owned(), accounts).is_some() {
            return Err(place("is there twice"));
        }
        match unit.get("parent") {
            None | Some(Value::Null) => {}
            Some(Value::String(parent)) => drop(parents.insert(id.to_owned(), parent.clone())),
            Some(_) => return Err(place("has a `parent` that is no text")),
        }
    }
    let mut all = own.clone();
    for (id, accounts) in &own {
        let mut above = parents.get(id);
        // AWS nests units five deep; a circle ends here too.
        for _ in 0..own.len() {
            let Some(parent) = above else { break };
            if let Some(of_parent) = all.get_mut(parent) {
                of_parent.extend(accounts.iter().copied());
            }
            above = parents.get(parent);
        }
    }
    Ok(all)
}

/// The words of a list of accounts and organizational units, as it is kept; those that are neither.
pub(crate) fn wrong_words(list: &str) -> Vec<&str> {
    let fits = |word: &str| AccountId::parse(word).is_some() || is_organizational_unit(word);
    list.split(',').filter(|word| !word.is_empty() && !fits(word)).collect()
}

impl Visibility {
    /// Everything.
    #[must_use]
    pub fn all() -> Visibility {
        Visibility(None)
    }

    /// These accounts and no others.
    #[must_use]
    pub fn of(accounts: impl IntoIterator<Item = AccountId>) -> Visibility {
        Visibility(Some(accounts.into_iter().collect()))
    }

    /// Reads a list of accounts and organizational units as it is kept; an empty one sees all. A unit that nobody has described, and a
    /// word that is neither, adds nothing.
    #[must_use]
    pub fn parse(list: &str, units: &OrganizationalUnits) -> Visibility {
        if list.is_empty() {
            return Visibility::all();
        }
        let mut seen = BTreeSet::new();
        for word in list.split(',') {
            match AccountId::parse(word) {
                Some(account) => drop(seen.insert(account)),
                None => seen.extend(units.get(word).into_iter().flatten().copied()),
            }
        }
        Visibility(Some(seen))
    }

    /// Whether it sees everything.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    /// Whether it sees what belongs to an account.
    #[must_use]
    pub fn sees(&self, account: &str) -> bool {
        self.0.as_ref().is_none_or(|accounts| AccountId::parse(account).is_some_and(|account| accounts.contains(&account)))
    }

    /// Whether it sees a principal, by its ARN.
    #[must_use]
    pub fn sees_principal(&self, arn: &str) -> bool {
        self.is_all() || PrincipalArn::parse(arn).is_some_and(|arn| self.sees(arn.account().as_str()))
    }

    /// The accounts as texts; none for all.
    #[must_use]
    pub fn accounts(&self) -> Option<Vec<String>> {
        self.0.as_ref().map(|accounts| accounts.iter().map(ToString::to_string).collect())
    }

    /// The accounts; none for all.
    pub(crate) fn seen(&self) -> Option<&BTreeSet<AccountId>> {
        self.0.as_ref()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_that_nobody_has_described_and_a_word_that_is_none_add_nothing() {
        let units = OrganizationalUnits::from([(
            "ou-abcd-11112222".to_owned(),
            BTreeSet::from([AccountId::parse("111122223333").unwrap()]),
        )]);
        let seen = Visibility::parse("ou-abcd-11112222,444455556666", &units);
        assert!(seen.sees("111122223333") && seen.sees("444455556666") && !seen.sees("777788889999"));
        for nothing in ["ou-abcd-99998888", "nonsense", ","] {
            let seen = Visibility::parse(nothing, &units);
            assert!(!seen.is_all() && !seen.sees("111122223333"), "{nothing}");
        }
        assert!(Visibility::parse("", &units).sees("111122223333"));
        assert_eq!(wrong_words("111122223333,ou-abcd-11112222,x,ou-1-2"), ["x", "ou-1-2"]);
    }

    #[test]
    fn a_unit_has_the_accounts_of_the_units_below_it_and_what_is_no_description_is_refused() {
        let text = r#"{"organizationalUnits": [
            {"id": "ou-abcd-11112222", "parent": "r-abcd", "accounts": ["111122223333"]},
            {"id": "ou-abcd-33334444", "parent": "ou-abcd-11112222", "accounts": ["444455556666"]},
            {"id": "ou-abcd-55556666", "accounts": []}]}"#;
        let units = read_units(text).unwrap();
        assert_eq!(units["ou-abcd-11112222"].len(), 2);
        assert_eq!(units["ou-abcd-33334444"].len(), 1);
        for wrong in [
            "",
            "[]",
            r#"{"organizationalUnits": [{"id": "Sales", "accounts": []}]}"#,
            r#"{"organizationalUnits": [{"id": "ou-abcd-11112222"}]}"#,
            r#"{"organizationalUnits": [{"id": "ou-abcd-11112222", "accounts": ["1"]}]}"#,
            r#"{"organizationalUnits": [{"id": "ou-abcd-11112222", "accounts": []}, {"id": "ou-abcd-11112222", "accounts": []}]}"#,
        ] {
            assert!(read_units(wrong).is_err(), "{wrong}");
        }
        let circle = r#"{"organizationalUnits": [{"id": "ou-abcd-11112222", "parent": "ou-abcd-33334444", "accounts": ["111122223333"]},
            {"id": "ou-abcd-33334444", "parent": "ou-abcd-11112222", "accounts": []}]}"#;
        assert_eq!(read_units(circle).unwrap()["ou-abcd-33334444"].len(), 1);
    }
}
