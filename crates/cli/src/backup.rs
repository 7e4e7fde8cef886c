//! `leastwise backup` and `leastwise restore`: copies of the server's store.
//!
//! Names the files and says what was done; the store makes the copies and checks them.

use std::path::PathBuf;

use clap::Args;
use leastwise_server::store::{self, Location, StoreError};
use leastwise_server::wait;

use crate::failure::{Exit, Failure};
use crate::output::print;
use crate::serve::{location, store_failure};

/// Which store.
#[derive(Debug, Args)]
struct StoreOptions {
    /// The folder of exports that the server serves.
    #[arg(long, value_name = "DIR", required_unless_present = "database")]
    data: Option<PathBuf>,
    /// Where findings are kept, as `leastwise serve` takes it.
    #[arg(long, value_name = "URL", env = "LEASTWISE_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl StoreOptions {
    fn location(&self) -> Result<Location, Failure> {
        location(self.database.as_deref(), self.data.as_deref().unwrap_or(std::path::Path::new(".")))
    }
}

/// What `leastwise backup` takes.
#[derive(Debug, Args)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    store: StoreOptions,
    /// The file to write, which must not exist yet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// What `leastwise restore` takes.
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// A file that `leastwise backup` wrote.
    backup: PathBuf,
    #[command(flatten)]
    store: StoreOptions,
}

fn done<T>(location: &Location, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
    wait(work).map_err(|error| Failure::fault(error.to_string()))?.map_err(|error| match error {
        StoreError::NotFound { .. } => Failure::bad_input(error.to_string(), "name the folder of exports, or the store"),
        StoreError::Exists { .. } => Failure::bad_input(error.to_string(), "name a file that does not exist yet"),
        other => store_failure(&other, location),
    })
}

/// Runs `leastwise backup`.
pub(crate) fn backup(arguments: &BackupArguments) -> Result<Exit, Failure> {
    let location = arguments.store.location()?;
    let size = done(&location, store::backup(&location, &arguments.out))?;
    print(&format!("{}: {size} bytes, a copy of {location}\n", arguments.out.display()))?;
    Ok(Exit::Clean)
}

/// Runs `leastwise restore`.
pub(crate) fn restore(arguments: &RestoreArguments) -> Result<Exit, Failure> {
    let location = arguments.store.location()?;
    let kept = done(&location, store::restore(&arguments.backup, &location))?;
    print(&match kept {
        Some(kept) => format!("{location}: restored; what was there is in {}\n", kept.display()),
        None => format!("{location}: restored\n"),
    })?;
    Ok(Exit::Clean)
}
