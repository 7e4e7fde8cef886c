//! A rollup in an object store as the store sees it: its files, and changes that happen wholly or not at all.
//!
//! What `store` does in a folder by renaming, is done here by conditions on writes. New contents are staged; the object
//! `.journal`, replaced only in the state from which the change began, decides that they count; whoever finds it undone
//! carries it out. It is never removed, so that its tag tells two states apart even if they are equal otherwise: a late
//! writer fails at it. Which files there should be is the business of `mirror`.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path as Key;
use object_store::{Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, UpdateVersion};
use serde_json::{Value, json};

use super::objects::{Bucket, advised, chain};
use super::{MANIFEST, MARK, RollupError};
use crate::digest;

/// What is decided, and whether it is done.
const JOURNAL: &str = ".journal";
const STAGING: &str = ".staging";
/// What the machines of a run share while it lasts.
const SHARED: &str = ".cluster";
/// The form of the journal.
const SCHEMA: &str = "leastwise.publication/1";
/// So many files are written or read at a time.
const AT_ONCE: usize = 16;
/// So many bytes of files are held for writing at a time, unless one alone has more.
const HELD: u64 = 64 << 20;
/// A write that got no answer is made again so often; the library does not, since it may have been done.
const ATTEMPTS: u32 = 4;

/// A rollup below a prefix of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    url: String,
    pause: Duration,
    /// The folder that the machines of this run share at the moment; what others shared is removed.
    pub(crate) shared: Option<String>,
}

/// A file, as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) tag: String,
    pub(crate) size: u64,
}

/// A file that is to be published.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The tag of what it replaces; none when there is nothing.
    pub(crate) over: Option<String>,
}

/// A file of a publication, as the journal tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    staged: String,
    size: u64,
    digest: u128,
    over: Option<String>,
}

/// The last publication that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    run: String,
    /// What is perhaps not yet in its place.
    files: Vec<Entry>,
}

/// What became of a write under a condition.
enum Written {
    /// It was done, and the tag is now this.
    Done(String),
    /// The condition did not hold.
    Refused,
}

/// What became of replacing the journal.
enum Swapped {
    Done(String),
    /// Somebody else had done so before.
    Lost,
}

/// The files of a publication that are in their places, with their tags where they are known.
pub(crate) struct Published {
    pub(crate) journal: String,
    pub(crate) files: Vec<(String, Option<Listed>)>,
}

impl Journal {
    /// Whether something is left to do.
    pub(crate) fn is_pending(&self) -> bool {
        !self.files.is_empty()
    }

    fn encode(&self) -> Vec<u8> {
        let files: Vec<Value> = self
            .files
            .iter()
            .map(|Entry { name, staged, size, digest, over }| {
                json!({ "name": name, "staged": staged, "size": size, "digest": format!("{digest:032x}"), "over": over })
            })
            .collect();
        let mut text = json!({ "schema": SCHEMA, "run": self.run, "files": files }).to_string();
        text.push('\n');
        text.into_bytes()
    }

    fn decode(bytes: &[u8], url: &str) -> Result<Journal, RollupError> {
        let damaged = |message: &str| RollupError::Damaged { path: PathBuf::from(url), message: message.to_owned() };
        let value: Value = serde_json::from_slice(bytes).map_err(|_| damaged("its journal is cut off"))?;
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        match text(&value, "schema").as_deref() {
            Some(SCHEMA) => {}
            other => {
                let version = other.unwrap_or_default().to_owned();
                return Err(RollupError::Version { folder: PathBuf::from(url), version });
            }
        }
        let entry = |value: &Value| {
            Some(Entry {
                name: text(value, "name")?,
                staged: text(value, "staged")?,
                size: value.get("size")?.as_u64()?,
                digest: u128::from_str_radix(value.get("digest")?.as_str()?, 16).ok()?,
                over: text(value, "over"),
            })
        };
        let files = value.get("files").and_then(Value::as_array).map(|files| files.iter().map(entry).collect::<Option<Vec<_>>>());
        match (text(&value, "run"), files.flatten()) {
            (Some(run), Some(files)) => Ok(Journal { run, files }),
            _ => Err(damaged("its journal is cut off")),
        }
    }
}

impl Remote {
    pub(crate) fn new(bucket: &Bucket, url: &str, pause: Duration) -> Remote {
        let prefix = bucket.prefix().to_string();
        let url = url.trim_end_matches('/').to_owned();
        Remote { store: bucket.store().clone(), prefix, url, pause, shared: None }
    }

