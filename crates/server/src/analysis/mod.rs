//! Analyses on the server: what they read, when they run, what is kept of their findings, and how a request reaches the one
//! in memory.

pub(crate) mod finding_record;
mod handle;
mod inputs;
pub(crate) mod recommend;
pub(crate) mod risk;
pub(crate) mod run_loop;

pub(crate) use handle::Message;
pub use handle::{Advice, AnalysisHandle};
pub use inputs::{Inputs, InputsFailure, Logs, Visit};
