//! Logs in object stores: which there are, and their bytes, fetched ahead of whoever reads them.
//!
//! Beside `input`, which knows the files of this machine. Listing is pruned by region and day where keys are those of
//! CloudTrail's deliveries. What the store answers badly (500, 503, silence, half an answer) is asked again by the library
//! with growing pauses; what fails in the end is a problem of that one log, which the next run reads. Nothing is written there.

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use leastwise::access::Timestamp;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use super::input::{Input, Place, is_too_old};
use super::stores::StoreOptions;
use crate::files::{is_called_a_log, is_digest, is_of_another_service};
use crate::reading::IN_MEMORY;

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

/// The stores of this run, with the threads that talk to them.
#[derive(Debug)]
pub(crate) struct Objects {
    runtime: Runtime,
}

impl Objects {
    pub(crate) fn new() -> io::Result<Objects> {
        Ok(Objects { runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build()? })
    }

    /// Opens `s3://bucket/prefix`, with what the environment says of keys and region.
    pub(crate) fn open(&self, url: &str, options: &StoreOptions) -> Result<Bucket, String> {
        let rest = url.strip_prefix("s3://").ok_or("is no `s3://` address")?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err("names no bucket".to_owned());
        }
        let client = ClientOptions::new().with_timeout(options.timeout).with_connect_timeout(options.timeout.min(CONNECT));
        let backoff = BackoffConfig { init_backoff: options.pause, ..BackoffConfig::default() };
        let retry = RetryConfig { backoff, max_retries: options.retries, retry_timeout: Duration::from_secs(180) };
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(name).with_client_options(client).with_retry(retry);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|error| chain(&error))?;
        let prefix = Key::parse(prefix.trim_end_matches('/')).map_err(|error| chain(&error))?;
        Ok(Bucket { name: name.to_owned(), prefix, store: Arc::new(store) })
    }

    /// Lists the logs of a bucket. Those that were found before an error are given all the same.
    pub(crate) fn list(
        &self,
        bucket: &Bucket,
        since: Option<Timestamp>,
        give: &mut dyn FnMut(String, Input),
    ) -> (Listed, Result<(), String>) {
        let (mut listed, mut found) = (Listed::default(), Vec::new());
        let ended = self.runtime.block_on(bucket.below(since, &mut found)).map_err(|error| advised(chain(&error)));
        for meta in found {
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

/// A connection that takes longer will not come.
const CONNECT: Duration = Duration::from_secs(5);

/// An error with what it comes from, in one line.
fn chain(error: &dyn Error) -> String {
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
fn advised(message: String) -> String {
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
    let at = parts.iter().position(|part| part == "CloudTrail")?;
    parts.get(..at + 2).map(|parts| parts.join("/"))
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
pub(crate) struct Fetcher<'o> {
    objects: &'o Objects,
    logs: &'o [(String, Input)],
    /// So many bytes may be ahead.
    room: u64,
    ahead: Mutex<Ahead>,
    /// How many could not be fetched, one after the other.
    failed: AtomicUsize,
}

#[derive(Default)]
struct Ahead {
    next: usize,
    running: HashMap<usize, JoinHandle<Fetched>>,
    bytes: u64,
}

impl<'o> Fetcher<'o> {
    pub(crate) fn new(objects: &'o Objects, logs: &'o [(String, Input)], room: usize) -> Fetcher<'o> {
        Fetcher { objects, logs, room: room as u64, ahead: Mutex::default(), failed: AtomicUsize::new(0) }
    }

    /// The log at that place of the list: its bytes, or none when it is so long that it is to be read as a stream.
    pub(crate) fn take(&self, at: usize) -> Result<Option<Bytes>, FetchError> {
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
                    ahead.running.insert(place, self.objects.runtime.spawn(fetch(object.clone(), input.size)));
                }
            }
            ahead.running.remove(&at)
        };
        let fetched = match own {
            Some(own) => self.objects.runtime.block_on(own),
            None => return Ok(None),
        };
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.bytes = ahead.bytes.saturating_sub(size);
        drop(ahead);
        let unfinished = |error: tokio::task::JoinError| FetchError { message: error.to_string(), gone: false };
        let fetched = fetched.map_err(unfinished).and_then(|fetched| fetched);
        match &fetched {
            Err(error) if !error.gone => self.failed.fetch_add(1, Ordering::Relaxed),
            _ => self.failed.swap(0, Ordering::Relaxed),
        };
        fetched.map(Some)
    }

    /// A log, fetched piece by piece while it is read.
    pub(crate) fn stream(&self, object: &'o Object, size: u64) -> impl Read + 'o {
        Pieces { objects: self.objects, object, size, at: 0, piece: Bytes::new() }
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

struct Pieces<'f> {
    objects: &'f Objects,
    object: &'f Object,
    size: u64,
    at: u64,
    piece: Bytes,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.at < self.size {
            let end = (self.at + PIECE).min(self.size);
            let range = Some(GetRange::Bounded(self.at..end));
            // Pieces of two states of a log make none.
            let options = GetOptions { range, if_match: self.object.tag.clone(), ..GetOptions::default() };
            let get = async { self.object.store.get_opts(&self.object.key, options).await?.bytes().await };
            self.piece = self.objects.runtime.block_on(get).map_err(|error| io::Error::other(chain(&error)))?;
            if self.piece.len() as u64 != end - self.at {
                return Err(io::Error::other(format!("{} bytes came where {} were asked for", self.piece.len(), end - self.at)));
            }
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
