//! The gate: whether a request's signature is that of a known key, and of now.
//!
//! It compares in constant time, asks the clock nothing (the caller says what time it is), and admits or refuses; what an admitted
//! key may do to which operation is decided by `access_analyzer`, with what `Admitted` says.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::canonical::{self, SignedRequest};
use super::presented::{ALGORITHM, Presented, TERMINATOR};
use super::replay::{Seen, Sight};
use crate::auth::{AuthError, Key, Scope, Visibility};

/// The name of the service in credential scopes.
pub const SERVICE: &str = "access-analyzer";
/// How far the client's clock may be from ours, in seconds (AWS: 15 minutes).
const SKEW: i64 = 15 * 60;
/// What stands for the digest of a body that is not signed.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Whom a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The key's id, for the audit log; none without signatures.
    pub key: Option<String>,
    /// What it may do.
    pub scope: Scope,
    /// The accounts whose findings it sees.
    pub visible: Visibility,
    /// The signature, and until when it is good in seconds since 1970; none without signatures.
    signature: Option<([u8; 32], i64)>,
    /// Whether the signature is in the query.
    is_presigned: bool,
}

impl Admitted {
    /// Whether it may do what needs `scope`.
    ///
    /// # Errors
    /// [`AuthError::Denied`].
    pub fn may(&self, scope: Scope) -> Result<(), AuthError> {
        if self.scope >= scope {
            return Ok(());
        }
        let (has, needs) = (self.scope.as_str(), scope.as_str());
        Err(AuthError::Denied(format!("the access key's scope is `{has}`; this needs `{needs}`")))
    }

    /// Whether it sees all accounts, and so may change what concerns them all.
    ///
    /// # Errors
    /// [`AuthError::Denied`].
    pub fn sees_all(&self) -> Result<(), AuthError> {
        if self.visible.is_all() {
            return Ok(());
        }
        Err(AuthError::Denied("the access key is for some accounts; this concerns all".to_owned()))
    }
}

/// Verifies requests.
#[derive(Debug)]
pub struct Verifier {
    /// Whether everybody is let in.
    open: bool,
    /// The region that credential scopes must name; none for any.
    region: Option<String>,
    seen: Seen,
}

impl Verifier {
    /// A gate that asks for signatures. `region` is the one that they must name; none takes any.
    #[must_use]
    pub fn signed(region: Option<String>) -> Verifier {
        Verifier { open: false, region, seen: Seen::default() }
    }

    /// A gate that lets everybody do everything: for tests and for a machine with one user. The caller must bind to
    /// loopback alone.
    #[must_use]
    pub fn open() -> Verifier {
        Verifier { open: true, region: None, seen: Seen::default() }
    }

    /// The id of the key that a request names, or none when everybody is let in.
    ///
    /// # Errors
    /// When the request is not signed, or its signature's parts are unreadable.
    pub fn named(&self, asked: &SignedRequest<'_>) -> Result<Option<String>, AuthError> {
        if self.open { Ok(None) } else { Presented::of(asked).map(|presented| Some(presented.key_id)) }
    }

    /// Whom the request comes from. `key` is the one that it names, if there is such a key; `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When the request is not signed, its signature is wrong, or it is too old or of the future.
    pub fn admit(&self, asked: &SignedRequest<'_>, key: Option<Key>, now: i64) -> Result<Admitted, AuthError> {
        if self.open {
            return Ok(Admitted {
                key: None,
                scope: Scope::Administer,
                visible: Visibility::all(),
                signature: None,
                is_presigned: false,
            });
        }
        let presented = Presented::of(asked)?;
        let key = key.filter(|key| key.id == presented.key_id).ok_or(AuthError::UnknownKey)?;
        self.check_scope(&presented)?;
        check_headers(asked, &presented)?;
        let payload = payload(asked)?;
        let canonical = canonical::request(asked, &presented.signed, &payload)
            .ok_or_else(|| invalid("a header is said to be signed and is not there"))?;
        let Presented { stamp, day, region, service, .. } = &presented;
        let digest = canonical::digest(&canonical);
        let to_sign = format!("{ALGORITHM}\n{stamp}\n{day}/{region}/{service}/{TERMINATOR}\n{digest}");
        if !is_signature(&key, &presented, &to_sign) {
            return Err(invalid("the signature is not the one of this request; check the secret key and how it is signed"));
        }
        // Only who has the secret learns what is wrong with the time.
        let until = check_time(&presented, now)?;
        if key.expires.is_some_and(|end| end.seconds() <= now) {
            return Err(AuthError::ExpiredKey);
        }
        Ok(Admitted {
            key: Some(presented.key_id),
            scope: key.scope,
            visible: key.visible,
            signature: Some((presented.signature, until)),
            is_presigned: presented.lifetime.is_some(),
        })
    }

