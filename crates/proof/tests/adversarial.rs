//! Documents made to be hard: each proof ends soon, with a verdict or with "too complex", and never with a false "holds".

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use leastwise_policy::{Catalogue, Policy, Unused};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access, no_public_access};
use leastwise_proof::{Claim, Claims, Verdict, prove};

/// Far above what is seen, as machines differ; an exponential search would not end in a year.
const SOON: Duration = Duration::from_secs(20);

/// How long this thread has worked, which the load of the machine does not change much.
fn worked() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).map_or(Duration::ZERO, Duration::from_nanos)
}

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

/// How large the documents are.
fn bytes() -> usize {
    std::env::var("LEASTWISE_BYTES").ok().and_then(|text| text.parse().ok()).unwrap_or(150_000)
}

/// Statements until the document is as large as `LEASTWISE_BYTES` says: a megabyte is what one may have.
fn largest(statement: impl Fn(usize) -> String) -> String {
    let mut text = r#"{"Version":"2012-10-17","Statement":["#.to_owned();
    for n in 0.. {
        let next = statement(n);
        if text.len() + next.len() > bytes() {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&next);
    }
    text + "]}"
}

fn allow(action: &str, rest: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":"{action}",{rest}}}"#)
}

fn deny(action: &str, rest: &str) -> String {
    allow(action, rest).replacen("Allow", "Deny", 1)
}

