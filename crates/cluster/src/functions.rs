//! The two functions of ours that the engine calls: one reads files, one says which rows an event counts in.
//!
//! Plain functions over columns, known by their names to the client, the scheduler and every worker. They keep nothing
//! between calls: the engine may call them anywhere, again, and in any portions. Telling copies apart and adding up are
//! not done here but by the engine.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, Int64Builder, LargeBinaryBuilder, ListArray, StringArray,
    StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use leastwise::access::Timestamp;
use leastwise::access::time::DAY;
use leastwise::usage::EventMapper;
use leastwise_history::ReadOptions;
use leastwise_history::rollup::events::{EventReader, EventRow, RemoteLog, RemoteLogs};
use leastwise_history::rollup::{StoreOptions, is_remote, known_ids, known_ids_there};
use leastwise_policy::Catalogue;

use crate::bytes::{KNOWN, REPORT, day_of, event, read_call, read_event, write_call, write_row};

/// What a line of the list of files is about.
pub(crate) const LOG: &str = "log";
/// Ids of events that were counted before.
pub(crate) const IDS: &str = "ids";

/// The mapping of the program, for finding resources.
static MAPPER: LazyLock<EventMapper<'static>> = LazyLock::new(|| EventMapper::new(Catalogue::embedded()));

/// Both functions, for whoever registers them.
pub(crate) fn all() -> [Arc<ScalarUDF>; 2] {
    let read = ReadCloudTrail { signature: Signature::exact(ReadCloudTrail::arguments(), Volatility::Volatile) };
    let types = vec![DataType::Binary, DataType::LargeBinary, DataType::Int64];
    let rows = CountedIn { signature: Signature::exact(types, Volatility::Immutable) };
    [Arc::new(ScalarUDF::new_from_impl(read)), Arc::new(ScalarUDF::new_from_impl(rows))]
}

/// `read_cloudtrail(place, kind, day, from, count, since, limit, size, tag, endpoint, timeout)`: the events of a log, each with its call, and a report of
/// it; or known ids, whose calls are empty and therefore come before all others.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadCloudTrail {
    signature: Signature,
}

impl ReadCloudTrail {
    fn arguments() -> Vec<DataType> {
        let (text, number) = (DataType::Utf8, DataType::Int64);
        [vec![text.clone(); 2], vec![number.clone(); 6], vec![text; 2], vec![number]].concat()
    }

    fn fields() -> Fields {
        Fields::from(vec![Field::new("event", DataType::Binary, false), Field::new("call", DataType::LargeBinary, false)])
    }
}

impl ScalarUDFImpl for ReadCloudTrail {
    fn name(&self) -> &'static str {
        "read_cloudtrail"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item(ReadCloudTrail::fields())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let lines = Lines::of(&arrays)?;
        let remote = lines.remote();
        let mut fetched = 0;
        let mut reader = EventReader::new(&MAPPER);
        let mut events = BinaryBuilder::new();
        let mut calls = LargeBinaryBuilder::new();
        let mut bytes = Vec::new();
        let mut lengths = Vec::with_capacity(lines.place.len());
        for at in 0..lines.place.len() {
            let mut length = 0;
            match lines.kind.value(at) {
                LOG => {
                    let options = lines.reading(at);
                    let give = &mut |row: EventRow<'_>| {
                        write_call(&row, &mut bytes);
                        events.append_value(event(day_of(row.time), row.id));
                        calls.append_value(&bytes);
                        length += 1;
                    };
                    let report = match lines.object(at) {
                        Some(_) => {
                            fetched += 1;
                            reader.rows_of(&remote, fetched - 1, &options, give)
                        }
                        None => reader.rows(Path::new(lines.place.value(at)), &options, give),
                    };
                    let name: Vec<u8> = std::iter::once(REPORT).chain(report.name().bytes()).collect();
                    events.append_value(name);
                    calls.append_value(report.encode());
                    length += 1;
                }
                IDS => {
                    let give = &mut |id| {
                        events.append_value(event(lines.day.value(at), id));
                        calls.append_value([]);
                        length += 1;
                    };
                    let (from, count) = (natural(lines.from.value(at)), natural(lines.count.value(at)));
                    let place = Path::new(lines.place.value(at));
                    match lines.object(at) {
                        Some(object) => known_ids_there(&object, &lines.stores(at), from, count, give),
                        None => known_ids(place, from, count, give),
                    }
                    .map_err(|error| DataFusionError::Execution(error.to_string()))?;
                }
                other => return exec_err!("`read_cloudtrail` knows no files of kind `{other}`"),
            }
            lengths.push(length);
        }
        list(ReadCloudTrail::fields(), lengths, vec![Arc::new(events.finish()), Arc::new(calls.finish())])
    }
}

/// Some lines of the list of files.
struct Lines<'a> {
    place: &'a StringArray,
    kind: &'a StringArray,
    day: &'a Int64Array,
    from: &'a Int64Array,
    count: &'a Int64Array,
    since: &'a Int64Array,
    limit: &'a Int64Array,
    size: &'a Int64Array,
    tag: &'a StringArray,
    endpoint: &'a StringArray,
    timeout: &'a Int64Array,
}

