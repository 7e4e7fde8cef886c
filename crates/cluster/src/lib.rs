//! Reads records of use on many machines and keeps the same rollup of them as one machine does.
//!
//! Beside `history`, whose reader and rollup it uses. Apache DataFusion Ballista does what is hard about many machines:
//! it cuts the work, gives it out, moves rows between machines, adds up, and does again what a lost machine had. Ours are
//! two functions over rows (`functions`), the list of files that they are called on (`listing`), and the question that is
//! asked (`job`). It schedules, shuffles and retries nothing itself. Empty without the feature `engine`.
#![cfg(feature = "engine")]

mod bytes;
mod error;
mod functions;
mod job;
mod listing;
mod roles;
mod stores;

pub use error::ClusterError;
pub use job::{Address, JobOptions, ingest};
pub use roles::{SchedulerOptions, WorkerOptions, scheduler, worker};
