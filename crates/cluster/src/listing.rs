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

/// Deals the lines out, the heaviest first, each to whoever has least; every share keeps their order.
fn shared(lines: Vec<Line>, tasks: usize) -> Vec<Vec<Line>> {
    let mut order: Vec<(usize, Line)> = lines.into_iter().enumerate().collect();
    order.sort_by_key(|(at, line)| (std::cmp::Reverse(line.weight()), *at));
    let mut shares: Vec<(u64, Vec<(usize, Line)>)> = (0..tasks.clamp(1, order.len().max(1))).map(|_| (0, Vec::new())).collect();
    for (at, line) in order {
        if let Some((weight, share)) = shares.iter_mut().min_by_key(|(weight, _)| *weight) {
            *weight += line.weight().max(1);
            share.push((at, line));
        }
    }
    let in_order = |mut share: Vec<(usize, Line)>| {
        share.sort_by_key(|(at, _)| *at);
        share.into_iter().map(|(_, line)| line).collect()
    };
    shares.into_iter().map(|(_, share)| in_order(share)).filter(|share: &Vec<Line>| !share.is_empty()).collect()
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
    fn every_line_is_in_one_share_and_the_shares_are_about_equal() {
        let lines: Vec<Line> = (0..1000).map(|at| line(at, (at as u64 * 7919) % 1000)).collect();
        let shares = shared(lines.clone(), 7);
        let mut all: Vec<Line> = shares.iter().flatten().cloned().collect();
        all.sort_by_key(|line| match line {
            Line::Log { place, .. } => place.parse::<usize>().unwrap(),
            Line::LeftOut { .. } => unreachable!(),
        });
        assert_eq!(all, lines);
        let weights: Vec<u64> = shares.iter().map(|share| share.iter().map(Line::weight).sum()).collect();
        assert!(weights.iter().max().unwrap() - weights.iter().min().unwrap() < 1000, "{weights:?}");
        assert!(shared(Vec::new(), 3).is_empty());
        assert_eq!(shared(vec![line(0, 0), line(1, 0)], 9).len(), 2);
    }
}
