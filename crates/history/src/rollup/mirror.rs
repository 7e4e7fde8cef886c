//! A rollup in an object store, by way of a folder of this machine that holds the same.
//!
//! The store is the truth: the folder is brought to its state first, fetching only what differs, then everything works there
//! as with any rollup, and what has changed is published (`remote`). What a run left here and could not publish stays as
//! long as nobody else has written there, so that its logs need not be read again. Of the content it knows nothing.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::objects::Objects;
use super::remote::{Changed, Listed, Remote};
use super::store::{JOURNAL, LOCK, STAGING};
use super::stores::StoreOptions;
use super::upgrade::names;
use super::{MARK, RollupError};
use crate::digest;

/// What is known of the store's state and of ours.
const INDEX: &str = "index.json";
const SCHEMA: &str = "leastwise.mirror/1";
/// The folder of the rollup within that of the mirror.
const USAGE: &str = "usage";
/// So often is looked again at a store whose state changes meanwhile.
const LOOKS: u32 = 8;
/// Between two looks at what somebody else does at the moment.
const WAIT: Duration = Duration::from_millis(500);

/// What somebody wants of a rollup in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

/// A folder that holds what a rollup in a store does.
pub(crate) struct Mirror {
    objects: Arc<Objects>,
    remote: Remote,
    url: String,
    folder: PathBuf,
    index: Index,
    /// Held as long as the mirror is open.
    _lock: File,
}

/// What is known of the store's state and of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Index {
    /// Whether all files were brought here, the last time that any were.
    whole: bool,
    /// The tag of the store's journal.
    journal: Option<String>,
    files: BTreeMap<String, Known>,
}

/// A file of which the store's state and ours were the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    there: Listed,
    here: State,
}

/// What changes when a file here does: size and time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    changed: u64,
}

fn state(path: &Path) -> Option<State> {
    let facts = fs::metadata(path).ok()?;
    let changed = facts.modified().ok()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Some(State { size: facts.len(), changed: u64::try_from(changed).unwrap_or(u64::MAX) })
}

impl Mirror {
    /// Opens the mirror of `url` and brings it to the state of the store.
    pub(crate) fn open(url: &Path, stores: &StoreOptions, purpose: Purpose) -> Result<Mirror, RollupError> {
        let Some(mirrors) = &stores.mirrors else { return Err(RollupError::NoMirror { url: url.to_owned() }) };
        let objects = Objects::new().map_err(|error| RollupError::io("read", url, &error))?;
        let url = url.display().to_string().trim_end_matches('/').to_owned();
        let wrong = |message: String| RollupError::io("read", Path::new(&url), &io::Error::other(message));
        let bucket = objects.open(&url, stores).map_err(wrong)?;
        let remote = Remote::new(&bucket, &url, stores.pause);
        let folder = mirrors.join(name_of(&url, stores.endpoint.as_deref()));
        let here = |error: io::Error| RollupError::io("write", &folder, &error);
        fs::create_dir_all(folder.join(USAGE)).map_err(here)?;
        let lock = locked(&folder, purpose)?;
        let index = Index::read(&folder.join(INDEX));
        let mut mirror = Mirror { objects, remote, url, folder, index, _lock: lock };
        mirror.bring(purpose)?;
        Ok(mirror)
    }

    /// The folder in which the rollup can be read and changed.
    pub(crate) fn usage(&self) -> PathBuf {
        self.folder.join(USAGE)
    }

    /// Brings the folder to the state of the store, or lets it be when only it has changed.
    fn bring(&mut self, purpose: Purpose) -> Result<(), RollupError> {
        for _ in 0..LOOKS {
            let standing = self.wait(|remote| async move { remote.journal().await })?;
            if let Some((journal, tag)) = standing.as_ref().filter(|(journal, _)| journal.is_pending()) {
                match purpose {
                    Purpose::Write => {
                        let (journal, tag) = (journal.clone(), tag.clone());
                        self.wait(|remote| async move { remote.carry_out(&journal, &tag, &BTreeMap::new()).await })?;
                    }
                    Purpose::Read => std::thread::sleep(WAIT),
                }
                continue;
            }
            let tag = standing.map(|(_, tag)| tag);
            let (listed, others) = self.wait(|remote| async move { remote.list().await })?;
            let is_free = listed.is_empty() && !others && purpose == Purpose::Write;
            if !listed.contains_key(MARK) && !is_free {
                return Err(RollupError::NoRollup { folder: PathBuf::from(&self.url) });
            }
            if self.is_of(tag.as_deref(), &listed) {
                return Ok(());
            }
            self.fetch(listed)?;
            let now = self.wait(|remote| async move { remote.journal().await })?;
            if now.map(|(_, tag)| tag) == tag {
                (self.index.journal, self.index.whole) = (tag, true);
                return self.save();
            }
        }
        Err(match purpose {
            Purpose::Read => RollupError::Unfinished { url: self.url.clone() },
            Purpose::Write => RollupError::Overtaken { url: self.url.clone() },
        })
    }

