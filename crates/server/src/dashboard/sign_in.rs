//! Signing in and out with a password, and making the first user with the token that the server printed.
//!
//! The only place besides `oidc.rs` that makes a session: a random token of 256 bits in a cookie, its digest in the store. It
//! says the same of a wrong name and of a wrong password.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};

use super::assets;
use super::fields::{Fields, Sent};
use super::site::{PageError, Site, local};
use super::visitor::{AuthorizedForm, ToRead, cookie, cookie_line, cookie_name, digest, from_here, same, session, token};
use crate::auth::password;
use crate::auth::throttle::Name;
use crate::clock;
use crate::connections::Peer;
use crate::store::{Change, Session, User};

/// For how many seconds a session lasts: 12 hours.
const SESSION: i64 = 12 * 3600;

#[derive(Template)]
#[template(path = "alone.html")]
struct Alone {
    theme: String,
    style: String,
    icon: String,
    title: &'static str,
    says: &'static str,
    action: &'static str,
    error: String,
    csrf: String,
    back: String,
    token_asked: bool,
    token: String,
    name: String,
    password_kind: &'static str,
    button: &'static str,
    provider: String,
    provider_href: String,
}

fn form(site: &Site, headers: &HeaderMap, setting_up: bool, sent: &Fields, error: String) -> Result<Response, PageError> {
    let csrf = token()?;
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let theme = cookie(headers, &cookie_name(site, "theme")).filter(|theme| matches!(*theme, "dark" | "light"));
    let page = Alone {
        theme: theme.unwrap_or_default().to_owned(),
        style: assets::address("dashboard.css"),
        icon: assets::address("icon.svg"),
        title: if setting_up { "Make the first user" } else { "Sign in" },
        says: if setting_up {
            "Nobody can sign in yet. The first user may do everything."
        } else {
            "To look at findings, archive them, and get recommendations."
        },
        action: if setting_up { "/setup" } else { "/sign-in" },
        error,
        provider_href: format!("/sign-in/oidc?back={}", super::text::encoded(local(sent.of("back")))),
        back: local(sent.of("back")).to_owned(),
        token_asked: setting_up,
        token: bounded(sent.of("token")),
        name: bounded(sent.of("name")),
        password_kind: if setting_up { "new-password" } else { "current-password" },
        button: if setting_up { "Make the user and sign in" } else { "Sign in" },
        provider: if setting_up {
            String::new()
        } else {
            site.provider().map(|provider| provider.name.clone()).unwrap_or_default()
        },
        csrf: csrf.clone(),
    };
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie_line(site, "form", &csrf, 3600))]);
    Ok((status, cookies, Html(page.render()?)).into_response())
}

