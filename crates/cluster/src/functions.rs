//! The two functions of ours that the engine calls: one reads logs, one adds up what they hold of an account and day.
//!
//! Plain functions over columns, known by their names to the client, the scheduler and every worker. They keep nothing
//! between calls: the engine may call them anywhere, again, and in any portions. What belongs together is brought together by
//! the engine, not here.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, Int64Array, LargeBinaryArray, LargeBinaryBuilder, ListArray,
    StringArray, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use leastwise::access::Timestamp;
use leastwise::usage::EventMapper;
use leastwise_history::ReadOptions;
use leastwise_history::rollup::events::{EventReader, RemoteLog, RemoteLogs, add_up};
use leastwise_history::rollup::{StoreOptions, is_remote};
use leastwise_policy::Catalogue;

use crate::bytes::{EVENTS, LEFT_OUT, REPORT, key, read_ids, read_key};

/// The mapping of the program, for finding resources.
static MAPPER: LazyLock<EventMapper<'static>> = LazyLock::new(|| EventMapper::new(Catalogue::embedded()));

/// Both functions, for whoever registers them.
pub(crate) fn all() -> [Arc<ScalarUDF>; 2] {
    let read = ReadCloudTrail { signature: Signature::exact(ReadCloudTrail::arguments(), Volatility::Volatile) };
    let add = AddUp { signature: Signature::exact(vec![DataType::Binary, AddUp::parts()], Volatility::Immutable) };
    [Arc::new(ScalarUDF::new_from_impl(read)), Arc::new(ScalarUDF::new_from_impl(add))]
}

/// `read_cloudtrail(place, key, left_out, since, limit, size, tag, endpoint, timeout)`: the events of logs in parts, each of an
/// account and day, and a report of each log. A line without a place has a part already.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ReadCloudTrail {
    signature: Signature,
}

impl ReadCloudTrail {
    fn arguments() -> Vec<DataType> {
        let (text, number, bytes) = (DataType::Utf8, DataType::Int64, DataType::Binary);
        [vec![text.clone()], vec![bytes; 2], vec![number.clone(); 3], vec![text; 2], vec![number]].concat()
    }

    fn fields() -> Fields {
        Fields::from(vec![Field::new("of", DataType::Binary, false), Field::new("part", DataType::LargeBinary, false)])
    }
}

/// Parts that are being made.
#[derive(Default)]
struct Parts {
    of: BinaryBuilder,
    part: LargeBinaryBuilder,
    count: usize,
}

impl Parts {
    fn add(&mut self, of: &[u8], kind: u8, part: &[u8]) {
        self.of.append_value(of);
        self.part.append_value([&[kind], part].concat());
        self.count += 1;
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
        let mut parts = Parts::default();
        let mut lengths = Vec::with_capacity(lines.place.len());
        for at in 0..lines.place.len() {
            let before = parts.count;
            if lines.place.is_null(at) {
                parts.add(lines.key.value(at), LEFT_OUT, lines.left_out.value(at));
            } else {
                let options = lines.reading(at);
                let give = &mut |account, day, parcel: &[u8]| parts.add(&key(account, day), EVENTS, parcel);
                let report = match lines.object(at) {
                    Some(_) => {
                        fetched += 1;
                        reader.read_of(&remote, fetched - 1, &options, give)
                    }
                    None => reader.read(Path::new(lines.place.value(at)), &options, give),
                };
                let name: Vec<u8> = std::iter::once(REPORT).chain(report.name().bytes()).collect();
                parts.add(&name, REPORT, &report.encode());
            }
            // What is held is given with the last line.
            if at + 1 == lines.place.len() {
                reader.finish(&mut |account, day, parcel| parts.add(&key(account, day), EVENTS, parcel));
            }
            lengths.push(parts.count - before);
        }
        let Parts { mut of, mut part, .. } = parts;
        let columns: Vec<ArrayRef> = vec![Arc::new(of.finish()), Arc::new(part.finish())];
        let values = StructArray::try_new(ReadCloudTrail::fields(), columns, None)?;
        let offsets = OffsetBuffer::from_lengths(lengths);
        Ok(ColumnarValue::Array(Arc::new(ListArray::try_new(item(ReadCloudTrail::fields()), offsets, Arc::new(values), None)?)))
    }
}

