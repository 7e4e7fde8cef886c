//! The list of files that a job reads: a small table in Parquet that every machine sees.
//!
//! A file of the table is one task of the engine, filled to about equal work. A row group is what is read in one go, so that
//! it bounds the memory of a worker.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::ArrowWriter;

use leastwise_history::rollup::StoreOptions;

use crate::error::ClusterError;

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A log.
    Log {
        /// A path that every worker sees, or an address in a store.
        place: String,
        /// Its bytes, packed as it is.
        size: u64,
        /// The state of an object, as its store says.
        tag: Option<String>,
    },
    /// Events that are not to be counted, of the account and day of that key.
    LeftOut {
        /// See [`crate::bytes::key`].
        key: Vec<u8>,
        /// See [`crate::bytes::ids`].
        ids: Vec<u8>,
    },
}

/// A byte of ids is so much less work than a packed byte of a log.
const IDS_EASIER: u64 = 8;

impl Line {
    /// About how much work it is, in packed bytes of logs.
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Line::Log { size, .. } => *size,
            Line::LeftOut { ids, .. } => ids.len() as u64 / IDS_EASIER,
        }
    }
}

/// So many packed bytes are read in one go, unless one log alone has more.
const AT_ONCE: u64 = 16 << 20;

/// What is asked of every log.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Nothing before this moment, in seconds since 1970.
    pub(crate) since: Option<i64>,
    /// The most bytes that a log may unpack to.
    pub(crate) max_unpacked: u64,
    /// How workers talk to stores; keys are their own.
    pub(crate) stores: StoreOptions,
}

/// The table, as so many files at most.
pub(crate) fn files(lines: Vec<Line>, tasks: usize, wanted: &Wanted) -> Result<Vec<Vec<u8>>, ClusterError> {
    let files: Result<_, _> = shared(lines, tasks).iter().map(|share| file_of(share, wanted)).collect();
    files.map_err(|message| ClusterError::Listing { message })
}

/// Cuts the lines into stretches of about equal weight. Logs are listed by account, region and day: what tasks read has little in
/// common then, so that less is brought together from several.
fn shared(lines: Vec<Line>, tasks: usize) -> Vec<Vec<Line>> {
    let weight = |line: &Line| u128::from(line.weight().max(1));
    let whole: u128 = lines.iter().map(weight).sum();
    let tasks = tasks.clamp(1, lines.len().max(1)) as u128;
    let mut shares: Vec<(u128, Vec<Line>)> = Vec::new();
    let mut before = 0;
    for line in lines {
        // The one that its middle is in.
        let number = (2 * before + weight(&line)) * tasks / (2 * whole);
        before += weight(&line);
        match shares.last_mut() {
            Some((last, share)) if *last == number => share.push(line),
            _ => shares.push((number, vec![line])),
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

fn file_of(share: &[Line], wanted: &Wanted) -> Result<Vec<u8>, String> {
    let number = |name: &str| Field::new(name, DataType::Int64, true);
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let bytes = |name: &str| Field::new(name, DataType::Binary, true);
    let schema = Arc::new(Schema::new(vec![
        text("place"),
        bytes("key"),
        bytes("left_out"),
        number("since"),
        number("limit"),
        number("size"),
        text("tag"),
        text("endpoint"),
        number("timeout"),
    ]));
    let mut writer = ArrowWriter::try_new(Vec::new(), schema.clone(), None).map_err(|error| error.to_string())?;
    let mut group: Vec<&Line> = Vec::new();
    let mut weight = 0;
    let mut lines = share.iter().peekable();
    while let Some(line) = lines.next() {
        group.push(line);
        weight += line.weight();
        if lines.peek().is_none_or(|next| weight + next.weight() > AT_ONCE) {
            let batch = batch(&schema, &group, wanted)?;
            writer.write(&batch).and_then(|()| writer.flush()).map_err(|error| error.to_string())?;
            group.clear();
            weight = 0;
        }
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn batch(schema: &Arc<Schema>, lines: &[&Line], wanted: &Wanted) -> Result<RecordBatch, String> {
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let all = |value: Option<i64>| -> ArrayRef { Arc::new(lines.iter().map(|_| value).collect::<Int64Array>()) };
    let logs = || {
        lines.iter().map(|line| match line {
            Line::Log { place, size, tag } => Some((place.as_str(), *size, tag.as_deref())),
            Line::LeftOut { .. } => None,
        })
    };
    let left_out = lines.iter().map(|line| match line {
        Line::Log { .. } => (None, None),
        Line::LeftOut { key, ids } => (Some(key.as_slice()), Some(ids.as_slice())),
    });
    let (keys, ids): (Vec<_>, Vec<_>) = left_out.unzip();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(logs().map(|log| Some(log?.0)).collect::<StringArray>()),
        Arc::new(BinaryArray::from(keys)),
        Arc::new(BinaryArray::from(ids)),
        all(wanted.since),
        all(Some(number(wanted.max_unpacked))),
        Arc::new(logs().map(|log| Some(number(log?.1))).collect::<Int64Array>()),
        Arc::new(logs().map(|log| log?.2).collect::<StringArray>()),
        Arc::new(lines.iter().map(|_| wanted.stores.endpoint.as_deref()).collect::<StringArray>()),
        all(Some(number(wanted.stores.timeout.as_secs()))),
    ];
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: usize, weight: u64) -> Line {
        Line::Log { place: at.to_string(), size: weight, tag: None }
    }

    #[test]
    fn lines_are_cut_into_stretches_of_about_equal_weight() {
        let lines: Vec<Line> = (0..1000).map(|at| line(at, (at as u64 * 7919) % 1000)).collect();
        let shares = shared(lines.clone(), 7);
        assert_eq!(shares.concat(), lines);
        assert_eq!(shares.len(), 7);
        let weights: Vec<u64> = shares.iter().map(|share| share.iter().map(Line::weight).sum()).collect();
        assert!(weights.iter().max().unwrap() - weights.iter().min().unwrap() < 1000, "{weights:?}");
        assert!(shared(Vec::new(), 3).is_empty());
        assert_eq!(shared(vec![line(0, 0), line(1, 0)], 9).len(), 2);
        // One that is more than its share has it for itself.
        let lines = [1, 1, 98, 1, 1].into_iter().enumerate().map(|(at, weight)| line(at, weight)).collect();
        assert_eq!(shared(lines, 4).iter().map(Vec::len).collect::<Vec<_>>(), [2, 1, 2]);
    }
}