    /// Where a file of it is.
    pub(crate) fn url_of(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    fn key(&self, name: &str) -> Result<Key, RollupError> {
        let path = if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        Key::parse(path).map_err(|error| self.failed("write", name, error.into()))
    }

    fn failed(&self, verb: &'static str, name: &str, error: Error) -> RollupError {
        let message = advised(chain(&error));
        RollupError::Io { verb, path: PathBuf::from(self.url_of(name)), error: std::io::Error::other(message) }
    }

    fn failed_here(verb: &'static str, path: &Path) -> impl Fn(std::io::Error) -> RollupError {
        let path = path.to_owned();
        move |error| RollupError::io(verb, &path, &error)
    }

    /// The files of the rollup by their names, without what is only for one run; and whether there are others.
    pub(crate) async fn list(&self) -> Result<(BTreeMap<String, Listed>, bool), RollupError> {
        let (mut files, mut others) = (BTreeMap::new(), false);
        for (name, listed) in self.below("").await? {
            let is_file = [MARK, MANIFEST].contains(&name.as_str());
            let is_part = ["calls/", "coverage/", "events/"].iter().any(|part| name.starts_with(part));
            match name.split('/').any(|part| part.starts_with('.')) {
                true => {}
                false if is_file || is_part => drop(files.insert(name, listed)),
                false => others = true,
            }
        }
        Ok((files, others))
    }

    /// What is there below a folder, by the names within the rollup.
    async fn below(&self, folder: &str) -> Result<Vec<(String, Listed)>, RollupError> {
        let key = self.key(folder)?;
        let mut all = self.store.list(Some(&key));
        let mut found = Vec::new();
        while let Some(meta) = all.try_next().await.map_err(|error| self.failed("list", folder, error))? {
            let location = meta.location.to_string();
            let below = location.strip_prefix(&self.prefix).map(|name| name.trim_start_matches('/'));
            let Some(name) = below.filter(|name| !name.is_empty()) else { continue };
            let tag = meta.e_tag.unwrap_or_default();
            found.push((name.to_owned(), Listed { tag, size: meta.size }));
        }
        Ok(found)
    }

    /// The journal and its tag; none before the first publication.
    pub(crate) async fn journal(&self) -> Result<Option<(Journal, String)>, RollupError> {
        match self.read(JOURNAL).await? {
            Some((bytes, tag)) => Ok(Some((Journal::decode(&bytes, &self.url)?, tag))),
            None => Ok(None),
        }
    }

    async fn read(&self, name: &str) -> Result<Option<(Bytes, String)>, RollupError> {
        let key = self.key(name)?;
        let get = async {
            let result = self.store.get(&key).await?;
            let tag = result.meta.e_tag.clone().unwrap_or_default();
            Ok((result.bytes().await?, tag))
        };
        match get.await {
            Ok(read) => Ok(Some(read)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.failed("read", name, error)),
        }
    }

    /// Fetches files in the state that was listed, each into its path.
    pub(crate) async fn fetch(&self, files: Vec<(String, Listed, PathBuf)>) -> Result<(), RollupError> {
        let fetches: Vec<_> = files.iter().map(|(name, listed, path)| self.fetch_one(name, listed, path).boxed()).collect();
        stream::iter(fetches).buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn fetch_one(&self, name: &str, listed: &Listed, path: &Path) -> Result<(), RollupError> {
        let here = Remote::failed_here("write", path);
        let options = GetOptions { if_match: Some(listed.tag.clone()), ..GetOptions::default() };
        let key = self.key(name)?;
        let read = |error| self.failed("read", name, error);
        let mut pieces = self.store.get_opts(&key, options).await.map_err(read)?.into_stream();
        let mut file = fs::File::create(path).map_err(&here)?;
        let mut size = 0;
        while let Some(piece) = pieces.try_next().await.map_err(read)? {
            file.write_all(&piece).map_err(&here)?;
            size += piece.len() as u64;
        }
        if size != listed.size {
            let message = format!("has {size} bytes where {} were listed", listed.size);
            let error = std::io::Error::other(message);
            return Err(RollupError::Io { verb: "read", path: PathBuf::from(self.url_of(name)), error });
        }
        file.sync_all().map_err(&here)
    }

    /// Writes when what is there has that tag, or nothing is there for none. What is unanswered may have been done: then
    /// the next attempt is refused, and who asked must look.
    async fn write(&self, name: &str, bytes: &Bytes, over: Option<&str>) -> Result<Written, RollupError> {
        let key = self.key(name)?;
        let mut attempt = 0;
        loop {
            let mode = match over {
                Some(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.to_owned()), version: None }),
                None => PutMode::Create,
            };
            let put = self.store.put_opts(&key, PutPayload::from(bytes.clone()), PutOptions::from(mode)).await;
            attempt += 1;
            match put {
                Ok(put) => return Ok(Written::Done(put.e_tag.unwrap_or_default())),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => return Ok(Written::Refused),
                Err(Error::Generic { .. }) if attempt < ATTEMPTS => tokio::time::sleep(self.pause * 2u32.pow(attempt)).await,
                Err(error) => return Err(self.failed("write", name, error)),
            }
        }
    }

