//! Any request of the AWS API: taking it apart never panics, and without the secret no signature is admitted.
#![no_main]

use arbitrary::Arbitrary;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use leastwise_server::auth::{Key, Scope, SignedRequest, Verifier, Visibility, pairs};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(u8, String, Vec<u8>)>,
    body: Vec<u8>,
    now: u32,
}

/// Names that have a meaning, so that these are met.
const NAMES: [&str; 6] = ["authorization", "x-amz-date", "host", "x-amz-content-sha256", "date", "x-amz-security-token"];

fuzz_target!(|request: Request| {
    let mut headers = HeaderMap::new();
    for (which, name, value) in &request.headers {
        let name = NAMES.get(usize::from(*which)).map_or(name.as_str(), |known| known);
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let asked = SignedRequest {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        authority: None,
        body: &request.body,
    };
    let gate = Verifier::signed(None);
    let key = Key::make(Scope::Read, Visibility::all(), None).expect("a key");
    if let Ok(Some(id)) = gate.named(&asked) {
        assert!(gate.admit(&asked, Some(Key { id, ..key }), i64::from(request.now)).is_err(), "a signature without the secret");
    }
    let _ = pairs(&request.query);
});
