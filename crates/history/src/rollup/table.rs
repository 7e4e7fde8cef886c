//! The rows of one account and day as a Parquet file, and back.
//!
//! Columns go by their names, so that a file of an earlier version of the layout can be read; the rows are sorted, and equal
//! rows give equal bytes. What each column means is told in docs/usage.md.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Int64Builder, ListBuilder, StringBuilder, UInt8Builder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt8Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, ListArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use leastwise::usage::{EventKind, SOME_KEY};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::row::{Key, Outcome, PrincipalType, Resource, Row, merge};

/// The columns whose bounds are written.
const BOUNDED: [&str; 6] = ["account", "day", "principal", "count", "firstSeen", "lastSeen"];

/// The columns of which most values are there once, so that a dictionary of them only costs time.
const VARIED: [&str; 4] = ["resource", "count", "firstSeen", "lastSeen"];

/// So many rows are read at a time; few in tests, so that they come in parts there too.
const BATCH: usize = if cfg!(test) { 37 } else { 16 << 10 };
/// So many rows are brought into columns at a time.
const ROWS: usize = if cfg!(test) { 50 } else { 64 << 10 };
/// So many rows are a part of a file that is read for itself.
const ROWS_OF_GROUP: usize = 256 << 10;

/// A file of so many columns, as every Parquet file of a rollup is written.
fn writer(schema: Arc<Schema>) -> Result<ArrowWriter<Vec<u8>>, String> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_write_batch_size(16 << 10)
        .set_max_row_group_row_count(Some(ROWS_OF_GROUP))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_created_by("leastwise".to_owned());
    // Bounds by which engines leave files out; those of other columns are dear and tell nothing.
    for name in BOUNDED {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
    }
    for name in VARIED {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    ArrowWriter::try_new(Vec::new(), schema, Some(properties.build())).map_err(|error| error.to_string())
}

/// The file of these columns.
pub(crate) fn written(schema: Arc<Schema>, columns: Vec<ArrayRef>) -> Result<Vec<u8>, String> {
    let batch = RecordBatch::try_new(schema.clone(), columns).map_err(|error| error.to_string())?;
    let mut writer = writer(schema)?;
    writer.write(&batch).map_err(|error| error.to_string())?;
    writer.into_inner().map_err(|error| error.to_string())
}

/// The batches of a Parquet file, one after the other.
pub(crate) fn batches(bytes: Vec<u8>) -> Result<impl Iterator<Item = Result<RecordBatch, String>>, String> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).map_err(|error| error.to_string())?;
    let reader = builder.with_batch_size(BATCH).build().map_err(|error| error.to_string())?;
    Ok(reader.map(|batch| batch.map_err(|error| error.to_string())))
}

/// All batches of a Parquet file.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Vec<RecordBatch>, String> {
    batches(bytes)?.collect()
}

/// The column of that name, when it is there.
pub(crate) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b ArrayRef> {
    batch.column_by_name(name)
}

/// The column of that name, as texts.
pub(crate) fn texts<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b StringArray, String> {
    let found = column(batch, name).and_then(|array| array.as_string_opt::<i32>());
    found.ok_or_else(|| format!("it has no column `{name}` of texts"))
}

/// The column of that name, as counts.
pub(crate) fn counts<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow_array::UInt64Array, String> {
    let found = column(batch, name).and_then(|array| array.as_primitive_opt::<UInt64Type>());
    found.ok_or_else(|| format!("it has no column `{name}` of counts"))
}

/// The column of that name, as signed numbers.
pub(crate) fn numbers<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b arrow_array::Int64Array, String> {
    let found = column(batch, name).and_then(|array| array.as_primitive_opt::<Int64Type>());
    found.ok_or_else(|| format!("it has no column `{name}` of numbers"))
}

fn schema() -> Arc<Schema> {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
    Arc::new(Schema::new(vec![
        Field::new("account", DataType::Utf8, true),
        text("day"),
        text("principal"),
        text("principalType"),
        text("principalId"),
        text("accessKeyId"),
        text("eventSource"),
        text("eventName"),
        text("outcome"),
        text("eventType"),
        Field::new("mayTag", DataType::Boolean, false),
        Field::new("resource", DataType::Utf8, true),
        Field::new("resourceLevel", DataType::UInt8, false),
        Field::new("count", DataType::UInt64, false),
        Field::new("firstSeen", DataType::Int64, false),
        Field::new("lastSeen", DataType::Int64, false),
        Field::new("regions", DataType::List(item), false),
    ]))
}

