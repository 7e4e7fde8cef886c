//! Slows down guessing of passwords: after some failures of an address, or for a user that exists, each further attempt waits longer.
//!
//! Beside sign-in, in memory: a restart forgets, and several servers count for themselves. Names that no user has are counted alike, so
//! that a wait tells nothing, but apart, so that made-up ones push no user out. What is full forgets the oldest and refuses none. Where
//! a user has signed in lately only attempts for that user from there count, so that others behind one address lock no user out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use leastwise::access::Timestamp;

/// Failures that are free.
const FREE: u32 = 5;
/// Failures of one address that are free: there may be many people behind it.
const FREE_OF_ADDRESS: u32 = 20;
/// The longest wait, in seconds.
const MAX_WAIT: i64 = 300;
/// Entries that are remembered of each sort.
const MAX_ENTRIES: usize = 10_000;
/// For how many seconds it is remembered from where a user has signed in: 30 days.
const FAMILIAR: i64 = 30 * 86_400;

/// For whom an attempt is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Name<'n> {
    /// A user.
    User(&'n str),
    /// A name that no user has, and one could have.
    MadeUp(&'n str),
    /// Nothing that could be a name, or no name at all.
    None,
}

#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    by_address: Recent<IpAddr>,
    by_user: Recent<String>,
    by_made_up_name: Recent<String>,
    /// Where users have signed in, and when.
    familiar: Recent<(String, IpAddr)>,
    by_familiar: Recent<(String, IpAddr)>,
}

/// Counts with the time of the last one. The oldest makes room.
#[derive(Debug)]
struct Recent<K>(HashMap<K, (u32, i64)>);

impl<K> Default for Recent<K> {
    fn default() -> Recent<K> {
        Recent(HashMap::new())
    }
}

impl<K: Eq + Hash + Clone> Recent<K> {
    /// The seconds to wait before the next attempt.
    fn wait(&self, key: &K, free: u32, now: i64) -> i64 {
        let Some((count, last)) = self.0.get(key) else { return 0 };
        if *count < free || now - last >= 2 * MAX_WAIT {
            return 0;
        }
        let wait = (1_i64 << (count - free + 1).min(10)).min(MAX_WAIT);
        (last + wait - now).max(0)
    }

    /// Counts an attempt, unless it has to wait.
    fn count(&mut self, key: K, free: u32, now: i64) -> Result<(), u64> {
        let wait = self.wait(&key, free, now);
        if wait > 0 {
            return Err(u64::try_from(wait).unwrap_or(1));
        }
        self.note(key, now, 2 * MAX_WAIT);
        Ok(())
    }

    fn note(&mut self, key: K, now: i64, kept: i64) {
        if self.0.len() >= MAX_ENTRIES && !self.0.contains_key(&key) {
            self.0.retain(|_, (_, last)| now - *last < kept);
            if self.0.len() >= MAX_ENTRIES {
                // A tenth at once, so that the search is not made for each.
                let mut times: Vec<i64> = self.0.values().map(|(_, last)| *last).collect();
                let (_, middle, _) = times.select_nth_unstable(MAX_ENTRIES / 10);
                let middle = *middle;
                let mut left = MAX_ENTRIES / 10;
                self.0.retain(|_, (_, last)| {
                    let goes = *last <= middle && left > 0;
                    left -= usize::from(goes);
                    !goes
                });
            }
        }
        let entry = self.0.entry(key).or_insert((0, now));
        // What is long past does not count any more.
        let count = if now - entry.1 >= kept { 0 } else { entry.0 };
        *entry = (count.saturating_add(1), now);
    }
}

/// Addresses that one subscriber has: one of IPv4, a prefix of 64 bits of IPv6.
fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(six) if six.to_ipv4_mapped().is_none() => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        four => four,
    }
}

