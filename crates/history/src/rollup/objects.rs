//! Logs in object stores: which there are, and their bytes, fetched ahead of whoever reads them.
//!
//! Beside `input`, which knows the files of this machine. Listing is pruned by region and day where keys are those of
//! CloudTrail's deliveries. What the store answers badly (500, 503, silence, half an answer) is asked again by the library
//! with growing pauses; what fails in the end is a problem of that one log, which the next run reads. Nothing is written there.

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::io::{self, BufReader, Read};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use leastwise::access::{AccountId, Timestamp};
use object_store::aws::AmazonS3Builder;
use object_store::client::SpawnedReqwestConnector;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::events::talking;
use super::input::{Input, Place, is_too_old};
use super::stores::StoreOptions;
use crate::files::{MANIFEST, MARK, is_called_a_log, is_digest, is_of_another_service};
use crate::reading::{FileReading, IN_MEMORY, Origin};

/// So many logs are fetched at a time, when memory allows.
const AHEAD: usize = 24;
/// A long log is fetched in pieces of so many bytes.
const PIECE: u64 = 8 << 20;
/// So many folders are listed at a time.
const LISTINGS: usize = 32;
/// After so many logs in a row that could not be fetched the others are not tried: the store is down.
const HOPELESS: usize = 16;

/// A log in a store, as it was listed.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    store: Arc<dyn ObjectStore>,
    key: Key,
    tag: Option<String>,
}

/// A bucket, and what is below a prefix in it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    name: String,
    prefix: Key,
    store: Arc<dyn ObjectStore>,
}

/// What a listing found besides logs.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) too_old: u64,
    pub(crate) ignored: u64,
}

impl Object {
    /// A log that somebody else listed, perhaps on another machine.
    pub(crate) fn listed(bucket: &Bucket, tag: Option<String>) -> Object {
        Object { store: bucket.store.clone(), key: bucket.prefix.clone(), tag }
    }

    /// What changes when it does, as its store says.
    pub(crate) fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
}

impl Bucket {
    /// Whom to ask.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// What is below.
    pub(crate) fn prefix(&self) -> &Key {
        &self.prefix
    }
}

/// The stores of this run, with the thread that talks to them. Who asks waits outside of it, and so may be a thread of
/// another runtime, which must not wait for this one.
#[derive(Debug)]
pub(crate) struct Objects {
    runtime: Runtime,
    /// Connections and credentials are kept by bucket.
    stores: Mutex<HashMap<(String, StoreOptions), Arc<dyn ObjectStore>>>,
}

impl Objects {
    pub(crate) fn new() -> io::Result<Arc<Objects>> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Arc::new(Objects { runtime, stores: Mutex::default() }))
    }

    /// Begins work, whose end comes by the channel.
    pub(crate) fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
        let (sender, receiver) = sync_channel(1);
        self.runtime.spawn(async move {
            // Nobody waits any more when the run has ended early.
            let _ = sender.send(work.await);
        });
        receiver
    }

    /// Does work and waits for its end.
    pub(crate) fn wait<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        self.begin(work).recv().map_err(|_| io::Error::other("the request was given up"))
    }

    /// Opens `s3://bucket/prefix`, with what the environment says of keys and region.
    pub(crate) fn open(&self, url: &str, options: &StoreOptions) -> Result<Bucket, String> {
        let rest = url.strip_prefix("s3://").ok_or("is no `s3://` address")?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err("names no bucket".to_owned());
        }
        let prefix = Key::parse(prefix.trim_end_matches('/')).map_err(|error| chain(&error))?;
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (name.to_owned(), options.clone());
        if let Some(store) = stores.get(&of) {
            return Ok(Bucket { name: of.0, prefix, store: store.clone() });
        }
        let store: Arc<dyn ObjectStore> = Arc::new(builder_of(name, options).build().map_err(|error| chain(&error))?);
        stores.insert(of.clone(), store.clone());
        Ok(Bucket { name: of.0, prefix, store })
    }

    /// Lists the logs of a bucket. Those that were found before an error are given all the same.
    pub(crate) fn list(
        &self,
        bucket: &Bucket,
        since: Option<Timestamp>,
        give: &mut dyn FnMut(String, Input),
    ) -> (Listed, Result<(), String>) {
        let mut listed = Listed::default();
        let below = bucket.clone();
        let listing = async move {
            let mut found = Vec::new();
            let ended = below.below(since, &mut found).await;
            (found, ended.map_err(|error| advised(chain(&error))))
        };
        let (found, ended) = self.wait(listing).unwrap_or_else(|error| (Vec::new(), Err(error.to_string())));
        let rollups = rollups(&found);
        listed.ignored += rollups.len() as u64;
        for meta in found {
            if rollups.iter().any(|folder| meta.location.as_ref().starts_with(folder)) {
                continue;
            }
            let name = format!("s3://{}/{}", bucket.name, meta.location);
            let path = std::path::Path::new(meta.location.as_ref());
            if is_too_old(&name, since) {
                listed.too_old += 1;
            } else if is_digest(path) {
            } else if !is_called_a_log(path) || is_of_another_service(path) {
                listed.ignored += 1;
            } else {
                let state = meta.e_tag.clone().unwrap_or_else(|| meta.last_modified.to_rfc3339());
                let object = Object { store: bucket.store.clone(), key: meta.location, tag: meta.e_tag };
                let state = format!("{} {state}", meta.size);
                give(name, Input { place: Place::Object(object), state, size: meta.size });
            }
        }
        (listed, ended)
    }
}