    /// Replaces the journal, when its tag is still that one.
    async fn swap(&self, over: Option<&str>, journal: &Journal) -> Result<Swapped, RollupError> {
        let bytes = Bytes::from(journal.encode());
        for _ in 0..ATTEMPTS {
            if let Written::Done(tag) = self.write(JOURNAL, &bytes, over).await? {
                return Ok(Swapped::Done(tag));
            }
            match self.journal().await? {
                // An earlier attempt had done it, or somebody who carried the same out.
                Some((present, tag)) if present == *journal => return Ok(Swapped::Done(tag)),
                // Two at once may both be refused.
                present if present.as_ref().map(|(_, tag)| tag.as_str()) == over => {}
                _ => break,
            }
            tokio::time::sleep(self.pause).await;
        }
        Ok(Swapped::Lost)
    }

    /// Puts files into the rollup, wholly or not at all, when nobody else has since its journal had that tag.
    pub(crate) async fn publish(&self, files: &[Changed], since: Option<&str>) -> Result<Published, RollupError> {
        let run = run_of();
        let folder = format!("{STAGING}/{run}");
        self.try_conditions(&folder, since).await?;
        let mut entries = Vec::with_capacity(files.len());
        for (group, first) in groups(files, |file| fs::metadata(&file.path).map_or(0, |facts| facts.len())) {
            let staged = group.iter().zip(first..).map(|(file, number)| self.stage(file, format!("{folder}/{number}")).boxed());
            let staged: Vec<_> = staged.collect();
            let staged: Vec<Entry> = stream::iter(staged).buffered(AT_ONCE).try_collect().await?;
            entries.extend(staged);
        }
        let journal = Journal { run, files: entries };
        let Swapped::Done(tag) = self.swap(since, &journal).await? else {
            // Somebody may have found it, carried it out and said so before we heard that it stands.
            if let Some((_, tag)) = self.journal().await?.filter(|(present, _)| present.run == journal.run) {
                return Ok(Published { journal: tag, files: Vec::new() });
            }
            let own = self.below(&folder).await?.into_iter().map(|(name, _)| name).collect();
            self.remove(own).await;
            return Err(RollupError::Overtaken { url: self.url.clone() });
        };
        let paths: BTreeMap<&str, &Path> = files.iter().map(|file| (file.name.as_str(), file.path.as_path())).collect();
        self.carry_out(&journal, &tag, &paths).await
    }

    /// Refuses a store that writes whatever the conditions are: there two runs would mix.
    async fn try_conditions(&self, folder: &str, since: Option<&str>) -> Result<(), RollupError> {
        let (name, bytes) = (format!("{folder}/condition"), Bytes::from_static(b"1"));
        // That it is refused already the first time is an answer that was lost.
        self.write(&name, &bytes, None).await?;
        let heeded = matches!(self.write(&name, &bytes, None).await?, Written::Refused)
            && matches!(self.write(&name, &bytes, Some("\"0\"")).await?, Written::Refused);
        if heeded {
            return Ok(());
        }
        // Or somebody else has published meanwhile, and removed what was staged.
        let present = self.journal().await?.map(|(_, tag)| tag);
        let url = self.url.clone();
        Err(if present.as_deref() == since { RollupError::Unconditional { url } } else { RollupError::Overtaken { url } })
    }

    async fn stage(&self, file: &Changed, staged: String) -> Result<Entry, RollupError> {
        let bytes = fs::read(&file.path).map(Bytes::from).map_err(Remote::failed_here("read", &file.path))?;
        let (size, digest) = (bytes.len() as u64, digest(bytes.iter().copied()));
        // Nobody else writes there, so that a refusal is an answer that was lost.
        self.write(&staged, &bytes, None).await?;
        Ok(Entry { name: file.name.clone(), staged, size, digest, over: file.over.clone() })
    }