    /// Whether the store is in the state that we know, and nothing of it was lost here.
    fn is_of(&self, journal: Option<&str>, listed: &BTreeMap<String, Listed>) -> bool {
        let Index { whole, journal: known, files } = &self.index;
        *whole
            && known.as_deref() == journal
            && listed.iter().eq(files.iter().map(|(name, known)| (name, &known.there)))
            && files.keys().all(|name| self.usage().join(name).is_file())
    }

    /// Fetches what differs, and removes what is not listed.
    fn fetch(&mut self, listed: BTreeMap<String, Listed>) -> Result<(), RollupError> {
        let usage = self.usage();
        let _lock = locked(&usage, Purpose::Write)?;
        let here = |error: io::Error| RollupError::io("write", &usage, &error);
        self.index.whole = false;
        self.save()?;
        // What was decided here and not done is of a state that is gone.
        gone(fs::remove_file(usage.join(JOURNAL))).map_err(here)?;
        gone(fs::remove_dir_all(usage.join(STAGING))).map_err(here)?;
        for name in files_of(&usage)? {
            if !listed.contains_key(&name) {
                gone(fs::remove_file(usage.join(&name))).map_err(here)?;
            }
        }
        // Folders without a file would look like something else than a rollup.
        if listed.is_empty() {
            for name in names(&usage)?.iter().filter(|name| !name.starts_with('.')) {
                fs::remove_dir_all(usage.join(name)).map_err(here)?;
            }
        }
        let known = |(name, there): &(&String, &Listed)| {
            let known = self.index.files.get(*name);
            known.is_some_and(|known| known.there == **there && state(&usage.join(name)) == Some(known.here))
        };
        let differing: Vec<_> = listed.iter().filter(|file| !known(file)).collect();
        let incoming = self.folder.join("incoming");
        gone(fs::remove_dir_all(&incoming)).map_err(here)?;
        fs::create_dir_all(&incoming).map_err(here)?;
        let files: Vec<_> = differing
            .iter()
            .zip(0..)
            .map(|((name, there), number)| ((*name).clone(), (*there).clone(), incoming.join(number.to_string())))
            .collect();
        let wanted = files.clone();
        self.wait(|remote| async move { remote.fetch(wanted).await })?;
        let mut kept = self.index.files.clone();
        kept.retain(|name, _| listed.contains_key(name));
        for (name, there, path) in files {
            let to = usage.join(&name);
            to.parent().map_or(Ok(()), fs::create_dir_all).map_err(here)?;
            fs::rename(&path, &to).map_err(here)?;
            if let Some(here) = state(&to) {
                kept.insert(name, Known { there, here });
            }
        }
        self.index.files = kept;
        gone(fs::remove_dir_all(&incoming)).map_err(here)
    }

    /// Publishes what has changed here; says how many files.
    pub(crate) fn publish(&mut self) -> Result<usize, RollupError> {
        let usage = self.usage();
        let mut changed = Vec::new();
        let mut states = BTreeMap::new();
        for name in files_of(&usage)? {
            let path = usage.join(&name);
            let (known, now) = (self.index.files.get(&name), state(&path));
            if known.map(|known| known.here) != now {
                let over = known.map(|known| known.there.tag.clone());
                states.extend(now.map(|now| (name.clone(), now)));
                changed.push(Changed { name, path, over });
            }
        }
        if changed.is_empty() {
            return Ok(0);
        }
        let (count, since) = (changed.len(), self.index.journal.clone());
        let published = self.wait(|remote| async move { remote.publish(&changed, since.as_deref()).await })?;
        for (name, there) in published.files {
            match (there, states.remove(&name)) {
                (Some(there), Some(here)) => drop(self.index.files.insert(name, Known { there, here })),
                _ => drop(self.index.files.remove(&name)),
            }
        }
        // What others have carried out is looked at by the next run.
        states.keys().for_each(|name| drop(self.index.files.remove(name)));
        self.index.journal = Some(published.journal);
        self.save()?;
        Ok(count)
    }

    /// Puts files that all machines of a run must see into the store, in the place of those before, and says below which prefix.
    pub(crate) fn share(&mut self, files: Vec<(String, Vec<u8>)>) -> Result<String, RollupError> {
        self.unshare()?;
        let folder = self.wait(|remote| async move { remote.share(files).await })?;
        self.remote.shared = Some(folder.clone());
        Ok(self.remote.url_of(&folder))
    }

