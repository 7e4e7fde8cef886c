//! The canonical form of a request, which is what a signature signs ("Create a signed AWS API request", IAM User Guide).
//!
//! Bytes in, text out. It knows no keys and judges nothing; what is not in canonical form is brought into it, so that a
//! request that differs in meaning differs here too.

use std::fmt::Write;

use axum::http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};

/// What stands as it is in a canonical path or query; all else is percent-encoded.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// A request as it came.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, still percent-encoded.
    pub path: &'a str,
    /// The query, still percent-encoded; empty when there is none.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The name of the host as the request line gives it (HTTP/2), for when there is no `Host` header.
    pub authority: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
}

/// The pairs of a query, decoded, in the order in which they stand. A name without `=` has an empty value, and `+` is a
/// plus sign (RFC 3986), here as in the signature.
#[must_use]
pub fn pairs(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (decode(name), decode(value))
    };
    query.split('&').filter(|text| !text.is_empty()).map(pair).collect()
}

/// The bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The SHA-256 of the bytes, as hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The path without empty and dotted segments, encoded once more than it came (every service but S3 does so).
fn path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    let last = if path.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    percent_encode(format!("/{}{last}", kept.join("/")).as_bytes(), RESERVED_IN_PATH).to_string()
}

/// The query without the signature itself, encoded anew and in order.
fn query(query: &str) -> String {
    let encode = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string();
    let mut all: Vec<(String, String)> = pairs(query)
        .iter()
        .filter(|(name, _)| name != b"X-Amz-Signature")
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    all.sort_unstable();
    all.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// The value of a signed header: all of that name in their order, trimmed, with single blanks; none when there is none.
fn header(asked: &SignedRequest<'_>, name: &str) -> Option<Vec<u8>> {
    let trimmed = |value: &[u8]| {
        let words = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(&b' ')
    };
    let values: Vec<Vec<u8>> = asked.headers.get_all(name).iter().map(|value| trimmed(value.as_bytes())).collect();
    match (values.is_empty(), asked.authority) {
        (false, _) => Some(values.join(&b',')),
        (true, Some(authority)) if name == "host" => Some(authority.as_bytes().to_vec()),
        (true, _) => None,
    }
}

/// The canonical request, of which a signature signs the digest. `payload` is the digest of the body, or what stands
/// for it. None when a header is said to be signed and is not there.
pub(super) fn request(asked: &SignedRequest<'_>, signed: &[String], payload: &str) -> Option<Vec<u8>> {
    let mut out = format!("{}\n{}\n{}\n", asked.method, path(asked.path), query(asked.query)).into_bytes();
    for name in signed {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend(header(asked, name)?);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("\n{}\n{payload}", signed.join(";")).as_bytes());
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_once_more_than_it_came_and_loses_its_dots() {
        assert_eq!(path("/tags/arn%3Aaws%2Fx"), "/tags/arn%253Aaws%252Fx");
        assert_eq!(path("/a//b/./c/../d"), "/a/b/d");
        assert_eq!(path("/a/"), "/a/");
        assert_eq!(path("/"), "/");
        assert_eq!(path("//"), "/");
        assert_eq!(path("/../.."), "/");
        assert_eq!(path("/ä~!"), "/%C3%A4~%21");
    }

    #[test]
    fn a_query_is_sorted_and_encoded_anew_without_its_signature() {
        assert_eq!(query("b=2&a=1&a=0"), "a=0&a=1&b=2");
        assert_eq!(query("empty&also="), "also=&empty=");
        assert_eq!(query("k=a%2fb&X-Amz-Signature=00"), "k=a%2Fb");
        assert_eq!(query("k=a+b%20c"), "k=a%2Bb%20c", "a plus sign is a plus sign");
        assert_eq!(query("a%2Db=1&a=2"), "a=2&a-b=1");
        assert_eq!(query(""), "");
        assert_eq!(query("k=%C3%A4%zz"), "k=%C3%A4%25zz");
    }

    #[test]
    fn headers_of_one_name_are_joined_and_their_blanks_single() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "  one   two ".parse().unwrap());
        headers.append("x-a", "three".parse().unwrap());
        let asked = SignedRequest { method: "GET", path: "/", query: "", headers: &headers, authority: Some("h:1"), body: b"" };
        let text = String::from_utf8(request(&asked, &["host".into(), "x-a".into()], "p").unwrap()).unwrap();
        assert_eq!(text, "GET\n/\n\nhost:h:1\nx-a:one two,three\n\nhost;x-a\np");
        assert_eq!(request(&asked, &["x-b".into()], "p"), None);
    }
}
