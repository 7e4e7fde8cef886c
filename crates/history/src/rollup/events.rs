//! Reads logs and adds up what is in them for engines that bring their own way of dealing work out and bringing it together.
//!
//! Two functions over bytes. One reads logs into parcels, each with the events of one account and day; the other makes of all
//! parcels of an account and day what the rollup has of it. Between the two the engine brings parcels of the same account and
//! day together, on whichever machine. Copies of an event are told apart where its parcels meet.

use std::path::Path;
#[cfg(feature = "s3")]
use std::sync::{Arc, Mutex, PoisonError};

use leastwise::access::AccountId;
use leastwise::usage::EventMapper;

use super::batch::Batch;
pub use super::batch::parcel::Give;
use super::batch::parcel::{pack, unpack};
#[cfg(feature = "s3")]
use super::input::{Input, Place};
use super::merge::of_account_and_day;
#[cfg(feature = "s3")]
use super::objects::{Fetcher, Object, Objects};
use super::report::{BY, FileReport, begin, begun};
#[cfg(feature = "s3")]
use super::stores::StoreOptions;
use crate::reading::{FileReader, FileReading, Origin};
use crate::{ReadOptions, digest};

/// So many events are held before they are given.
const PORTION: usize = 65_536;
/// So many bytes of texts are kept from one portion to the next.
const KEPT: usize = 64 << 20;

/// Reads logs one after the other, and gives their events in parcels.
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

    /// Reads the log at `path`, and reports what it told besides its events. Of the events those are given that are too many to be
    /// held.
    pub fn read(&mut self, path: &Path, options: &ReadOptions, give: &mut Give<'_>) -> FileReport {
        let name = path.display().to_string();
        FileReport::of(&name, self.reading(&name, Origin::File(path), options, give))
    }

    /// The same for the log at that place of a list of logs in stores.
    #[cfg(feature = "s3")]
    pub fn read_of(&mut self, logs: &RemoteLogs, at: usize, options: &ReadOptions, give: &mut Give<'_>) -> FileReport {
        let name = logs.names.get(at).map(String::as_str).unwrap_or_default();
        let reading = match &logs.fetcher {
            Ok(fetcher) => fetcher.read(at, |name, origin| self.reading(name, origin, options, give)),
            Err(message) => Some(self.reading(name, Origin::Nowhere(message.clone()), options, give)),
        };
        let missing = || Origin::Nowhere("was not fetched".to_owned());
        let reading = reading.unwrap_or_else(|| self.reading(name, missing(), options, give));
        FileReport::of(name, reading)
    }

    /// Gives the events that were not given yet.
    pub fn finish(&mut self, give: &mut Give<'_>) {
        hand_over(&mut self.batch, give);
    }

    fn reading(&mut self, name: &str, origin: Origin<'_>, options: &ReadOptions, give: &mut Give<'_>) -> FileReading {
        let file = digest(name.bytes());
        let EventReader { mapper, files, batch } = self;
        let reading = files.read(origin, name, options, &mut |event, record| {
            batch.add(event, mapper, file, record);
            if batch.events() >= PORTION {
                hand_over(batch, give);
            }
        });
        if self.batch.memory() > KEPT {
            self.finish(give);
        }
        reading
    }
}

/// Gives the events of the batch, which has none then, and not too many texts.
fn hand_over(batch: &mut Batch, give: &mut Give<'_>) {
    pack(batch, give);
    batch.forget_events();
    if batch.memory() > KEPT {
        *batch = Batch::new();
    }
}

/// What became of the events of an account and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDay {
    /// The account; none of events that name none.
    pub account: Option<AccountId>,
    /// The day, counted from 1970.
    pub day: i64,
    /// The ids of events that name resources, sorted, each once.
    pub with_resources: Vec<u128>,
    /// The ids of the others.
    pub without: Vec<u128>,
    /// How many events there were besides: copies, and what was left out.
    pub doubles: u64,
    /// Their rows, as a file of the rollup; empty when there are none.
    pub rows: Vec<u8>,
}

/// Tells copies apart in all parcels of an account and day, leaves out events of these ids, which are sorted, and adds up the
/// rest.
///
/// # Errors
/// A parcel is none, or not of this version of the program.
pub fn add_up(account: Option<AccountId>, day: i64, parcels: &[&[u8]], left_out: &[u128]) -> Result<AccountDay, String> {
    let cut = || format!("a parcel of events is cut off, or of another version than {BY}");
    let batches: Option<Vec<Batch>> = parcels.iter().map(|parcel| unpack(account, day, parcel)).collect();
    of_account_and_day(account, day, &batches.ok_or_else(cut)?, left_out)
}

impl AccountDay {
    /// As bytes, for the way to another machine.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let ids = self.with_resources.len() + self.without.len();
        let mut bytes = Vec::with_capacity(48 + ids * 16 + self.rows.len());
        let number = |count: usize| (count as u64).to_le_bytes();
        begin(&mut bytes);
        match &self.account {
            Some(account) => bytes.extend(account.as_str().bytes()),
            None => bytes.extend([b' '; ACCOUNT]),
        }
        bytes.extend(self.day.to_le_bytes());
        bytes.extend(self.doubles.to_le_bytes());
        bytes.extend([number(self.with_resources.len()), number(self.without.len())].concat());
        bytes.extend(self.with_resources.iter().chain(&self.without).flat_map(|id| id.to_le_bytes()));
        bytes.extend(&self.rows);
        bytes
    }

    /// What [`AccountDay::encode`] wrote; none when these are other bytes, or of another version of the program.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<AccountDay> {
        let (account, rest) = begun(bytes)?.split_at_checked(ACCOUNT)?;
        let account = match account.iter().all(|byte| *byte == b' ') {
            true => None,
            false => Some(AccountId::parse(std::str::from_utf8(account).ok()?)?),
        };
        let (numbers, rest) = rest.split_at_checked(32)?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let [day, doubles, with, without] = numbers else { return None };
        let [with, without] = [with, without].map(|count| usize::try_from(u64::from_le_bytes(*count)).ok());
        let (with, without) = (with?, without?);
        let (ids, rows) = rest.split_at_checked(with.checked_add(without)?.checked_mul(16)?)?;
        let (ids, _) = ids.as_chunks::<16>();
        let mut ids = ids.iter().map(|id| u128::from_le_bytes(*id));
        let with_resources = ids.by_ref().take(with).collect();
        let (day, doubles) = (i64::from_le_bytes(*day), u64::from_le_bytes(*doubles));
        Some(AccountDay { account, day, with_resources, without: ids.collect(), doubles, rows: rows.to_owned() })
    }
}

/// The digits of an account.
const ACCOUNT: usize = 12;

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