/// The folders of rollups among what was found: they may stand beside the logs that they were made of.
fn rollups(found: &[ObjectMeta]) -> Vec<String> {
    let folders_with = |name| -> HashSet<&str> {
        let folders = found.iter().filter_map(|meta| meta.location.as_ref().strip_suffix(name));
        folders.filter(|folder| folder.is_empty() || folder.ends_with('/')).collect()
    };
    folders_with(MARK).intersection(&folders_with(MANIFEST)).map(|folder| (*folder).to_owned()).collect()
}

/// A store for a bucket, with what the environment says of keys and region, for whoever asks from a runtime that is busy with
/// other things: its requests are made by a thread of their own, so that they don't time out while nobody looks at them.
///
/// # Errors
/// What the environment says makes no store.
pub fn store_of(bucket: &str, options: &StoreOptions) -> Result<Arc<dyn ObjectStore>, String> {
    let requests = SpawnedReqwestConnector::new(talking()?.runtime.handle().clone());
    let store = builder_of(bucket, options).with_http_connector(requests).build();
    Ok(Arc::new(store.map_err(|error| chain(&error))?))
}

fn builder_of(bucket: &str, options: &StoreOptions) -> AmazonS3Builder {
    let client = ClientOptions::new().with_timeout(options.timeout).with_connect_timeout(options.timeout.min(CONNECT));
    let backoff = BackoffConfig { init_backoff: options.pause, ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: options.retries, retry_timeout: Duration::from_secs(180) };
    let builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_client_options(client).with_retry(retry);
    match &options.endpoint {
        Some(endpoint) => builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://")),
        None => builder,
    }
}

/// A connection that takes longer will not come.
const CONNECT: Duration = Duration::from_secs(5);

/// An error with what it comes from, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        source = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What to do about it, where the message of the library does not say so.
pub(crate) fn advised(message: String) -> String {
    let no_keys = std::env::var_os("AWS_ACCESS_KEY_ID").is_none() && message.contains("169.254.");
    let advice = match (no_keys, message.contains("Received redirect without LOCATION")) {
        (true, _) => {
            "; there are no keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: `aws configure export-credentials --format env` prints those of a profile"
        }
        (_, true) => "; set AWS_REGION to the bucket's region",
        _ => "",
    };
    message + advice
}

