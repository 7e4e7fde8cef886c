//! The tokens that lead to the next page: where the last one ended, sealed for the query that it was of.
//!
//! Nothing is kept for them. The seal is authenticated encryption (ChaCha20-Poly1305) with a key that all servers of a store share, bound
//! to the query. So a token of another query or of somebody else's making is no token, and none tells its place, which may be a finding
//! that whoever asks does not see.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::Value;

/// Seals and opens tokens.
#[derive(Clone)]
pub(crate) struct Tokens {
    key: [u8; 32],
}

impl Tokens {
    /// Tokens of a key.
    pub(crate) fn of_key(key: [u8; 32]) -> Tokens {
        Tokens { key }
    }

    fn key(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.key).ok().map(LessSafeKey::new)
    }

    /// A token for the page behind `place`; none when the machine has no randomness.
    pub(crate) fn seal(&self, query: &str, place: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).ok()?;
        let mut sealed = place.as_bytes().to_vec();
        self.key()?.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(query), &mut sealed).ok()?;
        let mut token = nonce.to_vec();
        token.append(&mut sealed);
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// The place of a token, if it is one of this query.
    pub(crate) fn open(&self, query: &str, token: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let place = self.key()?.open_in_place(nonce, Aad::from(query), &mut sealed).ok()?;
        std::str::from_utf8(place).ok().map(str::to_owned)
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
        let token = tokens.seal("query", "place ä").unwrap();
        assert_eq!(tokens.open("query", &token).unwrap(), "place ä");
        assert_ne!(token, tokens.seal("query", "place ä").unwrap());
        assert!(!String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(&token).unwrap()).contains("place"), "a token tells no place");
        assert!(tokens.open("query2", &token).is_none());
        assert!(tokens.open("queryp", &tokens.seal("query", "place").unwrap()).is_none());
        assert!(Tokens::of_key([8; 32]).open("query", &token).is_none());
        for tampered in ["", "x", "AAAA", &format!("{token}A"), &token[1..], &"A".repeat(64)] {
            assert!(tokens.open("query", tampered).is_none(), "{tampered}");
        }
        for at in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            assert!(tokens.open("query", std::str::from_utf8(&changed).unwrap()).is_none(), "{at}");
        }
    }

    #[test]
    fn the_order_of_members_does_not_count() {
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#"{"b": [1, {"d": 1, "c": 2}], "a": null}"#), r#"{"b":[1,{"c":2,"d":1}]}"#);
    }
}
