//! `leastwise key`: makes, lists and removes the keys that sign requests to the API.
//!
//! A secret is printed once, by `key add`, and cannot be shown again.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use leastwise::access::Timestamp;
use leastwise_server::api_keys::{self, KeysFailure, Wanted};
use leastwise_server::auth::Scope;
use leastwise_server::store::{Location, StoreError};
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::output::print;
use crate::serve::{location, store_failure};

/// What `leastwise key` takes.
#[derive(Debug, Args)]
pub(crate) struct KeyArguments {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key, and print its secret: it is shown this once.
    Add {
        #[command(flatten)]
        store: StoreArguments,
        /// Whose it is or what it is for.
        #[arg(long, value_name = "TEXT")]
        name: String,
        /// What it may do; each includes those before it.
        #[arg(long, value_enum, default_value_t = ScopeWord::Read)]
        scope: ScopeWord,
        /// An account whose findings it sees, instead of all; may be repeated. Not for `administer`.
        #[arg(long = "account", value_name = "ID")]
        accounts: Vec<String>,
        /// An organizational unit whose accounts it sees (`leastwise serve --organizational-units`); may be repeated. Not for `administer`.
        #[arg(long = "ou", value_name = "ID")]
        units: Vec<String>,
        /// The day or moment at which it ends.
        #[arg(long, value_name = "DATE")]
        expires: Option<String>,
    },
    /// List keys, without their secrets.
    List {
        #[command(flatten)]
        store: StoreArguments,
    },
    /// Make a key count no longer, at once.
    Remove {
        #[command(flatten)]
        store: StoreArguments,
        /// The id of the key.
        id: String,
    },
}

#[derive(Debug, Args)]
struct StoreArguments {
    /// The folder of exports that `leastwise serve` is given; the store is in it unless told otherwise.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where the store is: as for `leastwise serve`.
    #[arg(long, value_name = "URL", env = "LEASTWISE_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// Text for people, or JSON.
    #[arg(long, value_enum, default_value_t = KeyFormat::Text)]
    format: KeyFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KeyFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScopeWord {
    /// See findings, ask for recommendations and policy checks.
    Read,
    /// Also archive findings.
    Archive,
    /// Also make, change and delete analyzers and archive rules.
    Administer,
}

/// Runs the command.
pub(crate) fn run(arguments: &KeyArguments) -> Result<Exit, Failure> {
    match &arguments.command {
        KeyCommand::Add { store, name, scope, accounts, units, expires } => {
            add(store, name, *scope, (accounts, units), expires.as_deref())
        }
        KeyCommand::List { store } => list(store),
        KeyCommand::Remove { store, id } => {
            let at = place(store)?;
            api_keys::remove(&at, id).map_err(|error| failure(&error, &at))?;
            print(&match store.format {
                KeyFormat::Text => format!("{id} counts no longer\n"),
                KeyFormat::Json => format!("{}\n", json!({"removed": id})),
            })?;
            Ok(Exit::Clean)
        }
    }
}

fn place(store: &StoreArguments) -> Result<Location, Failure> {
    location(store.database.as_deref(), &store.data)
}

fn failure(error: &KeysFailure, at: &Location) -> Failure {
    match error {
        KeysFailure::Store(StoreError::NotFound { .. }) => Failure::bad_input(error.to_string(), "see `leastwise key list`"),
        KeysFailure::Store(error) => store_failure(error, at),
        KeysFailure::Key(error) => Failure::bad_input(error.to_string(), "see `leastwise key add --help`"),
        KeysFailure::Threads(_) => Failure::fault(error.to_string()),
    }
}

fn add(
    store: &StoreArguments,
    name: &str,
    scope: ScopeWord,
    (accounts, units): (&[String], &[String]),
    expires: Option<&str>,
) -> Result<Exit, Failure> {
    let date = |text: &str| {
        Timestamp::parse(text).ok_or_else(|| Failure::bad_input(format!("`{text}` is no date"), "write it as 2027-01-31"))
    };
    let wanted = Wanted {
        name: name.to_owned(),
        scope: match scope {
            ScopeWord::Read => Scope::Read,
            ScopeWord::Archive => Scope::Archive,
            ScopeWord::Administer => Scope::Administer,
        },
        accounts: accounts.iter().chain(units).cloned().collect(),
        expires: expires.map(date).transpose()?,
    };
    let at = place(store)?;
    let key = api_keys::add(&at, wanted).map_err(|error| failure(&error, &at))?;
    print(&match store.format {
        KeyFormat::Text => format!(
            "access key id      {}\nsecret access key  {}\n\nThe secret is not shown again. For the AWS tools:\n  \
             export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY=…\n",
            key.id,
            key.secret.expose(),
            key.id
        ),
        KeyFormat::Json => format!("{}\n", json!({"id": key.id, "secret": key.secret.expose()})),
    })?;
    Ok(Exit::Clean)
}

fn list(store: &StoreArguments) -> Result<Exit, Failure> {
    let at = place(store)?;
    let all = api_keys::list(&at).map_err(|error| failure(&error, &at))?;
    let text = match store.format {
        KeyFormat::Json => {
            let row = |key: &api_keys::Listed| {
                json!({
                    "id": key.id, "name": key.name, "scope": key.scope, "accounts": key.accounts,
                    "created": key.created.to_string(), "expires": key.expires.map(|time| time.to_string()),
                })
            };
            format!("{}\n", json!({"keys": all.iter().map(row).collect::<Vec<_>>()}))
        }
        KeyFormat::Text if all.is_empty() => "no keys; `leastwise key add` makes one\n".to_owned(),
        KeyFormat::Text => all
            .iter()
            .map(|key| {
                let accounts = if key.accounts.is_empty() { "all accounts".to_owned() } else { key.accounts.join(", ") };
                let until = key.expires.map_or(String::new(), |time| format!("  until {time}"));
                format!("{}  {:<10}  {accounts}  {}  since {}{until}\n", key.id, key.scope, key.name, key.created)
            })
            .collect(),
    };
    print(&text)?;
    Ok(Exit::Clean)
}