impl Bucket {
    /// Everything below the prefix. From a moment on, listing begins at its day in every folder of a region
    /// (`…/CloudTrail/region/`), and folders that hold no logs are not looked into.
    async fn below(&self, since: Option<Timestamp>, found: &mut Vec<ObjectMeta>) -> object_store::Result<()> {
        if is_called_a_log(std::path::Path::new(self.prefix.as_ref()))
            && let Ok(meta) = self.store.head(&self.prefix).await
        {
            found.push(meta);
            return Ok(());
        }
        let Some(since) = since else {
            let mut all = self.store.list(Some(&self.prefix));
            while let Some(meta) = all.try_next().await? {
                found.push(meta);
            }
            return Ok(());
        };
        let mut folders = vec![self.prefix.clone()];
        while !folders.is_empty() {
            let (regions, others): (Vec<Key>, Vec<Key>) = folders.drain(..).partition(|folder| region_in(folder).is_some());
            let listings = regions.into_iter().map(|folder| async move {
                let offset = region_in(&folder).map(|region| first_key(&region, since)).unwrap_or_default();
                self.store.list_with_offset(Some(&folder), &offset).try_collect::<Vec<_>>().await
            });
            let mut listings = stream::iter(listings).buffer_unordered(LISTINGS);
            while let Some(metas) = listings.next().await {
                found.extend(metas?);
            }
            let listings = others.into_iter().map(|folder| async move { self.store.list_with_delimiter(Some(&folder)).await });
            let mut listings = stream::iter(listings).buffer_unordered(LISTINGS);
            while let Some(listed) = listings.next().await {
                let listed = listed?;
                found.extend(listed.objects);
                folders.extend(listed.common_prefixes.into_iter().filter(|folder| {
                    let path = std::path::Path::new(folder.as_ref());
                    !is_digest(path) && !is_of_another_service(&path.join("x"))
                }));
            }
        }
        Ok(())
    }
}

/// The folder of a region that a folder is or is in: `…/CloudTrail/region`.
fn region_in(folder: &Key) -> Option<String> {
    let parts: Vec<_> = folder.parts().map(|part| part.as_ref().to_owned()).collect();
    // A prefix may be called so too.
    let of_account =
        |pair: &[String]| matches!(pair, [account, name] if name == "CloudTrail" && AccountId::parse(account).is_some());
    let at = parts.windows(2).position(of_account)?;
    parts.get(..at + 3).map(|parts| parts.join("/"))
}

/// What every key of the day and of later ones comes behind.
fn first_key(region: &str, since: Timestamp) -> Key {
    let day: String = since.to_string().chars().take(10).map(|c| if c == '-' { '/' } else { c }).collect();
    Key::from(format!("{region}/{day}"))
}

/// What came of fetching a log.
pub(crate) type Fetched = Result<Bytes, FetchError>;

/// Why a log could not be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FetchError {
    pub(crate) message: String,
    /// It was listed and is not there any more: no sign that the store is down.
    pub(crate) gone: bool,
}

impl From<object_store::Error> for FetchError {
    fn from(error: object_store::Error) -> FetchError {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return FetchError { message: "was listed and is gone".to_owned(), gone: true };
        }
        FetchError { message: format!("cannot be fetched: {}", chain(&error)), gone: false }
    }
}

/// Fetches logs ahead of the threads that read them.
pub(crate) struct Fetcher {
    objects: Arc<Objects>,
    logs: Arc<[(String, Input)]>,
    /// So many bytes may be ahead.
    room: u64,
    ahead: Mutex<Ahead>,
    /// How many could not be fetched, one after the other.
    failed: AtomicUsize,
}

#[derive(Default)]
struct Ahead {
    next: usize,
    running: HashMap<usize, Receiver<Fetched>>,
    bytes: u64,
}

impl Fetcher {
    pub(crate) fn new(objects: Arc<Objects>, logs: Arc<[(String, Input)]>, room: usize) -> Fetcher {
        Fetcher { objects, logs, room: room as u64, ahead: Mutex::default(), failed: AtomicUsize::new(0) }
    }

