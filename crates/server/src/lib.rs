//! The server: the provider's own API, the store behind it, the cycle of analyses, and the dashboard.
//!
//! Above the flow: it is given analyses through [`Inputs`] and serves what they find. The only crate that is asynchronous or
//! speaks HTTP; it opens no file of a user but the store's own, and prints nothing.

pub mod access;
mod advise;
pub mod clock;
mod connections;
mod cycle;
pub mod dashboard;
mod describe;
mod desk;
mod guard;
mod health;
mod inputs;
pub mod keys;
mod networks;
mod own;
mod pages;
mod risk;
mod serve;
mod state;
pub mod store;
mod telling;
mod tls;
mod visible;
pub mod wire;

pub use connections::Limits;
pub use desk::{Advice, Desk};
pub use inputs::{Inputs, InputsFailure, Logs, Visit};
pub use networks::Network;
pub use serve::{ServeFailure, run, serve, wait};
pub use state::{AppState, Options};
pub use tls::{TlsFailure, TlsFiles};
