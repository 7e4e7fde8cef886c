//! Adds logs to a rollup: finds what is new, reads it on all processors, and commits.
//!
//! Every thread reads files and fills a batch of its own. A batch that reaches its share of the memory is merged at once,
//! whoever filled it waits for that; the rest is merged at the end, on all threads. Since an event counts once by its id,
//! a file may be merged in portions: one that was not read to its end when the run was killed is read again, and nothing is double.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use leastwise::access::Timestamp;
use leastwise::usage::EventMapper;

use super::batch::Batch;
use super::cover::{DayCover, by_day};
use super::deal::Deal;
use super::input::{Input, Inputs, Place, is_too_old};
use super::manifest::{Manifest, ReadFile};
use super::merge::{Merged, name_of_day, stage};
#[cfg(feature = "s3")]
use super::mirror::{Mirror, Purpose};
#[cfg(feature = "s3")]
use super::objects::Fetcher;
use super::store::{JOURNAL, Stage, Store};
use super::stores::{StoreOptions, is_remote};
use super::upgrade::{names, stage_all};
use super::{MANIFEST, MARK, RollupError, VERSION, mark, version_of};
use crate::reading::{FileReader, FileReading, Give, Origin, READER_MEMORY};
use crate::trail::deliveries::{FileFacts, Flaw, Observation};
use crate::{Problem, ReadOptions, digest};

/// How to ingest.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// How to read each log. What is stated about trails is not kept: it is asked for at the analysis.
    pub read: ReadOptions,
    /// Threads that read and merge, at least 1.
    pub threads: usize,
    /// About how many bytes of memory to use. Fewer threads run when it is not enough for all of them.
    pub memory: usize,
    /// Leave out what happened before this moment.
    pub since: Option<Timestamp>,
    /// How to talk to object stores.
    pub stores: StoreOptions,
    /// Becomes true when the run is to end early: logs that are being read are read to their end, and what was read is kept.
    pub stop: Arc<AtomicBool>,
}

impl IngestOptions {
    /// For so many threads, with the memory that they need to run well: 96 MiB each and 64 MiB besides.
    #[must_use]
    pub fn of_threads(threads: usize) -> IngestOptions {
        let threads = threads.max(1);
        IngestOptions {
            read: ReadOptions::default(),
            threads,
            memory: (64 << 20) + threads * (96 << 20),
            since: None,
            stores: StoreOptions::default(),
            stop: Arc::default(),
        }
    }
}

/// How far an ingest is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Logs that were read to their end.
    pub files: u64,
    /// Their bytes, packed as they are.
    pub bytes: u64,
    /// All bytes that are to be read.
    pub of_bytes: u64,
    /// Events that were read.
    pub events: u64,
}

/// What an ingest did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Logs that were found.
    pub listed: u64,
    /// Logs that were read now; the others were before.
    pub read: u64,
    /// Logs that were delivered before the moment asked for.
    pub too_old: u64,
    /// Files in folders that do not look like logs.
    pub ignored: u64,
    /// Events that were read.
    pub events: u64,
    /// Of these, events that had not been counted before.
    pub new: u64,
    /// Events that had been.
    pub doubles: u64,
    /// Whether it ended early, because it was asked to. What was not read is read by the next run.
    pub stopped: bool,
    /// What could not be read, sorted.
    pub problems: Vec<Problem>,
}

/// A log that was read to its end.
pub(crate) struct Done {
    pub(crate) name: String,
    pub(crate) file: ReadFile,
    pub(crate) observations: Vec<Observation>,
}

/// Who writes: one at a time.
pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) manifest: Manifest,
    pub(crate) merged: Merged,
    pub(crate) problems: Vec<Problem>,
    /// Whether the manifest lost a line that is to be lost on the disk too.
    pub(crate) forgot: bool,
}

/// A file that could not even be opened is tried again.
pub(crate) const UNREAD: &str = "unread";
/// A path that could not be looked at is forgotten as soon as it can be.
pub(crate) const UNLISTED: &str = "unlisted";