    /// Does what a journal says, whoever wrote it. Contents come from `paths` where these have them.
    pub(crate) async fn carry_out(
        &self,
        journal: &Journal,
        tag: &str,
        paths: &BTreeMap<&str, &Path>,
    ) -> Result<Published, RollupError> {
        let mut files = Vec::with_capacity(journal.files.len());
        for (group, _) in groups(&journal.files, |entry| entry.size) {
            let path = |entry: &Entry| paths.get(entry.name.as_str()).copied();
            let placed: Vec<_> = group.iter().map(|entry| self.place(entry, tag, path(entry)).boxed()).collect();
            files.extend(stream::iter(placed).buffered(AT_ONCE).try_collect::<Vec<_>>().await?);
        }
        // What is staged before the journal says that this is done belongs to this run, or to one that is too late.
        let mut staged = self.below(STAGING).await?;
        staged.extend(self.below(SHARED).await?);
        // Workers may be reading what this run shares.
        let shared = self.shared.as_ref().map(|folder| format!("{folder}/"));
        let is_shared = |name: &str| shared.as_ref().is_some_and(|folder| name.starts_with(folder));
        let staged = staged.into_iter().map(|(name, _)| name).filter(|name| !is_shared(name)).collect();
        let done = Journal { run: journal.run.clone(), files: Vec::new() };
        let journal = match self.swap(Some(tag), &done).await? {
            Swapped::Done(tag) => tag,
            // Somebody else has carried it out, and gone on.
            Swapped::Lost => String::new(),
        };
        self.remove(staged).await;
        Ok(Published { journal, files })
    }

    /// Puts one file into its place; without a tag when others have done it and gone on.
    async fn place(&self, entry: &Entry, journal: &str, path: Option<&Path>) -> Result<(String, Option<Listed>), RollupError> {
        let mut over = entry.over.clone();
        let listed = |tag: String| (entry.name.clone(), Some(Listed { tag, size: entry.size }));
        let is = |bytes: &[u8]| bytes.len() as u64 == entry.size && digest(bytes.iter().copied()) == entry.digest;
        let bytes = match path {
            Some(path) => Some(fs::read(path).map(Bytes::from).map_err(Remote::failed_here("read", path))?),
            None => self.read(&entry.staged).await?.map(|(bytes, _)| bytes),
        };
        let bytes = bytes.filter(|bytes| is(bytes));
        for _ in 0..ATTEMPTS {
            if let Some(bytes) = &bytes
                && let Written::Done(tag) = self.write(&entry.name, bytes, over.as_deref()).await?
            {
                return Ok(listed(tag));
            }
            // What is there is looked at before the journal: as long as that stands, only this content may take its place.
            over = match self.read(&entry.name).await? {
                Some((present, tag)) if is(&present) => return Ok(listed(tag)),
                present => present.map(|(_, tag)| tag),
            };
            if self.journal().await?.is_none_or(|(_, present)| present != journal) {
                return Ok((entry.name.clone(), None));
            }
            if bytes.is_none() {
                let message = format!("its journal names `{}`, which is not there or has another content", entry.staged);
                return Err(RollupError::Damaged { path: PathBuf::from(&self.url), message });
            }
        }
        Err(RollupError::Overtaken { url: self.url.clone() })
    }

    /// Puts files into a folder of their own, for the machines of a run; says which.
    pub(crate) async fn share(&self, files: Vec<(String, Vec<u8>)>) -> Result<String, RollupError> {
        let folder = format!("{SHARED}/{}", run_of());
        let files: Vec<_> = files.into_iter().map(|(name, bytes)| (format!("{folder}/{name}"), Bytes::from(bytes))).collect();
        // Nobody else writes there, so that a refusal is an answer that was lost.
        let puts: Vec<_> = files.iter().map(|(name, bytes)| self.write(name, bytes, None).boxed()).collect();
        stream::iter(puts).buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
        Ok(folder)
    }

    /// Removes such a folder.
    pub(crate) async fn unshare(&self, folder: &str) -> Result<(), RollupError> {
        let names = self.below(folder).await?.into_iter().map(|(name, _)| name).collect();
        self.remove(names).await;
        Ok(())
    }

    /// Removes what was staged. What stays is removed by the next publication.
    async fn remove(&self, names: Vec<String>) {
        let keys: Vec<_> = names.iter().filter_map(|name| self.key(name).ok()).map(Ok).collect();
        let _ = self.store.delete_stream(stream::iter(keys).boxed()).try_collect::<Vec<_>>().await;
    }
}

/// A name that no other run has.
fn run_of() -> String {
    let number = |salt: u8| RandomState::new().hash_one((std::process::id(), salt));
    format!("{:016x}{:016x}", number(0), number(1))
}

/// Cuts a list into groups that may be held at a time, each with the number of its first.
fn groups<F>(files: &[F], size: impl Fn(&F) -> u64) -> Vec<(&[F], usize)> {
    let (mut groups, mut begin, mut held) = (Vec::new(), 0, 0u64);
    for (file, at) in files.iter().zip(0..) {
        let size = size(file);
        if at > begin && held.saturating_add(size) > HELD {
            groups.extend(files.get(begin..at).map(|group| (group, begin)));
            (begin, held) = (at, 0);
        }
        held = held.saturating_add(size);
    }
    groups.extend(files.get(begin..).filter(|group| !group.is_empty()).map(|group| (group, begin)));
    groups
}
