//! Which principal of today a record's name and unique id mean.
//!
//! Between the ledger, which keeps what records say, and whoever asks for a principal of the account. Unique ids come first: a
//! renamed user keeps its past, and a role that was made anew under an old name has none. Where ids are absent, masked or at
//! odds with the account, names count, and whatever may be somebody's is held against calling it unused.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::event::{Event, Identity};
use super::principal::switched_from;
use crate::access::{AccountId, Principal, PrincipalArn, PrincipalKind, Timestamp};

/// A principal as logs name it: names are unique in an account whatever their path and case; a session tells no path.
pub(crate) type NameKey = (AccountId, PrincipalKind, Box<str>);

/// The key of a principal's name.
pub(crate) fn name_key(principal: &PrincipalArn) -> NameKey {
    (principal.account(), principal.kind(), principal.name().to_ascii_lowercase().into())
}

/// What stands for a key of a user that the record does not tell: any of the user's may have signed, or begun the session.
pub const SOME_KEY: &str = "*";

/// The unique id of the principal whose permissions the event used, empty where the record tells none that can be one.
///
/// A role's stands before the colon of `principalId`, and again at the session's issuer; of two that differ none counts.
#[must_use]
pub fn unique_id<'e>(event: &'e Event<'_>) -> &'e str {
    let Some(identity) = event.identity.as_ref().filter(|_| switched_from(event).is_none()) else { return "" };
    let (own, issuer) = (identity.principal_id.as_deref(), identity.issuer_id.as_deref());
    match identity.kind.as_deref().unwrap_or_default() {
        "IAMUser" | "User" => own.filter(|id| is_id(id, "AIDA")).unwrap_or_default(),
        "FederatedUser" => issuer.filter(|id| is_id(id, "AIDA")).unwrap_or_default(),
        "AssumedRole" | "Role" => {
            let own = own.and_then(|id| id.split(':').next()).filter(|id| is_id(id, "AROA"));
            match (own, issuer.filter(|id| is_id(id, "AROA"))) {
                (Some(own), Some(issuer)) if own != issuer => "",
                (own, issuer) => own.or(issuer).unwrap_or_default(),
            }
        }
        _ => "",
    }
}

/// Whether a text can be a unique id with that prefix (IAM user guide, IAM identifiers).
fn is_id(text: &str, prefix: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.starts_with(prefix)
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Which access key of a user the event used: its id, [`SOME_KEY`] when the record does not tell it, empty when none was used.
///
/// A session that a key began has a key of its own (`ASIA…`), and the record does not tell which one began it.
#[must_use]
pub fn access_key_of<'e>(event: &'e Event<'_>) -> &'e str {
    let of = |identity: &'e Identity<'_>| match identity.kind.as_deref().unwrap_or_default() {
        "IAMUser" | "User" => match identity.access_key.as_deref() {
            Some(key) if is_id(key, "AKIA") => key,
            _ => SOME_KEY,
        },
        "FederatedUser" => SOME_KEY,
        _ => "",
    };
    let is_call = event.kind.is_signed() && !event.from_console;
    event.identity.as_ref().filter(|_| is_call).map(of).unwrap_or_default()
}

/// A name and unique id as records have them together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'n> {
    pub(crate) key: &'n NameKey,
    /// Empty when the records tell none.
    pub(crate) id: &'n str,
    /// The last record.
    pub(crate) last: Timestamp,
    /// What the answer is given for: the place of what is kept of it.
    pub(crate) place: u32,
}

/// What of a recorded name is a principal's: everything that happened since then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) place: u32,
    /// None for all of it.
    pub(crate) since: Option<Timestamp>,
}

/// Whose each recorded name is.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    of: HashMap<NameKey, Vec<Part>>,
    /// Users' records that no user of today can be found for, and that may be any user's who was renamed.
    lost: BTreeMap<AccountId, Vec<u32>>,
}

impl Identities {
    /// Finds whose each name is. `renamed` are names of users, in lower case, that a record of a change of names has.
    pub(crate) fn of(present: &[Principal], names: &[Named<'_>], renamed: &BTreeSet<(AccountId, Box<str>)>) -> Identities {
        let mut by_name: HashMap<NameKey, &Principal> = HashMap::with_capacity(present.len());
        let mut by_id: HashMap<(AccountId, &str), Option<&Principal>> = HashMap::new();
        for principal in present {
            by_name.insert(name_key(&principal.arn), principal);
            if is_id(&principal.id, "A") {
                // An id that two have is none.
                by_id
                    .entry((principal.arn.account(), &*principal.id))
                    .and_modify(|known| *known = None)
                    .or_insert(Some(principal));
            }
        }
        let of = by_name.keys().map(|key| (key.clone(), Vec::new())).collect();
        let mut found = Identities { of, ..Identities::default() };
        // Ids that go with a present name although the account knows another one, or none, for it.
        let mut goes_with: HashMap<(AccountId, &str), Vec<&Principal>> = HashMap::new();
        let mut unknown = Vec::new();
        for named in names {
            let account = named.key.0;
            let of_id = by_id.get(&(account, named.id)).copied().flatten().filter(|of_id| of_id.arn.kind() == named.key.1);
            let of_name = by_name.get(named.key).copied();
            if let Some(principal) = of_id {
                found.give(principal, named.place, None);
            }
            match of_name {
                // Before it was made the name was another's.
                Some(principal)
                    if of_id.is_none_or(|of_id| of_id.arn != principal.arn)
                        && principal.created.is_none_or(|created| named.last >= created) =>
                {
                    found.give(principal, named.place, principal.created);
                    if of_id.is_none() && !named.id.is_empty() {
                        goes_with.entry((account, named.id)).or_default().push(principal);
                    }
                }
                Some(_) => {}
                None if of_id.is_none() => unknown.push(*named),
                None => {}
            }
        }
        for named in unknown {
            let account = named.key.0;
            let others = goes_with.get(&(account, named.id)).map(Vec::as_slice).unwrap_or_default();
            others.iter().for_each(|principal| found.give(principal, named.place, None));
            let is_masked = named.id.is_empty() || others.len() > 1 || by_id.contains_key(&(account, named.id));
            let was_renamed = others.is_empty() && renamed.contains(&(account, named.key.2.clone()));
            // Roles keep their names.
            if named.key.1 == PrincipalKind::User && (is_masked || was_renamed) {
                found.lost.entry(account).or_default().push(named.place);
            }
        }
        found
    }

    fn give(&mut self, principal: &Principal, place: u32, since: Option<Timestamp>) {
        let parts = self.of.entry(name_key(&principal.arn)).or_default();
        if !parts.iter().any(|part| part.place == place) {
            parts.push(Part { place, since });
        }
    }

    /// What is the principal's; none when the account has none of that name.
    pub(crate) fn parts(&self, key: &NameKey) -> Option<&[Part]> {
        self.of.get(key).map(Vec::as_slice)
    }

    /// What may be any user's of the account.
    pub(crate) fn lost(&self, account: AccountId) -> &[u32] {
        self.lost.get(&account).map(Vec::as_slice).unwrap_or_default()
    }
}