/// Adds the logs at `paths` to the rollup in the folder `out`, which is made when it is not there. In a store it is worked
/// on by way of its mirror, and published at the end.
///
/// # Errors
/// The rollup cannot be written, or is none. Logs that cannot be read are no error: they are told in the result.
pub fn ingest(
    paths: &[PathBuf],
    out: &Path,
    mapper: &EventMapper<'_>,
    options: &IngestOptions,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Ingested, RollupError> {
    #[cfg(feature = "s3")]
    if is_remote(out) {
        let mut mirror = Mirror::open(out, &options.stores, Purpose::Write)?;
        let done = ingest(paths, &mirror.usage(), mapper, options, progress)?;
        mirror.publish()?;
        return Ok(done);
    }
    let mut inputs = Inputs::find(paths, options.since, &options.stores)?;
    let mut writer = Writer::open(out, options.threads)?;
    let listed = writer.leave_new(&mut inputs, options.since);
    let mut logs: Vec<(String, Input)> = inputs.logs.into_iter().collect();
    // What takes long begins first; the others in the order of their names, which is that of their days.
    logs.sort_by_key(|(_, input)| input.size < LONG);
    let logs: Arc<[(String, Input)]> = logs.into();
    let unread: Vec<Done> = inputs.problems.into_iter().map(Done::unread).collect();
    let of_bytes = logs.iter().map(|(_, input)| input.size).sum();
    let threads = options.threads.clamp(1, (options.memory / LEAST_MEMORY).max(1));
    // Besides its batch, each thread reads, and one of them merges a batch, which takes about as much again.
    let fetches = paths.iter().any(|path| is_remote(path));
    let ahead = if fetches { (options.memory / 8).clamp(4 << 20, 48 << 20) } else { 0 };
    let share = options.memory.saturating_sub(threads * READER_MEMORY / 2 + ahead) / (threads + 1);
    // What is fetched comes in its order.
    let shared = if fetches { logs.len() } else { logs.partition_point(|(_, input)| input.size >= LONG) };
    let work = Work {
        logs: &logs,
        mapper,
        options,
        share: share.max(4 << 20),
        deal: Deal::new(logs.len(), shared, threads),
        stop: AtomicBool::new(false),
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        events: AtomicU64::new(0),
        of_bytes,
        progress,
        writer: Mutex::new(writer),
        #[cfg(feature = "s3")]
        fetcher: inputs.objects.map(|objects| Fetcher::new(objects, logs.clone(), ahead)),
    };
    let mut rest = std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..threads.min(logs.len())).map(|thread| scope.spawn(move || work.run(thread))).collect();
        let mut rest = vec![work.run(0)];
        for other in others {
            match other.join() {
                Ok(result) => rest.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        rest.into_iter().collect::<Result<Vec<_>, _>>()
    })?;
    let (batches, done): (Vec<Batch>, Vec<Vec<Done>>) = rest.drain(..).unzip();
    let (read, events) = (work.files.into_inner(), work.events.into_inner());
    let mut writer = work.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
    writer.commit(batches, done.into_iter().flatten().chain(unread), threads)?;
    let Writer { merged: Merged { new, doubles }, mut problems, .. } = writer;
    problems.extend(inputs.refused);
    problems.sort();
    let stopped = read < logs.len() as u64;
    Ok(Ingested { listed, read, too_old: inputs.too_old, ignored: inputs.ignored, events, new, doubles, stopped, problems })
}

/// A log of so many bytes takes so long that the others should not wait for it at the end.
const LONG: u64 = 4 << 20;
/// A thread runs when there is so much memory for it.
const LEAST_MEMORY: usize = 64 << 20;

struct Work<'w> {
    logs: &'w [(String, Input)],
    mapper: &'w EventMapper<'w>,
    options: &'w IngestOptions,
    /// How much memory a batch may take.
    share: usize,
    deal: Deal,
    stop: AtomicBool,
    files: AtomicU64,
    bytes: AtomicU64,
    events: AtomicU64,
    of_bytes: u64,
    progress: &'w (dyn Fn(Progress) + Sync),
    writer: Mutex<Writer>,
    #[cfg(feature = "s3")]
    fetcher: Option<Fetcher>,
}

