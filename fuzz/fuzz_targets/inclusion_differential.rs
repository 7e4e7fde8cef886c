//! Two policies and a request: the general comparison over all requests against the evaluator on this one.
//!
//! Where the comparison says that nothing is new, the request may not show otherwise; where it says that something is, its
//! own request has to. A policy includes itself unless that cannot be decided. Raw bytes are read as a case of
//! `leastwise evaluate --batch` besides, which may be refused but may not panic.
#![no_main]

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use leastwise_policy::evaluate::{Case, Context, Decision, PolicySet, Principal, Request};
use leastwise_policy::{ActionName, Catalogue, Policy, json};
use leastwise_proof::inclusion::{Comparison, PolicyKind, no_new_access};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let text = "leastwise-catalogue 1\nsource fuzz\nversion 1\ndate 2026-01-01\n\nservice s\tS\nactions\n ab\tR\n b\tR\n";
    Catalogue::parse(text.to_owned()).unwrap()
});

const ACTIONS: &[&str] = &["*", "s:*", "s:a", "s:a*", "S:?b", "s:*b", "t:a", "t:*"];
const RESOURCES: &[&str] = &[
    "*", "arn:x:::a:*", "arn:x:::a:a", "arn:x:*", "arn:x:::*:b", "arn:x:::?:a*", "arn:x:::a:${aws:one}", "arn:x:::a:${k:many, 'b'}*",
];
const KEYS: &[&str] = &["aws:one", "k:many", "AWS:One"];
const OPERATORS: &[&str] = &[
    "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "ArnLike", "NumericLessThan", "NumericEquals",
    "DateGreaterThan", "Bool", "IpAddress", "NotIpAddress", "BinaryEquals", "Null",
];
const VALUES: &[&str] = &[
    "a", "b", "ab", "A", "*", "a*", "?", "", "5", "5.5", "06", "true", "False", "10.0.0.0/8", "10.1.2.3", "::1", "2020-01-01", "1577836800",
    "${aws:one}", "${aws:one}*", "${k:many}", "arn:x:::a:${aws:one}", "YQ==", "arn:x:::a:a", "arn:x:::a:*",
];
const NAMES: &[&str] = &["s:a", "s:ab", "s:b", "t:a", "u:a"];
const PLACES: &[&str] = &["*", "arn:x:::a:a", "arn:x:::a:b", "arn:x:::b:a", "arn:x:::a:ab", "arn:x", "c"];
const PRINCIPALS: &[&str] = &[
    "*", "111122223333", "arn:aws:iam::111122223333:user/ana", "arn:aws:iam::111122223333:role/app",
    "arn:aws:sts::111122223333:assumed-role/app/s", "arn:aws:iam::444455556666:user/cy",
];

fn some(u: &mut Unstructured<'_>, from: &[&str], least: u8) -> Result<Value> {
    let count = u.int_in_range(least..=2)?;
    (0..count).map(|_| Ok(Value::from(*u.choose(from)?))).collect::<Result<Vec<_>>>().map(Value::from)
}

fn statement(u: &mut Unstructured<'_>, kind: PolicyKind) -> Result<Value> {
    let mut statement = Map::new();
    statement.insert("Effect".to_owned(), if u.ratio(1, 4)? { "Deny" } else { "Allow" }.into());
    statement.insert(if u.ratio(1, 5)? { "NotAction" } else { "Action" }.to_owned(), some(u, ACTIONS, 1)?);
    statement.insert(if u.ratio(1, 5)? { "NotResource" } else { "Resource" }.to_owned(), some(u, RESOURCES, 1)?);
    if kind == PolicyKind::Resource {
        let names = some(u, PRINCIPALS, 1)?;
        statement.insert(if u.ratio(1, 5)? { "NotPrincipal" } else { "Principal" }.to_owned(), json!({ "AWS": names }));
    }
    let mut block = Map::new();
    for _ in 0..u.int_in_range(0..=2u8)? {
        let mut operator = (*u.choose(&["", "", "", "ForAnyValue:", "ForAllValues:"])?).to_owned() + u.choose(OPERATORS)?;
        if u.ratio(1, 4)? && !operator.ends_with("Null") {
            operator += "IfExists";
        }
        block.insert(operator, json!({ *u.choose(KEYS)?: some(u, VALUES, 1)? }));
    }
    statement.insert("Condition".to_owned(), block.into());
    Ok(statement.into())
}

