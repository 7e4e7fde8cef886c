//! A rollup whose events are read and added up elsewhere, on many machines, by an engine of its own.
//!
//! It says which logs are new, and takes what became of a portion of them: rows and ids of each account and day, and a
//! report for each log. A portion becomes part of the rollup by the same change, wholly or not at all, as what one machine
//! reads; before that everything is counted again, and a portion that does not add up changes nothing. Events that were
//! counted before are found here and seldom there, so a portion that has such is asked for once more, without them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use leastwise::access::Timestamp;

use super::RollupError;
use super::events::AccountDay;
use super::ingest::{Done, Ingested, UNREAD, Writer};
use super::input::Inputs;
use super::merge::{LeftOut, Merged, take_in};
#[cfg(feature = "s3")]
use super::mirror::{Mirror, Purpose};
use super::report::FileReport;
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
    state: String,
}

/// What became of the events of some logs.
#[derive(Debug, Clone, Default)]
pub struct Portion {
    /// Reports of all its logs, each once.
    pub reports: Vec<FileReport>,
    /// The events by account and day, each of these once.
    pub days: Vec<AccountDay>,
}

/// What became of a portion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It is part of the rollup.
    Done,
    /// Nothing has changed: it holds events that were counted before, or that count for another account, whose copy tells more. The
    /// same logs without those are wanted.
    Without(Vec<LeftOut>),
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
        let logs = inputs.logs.into_iter().map(|(name, input)| NewLog {
            name,
            tag: input.place.tag().map(str::to_owned),
            size: input.size,
            state: input.state,
        });
        let logs = logs.collect();
        // What cannot be looked at is told at once; with it a folder becomes a rollup.
        writer.change(inputs.problems.into_iter().map(Done::unread), true, |_| Ok(Some(Merged::default())))?;
        writer.problems.append(&mut inputs.refused);
        let out = std::fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
        // Also when no log is new.
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

    /// Makes what became of the logs of that range part of the rollup, wholly or not at all.
    ///
    /// # Errors
    /// It does not add up, or the rollup cannot be written. Nothing has changed then; or a rollup in a store could not be
    /// published, which the next run does.
    pub fn commit(&mut self, range: Range<usize>, portion: Portion) -> Result<Committed, RollupError> {
        let Portion { reports, days } = portion;
        let miscounted = |what: &'static str, expected: u64, found: u64| RollupError::Miscounted { what, expected, found };
        let same = |what, expected, found| if expected == found { Ok(()) } else { Err(miscounted(what, expected, found)) };
        let asked = self.logs.get(range).unwrap_or_default();
        let logs: BTreeMap<&str, &NewLog> = asked.iter().map(|log| (log.name.as_str(), log)).collect();
        let reported: BTreeSet<&str> = reports.iter().map(FileReport::name).filter(|name| logs.contains_key(name)).collect();
        same("logs that were read", logs.len() as u64, reported.len() as u64)?;
        same("reports of logs", logs.len() as u64, reports.len() as u64)?;
        let read: u64 = reports.iter().map(FileReport::events).sum();
        let new: u64 = days.iter().map(|one| (one.with_resources.len() + one.without.len()) as u64).sum();
        let doubles: u64 = days.iter().map(|one| one.doubles).sum();
        same("events that were read", read, new + doubles)?;
        let different: BTreeSet<_> = days.iter().map(|one| (one.account, one.day)).collect();
        same("accounts and days", days.len() as u64, different.len() as u64)?;
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
        let mut left_out = Vec::new();
        let changed = self.writer.change(done.into_iter(), new == 0, |stage| {
            left_out = take_in(&days, stage, threads)?;
            Ok(left_out.is_empty().then_some(Merged { new, doubles }))
        })?;
        if !changed {
            return Ok(Committed::Without(left_out));
        }
        self.told.events += read;
        #[cfg(feature = "s3")]
        self.mirror.as_mut().map_or(Ok(0), Mirror::publish)?;
        Ok(Committed::Done)
    }

    /// What was done, in all portions.
    #[must_use]
    pub fn told(self) -> Ingested {
        let Writer { merged: Merged { new, doubles }, mut problems, .. } = self.writer;
        problems.sort();
        Ingested { new, doubles, problems, ..self.told }
    }
}

/// Where a run keeps what its machines share.
const SHARED: &str = ".cluster";
