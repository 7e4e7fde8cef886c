//! What is known of trails: how they were configured, what they delivered, and what therefore would be in the logs.
//!
//! Everything adds up in any order while logs are read (`deliveries`, `changes`); what follows from it for each account, region
//! and kind of events is worked out at the end (`timeline`). Nothing is taken for recorded that neither a description, nor a
//! change in the log, nor the user says so of.

pub(crate) mod changes;
pub(crate) mod configuration;
pub(crate) mod deliveries;
pub(crate) mod history;
pub(crate) mod intervals;
pub(crate) mod rhythm;
pub(crate) mod selectors;
mod timeline;
