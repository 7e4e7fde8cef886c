//! Reads records of use at any size: CloudTrail as delivered, looked up, exported or shipped elsewhere.
//!
//! The only place that parses logs and that opens their files. Paths in; events to a visitor, one at a time and in
//! bounded memory, then an account of what was read: doubles, problems with their places, and what each account's trail
//! covers. A bad record or file is counted and shown and the run goes on. It maps and judges nothing.

mod columns;
mod coverage;
mod files;
mod record;
mod rows;
mod split;
mod structs;
mod trails;

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use leastwise::usage::{Event, TrailCoverage};

use coverage::{FileFacts, Tracker};
use files::Opened;
pub use trails::{DescribedTrails, StatedTrail};

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The most bytes that one compressed file may unpack to; reading of it ends there, with a problem.
    pub max_unpacked: u64,
    /// The most bytes that one record may have; a longer one is passed over, with a problem.
    pub max_record: usize,
    /// What is known about the trails besides what their files show.
    pub trails: TrailFacts,
}

impl Default for ReadOptions {
    /// 8 GiB a compressed file; 16 MiB a record, which is far more than CloudTrail ever writes.
    fn default() -> ReadOptions {
        ReadOptions { max_unpacked: 8 << 30, max_record: 16 << 20, trails: TrailFacts::default() }
    }
}

/// What somebody states about the trails, because files cannot show it. All false or empty when nobody does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrailFacts {
    /// They look in all regions, although the files show one only.
    pub all_regions: bool,
    /// They are complete between first and last event, although too few events show a rhythm of delivery.
    pub complete: bool,
    /// `LookupEvents` output and CSV exports are complete too, and were not filtered.
    pub exports_complete: bool,
    /// Resource types whose data events are all recorded, such as `AWS::S3::Object`; `*` for all types.
    pub data_types: BTreeSet<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Files that were opened.
    pub files: u64,
    /// Events that were given to the visitor.
    pub events: u64,
    /// Events that were left out because one with the same `eventID` came before.
    pub duplicates: u64,
    /// Digest files of CloudTrail, which hold no events.
    pub digests: u64,
    /// Files in a folder that do not look like logs, by their names.
    pub ignored: Vec<String>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What each account's trail covers, sorted by account.
    pub coverage: Vec<TrailCoverage>,
}

/// One thing that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Which record in it, counted from 1; none when it is about the file as a whole.
    pub record: Option<u64>,
    /// What is wrong, in lower case, with the offending text in backticks.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.record {
            Some(record) => write!(f, "{}: record {record}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// At most so many problems are listed for one file; the rest is counted in one more.
const PROBLEMS_PER_FILE: u64 = 50;

/// Reads every log at `paths`, files or folders of any depth, in the order of their names, and gives each event once
/// to `visit`.
pub fn read(paths: &[PathBuf], options: &ReadOptions, visit: &mut dyn FnMut(&Event<'_>)) -> Reading {
    let mut reader = Reader { options, visit, reading: Reading::default(), seen: HashSet::new(), tracker: Tracker::default() };
    for path in paths {
        files::walk(path, &mut |found| match found {
            files::Found::Log(path) => reader.file(path),
            files::Found::Digest => reader.reading.digests += 1,
            files::Found::Other(path) => reader.reading.ignored.push(path.display().to_string()),
            files::Found::Unreadable(path, error) => reader.unreadable(path, &error),
        });
    }
    let mut reading = reader.reading;
    reading.coverage = reader.tracker.coverage(&options.trails);
    reading
}

struct Reader<'r> {
    options: &'r ReadOptions,
    visit: &'r mut dyn FnMut(&Event<'_>),
    reading: Reading,
    seen: HashSet<u128>,
    tracker: Tracker,
}

impl Reader<'_> {
    fn unreadable(&mut self, path: &Path, error: &str) {
        let file = path.display().to_string();
        let mut facts = FileFacts::of_path(path);
        facts.flaw = Some(file.clone());
        self.tracker.file(facts);
        self.reading.problems.push(Problem { file, record: None, message: error.to_owned() });
    }

    fn file(&mut self, path: &Path) {
        self.reading.files += 1;
        let mut one = OneFile { reader: self, name: path.display().to_string(), facts: FileFacts::of_path(path), problems: 0 };
        match files::open(path, one.reader.options.max_unpacked) {
            Ok(Opened::Json(input)) => one.json(input),
            Ok(Opened::Csv(input)) => one.csv(input),
            Ok(Opened::Empty) => one.problem(None, "is empty".to_owned()),
            Err(message) => one.problem(None, message),
        }
        one.end();
    }

    /// Whether this is the first event with its id. Events without an id are all new.
    fn is_new(&mut self, event: &Event<'_>) -> bool {
        event.id.as_deref().is_none_or(|id| self.seen.insert(number_of(id)))
    }
}

/// One file while it is read.
struct OneFile<'r, 'o> {
    reader: &'r mut Reader<'o>,
    name: String,
    facts: FileFacts,
    problems: u64,
}

impl OneFile<'_, '_> {
    fn problem(&mut self, record: Option<u64>, message: String) {
        self.problems += 1;
        if self.problems <= PROBLEMS_PER_FILE {
            self.reader.reading.problems.push(Problem { file: self.name.clone(), record, message });
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        self.facts.saw(event);
        if self.reader.is_new(event) {
            self.reader.reading.events += 1;
            (self.reader.visit)(event);
        } else {
            self.reader.reading.duplicates += 1;
        }
    }

    fn json(&mut self, input: impl std::io::Read) {
        let mut splitter = split::Splitter::new(input, self.reader.options.max_record);
        let mut record = 0;
        while let Some(item) = splitter.next_item() {
            let text = match item {
                Ok(bytes) => {
                    record += 1;
                    std::str::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())
                }
                Err(split::Broken::Record(message)) => {
                    record += 1;
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
                self.problem(Some(record), message);
            }
        }
    }

    fn csv(&mut self, input: impl std::io::BufRead) {
        self.facts.is_export = true;
        let mut rows = rows::Rows::new(input, self.reader.options.max_record);
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
        let mut record = 0;
        while let Some(row) = rows.next_row() {
            record += 1;
            let read = row.and_then(|row| columns.event(&row, &mut |event| self.event(event)));
            if let Err(message) = read {
                self.problem(Some(record), message);
            }
        }
    }

    fn end(self) {
        let Self { reader, name, mut facts, problems } = self;
        if problems > PROBLEMS_PER_FILE {
            let message = format!("has {} more problems", problems - PROBLEMS_PER_FILE);
            reader.reading.problems.push(Problem { file: name.clone(), record: None, message });
        }
        facts.flaw = (problems > 0).then_some(name);
        reader.tracker.file(facts);
    }
}

/// An `eventID` as a number: the UUID that it is, or a digest of what else it may be.
fn number_of(id: &str) -> u128 {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    if digits.len() == 32
        && let Ok(number) = u128::from_str_radix(&digits, 16)
    {
        return number;
    }
    // Fowler, Noll and Vo's hash, variant 1a, in 128 bits: public constants, the same on every machine.
    id.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}
