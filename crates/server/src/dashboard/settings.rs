//! Settings: who may sign in, keys of the API, and webhooks.
//!
//! For administrators. Secrets are shown once, when they are made, and never again.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use leastwise::access::Timestamp;

use super::frame::{Frame, frame};
use super::is_name;
use super::site::{PageError, Site, page};
use super::text::{capital, counted, day, encoded, moment};
use super::users::limits;
use super::visitor::{AuthorizedForm, Level, ToAdminister, Visitor, token};
use crate::auth::password;
use crate::clock;
use crate::store::{DeliveryRow, User, Webhook};
use crate::webhooks::{FORMS, Targets, shown};

#[derive(Debug, Clone)]
struct UserView {
    name: String,
    href: String,
    level: String,
    sees: String,
    since: String,
    own: bool,
}

#[derive(Debug, Clone)]
struct KeyView {
    id: String,
    owner: String,
    scopes: String,
    sees: String,
    since: String,
}

#[derive(Debug, Clone)]
struct HookView {
    href: String,
    /// Where it leads; the rest of the address may be a secret.
    url: String,
    form: String,
    says: String,
    good: bool,
    log: Vec<LogView>,
}

#[derive(Debug, Clone)]
struct LogView {
    when: String,
    what: String,
    outcome: String,
}

fn log_view(row: &DeliveryRow) -> LogView {
    let what = match row.kind.as_str() {
        "findings" => format!("{} findings", row.subject),
        "finding" => format!("finding {}", row.subject),
        _ => "test".to_owned(),
    };
    LogView { when: moment(row.at), what, outcome: row.outcome.clone() }
}

/// Whom a list lets see what, in words.
fn sees(accounts: &str) -> String {
    if accounts.is_empty() { "all accounts".to_owned() } else { accounts.replace(',', ", ") }
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    users: Vec<UserView>,
    keys: Vec<KeyView>,
    hooks: Vec<HookView>,
    forms: [&'static str; 7],
    secret: String,
}

fn administers(visitor: &Visitor) -> Result<(), PageError> {
    if visitor.may(Level::Administer) { Ok(()) } else { Err(PageError::Forbidden("Settings are for administrators.")) }
}

async fn settings(site: &Site, visitor: &Visitor, secret: String) -> Result<Response, PageError> {
    administers(visitor)?;
    let analyzer = visitor.analyzer(site).await?;
    let frame = frame(site, visitor, analyzer.as_ref(), "/settings").await?;
    let user = |user: User| UserView {
        href: format!("/settings/users/{}", encoded(&user.name)),
        own: user.name == visitor.name,
        level: match Level::parse(&user.scopes) {
            Level::Read => "look",
            Level::Archive => "archive and accept",
            Level::Administer => "do everything",
        }
        .to_owned(),
        sees: sees(&user.accounts),
        since: day(user.created),
        name: user.name,
    };
    let keys = site.store().keys().await?.into_iter().filter(|key| !key.is_disabled).map(|key| KeyView {
        id: key.id,
        owner: key.owner,
        scopes: key.scopes,
        sees: sees(&key.accounts),
        since: day(key.created),
    });
    let mut hooks = Vec::new();
    for hook in site.store().webhooks().await? {
        let waiting = site.store().waiting(&hook.id).await?;
        let log: Vec<LogView> = site.store().delivery_log(&hook.id, LOG).await?.iter().map(log_view).collect();
        let problem = if hook.failures == 0 { waiting.problem } else { log.first().map(|row| row.outcome.clone()) };
        hooks.push(HookView {
            href: format!("/settings/webhooks/{}", hook.id),
            good: problem.is_none(),
            says: match (waiting.count, problem) {
                (0, _) => "nothing waits".to_owned(),
                (count, None) => format!("{} waiting", counted(count, "delivery").replace("deliverys", "deliveries")),
                (count, Some(problem)) => {
                    format!("{} waiting: {problem}", counted(count, "delivery").replace("deliverys", "deliveries"))
                }
            },
            url: shown(&hook.url),
            form: hook.form,
            log,
        });
    }
    let users = site.store().users().await?.into_iter().map(user).collect();
    page(&SettingsPage { frame, users, keys: keys.collect(), hooks, forms: FORMS, secret })
}

/// `GET /settings`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, PageError> {
    settings(&site, &visitor, String::new()).await
}

