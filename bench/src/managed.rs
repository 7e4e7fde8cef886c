//! Refines and proves every case of a file, beside the time in which `serde_json` parses the same documents.

use std::hint::black_box;
use std::time::Duration;

use leastwise::refine::{Choices, refine};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::certify;
use serde_json::{Value, json};

use crate::clock::{ms, once, peak_megabytes};

pub fn run(path: &str, rounds: usize) -> Value {
    let text = std::fs::read_to_string(path).unwrap();
    let cases: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let case: Value = serde_json::from_str(line).unwrap();
            (case["policy"].as_str().unwrap().to_owned(), case["unused"].to_string())
        })
        .collect();
    drop(text);
    let bytes: usize = cases.iter().map(|c| c.0.len()).sum();
    let before = peak_megabytes();
    let mut best = [Duration::MAX; 6];
    let mut slowest = (Duration::ZERO, 0);
    for _ in 0..rounds {
        let (_, parse) = once(|| {
            for (policy, _) in &cases {
                black_box(serde_json::from_str::<Value>(policy).unwrap());
            }
        });
        let mut parts = [Duration::ZERO; 4];
        let (_, whole) = once(|| {
            for (policy, unused) in &cases {
                let policy = Policy::parse(policy).unwrap();
                let unused = Unused::parse(unused).unwrap();
                let candidate = refine(&policy, &unused, Catalogue::embedded(), Choices::default());
                black_box(certify(&policy, &unused, Catalogue::embedded(), candidate).unwrap());
            }
        });
        // Once more in stages; the clock's own cost is in these figures.
        slowest = (Duration::ZERO, 0);
        for (at, (policy, unused)) in cases.iter().enumerate() {
            let (policy, a) = once(|| Policy::parse(policy).unwrap());
            let (unused, b) = once(|| Unused::parse(unused).unwrap());
            let (candidate, c) = once(|| refine(&policy, &unused, Catalogue::embedded(), Choices::default()));
            let (_, d) = once(|| black_box(certify(&policy, &unused, Catalogue::embedded(), candidate).unwrap()));
            parts.iter_mut().zip([a, b, c, d]).for_each(|(sum, one)| *sum += one);
            slowest = slowest.max((a + b + c + d, at));
        }
        let [a, b, c, d] = parts;
        best.iter_mut().zip([parse, whole, a, b, c, d]).for_each(|(best, new)| *best = (*best).min(new));
    }
    let [parse, whole, read_policy, read_unused, refined, certified] = best;
    json!({
        "cases": cases.len(),
        "bytes": bytes,
        "serde_json_ms": ms(parse),
        "refined_and_proved_ms": ms(whole),
        "ratio": whole.as_secs_f64() / parse.as_secs_f64(),
        "ratio_without_reading_unused_lists": (whole - read_unused).as_secs_f64() / parse.as_secs_f64(),
        "stages_ms": {"read_policy": ms(read_policy), "read_unused": ms(read_unused), "refine": ms(refined), "certify": ms(certified)},
        "slowest_case_ms": ms(slowest.0),
        "slowest_case": slowest.1,
        "peak_mb_before": before,
        "peak_mb": peak_megabytes(),
    })
}