impl Work<'_> {
    /// Reads the log at that place of the list, wherever it is.
    fn read(
        &self,
        #[cfg_attr(not(feature = "s3"), allow(unused_variables))] at: usize,
        name: &str,
        input: &Input,
        reader: &mut FileReader,
        options: &ReadOptions,
        give: &mut Give<'_>,
    ) -> FileReading {
        match &input.place {
            Place::File(path) => reader.read(Origin::File(path), name, options, give),
            #[cfg(feature = "s3")]
            Place::Object(_) => {
                let of_store = self.fetcher.as_ref();
                let read = of_store.and_then(|logs| logs.read(at, |name, origin| reader.read(origin, name, options, give)));
                read.unwrap_or_else(|| reader.read(Origin::Nowhere("was not fetched".to_owned()), name, options, give))
            }
        }
    }

    /// Reads logs until there are no more; gives back what is not yet merged.
    fn run(&self, thread: usize) -> Result<(Batch, Vec<Done>), RollupError> {
        let mut reader = FileReader::new();
        let (mut batch, mut done) = (Batch::new(), Vec::new());
        let options = ReadOptions { since: self.options.since, ..self.options.read.clone() };
        let is_stopped = || self.stop.load(Ordering::Relaxed) || self.options.stop.load(Ordering::Relaxed);
        while !is_stopped()
            && let Some((at, (name, input))) = self.deal.next(thread).and_then(|at| Some((at, self.logs.get(at)?)))
        {
            let file = digest(name.bytes());
            let mut given = 0;
            let mut failure = None;
            let reading = self.read(at, name, input, &mut reader, &options, &mut |event, record| {
                if failure.is_some() {
                    return;
                }
                batch.add(event, self.mapper, file, record);
                given += 1;
                if given % OFTEN == 0 {
                    self.events.fetch_add(OFTEN, Ordering::Relaxed);
                    self.tell();
                    if batch.memory() > self.share {
                        failure = self.merge(&mut batch, &mut done).err();
                    }
                }
            });
            if let Some(failure) = failure {
                self.stop.store(true, Ordering::Relaxed);
                return Err(failure);
            }
            self.files.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(input.size, Ordering::Relaxed);
            self.events.fetch_add(given % OFTEN, Ordering::Relaxed);
            self.tell();
            let state = if reading.unread { UNREAD.to_owned() } else { input.state.clone() };
            let file = ReadFile {
                state,
                since: self.options.since.map(Timestamp::seconds),
                events: reading.events,
                flaw: reading.facts.flaw(),
                problems: reading.problems,
            };
            done.push(Done { name: name.clone(), file, observations: reading.facts.observations() });
            if batch.memory() > self.share
                && let Err(failure) = self.merge(&mut batch, &mut done)
            {
                self.stop.store(true, Ordering::Relaxed);
                return Err(failure);
            }
        }
        Ok((batch, done))
    }

    fn merge(&self, batch: &mut Batch, done: &mut Vec<Done>) -> Result<(), RollupError> {
        // Who comes while another one merges waits here, so that memory stays bounded.
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.commit(vec![std::mem::take(batch)], std::mem::take(done).into_iter(), 1)
    }

    fn tell(&self) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (self.progress)(Progress {
            files: of(&self.files),
            bytes: of(&self.bytes),
            of_bytes: self.of_bytes,
            events: of(&self.events),
        });
    }
}

/// After so many events of a file the memory is looked at.
const OFTEN: u64 = 1024;

impl Done {
    /// A path that cannot be looked at.
    pub(crate) fn unread(problem: Problem) -> Done {
        let facts = FileFacts::unread(&problem.file);
        let flaw: Option<Flaw> = facts.flaw();
        let observations = facts.observations();
        let file = ReadFile { state: UNLISTED.to_owned(), since: None, events: 0, flaw, problems: vec![problem.clone()] };
        Done { name: problem.file, file, observations }
    }
}

impl Writer {
    /// Leaves of the logs that were found those that are to be read, and says how many were found. What an earlier run could not
    /// look at and this one could is forgotten, and so is what held no event that could be read, is not called as a delivery, and
    /// is gone: it was no log, or its repair has another name.
    pub(crate) fn leave_new(&mut self, inputs: &mut Inputs, since: Option<Timestamp>) -> u64 {
        let before = self.manifest.files.len();
        let was_none = |name: &str, file: &ReadFile| {
            let delivered = FileFacts::of_name(name).delivered.is_some();
            file.flaw.is_some() && file.events == 0 && !delivered && !inputs.logs.contains_key(name) && !is_too_old(name, since)
        };
        self.manifest.files.retain(|name, file| {
            let settled = file.state == UNLISTED || was_none(name, file);
            !(settled && inputs.covers(name))
        });
        self.forgot = self.manifest.files.len() < before;
        let listed = inputs.logs.len() as u64;
        let since = since.map(Timestamp::seconds);
        inputs.logs.retain(|name, input| !self.manifest.has(name, &input.state, since));
        listed
    }

