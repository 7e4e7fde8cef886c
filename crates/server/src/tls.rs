//! TLS by certificate files: reads them, takes connections with them, and takes renewed ones without a new start.
//!
//! Under `connections.rs`, which bounds how long a handshake may take. The protocol is rustls's. It makes no certificate and asks for none.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

/// Where the certificate and its key are, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to a root that clients know.
    pub certificate: PathBuf,
    /// The private key: PKCS #8, PKCS #1 or SEC 1, without a password.
    pub key: PathBuf,
}

/// Why files do not make a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    /// The file that is wrong.
    pub file: PathBuf,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.message)
    }
}

impl std::error::Error for TlsFailure {}

impl TlsFiles {
    /// Reads both, and makes sure that they belong together.
    ///
    /// # Errors
    /// With the file that is wrong.
    pub fn read(&self) -> Result<Arc<ServerConfig>, TlsFailure> {
        let failure = |file: &PathBuf, message: String| TlsFailure { file: file.clone(), message };
        let what = |error: pem::Error, missing: &str| match error {
            pem::Error::Io(error) => error.to_string(),
            pem::Error::NoItemsFound => missing.to_owned(),
            other => format!("is no PEM: {other}"),
        };
        let of_certificate = |error| failure(&self.certificate, what(error, "has no certificate"));
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(of_certificate)?;
        if chain.is_empty() {
            return Err(of_certificate(pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key)
            .map_err(|error| failure(&self.key, what(error, "has no private key, or one with a password")))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| failure(&self.certificate, error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| match error {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    failure(&self.key, format!("is not the key of the certificate in {}", self.certificate.display()))
                }
                Error::InvalidCertificate(error) => {
                    failure(&self.certificate, format!("the certificate is not valid: {error:?}"))
                }
                other => failure(&self.key, format!("the key cannot be used: {other}")),
            })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// When the files were last written; what cannot be told is never the same.
    fn written(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let facts = std::fs::metadata(path).ok()?;
            Some((facts.modified().ok()?, facts.len()))
        })
    }
}

/// Makes encrypted connections of plain ones, with the certificate of the moment.
#[derive(Debug)]
pub(crate) struct Handshakes {
    config: Current,
    renewing: JoinHandle<()>,
}

impl Handshakes {
    /// Reads the files, and again every `look_again` when they were renewed.
    ///
    /// # Errors
    /// When the files are not right.
    pub(crate) fn start(files: TlsFiles, look_again: Duration) -> Result<Handshakes, TlsFailure> {
        let config = Arc::new(RwLock::new(files.read()?));
        let renewing = tokio::spawn(renew(files, config.clone(), look_again));
        Ok(Handshakes { config, renewing })
    }

    /// Does the handshake of one connection. The caller bounds its time.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsAcceptor::from(config).accept(stream).await
    }
}

impl Drop for Handshakes {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

type Current = Arc<RwLock<Arc<ServerConfig>>>;

/// Takes over what was renewed. Files that are not right are said to be so, and the old ones go on.
async fn renew(files: TlsFiles, config: Current, look_again: Duration) {
    let mut known = files.written();
    loop {
        tokio::time::sleep(look_again).await;
        let now = files.written();
        if now == known {
            continue;
        }
        known = now;
        match files.read() {
            Ok(renewed) => {
                *config.write().unwrap_or_else(PoisonError::into_inner) = renewed;
                tracing::info!("the certificate was renewed");
            }
            Err(error) => tracing::error!("the renewed certificate is not used: {error}"),
        }
    }
}
