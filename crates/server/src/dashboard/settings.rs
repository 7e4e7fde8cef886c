//! Settings: who may sign in, keys of the API, and webhooks.
//!
//! For administrators. Secrets are shown once, when they are made, and never again.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};

use super::frame::{Frame, frame};
use super::site::{Refusal, Site, page};
use super::visitor::{Asked, Level, ToAdminister, Visitor, token};
use super::words::{capital, counted, day, encoded};
use super::{is_name, password};
use crate::clock;
use crate::store::{User, Webhook};
use crate::telling::FORMS;

#[derive(Debug, Clone)]
struct UserView {
    name: String,
    href: String,
    level: String,
    since: String,
    own: bool,
}

#[derive(Debug, Clone)]
struct KeyView {
    id: String,
    owner: String,
    scopes: String,
    since: String,
}

#[derive(Debug, Clone)]
struct HookView {
    href: String,
    url: String,
    form: String,
    says: String,
    good: bool,
}

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    users: Vec<UserView>,
    keys: Vec<KeyView>,
    hooks: Vec<HookView>,
    forms: [&'static str; 3],
    secret: String,
}

fn administers(visitor: &Visitor) -> Result<(), Refusal> {
    if visitor.may(Level::Administer) { Ok(()) } else { Err(Refusal::Forbidden("Settings are for administrators.")) }
}

async fn settings(site: &Site, visitor: &Visitor, secret: String) -> Result<Response, Refusal> {
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
        since: day(user.created),
        name: user.name,
    };
    let keys = site.store().keys().await?.into_iter().filter(|key| !key.is_disabled).map(|key| KeyView {
        id: key.id,
        owner: key.owner,
        scopes: key.scopes,
        since: day(key.created),
    });
    let mut hooks = Vec::new();
    for hook in site.store().webhooks().await? {
        let waiting = site.store().waiting(&hook.id).await?;
        hooks.push(HookView {
            href: format!("/settings/webhooks/{}", hook.id),
            good: waiting.problem.is_none(),
            says: match (waiting.count, waiting.problem) {
                (0, _) => "nothing waits".to_owned(),
                (count, None) => format!("{} waiting", counted(count, "delivery").replace("deliverys", "deliveries")),
                (count, Some(problem)) => {
                    format!("{} waiting: {problem}", counted(count, "delivery").replace("deliverys", "deliveries"))
                }
            },
            url: hook.url,
            form: hook.form,
        });
    }
    let users = site.store().users().await?.into_iter().map(user).collect();
    page(&SettingsPage { frame, users, keys: keys.collect(), hooks, forms: FORMS, secret })
}

/// `GET /settings`.
pub(super) async fn show(State(site): State<Site>, visitor: Visitor) -> Result<Response, Refusal> {
    settings(&site, &visitor, String::new()).await
}

/// `POST /settings/users`.
pub(super) async fn add_user(
    State(site): State<Site>,
    Asked { form, change, .. }: Asked<ToAdminister>,
) -> Result<Response, Refusal> {
    let name = form.of("name").to_owned();
    if !is_name(&name) {
        return Err(Refusal::Bad("A name has 1 to 64 letters, digits, and . _ - @ + signs.".to_owned()));
    }
    if site.store().user(&name).await?.is_some() {
        return Err(Refusal::Bad(format!("There is a user {name} already.")));
    }
    let given = form.exact("password").to_owned();
    let hashed =
        tokio::task::spawn_blocking(move || password::hash(&given)).await.map_err(|error| Refusal::Fault(error.to_string()))?;
    let hash = hashed.map_err(|why| Refusal::Bad(capital(&format!("{why}."))))?;
    let scopes = match form.of("level") {
        level @ ("read" | "archive" | "administer") => level.to_owned(),
        _ => "read".to_owned(),
    };
    site.store().put_user(&User { name, password: hash, scopes, created: clock::now() }, &change).await?;
    Ok(Redirect::to("/settings?done=saved").into_response())
}

/// `POST /settings/users/{name}/delete`.
pub(super) async fn delete_user(
    State(site): State<Site>,
    Path(name): Path<String>,
    Asked { visitor, change, .. }: Asked<ToAdminister>,
) -> Result<Response, Refusal> {
    if name == visitor.name {
        return Err(Refusal::Bad("You cannot remove yourself; somebody else has to.".to_owned()));
    }
    site.store().delete_user(&name, &change).await?;
    Ok(Redirect::to("/settings?done=deleted").into_response())
}

/// Whether events may be sent there: by TLS, or to this machine.
fn is_receiver(url: &str) -> bool {
    let Ok(parsed) = reqwest::Url::parse(url) else { return false };
    let own = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    parsed.scheme() == "https" || (parsed.scheme() == "http" && own)
}

/// `POST /settings/webhooks`.
pub(super) async fn add_webhook(
    State(site): State<Site>,
    Asked { visitor, form, change, .. }: Asked<ToAdminister>,
) -> Result<Response, Refusal> {
    let url = form.of("url");
    if !is_receiver(url) {
        return Err(Refusal::Bad("A webhook's address begins with https://, or with http:// and names this machine.".to_owned()));
    }
    let kind = FORMS.into_iter().find(|kind| *kind == form.of("form")).unwrap_or("eventbridge");
    let (id, secret) = (token()?, token()?);
    let id: String = id.chars().take(12).collect();
    let hook = Webhook { id, url: url.to_owned(), form: kind.to_owned(), secret: secret.clone(), created: change.at };
    site.store().create_webhook(&hook, &change).await?;
    settings(&site, &visitor, secret).await
}

/// `POST /settings/webhooks/{id}/delete`.
pub(super) async fn delete_webhook(
    State(site): State<Site>,
    Path(id): Path<String>,
    Asked { change, .. }: Asked<ToAdminister>,
) -> Result<Response, Refusal> {
    site.store().delete_webhook(&id, &change).await?;
    Ok(Redirect::to("/settings?done=deleted").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_leave_the_machine_by_tls_only() {
        for good in ["https://hooks.example/x", "http://localhost:1/x", "http://127.0.0.1/"] {
            assert!(is_receiver(good), "{good}");
        }
        for bad in ["http://hooks.example/x", "http://127.0.0.1.example/", "file:///etc/passwd", "ftp://x", "", "https:"] {
            assert!(!is_receiver(bad), "{bad}");
        }
    }
}
