//! `leastwise user`: adds, lists and removes those who sign in to the dashboard with a password.
//!
//! A password comes from the first line of standard input, so that it is in no list of processes and in no history.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use leastwise_server::dashboard::users::{self, UsersFailure};
use leastwise_server::store::{Location, StoreError};

use crate::failure::{Exit, Failure};
use crate::output::{print, remark};
use crate::serve::{location, store_failure};

/// What `leastwise user` takes.
#[derive(Debug, Args)]
pub(crate) struct UserArguments {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Add a user, or change password and level of one; the password is the first line of standard input.
    Add {
        /// The name.
        name: String,
        /// What the user may do; each includes those before it.
        #[arg(long, value_enum, default_value_t = Level::Read)]
        scope: Level,
        /// An account that the user sees, instead of all; may be repeated. Not for `administer`.
        #[arg(long = "account", value_name = "ID")]
        accounts: Vec<String>,
        /// An organizational unit whose accounts the user sees (`leastwise serve --organizational-units`); may be repeated. Not for `administer`.
        #[arg(long = "ou", value_name = "ID")]
        units: Vec<String>,
        #[command(flatten)]
        store: UserStore,
    },
    /// List users.
    List {
        #[command(flatten)]
        store: UserStore,
    },
    /// Remove a user, whose sessions end at once; `oidc:NAME` ends the sessions of somebody who signed in with a provider.
    Remove {
        /// The name.
        name: String,
        #[command(flatten)]
        store: UserStore,
    },
}

#[derive(Debug, Args)]
struct UserStore {
    /// The folder of exports that `leastwise serve` is given; the store is in it unless told otherwise.
    #[arg(long, value_name = "DIR", required_unless_present = "database")]
    data: Option<PathBuf>,
    /// Where the store is: as for `leastwise serve`.
    #[arg(long, value_name = "URL", env = "LEASTWISE_DATABASE", hide_env_values = true)]
    database: Option<String>,
}

impl UserStore {
    fn location(&self) -> Result<Location, Failure> {
        location(self.database.as_deref(), self.data.as_deref().unwrap_or(std::path::Path::new(".")))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Look.
    Read,
    /// Archive findings and accept recommendations.
    Archive,
    /// Everything.
    Administer,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Level::Read => "read",
            Level::Archive => "archive",
            Level::Administer => "administer",
        }
    }
}

fn failure(failed: UsersFailure, location: &Location) -> Failure {
    match failed {
        UsersFailure::Refused(why) => Failure::bad_input(why, "see `leastwise user add --help`"),
        UsersFailure::Store(error @ StoreError::NotFound { .. }) => {
            Failure::bad_input(error.to_string(), "`leastwise user list` says who is there")
        }
        UsersFailure::Store(error) => store_failure(&error, location),
        UsersFailure::Machine(error) => Failure::fault(error.to_string()),
    }
}

fn password() -> Result<String, Failure> {
    let input = std::io::stdin();
    if input.is_terminal() {
        remark("type the password (it is shown) and press Enter:");
    }
    let mut line = String::new();
    input.lock().read_line(&mut line).map_err(|error| {
        Failure::bad_input(format!("standard input: {error}"), "give the password as the first line of standard input")
    })?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Runs the command.
pub(crate) fn run(arguments: &UserArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        UserCommand::Add { name, scope, accounts, units, store } => {
            let location = store.location()?;
            let sees: Vec<&str> = accounts.iter().chain(units).map(String::as_str).collect();
            users::add(&location, name, &password()?, scope.word(), &sees.join(","))
                .map_err(|failed| failure(failed, &location))?;
            let of = if sees.is_empty() { String::new() } else { format!(" in {}", sees.join(", ")) };
            print(&format!("{name}: may {}{of}\n", scope.word()))?;
        }
        UserCommand::List { store } => {
            let location = store.location()?;
            for user in users::all(&location).map_err(|failed| failure(failed, &location))? {
                let sees = if user.accounts.is_empty() { String::new() } else { format!("\tsees {}", user.accounts) };
                print(&format!("{}\t{}\tsince {}{sees}\n", user.name, user.scopes, user.created))?;
            }
        }
        UserCommand::Remove { name, store } => {
            let location = store.location()?;
            users::remove(&location, name).map_err(|failed| failure(failed, &location))?;
            print(&format!("{name}: removed\n"))?;
        }
    }
    Ok(Exit::Clean)
}