/// `POST /settings/users`.
pub(super) async fn add_user(
    State(site): State<Site>,
    AuthorizedForm { form, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let name = form.of("name").to_owned();
    if !is_name(&name) {
        return Err(PageError::Bad("A name has 1 to 64 letters, digits, and . _ - @ + signs.".to_owned()));
    }
    if site.store().user(&name).await?.is_some() {
        return Err(PageError::Bad(format!("There is a user {name} already.")));
    }
    let given = form.exact("password").to_owned();
    let hashed =
        tokio::task::spawn_blocking(move || password::hash(&given)).await.map_err(|error| PageError::Fault(error.to_string()))?;
    let hash = hashed.map_err(|why| PageError::Bad(capital(&format!("{why}."))))?;
    let scopes = match form.of("level") {
        level @ ("read" | "archive" | "administer") => level.to_owned(),
        _ => "read".to_owned(),
    };
    let accounts = limits(&scopes, form.of("accounts")).map_err(|why| PageError::Bad(capital(&format!("{why}."))))?;
    site.store().put_user(&User { name, password: hash, scopes, accounts, created: clock::now() }, &change).await?;
    Ok(Redirect::to("/settings?done=saved").into_response())
}

/// `POST /settings/users/{name}/delete`.
pub(super) async fn delete_user(
    State(site): State<Site>,
    Path(name): Path<String>,
    AuthorizedForm { visitor, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    if name == visitor.name {
        return Err(PageError::Bad("You cannot remove yourself; somebody else has to.".to_owned()));
    }
    site.store().delete_user(&name, &change).await?;
    Ok(Redirect::to("/settings?done=deleted").into_response())
}

/// `POST /settings/webhooks`.
pub(super) async fn add_webhook(
    State(site): State<Site>,
    AuthorizedForm { visitor, form, change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    let url = form.of("url");
    let targets = Targets::new(site.entrance().webhook_networks.clone());
    targets.check(url).map_err(|why| PageError::Bad(capital(&format!("{why}."))))?;
    let kind = FORMS.into_iter().find(|kind| *kind == form.of("form")).unwrap_or("eventbridge");
    let (id, secret) = (token()?, token()?);
    let id: String = id.chars().take(12).collect();
    // Jira gives the secret that it wants to be sent; it is known there already.
    let given = form.of("secret");
    let is_given = kind == "jira" && !given.is_empty();
    if given.len() > MAX_SECRET || !given.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(PageError::Bad(format!("A secret has at most {MAX_SECRET} letters, digits and signs.")));
    }
    let secret = if is_given { given.to_owned() } else { secret };
    let hook = Webhook {
        id,
        url: url.to_owned(),
        form: kind.to_owned(),
        secret: secret.clone(),
        created: change.at,
        failures: 0,
        due: Timestamp::from_seconds(0),
    };
    site.store().create_webhook(&hook, &change).await?;
    settings(&site, &visitor, if is_given { String::new() } else { secret }).await
}

/// `POST /settings/webhooks/{id}/test`.
pub(super) async fn test_webhook(
    State(site): State<Site>,
    Path(id): Path<String>,
    AuthorizedForm { change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    site.store().send_test(&id, &change).await?;
    Ok(Redirect::to("/settings?done=sent").into_response())
}

/// Rows of the log of deliveries that are shown of each webhook.
const LOG: u32 = 10;
/// The longest secret that a receiver gives, in bytes.
const MAX_SECRET: usize = 256;

/// `POST /settings/webhooks/{id}/delete`.
pub(super) async fn delete_webhook(
    State(site): State<Site>,
    Path(id): Path<String>,
    AuthorizedForm { change, .. }: AuthorizedForm<ToAdminister>,
) -> Result<Response, PageError> {
    site.store().delete_webhook(&id, &change).await?;
    Ok(Redirect::to("/settings?done=deleted").into_response())
}
