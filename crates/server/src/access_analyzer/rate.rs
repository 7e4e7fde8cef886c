//! How many requests a key may make: so many in every second.
//!
//! Off unless the operator says a number. It keeps one small entry for each key that was used, in this process alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Counts requests by key.
#[derive(Debug)]
pub(super) struct Rate {
    /// 0 for any number.
    per_second: u32,
    /// For every key, the second and the requests in it.
    counts: Mutex<HashMap<String, (i64, u32)>>,
}

impl Rate {
    /// So many requests a second for each key; 0 for any number.
    pub(super) fn of(per_second: u32) -> Rate {
        Rate { per_second, counts: Mutex::default() }
    }

    /// Counts one more request of a key in the second `now`; says whether it is within the limit.
    pub(super) fn allows(&self, key: &str, now: i64) -> bool {
        if self.per_second == 0 {
            return true;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, count) = counts.entry(key.to_owned()).or_insert((now, 0));
        if *second != now {
            (*second, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_so_many_requests_a_second_and_others_have_theirs() {
        let rate = Rate::of(2);
        assert_eq!([1, 1, 1, 2].map(|now| rate.allows("a", now)), [true, true, false, true]);
        assert!(rate.allows("b", 1));
        assert!((0..1000).all(|_| Rate::of(0).allows("a", 1)));
    }
}
