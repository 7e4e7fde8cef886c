//! How to talk to object stores: what somebody may choose, and which paths are meant.
//!
//! Known in every build, so that a build without object stores can say that it is one. Talking is done by `objects`.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// How to talk to object stores.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreOptions {
    /// The store's address, when it is not AWS itself: `http://localhost:5000`.
    pub endpoint: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request that failed is made again, with growing pauses and for three minutes at most.
    pub retries: usize,
    /// The first of these pauses.
    pub pause: Duration,
    /// Where the mirrors of rollups in stores are kept, each below its name; without it these can be neither read nor written.
    pub mirrors: Option<PathBuf>,
}

impl Default for StoreOptions {
    /// AWS itself; 30 seconds a request, 8 further attempts, the first after a tenth of a second; no mirrors.
    fn default() -> StoreOptions {
        StoreOptions {
            endpoint: None,
            timeout: Duration::from_secs(30),
            retries: 8,
            pause: Duration::from_millis(100),
            mirrors: None,
        }
    }
}

/// Whether a path is one in an object store: `s3://bucket/prefix`.
#[must_use]
pub fn is_remote(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with("s3://"))
}
