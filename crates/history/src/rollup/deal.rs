//! Which thread reads which log.
//!
//! Each has a stretch of the list of its own. Logs are listed by account, region and day, so what threads add up has little in
//! common: texts and keys that several threads meet are held and brought together several times.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// The places of a list, dealt out to threads.
pub(crate) struct Deal {
    stretches: Mutex<Stretches>,
}

struct Stretches {
    /// What everyone takes from first.
    shared: Range<usize>,
    /// Those of the threads.
    own: Vec<Range<usize>>,
}

impl Deal {
    /// Of so many places. The first `shared` ones are taken by whoever comes, in order.
    pub(crate) fn new(places: usize, shared: usize, threads: usize) -> Deal {
        let (shared, threads) = (shared.min(places), threads.max(1));
        let begin = |thread: usize| shared + (places - shared) * thread / threads;
        let own = (0..threads).map(|thread| begin(thread)..begin(thread + 1)).collect();
        Deal { stretches: Mutex::new(Stretches { shared: 0..shared, own }) }
    }

    /// The next place for that thread. When its own stretch is done, it helps with the end of the longest one.
    pub(crate) fn next(&self, thread: usize) -> Option<usize> {
        let mut stretches = self.stretches.lock().unwrap_or_else(PoisonError::into_inner);
        let Stretches { shared, own } = &mut *stretches;
        let first = shared.next().or_else(|| own.get_mut(thread)?.next());
        first.or_else(|| own.iter_mut().max_by_key(|stretch| stretch.len())?.next_back())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_place_is_dealt_once_whoever_asks(
            places in 0..200usize, shared in 0..200usize, threads in 1..6usize, asking in proptest::collection::vec(0..6usize, 0..100),
        ) {
            let deal = Deal::new(places, shared, threads);
            let mut dealt: Vec<usize> = asking.iter().map_while(|thread| deal.next(thread % threads)).collect();
            prop_assert!(dealt.iter().take(shared).is_sorted());
            dealt.extend(std::iter::from_fn(|| deal.next(0)));
            dealt.sort_unstable();
            prop_assert_eq!(dealt, (0..places).collect::<Vec<_>>());
        }
    }

    #[test]
    fn threads_read_on_where_they_are_and_help_each_other_from_behind() {
        let deal = Deal::new(9, 1, 2);
        let order = [1, 0, 1, 0, 1, 1, 1, 1, 1].map(|thread| deal.next(thread));
        assert_eq!(order, [0, 1, 5, 2, 6, 7, 8, 4, 3].map(Some));
        assert_eq!(deal.next(0), None);
    }
}
