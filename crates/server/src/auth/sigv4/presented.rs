//! The signature that a request presents, in its header or its query, taken apart.
//!
//! It only reads: whether the signature is right is for `verify`.

use leastwise::access::Timestamp;

use super::canonical::{SignedRequest, pairs};
use crate::auth::AuthError;

/// The only algorithm that is taken.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last word of every credential scope.
pub(super) const TERMINATOR: &str = "aws4_request";

/// A presented signature.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) key_id: String,
    /// The day of the credential scope, `20261122`.
    pub(super) day: String,
    pub(super) region: String,
    pub(super) service: String,
    /// Names of the signed headers, in lower case and in order.
    pub(super) signed: Vec<String>,
    pub(super) signature: [u8; 32],
    /// When it was signed, as it is written: `20261122T151949Z`.
    pub(super) stamp: String,
    /// When it was signed, in seconds since 1970.
    pub(super) at: i64,
    /// For how many seconds a presigned request is good; none for one that is signed in its header.
    pub(super) lifetime: Option<i64>,
}

impl Presented {
    /// Reads what a request presents.
    pub(super) fn of(asked: &SignedRequest<'_>) -> Result<Presented, AuthError> {
        let query = pairs(asked.query);
        let in_query = query.iter().any(|(name, _)| matches!(name.as_slice(), b"X-Amz-Algorithm" | b"X-Amz-Signature"));
        let mut in_header = asked.headers.get_all("authorization").iter();
        match (in_header.next(), in_query) {
            (None, false) => Err(AuthError::Unsigned),
            (Some(_), true) => Err(AuthError::Incomplete("the request is signed in its header and in its query".to_owned())),
            (Some(_), false) if in_header.next().is_some() => Err(incomplete("two `Authorization` headers")),
            (Some(value), false) => {
                let value = value.to_str().map_err(|_| incomplete("an unreadable `Authorization` header"))?;
                Presented::in_header(asked, value)
            }
            (None, true) => Presented::in_query(&query),
        }
    }

    fn in_header(asked: &SignedRequest<'_>, value: &str) -> Result<Presented, AuthError> {
        let (algorithm, rest) = value.trim().split_once(' ').unwrap_or((value, ""));
        supported(algorithm)?;
        let part = |name: &str| {
            let mut found = rest.split(',').filter_map(|part| part.trim().split_once('=')).filter(|(n, _)| *n == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(value.to_owned()),
                (None, _) => Err(incomplete(&format!("no `{name}` in the `Authorization` header"))),
                (Some(_), Some(_)) => Err(incomplete(&format!("`{name}` twice in the `Authorization` header"))),
            }
        };
        let date = asked.headers.get("x-amz-date").or_else(|| asked.headers.get("date"));
        let date = date.and_then(|value| value.to_str().ok()).ok_or_else(|| incomplete("neither `X-Amz-Date` nor `Date`"))?;
        let at = point(date).or_else(|| httpdate::parse_http_date(date).ok().and_then(seconds));
        let at = at.ok_or_else(|| incomplete("a date that is none"))?;
        Presented::of_parts(&part("Credential")?, &part("SignedHeaders")?, &part("Signature")?, at, None)
    }

    fn in_query(query: &[(Vec<u8>, Vec<u8>)]) -> Result<Presented, AuthError> {
        let part = |name: &str| {
            let mut found = query.iter().filter(|(n, _)| n == name.as_bytes());
            match (found.next(), found.next()) {
                (Some((_, value)), None) => {
                    String::from_utf8(value.clone()).map_err(|_| incomplete(&format!("an unreadable `{name}`")))
                }
                (None, _) => Err(incomplete(&format!("no `{name}` in the query"))),
                (Some(_), Some(_)) => Err(incomplete(&format!("`{name}` twice in the query"))),
            }
        };
        supported(&part("X-Amz-Algorithm")?)?;
        let at = point(&part("X-Amz-Date")?).ok_or_else(|| incomplete("a date that is none"))?;
        let lifetime = part("X-Amz-Expires")?.parse::<i64>().ok().filter(|seconds| (1..=LONGEST_LIFETIME).contains(seconds));
        let lifetime = lifetime.ok_or_else(|| incomplete("`X-Amz-Expires` that is not from 1 to 604800"))?;
        let (credential, signed) = (part("X-Amz-Credential")?, part("X-Amz-SignedHeaders")?);
        Presented::of_parts(&credential, &signed, &part("X-Amz-Signature")?, at, Some(lifetime))
    }

    fn of_parts(credential: &str, signed: &str, signature: &str, at: i64, lifetime: Option<i64>) -> Result<Presented, AuthError> {
        let mut scope = credential.split('/').map(str::to_owned);
        let (key_id, day, region, service) = (scope.next(), scope.next(), scope.next(), scope.next());
        let (Some(key_id), Some(day), Some(region), Some(service), Some(TERMINATOR), None) =
            (key_id, day, region, service, scope.next().as_deref(), scope.next())
        else {
            return Err(incomplete("a `Credential` that is not `key/day/region/service/aws4_request`"));
        };
        let signed: Vec<String> = signed.split(';').map(str::to_owned).collect();
        let ordered = signed.is_sorted_by(|a, b| a < b);
        let plain = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase());
        if !ordered || !signed.iter().all(plain) {
            return Err(incomplete("`SignedHeaders` that are not in lower case and in order"));
        }
        let signature = digits(signature).ok_or_else(|| incomplete("a `Signature` that is not 64 hexadecimal digits"))?;
        Ok(Presented { key_id, day, region, service, signed, signature, stamp: stamp(at), at, lifetime })
    }
}

/// The longest life of a presigned request: a week.
const LONGEST_LIFETIME: i64 = 604_800;

fn incomplete(what: &str) -> AuthError {
    AuthError::Incomplete(format!("the request has {what}"))
}

fn supported(algorithm: &str) -> Result<(), AuthError> {
    let refusal = || AuthError::Incomplete(format!("only {ALGORITHM} is taken"));
    if algorithm == ALGORITHM { Ok(()) } else { Err(refusal()) }
}

/// `20261122T151949Z` as seconds since 1970.
fn point(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let right = text.len() == 16 && text.get(8..9) == Some("T") && text.ends_with('Z');
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    let read = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"));
    read.filter(|_| right).map(Timestamp::seconds)
}

/// The point in the form that signatures have.
fn stamp(at: i64) -> String {
    Timestamp::from_seconds(at).to_string().replace(['-', ':'], "")
}

fn seconds(time: std::time::SystemTime) -> Option<i64> {
    time.duration_since(std::time::UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_secs()).ok())
}

fn digits(text: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if text.len() != 64 || text.bytes().any(|b| !b.is_ascii_hexdigit() || b.is_ascii_uppercase()) {
        return None;
    }
    for (at, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_point_in_time_is_read_only_in_its_one_form() {
        let at = point("20150830T123600Z").unwrap();
        assert_eq!((at, stamp(at).as_str()), (1_440_938_160, "20150830T123600Z"));
        for wrong in ["20150830T123600", "2015083T1236000Z", "20151330T123600Z", "20150830 123600Z", "20150830T1236ääZ", ""] {
            assert_eq!(point(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_signature_has_64_lower_case_digits() {
        assert!(digits(&"0a".repeat(32)).is_some());
        for wrong in ["0A".repeat(32), "0a".repeat(31), "0g".repeat(32), "é".repeat(32)] {
            assert_eq!(digits(&wrong), None);
        }
    }
}
