//! Puts the server together and runs it until it is told to stop.
//!
//! The rim of the crate: opens the store, starts the cycle, binds the address, serves the routers of the modules, and on
//! a signal lets requests end before it lets go of the store. It answers no request itself.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::access_analyzer::{self, check_pages};
use crate::analysis::run_loop::AnalysisLoop;
use crate::analysis::{AnalysisHandle, Inputs};
use crate::auth::Units;
use crate::connections::{self, Serving};
use crate::dashboard::{self, AuthConfig, Provider, Site};
use crate::guard::guarded;
use crate::state::{AppState, Options};
use crate::store::{Store, StoreError};
use crate::tls::{Handshakes, TlsFailure};
use crate::webhooks::{Sender, Targets};
use crate::{clock, health};

/// Why the server could not start.
#[derive(Debug)]
pub enum ServeFailure {
    /// The store cannot be opened.
    Store(StoreError),
    /// Nobody can listen there.
    Listen(std::io::Error),
    /// The certificate or its key is not right.
    Tls(TlsFailure),
    /// What was asked for is not safe.
    Refused(String),
}

impl fmt::Display for ServeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeFailure::Store(error) => error.fmt(f),
            ServeFailure::Listen(error) => write!(f, "cannot listen: {error}"),
            ServeFailure::Tls(failure) => failure.fmt(f),
            ServeFailure::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ServeFailure {}

impl From<StoreError> for ServeFailure {
    fn from(error: StoreError) -> ServeFailure {
        ServeFailure::Store(error)
    }
}

/// All addresses of the server.
fn router() -> Router<AppState> {
    Router::new().merge(health::router()).merge(check_pages::router())
}

/// Runs the server on threads of its own, and returns when it has been told to stop. See [`serve`].
///
/// # Errors
/// When the server cannot start.
pub fn run(
    options: Options,
    inputs: Arc<dyn Inputs>,
    ready: impl FnOnce(std::net::SocketAddr, Option<String>) + Send,
) -> Result<(), ServeFailure> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeFailure::Listen)?;
    let served = threads.block_on(serve(options, inputs, ready));
    // A thread that is still reading inputs has nothing that must be finished.
    threads.shutdown_background();
    served
}

/// Waits for one thing that the store does, for callers that are not asynchronous.
///
/// # Errors
/// When there are no threads for it.
pub fn wait<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

/// Serves until SIGINT or SIGTERM. `ready` is told the address when requests are answered from it, and the token with which the first
/// user can be made as long as there is none.
///
/// # Errors
/// When the server cannot start.
pub async fn serve(
    options: Options,
    inputs: Arc<dyn Inputs>,
    ready: impl FnOnce(std::net::SocketAddr, Option<String>) + Send,
) -> Result<(), ServeFailure> {
    if options.insecure_no_auth && !options.listen.ip().is_loopback() {
        return Err(ServeFailure::Refused("without authentication the server listens on loopback only".to_owned()));
    }
    let handshakes = match &options.tls {
        Some(files) => Some(Handshakes::start(files.clone(), options.certificate_checked_every).map_err(ServeFailure::Tls)?),
        None => None,
    };
    let store = Store::open(&options.database).await?;
    store.abandon_recommendations(clock::now()).await?;
    let desk = AnalysisHandle::default();
    let listener = TcpListener::bind(options.listen).await.map_err(ServeFailure::Listen)?;
    let address = listener.local_addr().map_err(ServeFailure::Listen)?;
    let units = Units::default();
    let looked_at = inputs.clone();
    let known = tokio::task::spawn_blocking(move || looked_at.organizational_units()).await;
    units.replace(
        known
            .map_err(|error| ServeFailure::Refused(error.to_string()))?
            .map_err(|failure| ServeFailure::Refused(failure.to_string()))?,
    );
    let state = AppState { store: store.clone(), desk: desk.clone(), options: Arc::new(options), units: units.clone() };
    let setup = if state.options.insecure_no_auth || !store.users().await?.is_empty() {
        None
    } else {
        Some(dashboard::setup_token().map_err(ServeFailure::Refused)?)
    };
    let entrance = AuthConfig {
        open: state.options.insecure_no_auth,
        secure: state.options.tls.is_some() || state.options.public_url.as_deref().is_some_and(|url| url.starts_with("https://")),
        setup: setup.as_ref().map(|(_, digest)| digest.clone()),
        region: state.options.region.clone(),
        account: state.options.account.map(|account| account.to_string()),
        webhook_networks: state.options.webhook_networks.clone(),
    };
    let provider = state.options.oidc.clone().map(Provider::new).transpose().map_err(ServeFailure::Refused)?;
    let (stop, stopping) = watch::channel(false);
    let api = access_analyzer::Api::of(&state).await?;
    let pages = dashboard::router(Site::new(store.clone(), desk.clone(), entrance, provider, units, stopping.clone()));
    let targets = Targets::new(state.options.webhook_networks.clone());
    let cycle = AnalysisLoop::start(state.clone(), inputs);
    let sender = Sender::start(store.clone(), format!("sender-{}", std::process::id()), targets);
    let told = told_to_stop().map_err(ServeFailure::Listen)?;
    ready(address, setup.map(|(token, _)| token));
    let (options, is_encrypted) = (state.options.clone(), handshakes.is_some());
    let health = guarded(health::router().fallback(health::busy).with_state(state.clone()), false);
    let pages = pages.layer(DefaultBodyLimit::max(MAX_FORM));
    let router = router().merge(api.router()).fallback(access_analyzer::no_such_path).with_state(state).merge(pages);
    let mut router = guarded(router, options.insecure_no_auth);
    if is_encrypted {
        router = router.layer(axum::middleware::map_response(only_by_tls));
    }
    let serving =
        Serving { router, health, limits: options.limits.clone(), trusted_proxies: options.trusted_proxies.clone(), handshakes };
    let connections = connections::run(listener, serving, stopping);
    tokio::join!(connections, async {
        told.await;
        stop.send(true).ok();
    });
    let ended = async {
        cycle.stop().await;
        sender.stop().await;
        store.close().await;
    };
    if tokio::time::timeout(STORE_STOP_TIMEOUT, ended).await.is_err() {
        tracing::warn!("the store did not end in time; what was answered is on disk");
    }
    Ok(())
}

/// The longest form and the longest body of the native API, in bytes.
const MAX_FORM: usize = 64 << 10;
/// For how long the end of a server waits for its tasks and its store, after connections have ended.
const STORE_STOP_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Has browsers come back by TLS only, for a year.
async fn only_by_tls(mut response: Response) -> Response {
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    response
}

/// Begins to listen for SIGINT and SIGTERM, and gives what waits for one of them. It has begun when this returns, so that a signal that
/// comes right after the address was told does not end the process at once.
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async {
        tokio::signal::ctrl_c().await.ok();
    })
}