    pub(crate) fn open(out: &Path, threads: usize) -> Result<Writer, RollupError> {
        if is_remote(out) {
            return Err(RollupError::NoStores { path: out.to_owned() });
        }
        let version = version_of(out)?;
        // The first commit of all may have been killed before it brought the mark.
        let interrupted = out.join(JOURNAL).exists();
        if version.is_none() && !interrupted && out.is_dir() && names(out)?.iter().any(|name| !name.starts_with('.')) {
            return Err(RollupError::NoRollup { folder: out.to_owned() });
        }
        let store = Store::open(out)?;
        // What a killed run had decided may have brought the mark.
        let version = version_of(out)?;
        if version.is_some_and(|version| version < VERSION) {
            let stage = store.stage()?;
            stage_all(out, &stage, threads)?;
            stage.commit()?;
        }
        let path = store.path(MANIFEST);
        let manifest = match std::fs::read(&path) {
            Ok(bytes) => Manifest::decode(bytes).map_err(|message| RollupError::Damaged { path, message })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Manifest::default(),
            Err(error) => return Err(RollupError::io("read", &path, &error)),
        };
        Ok(Writer { store, manifest, merged: Merged::default(), problems: Vec::new(), forgot: false })
    }

    /// Makes what was read part of the rollup, wholly or not at all.
    fn commit(&mut self, batches: Vec<Batch>, done: impl Iterator<Item = Done>, threads: usize) -> Result<(), RollupError> {
        let nothing = batches.iter().all(|batch| batch.events() == 0);
        self.change(done, nothing, move |change| stage(&batches, change, threads).map(Some)).map(drop)
    }

    /// Makes what `merge` stages part of the rollup, with the logs that it comes from; changes nothing, and says so, where it
    /// makes none of it.
    pub(crate) fn change(
        &mut self,
        done: impl Iterator<Item = Done>,
        nothing: bool,
        merge: impl FnOnce(&Stage<'_>) -> Result<Option<Merged>, RollupError>,
    ) -> Result<bool, RollupError> {
        let done: Vec<Done> = done.collect();
        let changed = self.forgot || done.iter().any(|done| self.manifest.files.get(&done.name) != Some(&done.file));
        let problems: Vec<Problem> = done.iter().flat_map(|done| done.file.problems.iter().cloned()).collect();
        let fresh = !self.store.path(MARK).exists();
        if !changed && !fresh && nothing {
            self.problems.extend(problems);
            return Ok(true);
        }
        let change = self.store.stage()?;
        let Some(merged) = merge(&change)? else { return Ok(false) };
        let mut observations = Vec::new();
        for done in done {
            observations.extend(done.observations);
            self.manifest.files.insert(done.name, done.file);
        }
        for (day, cover) in by_day(observations) {
            let name = format!("coverage/{}.parquet", name_of_day(day));
            let damaged = |message: String| RollupError::Damaged { path: change.current(&name), message };
            let mut all = match change.read(&name)? {
                Some(bytes) => DayCover::decode(bytes).map_err(damaged)?,
                None => DayCover::default(),
            };
            let before = all.clone();
            all.absorb(cover);
            if all != before {
                change.put(&name, &all.encode().map_err(damaged)?)?;
            }
        }
        let damaged = |message: String| RollupError::Damaged { path: self.store.path(MANIFEST), message };
        change.put(MANIFEST, &self.manifest.encode().map_err(damaged)?)?;
        if fresh {
            change.put(MARK, mark().as_bytes())?;
        }
        change.commit()?;
        self.forgot = false;
        self.problems.extend(problems);
        self.merged.new += merged.new;
        self.merged.doubles += merged.doubles;
        Ok(true)
    }
}
