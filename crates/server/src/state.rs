//! What every handler of a request has at hand.
//!
//! Cheap to clone; made once by [`crate::serve`]. It has no logic of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use leastwise::access::AccountId;

use crate::analysis::AnalysisHandle;
use crate::auth::Units;
use crate::connections::Limits;
use crate::dashboard::OidcOptions;
use crate::networks::Network;
use crate::store::{Location, Store};
use crate::tls::TlsFiles;

/// How the server is to be run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where the store is.
    pub database: Location,
    /// How often the inputs are looked at for changes.
    pub rescan: Duration,
    /// The AWS region that is put into the ARNs of analyzers, and that requests are signed for.
    pub region: String,
    /// The account in the ARNs of analyzers that are made; unless told, that of the first analyzer or of the exports.
    pub account: Option<AccountId>,
    /// How many requests of the provider's API a key may make in a second; 0 for any number.
    pub requests_per_second: u32,
    /// Requests need no signature and pages no sign-in. Only on loopback.
    pub insecure_no_auth: bool,
    /// The certificate with which it listens; without one, it does in the clear.
    pub tls: Option<TlsFiles>,
    /// How often is looked whether the certificate was renewed.
    pub certificate_checked_every: Duration,
    /// Where browsers reach the server, if that is not where it listens; with `https://`, cookies are for TLS only.
    pub public_url: Option<String>,
    /// A provider with whom users may sign in to the dashboard.
    pub oidc: Option<OidcOptions>,
    /// What connections may cost.
    pub limits: Limits,
    /// Proxies whose `X-Forwarded-For` says from whom a request is.
    pub trusted_proxies: Vec<Network>,
    /// Networks that are not public and that webhooks may lead to.
    pub webhook_networks: Vec<Network>,
}

impl Options {
    /// A server at an address with a store, everything else as it is unless told otherwise.
    #[must_use]
    pub fn of(listen: SocketAddr, database: Location) -> Options {
        Options {
            listen,
            database,
            rescan: Duration::from_secs(60),
            region: "us-east-1".to_owned(),
            account: None,
            requests_per_second: 0,
            insecure_no_auth: false,
            tls: None,
            certificate_checked_every: Duration::from_secs(60),
            public_url: None,
            oidc: None,
            limits: Limits::default(),
            trusted_proxies: Vec::new(),
            webhook_networks: Vec::new(),
        }
    }
}

/// The ARN of an analyzer, in the partition of its region ("Amazon Resource Names", AWS General Reference).
pub(crate) fn analyzer_arn(region: &str, account: &str, name: &str) -> String {
    let partition = match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:access-analyzer:{region}:{account}:analyzer/{name}")
}

/// The account of analyzers as long as nobody has said one and nothing was read.
pub(crate) const NO_ACCOUNT: &str = "000000000000";

/// The state of every handler: `axum::extract::State<AppState>`.
#[derive(Debug, Clone)]
pub struct AppState {
    /// Everything that is kept.
    pub store: Store,
    /// Where recommendations are asked for, and the analysis is told to run again.
    pub desk: AnalysisHandle,
    /// How the server is run.
    pub options: Arc<Options>,
    /// Which accounts are in which organizational unit.
    pub(crate) units: Units,
}
