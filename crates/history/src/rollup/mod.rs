//! The rollup: what was used, by whom, how often and when, kept in files from one day to the next.
//!
//! Beside the direct reading of logs (`read`), for histories that are too long to be read each time. [`ingest`] adds logs to
//! a folder, each event once; [`Usage`] answers from it: rows for people, and a ledger with windows and gaps for the
//! analysis. Which actions a call means is not kept but asked when the rows are read, so that a newer mapping needs no second reading.

mod batch;
mod cover;
mod deal;
pub mod events;
mod ids;
mod ingest;
mod input;
mod intake;
mod manifest;
mod merge;
#[cfg(feature = "s3")]
mod mirror;
#[cfg(feature = "s3")]
mod objects;
#[cfg(feature = "s3")]
mod remote;
mod report;
mod resource;
mod row;
mod store;
mod stores;
mod table;
mod upgrade;
mod usage;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{MANIFEST, MARK};
pub use ingest::{IngestOptions, Ingested, Progress, ingest};
pub use intake::{Committed, Intake, NewLog, Portion};
pub use merge::LeftOut;
#[cfg(feature = "s3")]
pub use objects::store_of;
pub use report::FileReport;
pub use resource::MOST as MOST_RESOURCES;
pub use stores::{StoreOptions, is_remote};
pub use usage::{Usage, UsageRow, by_call};

/// The version of the layout that is written here.
pub const VERSION: u32 = 3;

/// Why a rollup cannot be read or written.
#[derive(Debug)]
pub enum RollupError {
    /// A file or folder of it cannot be opened, read or written.
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file of it is not as it was written.
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Another run writes into it, or reads it while this one would write.
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// A run was killed within its last step, which the next one ends.
    Interrupted {
        /// The folder.
        folder: PathBuf,
    },
    /// What was added up elsewhere does not add up.
    Miscounted {
        /// What was counted.
        what: &'static str,
        /// How many there should be.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A path is one in an object store, and this program was built without them.
    NoStores {
        /// The path.
        path: PathBuf,
    },
    /// A rollup in an object store is worked on by way of a folder of this machine, and none was named.
    NoMirror {
        /// Where the rollup is.
        url: PathBuf,
    },
    /// Somebody else published into the rollup in a store since this run looked at it.
    Overtaken {
        /// Where the rollup is.
        url: String,
    },
    /// A publication of the rollup in a store was begun and has not ended.
    Unfinished {
        /// Where the rollup is.
        url: String,
    },
    /// The store writes whatever the conditions of a write are, so that two runs could mix.
    Unconditional {
        /// Where the rollup is.
        url: String,
    },
    /// There are other things in the folder.
    NoRollup {
        /// The folder.
        folder: PathBuf,
    },
    /// It is of a version that this program does not know.
    Version {
        /// The folder.
        folder: PathBuf,
        /// Its version.
        version: String,
    },
}

impl RollupError {
    fn io(verb: &'static str, path: &Path, error: &io::Error) -> RollupError {
        let error = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => io::Error::new(error.kind(), error.to_string()),
        };
        RollupError::Io { verb, path: path.to_owned(), error }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            RollupError::Io { verb: "write", .. } => {
                "nothing is lost or doubled: make room or give the right to write, then run `leastwise ingest` again"
            }
            RollupError::Io { .. } => "check the path and the right to read it",
            RollupError::Damaged { .. } => "restore the folder from a copy, or ingest the logs into a new one",
            RollupError::Miscounted { .. } => "nothing was written; run it again, and report it when it happens again",
            RollupError::Busy { .. } => "wait until it has ended",
            RollupError::Interrupted { .. } => "run `leastwise ingest` with the same folder again; it ends what was begun",
            RollupError::NoStores { .. } => {
                "build with `cargo build --release -p leastwise-cli --features s3`, or copy it to this machine first"
            }
            RollupError::NoMirror { .. } => "name a folder by `--mirror`",
            RollupError::Overtaken { .. } => "nothing is lost or doubled: run it again, which takes over what they have written",
            RollupError::Unfinished { .. } => {
                "wait until it has ended; when nothing runs, it was killed: run `leastwise ingest` with the same `--out`, which ends it"
            }
            RollupError::Unconditional { .. } => {
                "take a store that heeds `If-Match` and `If-None-Match` of PutObject, as S3 does; or write into a folder and copy it"
            }
            RollupError::NoRollup { .. } => "name a folder that `leastwise ingest` made, or one that is not there yet",
            RollupError::Version { .. } => "use a newer leastwise",
        }
    }
}

impl fmt::Display for RollupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RollupError::Io { verb, path, error } => write!(f, "cannot {verb} {}: {error}", path.display()),
            RollupError::Damaged { path, message } => write!(f, "{}: is damaged: {message}", path.display()),
            RollupError::Miscounted { what, expected, found } => {
                write!(f, "the counts differ: {what} should be {expected} and are {found}")
            }
            RollupError::Busy { folder } => write!(f, "{}: another leastwise is using it", folder.display()),
            RollupError::Interrupted { folder } => {
                write!(f, "{}: a `leastwise ingest` was killed while it wrote there", folder.display())
            }
            RollupError::NoStores { path } => {
                write!(f, "{}: this leastwise was built without object stores", path.display())
            }
            RollupError::NoMirror { url } => {
                write!(f, "{}: there is no folder of this machine to mirror it in", url.display())
            }
            RollupError::Overtaken { url } => write!(f, "{url}: somebody else wrote to it meanwhile"),
            RollupError::Unfinished { url } => {
                write!(f, "{url}: a `leastwise ingest` is publishing there, or was killed while it did")
            }
            RollupError::Unconditional { url } => {
                write!(f, "{url}: the store does not heed conditions of writes, so that two runs could overwrite each other")
            }
            RollupError::NoRollup { folder } => write!(f, "{}: is no folder of `leastwise ingest`", folder.display()),
            RollupError::Version { folder, version } => {
                write!(f, "{}: is of version `{version}`; known are 1 to {VERSION}", folder.display())
            }
        }
    }
}

impl std::error::Error for RollupError {}

/// The text of the mark.
fn mark() -> String {
    format!("{{\"schema\":\"leastwise.usage/{VERSION}\"}}\n")
}

/// The version of the rollup in a folder; none when there is no mark.
fn version_of(folder: &Path) -> Result<Option<u32>, RollupError> {
    let path = folder.join(MARK);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RollupError::io("read", &path, &error)),
    };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let stated = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
    let version = stated.strip_prefix("leastwise.usage/").unwrap_or(stated);
    match version.parse() {
        Ok(known @ 1..=VERSION) => Ok(Some(known)),
        _ => Err(RollupError::Version { folder: folder.to_owned(), version: version.to_owned() }),
    }
}
