//! A rollup whose events are read and added up elsewhere, on many machines, by an engine of its own.
//!
//! It says which logs are new and which events are known, and takes what became of a portion of them: rows, ids and a
//! report for each log. A portion becomes part of the rollup by the same change, wholly or not at all, as what one machine
//! reads; before that everything is counted again, and a portion that does not add up changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use leastwise::access::{AccountId, Timestamp};

use super::RollupError;
#[cfg(feature = "s3")]
use super::events::{RemoteLog, talking};
use super::ids;
use super::ingest::{Done, Ingested, UNREAD, Writer};
use super::input::Inputs;
use super::merge::{Merged, Partition, add_up, name_of_day};
#[cfg(feature = "s3")]
use super::mirror::{Mirror, Purpose};
#[cfg(feature = "s3")]
use super::objects::Object;
use super::report::FileReport;
use super::row::Row;
use super::stores::StoreOptions;
#[cfg(feature = "s3")]
use super::stores::is_remote;

/// A log that is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLog {
    /// Where it is, which is what it is called in the manifest and in problems: a path, or an address in a store.
    pub name: String,
    /// Its size in bytes, packed as it is.
    pub size: u64,
    /// What changes when it does, as its store says; none for a file of this machine.
    pub tag: Option<String>,
    /// The day of its delivery, counted from 1970, when its path tells.
    pub day: Option<i64>,
    state: String,
}

/// The events of one day that were counted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIds {
    /// The file of their ids, for [`known_ids`]: a path, or an address in a store.
    pub place: String,
    /// The state of an object, as its store says; none for a file.
    pub tag: Option<String>,
    /// How many there are.
    pub count: u64,
}

/// What became of the events of some logs.
#[derive(Debug, Default)]
pub struct Portion<'r> {
    /// Reports of all its logs, each once.
    pub reports: Vec<FileReport>,
    /// The ids of the events that are new, by their days counted from 1970.
    pub ids: BTreeMap<i64, Vec<u128>>,
    /// How many events were read besides those: copies, and what was counted before.
    pub doubles: u64,
    /// The new events added up, by account and day; several rows may be alike.
    pub rows: BTreeMap<(Option<AccountId>, i64), Vec<Row<'r>>>,
}

/// A rollup, opened for portions.
pub struct Intake {
    writer: Writer,
    /// Of a rollup in a store, which is worked on here and published after each portion.
    #[cfg(feature = "s3")]
    mirror: Option<Mirror>,
    out: PathBuf,
    threads: usize,
    since: Option<Timestamp>,
    logs: Vec<NewLog>,
    told: Ingested,
}

impl Intake {
    /// Opens the rollup in the folder `out`, which is made when it is not there, and finds the logs at `paths` that it lacks.
    /// Events before `since` are not wanted. Portions are merged on so many threads.
    ///
    /// # Errors
    /// The rollup cannot be written, or is none.
    pub fn open(
        paths: &[PathBuf],
        out: &Path,
        since: Option<Timestamp>,
        stores: &StoreOptions,
        threads: usize,
    ) -> Result<Intake, RollupError> {
        #[cfg(feature = "s3")]
        let mut mirror = match is_remote(out) {
            true => Some(Mirror::open(out, stores, Purpose::Write)?),
            false => None,
        };
        #[cfg(feature = "s3")]
        let here = mirror.as_ref().map(Mirror::usage);
        #[cfg(feature = "s3")]
        let out = here.as_deref().unwrap_or(out);
        let mut inputs = Inputs::find(paths, since, stores)?;
        let mut writer = Writer::open(out, threads)?;
        let mut told = Ingested { listed: writer.leave_new(&mut inputs, since), ..Ingested::default() };
        (told.too_old, told.ignored) = (inputs.too_old, inputs.ignored);
        told.read = inputs.logs.len() as u64;
        let logs = inputs.logs.into_iter().map(|(name, input)| {
            let day = super::input::day_of(&name).map(|day| day.seconds().div_euclid(super::batch::DAY));
            NewLog { name, tag: input.place.tag().map(str::to_owned), size: input.size, day, state: input.state }
        });
        let logs = logs.collect();
        // What cannot be looked at is told at once; with it a folder becomes a rollup.
        writer.change(inputs.problems.into_iter().map(Done::unread), true, |_| Ok(Merged::default()))?;
        let out = std::fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
        // Workers look for what is known where it is published.
        #[cfg(feature = "s3")]
        mirror.as_mut().map_or(Ok(0), Mirror::publish)?;
        Ok(Intake {
            writer,
            #[cfg(feature = "s3")]
            mirror,
            out,
            threads,
            since,
            logs,
            told,
        })
    }

    /// The logs that are to be read, in the order of their names.
    #[must_use]
    pub fn logs(&self) -> &[NewLog] {
        &self.logs
    }

