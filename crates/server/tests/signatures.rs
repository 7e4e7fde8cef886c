//! Requests that botocore signed, held against our verification: what it signs is taken, and nothing that was changed since.
//!
//! The requests are in `data/signed_requests.json`, made by `scripts/refresh-signed-requests`; none of their signatures is by
//! our own code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use leastwise::access::{AccountId, Timestamp};
use leastwise_server::auth::{Admitted, AuthError, Key, Scope, Secret, SignedRequest, Verifier, Visibility};
use serde::Deserialize;

#[derive(Deserialize)]
struct Requests {
    key: String,
    secret: String,
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
struct Case {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    now: i64,
    expect: String,
}

impl Case {
    fn header(&mut self, name: &str) -> &mut String {
        &mut self.headers.iter_mut().find(|(own, _)| own == name).unwrap().1
    }

    fn is_presigned(&self) -> bool {
        self.query.contains("X-Amz-Signature")
    }
}

fn requests() -> Requests {
    serde_json::from_str(include_str!("data/signed_requests.json")).unwrap()
}

fn key(requests: &Requests) -> Key {
    Key {
        id: requests.key.clone(),
        secret: Secret::kept(requests.secret.clone()),
        scope: Scope::Archive,
        visible: Visibility::of(AccountId::parse("111122223333")),
        expires: None,
    }
}

fn ask_with(case: &Case, key: Option<Key>, gate: &Verifier) -> Result<Admitted, AuthError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let asked = SignedRequest {
        method: &case.method,
        path: &case.path,
        query: &case.query,
        headers: &headers,
        authority: None,
        body: case.body.as_bytes(),
    };
    gate.named(&asked)?;
    gate.admit(&asked, key, case.now)
}

fn ask(case: &Case) -> Result<Admitted, AuthError> {
    ask_with(case, Some(key(&requests())), &Verifier::signed(None))
}

fn code(result: &Result<Admitted, AuthError>) -> &'static str {
    result.as_ref().map_or_else(AuthError::code, |_| "ok")
}

#[test]
fn what_botocore_signs_is_taken_or_refused_as_aws_does() {
    let cases = requests().cases;
    assert!(cases.len() > 35);
    for case in cases {
        let result = ask(&case);
        assert_eq!(code(&result), case.expect, "{}: {result:?}", case.name);
        if let Ok(admitted) = result {
            assert_eq!(admitted.key.as_deref(), Some("LWAKVECTORVECTORVECT"));
            assert_eq!(admitted.scope, Scope::Archive);
        }
    }
}

/// Every change of a request that changes what it asks.
fn tampered(case: &Case) -> Vec<(&'static str, Case)> {
    let mut out = Vec::new();
    let mut with = |what: &'static str, change: &dyn Fn(&mut Case)| {
        let mut other = case.clone();
        change(&mut other);
        out.push((what, other));
    };
    with("another method", &|c| c.method = if c.method == "PUT" { "GET" } else { "PUT" }.to_owned());
    with("another path", &|c| c.path.push('x'));
    with("a path that is decoded once more", &|c| {
        let decoded = c.path.replacen("%2F", "/", 1).replacen("%25", "%", 1);
        c.path = if decoded == c.path { "/other".to_owned() } else { decoded };
    });
    with("one more of the query", &|c| {
        c.query = format!("{}&maxResults=9", c.query);
    });
    with("another body", &|c| c.body.push('x'));
    with("another host", &|c| c.header("host").push('0'));
    with("a header of AWS's that is not signed", &|c| c.headers.push(("x-amz-other".to_owned(), "1".to_owned())));
    if case.is_presigned() {
        with("a longer life", &|c| c.query = c.query.replace("X-Amz-Expires=", "X-Amz-Expires=1"));
        with("another time", &|c| c.query = c.query.replace("T153000Z", "T153001Z"));
        with("no signature", &|c| c.query = c.query.split("&X-Amz-Signature").next().unwrap().to_owned());
        with("two signatures", &|c| c.query = format!("{}&X-Amz-Signature={}", c.query, "0".repeat(64)));
        with("fewer signed headers", &|c| c.query = c.query.replace("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders="));
        with("also a header", &|c| c.headers.push(("authorization".to_owned(), "AWS4-HMAC-SHA256 x".to_owned())));
        return out;
    }
    with("another time", &|c| *c.header("x-amz-date") = "20261122T153001Z".to_owned());
    with("no time", &|c| c.headers.retain(|(name, _)| name != "x-amz-date"));
    with("another digit of the signature", &|c| {
        let value = c.header("authorization");
        let last = if value.ends_with('0') { "1" } else { "0" };
        value.replace_range(value.len() - 1.., last);
    });
    with("a shorter signature", &|c| c.header("authorization").truncate(200));
    with("a signature in capitals", &|c| {
        let value = c.header("authorization");
        let at = value.find("Signature=").unwrap() + 10;
        let upper = value[at..].to_uppercase();
        value.replace_range(at.., &upper);
    });
    with("another region", &|c| *c.header("authorization") = c.header("authorization").replace("-1/access-", "-2/access-"));
    with("another day", &|c| *c.header("authorization") = c.header("authorization").replace("/20261122/", "/20261123/"));
    with("another key", &|c| *c.header("authorization") = c.header("authorization").replace("LWAKV", "LWAKW"));
    with("no signed host", &|c| {
        let value = c.header("authorization");
        *value = value.replace("host;", "").replace(";host", "");
    });
    with("another algorithm", &|c| *c.header("authorization") = c.header("authorization").replace("HMAC-SHA256", "HMAC-SHA1"));
    with("two headers", &|c| {
        let value = c.header("authorization").clone();
        c.headers.push(("authorization".to_owned(), value));
    });
    with("signed headers out of order", &|c| {
        let value = c.header("authorization");
        *value = value.replace("host;", "zzz;host;");
    });
    out
}

