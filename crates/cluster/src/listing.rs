//! The list of files that a job reads: a small table in Parquet that every machine sees.
//!
//! A file of the table is one task of the engine, filled to about equal work. A row group is what is read in one go, so that
//! it bounds the memory of a worker.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::ArrowWriter;

use leastwise_history::rollup::StoreOptions;

use crate::error::ClusterError;

/// One line of the table: a log, or a part of a file of known ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// A path that every worker sees, or an address in a store.
    pub(crate) place: String,
    pub(crate) kind: &'static str,
    /// Of known ids: their day, where they begin and how many there are.
    pub(crate) day: i64,
    pub(crate) from: u64,
    pub(crate) count: u64,
    /// The bytes of the file, packed as it is.
    pub(crate) size: u64,
    /// The state of an object, as its store says.
    pub(crate) tag: Option<String>,
    /// About how much work it is, in packed bytes of logs.
    pub(crate) weight: u64,
}

/// So many packed bytes are read in one go, unless one log alone has more.
const AT_ONCE: u64 = 4 << 20;

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
    order.sort_by_key(|(at, line)| (std::cmp::Reverse(line.weight), *at));
    let mut shares: Vec<(u64, Vec<(usize, Line)>)> = (0..tasks.clamp(1, order.len().max(1))).map(|_| (0, Vec::new())).collect();
    for (at, line) in order {
        if let Some((weight, share)) = shares.iter_mut().min_by_key(|(weight, _)| *weight) {
            *weight += line.weight.max(1);
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
    let schema = Arc::new(Schema::new(vec![
        text("place"),
        text("kind"),
        number("day"),
        number("from"),
        number("count"),
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
        weight += line.weight;
        if lines.peek().is_none_or(|next| weight + next.weight > AT_ONCE) {
            let batch = batch(&schema, &group, wanted)?;
            writer.write(&batch).and_then(|()| writer.flush()).map_err(|error| error.to_string())?;
            group.clear();
            weight = 0;
        }
    }
    writer.into_inner().map_err(|error| error.to_string())
}

fn batch(schema: &Arc<Schema>, lines: &[&Line], wanted: &Wanted) -> Result<RecordBatch, String> {
    let number = |value: &dyn Fn(&Line) -> Option<u64>| -> ArrayRef {
        let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        Arc::new(lines.iter().map(|line| value(line).map(signed)).collect::<Int64Array>())
    };
    let text = |value: &dyn for<'l> Fn(&'l Line) -> Option<&'l str>| -> ArrayRef {
        Arc::new(lines.iter().map(|line| value(line)).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        text(&|line| Some(&line.place)),
        text(&|line| Some(line.kind)),
        Arc::new(lines.iter().map(|line| Some(line.day)).collect::<Int64Array>()),
        number(&|line| Some(line.from)),
        number(&|line| Some(line.count)),
        Arc::new(lines.iter().map(|_| wanted.since).collect::<Int64Array>()),
        number(&|_| Some(wanted.max_unpacked)),
        number(&|line| Some(line.size)),
        text(&|line| line.tag.as_deref()),
        Arc::new(lines.iter().map(|_| wanted.stores.endpoint.as_deref()).collect::<StringArray>()),
        number(&|_| Some(wanted.stores.timeout.as_secs())),
    ];
    RecordBatch::try_new(schema.clone(), columns).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: usize, weight: u64) -> Line {
        Line { place: at.to_string(), kind: "log", day: 0, from: 0, count: 0, size: weight, tag: None, weight }
    }

    #[test]
    fn every_line_is_in_one_share_and_the_shares_are_about_equal() {
        let lines: Vec<Line> = (0..1000).map(|at| line(at, (at as u64 * 7919) % 1000)).collect();
        let shares = shared(lines.clone(), 7);
        let mut all: Vec<Line> = shares.iter().flatten().cloned().collect();
        all.sort_by_key(|line| line.place.parse::<usize>().unwrap());
        assert_eq!(all, lines);
        let weights: Vec<u64> = shares.iter().map(|share| share.iter().map(|line| line.weight).sum()).collect();
        assert!(weights.iter().max().unwrap() - weights.iter().min().unwrap() < 1000, "{weights:?}");
        assert!(shared(Vec::new(), 3).is_empty());
        assert_eq!(shared(vec![line(0, 0), line(1, 0)], 9).len(), 2);
    }
}
