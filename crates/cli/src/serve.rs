//! `leastwise serve`: arguments and inputs for the server, which does the rest.
//!
//! The inputs of the server are the same exports that `analyze` reads, found anew at each analysis. Logs go to standard error.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use leastwise::access::{AccountId, Timestamp};
use leastwise_server::auth::OrganizationalUnits;
use leastwise_server::store::{Location, StoreError};
use leastwise_server::{Inputs, InputsFailure, Network, Options, ServeFailure, TlsFiles, Visit};

use crate::evidence::{Evidence, EvidenceOptions};
use crate::failure::{Exit, Failure};
use crate::output::{print, remark};
use crate::shape::STORE;

/// What `leastwise serve` takes.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// A folder of exports, laid out in any way (docs/inputs.md). It is watched, and the store is in it unless told otherwise.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where findings are kept: sqlite:FILE or postgres://USER@HOST/NAME [default: leastwise.db in the folder of exports].
    #[arg(long, value_name = "URL", env = "LEASTWISE_DATABASE", hide_env_values = true)]
    database: Option<String>,
    /// How often to look for changed exports.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    rescan: u64,
    /// The AWS region in the ARNs of analyzers.
    #[arg(long, value_name = "NAME", default_value = "us-east-1")]
    region: String,
    /// The account in the ARNs of analyzers [default: that of the first analyzer, or of the exports].
    #[arg(long, value_name = "ID", value_parser = account)]
    analyzer_account: Option<AccountId>,
    /// How many requests of the API a key may make in a second; 0 for any number.
    #[arg(long, value_name = "N", default_value_t = 0)]
    requests_per_second: u32,
    /// Let everybody in. Only on loopback, and only to try it out.
    #[arg(long)]
    insecure_no_auth: bool,
    /// A certificate in PEM, with those that lead to a root behind it: then the server speaks TLS only. Renewed files are noticed.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key in PEM.
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A proxy whose `X-Forwarded-For` says from whom a request is: an address, or a network as 10.0.0.0/8; may be repeated.
    #[arg(long = "trusted-proxy", value_name = "NETWORK", value_parser = Network::parse)]
    trusted_proxies: Vec<Network>,
    /// A network that webhooks may lead to although it is not public: an address, or a network as 10.0.0.0/8; may be repeated.
    #[arg(long = "webhook-network", value_name = "NETWORK", value_parser = Network::parse)]
    webhook_networks: Vec<Network>,
    /// Which accounts are in which organizational unit, for users and keys that see some (docs/operating.md). Looked at with each round.
    #[arg(long, value_name = "FILE")]
    organizational_units: Option<PathBuf>,
    /// How to log.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(flatten)]
    oidc: crate::oidc::OidcArguments,
    #[command(flatten)]
    evidence: EvidenceOptions,
}

fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).ok_or_else(|| "an account has 12 digits".to_owned())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// The exports of a folder, as the server reads them.
struct Exports {
    folder: PathBuf,
    options: EvidenceOptions,
    units: Option<PathBuf>,
}

impl Inputs for Exports {
    fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        look(&self.folder, &mut hasher);
        self.options.paths().for_each(|path| look(path, &mut hasher));
        hasher.finish()
    }

    fn present(&self) -> Timestamp {
        self.options.present().unwrap_or(Timestamp::from_seconds(0))
    }

    fn organizational_units(&self) -> Result<OrganizationalUnits, InputsFailure> {
        let Some(path) = &self.units else { return Ok(OrganizationalUnits::new()) };
        let failure = |message: String| InputsFailure {
            message: format!("{}: {message}", path.display()),
            help: "write it as docs/operating.md says".to_owned(),
        };
        let text = std::fs::read_to_string(path).map_err(|error| failure(error.to_string()))?;
        leastwise_server::auth::read_units(&text).map_err(failure)
    }

    fn analyse(&self, _present: Timestamp, visit: &mut Visit<'_>) -> Result<(), InputsFailure> {
        let evidence = Evidence::find(Some(&self.folder), &self.options)
            .map_err(|failure| InputsFailure { message: failure.message().to_owned(), help: failure.help().to_owned() })?;
        visit(evidence.analyse(&mut |_| {}), &|record| {
            evidence.read_logs(record, &mut Vec::new());
        });
        Ok(())
    }
}

