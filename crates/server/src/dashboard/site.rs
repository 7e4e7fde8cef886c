//! What every page is made from: the store, the desk where the analysis is asked, who is let in; and how a request is refused.
//!
//! Under all pages. It judges no permission and shows nothing of its own but the page of a refusal.

use std::sync::Arc;

use askama::Template;
use axum::extract::RawPathParams;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use tokio::sync::watch;

use super::assets;
use super::oidc::Provider;
use super::text::{capital, encoded};
use crate::analysis::AnalysisHandle;
use crate::auth::throttle::Throttle;
use crate::auth::{Units, Visibility};
use crate::store::{Analyzer, Store, StoreError};

/// Who is let in, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuthConfig {
    /// Nobody needs to sign in (`--insecure-no-auth`, on loopback only).
    pub(crate) open: bool,
    /// The server is reached by TLS only, so that cookies may say so.
    pub(crate) secure: bool,
    /// The digest of the token with which the first user is made; none when there are users.
    pub(crate) setup: Option<String>,
    /// The AWS region in the ARNs of analyzers that are made here.
    pub(crate) region: String,
    /// The account in them, if somebody said one.
    pub(crate) account: Option<String>,
    /// Networks that are not public and that webhooks may lead to.
    pub(crate) webhook_networks: Vec<crate::networks::Network>,
}

/// The state of all handlers of the dashboard. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Site {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    desk: AnalysisHandle,
    entrance: AuthConfig,
    provider: Option<Provider>,
    throttle: Throttle,
    units: Units,
    stopping: watch::Receiver<bool>,
}

impl Site {
    /// A dashboard over a store. Streams end when `stopping` says so.
    pub(crate) fn new(
        store: Store,
        desk: AnalysisHandle,
        entrance: AuthConfig,
        provider: Option<Provider>,
        units: Units,
        stopping: watch::Receiver<bool>,
    ) -> Site {
        Site { inner: Arc::new(Inner { store, desk, entrance, provider, throttle: Throttle::default(), units, stopping }) }
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.inner.stopping.clone()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.inner.store
    }

    pub(crate) fn desk(&self) -> &AnalysisHandle {
        &self.inner.desk
    }

    pub(crate) fn entrance(&self) -> &AuthConfig {
        &self.inner.entrance
    }

    pub(super) fn provider(&self) -> Option<&Provider> {
        self.inner.provider.as_ref()
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.inner.throttle
    }

    /// Which accounts are in which organizational unit.
    pub(crate) fn units(&self) -> &Units {
        &self.inner.units
    }

    pub(super) fn account(&self) -> Option<&str> {
        self.inner.entrance.account.as_deref()
    }

    pub(super) fn region(&self) -> &str {
        &self.inner.entrance.region
    }

    /// All analyzers.
    pub(crate) async fn analyzers(&self) -> Result<Vec<Analyzer>, StoreError> {
        self.store().analyzers(None, 1000).await
    }

    /// The analyzers that a caller sees, as the caller sees them.
    pub(crate) async fn analyzers_for(&self, visible: &Visibility) -> Result<Vec<Analyzer>, StoreError> {
        Ok(self.analyzers().await?.into_iter().filter_map(|analyzer| visible.analyzer(analyzer)).collect())
    }

    /// An analyzer by name, as a caller sees it.
    pub(crate) async fn analyzer_for(&self, name: &str, visible: &Visibility) -> Result<Analyzer, StoreError> {
        let missing = || StoreError::NotFound { what: "analyzer", id: name.to_owned() };
        visible.analyzer(self.store().analyzer(name).await?).ok_or_else(missing)
    }

    /// Refuses a path that names what a caller does not see, in the words of what is not there. Every path behind the sign-in goes
    /// through here: `{id}` is a finding, `{arn}` a principal, `{account}` an account, `{analyzer}` an analyzer.
    pub(crate) async fn admits_path(&self, visible: &Visibility, path: &str, named: &RawPathParams) -> Result<(), StoreError> {
        if visible.is_all() {
            return Ok(());
        }
        for (name, value) in named {
            let missing = |what| Err(StoreError::NotFound { what, id: value.to_owned() });
            match name {
                "id" if path.contains("/findings/") => {
                    let (_, finding) = self.finding(value).await?;
                    if !visible.sees(&finding.summary.account) {
                        return missing("finding");
                    }
                }
                "arn" if !visible.sees_principal(value) => return missing("role or user"),
                "account" if !visible.sees(value) => return missing("account"),
                "analyzer" => drop(self.analyzer_for(value, visible).await?),
                _ => {}
            }
        }
        Ok(())
    }