    /// Removes them.
    pub(crate) fn unshare(&mut self) -> Result<(), RollupError> {
        let Some(folder) = self.remote.shared.take() else { return Ok(()) };
        self.wait(|remote| async move { remote.unshare(&folder).await })
    }

    /// Does work at the store.
    fn wait<T, F>(&self, work: impl FnOnce(Remote) -> F) -> Result<T, RollupError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, RollupError>> + Send + 'static,
    {
        let work = work(self.remote.clone());
        self.objects.wait(work).map_err(|error| RollupError::io("read", Path::new(&self.url), &error))?
    }

    fn save(&self) -> Result<(), RollupError> {
        let path = self.folder.join(INDEX);
        let draft = self.folder.join("index.new");
        let write = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(self.index.encode().as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        write().map_err(|error| RollupError::io("write", &path, &error))
    }
}

/// Removing what is not there is no error.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// Locks a folder for this process. Who only reads waits a little for another one that does the same.
fn locked(folder: &Path, purpose: Purpose) -> Result<File, RollupError> {
    let io = |error: io::Error| RollupError::io("write", folder, &error);
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(io)?;
    let tries = if purpose == Purpose::Read { LOOKS } else { 1 };
    for attempt in 0..tries {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if attempt + 1 < tries => std::thread::sleep(WAIT),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
    }
    Err(RollupError::Busy { folder: folder.to_owned() })
}

/// The files of a rollup here, without those of a run.
fn files_of(usage: &Path) -> Result<Vec<String>, RollupError> {
    let (mut files, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for name in names(&usage.join(&folder))? {
            let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match usage.join(&name).is_dir() {
                _ if name.rsplit('/').next().is_some_and(|name| name.starts_with('.')) => {}
                true => folders.push(name),
                false => files.push(name),
            }
        }
    }
    files.sort();
    Ok(files)
}

/// What the mirror of an address is called: readable, and different for different ones.
fn name_of(url: &str, endpoint: Option<&str>) -> String {
    let readable = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
    let shown: String = url.trim_start_matches("s3://").chars().map(readable).take(80).collect();
    let all = url.bytes().chain([0]).chain(endpoint.unwrap_or_default().bytes());
    format!("{shown}-{:016x}", digest(all) >> 64)
}

impl Index {
    /// Reads it; what cannot be read is as if nothing were known.
    fn read(path: &Path) -> Index {
        fs::read(path).ok().and_then(|bytes| Index::decode(&bytes)).unwrap_or_default()
    }

    fn encode(&self) -> String {
        let files: serde_json::Map<String, Value> = self
            .files
            .iter()
            .map(|(name, Known { there, here })| (name.clone(), json!([there.tag, there.size, here.size, here.changed])))
            .collect();
        json!({ "schema": SCHEMA, "whole": self.whole, "journal": self.journal, "files": files }).to_string()
    }

    fn decode(bytes: &[u8]) -> Option<Index> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        (value.get("schema")?.as_str()? == SCHEMA).then_some(())?;
        let mut files = BTreeMap::new();
        for (name, known) in value.get("files")?.as_object()? {
            let number = |at: usize| known.get(at).and_then(Value::as_u64);
            let there = Listed { tag: known.get(0)?.as_str()?.to_owned(), size: number(1)? };
            files.insert(name.clone(), Known { there, here: State { size: number(2)?, changed: number(3)? } });
        }
        let journal = value.get("journal")?.as_str().map(str::to_owned);
        Some(Index { whole: value.get("whole")?.as_bool()?, journal, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_survives_the_way_through_its_file_and_a_damaged_one_knows_nothing() {
        let there = Listed { tag: "\"1\"".to_owned(), size: 7 };
        let here = State { size: 7, changed: u64::MAX };
        let files = BTreeMap::from([("calls/1/a.parquet".to_owned(), Known { there, here })]);
        for journal in [None, Some("\"j\"".to_owned())] {
            let index = Index { whole: true, journal, files: files.clone() };
            let text = index.encode();
            assert_eq!(Index::decode(text.as_bytes()).as_ref(), Some(&index));
            assert_eq!(Index::decode(&text.as_bytes()[..text.len() - 1]), None);
        }
        assert!(!Index::default().whole);
    }

    #[test]
    fn addresses_have_mirrors_of_their_own() {
        let name = name_of("s3://b/usage/a", None);
        assert!(name.starts_with("b_usage_a-"), "{name}");
        for other in [name_of("s3://b/usage_a", None), name_of("s3://b/usage/a", Some("http://x"))] {
            assert_ne!(other, name);
        }
    }
}
