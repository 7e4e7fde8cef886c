//! What the engine groups by, and what it carries, as bytes.
//!
//! A *part* is a parcel of events, ids that are to be left out, or the report of a log; parts of one account and day have equal
//! keys, and every report has a key of its own. The first byte says what a part is.

use leastwise::access::AccountId;

/// The first byte of a parcel of events, and of the key of an account and day.
pub(crate) const EVENTS: u8 = b'E';
/// The first byte of ids that are to be left out.
pub(crate) const LEFT_OUT: u8 = b'L';
/// The first byte of a report of a log, and of its key: the log's name follows.
pub(crate) const REPORT: u8 = b'F';

/// The digits of an account.
const ACCOUNT: usize = 12;

/// The key of an account and day.
pub(crate) fn key(account: Option<AccountId>, day: i64) -> [u8; 9 + ACCOUNT] {
    let mut key = [0; 9 + ACCOUNT];
    let account = account.as_ref().map(AccountId::as_str).unwrap_or_default();
    let bytes = std::iter::once(EVENTS).chain(day.to_be_bytes()).chain(account.bytes());
    key.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    key
}

/// Account and day of a key; none when these are other bytes.
#[allow(clippy::option_option)] // The outer one is whether it could be read.
pub(crate) fn read_key(key: &[u8]) -> Option<(Option<AccountId>, i64)> {
    let [EVENTS, rest @ ..] = key else { return None };
    let (day, account) = rest.split_first_chunk()?;
    let account = match account.first()? {
        0 => None,
        _ => Some(AccountId::parse(std::str::from_utf8(account).ok()?)?),
    };
    Some((account, i64::from_be_bytes(*day)))
}

/// Ids one after the other.
pub(crate) fn ids(ids: &[u128]) -> Vec<u8> {
    ids.iter().flat_map(|id| id.to_le_bytes()).collect()
}

/// What [`ids`] wrote.
pub(crate) fn read_ids(bytes: &[u8]) -> impl Iterator<Item = u128> {
    bytes.as_chunks::<16>().0.iter().map(|id| u128::from_le_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_ids_survive_the_way_through_bytes() {
        for account in [None, AccountId::parse("000000000000"), AccountId::parse("111122223333")] {
            for day in [0, -1, 20_000, i64::MAX] {
                assert_eq!(read_key(&key(account, day)), Some((account, day)));
            }
        }
        assert!(read_key(b"E").is_none() && read_key(b"Fa").is_none() && read_key(b"").is_none());
        assert_ne!(key(None, 1), key(None, 2));
        let some = [0, 7, u128::MAX];
        assert_eq!(read_ids(&ids(&some)).collect::<Vec<_>>(), some);
    }
}
