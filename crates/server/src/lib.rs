//! The server: the provider's own API, the store behind it, the cycle of analyses, and the dashboard.
//!
//! Above the flow: it is given analyses through [`Inputs`] and serves what they find. The only crate that is asynchronous or
//! speaks HTTP; it opens no file of a user but the store's own, and prints nothing.

pub mod access_analyzer;
mod analysis;
pub mod api_keys;
pub mod auth;
pub mod clock;
mod connections;
pub mod dashboard;
mod guard;
mod health;
mod metrics;
mod native_api;
mod networks;
mod serve;
mod state;
pub mod store;
mod tls;
mod visible;
mod webhooks;

pub use analysis::{Advice, AnalysisHandle, Inputs, InputsFailure, Logs, Visit};
pub use connections::Limits;
pub use networks::Network;
pub use serve::{ServeFailure, run, serve, wait};
pub use state::{AppState, Options};
pub use tls::{TlsFailure, TlsFiles};