    /// The analyzer that has a finding, and the finding.
    pub(crate) async fn finding(&self, id: &str) -> Result<(Analyzer, crate::store::Finding), StoreError> {
        for analyzer in self.analyzers().await? {
            match self.store().finding(&analyzer, id).await {
                Ok(finding) => return Ok((analyzer, finding)),
                Err(StoreError::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Err(StoreError::NotFound { what: "finding", id: id.to_owned() })
    }
}

/// Why a request gets no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Nobody is signed in; the address that was asked for.
    SignIn(String),
    /// The user may not do that.
    Forbidden(&'static str),
    /// The form or the address says something that cannot be.
    Bad(String),
    /// Too many attempts; seconds to wait.
    Wait(u64),
    /// The store says no.
    Store(StoreError),
    /// Our own fault.
    Fault(String),
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> PageError {
        PageError::Store(error)
    }
}

impl From<askama::Error> for PageError {
    fn from(error: askama::Error) -> PageError {
        PageError::Fault(error.to_string())
    }
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct ErrorPage {
    style: String,
    icon: String,
    title: &'static str,
    says: String,
}

impl PageError {
    pub(crate) fn told(&self) -> (StatusCode, &'static str, String) {
        match self {
            PageError::SignIn(_) => (StatusCode::UNAUTHORIZED, "Sign in first", "Nobody is signed in.".to_owned()),
            PageError::Forbidden(what) => (StatusCode::FORBIDDEN, "Not allowed", (*what).to_owned()),
            PageError::Bad(what) => (StatusCode::BAD_REQUEST, "That does not work", what.clone()),
            PageError::Wait(seconds) => {
                (StatusCode::TOO_MANY_REQUESTS, "Too many attempts", format!("Wait {seconds} seconds, then try again."))
            }
            PageError::Store(error @ StoreError::NotFound { .. }) => (StatusCode::NOT_FOUND, "Not found", format!("{error}.")),
            PageError::Store(error @ (StoreError::Exists { .. } | StoreError::Quota { .. } | StoreError::TokenReused)) => {
                (StatusCode::CONFLICT, "That exists already", format!("{error}."))
            }
            PageError::Store(error) if error.is_transient() => {
                tracing::error!(%error, "the store is not available");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The store does not answer",
                    "Nothing was changed. Try again in a moment.".to_owned(),
                )
            }
            PageError::Store(error) => {
                tracing::error!(%error, "the store failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "Our own fault", "The server's log says more.".to_owned())
            }
            PageError::Fault(error) => {
                tracing::error!(%error, "a page could not be made");
                (StatusCode::INTERNAL_SERVER_ERROR, "Our own fault", "The server's log says more.".to_owned())
            }
        }
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        if let PageError::SignIn(address) = &self {
            return Redirect::to(&format!("/sign-in?back={}", encoded(address))).into_response();
        }
        let (status, title, says) = self.told();
        let says = capital(&says);
        let page = ErrorPage { style: assets::address("dashboard.css"), icon: assets::address("icon.svg"), title, says };
        let mut response = (status, Html(page.render().unwrap_or_default())).into_response();
        if let PageError::Wait(seconds) = self
            && let Ok(value) = HeaderValue::from_str(&seconds.to_string())
        {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

/// A template as a page.
pub(super) fn page(template: &impl Template) -> Result<Response, PageError> {
    Ok(Html(template.render()?).into_response())
}

/// Where a form leads when it is done: an address of this server and nothing else.
pub(super) fn local(address: &str) -> &str {
    let is_local = address.starts_with('/') && !address.starts_with("//") && !address.contains(['\\', '\r', '\n', '\t']);
    if is_local { address } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_nowhere_but_here() {
        assert_eq!(local("/findings?x=1"), "/findings?x=1");
        for bad in ["", "https://elsewhere", "//elsewhere", "/\\elsewhere", "javascript:alert(1)", "/a\r\nSet-Cookie: x"] {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }
}