fn on(resource: &str) -> String {
    format!(r#""Resource":"{resource}""#)
}

fn values(operator: &str, key: &str, value: impl Fn(usize) -> String, count: usize) -> String {
    let values: Vec<String> = (0..count).map(|n| format!("\"{}\"", value(n))).collect();
    format!(r#""Condition":{{"{operator}":{{"{key}":[{}]}}}}"#, values.join(","))
}

fn one(statement: String) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#)
}

/// Documents of that size, each with what makes some search long, and one to compare it with.
fn shapes() -> Vec<(&'static str, PolicyKind, String, String)> {
    let identity = PolicyKind::Identity;
    let s3 = |n: usize, tail: &str| on(&format!("arn:aws:s3:::{n}{tail}"));
    let condition = r#","Condition":{"Bool":{"a:b":"true"}}"#;
    let role = |n: usize| {
        format!(r#""Principal":{{"AWS":["arn:aws:iam::{}:role/r{n}"]}},"Resource":"*""#, 111_111_111_111_u64 + n as u64)
    };
    let roles: Vec<String> =
        (0..bytes() / 60).map(|n| format!("\"arn:aws:iam::{}:role/r{n}\"", 111_111_111_111_u64 + n as u64)).collect();
    let stars = |n: usize| format!("arn:aws:s3:::{}{n}{}", "*a".repeat(20), "?b*".repeat(10));
    let long = format!("arn:aws:s3:::{}", "a".repeat(bytes() / 2));
    let hard = format!("arn:aws:s3:::{}b", "*a".repeat(bytes() / 4));
    let key = |n: usize| format!(r#""Resource":"*","Condition":{{"StringLike":{{"k{n}:x":"a{n}*"}}}}"#);
    let variable = |n: usize| on(&format!("arn:aws:s3:::b/${{k{n}:v}}/{n}*"));
    let many_lines = |n: usize| {
        let lines: Vec<String> = (0..6).map(|k| format!("\"k:{k}\":[\"${{a:{n}}}\",\"${{b:{n}}}\",\"c{n}\"]")).collect();
        format!(r#""Resource":"*","Condition":{{"StringLike":{{{}}}}}"#, lines.join(","))
    };
    vec![
        (
            "allows and denies",
            identity,
            largest(|n| allow("*", &on(&format!("a{n}")))),
            largest(|n| if n % 2 == 0 { allow("*", &on(&format!("a{n}"))) } else { deny("*", &on(&format!("d{n}*"))) }),
        ),
        (
            "denies of one and the other",
            identity,
            largest(|n| if n % 2 == 0 { allow("*", &on("*")) } else { deny("*", &on(&format!("e{n}*"))) }),
            largest(|n| if n % 2 == 0 { allow("s3:*", &on("*")) } else { deny("*", &on(&format!("d{n}*"))) }),
        ),
        ("conditions dropped", identity, largest(|n| allow("*", &(s3(n, "") + condition))), largest(|n| allow("*", &s3(n, "*")))),
        (
            "every statement the same but for one letter",
            identity,
            largest(|n| allow("*", &s3(n, "x"))),
            largest(|n| allow("*", &s3(n, "?"))),
        ),
        ("equal documents", identity, largest(|n| allow("s3:Get*", &s3(n, "*"))), largest(|n| allow("s3:Get?*", &s3(n, "*")))),
        (
            "numbers",
            identity,
            one(allow("*", &format!("{},{}", on("*"), values("NumericEquals", "x:k", |n| n.to_string(), bytes() / 10)))),
            one(allow("*", &format!("{},{}", on("*"), values("NumericEquals", "x:k", |n| (n + 1).to_string(), bytes() / 10)))),
        ),
        (
            "dates",
            identity,
            one(allow(
                "*",
                &format!("{},{}", on("*"), values("DateEquals", "aws:CurrentTime", |n| (n * 7).to_string(), bytes() / 11)),
            )),
            one(allow(
                "*",
                &format!("{},{}", on("*"), values("DateNotEquals", "aws:CurrentTime", |n| (n * 7 + 1).to_string(), bytes() / 11)),
            )),
        ),
        (
            "numbers in statements",
            identity,
            largest(|n| allow("*", &format!("{},{}", on("*"), values("NumericLessThan", "x:k", |_| n.to_string(), 1)))),
            largest(|n| allow("*", &format!("{},{}", on("*"), values("NumericGreaterThan", "x:k", |_| n.to_string(), 1)))),
        ),
        (
            "texts",
            identity,
            one(allow("*", &format!("{},{}", on("*"), values("StringLike", "x:k", |n| format!("*{n}?a*"), bytes() / 18)))),
            one(allow("*", &format!("{},{}", on("*"), values("StringLike", "x:k", |n| format!("*{n}a*"), bytes() / 18)))),
        ),
        (
            "roles",
            PolicyKind::Resource,
            largest(|n| allow("*", &role(n))),
            one(allow("*", &format!(r#""Principal":{{"AWS":[{}]}},"Resource":"*""#, roles.join(",")))),
        ),
        (
            "roles left out",
            PolicyKind::Resource,
            largest(|n| allow("*", &role(n).replacen("Principal", "NotPrincipal", 1))),
            largest(|n| deny("*", &role(n).replacen("Principal", "NotPrincipal", 1))),
        ),
        ("stars", identity, largest(|n| allow("s3:*", &on(&stars(n)))), largest(|n| allow("s3:*", &on(&stars(n + 1))))),
        ("one long pattern", identity, one(allow("*", &on(&hard))), one(allow("*", &on(&long)))),
        ("one long text", identity, one(allow("*", &on(&long))), one(allow("*", &on(&hard)))),
        ("keys", identity, largest(|n| allow("*", &key(n))), largest(|n| allow("*", &key(n + 1)))),
        ("variables", identity, largest(|n| allow("*", &variable(n))), largest(|n| allow("*", &variable(n * 2)))),
        ("alternatives", identity, largest(|n| allow("*", &many_lines(n))), largest(|n| allow("*", &many_lines(n + 1)))),
        (
            "names of actions",
            identity,
            largest(|n| allow(&format!("ec2:*a{n}*"), &on("*"))),
            largest(|n| allow(&format!("ec2:*a{n}?*"), &on("*"))),
        ),
        (
            "other actions",
            identity,
            largest(|n| allow("s3:Get*", &s3(n, "")).replacen("Action", "NotAction", 1)),
            largest(|n| allow(&format!("s{n}:Get*"), &s3(n, "*")).replacen("Action", "NotAction", 1)),
        ),
        (
            "no braces",
            identity,
            one(allow("*", &on(&"${".repeat(bytes() / 3)))),
            one(allow("*", &on(&"${a".repeat(bytes() / 4)))),
        ),
    ]
}

#[test]
fn hard_documents_are_decided_or_given_up_soon() {
    let soon = std::env::var("LEASTWISE_SOON").ok().and_then(|text| text.parse().ok()).map_or(SOON, Duration::from_millis);
    let mut slow = Vec::new();
    for (name, kind, existing, new) in shapes() {
        let (existing, new) = (Policy::parse(&existing).expect(name), Policy::parse(&new).expect(name));
        for (direction, old, new) in [("", &existing, &new), (" the other way", &new, &existing), (" and itself", &new, &new)] {
            let begin = worked();
            let answer = no_new_access(&[old], &[new], kind, Catalogue::embedded());
            let compared = worked() - begin;
            assert!(!matches!(&answer, Comparison::Undecided(reason) if reason.contains("internal")), "{name}{direction}");
            let begin = worked();
            let claims =
                prove(old, std::slice::from_ref(new), &Unused::parse("s3:GetObject\nec2\n").unwrap(), Catalogue::embedded());
            let proved = worked() - begin;
            assert!(!claims.iter().any(|(_, verdict)| matches!(verdict, Verdict::Disputed(_))), "{name}{direction}: {claims:?}");
            let begin = worked();
            if kind == PolicyKind::Resource {
                let answer = no_public_access(new, "AWS::S3::Bucket", Catalogue::embedded());
                assert!(!matches!(&answer, Comparison::Undecided(reason) if reason.contains("internal")), "{name}{direction}");
            }
            let public = worked() - begin;
            println!("{name}{direction}: compared {compared:?}, proved {proved:?}, public {public:?}");
            if compared > soon || proved > soon || public > soon {
                slow.push(format!("{name}{direction}: {compared:?} {proved:?} {public:?}"));
            }
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
