//! The two functions of ours that the engine calls: one reads files, one says which rows an event counts in.
//!
//! Plain functions over columns, known by their names to the client, the scheduler and every worker. They keep nothing
//! between calls: the engine may call them anywhere, again, and in any portions. Telling copies apart and adding up are
//! not done here but by the engine.

use std::path::Path;
use std::sync::{Arc, LazyLock};

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
use leastwise_history::rollup::events::EventReader;
use leastwise_history::rollup::known_ids;
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

/// `read_cloudtrail(path, kind, day, from, count, since, limit)`: the events of a log, each with its call, and a report of
/// it; or known ids, whose calls are empty and therefore come before all others.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadCloudTrail {
    signature: Signature,
}

impl ReadCloudTrail {
    fn arguments() -> Vec<DataType> {
        let mut types = vec![DataType::Utf8; 2];
        types.extend(vec![DataType::Int64; 5]);
        types
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
        let [path, kind, day, from, count, since, limit] = arrays.as_slice() else {
            return exec_err!("`read_cloudtrail` takes 7 arguments and has {}", arrays.len());
        };
        let (path, kind) = (texts(path)?, texts(kind)?);
        let (day, from, count, since, limit) = (numbers(day)?, numbers(from)?, numbers(count)?, numbers(since)?, numbers(limit)?);
        let mut reader = EventReader::new(&MAPPER);
        let mut events = BinaryBuilder::new();
        let mut calls = LargeBinaryBuilder::new();
        let mut bytes = Vec::new();
        let mut lengths = Vec::with_capacity(path.len());
        for at in 0..path.len() {
            let mut length = 0;
            let file = Path::new(path.value(at));
            match kind.value(at) {
                LOG => {
                    let standard = ReadOptions::default();
                    let options = ReadOptions {
                        max_unpacked: u64::try_from(limit.value(at)).unwrap_or(standard.max_unpacked),
                        since: since.is_valid(at).then(|| Timestamp::from_seconds(since.value(at))),
                        ..standard
                    };
                    let report = reader.rows(file, &options, &mut |row| {
                        write_call(&row, &mut bytes);
                        events.append_value(event(day_of(row.time), row.id));
                        calls.append_value(&bytes);
                        length += 1;
                    });
                    let name: Vec<u8> = std::iter::once(REPORT).chain(report.name().bytes()).collect();
                    events.append_value(name);
                    calls.append_value(report.encode());
                    length += 1;
                }
                IDS => {
                    let number = |value: i64| u64::try_from(value).unwrap_or_default();
                    let give = &mut |id| {
                        events.append_value(event(day.value(at), id));
                        calls.append_value([]);
                        length += 1;
                    };
                    known_ids(file, number(from.value(at)), number(count.value(at)), give)
                        .map_err(|error| DataFusionError::Execution(error.to_string()))?;
                }
                other => return exec_err!("`read_cloudtrail` knows no files of kind `{other}`"),
            }
            lengths.push(length);
        }
        list(ReadCloudTrail::fields(), lengths, vec![Arc::new(events.finish()), Arc::new(calls.finish())])
    }
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
