//! A rollup whose events are read and added up elsewhere, on many machines, by an engine of its own.
//!
//! It says which logs are new and which events are known, and takes what became of a portion of them: rows, ids and a
//! report for each log. A portion becomes part of the rollup by the same change, wholly or not at all, as what one machine
//! reads; before that everything is counted again, and a portion that does not add up changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use leastwise::access::{AccountId, Timestamp};

use super::RollupError;
use super::ids;
use super::ingest::{Done, Ingested, UNREAD, Writer};
use super::input::Inputs;
use super::merge::{Merged, Partition, add_up, name_of_day};
use super::report::FileReport;
use super::row::Row;
use super::stores::StoreOptions;

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
    /// The file of their ids, for [`known_ids`].
    pub path: PathBuf,
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
        let mut inputs = Inputs::find(paths, since, stores)?;
        let mut writer = Writer::open(out, threads)?;
        writer.forget(&inputs);
        let mut told = Ingested { listed: inputs.logs.len() as u64, ..Ingested::default() };
        (told.too_old, told.ignored) = (inputs.too_old, inputs.ignored);
        let seconds = since.map(Timestamp::seconds);
        inputs.logs.retain(|name, input| !writer.manifest.has(name, &input.state, seconds));
        told.read = inputs.logs.len() as u64;
        let logs = inputs.logs.into_iter().map(|(name, input)| {
            let day = super::input::day_of(&name).map(|day| day.seconds().div_euclid(super::batch::DAY));
            NewLog { name, tag: input.place.tag().map(str::to_owned), size: input.size, day, state: input.state }
        });
        let logs = logs.collect();
        // What cannot be looked at is told at once; with it a folder becomes a rollup.
        writer.change(inputs.problems.into_iter().map(Done::unread), true, |_| Ok(Merged::default()))?;
        Ok(Intake { writer, out: out.to_owned(), threads, since, logs, told })
    }

    /// The logs that are to be read, in the order of their names.
    #[must_use]
    pub fn logs(&self) -> &[NewLog] {
        &self.logs
    }

    /// A folder within the rollup for what the machines must all see during a run; no part of the rollup.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.out.join(".cluster")
    }

    /// The events of a day that were counted before; none when there are none.
    ///
    /// # Errors
    /// Their file cannot be looked at.
    pub fn known(&self, day: i64) -> Result<Option<KnownIds>, RollupError> {
        let path = self.writer.store.path(&ids_of_day(day));
        match std::fs::metadata(&path) {
            Ok(facts) => Ok(Some(KnownIds { count: ids::count(facts.len()), path })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RollupError::io("read", &path, &error)),
        }
    }

    /// Makes what became of the logs of that range part of the rollup, wholly or not at all.
    ///
    /// # Errors
    /// It does not add up, or the rollup cannot be written. Nothing has changed then.
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
