//! Slows down whoever guesses passwords: after some failures for a name, each further attempt has to wait longer.
//!
//! Beside sign-in, in memory: a restart forgets, and several servers count for themselves. It locks nobody out for longer than
//! some minutes, since a name can be guessed at by anybody.

use std::collections::HashMap;
use std::sync::Mutex;

use leastwise::access::Timestamp;

/// So many failures are free.
const FREE: u32 = 5;
/// The longest wait, in seconds.
const LONGEST: i64 = 300;
/// Names that are remembered; beyond that, everybody waits until old ones are forgotten.
const NAMES: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    failures: Mutex<HashMap<String, (u32, Timestamp)>>,
}

impl Throttle {
    /// Whether an attempt for `name` may be made now; else how many seconds are to wait.
    pub(crate) fn admits(&self, name: &str, now: Timestamp) -> Result<(), u64> {
        let Ok(mut failures) = self.failures.lock() else { return Err(1) };
        failures.retain(|_, (_, last)| now.seconds() - last.seconds() < 2 * LONGEST);
        if failures.len() >= NAMES && !failures.contains_key(name) {
            return Err(5);
        }
        let Some((count, last)) = failures.get(name) else { return Ok(()) };
        let wait = if *count < FREE { 0 } else { (1_i64 << (count - FREE + 1).min(10)).min(LONGEST) };
        let left = last.seconds() + wait - now.seconds();
        if left > 0 { Err(u64::try_from(left).unwrap_or(1)) } else { Ok(()) }
    }

    /// Writes down an attempt that may fail, before it is made, so that many at once do not slip through.
    pub(crate) fn begin(&self, name: &str, now: Timestamp) {
        if let Ok(mut failures) = self.failures.lock() {
            let entry = failures.entry(name.to_owned()).or_insert((0, now));
            *entry = (entry.0.saturating_add(1), now);
        }
    }

    /// Forgets the failures of a name that succeeded.
    pub(crate) fn succeed(&self, name: &str) {
        if let Ok(mut failures) = self.failures.lock() {
            failures.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_guess_has_to_wait_and_a_success_forgets() {
        let (throttle, now) = (Throttle::default(), Timestamp::from_seconds(1_000));
        for _ in 0..FREE {
            assert_eq!(throttle.admits("ana", now), Ok(()));
            throttle.begin("ana", now);
        }
        assert_eq!(throttle.admits("ana", now), Err(2));
        assert_eq!(throttle.admits("bob", now), Ok(()));
        let later = Timestamp::from_seconds(1_002);
        assert_eq!(throttle.admits("ana", later), Ok(()));
        throttle.begin("ana", later);
        assert_eq!(throttle.admits("ana", later), Err(4));
        throttle.succeed("ana");
        assert_eq!(throttle.admits("ana", later), Ok(()));
    }
}
