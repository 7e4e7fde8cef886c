//! Who asks for a page: somebody who is signed in, or anybody where no sign-in is needed; and what a browser must prove
//! before it may change something.
//!
//! The extractors of every page but sign-in: [`Visitor`] for looking, which asks for a session, and [`AuthorizedForm`] for changing, which
//! asks besides for the form's token, for the scope, and for a request that does not come from another site. They make no
//! session; `sign_in.rs` does.

use std::marker::PhantomData;

use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use sha2::{Digest, Sha256};

use super::fields::{Fields, Sent};
use super::site::{PageError, Site};
use crate::auth::Visibility;
use crate::clock;
use crate::store::{Analyzer, Change, OF_PROVIDER, Session, StoreError};

/// What a user may do; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Look.
    Read,
    /// Archive findings, make them active, accept recommendations.
    Archive,
    /// Everything: rules, analyzers, users, webhooks.
    Administer,
}

impl Level {
    /// The level of that name; nobody gets more than looking by a word that we do not know.
    pub(crate) fn parse(text: &str) -> Level {
        match text {
            "administer" => Level::Administer,
            "archive" => Level::Archive,
            _ => Level::Read,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    /// The user's name; empty where nobody signs in.
    pub(super) name: String,
    pub(super) level: Level,
    /// What the user sees.
    pub(crate) visible: Visibility,
    /// What forms have to repeat.
    pub(super) csrf: String,
    /// `light`, `dark`, or empty for what the system says.
    pub(super) theme: String,
    /// The address of the page, with its query.
    pub(super) address: String,
    pub(super) query: Fields,
    chosen: String,
}

impl Visitor {
    /// Whether the user may do so much.
    pub(super) fn may(&self, level: Level) -> bool {
        self.level >= level
    }

    /// Lets a change through: the user may make it, and the form came from our own page.
    fn changes(&self, form: &Fields, level: Level) -> Result<Change, PageError> {
        if !same(form.of("csrf"), &self.csrf) {
            return Err(PageError::Forbidden("The form is out of date. Go back, reload the page, and send it again."));
        }
        if !self.may(level) {
            return Err(PageError::Forbidden("You may look, but not change this."));
        }
        Ok(self.change())
    }

    /// A change by this user.
    fn change(&self) -> Change {
        Change::by(if self.name.is_empty() { "user:anybody".to_owned() } else { format!("user:{}", self.name) })
    }

    /// The analyzer that the user looks at: of the address, else the one chosen last, else the first.
    pub(super) async fn analyzer(&self, site: &Site) -> Result<Option<Analyzer>, StoreError> {
        let all = site.analyzers_for(&self.visible).await?;
        let asked = match self.query.of("analyzer") {
            "" => self.chosen.as_str(),
            asked => asked,
        };
        let found = all.iter().position(|analyzer| analyzer.name == asked).unwrap_or(0);
        Ok(all.into_iter().nth(found))
    }
}

/// Whether two secrets are the same; compared by their digests, so that time tells nothing.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    !other.is_empty() && digest(one) == digest(other)
}

/// A digest as hexadecimal digits.
pub(crate) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A random token of 256 bits.
pub(crate) fn token() -> Result<String, PageError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| PageError::Fault(format!("no randomness: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A token to make the first user with, and its digest.
///
/// # Errors
/// When the machine has no randomness.
pub(crate) fn setup_token() -> Result<(String, String), String> {
    let token = token().map_err(|refusal| refusal.told().2)?;
    let digest = digest(&token);
    Ok((token, digest))
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|one| one.trim().split_once('='))
        .find(|(own, _)| *own == name)
        .map(|(_, value)| value)
}

/// The name of a cookie: where TLS is certain, one that no other host or path can set.
pub(super) fn cookie_name(site: &Site, name: &str) -> String {
    if site.entrance().secure { format!("__Host-leastwise-{name}") } else { format!("leastwise-{name}") }
}

/// A cookie as it is set; an age of 0 takes it back.
pub(super) fn cookie_line(site: &Site, name: &str, value: &str, seconds: i64) -> String {
    let secure = if site.entrance().secure { "; Secure" } else { "" };
    format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}", cookie_name(site, name))
}

/// The session of a request, if it has one that counts. One of somebody whom the provider knows ends when the server does not let
/// them in any more, or lets them do or see something else.
pub(crate) async fn session(site: &Site, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
    let Some(cookie) = cookie(headers, &cookie_name(site, "session")) else { return Ok(None) };
    let Some(session) = site.store().session(&digest(cookie), clock::now()).await? else { return Ok(None) };
    let Some(name) = session.user.strip_prefix(OF_PROVIDER) else { return Ok(Some(session)) };
    if site.provider().is_some_and(|provider| provider.admits_still(name, &session.scopes, &session.accounts)) {
        return Ok(Some(session));
    }
    site.store().close_session(&session.digest, &Change::own()).await?;
    Ok(None)
}

/// Refuses what another site has a browser do.
pub(crate) fn from_here(method: &Method, headers: &HeaderMap) -> Result<(), PageError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let refused = Err(PageError::Forbidden("The request came from another site."));
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => Ok(()),
        Some(_) => refused,
        None => match (text("origin"), text("host")) {
            (None, _) => Ok(()),
            (Some(origin), Some(host)) if origin.split_once("://").is_some_and(|(_, own)| own == host) => Ok(()),
            _ => refused,
        },
    }
}

