//! The tokens that lead to the next page: where the last one ended, sealed for the query that it was of.
//!
//! Nothing is kept for them. The seal is an HMAC with a key that all servers of a store share, over the query and the place,
//! so that a token of another query or of somebody else's making is no token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::error::WireError;

/// So many bytes of the HMAC are in a token.
const SEAL: usize = 16;

/// Seals and opens tokens.
#[derive(Clone)]
pub(super) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// Tokens of a key.
    pub(super) fn of_key(key: [u8; 32]) -> Tokens {
        Tokens { key }
    }

    fn seal_of(&self, query: &str, place: &str) -> Vec<u8> {
        // An HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return Vec::new() };
        mac.update(format!("leastwise-token 1\n{}\n{query}{place}", query.len()).as_bytes());
        mac.finalize().into_bytes().iter().take(SEAL).copied().collect()
    }

    /// A token for the page behind `place`.
    pub(super) fn seal(&self, query: &str, place: &str) -> String {
        let mut bytes = self.seal_of(query, place);
        bytes.extend_from_slice(place.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The place of a token, if it is one of this query.
    pub(super) fn open(&self, query: &str, token: &str) -> Result<String, WireError> {
        let foreign = || WireError::field("nextToken", "is not one that this query returned");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| foreign())?;
        let (seal, place) = bytes.split_at_checked(SEAL).ok_or_else(foreign)?;
        let place = std::str::from_utf8(place).map_err(|_| foreign())?;
        // Compared in full, whatever the first difference is.
        let differs = self.seal_of(query, place).iter().zip(seal).fold(0, |all, (a, b)| all | (a ^ b));
        if differs == 0 { Ok(place.to_owned()) } else { Err(foreign()) }
    }
}

/// JSON with the members of every object in order: the same text for the same value.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut all: Vec<(&String, &Value)> = members.iter().filter(|(_, value)| !value.is_null()).collect();
            all.sort_by_key(|(key, _)| *key);
            let all: Vec<String> =
                all.into_iter().map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value))).collect();
            format!("{{{}}}", all.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_query_alone() {
        let tokens = Tokens::of_key([7; 32]);
        let token = tokens.seal("query", "place ä");
        assert_eq!(tokens.open("query", &token).unwrap(), "place ä");
        assert!(tokens.open("query2", &token).is_err());
        assert!(tokens.open("queryp", &tokens.seal("query", "place")).is_err());
        assert!(Tokens::of_key([8; 32]).open("query", &token).is_err());
        for tampered in ["", "x", "AAAA", &format!("{token}A"), &token[1..], &"A".repeat(64)] {
            assert!(tokens.open("query", tampered).is_err(), "{tampered}");
        }
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(tokens.open("query", std::str::from_utf8(&changed).unwrap()).is_err(), "{at}");
        }
    }

    #[test]
    fn the_order_of_members_does_not_count() {
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"b": [1, {"d": 1, "c": 2}], "a": null}"#), r#"{"b":[1,{"c":2,"d":1}]}"#);
    }
}