/// The file of merged rows.
pub(crate) fn encode(account: Option<&str>, day: &str, rows: &[Row<'_>]) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder::new(account, day)?;
    encoder.add(rows)?;
    encoder.finish()
}

/// Writes the file of merged rows, which come in their order. It holds a part of them only, and equal rows are equal bytes in whatever
/// portions they come.
pub(crate) struct Encoder<'f> {
    writer: ArrowWriter<Vec<u8>>,
    account: Option<&'f str>,
    day: &'f str,
    columns: Building,
}

/// Rows that are brought into columns.
struct Building {
    rows: usize,
    principal: StringBuilder,
    principal_type: StringBuilder,
    id: StringBuilder,
    access_key: StringBuilder,
    source: StringBuilder,
    name: StringBuilder,
    outcome: StringBuilder,
    kind: StringBuilder,
    may_tag: BooleanBuilder,
    resource: StringBuilder,
    level: UInt8Builder,
    count: UInt64Builder,
    first: Int64Builder,
    last: Int64Builder,
    regions: ListBuilder<StringBuilder>,
}

impl Building {
    fn new() -> Building {
        let item = Arc::new(Field::new_list_field(DataType::Utf8, false));
        Building {
            rows: 0,
            principal: StringBuilder::new(),
            principal_type: StringBuilder::new(),
            id: StringBuilder::new(),
            access_key: StringBuilder::new(),
            source: StringBuilder::new(),
            name: StringBuilder::new(),
            outcome: StringBuilder::new(),
            kind: StringBuilder::new(),
            may_tag: BooleanBuilder::new(),
            resource: StringBuilder::new(),
            level: UInt8Builder::new(),
            count: UInt64Builder::new(),
            first: Int64Builder::new(),
            last: Int64Builder::new(),
            regions: ListBuilder::new(StringBuilder::new()).with_field(item),
        }
    }

    /// Column by column, which is quicker than row by row.
    fn add(&mut self, rows: &[Row<'_>]) {
        self.rows += rows.len();
        rows.iter().for_each(|row| self.principal.append_value(row.key.principal));
        rows.iter().for_each(|row| self.principal_type.append_value(row.key.principal_type.as_str()));
        rows.iter().for_each(|row| self.id.append_value(row.key.id));
        rows.iter().for_each(|row| self.access_key.append_value(row.key.access_key));
        rows.iter().for_each(|row| self.source.append_value(row.key.source));
        rows.iter().for_each(|row| self.name.append_value(row.key.name));
        rows.iter().for_each(|row| self.outcome.append_value(row.key.outcome.as_str()));
        rows.iter().for_each(|row| self.kind.append_value(row.key.kind.as_str()));
        rows.iter().for_each(|row| self.resource.append_option(row.resource.as_ref().map(|resource| resource.arn.as_ref())));
        for row in rows {
            self.may_tag.append_value(row.key.may_tag);
            self.level.append_value(row.resource.as_ref().map_or(0, |resource| resource.level));
            self.count.append_value(row.count);
            self.first.append_value(row.first);
            self.last.append_value(row.last);
            row.regions.as_slice().iter().for_each(|region| self.regions.values().append_value(region));
            self.regions.append(true);
        }
    }

    /// The columns, of which none is left.
    fn take(&mut self, account: Option<&str>, day: &str) -> Vec<ArrayRef> {
        let rows = std::mem::take(&mut self.rows);
        vec![
            Arc::new(std::iter::repeat_n(account, rows).collect::<StringArray>()),
            Arc::new(std::iter::repeat_n(Some(day), rows).collect::<StringArray>()),
            Arc::new(self.principal.finish()),
            Arc::new(self.principal_type.finish()),
            Arc::new(self.id.finish()),
            Arc::new(self.access_key.finish()),
            Arc::new(self.source.finish()),
            Arc::new(self.name.finish()),
            Arc::new(self.outcome.finish()),
            Arc::new(self.kind.finish()),
            Arc::new(self.may_tag.finish()),
            Arc::new(self.resource.finish()),
            Arc::new(self.level.finish()),
            Arc::new(self.count.finish()),
            Arc::new(self.first.finish()),
            Arc::new(self.last.finish()),
            Arc::new(self.regions.finish()),
        ]
    }
}

impl<'f> Encoder<'f> {
    /// Begins the file of an account and a day.
    pub(crate) fn new(account: Option<&'f str>, day: &'f str) -> Result<Encoder<'f>, String> {
        Ok(Encoder { writer: writer(schema())?, account, day, columns: Building::new() })
    }

