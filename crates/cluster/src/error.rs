//! Why something of the cluster did not work, and what to do about it.

use std::fmt;

use leastwise_history::rollup::RollupError;

/// Why a role cannot run, or a job did not end.
#[derive(Debug)]
pub enum ClusterError {
    /// The rollup cannot be read or written, or the counts differ.
    Rollup(RollupError),
    /// Nobody answers where the scheduler should be.
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        message: String,
    },
    /// The scheduler answers but has no workers.
    NoWorkers {
        /// Where the scheduler is.
        address: String,
    },
    /// The engine gave up.
    Job {
        /// What it says.
        message: String,
    },
    /// What came back is not what this program sends.
    Answer {
        /// What is wrong.
        message: String,
    },
    /// A role cannot start or go on.
    Role {
        /// `scheduler` or `worker`.
        role: &'static str,
        /// What is wrong.
        message: String,
    },
    /// A file that all machines need cannot be written.
    Listing {
        /// Which, and what the system says.
        message: String,
    },
}

impl ClusterError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            ClusterError::Rollup(error) => error.help(),
            ClusterError::Unreachable { .. } => {
                "start it with `leastwise cluster scheduler`; what was committed stays, and running again reads only the rest"
            }
            ClusterError::NoWorkers { .. } => "start some with `leastwise cluster worker --scheduler HOST:PORT`",
            ClusterError::Job { .. } => {
                "nothing of this portion was written; look at the workers and run it again, which reads only the rest"
            }
            ClusterError::Answer { .. } => "run the same version of leastwise everywhere",
            ClusterError::Role { .. } => "check the addresses, and that the scheduler runs",
            ClusterError::Listing { .. } => {
                "the place of usage must be writable here, and readable from the scheduler and every worker: a folder at the same path"
            }
        }
    }
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Rollup(error) => error.fmt(f),
            ClusterError::Unreachable { address, message } => write!(f, "no scheduler answers at `{address}`: {message}"),
            ClusterError::NoWorkers { address } => write!(f, "the scheduler at `{address}` has no workers"),
            ClusterError::Job { message } => write!(f, "the cluster did not end the job: {message}"),
            ClusterError::Answer { message } => write!(f, "the workers answered something else than was asked: {message}"),
            ClusterError::Role { role, message } => write!(f, "the {role} cannot run: {message}"),
            ClusterError::Listing { message } => write!(f, "cannot write the list of logs: {message}"),
        }
    }
}

impl std::error::Error for ClusterError {}

impl From<RollupError> for ClusterError {
    fn from(error: RollupError) -> ClusterError {
        ClusterError::Rollup(error)
    }
}
