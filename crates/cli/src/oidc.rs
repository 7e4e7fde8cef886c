//! Arguments for signing in to the dashboard with an OpenID Connect provider.
//!
//! A part of `leastwise serve`. A secret comes from a file, so that it is in no list of processes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use leastwise_server::dashboard::OidcOptions;

use crate::failure::Failure;

/// The provider, and who may come in with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sign-in with a provider (docs/dashboard.md)")]
pub(crate) struct OidcArguments {
    /// Where browsers reach the server, such as `https://leastwise.example`.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// The provider's issuer.
    #[arg(long, value_name = "URL", requires_all = ["oidc_client_id", "public_url", "oidc_allow"])]
    oidc_issuer: Option<String>,
    /// What the provider calls this server.
    #[arg(long, value_name = "ID", requires = "oidc_issuer")]
    oidc_client_id: Option<String>,
    /// A file with what this server proves itself with.
    #[arg(long, value_name = "FILE", requires = "oidc_issuer")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Who is let in: an address of mail, @DOMAIN, or * for everybody whom the provider knows; may be repeated.
    #[arg(long, value_name = "WHO", requires = "oidc_issuer")]
    oidc_allow: Vec<String>,
    /// What they may do; each includes those before it.
    #[arg(long, value_enum, default_value_t = OidcScope::Read)]
    oidc_scope: OidcScope,
    /// An account or organizational unit that they see, instead of all; may be repeated. Not for `administer`.
    #[arg(long = "oidc-account", value_name = "ID", requires = "oidc_issuer")]
    oidc_accounts: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OidcScope {
    /// Look.
    Read,
    /// Archive findings and accept recommendations.
    Archive,
    /// Everything.
    Administer,
}

impl OidcArguments {
    /// The options of the server, when a provider was named.
    pub(crate) fn options(&self) -> Result<Option<OidcOptions>, Failure> {
        let (Some(issuer), Some(client_id), Some(public_url)) = (&self.oidc_issuer, &self.oidc_client_id, &self.public_url)
        else {
            return Ok(None);
        };
        let client_secret = match &self.oidc_client_secret_file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::bad_input(
                        format!("{}: {error}", path.display()),
                        "name a file that holds the secret and nothing else",
                    )
                })?;
                Some(text.trim().to_owned())
            }
        };
        let scopes = match self.oidc_scope {
            OidcScope::Read => "read",
            OidcScope::Archive => "archive",
            OidcScope::Administer => "administer",
        };
        Ok(Some(OidcOptions {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret,
            public_url: public_url.clone(),
            allow: self.oidc_allow.clone(),
            scopes: scopes.to_owned(),
            accounts: self.oidc_accounts.join(","),
        }))
    }
}
