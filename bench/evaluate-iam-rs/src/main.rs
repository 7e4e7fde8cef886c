//! Compares crate `iam-rs` with the evaluator on the corpus' conditions and resources: decisions, then time.
//!
//! Run it here with `cargo run --release`. Outside of the workspace, so that the product does not depend on `iam-rs`.
//! Time is that of one policy with one statement on one request, both parsed beforehand, over the rows that both decide.

use std::time::Instant;

use iam_rs::{IAMPolicy, IAMRequest, PolicyEvaluator};
use leastwise_policy::evaluate::{Decision, PolicySet, Request};
use leastwise_policy::{Policy, json};
use serde_json::{Value, json};

struct Row {
    name: String,
    policy: Value,
    resource: String,
    context: Value,
}

fn rows() -> Vec<Row> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/evaluate");
    let mut rows = Vec::new();
    for file in ["operators", "if-exists", "sets", "variables", "resources"] {
        let table: toml::Table = std::fs::read_to_string(format!("{folder}/{file}.toml")).unwrap().parse().unwrap();
        let table = serde_json::to_value(table).unwrap();
        let groups = |kind: &str| table[kind].as_array().cloned().unwrap_or_default();
        let version = |group: &Value| group["version"].as_str().unwrap_or("2012-10-17").to_owned();
        let context = |group: &Value| if group["context"].is_object() { group["context"].clone() } else { json!({}) };
        for group in groups("condition") {
            let operator = group["operator"].as_str().unwrap();
            let key = group["key"].as_str().unwrap_or("k:Key");
            for row in group["rows"].as_array().unwrap() {
                let mut context = context(&group);
                if !row["request"].is_null() {
                    context[row["key"].as_str().unwrap_or(key)] = row["request"].clone();
                }
                let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*",
                    "Condition": {operator: {key: row["policy"]}}});
                rows.push(Row {
                    name: format!("{file}: {operator} {} with {context}", row["policy"]),
                    policy: json!({"Version": version(&group), "Statement": [statement]}),
                    resource: "arn:aws:s3:::x".to_owned(),
                    context,
                });
            }
        }
        for group in groups("resource") {
            for row in group["rows"].as_array().unwrap() {
                let statement = json!({"Effect": "Allow", "Action": "s3:*", "Resource": row[0]});
                rows.push(Row {
                    name: format!("{file}: Resource {} on {}", row[0], row[1]),
                    policy: json!({"Version": version(&group), "Statement": [statement]}),
                    resource: row[1].as_str().unwrap().to_owned(),
                    context: context(&group),
                });
            }
        }
    }
    rows
}

fn main() {
    const CALLER: &str = "arn:aws:iam::111122223333:user/ana";
    let (mut agree, mut differ, mut refused) = (0, 0, 0);
    let mut decided = Vec::new();
    for row in rows() {
        let policy = Policy::parse(&row.policy.to_string()).unwrap();
        let line = json!({"principal": CALLER, "action": "s3:GetObject", "resource": row.resource,
            "resourceAccount": "111122223333", "context": row.context})
        .to_string();
        let request = Request::from_node(&json::parse(&line).unwrap()).unwrap();
        let ours = PolicySet { identity: vec![&policy], ..PolicySet::default() }.evaluate(&request).decision;
        let their_policy = serde_json::from_value::<IAMPolicy>(row.policy.clone()).map_err(|e| e.to_string());
        let their_request = serde_json::from_value::<IAMRequest>(json!({"Principal": {"AWS": CALLER},
            "Action": "s3:GetObject", "Resource": row.resource, "Context": row.context}))
        .map_err(|e| e.to_string());
        let theirs = their_policy.and_then(|p| their_request.map(|r| (PolicyEvaluator::with_policies(vec![p]), r)));
        match theirs.and_then(|(e, r)| e.evaluate(&r).map(|answer| (e, r, answer.decision)).map_err(|e| e.to_string())) {
            Err(error) => {
                refused += 1;
                println!("{}: {ours}, iam-rs refuses: {error}", row.name);
            }
            Ok((evaluator, their_request, decision)) => {
                if (decision == iam_rs::Decision::Allow) == (ours == Decision::Allowed) {
                    agree += 1;
                } else {
                    differ += 1;
                    println!("{}: {ours}, iam-rs {decision:?}", row.name);
                }
                decided.push((policy, request, evaluator, their_request));
            }
        }
    }
    println!("{} rows: {agree} agree, {differ} differ, {refused} refused by iam-rs", agree + differ + refused);

    let sets: Vec<_> =
        decided.iter().map(|(p, r, ..)| (PolicySet { identity: vec![p], ..PolicySet::default() }, r)).collect();
    for _ in 0..5 {
        const ROUNDS: usize = 200;
        let mut allowed = 0;
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for (_, _, evaluator, request) in &decided {
                allowed += usize::from(evaluator.evaluate(request).is_ok_and(|a| a.decision == iam_rs::Decision::Allow));
            }
        }
        let theirs = start.elapsed();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            for (set, request) in &sets {
                allowed += usize::from(set.evaluate(request).decision == Decision::Allowed);
            }
        }
        let ours = start.elapsed();
        let each = |time: std::time::Duration| time.as_nanos() / (ROUNDS * sets.len()) as u128;
        println!(
            "one evaluation: iam-rs {} ns, leastwise {} ns, ratio {:.2} ({allowed} allowed)",
            each(theirs),
            each(ours),
            ours.as_secs_f64() / theirs.as_secs_f64()
        );
    }
}