    /// Adds rows, which follow those that were added before.
    pub(crate) fn add(&mut self, mut rows: &[Row<'_>]) -> Result<(), String> {
        while let Some((some, others)) = rows.split_at_checked(ROWS - self.columns.rows) {
            self.columns.add(some);
            self.flush()?;
            rows = others;
        }
        self.columns.add(rows);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        let columns = self.columns.take(self.account, self.day);
        let batch = RecordBatch::try_new(schema(), columns).map_err(|error| error.to_string())?;
        self.writer.write(&batch).map_err(|error| error.to_string())
    }

    /// The file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, String> {
        self.flush()?;
        self.writer.into_inner().map_err(|error| error.to_string())
    }
}

/// Merges rows, which are merged among themselves, with those of a file of the same account and day, a part of it at a time.
pub(crate) fn merge_with(file: Vec<u8>, rows: Vec<Row<'_>>, to: &mut Encoder<'_>) -> Result<(), String> {
    let mut rows = rows.into_iter().peekable();
    // What was read, each from the row on that was not yet given: those of the last key, since others of it may follow.
    let mut held: Vec<(RecordBatch, usize)> = Vec::new();
    for batch in batches(file)? {
        held.push((batch?, 0));
        let mut left = {
            let mut known = rows_from(held.iter().map(|(batch, from)| (batch, *from)))?;
            let Some(last) = known.last().map(|row| row.key) else { continue };
            let whole = known.partition_point(|row| row.key < last);
            let left = known.len() - whole;
            known.truncate(whole);
            known.extend(std::iter::from_fn(|| rows.next_if(|row| row.key < last)));
            to.add(&merge(known))?;
            left
        };
        for (batch, from) in held.iter_mut().rev() {
            let own = left.min(batch.num_rows() - *from);
            *from = batch.num_rows() - own;
            left -= own;
        }
        held.retain(|(batch, from)| *from < batch.num_rows());
    }
    let mut known = rows_from(held.iter().map(|(batch, from)| (batch, *from)))?;
    known.extend(rows);
    to.add(&merge(known))
}

/// The rows of these, each from one on.
fn rows_from<'b>(parts: impl Iterator<Item = (&'b RecordBatch, usize)>) -> Result<Vec<Row<'b>>, String> {
    let mut rows = Vec::new();
    for (batch, from) in parts {
        let columns = Columns::of(batch)?;
        for at in from..batch.num_rows() {
            rows.push(columns.row(at)?);
        }
    }
    Ok(rows)
}

/// The file of one account and day, decoded; its rows borrow from it.
pub(crate) struct Table(Vec<RecordBatch>);

impl Table {
    pub(crate) fn read(bytes: Vec<u8>) -> Result<Table, String> {
        read(bytes).map(Table)
    }

    /// Its rows, in their order.
    pub(crate) fn rows(&self) -> Result<Vec<Row<'_>>, String> {
        rows_from(self.0.iter().map(|batch| (batch, 0)))
    }
}

struct Columns<'b> {
    principal: &'b StringArray,
    principal_type: &'b StringArray,
    /// Versions 1 and 2 had none.
    id: Option<&'b StringArray>,
    /// Versions 1 and 2 had none; it may have been any key of a user.
    access_key: Option<&'b StringArray>,
    source: &'b StringArray,
    name: &'b StringArray,
    outcome: &'b StringArray,
    kind: &'b StringArray,
    /// Version 1 had none; what it does not know is taken to be so.
    may_tag: Option<&'b BooleanArray>,
    resource: &'b StringArray,
    /// Version 1 had none; it kept no patterns.
    level: Option<&'b arrow_array::UInt8Array>,
    count: &'b arrow_array::UInt64Array,
    first: &'b arrow_array::Int64Array,
    last: &'b arrow_array::Int64Array,
    regions: &'b ListArray,
}

