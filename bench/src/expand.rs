//! Expansion of a pattern over the embedded catalogue into the text that `leastwise catalog expand` prints, warm.

use std::hint::black_box;
use std::time::Duration;

use leastwise_policy::{ActionPattern, Catalogue};
use serde_json::{Value, json};

use crate::clock::{ms, once};

pub fn run(pattern: &str, rounds: usize) -> Value {
    let pattern = ActionPattern::parse(pattern).unwrap();
    let (text, first) = once(|| Catalogue::embedded().expand(&pattern));
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let (_, time) = once(|| black_box(Catalogue::embedded().expand(black_box(&pattern))));
        best = best.min(time);
    }
    json!({"actions": text.lines().count(), "first_ms": ms(first), "warm_ms": ms(best)})
}
