//! Puts the server together and runs it until it is told to stop.
//!
//! The rim of the crate: opens the store, starts the cycle, binds the address, serves the routers of the modules, and on
//! a signal lets requests end before it lets go of the store. It answers no request itself.

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::cycle::Cycle;
use crate::dashboard::{self, Entrance, Provider, Site};
use crate::desk::Desk;
use crate::inputs::Inputs;
use crate::state::{AppState, Options};
use crate::store::{Store, StoreError};
use crate::telling::Sender;
use crate::tls::{TlsFailure, TlsListener};
use crate::{clock, health, wire};

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
    Router::new().merge(health::router())
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
    if let Some(files) = &options.tls {
        files.read().map_err(ServeFailure::Tls)?;
    }
    let store = Store::open(&options.database).await?;
    store.abandon_recommendations(clock::now()).await?;
    let desk = Desk::default();
    let listener = TcpListener::bind(options.listen).await.map_err(ServeFailure::Listen)?;
    let address = listener.local_addr().map_err(ServeFailure::Listen)?;
    let state = AppState { store: store.clone(), desk: desk.clone(), options: Arc::new(options) };
    let setup = if state.options.insecure_no_auth || !store.users().await?.is_empty() {
        None
    } else {
        Some(dashboard::setup_token().map_err(ServeFailure::Refused)?)
    };
    let entrance = Entrance {
        open: state.options.insecure_no_auth,
        secure: state.options.tls.is_some() || state.options.public_url.as_deref().is_some_and(|url| url.starts_with("https://")),
        setup: setup.as_ref().map(|(_, digest)| digest.clone()),
        region: state.options.region.clone(),
        account: state.options.account.map(|account| account.to_string()),
    };
    let provider = state.options.oidc.clone().map(Provider::new).transpose().map_err(ServeFailure::Refused)?;
    let (stop, stopping) = watch::channel(false);
    let api = wire::Api::of(&state).await?;
    let pages = dashboard::router(Site::new(store.clone(), desk.clone(), entrance, provider, stopping));
    let cycle = Cycle::start(state.clone(), inputs);
    let sender = Sender::start(store.clone(), format!("sender-{}", std::process::id()));
    ready(address, setup.map(|(token, _)| token));
    let (tls, every) = (state.options.tls.clone(), state.options.certificate_checked_every);
    let router = router().merge(api.router()).fallback(wire::no_such_path).with_state(state).merge(pages);
    let stopped = async move {
        told_to_stop().await;
        stop.send(true).ok();
    };
    let served = match tls {
        None => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
        Some(files) => {
            let listener = TlsListener::start(listener, files, every)?;
            let router = router.layer(axum::middleware::map_response(only_by_tls));
            axum::serve(listener, router).with_graceful_shutdown(stopped).await
        }
    };
    cycle.stop().await;
    sender.stop().await;
    store.close().await;
    served.map_err(ServeFailure::Listen)
}

/// Has browsers come back by TLS only, for a year.
async fn only_by_tls(mut response: Response) -> Response {
    response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    response
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    let interrupt = async { tokio::signal::ctrl_c().await.ok() };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    interrupt.await;
}