/// Names, sizes and dates of everything in a folder, without the store.
fn look(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    let Ok(facts) = std::fs::metadata(path) else { return };
    if !facts.is_dir() {
        facts.len().hash(hasher);
        facts.modified().ok().hash(hasher);
        return;
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path).map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default();
    entries.sort();
    for entry in entries {
        let name = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let round = entry.is_symlink() && entry.is_dir();
        if !name.starts_with('.') && !name.starts_with(STORE) && !round {
            look(&entry, hasher);
        }
    }
}

/// Where the store is: as told, or in the folder of exports.
pub(crate) fn location(database: Option<&str>, folder: &Path) -> Result<Location, Failure> {
    match database {
        None => Ok(Location::Sqlite(folder.join(STORE))),
        Some(text) => Location::parse(text).map_err(|message| Failure::bad_input(message, "see `leastwise serve --help`")),
    }
}

/// A failure of the store, with advice.
pub(crate) fn store_failure(error: &StoreError, location: &Location) -> Failure {
    let help = match error {
        StoreError::Full(_) => "make room on the disk of the store",
        StoreError::Unreachable(_) => "check that the folder is there and may be written, or that the database runs",
        _ => "if it was made by a newer leastwise, use that one; a damaged store can be restored from a backup",
    };
    Failure::bad_input(format!("{location}: {error}"), help)
}

/// Runs the command, until it is told to stop.
pub(crate) fn run(arguments: &ServeArguments) -> Result<Exit, Failure> {
    arguments.evidence.present()?;
    if !arguments.data.is_dir() {
        return Err(Failure::bad_input(
            format!("{}: is no folder", arguments.data.display()),
            "name a folder of exports; `leastwise demo --out demo` makes some up",
        ));
    }
    let database = location(arguments.database.as_deref(), &arguments.data)?;
    let logs = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    match arguments.log_format {
        LogFormat::Text => logs.with_ansi(false).init(),
        LogFormat::Json => logs.json().init(),
    }
    if arguments.insecure_no_auth {
        remark("warning: whoever reaches this address may do everything; `--insecure-no-auth` is for trying out only");
    }
    let tls = arguments.tls_certificate.clone().zip(arguments.tls_key.clone());
    let tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
    let is_public = arguments.oidc.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    if tls.is_none() && !is_public && !arguments.listen.ip().is_loopback() {
        remark(
            "warning: passwords and findings cross the network in the clear; give `--tls-certificate` and `--tls-key`, or a proxy and \
             `--public-url https://…`",
        );
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = Options {
        rescan: Duration::from_secs(arguments.rescan),
        region: arguments.region.clone(),
        account: arguments.analyzer_account,
        requests_per_second: arguments.requests_per_second,
        insecure_no_auth: arguments.insecure_no_auth,
        tls,
        public_url: arguments.oidc.public_url.clone(),
        oidc: arguments.oidc.options()?,
        trusted_proxies: arguments.trusted_proxies.clone(),
        webhook_networks: arguments.webhook_networks.clone(),
        ..Options::of(arguments.listen, database.clone())
    };
    let units = arguments.organizational_units.clone();
    let exports = Exports { folder: arguments.data.clone(), options: arguments.evidence.clone(), units };
    let ready = |address: SocketAddr, setup: Option<String>| {
        // Nobody may be reading; the server runs all the same.
        print(&format!("listening on {scheme}://{address}, store {database}\n")).ok();
        if let Some(token) = setup {
            print(&format!("nobody can sign in yet: make the first user at {scheme}://{address}/setup?token={token}\n")).ok();
        }
    };
    match leastwise_server::run(options, Arc::new(exports), ready) {
        Ok(()) => Ok(Exit::Clean),
        Err(ServeFailure::Store(error)) => Err(store_failure(&error, &database)),
        Err(failure @ ServeFailure::Listen(_)) => {
            Err(Failure::bad_input(format!("{}: {failure}", arguments.listen), "choose another address with `--listen`"))
        }
        Err(failure @ ServeFailure::Tls(_)) => Err(Failure::bad_input(
            failure.to_string(),
            "`--tls-certificate` wants the certificate with its chain, `--tls-key` its private key, both in PEM and readable",
        )),
        Err(failure) => Err(Failure::bad_input(failure.to_string(), "see `leastwise serve --help`")),
    }
}