/// Some lines of the list of files.
struct Lines<'a> {
    place: &'a StringArray,
    key: &'a BinaryArray,
    left_out: &'a BinaryArray,
    since: &'a Int64Array,
    limit: &'a Int64Array,
    size: &'a Int64Array,
    tag: &'a StringArray,
    endpoint: &'a StringArray,
    timeout: &'a Int64Array,
}

impl<'a> Lines<'a> {
    fn of(arrays: &'a [ArrayRef]) -> Result<Lines<'a>> {
        let [place, key, left_out, since, limit, size, tag, endpoint, timeout] = arrays else {
            return exec_err!("`read_cloudtrail` takes 9 arguments and has {}", arrays.len());
        };
        Ok(Lines {
            place: texts(place)?,
            key: bytes(key)?,
            left_out: bytes(left_out)?,
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

    /// The log of a line, when it is in a store.
    fn object(&self, at: usize) -> Option<RemoteLog> {
        let url = self.place.value(at);
        let tag = self.tag.is_valid(at).then(|| self.tag.value(at).to_owned());
        is_remote(Path::new(url)).then(|| RemoteLog { url: url.to_owned(), size: natural(self.size.value(at)), tag })
    }

    /// All logs in stores, in their order.
    fn remote(&self) -> RemoteLogs {
        let logs = (0..self.place.len()).filter_map(|at| self.object(at)).collect();
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

/// `add_up(of, parts)`: what becomes of all parts of that key, as the first byte of the answer says: of an account and day
/// what the rollup has of it, of a log its report.
#[derive(Debug, PartialEq, Eq, Hash)]
struct AddUp {
    signature: Signature,
}

impl AddUp {
    fn parts() -> DataType {
        DataType::List(Arc::new(Field::new_list_field(DataType::LargeBinary, true)))
    }
}

impl ScalarUDFImpl for AddUp {
    fn name(&self) -> &'static str {
        "add_up"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::LargeBinary)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let [of, parts] = arrays.as_slice() else {
            return exec_err!("`add_up` takes 2 arguments and has {}", arrays.len());
        };
        let Some(parts) = parts.as_list_opt::<i32>() else { return exec_err!("`add_up` takes lists") };
        let (of, mut answers) = (bytes(of)?, LargeBinaryBuilder::new());
        for at in 0..of.len() {
            let parts = parts.value(at);
            let parts = bytes_of(&parts)?;
            let parts: Vec<&[u8]> = (0..parts.len()).map(|at| parts.value(at)).collect();
            match answer(of.value(at), &parts) {
                Ok(answer) => answers.append_value(answer),
                Err(message) => return exec_err!("{message}"),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(answers.finish())))
    }
}

/// What becomes of the parts of one key.
fn answer(of: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, String> {
    let of_kind = |kind: u8| parts.iter().filter_map(move |part| part.split_first().filter(|(first, _)| **first == kind));
    if of.first() == Some(&REPORT) {
        return match parts {
            [report] => Ok(report.to_vec()),
            _ => Err(format!("{} is reported {} times", String::from_utf8_lossy(of.get(1..).unwrap_or_default()), parts.len())),
        };
    }
    let (account, day) = read_key(of).ok_or("`add_up` got a key that `read_cloudtrail` does not write")?;
    let parcels: Vec<&[u8]> = of_kind(EVENTS).map(|(_, parcel)| parcel).collect();
    let mut left_out: Vec<u128> = of_kind(LEFT_OUT).flat_map(|(_, ids)| read_ids(ids)).collect();
    left_out.sort_unstable();
    let added = add_up(account, day, &parcels, &left_out)?;
    Ok([&[EVENTS], added.encode().as_slice()].concat())
}

fn item(fields: Fields) -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Struct(fields), false))
}

fn texts(array: &ArrayRef) -> Result<&StringArray> {
    array.as_string_opt::<i32>().ok_or_else(|| DataFusionError::Execution("a text was expected".to_owned()))
}

fn numbers(array: &ArrayRef) -> Result<&Int64Array> {
    array.as_primitive_opt::<Int64Type>().ok_or_else(|| DataFusionError::Execution("a number was expected".to_owned()))
}

fn bytes(array: &ArrayRef) -> Result<&BinaryArray> {
    array.as_binary_opt::<i32>().ok_or_else(|| DataFusionError::Execution("bytes were expected".to_owned()))
}

/// Parts or answers.
pub(crate) fn bytes_of(array: &ArrayRef) -> Result<&LargeBinaryArray> {
    array.as_binary_opt::<i64>().ok_or_else(|| DataFusionError::Execution("bytes were expected".to_owned()))
}
