//! How to talk to object stores: the options that all commands have in common which read or write there.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use leastwise_history::rollup::StoreOptions;

/// How to talk to object stores.
#[derive(Debug, Clone, Args)]
pub(crate) struct StoreArguments {
    /// Where the object store is, when it is not AWS: http://localhost:5000. Keys and region come from the environment.
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL", help_heading = "Object stores")]
    endpoint_url: Option<String>,
    /// How long one request to an object store may take. What fails is tried again, with pauses, for three minutes at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Object stores")]
    request_timeout: u64,
    /// Where usage in buckets is mirrored, each below its name; `leastwise` in your folder of caches unless given.
    #[arg(long, value_name = "DIR", env = "LEASTWISE_MIRROR", help_heading = "Object stores")]
    mirror: Option<PathBuf>,
}

impl StoreArguments {
    /// The same for the library.
    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            endpoint: self.endpoint_url.clone(),
            timeout: Duration::from_secs(self.request_timeout),
            mirrors: self.mirror.clone().or_else(caches),
            ..StoreOptions::default()
        }
    }
}

/// The user's folder for what can be made again, when the environment tells.
fn caches() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = match cfg!(target_os = "macos") {
        true => folder("HOME")?.join("Library/Caches"),
        false => folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?,
    };
    Some(caches.join("leastwise"))
}
