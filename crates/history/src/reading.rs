//! Reads one log, whatever its form, and gives its events one at a time.
//!
//! The step from bytes to events. What fits into memory is unpacked and parsed in one go; everything else, and what
//! turns out to be broken, is read as a stream, record by record. It knows nothing of other files: doubles are told apart later.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use leastwise::usage::Event;

use crate::files::{GZ, Opened, sniff};
use crate::trail::deliveries::FileFacts;
use crate::unpack::Unpacker;
use crate::{Problem, ReadOptions, columns, forms, record, rows, split, whole};

/// A log that is read as a whole has at most so many bytes, packed and unpacked.
pub(crate) const IN_MEMORY: usize = 16 << 20;
/// What one reader holds at most: a packed log, its text, and the buffers of streams.
#[cfg(feature = "rollup")]
pub(crate) const READER_MEMORY: usize = 2 * IN_MEMORY + (2 << 20);
/// At most so many problems are listed for one file; the rest is counted in one more.
const PROBLEMS_PER_FILE: u64 = 50;

/// What one log was found to hold, besides its events.
#[derive(Debug)]
pub(crate) struct FileReading {
    #[cfg(feature = "rollup")]
    pub(crate) events: u64,
    pub(crate) facts: FileFacts,
    pub(crate) problems: Vec<Problem>,
    /// Whether it could not even be opened.
    #[cfg_attr(not(feature = "rollup"), allow(dead_code))]
    pub(crate) unread: bool,
}

/// Where a log comes from.
pub(crate) enum Origin<'p> {
    /// A file of this machine.
    File(&'p Path),
    /// The bytes of it all.
    #[cfg(feature = "s3")]
    Bytes(&'p [u8]),
    /// Its bytes, as they come.
    #[cfg(feature = "s3")]
    Stream(Box<dyn BufRead + 'p>),
    /// Nowhere, for this reason.
    #[cfg(feature = "s3")]
    Nowhere(String),
}

/// Takes an event, and the place of its record in the file, counted from 1.
pub(crate) type Give<'g> = dyn FnMut(&Event<'_>, u64) + 'g;

/// Reads logs one after the other; keeps its memory in between.
pub(crate) struct FileReader {
    unpacker: Unpacker,
    bytes: Vec<u8>,
}

impl FileReader {
    pub(crate) fn new() -> FileReader {
        FileReader { unpacker: Unpacker::new(), bytes: Vec::new() }
    }

    /// Reads a log. `name` is what it is called in problems.
    pub(crate) fn read(&mut self, origin: Origin<'_>, name: &str, options: &ReadOptions, give: &mut Give<'_>) -> FileReading {
        let facts = FileFacts::of_name(name);
        let mut one = OneFile { name, options, facts, problems: Vec::new(), count: 0, events: 0, record: 0, unread: false, give };
        match origin {
            Origin::File(path) => self.file(path, &mut one),
            #[cfg(feature = "s3")]
            Origin::Bytes(bytes) => self.bytes(bytes, &mut one),
            #[cfg(feature = "s3")]
            Origin::Stream(input) => one.stream(input),
            #[cfg(feature = "s3")]
            Origin::Nowhere(message) => {
                one.unread = true;
                one.problem(None, message);
            }
        }
        one.end()
    }

    fn file(&mut self, path: &Path, one: &mut OneFile<'_>) {
        let mut bytes = std::mem::take(&mut self.bytes);
        match read_small(path, &mut bytes) {
            Ok(None) => self.bytes(&bytes, one),
            Ok(Some(file)) => one.stream(Box::new(BufReader::with_capacity(256 << 10, file))),
            Err(message) => {
                one.unread = true;
                one.problem(None, message);
            }
        }
        self.bytes = bytes;
    }

    fn bytes(&mut self, bytes: &[u8], one: &mut OneFile<'_>) {
        let limit = IN_MEMORY.min(usize::try_from(one.options.max_unpacked).unwrap_or(usize::MAX));
        let text = if bytes.starts_with(&GZ) { self.unpacker.whole(bytes, limit) } else { Some(bytes) };
        let Some(text) = text else { return one.stream(Box::new(Cursor::new(bytes))) };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // Records longer than the limit are passed over by the tolerant way.
        if whole::is_delivery(text)
            && text.len() <= one.options.max_record
            && let Ok(text) = simdutf8::basic::from_utf8(text)
        {
            let each = &mut |event: &Event<'_>| {
                one.record += 1;
                one.event(event);
            };
            if whole::visit(text, each).is_ok() {
                return;
            }
        }
        if forms::is_query(text) {
            return one.query(text);
        }
        one.stream(Box::new(Cursor::new(text)));
    }
}

