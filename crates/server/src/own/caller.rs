//! Who calls the own API: a session of the dashboard, or a user with name and password (HTTP Basic).
//!
//! The extractor of every operation but the document. It makes no session, and every failed password counts for the throttle.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;
use crate::clock;
use crate::dashboard::site::Site;
use crate::dashboard::visitor::{Level, from_here, names_this_machine, session};
use crate::dashboard::{password, throttled};
use crate::store::Change;

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    name: String,
    level: Level,
}

impl Caller {
    /// Lets a change through.
    pub(super) fn changes(&self, level: Level) -> Result<Change, Problem> {
        if self.level < level {
            return Err(Problem::forbidden("you may look, but not change this"));
        }
        Ok(Change::by(format!("user:{}", self.name)))
    }
}

/// Name and password of an `Authorization: Basic` header.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    let bytes = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(text.trim()).ok()).flatten()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

impl FromRequestParts<Site> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Caller, Problem> {
        from_here(&parts.method, &parts.headers).map_err(|_| Problem::forbidden("the request came from another site"))?;
        if site.entrance().open {
            return if names_this_machine(&parts.headers) {
                Ok(Caller { name: "anybody".to_owned(), level: Level::Administer })
            } else {
                Err(Problem::forbidden("without sign-in, only this machine may ask, by its own name"))
            };
        }
        if let Some(session) = session(site, &parts.headers).await? {
            return Ok(Caller { level: Level::parse(&session.scopes), name: session.user });
        }
        let Some((name, given)) = basic(&parts.headers) else { return Err(Problem::unauthorized()) };
        throttled(site, &name, clock::now()).map_err(Problem::wait)?;
        let user = site.store().user(&name).await?;
        let known = user.as_ref().map(|user| user.password.clone());
        if !password::fits(given, known).await {
            return Err(Problem::unauthorized());
        }
        site.throttle().succeed(&name);
        let level = user.map_or(Level::Read, |user| Level::parse(&user.scopes));
        Ok(Caller { name, level })
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
        assert_eq!(basic(&headers), None);
    }
}