    /// Takes note of a change that is about to be carried out. One that is `repeatable` does nothing the second time, as those
    /// with a client token; it may come again, unless it is presigned and so good for long.
    ///
    /// # Errors
    /// When the same signature was carried out before.
    pub fn once(&self, admitted: &Admitted, repeatable: bool, now: i64) -> Result<(), AuthError> {
        let Some((signature, until)) = admitted.signature else { return Ok(()) };
        if repeatable && !admitted.is_presigned {
            return Ok(());
        }
        match self.seen.look(signature, until, now) {
            Sight::First => Ok(()),
            Sight::Again => Err(invalid("this signature was used before; sign every change anew")),
            Sight::Full => Err(invalid("too many changes at once; sign this one anew later")),
        }
    }

    /// Takes back what [`Verifier::once`] noted, when the change was not carried out.
    pub fn not_done(&self, admitted: &Admitted) {
        if let Some((signature, _)) = admitted.signature {
            self.seen.forget(signature);
        }
    }

    fn check_scope(&self, presented: &Presented) -> Result<(), AuthError> {
        if presented.service != SERVICE {
            return Err(invalid(&format!("the credential scope names another service than `{SERVICE}`")));
        }
        if presented.region.is_empty() || self.region.as_ref().is_some_and(|region| *region != presented.region) {
            return Err(invalid("the credential scope names another region"));
        }
        if presented.stamp.get(..8) != Some(presented.day.as_str()) {
            return Err(invalid("the credential scope names another day than the signature"));
        }
        Ok(())
    }
}

fn invalid(why: &str) -> AuthError {
    AuthError::Invalid(why.to_owned())
}

/// The host has to be signed, and everything that AWS gives a meaning.
fn check_headers(asked: &SignedRequest<'_>, presented: &Presented) -> Result<(), AuthError> {
    let signed = |name: &str| presented.signed.iter().any(|signed| signed == name);
    if !signed("host") {
        return Err(invalid("`host` is not among the signed headers"));
    }
    let dated = presented.lifetime.is_some() || asked.headers.contains_key("x-amz-date") || signed("date");
    if !dated {
        return Err(invalid("`date` is not among the signed headers"));
    }
    match asked.headers.keys().find(|name| name.as_str().starts_with("x-amz-") && !signed(name.as_str())) {
        Some(name) => Err(invalid(&format!("`{name}` is not among the signed headers"))),
        None => Ok(()),
    }
}

/// What is signed of the body. The provider's model has no operation whose body may stay unsigned.
fn payload(asked: &SignedRequest<'_>) -> Result<String, AuthError> {
    let digest = canonical::digest(asked.body);
    match asked.headers.get("x-amz-content-sha256").map(|value| value.as_bytes()) {
        None => Ok(digest),
        Some(value) if value == digest.as_bytes() => Ok(digest),
        Some(value) if value == UNSIGNED_PAYLOAD.as_bytes() && asked.body.is_empty() => Ok(UNSIGNED_PAYLOAD.to_owned()),
        Some(value) if value == UNSIGNED_PAYLOAD.as_bytes() => Err(invalid("the body is not signed")),
        Some(_) => Err(invalid("`x-amz-content-sha256` is not the digest of the body")),
    }
}

/// Until when the signature is good.
fn check_time(presented: &Presented, now: i64) -> Result<i64, AuthError> {
    let Presented { at, lifetime, .. } = *presented;
    if at > now.saturating_add(SKEW) {
        return Err(invalid("the signature is not yet current: the client's clock is fast, or ours is slow"));
    }
    match lifetime {
        Some(lifetime) if at.saturating_add(lifetime) < now => {
            Err(AuthError::Expired("the presigned request has expired".to_owned()))
        }
        Some(lifetime) => Ok(at.saturating_add(lifetime)),
        None if at < now.saturating_sub(SKEW) => Err(invalid("the signature has expired: it is older than 15 minutes")),
        None => Ok(at.saturating_add(SKEW)),
    }
}

fn is_signature(key: &Key, presented: &Presented, to_sign: &str) -> bool {
    let first = format!("AWS4{}", key.secret.expose()).into_bytes();
    let parts = [presented.day.as_str(), presented.region.as_str(), presented.service.as_str(), TERMINATOR];
    let signing = parts.iter().try_fold(first, |key, part| Some(mac(&key, part.as_bytes())?.finalize().into_bytes().to_vec()));
    // `verify_slice` compares in constant time.
    let signed = signing.and_then(|key| mac(&key, to_sign.as_bytes()));
    signed.is_some_and(|mac| mac.verify_slice(&presented.signature).is_ok())
}

/// An HMAC takes keys of any length, so there always is one.
fn mac(key: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text);
    Some(mac)
}
