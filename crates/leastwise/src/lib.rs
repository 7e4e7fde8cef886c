//! The flow from what is granted and what was used to smaller policies.
//!
//! Stands on the policy language and on the proof. It does no I/O, reads no clock and prints nothing: the
//! same input gives the same bytes.

pub mod access;
pub mod analysis;
pub mod backtest;
pub mod checks;
pub mod findings;
pub mod recommend;
pub mod refine;
pub mod report;
pub mod sources;
pub mod usage;
