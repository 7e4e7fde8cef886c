//! The rows of one log, one for each event, for engines that bring their own way of adding up.
//!
//! A plain function over one path. Nothing is told apart here: an event that stands in two logs comes from both, with one
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

/// Gives a row for every event of the log at `path`, and reports what else it told.
pub fn event_rows(
    path: &Path,
    options: &ReadOptions,
    mapper: &EventMapper<'_>,
    give: &mut dyn FnMut(EventRow<'_>),
) -> FileReport {
    let name = path.display().to_string();
    let (file, mut ordinal, mut batch) = (digest(name.bytes()), 0, Batch::new());
    let reading = FileReader::new().read(Origin::File(path), &name, options, &mut |event| {
        batch.add(event, mapper, file, ordinal);
        ordinal += 1;
        if batch.events() >= PORTION {
            hand_over(&std::mem::take(&mut batch), give);
        }
    });
    hand_over(&batch, give);
    FileReport::of(&name, reading)
}

fn hand_over(batch: &Batch, give: &mut dyn FnMut(EventRow<'_>)) {
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
}
