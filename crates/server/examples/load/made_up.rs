//! Made-up findings, as many as one likes, the same every time; and analyses of them, of which every thousandth differs.

use std::time::{Duration, Instant};

use leastwise::findings::FindingKind;
use leastwise_server::store::*;

const SERVICES: [&str; 12] = ["s3", "ec2", "iam", "lambda", "dynamodb", "sqs", "sns", "kms", "logs", "ecr", "glue", "athena"];
/// The name of the analyzer of all of them.
pub(crate) const ANALYZER: &str = "load";

/// The `n`th finding; every thousandth differs from one `round` to the next.
pub(crate) fn finding(n: u64, round: u64) -> FoundFinding {
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
    // Content is what the last round that was this finding's turn made of it.
    let turn = n % 1_000;
    let changed = if round >= turn { round - (round - turn) % 1_000 } else { 0 };
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

/// Writes an analysis and makes it visible: what it changed, and the seconds until it was marked and until it was settled.
pub(crate) async fn analyse(store: &Store, count: u64, round: u64) -> (RunSummary, Duration, Duration) {
    let analyzer = store.analyzer(ANALYZER).await.unwrap();
    let started = Instant::now();
    let mut run = store.begin_run(&analyzer, leastwise_server::clock::now()).await.unwrap();
    let mut n = 0;
    while n < count {
        let end = (n + 1_000).min(count);
        run.take((n..end).map(|n| finding(n, round)).collect()).await.unwrap();
        n = end;
    }
    let taken = started.elapsed();
    let summary = run.publish("{}", leastwise_server::clock::now()).await.unwrap();
    (summary, taken, started.elapsed() - taken)
}

/// Fills an empty store: so many findings, some archived by a rule, some resolved.
pub(crate) async fn fill(store: &Store, count: u64) {
    let new = NewAnalyzer {
        name: ANALYZER.to_owned(),
        arn: "arn:aws:access-analyzer:us-east-1:100000000000:analyzer/load".to_owned(),
        scope: Scope::Organization,
        unused_access_age: 90,
        exclusions: Vec::new(),
        tags: Vec::new(),
        rules: Vec::new(),
    };
    store.create_analyzer(&new, &Change::own()).await.unwrap();
    store.settle("default-analyzer", "none").await.unwrap();
    let (summary, marked, settled) = analyse(store, count, 0).await;
    println!("{summary:?}: written in {marked:.1?}, visible and settled in {settled:.1?} more");
    let filter = Filter::parse(r#"{"resource":{"contains":["team-5/"]}}"#).unwrap();
    store.create_rule(ANALYZER, "five", &filter, &Change::own()).await.unwrap();
    let started = Instant::now();
    let archived = store.apply_rule(ANALYZER, "five", &Change::own()).await.unwrap();
    println!("a rule archived {archived} in {:.1?}", started.elapsed());
    let (summary, marked, settled) = analyse(store, count, 1).await;
    println!("again, with one in a thousand changed: {summary:?} in {marked:.1?} and {settled:.1?}");
}

/// The longest that somebody else who writes has to wait, asked every 20 ms until it is stopped.
pub(crate) async fn longest_wait(store: Store, stop: tokio::sync::watch::Receiver<bool>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut n = 0_u32;
    while !*stop.borrow() {
        let started = Instant::now();
        store.tag("arn:load", &[("n".to_owned(), n.to_string())], &Change::own()).await.unwrap();
        longest = longest.max(started.elapsed());
        n += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    longest
}
