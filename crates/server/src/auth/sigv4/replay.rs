//! Remembers the signatures of changes, so that none is carried out twice.
//!
//! AWS does not refuse a request that comes twice; we do for those that change something, as long as the signature is good. Those
//! with a client token are left out, since the token does it: a client that tries again within the same second signs the
//! same. The memory is of this process: another server of the same store, or this one started anew, does not share it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many signatures are remembered; at 64 bytes each they take about 13 MB.
const MOST: usize = 200_000;

/// Signatures of changes, and until when they would be good.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<[u8; 32], i64>>);

/// What `Seen` says about a signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It was not seen before, and is remembered now.
    First,
    /// It was seen.
    Again,
    /// There is no room to remember it.
    Full,
}

impl Seen {
    /// Looks at a signature that would be good until `until`.
    pub(super) fn look(&self, signature: [u8; 32], until: i64, now: i64) -> Sight {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST {
            seen.retain(|_, until| *until >= now);
        }
        match seen.get(&signature) {
            Some(until) if *until >= now => Sight::Again,
            _ if seen.len() >= MOST => Sight::Full,
            _ => {
                seen.insert(signature, until);
                Sight::First
            }
        }
    }

    /// Forgets a signature whose request was not carried out.
    pub(super) fn forget(&self, signature: [u8; 32]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&signature);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_new_once_while_it_is_good() {
        let seen = Seen::default();
        assert_eq!(seen.look([1; 32], 10, 0), Sight::First);
        assert_eq!(seen.look([1; 32], 10, 10), Sight::Again);
        assert_eq!(seen.look([2; 32], 10, 10), Sight::First);
        assert_eq!(seen.look([1; 32], 20, 11), Sight::First);
        seen.forget([1; 32]);
        assert_eq!(seen.look([1; 32], 20, 11), Sight::First);
    }

    #[test]
    fn a_full_memory_refuses_until_signatures_are_past() {
        let seen = Seen::default();
        for at in 0..MOST {
            let mut signature = [0; 32];
            signature[..8].copy_from_slice(&at.to_le_bytes());
            assert_eq!(seen.look(signature, 10, 0), Sight::First);
        }
        assert_eq!(seen.look([255; 32], 10, 5), Sight::Full);
        assert_eq!(seen.look([255; 32], 20, 11), Sight::First);
    }
}