fn document(u: &mut Unstructured<'_>, kind: PolicyKind) -> Result<Policy> {
    let count = u.int_in_range(1..=3u8)?;
    let statements = (0..count).map(|_| statement(u, kind)).collect::<Result<Vec<_>>>()?;
    let version = if u.ratio(1, 8)? { "2008-10-17" } else { "2012-10-17" };
    Ok(Policy::parse(&json!({ "Version": version, "Statement": statements }).to_string()).unwrap())
}

fn request(u: &mut Unstructured<'_>, kind: PolicyKind) -> Result<Request> {
    let mut context = Context::default();
    for key in &KEYS[..2] {
        let most = if *key == "aws:one" { 1 } else { 2 };
        let count = u.int_in_range(0..=most)?;
        let values = (0..count).map(|_| u.choose(VALUES).copied()).collect::<Result<Vec<_>>>()?;
        context.insert(key, values);
    }
    let principal = match kind {
        PolicyKind::Identity => "arn:aws:iam::111122223333:user/ana",
        PolicyKind::Resource => u.choose(PRINCIPALS)?,
    };
    Ok(Request {
        principal: Principal::parse(principal).unwrap(),
        action: ActionName::parse(u.choose(NAMES)?).unwrap(),
        resource: (*u.choose(PLACES)?).into(),
        resource_account: Some(if kind == PolicyKind::Identity { "111122223333" } else { "000000000000" }.into()),
        context,
    })
}

fn allows(policy: &Policy, request: &Request, kind: PolicyKind) -> bool {
    static ALL: LazyLock<Policy> =
        LazyLock::new(|| Policy::parse(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#).unwrap());
    let set = match kind {
        PolicyKind::Identity => PolicySet { identity: vec![policy], ..PolicySet::default() },
        PolicyKind::Resource => PolicySet { identity: vec![&ALL], session: vec![&ALL], resource: Some(policy), ..PolicySet::default() },
    };
    set.evaluate(request).decision == Decision::Allowed
}

fn run(data: &[u8]) -> Result<()> {
    if let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.starts_with('{')) {
        if let Ok(case) = json::parse(text).map_err(drop).and_then(|node| Case::from_node(&node, text).map_err(drop)) {
            let _ = case.result();
            let _ = case.explain();
        }
        return Ok(());
    }
    let u = &mut Unstructured::new(data);
    let kind = if u.arbitrary()? { PolicyKind::Identity } else { PolicyKind::Resource };
    let (old, new) = (document(u, kind)?, document(u, kind)?);
    let shown = || format!("{}\n{}", old.text(), new.text());
    match no_new_access(&[&old], &[&new], kind, &CATALOGUE) {
        Comparison::Included => {
            for _ in 0..20 {
                let request = request(u, kind)?;
                assert!(!allows(&new, &request, kind) || allows(&old, &request, kind), "included, but {request:?}\n{}", shown());
            }
        }
        Comparison::NotIncluded(found) => {
            let mut request = found.request;
            if kind == PolicyKind::Resource && request.principal.account().is_some() {
                request.resource_account = Some("000000000000".into());
            }
            assert!(allows(&new, &request, kind) && !allows(&old, &request, kind), "not shown by {request:?}\n{}", shown());
        }
        Comparison::Undecided(reason) => assert!(!reason.contains("internal"), "{reason}\n{}", shown()),
    }
    let own = no_new_access(&[&new], &[&new], kind, &CATALOGUE);
    assert!(!matches!(own, Comparison::NotIncluded(_)), "new in itself\n{}", new.text());
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    run(data).ok();
});