/// Reads a file into `bytes` when it is small; gives it back to be streamed otherwise.
fn read_small(path: &Path, bytes: &mut Vec<u8>) -> Result<Option<File>, String> {
    let mut file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    let facts = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
    // A pipe has no length.
    if !facts.is_file() || facts.len() > IN_MEMORY as u64 {
        return Ok(Some(file));
    }
    bytes.clear();
    // One byte more, so that a file that is growing is noticed: what is there now is read, and the rest next time.
    let read = (&mut file).take(IN_MEMORY as u64).read_to_end(bytes);
    read.map(|_| None).map_err(|error| format!("cannot be read: {error}"))
}

/// One file while it is read.
struct OneFile<'o> {
    name: &'o str,
    options: &'o ReadOptions,
    facts: FileFacts,
    problems: Vec<Problem>,
    count: u64,
    events: u64,
    /// The record at hand, counted from 1; between two ways of reading the last one that was given.
    record: u64,
    unread: bool,
    give: &'o mut Give<'o>,
}

impl OneFile<'_> {
    fn problem(&mut self, record: Option<u64>, message: String) {
        self.count += 1;
        if self.count <= PROBLEMS_PER_FILE {
            self.problems.push(Problem { file: self.name.to_owned(), record, message });
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        if self.options.since.is_some_and(|since| event.time < since) {
            return;
        }
        self.facts.saw(event);
        self.events += 1;
        (self.give)(event, self.record);
    }

    fn stream(&mut self, input: Box<dyn BufRead + '_>) {
        match sniff(input, self.name, self.options.max_unpacked) {
            Ok(Opened::Json(input)) => self.json(input),
            Ok(Opened::Csv(input)) => self.csv(input),
            Ok(Opened::Empty) => self.problem(None, "is empty".to_owned()),
            Err(message) => self.problem(None, message),
        }
    }

    fn json(&mut self, input: impl Read) {
        let mut splitter = split::Splitter::new(input, self.options.max_record);
        // Those at the beginning may have been given already.
        let given = std::mem::take(&mut self.record);
        while let Some(item) = splitter.next_item() {
            let text = match item {
                Ok(bytes) => {
                    self.record += 1;
                    if self.record <= given {
                        continue;
                    }
                    std::str::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())
                }
                Err(split::Broken::Record(message)) => {
                    self.record += 1;
                    Err(message)
                }
                Err(split::Broken::File(message)) => {
                    self.problem(None, message);
                    continue;
                }
            };
            let mut looked_up = false;
            let read = text.and_then(|text| record::visit(text, &mut looked_up, &mut |event| self.event(event)));
            self.facts.is_export |= looked_up;
            if let Err(message) = read {
                self.problem(Some(self.record), message);
            }
        }
    }

    /// Reads the answer of a query, which may have been filtered.
    fn query(&mut self, text: &[u8]) {
        self.facts.is_export = true;
        let rows = std::str::from_utf8(text).map_err(|_| "is not valid UTF-8".to_owned()).and_then(forms::rows_of);
        match rows {
            Ok(rows) => {
                for row in rows {
                    self.record += 1;
                    if let Err(message) = record::visit_row(&row, &mut |event| self.event(event)) {
                        self.problem(Some(self.record), message);
                    }
                }
            }
            Err(message) => self.problem(None, message),
        }
    }

    fn csv(&mut self, input: impl BufRead) {
        self.facts.is_export = true;
        let mut rows = rows::Rows::new(input, self.options.max_record);
        let columns = match rows.next_row() {
            Some(Ok(header)) => columns::Columns::of(&header),
            Some(Err(message)) => return self.problem(None, message),
            None => return self.problem(None, "is empty".to_owned()),
        };
        if let Some(message) = columns.missing() {
            self.problem(None, message);
        }
        if !columns.is_enough() {
            return;
        }
        while let Some(row) = rows.next_row() {
            self.record += 1;
            let read = row.and_then(|row| columns.event(&row, &mut |event| self.event(event)));
            if let Err(message) = read {
                self.problem(Some(self.record), message);
            }
        }
    }

    fn end(mut self) -> FileReading {
        if let Some(what) = self.facts.disagrees.clone() {
            self.problem(None, format!("holds events of another {what} than its name says"));
        }
        if self.count == 0 && self.record == 0 && self.facts.delivered.is_some() {
            self.problem(None, "holds no records, which CloudTrail never delivers".to_owned());
        }
        if self.count > PROBLEMS_PER_FILE {
            let message = format!("has {} more problems", self.count - PROBLEMS_PER_FILE);
            self.problems.push(Problem { file: self.name.to_owned(), record: None, message });
        }
        self.facts.flaw = (self.count > 0).then(|| self.name.to_owned());
        FileReading {
            #[cfg(feature = "rollup")]
            events: self.events,
            facts: self.facts,
            problems: self.problems,
            unread: self.unread,
        }
    }
}
