//! How the engine opens object stores: on the client, on the scheduler and on every worker, each with keys of its own.
//!
//! The engine asks a registry for a store whenever a table is in one. Ours makes it as the readers of logs do. Where the
//! store is, when it is not AWS, comes with the settings of the job, as they come to all machines; keys never do.

use std::any::Any;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ballista_core::extension::SessionConfigExt;
use datafusion::common::{DataFusionError, Result};
use datafusion::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::object_store::ObjectStore;
use datafusion::prelude::SessionConfig;
use leastwise_history::rollup::{StoreOptions, is_remote, store_of};
use url::Url;

/// What comes to all machines with a job.
#[derive(Debug, Clone, Default)]
struct StoreSettings {
    /// The store's address; empty for AWS.
    endpoint: String,
    /// Seconds that a request may take.
    timeout: u64,
}

impl ConfigExtension for StoreSettings {
    const PREFIX: &'static str = "leastwise";
}

/// By hand: what the engine's macro makes of it names its entries without the prefix, and so they never arrive.
impl ExtensionOptions for StoreSettings {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "endpoint" => value.clone_into(&mut self.endpoint),
            "timeout" => self.timeout = value.parse().map_err(|_| DataFusionError::Configuration(format!("`{value}`")))?,
            _ => return Err(DataFusionError::Configuration(format!("there is no setting `{key}`"))),
        }
        Ok(())
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        let entry = |key: &str, value: String| ConfigEntry { key: key.to_owned(), value: Some(value), description: "" };
        vec![entry(ENDPOINT, self.endpoint.clone()), entry(TIMEOUT, self.timeout.to_string())]
    }
}

/// The names of the settings.
pub(crate) const ENDPOINT: &str = "leastwise.endpoint";
pub(crate) const TIMEOUT: &str = "leastwise.timeout";

/// The engine's settings, with ours known.
pub(crate) fn config() -> SessionConfig {
    SessionConfig::new_with_ballista().with_option_extension(StoreSettings::default())
}

/// What the engine runs in, with stores as the settings say; beside the folder for what does not fit into memory.
pub(crate) fn runtime(config: &SessionConfig, folder: Option<&Path>) -> Result<Arc<RuntimeEnv>> {
    let settings = config.options().extensions.get::<StoreSettings>().cloned().unwrap_or_default();
    let options = StoreOptions {
        endpoint: Some(settings.endpoint).filter(|endpoint| !endpoint.is_empty()),
        timeout: Duration::from_secs(settings.timeout.max(1)),
        ..StoreOptions::default()
    };
    let others = DefaultObjectStoreRegistry::new();
    let builder =
        RuntimeEnvBuilder::new().with_object_store_registry(Arc::new(Stores { options, others, open: Mutex::default() }));
    Ok(Arc::new(match folder {
        Some(folder) => builder.with_temp_file_path(folder).build()?,
        None => builder.build()?,
    }))
}

/// The address of a folder as the engine reads it, which takes some characters of an address for something else.
pub(crate) fn folder_of(shared: &str) -> String {
    match is_remote(Path::new(shared)) {
        true => format!("{}/", shared.replace('%', "%25").replace('?', "%3F").replace('#', "%23")),
        // An address, since in a path brackets and stars would stand for others.
        false => Url::from_directory_path(shared).map_or_else(|()| shared.to_owned(), String::from),
    }
}

/// Makes the store of a bucket when it is asked for.
#[derive(Debug)]
struct Stores {
    options: StoreOptions,
    others: DefaultObjectStoreRegistry,
    open: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl ObjectStoreRegistry for Stores {
    fn register_store(&self, url: &Url, store: Arc<dyn ObjectStore>) -> Option<Arc<dyn ObjectStore>> {
        self.others.register_store(url, store)
    }

    fn get_store(&self, url: &Url) -> Result<Arc<dyn ObjectStore>> {
        let bucket = match (url.scheme(), url.host_str()) {
            ("s3", Some(bucket)) => bucket,
            _ => return self.others.get_store(url),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(bucket) {
            return Ok(store.clone());
        }
        let store = store_of(bucket, &self.options).map_err(DataFusionError::Execution)?;
        open.insert(bucket.to_owned(), store.clone());
        Ok(store)
    }
}

#[cfg(test)]
mod tests {
    use ballista_core::extension::SessionConfigHelperExt;

    use super::*;

    #[test]
    fn settings_of_a_job_come_to_its_stores_and_addresses_keep_their_characters() {
        let sent = config().set_str(ENDPOINT, "http://127.0.0.1:1").set_u64(TIMEOUT, 7).to_key_value_pairs();
        let config = config().update_from_key_value_pair(&sent);
        let settings = config.options().extensions.get::<StoreSettings>().unwrap();
        assert_eq!((settings.endpoint.as_str(), settings.timeout), ("http://127.0.0.1:1", 7));
        assert_eq!(folder_of("s3://b/a prefix/50%?#/.cluster/1"), "s3://b/a prefix/50%25%3F%23/.cluster/1/");
        assert_eq!(folder_of("/mnt/a [b]*?%/.cluster"), "file:///mnt/a%20[b]*%3F%25/.cluster/");
        let runtime = runtime(&config, None).unwrap();
        assert!(runtime.object_store_registry.get_store(&Url::parse("s3://bucket/x").unwrap()).is_ok());
        assert!(runtime.object_store_registry.get_store(&Url::parse("file:///x").unwrap()).is_ok());
    }
}
