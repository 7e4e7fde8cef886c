//! Fills a store with made-up findings and measures lists and statistics under load, beside a running re-analysis.
//!
//! `cargo run --release -p leastwise-server --example load -- FILE [FINDINGS] [SECONDS] [REQUESTS PER SECOND]`. For figures in
//! `bench/`; part of no build. Prints what it measured.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::time::{Duration, Instant};

use leastwise::access::Timestamp;
use leastwise::findings::FindingKind;
use leastwise_server::store::*;

const SERVICES: [&str; 12] = ["s3", "ec2", "iam", "lambda", "dynamodb", "sqs", "sns", "kms", "logs", "ecr", "glue", "athena"];

/// The `n`th finding; every thousandth differs from one `round` to the next.
fn finding(n: u64, round: u64) -> FoundFinding {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let kind = FindingKind::ALL[match mixed >> 60 {
        0 => 1,
        1 => 2,
        2..=4 => 0,
        _ => 3,
    }];
    let role = kind == FindingKind::UnusedIamRole || (kind == FindingKind::UnusedPermission && mixed & 3 != 0);
    let account = format!("{:012}", 100_000_000_000 + mixed % 1_000);
    let permissions = kind == FindingKind::UnusedPermission;
    let services: Vec<String> = match permissions {
        true => (0..1 + mixed % 6).map(|at| SERVICES[((mixed >> 8) + at * 5) as usize % SERVICES.len()].to_owned()).collect(),
        false => Vec::new(),
    };
    let mut services = services;
    services.sort();
    services.dedup();
    let details: Vec<String> = services
        .iter()
        .map(|service| {
            let actions: Vec<String> = (0..12)
                .map(|at| {
                    format!("{{\"action\":\"DescribeSomething{at}\",\"lastAccessed\":\"2026-01-0{}T00:00:00Z\"}}", 1 + at % 9)
                })
                .collect();
            format!("{{\"unusedPermissionDetails\":{{\"serviceNamespace\":\"{service}\",\"actions\":[{}]}}}}", actions.join(","))
        })
        .collect();
    let changed = if n % 1_000 == round % 1_000 { round } else { 0 };
    FoundFinding {
        base: format!("{n:032x}"),
        content: format!("{changed:032x}"),
        kind,
        resource: format!("arn:aws:iam::{account}:{}/team-{}/service-{n:07}", if role { "role" } else { "user" }, mixed % 97),
        resource_type: if role { ResourceType::Role } else { ResourceType::User },
        account,
        risk: Risk(u8::try_from(mixed >> 40 & 15).unwrap()),
        unused_actions: if permissions { 12 * u32::try_from(services.len()).unwrap() } else { 0 },
        services,
        details: format!("[{}]", details.join(",")),
        evidence: "{\"sources\":[{\"source\":\"cloudTrail\",\"says\":\"the log is without a gap\"}]}".to_owned(),
    }
}

async fn analyse(store: &Store, count: u64, round: u64) -> (RunSummary, Duration, Duration) {
    let analyzer = store.analyzer("load").await.unwrap();
    let started = Instant::now();
    let at = Timestamp::from_seconds(1_790_000_000 + i64::try_from(round).unwrap() * 3_600);
    let mut run = store.begin_run(&analyzer, at).await.unwrap();
    let mut n = 0;
    while n < count {
        let end = (n + 1_000).min(count);
        run.take((n..end).map(|n| finding(n, round)).collect()).await.unwrap();
        n = end;
    }
    let taken = started.elapsed();
    let summary = run.publish("{}", at).await.unwrap();
    (summary, taken, started.elapsed() - taken)
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = |name: &str| {
        status
            .lines()
            .find(|line| line.starts_with(name))
            .map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
    };
    format!("{} now, {} at most", line("VmRSS").unwrap_or_default(), line("VmHWM").unwrap_or_default())
}

