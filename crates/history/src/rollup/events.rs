//! The rows of one log, one for each event, for engines that bring their own way of adding up.
//!
//! A function over one path. Nothing is told apart here: an event that stands in two logs comes from both, with one
//! and the same id, and whoever adds up takes each id once.

use std::path::Path;
#[cfg(feature = "s3")]
use std::sync::{Arc, Mutex, PoisonError};

use leastwise::access::AccountId;
use leastwise::usage::EventMapper;

use super::batch::{Batch, DAY};
#[cfg(feature = "s3")]
use super::input::{Input, Place};
#[cfg(feature = "s3")]
use super::objects::{Fetcher, Object, Objects};
use super::report::FileReport;
use super::row::Key;
#[cfg(feature = "s3")]
use super::stores::StoreOptions;
use crate::reading::{FileReader, FileReading, Origin};
use crate::{ReadOptions, digest};

/// One event, as the rollup sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow<'a> {
    /// The event's id as a number; equal for copies of one event.
    pub id: u128,
    /// `recipientAccountId`.
    pub account: Option<AccountId>,
    /// What it is told apart by.
    pub key: Key<'a>,
    /// Seconds since 1970.
    pub time: i64,
    /// `awsRegion`; empty when the record has none.
    pub region: &'a str,
    /// The ARNs that it names, sorted.
    pub resources: Vec<&'a str>,
}

/// So many events are held before they are given.
const PORTION: usize = 65_536;
/// So many bytes of texts are kept from one log to the next.
const KEPT: usize = 64 << 20;

/// Reads logs one after the other; keeps what they have in common in between.
pub struct EventReader<'m> {
    mapper: &'m EventMapper<'m>,
    files: FileReader,
    batch: Batch,
}

impl<'m> EventReader<'m> {
    /// A reader that has read nothing yet.
    #[must_use]
    pub fn new(mapper: &'m EventMapper<'m>) -> EventReader<'m> {
        EventReader { mapper, files: FileReader::new(), batch: Batch::new() }
    }

    /// Gives a row for every event of the log at `path`, and reports what else it told.
    pub fn rows(&mut self, path: &Path, options: &ReadOptions, give: &mut dyn FnMut(EventRow<'_>)) -> FileReport {
        let name = path.display().to_string();
        FileReport::of(&name, self.read(&name, Origin::File(path), options, give))
    }

    /// The same for the log at that place of a list of logs in stores.
    #[cfg(feature = "s3")]
    pub fn rows_of(
        &mut self,
        logs: &RemoteLogs,
        at: usize,
        options: &ReadOptions,
        give: &mut dyn FnMut(EventRow<'_>),
    ) -> FileReport {
        let name = logs.names.get(at).map(String::as_str).unwrap_or_default();
        let reading = match &logs.fetcher {
            Ok(fetcher) => fetcher.read(at, |name, origin| self.read(name, origin, options, give)),
            Err(message) => Some(self.read(name, Origin::Nowhere(message.clone()), options, give)),
        };
        let missing = || Origin::Nowhere("was not fetched".to_owned());
        let reading = reading.unwrap_or_else(|| self.read(name, missing(), options, give));
        FileReport::of(name, reading)
    }

    fn read(&mut self, name: &str, origin: Origin<'_>, options: &ReadOptions, give: &mut dyn FnMut(EventRow<'_>)) -> FileReading {
        let (file, mut ordinal) = (digest(name.bytes()), 0);
        let EventReader { mapper, files, batch } = self;
        let reading = files.read(origin, name, options, &mut |event| {
            batch.add(event, mapper, file, ordinal);
            ordinal += 1;
            if batch.events() >= PORTION {
                hand_over(batch, give);
            }
        });
        hand_over(batch, give);
        reading
    }
}

/// A log in a store, as whoever listed it knows it.
#[cfg(feature = "s3")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteLog {
    /// `s3://bucket/key`.
    pub url: String,
    /// Its size in bytes, packed as it is.
    pub size: u64,
    /// What changes when it does, as its store says.
    pub tag: Option<String>,
}

/// Logs in stores, fetched ahead while they are read one after the other, from the first to the last.
#[cfg(feature = "s3")]
pub struct RemoteLogs {
    names: Vec<String>,
    /// None of them can be fetched without one, for the reason that is told.
    fetcher: Result<Fetcher, String>,
}

#[cfg(feature = "s3")]
impl RemoteLogs {
    /// Begins with a list of logs; nothing is fetched yet. Keys and region are those of this process' environment.
    #[must_use]
    pub fn new(logs: Vec<RemoteLog>, stores: &StoreOptions) -> RemoteLogs {
        let names = logs.iter().map(|log| log.url.clone()).collect();
        let fetcher = talking().and_then(|objects| {
            let input = |log: RemoteLog| {
                let object = Object::listed(&objects.open(&log.url, stores)?, log.tag);
                Ok((log.url, Input { place: Place::Object(object), state: String::new(), size: log.size }))
            };
            let logs = logs.into_iter().map(input).collect::<Result<Vec<_>, String>>()?;
            Ok(Fetcher::new(objects, logs.into(), AHEAD))
        });
        RemoteLogs { names, fetcher: fetcher.map_err(|message| format!("cannot be fetched: {message}")) }
    }
}

/// So many bytes are fetched ahead.
#[cfg(feature = "s3")]
const AHEAD: usize = 8 << 20;

/// The stores that this process talks to; kept for its life, since its reader is called again and again.
#[cfg(feature = "s3")]
pub(crate) fn talking() -> Result<Arc<Objects>, String> {
    static TALKING: Mutex<Option<Arc<Objects>>> = Mutex::new(None);
    let mut talking = TALKING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(objects) = talking.as_ref() {
        return Ok(objects.clone());
    }
    let objects = Objects::new().map_err(|error| error.to_string())?;
    Ok(talking.insert(objects).clone())
}

/// Gives the events of the batch, which has none then.
fn hand_over(batch: &mut Batch, give: &mut dyn FnMut(EventRow<'_>)) {
    for (day, tuples) in &batch.days {
        for tuple in tuples {
            let Some((account, key)) = batch.key(tuple.key) else { continue };
            let [high, low] = tuple.id;
            give(EventRow {
                id: u128::from(high) << 64 | u128::from(low),
                account,
                key,
                time: day * DAY + i64::from(tuple.second),
                region: batch.texts.text(tuple.region),
                resources: batch.list(tuple.resources).iter().map(|arn| batch.resources.arn(*arn)).collect(),
            });
        }
    }
    batch.forget_events();
    if batch.memory() > KEPT {
        *batch = Batch::new();
    }
}