    /// Gives the log at that place of the list to `read`, whether it came as a whole, comes piece by piece or not at all.
    pub(crate) fn read(&self, at: usize, read: impl FnOnce(&str, Origin<'_>) -> FileReading) -> Option<FileReading> {
        let (name, input) = self.logs.get(at)?;
        let Place::Object(object) = &input.place else { return None };
        Some(match self.take(at) {
            Ok(Some(bytes)) => read(name, Origin::Bytes(&bytes)),
            Ok(None) => {
                let (objects, object) = (self.objects.clone(), object.clone());
                let pieces = Pieces { objects, object, size: input.size, at: 0, piece: Bytes::new() };
                read(name, Origin::Stream(Box::new(BufReader::with_capacity(256 << 10, pieces))))
            }
            Err(error) => read(name, Origin::Nowhere(error.message)),
        })
    }

    /// The log at that place of the list: its bytes, or none when it is so long that it is to be read as a stream.
    fn take(&self, at: usize) -> Result<Option<Bytes>, FetchError> {
        let size = self.logs.get(at).map_or(0, |(_, input)| input.size);
        if size > IN_MEMORY as u64 {
            return Ok(None);
        }
        if self.failed.load(Ordering::Relaxed) >= HOPELESS {
            let message = format!("was not tried: {HOPELESS} logs in a row could not be fetched");
            return Err(FetchError { message, gone: false });
        }
        let own = {
            let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
            while ahead.next <= at || (ahead.running.len() < AHEAD && ahead.bytes < self.room) {
                let place = ahead.next;
                let Some((_, input)) = self.logs.get(place) else { break };
                ahead.next += 1;
                if let Place::Object(object) = &input.place
                    && input.size <= IN_MEMORY as u64
                {
                    ahead.bytes += input.size;
                    ahead.running.insert(place, self.objects.begin(fetch(object.clone(), input.size)));
                }
            }
            ahead.running.remove(&at)
        };
        let Some(own) = own else { return Ok(None) };
        let given_up = |_| FetchError { message: "cannot be fetched: it was given up".to_owned(), gone: false };
        let fetched = own.recv().map_err(given_up).and_then(|fetched| fetched);
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.bytes = ahead.bytes.saturating_sub(size);
        drop(ahead);
        match &fetched {
            Err(error) if !error.gone => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => self.failed.swap(0, Ordering::Relaxed),
        };
        fetched.map(Some)
    }
}

/// All of a log, which has `size` bytes.
async fn fetch(object: Object, size: u64) -> Fetched {
    let bytes = object.store.get(&object.key).await?.bytes().await?;
    // Half a log that looks whole would be a gap that nobody sees.
    if bytes.len() as u64 != size {
        let message = format!("has {} bytes where {size} were listed", bytes.len());
        return Err(FetchError { message, gone: false });
    }
    Ok(bytes)
}

/// A log that is fetched piece by piece while it is read.
struct Pieces {
    objects: Arc<Objects>,
    object: Object,
    size: u64,
    at: u64,
    piece: Bytes,
}

impl Object {
    /// The bytes of a range, of the state that was listed: pieces of two states make none.
    pub(crate) fn range(&self, objects: &Objects, range: Range<u64>) -> io::Result<Bytes> {
        let Object { store, key, tag } = self.clone();
        let wanted = range.end - range.start;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), if_match: tag, ..GetOptions::default() };
        let get = async move { store.get_opts(&key, options).await?.bytes().await };
        let bytes = objects.wait(get)?.map_err(|error| io::Error::other(chain(&error)))?;
        match bytes.len() as u64 == wanted {
            true => Ok(bytes),
            false => Err(io::Error::other(format!("{} bytes came where {wanted} were asked for", bytes.len()))),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.at < self.size {
            let end = (self.at + PIECE).min(self.size);
            self.piece = self.object.range(&self.objects, self.at..end)?;
            self.at = end;
        }
        let read = self.piece.len().min(buffer.len());
        let head = self.piece.split_to(read);
        if let Some(room) = buffer.get_mut(..read) {
            room.copy_from_slice(&head);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_behind_its_account_whatever_the_prefix_is_called() {
        let region = |key: &str| region_in(&Key::from(key));
        for prefix in ["", "CloudTrail/", "CloudTrail/logs/", "a/CloudTrail/"] {
            let found = format!("{prefix}AWSLogs/o-1/111122223333/CloudTrail/eu-west-1");
            assert_eq!(region(&format!("{found}/2026/07")).as_deref(), Some(found.as_str()));
            assert_eq!(region(&found).as_deref(), Some(found.as_str()));
            for above in ["AWSLogs/o-1/111122223333/CloudTrail", "AWSLogs/o-1/111122223333", "AWSLogs"] {
                assert_eq!(region(&format!("{prefix}{above}")), None, "{prefix}{above}");
            }
        }
    }
}