fn shown(name: &str, times: &mut [Duration]) {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    println!(
        "{name:<44} {:>6} requests  p50 {:>6.2} ms  p99 {:>6.2} ms  max {:>6.2} ms",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn queries(analyzer: &Analyzer) -> Vec<(&'static str, Query)> {
    let plain = Query::of(analyzer);
    let by = |key: SortKey, descending: bool| Sort { key, descending };
    let filter = |text: &str| Filter::parse(text).unwrap();
    vec![
        ("all, newest first", plain.clone()),
        (
            "active, by update",
            Query { filter: filter(r#"{"status":{"eq":["ACTIVE"]}}"#), sort: by(SortKey::Updated, true), ..plain.clone() },
        ),
        (
            "one kind, by resource",
            Query {
                filter: filter(r#"{"findingType":{"eq":["UnusedIAMRole"]}}"#),
                sort: by(SortKey::Resource, false),
                ..plain.clone()
            },
        ),
        (
            "three accounts",
            Query {
                filter: filter(r#"{"resourceOwnerAccount":{"eq":["100000000007","100000000500","100000000900"]}}"#),
                ..plain.clone()
            },
        ),
        (
            "one account, active, by update",
            Query {
                filter: filter(r#"{"resourceOwnerAccount":{"eq":["100000000123"]},"status":{"eq":["ACTIVE"]}}"#),
                sort: by(SortKey::Updated, true),
                ..plain.clone()
            },
        ),
        (
            "worst first",
            Query { filter: filter(r#"{"status":{"eq":["ACTIVE"]}}"#), sort: by(SortKey::Risk, true), ..plain.clone() },
        ),
        ("by account", Query { sort: by(SortKey::Account, false), ..plain.clone() }),
        ("resource contains team-5/", Query { filter: filter(r#"{"resource":{"contains":["team-5/"]}}"#), ..plain.clone() }),
        ("a service", Query { service: Some("kms".to_owned()), only: Some(FindingStatus::Active), ..plain.clone() }),
        (
            "one resource",
            Query { filter: filter(r#"{"resource":{"eq":["arn:aws:iam::100000000000:role/team-0/service-0000000"]}}"#), ..plain },
        ),
    ]
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("name a file for the store");
    let mut number = |otherwise: u64| arguments.next().map_or(otherwise, |text| text.parse().unwrap());
    let (count, seconds, rate) = (number(1_000_000), number(30), number(200));
    let store = Store::open(&Location::Sqlite(path.clone().into())).await.unwrap();
    if store.analyzer("load").await.is_err() {
        let new = NewAnalyzer {
            name: "load".to_owned(),
            arn: "arn:aws:access-analyzer:us-east-1:100000000000:analyzer/load".to_owned(),
            scope: Scope::Organization,
            unused_access_age: 90,
            exclusions: Vec::new(),
            tags: Vec::new(),
            rules: Vec::new(),
        };
        store.create_analyzer(&new, &Change::own()).await.unwrap();
        let (summary, taken, published) = analyse(&store, count, 1).await;
        println!("{summary:?}: staged in {taken:.1?}, made visible in {published:.1?}; memory {}", memory());
    }
    let size: u64 =
        ["", "-wal"].iter().filter_map(|end| std::fs::metadata(format!("{path}{end}")).ok()).map(|facts| facts.len()).sum();
    println!("{count} findings, {} MB on disk", size / 1_000_000);

    let analyzer = store.analyzer("load").await.unwrap();
    // Places deep in every list, as a client that pages on has them.
    let mut asked = Vec::new();
    for (name, query) in queries(&analyzer) {
        let mut deep = query.clone();
        for _ in 0..40 {
            match store.list(&deep).await.unwrap().next {
                Some(next) => deep.after = Some(next),
                None => break,
            }
        }
        asked.push((name, query, deep));
    }
    let again = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut rounds = 0;
            loop {
                rounds += 1;
                let (summary, taken, published) = analyse(&store, count, 1 + rounds * 7).await;
                println!("  beside it: {summary:?}, staged in {taken:.1?}, made visible in {published:.1?}");
            }
        })
    };
    let mut tasks = Vec::new();
    let started = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / rate as f64));
    let mut at = 0_usize;
    while started.elapsed() < Duration::from_secs(seconds) {
        tick.tick().await;
        let (which, is_deep) = (at % asked.len(), at / asked.len() % 2 == 1);
        at += 1;
        let query = if is_deep { asked[which].2.clone() } else { asked[which].1.clone() };
        let (store, analyzer) = (store.clone(), analyzer.clone());
        let statistics = at.is_multiple_of(20);
        tasks.push(tokio::spawn(async move {
            let began = Instant::now();
            store.list(&query).await.unwrap();
            let listed = began.elapsed();
            let counted = match statistics {
                true => {
                    let began = Instant::now();
                    store.statistics(&analyzer, 10).await.unwrap();
                    Some(began.elapsed())
                }
                false => None,
            };
            (which, is_deep, listed, counted)
        }));
    }
    let mut lists: Vec<[Vec<Duration>; 2]> = asked.iter().map(|_| [Vec::new(), Vec::new()]).collect();
    let mut counts = Vec::new();
    for task in tasks {
        let (which, is_deep, listed, counted) = task.await.unwrap();
        lists[which][usize::from(is_deep)].push(listed);
        counts.extend(counted);
    }
    again.abort();
    let mut all: Vec<Duration> = lists.iter().flatten().flatten().copied().collect();
    for ((name, ..), [first, deep]) in asked.iter().zip(&mut lists) {
        shown(&format!("{name}, first page"), first);
        shown(&format!("{name}, page 40 or last"), deep);
    }
    shown("all lists", &mut all);
    shown("statistics", &mut counts);
    println!("memory {}", memory());
}