    /// Makes files that all machines of a run must see, in the place of those that were made before, and says where: in a
    /// folder, or below a prefix of a store. They are no part of the rollup.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn share(&mut self, files: Vec<Vec<u8>>) -> Result<String, RollupError> {
        let files = files.into_iter().zip(0..).map(|(bytes, number)| (format!("{number}.parquet"), bytes));
        #[cfg(feature = "s3")]
        if let Some(mirror) = &mut self.mirror {
            return mirror.share(files.collect());
        }
        let folder = self.out.join(SHARED);
        self.unshare()?;
        let io = |error: std::io::Error| RollupError::io("write", &folder, &error);
        std::fs::create_dir_all(&folder).map_err(io)?;
        for (name, bytes) in files {
            let write = || -> std::io::Result<()> {
                let mut file = std::fs::File::create(folder.join(name))?;
                file.write_all(&bytes)?;
                file.sync_all()
            };
            write().map_err(io)?;
        }
        Ok(folder.display().to_string())
    }

    /// Removes what [`Intake::share`] made, and what an earlier run left of such.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn unshare(&mut self) -> Result<(), RollupError> {
        #[cfg(feature = "s3")]
        if let Some(mirror) = &mut self.mirror {
            return mirror.unshare();
        }
        let folder = self.out.join(SHARED);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RollupError::io("write", &folder, &error)),
            _ => Ok(()),
        }
    }

    /// The events of a day that were counted before; none when there are none.
    ///
    /// # Errors
    /// Their file cannot be looked at.
    pub fn known(&self, day: i64) -> Result<Option<KnownIds>, RollupError> {
        let name = ids_of_day(day);
        let path = self.writer.store.path(&name);
        let count = match std::fs::metadata(&path) {
            Ok(facts) => ids::count(facts.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(RollupError::io("read", &path, &error)),
        };
        #[cfg(feature = "s3")]
        if let Some(mirror) = &self.mirror {
            let (place, tag) = mirror.there(&name)?;
            return Ok(Some(KnownIds { place, tag: Some(tag), count }));
        }
        let place = std::fs::canonicalize(&path).unwrap_or(path).display().to_string();
        Ok(Some(KnownIds { place, tag: None, count }))
    }

    /// Makes what became of the logs of that range part of the rollup, wholly or not at all.
    ///
    /// # Errors
    /// It does not add up, or the rollup cannot be written. Nothing has changed then; or a rollup in a store could not be
    /// published, which the next run does.
    pub fn commit(&mut self, range: Range<usize>, portion: Portion<'_>) -> Result<(), RollupError> {
        let Portion { reports, ids, doubles, rows } = portion;
        let miscounted = |what: &'static str, expected: u64, found: u64| RollupError::Miscounted { what, expected, found };
        let same = |what, expected, found| if expected == found { Ok(()) } else { Err(miscounted(what, expected, found)) };
        let asked = self.logs.get(range).unwrap_or_default();
        let logs: BTreeMap<&str, &NewLog> = asked.iter().map(|log| (log.name.as_str(), log)).collect();
        let reported: BTreeSet<&str> = reports.iter().map(FileReport::name).filter(|name| logs.contains_key(name)).collect();
        same("logs that were read", logs.len() as u64, reported.len() as u64)?;
        same("reports of logs", logs.len() as u64, reports.len() as u64)?;
        let read: u64 = reports.iter().map(FileReport::events).sum();
        let new: u64 = ids.values().map(|ids| ids.len() as u64).sum();
        same("events that were read", read, new + doubles)?;
        let all = rows.values().flatten().filter(|row| row.resource.is_none());
        same("calls that were counted", new, all.map(|row| row.count).sum())?;
        let since = self.since.map(Timestamp::seconds);
        let done: Vec<Done> = reports
            .into_iter()
            .map(|report| {
                let FileReport { name, unread, mut file, observations, .. } = report;
                let state = logs.get(name.as_str()).map(|log| log.state.clone()).unwrap_or_default();
                (file.state, file.since) = (if unread { UNREAD.to_owned() } else { state }, since);
                Done { name, file, observations }
            })
            .collect();
        let threads = self.threads;
        self.writer.change(done.into_iter(), new == 0, |stage| {
            let partitions = rows.into_iter().map(|((account, day), rows)| Partition { account, day, rows }).collect();
            let fresh = add_up(ids, partitions, stage, threads)?;
            same("new events", new, fresh)?;
            Ok(Merged { new, doubles })
        })?;
        self.told.events += read;
        #[cfg(feature = "s3")]
        self.mirror.as_mut().map_or(Ok(0), Mirror::publish)?;
        Ok(())
    }

    /// What was done, in all portions.
    #[must_use]
    pub fn told(self) -> Ingested {
        let Writer { merged: Merged { new, doubles }, mut problems, .. } = self.writer;
        problems.sort();
        Ingested { new, doubles, problems, ..self.told }
    }
}

/// The file of the ids of a day.
fn ids_of_day(day: i64) -> String {
    format!("events/{}.ids", name_of_day(day))
}

/// Where a run keeps what its machines share.
const SHARED: &str = ".cluster";

/// Gives the ids of a file of [`KnownIds`], `count` of them from the `from`th on.
///
/// # Errors
/// The file cannot be read, or is none of these.
pub fn known_ids(path: &Path, from: u64, count: u64, give: &mut dyn FnMut(u128)) -> Result<(), RollupError> {
    ids::some(path, from, count, give).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => {
            RollupError::Damaged { path: path.to_owned(), message: error.to_string() }
        }
        _ => RollupError::io("read", path, &error),
    })
}

/// The same for ids in a store, in the state that `known` names. Keys and region are those of this process' environment.
///
/// # Errors
/// The object cannot be read, or has changed.
#[cfg(feature = "s3")]
pub fn known_ids_there(
    known: &RemoteLog,
    stores: &StoreOptions,
    from: u64,
    count: u64,
    give: &mut dyn FnMut(u128),
) -> Result<(), RollupError> {
    let failed = |message: String| RollupError::io("read", Path::new(&known.url), &std::io::Error::other(message));
    let objects = talking().map_err(failed)?;
    let object = Object::listed(&objects.open(&known.url, stores).map_err(failed)?, known.tag.clone());
    let range = ids::range(from, count);
    let bytes = object.range(&objects, range).map_err(|error| failed(error.to_string()))?;
    let (ids, _) = bytes.as_chunks::<16>();
    ids.iter().for_each(|id| give(u128::from_be_bytes(*id)));
    Ok(())
}
