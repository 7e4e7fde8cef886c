//! Documents made to be hard: each proof ends soon, with a verdict or with "too complex", and never with a false "holds".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::{Claim, Claims, Verdict, prove};

/// Far above what is seen, as machines differ; an exponential search would not end in a year.
const SOON: Duration = Duration::from_secs(20);

fn proved(original: &[String], refined: &[String], unused: &str) -> Claims {
    let document = |patterns: &[String]| {
        let patterns: Vec<String> = patterns.iter().map(|p| format!("\"{p}\"")).collect();
        let text = format!("{{\"Statement\":[{{\"Effect\":\"Allow\",\"Action\":[{}],\"Resource\":\"*\"}}]}}", patterns.join(","));
        Policy::parse(&text).unwrap()
    };
    let (original, refined) = (document(original), document(refined));
    let unused = Unused::parse(unused).unwrap();
    let begin = Instant::now();
    let claims = prove(&original, &[refined], &unused, Catalogue::embedded());
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert!(!claims.iter().any(|(_, v)| matches!(v, Verdict::Disputed(_))), "{claims:?}");
    claims
}

/// Patterns until the document has the 131,072 characters of the largest policies.
fn many(pattern: impl Fn(usize) -> String) -> Vec<String> {
    let mut size = 0;
    (0..)
        .map(pattern)
        .take_while(|p| {
            size += p.len() + 3;
            size < 131_000
        })
        .collect()
}

#[test]
fn a_hundred_wildcards_in_a_pattern_are_no_trouble() {
    let long = |tail: &str| format!("s3:{}{tail}", "a*".repeat(100));
    let claims = proved(&[long("b")], &[long("bb"), long("?b"), long("b")], "[]");
    assert!(claims.verdict(Claim::AddsNothing).holds());
    let claims = proved(&[long("bb")], &[long("b")], "[]");
    let witness = claims.verdict(Claim::AddsNothing).witness().unwrap();
    assert!(witness.action.as_ref().is_some_and(|a| a.ends_with("ab")), "{witness}");
}

#[test]
fn thousands_of_wildcards_on_both_sides_end_soon() {
    let old = many(|n| format!("ec2:*a{n}*"));
    let new = many(|n| format!("ec2:*a{n}?*"));
    proved(&old, &new, "ec2:RunInstances");
    let old = many(|n| format!("ec2:D*a{n}?b*"));
    let mut new = old.clone();
    new.reverse();
    new.push("ec2:D*b".to_owned());
    let claims = proved(&old, &new, "ec2:RunInstances");
    assert!(!claims.verdict(Claim::AddsNothing).holds());
    let old = many(|n| format!("s3:?{}{n}*", "?*".repeat(n % 40)));
    proved(&old, &old.iter().map(|p| p.replace("?*", "??*")).collect::<Vec<_>>(), "s3");
}

#[test]
fn thousands_of_prefixes_for_one_star_are_proved_by_looking_them_up() {
    let new = many(|n| format!("svc{}:name{n}*", n % 300));
    let claims = proved(&["*".to_owned()], &new, "[]");
    assert!(claims.verdict(Claim::AddsNothing).holds());
    let mut longer: Vec<String> = new.iter().map(|p| p.replace('*', "x*")).collect();
    longer.truncate(longer.len() / 2);
    let claims = proved(&new, &longer, "[]");
    assert!(claims.verdict(Claim::AddsNothing).holds());
}

#[test]
fn thousands_of_statements_end_soon() {
    let statement =
        |n: usize, action: &str| format!("{{\"Effect\":\"Allow\",\"Action\":\"{action}\",\"Resource\":\"arn:aws:s3:::{n}*\"}}");
    let document = |action: &str, from: usize| {
        let list: Vec<String> = (from..from + 1500).map(|n| statement(n, action)).collect();
        Policy::parse(&format!("{{\"Statement\":[{}]}}", list.join(","))).unwrap()
    };
    let begin = Instant::now();
    let claims = prove(&document("s3:Get*", 0), &[document("s3:GetO*", 700)], &Unused::default(), Catalogue::embedded());
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
    assert!(!claims.hold());
}