impl<'a> Lines<'a> {
    fn of(arrays: &'a [ArrayRef]) -> Result<Lines<'a>> {
        let [place, kind, day, from, count, since, limit, size, tag, endpoint, timeout] = arrays else {
            return exec_err!("`read_cloudtrail` takes 11 arguments and has {}", arrays.len());
        };
        Ok(Lines {
            place: texts(place)?,
            kind: texts(kind)?,
            day: numbers(day)?,
            from: numbers(from)?,
            count: numbers(count)?,
            since: numbers(since)?,
            limit: numbers(limit)?,
            size: numbers(size)?,
            tag: texts(tag)?,
            endpoint: texts(endpoint)?,
            timeout: numbers(timeout)?,
        })
    }

    /// How the log of a line is to be read.
    fn reading(&self, at: usize) -> ReadOptions {
        let standard = ReadOptions::default();
        ReadOptions {
            max_unpacked: u64::try_from(self.limit.value(at)).unwrap_or(standard.max_unpacked),
            since: self.since.is_valid(at).then(|| Timestamp::from_seconds(self.since.value(at))),
            ..standard
        }
    }

    /// What a line is about, when it is in a store.
    fn object(&self, at: usize) -> Option<RemoteLog> {
        let url = self.place.value(at);
        let tag = self.tag.is_valid(at).then(|| self.tag.value(at).to_owned());
        is_remote(Path::new(url)).then(|| RemoteLog { url: url.to_owned(), size: natural(self.size.value(at)), tag })
    }

    /// All logs in stores, in their order.
    fn remote(&self) -> RemoteLogs {
        let logs = (0..self.place.len()).filter(|at| self.kind.value(*at) == LOG);
        let logs = logs.filter_map(|at| self.object(at)).collect();
        RemoteLogs::new(logs, &self.stores(0))
    }

    /// How to talk to stores, which is the same for all lines of a job.
    fn stores(&self, at: usize) -> StoreOptions {
        let standard = StoreOptions::default();
        match at < self.place.len() {
            true => StoreOptions {
                endpoint: self.endpoint.is_valid(at).then(|| self.endpoint.value(at).to_owned()),
                timeout: Duration::from_secs(natural(self.timeout.value(at)).max(1)),
                ..standard
            },
            false => standard,
        }
    }
}

/// A number that is not below zero.
fn natural(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// `counted_in(event, call, copies)`: the rows that an event of so many copies counts in, each with a number and a moment.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CountedIn {
    signature: Signature,
}

impl CountedIn {
    fn fields() -> Fields {
        Fields::from(vec![
            Field::new("row", DataType::Binary, false),
            Field::new("n", DataType::Int64, false),
            Field::new("at", DataType::Int64, false),
        ])
    }
}

/// Rows that are being made.
#[derive(Default)]
struct Rows {
    row: BinaryBuilder,
    n: Int64Builder,
    at: Int64Builder,
}

impl Rows {
    fn add(&mut self, row: &[u8], n: i64, at: i64) {
        self.row.append_value(row);
        self.n.append_value(n);
        self.at.append_value(at);
    }
}

impl ScalarUDFImpl for CountedIn {
    fn name(&self) -> &'static str {
        "counted_in"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item(CountedIn::fields())))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [event, call, copies] = arrays.as_slice() else {
            return exec_err!("`counted_in` takes 3 arguments and has {}", arrays.len());
        };
        let (Some(event), Some(call)) = (event.as_binary_opt::<i32>(), call.as_binary_opt::<i64>()) else {
            return exec_err!("`counted_in` takes bytes");
        };
        let (copies, mut out, mut bytes) = (numbers(copies)?, Rows::default(), Vec::new());
        let mut lengths = Vec::with_capacity(event.len());
        for at in 0..event.len() {
            let length = match counted(event.value(at), call.value(at), copies.value(at), &mut bytes, &mut out) {
                Some(length) => length,
                None => return exec_err!("`counted_in` got bytes that `read_cloudtrail` does not write"),
            };
            lengths.push(length);
        }
        let Rows { mut row, mut n, mut at } = out;
        list(CountedIn::fields(), lengths, vec![Arc::new(row.finish()), Arc::new(n.finish()), Arc::new(at.finish())])
    }
}

/// Adds the rows of one event or report; says how many.
fn counted(event: &[u8], call: &[u8], copies: i64, bytes: &mut Vec<u8>, out: &mut Rows) -> Option<usize> {
    if event.first() == Some(&REPORT) {
        bytes.clear();
        bytes.push(REPORT);
        bytes.extend(call);
        out.add(bytes, copies, 0);
        return Some(1);
    }
    let (day, _) = read_event(event)?;
    if call.is_empty() {
        // One of the copies is the id that is known.
        out.add(&[KNOWN], copies - 1, 0);
        return Some(1);
    }
    let call = read_call(call)?;
    let at = day * DAY + i64::from(call.second);
    out.add(event, copies, at);
    write_row(&call, day, None, bytes);
    out.add(bytes, 1, at);
    for resource in &call.resources {
        write_row(&call, day, Some(resource), bytes);
        out.add(bytes, 1, at);
    }
    Some(2 + call.resources.len())
}

fn item(fields: Fields) -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Struct(fields), false))
}

fn list(fields: Fields, lengths: Vec<usize>, columns: Vec<ArrayRef>) -> Result<ColumnarValue> {
    let values = StructArray::try_new(fields.clone(), columns, None)?;
    let list = ListArray::try_new(item(fields), OffsetBuffer::from_lengths(lengths), Arc::new(values), None)?;
    Ok(ColumnarValue::Array(Arc::new(list)))
}

fn texts(array: &ArrayRef) -> Result<&StringArray> {
    array.as_string_opt::<i32>().ok_or_else(|| DataFusionError::Execution("a text was expected".to_owned()))
}

fn numbers(array: &ArrayRef) -> Result<&Int64Array> {
    array.as_primitive_opt::<Int64Type>().ok_or_else(|| DataFusionError::Execution("a number was expected".to_owned()))
}

/// The column of that name in a batch, as bytes.
pub(crate) fn bytes_of(array: &ArrayRef) -> Option<&BinaryArray> {
    array.as_binary_opt::<i32>()
}
