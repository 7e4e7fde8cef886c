//! `Action: "*"` with a long unused list: refined alone, and refined and proved.

use std::hint::black_box;
use std::time::Duration;

use leastwise::refine::{Choices, refine};
use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::certify;
use serde_json::{Value, json};

use crate::clock::{ms, once};

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

pub fn run(path: &str, rounds: usize) -> Value {
    let unused_text = std::fs::read_to_string(path).unwrap();
    let mut best = [Duration::MAX; 3];
    let mut actions = Value::Null;
    for _ in 0..rounds {
        let catalogue = Catalogue::embedded();
        let ((policy, unused), read) = once(|| (Policy::parse(POLICY).unwrap(), Unused::parse(&unused_text).unwrap()));
        let (candidate, refined) = once(|| black_box(refine(&policy, &unused, catalogue, Choices::default())));
        let (verified, certified) = once(|| black_box(certify(&policy, &unused, catalogue, candidate).unwrap()));
        best.iter_mut().zip([read, refined, certified]).for_each(|(best, new)| *best = (*best).min(new));
        let document: Value = serde_json::from_str(verified.text.as_deref().unwrap()).unwrap();
        actions = document["Statement"][0]["Action"].clone();
    }
    let [read, refined, certified] = best.map(ms);
    json!({"read_ms": read, "refine_ms": refined, "certify_ms": certified, "all_ms": read + refined + certified, "actions": actions})
}
