//! The rows of one log, one for each event, for engines that bring their own way of adding up.
//!
//! A function over one path. Nothing is told apart here: an event that stands in two logs comes from both, with one
//! and the same id, and whoever adds up takes each id once.

use std::path::Path;

use leastwise::access::AccountId;
use leastwise::usage::EventMapper;

use super::batch::{Batch, DAY};
use super::report::FileReport;
use super::row::Key;
use crate::reading::{FileReader, Origin};
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
        let (file, mut ordinal) = (digest(name.bytes()), 0);
        let EventReader { mapper, files, batch } = self;
        let reading = files.read(Origin::File(path), &name, options, &mut |event| {
            batch.add(event, mapper, file, ordinal);
            ordinal += 1;
            if batch.events() >= PORTION {
                hand_over(batch, give);
            }
        });
        hand_over(batch, give);
        FileReport::of(&name, reading)
    }
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
                resources: batch.list(tuple.resources).iter().map(|text| batch.texts.text(*text)).collect(),
            });
        }
    }
    batch.forget_events();
    if batch.memory() > KEPT {
        *batch = Batch::new();
    }
}