impl<'b> Columns<'b> {
    fn of(batch: &'b RecordBatch) -> Result<Columns<'b>, String> {
        let regions = column(batch, "regions").and_then(|array| array.as_list_opt::<i32>());
        Ok(Columns {
            principal: texts(batch, "principal")?,
            principal_type: texts(batch, "principalType")?,
            id: column(batch, "principalId").and_then(|array| array.as_string_opt::<i32>()),
            access_key: column(batch, "accessKeyId").and_then(|array| array.as_string_opt::<i32>()),
            source: texts(batch, "eventSource")?,
            name: texts(batch, "eventName")?,
            outcome: texts(batch, "outcome")?,
            kind: texts(batch, "eventType")?,
            may_tag: column(batch, "mayTag").and_then(|array| array.as_boolean_opt()),
            resource: texts(batch, "resource")?,
            level: column(batch, "resourceLevel").and_then(|array| array.as_primitive_opt::<UInt8Type>()),
            count: counts(batch, "count")?,
            first: numbers(batch, "firstSeen")?,
            last: numbers(batch, "lastSeen")?,
            regions: regions.ok_or("it has no column `regions` of lists")?,
        })
    }

    fn row(&self, at: usize) -> Result<Row<'b>, String> {
        let word = |text: &str| format!("it has `{text}` where one of a few words is expected");
        let (kind, outcome) = (self.principal_type.value(at), self.outcome.value(at));
        let principal_type = *PrincipalType::ALL.iter().find(|known| known.as_str() == kind).ok_or_else(|| word(kind))?;
        let untold = if principal_type == PrincipalType::User { SOME_KEY } else { "" };
        let key = Key {
            principal: self.principal.value(at),
            principal_type,
            id: self.id.map_or("", |column| column.value(at)),
            access_key: self.access_key.map_or(untold, |column| column.value(at)),
            source: self.source.value(at),
            name: self.name.value(at),
            outcome: *Outcome::ALL.iter().find(|known| known.as_str() == outcome).ok_or_else(|| word(outcome))?,
            kind: EventKind::parse(self.kind.value(at)),
            may_tag: self.may_tag.is_none_or(|column| column.value(at)),
        };
        let level = self.level.map_or(0, |column| column.value(at));
        let resource = self.resource.is_valid(at).then(|| Resource { arn: Cow::Borrowed(self.resource.value(at)), level });
        // The texts of all lists stand in one column, which lives as long as the table.
        let texts = self.regions.values().as_string_opt::<i32>().ok_or("its `regions` are no texts")?;
        let offsets = self.regions.value_offsets();
        let bound = |at: usize| offsets.get(at).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or_default();
        let regions = (bound(at)..bound(at + 1)).map(|at| texts.value(at)).collect();
        Ok(Row { key, resource, count: self.count.value(at), first: self.first.value(at), last: self.last.value(at), regions })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_the_way_through_a_file_and_equal_rows_are_equal_bytes() {
        let key = Key {
            principal: "arn:aws:iam::111122223333:role/r",
            principal_type: PrincipalType::Role,
            id: "AROAEXAMPLE000000000",
            access_key: "",
            source: "s3.amazonaws.com",
            name: "GetObject",
            outcome: Outcome::Error,
            kind: EventKind::ConsoleAction,
            may_tag: true,
        };
        let resource = Resource { arn: "arn:aws:s3:::b/*".into(), level: 2 };
        let other = Key { principal: "", principal_type: PrincipalType::NoArn, id: "", access_key: "*", may_tag: false, ..key };
        let rows = vec![
            Row {
                key: other,
                resource: None,
                count: 7,
                first: -1,
                last: 1 << 40,
                regions: ["", "eu-west-1", "us-east-1"].into_iter().collect(),
            },
            Row { key, resource: Some(resource), count: 1, first: 5, last: 6, regions: ["x"].into_iter().collect() },
        ];
        let bytes = encode(Some("111122223333"), "2026-03-01", &rows).unwrap();
        let table = Table::read(bytes.clone()).unwrap();
        assert_eq!(table.rows().unwrap(), rows);
        assert_eq!(encode(Some("111122223333"), "2026-03-01", &table.rows().unwrap()).unwrap(), bytes);
        assert!(Table::read(bytes[..bytes.len() / 2].to_vec()).is_err());
    }
}