/// As much of a text as a form shows again.
fn bounded(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

/// The most characters of a field that are shown again.
const MAX_SHOWN: usize = 128;

/// The form comes from the page that we gave to this browser.
fn genuine(site: &Site, headers: &HeaderMap, sent: &Fields) -> Result<(), PageError> {
    from_here(&Method::POST, headers)?;
    let own = cookie(headers, &cookie_name(site, "form")).unwrap_or_default();
    if same(sent.of("csrf"), own) {
        Ok(())
    } else {
        Err(PageError::Forbidden("The form is out of date. Go back, reload the page, and send it again."))
    }
}

/// Whether nobody can sign in yet.
async fn is_new(site: &Site) -> Result<bool, PageError> {
    Ok(site.entrance().setup.is_some() && site.store().users().await?.is_empty())
}

/// `GET /sign-in`.
pub(super) async fn show(State(site): State<Site>, headers: HeaderMap, uri: axum::http::Uri) -> Result<Response, PageError> {
    if site.entrance().open {
        return Ok(Redirect::to("/").into_response());
    }
    if is_new(&site).await? {
        return Ok(Redirect::to("/setup").into_response());
    }
    form(&site, &headers, false, &Fields::parse(uri.query().unwrap_or_default()), String::new())
}

/// `POST /sign-in`.
pub(super) async fn send(
    State(site): State<Site>,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Sent(sent): Sent,
) -> Result<Response, PageError> {
    genuine(&site, &headers, &sent)?;
    let (name, now) = (sent.of("name"), clock::now());
    // What cannot be a name is looked for nowhere, and neither kept nor logged.
    let user = if is_name(name) { site.store().user(name).await? } else { None };
    site.throttle().attempt(whose(name, user.as_ref()), address, now).map_err(PageError::Wait)?;
    let known = user.as_ref().map(|user| user.password.clone());
    let fits = password::fits(sent.exact("password").to_owned(), known).await;
    let Some(user) = user.filter(|_| fits) else {
        tracing::warn!(user = if is_name(name) { name } else { "(no name)" }, %address, "a sign-in failed");
        return form(&site, &headers, false, &sent, "Name and password do not fit.".to_owned());
    };
    site.throttle().succeed(&user.name, address, now);
    open(&site, &user.name, &user.scopes, &user.accounts, local(sent.of("back"))).await
}

/// Makes a session and leads on to `back`.
pub(super) async fn open(site: &Site, user: &str, scopes: &str, accounts: &str, back: &str) -> Result<Response, PageError> {
    let (cookie, now) = (token()?, clock::now());
    let session = Session {
        digest: digest(&cookie),
        user: user.to_owned(),
        scopes: scopes.to_owned(),
        accounts: accounts.to_owned(),
        csrf: token()?,
        created: now,
        expires: leastwise::access::Timestamp::from_seconds(now.seconds() + SESSION),
    };
    site.store().open_session(&session, &Change::by(format!("user:{user}"))).await?;
    let cookies = AppendHeaders([
        (header::SET_COOKIE, cookie_line(site, "session", &cookie, SESSION)),
        (header::SET_COOKIE, cookie_line(site, "form", "", 0)),
    ]);
    Ok((cookies, Redirect::to(back)).into_response())
}

/// `POST /sign-out`.
pub(super) async fn out(
    State(site): State<Site>,
    headers: HeaderMap,
    AuthorizedForm { change, .. }: AuthorizedForm<ToRead>,
) -> Result<Response, PageError> {
    if let Some(session) = session(&site, &headers).await? {
        site.store().close_session(&session.digest, &change).await?;
    }
    let cookies = AppendHeaders([(header::SET_COOKIE, cookie_line(&site, "session", "", 0))]);
    Ok((cookies, Redirect::to("/sign-in")).into_response())
}

/// `GET /setup`.
pub(super) async fn show_setup(
    State(site): State<Site>,
    headers: HeaderMap,
    uri: axum::http::Uri,
) -> Result<Response, PageError> {
    if !is_new(&site).await? {
        return Ok(Redirect::to("/").into_response());
    }
    form(&site, &headers, true, &Fields::parse(uri.query().unwrap_or_default()), String::new())
}

/// `POST /setup`.
pub(super) async fn send_setup(
    State(site): State<Site>,
    Extension(Peer(address)): Extension<Peer>,
    headers: HeaderMap,
    Sent(sent): Sent,
) -> Result<Response, PageError> {
    genuine(&site, &headers, &sent)?;
    if !is_new(&site).await? {
        return Err(PageError::Forbidden("There is a user already."));
    }
    let now = clock::now();
    site.throttle().attempt(Name::None, address, now).map_err(PageError::Wait)?;
    let again = |error: &str| form(&site, &headers, true, &sent, error.to_owned());
    if !same(&digest(sent.of("token")), site.entrance().setup.as_deref().unwrap_or_default()) {
        return again("That is not the token that the server printed.");
    }
    let name = sent.of("name");
    if !is_name(name) {
        return again("A name has 1 to 64 letters, digits, and . _ - @ + signs.");
    }
    let (text, known) = (sent.exact("password").to_owned(), tokio::task::spawn_blocking);
    let hash = match known(move || password::hash(&text)).await.map_err(|error| PageError::Fault(error.to_string()))? {
        Ok(hash) => hash,
        Err(why) => return again(&super::text::capital(&format!("{why}."))),
    };
    site.throttle().succeed(name, address, now);
    let user =
        User { name: name.to_owned(), password: hash, scopes: "administer".to_owned(), accounts: String::new(), created: now };
    site.store().put_user(&user, &Change::by("setup")).await?;
    open(&site, name, "administer", "", "/").await
}

/// For whom an attempt is that gives a name.
pub(crate) fn whose<'n>(name: &'n str, user: Option<&'n User>) -> Name<'n> {
    match user {
        Some(user) => Name::User(&user.name),
        None if is_name(name) => Name::MadeUp(name),
        None => Name::None,
    }
}

/// Whether a user may have that name.
#[must_use]
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte))
}