#[test]
fn nothing_that_was_changed_after_signing_is_taken() {
    let mut refused = 0;
    for case in requests().cases.into_iter().filter(|case| case.expect == "ok") {
        for (what, other) in tampered(&case) {
            let result = ask(&other);
            assert!(result.is_err(), "{}, {what}: {result:?}", case.name);
            refused += 1;
        }
    }
    assert!(refused > 400, "{refused}");
}

#[test]
fn an_unsigned_request_and_an_unknown_key_have_their_own_errors() {
    let all = requests();
    let mut case = all.cases[0].clone();
    let gate = Verifier::signed(None);
    assert_eq!(code(&ask_with(&case, None, &gate)), "UnrecognizedClientException");
    let other = Key { id: "LWAKOTHER".to_owned(), ..key(&all) };
    assert_eq!(code(&ask_with(&case, Some(other), &gate)), "UnrecognizedClientException");
    let other = Key { secret: Secret::kept("another".to_owned()), ..key(&all) };
    assert_eq!(code(&ask_with(&case, Some(other), &gate)), "InvalidSignatureException");
    let past = Key { expires: Some(Timestamp::from_seconds(case.now)), ..key(&all) };
    assert_eq!(code(&ask_with(&case, Some(past), &gate)), "ExpiredTokenException");
    let later = Key { expires: Some(Timestamp::from_seconds(case.now + 1)), ..key(&all) };
    assert_eq!(code(&ask_with(&case, Some(later), &gate)), "ok");
    case.headers.retain(|(name, _)| name != "authorization");
    assert_eq!(code(&ask(&case)), "MissingAuthenticationTokenException");
    for broken in ["", "Basic dTpw", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0"] {
        case.headers.push(("authorization".to_owned(), broken.to_owned()));
        assert_eq!(code(&ask(&case)), "IncompleteSignatureException", "{broken}");
        case.headers.pop();
    }
}

#[test]
fn a_gate_of_one_region_takes_no_other() {
    let all = requests();
    let gate = |region: &str| Verifier::signed(Some(region.to_owned()));
    assert!(ask_with(&all.cases[0], Some(key(&all)), &gate("eu-west-1")).is_ok());
    assert_eq!(code(&ask_with(&all.cases[0], Some(key(&all)), &gate("eu-west-2"))), "InvalidSignatureException");
}

#[test]
fn a_change_is_taken_once_unless_it_was_not_carried_out() {
    let all = requests();
    let gate = Verifier::signed(None);
    let admitted = ask_with(&all.cases[0], Some(key(&all)), &gate).unwrap();
    let other = ask_with(&all.cases[1], Some(key(&all)), &gate).unwrap();
    let now = all.cases[0].now;
    assert_eq!(gate.once(&admitted, false, now), Ok(()));
    assert_eq!(gate.once(&admitted, false, now).unwrap_err().code(), "InvalidSignatureException");
    assert_eq!(gate.once(&other, false, now), Ok(()));
    gate.not_done(&admitted);
    assert_eq!(gate.once(&admitted, false, now), Ok(()));
    // With a client token it changes nothing twice, and a client that heard no answer sends the same.
    assert_eq!(gate.once(&admitted, true, now), Ok(()));
    let presigned = all.cases.iter().find(|case| case.is_presigned() && case.expect == "ok").unwrap();
    let presigned = ask_with(presigned, Some(key(&all)), &gate).unwrap();
    assert_eq!(gate.once(&presigned, true, now), Ok(()));
    assert!(gate.once(&presigned, true, now).is_err());
}

#[test]
fn scopes_include_those_before_and_accounts_are_a_limit() {
    let all = requests();
    let admitted = ask(&all.cases[0]).unwrap();
    assert_eq!(Scope::ALL.map(|scope| admitted.may(scope).is_ok()), [true, true, false]);
    assert_eq!(admitted.may(Scope::Administer).unwrap_err().code(), "AccessDeniedException");
    assert!(admitted.visible.sees("111122223333"));
    assert!(!admitted.visible.sees("444455556666"));
    assert!(admitted.sees_all().is_err());
}

#[test]
fn an_open_gate_lets_everybody_do_everything() {
    let mut case = requests().cases[0].clone();
    case.headers.clear();
    let admitted = ask_with(&case, None, &Verifier::open()).unwrap();
    assert_eq!((admitted.key.as_deref(), admitted.scope), (None, Scope::Administer));
    assert!(admitted.sees_all().is_ok());
}