/// Whether a request to a server that lets everybody in names that machine itself: a page elsewhere may have its own name
/// lead to this address, and would read everything.
pub(crate) fn names_this_machine(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "localhost" | "[::1]") || name.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

impl FromRequestParts<Site> for Visitor {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Visitor, PageError> {
        from_here(&parts.method, &parts.headers)?;
        let address = parts.uri.path_and_query().map_or("/", |address| address.as_str()).to_owned();
        let query = Fields::parse(parts.uri.query().unwrap_or_default());
        let of_cookie = |name: &str| cookie(&parts.headers, &cookie_name(site, name)).unwrap_or_default().to_owned();
        let theme = Some(of_cookie("theme")).filter(|theme| theme == "dark" || theme == "light").unwrap_or_default();
        let chosen = of_cookie("analyzer");
        if site.entrance().open {
            if !names_this_machine(&parts.headers) {
                return Err(PageError::Forbidden("Without sign-in, only this machine may ask, by its own name."));
            }
            let csrf = site.store().secret("csrf").await?.iter().map(|byte| format!("{byte:02x}")).collect();
            let (name, visible) = (String::new(), Visibility::all());
            return Ok(Visitor { name, level: Level::Administer, visible, csrf, theme, address, query, chosen });
        }
        let Some(session) = session(site, &parts.headers).await? else {
            let back = if parts.method == Method::GET { address } else { "/".to_owned() };
            return Err(PageError::SignIn(back));
        };
        let level = Level::parse(&session.scopes);
        let visible = site.units().visibility(&session.accounts);
        let named = RawPathParams::from_request_parts(parts, site).await.map_err(|error| PageError::Bad(error.to_string()))?;
        site.admits_path(&visible, parts.uri.path(), &named).await?;
        Ok(Visitor { name: session.user, level, visible, csrf: session.csrf, theme, address, query, chosen })
    }
}

/// What a form needs its sender to be allowed.
pub(super) trait Needs: Send {
    /// So much.
    const LEVEL: Level;
}

/// Whoever may look may send the form.
pub(super) struct ToRead;
/// For those who may archive.
pub(super) struct ToArchive;
/// For administrators.
pub(super) struct ToAdminister;

impl Needs for ToRead {
    const LEVEL: Level = Level::Read;
}

impl Needs for ToArchive {
    const LEVEL: Level = Level::Archive;
}

impl Needs for ToAdminister {
    const LEVEL: Level = Level::Administer;
}

/// A form that asks for a change and was let through ([`Visitor::changes`]): the only way to one for pages behind the sign-in.
pub(super) struct AuthorizedForm<L> {
    pub(super) visitor: Visitor,
    pub(super) form: Fields,
    pub(super) change: Change,
    needs: PhantomData<L>,
}

impl<L: Needs> FromRequest<Site> for AuthorizedForm<L> {
    type Rejection = PageError;

    async fn from_request(request: Request, site: &Site) -> Result<AuthorizedForm<L>, PageError> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, site).await?;
        let Sent(form) = Sent::from_request(Request::from_parts(parts, body), site).await?;
        let change = visitor.changes(&form, L::LEVEL)?;
        Ok(AuthorizedForm { visitor, form, change, needs: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn what_another_site_sends_is_refused() {
        let may = |pairs: &[(&'static str, &str)]| from_here(&Method::POST, &headers(pairs)).is_ok();
        assert!(may(&[("sec-fetch-site", "same-origin")]) && may(&[("host", "a:1"), ("origin", "http://a:1")]) && may(&[]));
        assert!(!may(&[("sec-fetch-site", "cross-site")]) && !may(&[("sec-fetch-site", "same-site")]));
        assert!(!may(&[("host", "a:1"), ("origin", "http://b:1")]) && !may(&[("host", "a:1"), ("origin", "null")]));
        assert!(from_here(&Method::GET, &headers(&[("sec-fetch-site", "cross-site")])).is_ok());
    }

    #[test]
    fn a_name_that_leads_here_is_not_this_machine() {
        for own in ["localhost", "localhost:8787", "127.0.0.1:1", "127.1.2.3", "[::1]:8787", "[::1]"] {
            assert!(names_this_machine(&headers(&[("host", own)])), "{own}");
        }
        for other in ["evil.example:8787", "127.0.0.1.evil.example", "10.0.0.1", ""] {
            assert!(!names_this_machine(&headers(&[("host", other)])), "{other}");
        }
    }

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let headers = headers(&[("cookie", "a-theme=x; theme=dark; b=1")]);
        assert_eq!((cookie(&headers, "theme"), cookie(&headers, "heme")), (Some("dark"), None));
    }

    #[test]
    fn an_empty_secret_equals_nothing() {
        assert!(same("a", "a") && !same("", "") && !same("a", "b"));
        assert!(Level::parse("nonsense") == Level::Read && Level::Administer > Level::Archive);
    }
}
