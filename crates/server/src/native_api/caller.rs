//! Who calls the own API: a session of the dashboard, a key as a bearer token, or a user with name and password (HTTP Basic).
//!
//! The extractor of every operation but the document. It makes no session, and every failed password counts for the throttle. What a path
//! names and the caller does not see is refused here, for all operations at once.

use std::net::IpAddr;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;
use crate::access_analyzer::usable;
use crate::auth::password;
use crate::auth::{Key, Visibility};
use crate::clock;
use crate::connections::Peer;
use crate::dashboard::site::Site;
use crate::dashboard::visitor::{Level, from_here, names_this_machine, same, session};
use crate::dashboard::{is_name, whose};
use crate::store::Change;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// `user:NAME` or `key:ID`, for the log of changes.
    actor: String,
    level: Level,
    /// What the caller sees.
    pub(super) visible: Visibility,
}

impl Caller {
    /// Lets a change through.
    pub(super) fn changes(&self, level: Level) -> Result<Change, Problem> {
        if self.level < level {
            return Err(Problem::forbidden("this needs a wider scope than the caller has"));
        }
        Ok(Change::by(self.actor.clone()))
    }

    /// That the caller sees all accounts.
    pub(super) fn sees_all(&self) -> Result<(), Problem> {
        if self.visible.is_all() {
            Ok(())
        } else {
            Err(Problem::forbidden("this concerns all accounts, and the caller sees some"))
        }
    }
}

/// Id and secret of an `Authorization: Bearer ID.SECRET` header.
fn bearer(headers: &HeaderMap) -> Option<(&str, &str)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") { token.trim().split_once('.') } else { None }
}

/// The caller of a bearer token: the id of a key and its secret. A key that is unknown, taken back or expired is the same as a wrong secret.
async fn of_key(site: &Site, id: &str, secret: &str) -> Result<Caller, Problem> {
    let row = if id.len() <= MAX_KEY_ID { site.store().key(id).await? } else { None };
    let key = row.and_then(|row| usable(row, site.units()));
    let is_good =
        |key: &Key| same(secret, key.secret.expose()) && key.expires.is_none_or(|end| end.seconds() > clock::now().seconds());
    let key = key.filter(is_good).ok_or_else(Problem::unauthorized)?;
    let level = Level::parse(key.scope.as_str());
    Ok(Caller { actor: format!("key:{}", key.id), level, visible: key.visible })
}

/// The longest id of a key.
const MAX_KEY_ID: usize = 64;

/// Name and password of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok()).flatten()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// Who calls, whatever is asked.
async fn identified(parts: &Parts, site: &Site) -> Result<Caller, Problem> {
    from_here(&parts.method, &parts.headers).map_err(|_| Problem::forbidden("the request came from another site"))?;
    if site.entrance().open {
        return if names_this_machine(&parts.headers) {
            Ok(Caller { actor: "user:anybody".to_owned(), level: Level::Administer, visible: Visibility::all() })
        } else {
            Err(Problem::forbidden("without sign-in, only this machine may ask, by its own name"))
        };
    }
    if let Some(session) = session(site, &parts.headers).await? {
        let visible = site.units().visibility(&session.accounts);
        return Ok(Caller { level: Level::parse(&session.scopes), actor: format!("user:{}", session.user), visible });
    }
    if let Some((id, secret)) = bearer(&parts.headers) {
        return of_key(site, id, secret).await;
    }
    let Some((name, given)) = basic(&parts.headers) else { return Err(Problem::unauthorized()) };
    let now = clock::now();
    let address = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let user = if is_name(&name) { site.store().user(&name).await? } else { None };
    site.throttle().attempt(whose(&name, user.as_ref()), address, now).map_err(Problem::wait)?;
    let known = user.as_ref().map(|user| user.password.clone());
    if !password::fits(given, known).await {
        return Err(Problem::unauthorized());
    }
    let Some(user) = user else { return Err(Problem::unauthorized()) };
    site.throttle().succeed(&user.name, address, now);
    let visible = site.units().visibility(&user.accounts);
    Ok(Caller { actor: format!("user:{}", user.name), level: Level::parse(&user.scopes), visible })
}

impl FromRequestParts<Site> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Caller, Problem> {
        let caller = identified(parts, site).await?;
        let named = RawPathParams::from_request_parts(parts, site).await.map_err(|error| Problem::bad(error.to_string()))?;
        site.admits_path(&caller.visible, parts.uri.path(), &named).await?;
        Ok(caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_have_colons() {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode("ana:a:b")).parse().unwrap());
        assert_eq!(basic(&headers), Some(("ana".to_owned(), "a:b".to_owned())));
        headers.insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
        assert_eq!((basic(&headers), bearer(&headers)), (None, None));
        headers.insert(header::AUTHORIZATION, "bearer LWAK1.a-b_c".parse().unwrap());
        assert_eq!(bearer(&headers), Some(("LWAK1", "a-b_c")));
    }
}