impl Throttle {
    fn with<T>(&self, act: impl FnOnce(&mut Known) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets an attempt through and counts it, before it is made, so that many at once do not slip through; else says how many seconds
    /// are to wait.
    pub(crate) fn attempt(&self, name: Name<'_>, address: IpAddr, now: Timestamp) -> Result<(), u64> {
        let (address, now) = (subscriber(address), now.seconds());
        self.with(|known| {
            let Known { by_address, by_user, by_made_up_name, familiar, by_familiar } = known;
            if let Name::User(user) = name {
                let pair = (user.to_owned(), address);
                if familiar.0.get(&pair).is_some_and(|(_, last)| now - last < FAMILIAR) {
                    return by_familiar.count(pair, FREE, now);
                }
            }
            let wait = by_address.wait(&address, FREE_OF_ADDRESS, now);
            if wait > 0 {
                return Err(u64::try_from(wait).unwrap_or(1));
            }
            match name {
                Name::User(user) => by_user.count(user.to_owned(), FREE, now)?,
                Name::MadeUp(name) => by_made_up_name.count(name.to_owned(), FREE, now)?,
                Name::None => {}
            }
            by_address.count(address, FREE_OF_ADDRESS, now)
        })
    }

    /// Forgets the failures of a user who succeeded, and takes back the attempt of the address.
    pub(crate) fn succeed(&self, user: &str, address: IpAddr, now: Timestamp) {
        let address = subscriber(address);
        self.with(|known| {
            known.by_user.0.remove(user);
            known.by_familiar.0.remove(&(user.to_owned(), address));
            if let Some((count, _)) = known.by_address.0.get_mut(&address) {
                *count = count.saturating_sub(1);
            }
            known.familiar.note((user.to_owned(), address), now.seconds(), FAMILIAR);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    fn user(name: &str) -> Name<'_> {
        Name::User(name)
    }

    #[test]
    fn the_sixth_guess_for_a_user_has_to_wait_wherever_it_comes_from_and_a_success_forgets() {
        let throttle = Throttle::default();
        for n in 0..FREE {
            assert_eq!(throttle.attempt(user("ana"), address(n), at(1_000)), Ok(()));
            assert_eq!(throttle.attempt(Name::MadeUp("nobody"), address(n), at(1_000)), Ok(()));
        }
        assert_eq!(throttle.attempt(user("ana"), address(77), at(1_000)), Err(2));
        assert_eq!(throttle.attempt(Name::MadeUp("nobody"), address(77), at(1_000)), Err(2), "a wait tells no names");
        assert_eq!(throttle.attempt(user("bob"), address(77), at(1_000)), Ok(()));
        assert_eq!(throttle.attempt(user("ana"), address(77), at(1_002)), Ok(()));
        assert_eq!(throttle.attempt(user("ana"), address(77), at(1_002)), Err(4));
        throttle.succeed("ana", address(77), at(1_002));
        assert_eq!(throttle.attempt(user("ana"), address(78), at(1_002)), Ok(()));
    }

    #[test]
    fn a_user_is_not_locked_out_by_others_where_the_user_has_signed_in() {
        let throttle = Throttle::default();
        throttle.succeed("ana", address(1), at(1_000));
        for n in 0..50 {
            throttle.attempt(user("ana"), address(100 + n), at(1_000)).ok();
            throttle.attempt(Name::MadeUp(&format!("made-up-{n}")), address(1), at(1_000)).ok();
        }
        assert!(throttle.attempt(user("ana"), address(2), at(1_000)).is_err());
        assert!(throttle.attempt(Name::MadeUp("another"), address(1), at(1_000)).is_err());
        for _ in 0..FREE {
            assert_eq!(throttle.attempt(user("ana"), address(1), at(1_000)), Ok(()));
        }
        assert_eq!(throttle.attempt(user("ana"), address(1), at(1_000)), Err(2), "guesses for ana from there count");
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_whatever_names_it_makes_up() {
        let throttle = Throttle::default();
        for n in 0..FREE_OF_ADDRESS {
            assert_eq!(throttle.attempt(Name::MadeUp(&n.to_string()), address(1), at(1_000)), Ok(()));
        }
        assert!(throttle.attempt(Name::None, address(1), at(1_000)).is_err());
        assert_eq!(throttle.attempt(Name::None, address(2), at(1_000)), Ok(()));
        assert_eq!(throttle.attempt(Name::None, address(1), at(1_000 + 2 * MAX_WAIT)), Ok(()));
        let neighbours = ["2001:db8::1".parse().unwrap_or(address(0)), "2001:db8::2".parse().unwrap_or(address(0))];
        assert_eq!(neighbours.map(subscriber).iter().collect::<std::collections::HashSet<_>>().len(), 1);
    }

    #[test]
    fn ever_so_many_addresses_and_names_lock_none_out_and_take_bounded_room() {
        let throttle = Throttle::default();
        for n in 0..FREE {
            assert_eq!(throttle.attempt(user("ana"), address(n), at(1_000)), Ok(()));
        }
        for n in 0..u32::try_from(3 * MAX_ENTRIES).unwrap_or_default() {
            let name = format!("user-{n}");
            assert_eq!(throttle.attempt(Name::MadeUp(&name), address(1_000 + n), at(1_000 + i64::from(n) / 30_000)), Ok(()));
        }
        assert!(throttle.attempt(user("ana"), address(7), at(1_001)).is_err(), "made-up names push no user out");
        assert_eq!(throttle.attempt(user("bob"), IpAddr::from([9, 9, 9, 9]), at(1_001)), Ok(()));
        throttle.with(|known| assert!(known.by_address.0.len() <= MAX_ENTRIES && known.by_made_up_name.0.len() <= MAX_ENTRIES));
    }
}
