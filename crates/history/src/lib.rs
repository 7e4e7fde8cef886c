//! Reads records of use at any size: CloudTrail as delivered, looked up, exported or shipped elsewhere.
//!
//! The only place that parses logs and that opens their files. Paths in; events to a visitor, one at a time and in
//! bounded memory, then an account of what was read: doubles, problems with their places, and what each account's trail
//! covers. A bad record or file is counted and shown and the run goes on. It maps and judges nothing.
//!
//! ```
//! use leastwise_history::{ReadOptions, read};
//!
//! let log = std::env::temp_dir().join(format!("leastwise-history-example-{}.json", std::process::id()));
//! let record = r#"{"eventVersion": "1.08", "eventID": "e1", "eventTime": "2026-10-01T12:00:00Z", "eventSource": "s3.amazonaws.com",
//!     "eventName": "ListBuckets", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
//!     "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ana"}}"#;
//! std::fs::write(&log, format!(r#"{{"Records": [{record}]}}"#)).unwrap();
//! let mut events = 0;
//! read(&[log.clone()], &ReadOptions::default(), &mut |_| events += 1);
//! std::fs::remove_file(&log).unwrap();
//! assert_eq!(events, 1);
//! ```

mod columns;
mod copies;
mod files;
mod forms;
mod marks;
mod reading;
mod record;
#[cfg(feature = "rollup")]
pub mod rollup;
mod rows;
mod scan;
mod split;
mod structs;
mod trail;
mod unpack;
mod whole;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use leastwise::access::Timestamp;
use leastwise::usage::Event;

use copies::{Arrival, Copies};
pub use files::refused;
use reading::{FileReader, Origin};
pub use trail::configuration::DescribedTrails;
use trail::deliveries::FileFacts;
pub use trail::deliveries::Observed;

/// How to read.
#[derive(Debug, Clone)]
pub struct ReadOptions {
    /// The most bytes that one compressed file may unpack to; reading of it ends there, with a problem.
    pub max_unpacked: u64,
    /// The most bytes that one record may have; a longer one is passed over, with a problem.
    pub max_record: usize,
    /// Events before this moment are passed over, and so is what they would show about the trails.
    pub since: Option<Timestamp>,
}

impl Default for ReadOptions {
    /// 8 GiB a compressed file; 16 MiB a record, which is far more than CloudTrail ever writes.
    fn default() -> ReadOptions {
        ReadOptions { max_unpacked: 8 << 30, max_record: 16 << 20, since: None }
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
    /// Copies that were left out: events that agree with an earlier one in id, time, source, name, region and identity.
    pub duplicates: u64,
    /// Events that have the `eventID` of another event and say something else, such as where ids are masked. They were given.
    pub masked: u64,
    /// Digest files of CloudTrail, which hold no events.
    pub digests: u64,
    /// Files in a folder that do not look like logs, by their names.
    pub ignored: Vec<String>,
    /// What is no file, or a link out of the folder, and was passed over, with the reason.
    pub refused: Vec<(String, String)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What they show of the trails.
    pub observed: Observed,
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
        let (file, message) = (printable(&self.file), printable(&self.message));
        match self.record {
            Some(record) => write!(f, "{file}: record {record}: {message}"),
            None => write!(f, "{file}: {message}"),
        }
    }
}

/// A text of others for a terminal: control characters, which might move its cursor or begin a line, are spelled out.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let spelled = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(spelled).collect())
}

/// Reads every log at `paths`, files or folders of any depth, in the order of their names, and gives each event once
/// to `visit`.
pub fn read(paths: &[PathBuf], options: &ReadOptions, visit: &mut dyn FnMut(&Event<'_>)) -> Reading {
    let mut reader = Reader { options, visit, files: FileReader::new(), reading: Reading::default(), seen: Copies::default() };
    for path in paths {
        files::walk(path, &mut |found| match found {
            files::Found::Log(path) => reader.file(path),
            files::Found::Digest => reader.reading.digests += 1,
            files::Found::Other(path) => reader.reading.ignored.push(path.display().to_string()),
            files::Found::Refused(path, why) => reader.reading.refused.push((path.display().to_string(), why)),
            files::Found::Unreadable(path, error) => reader.unreadable(path, error),
        });
    }
    reader.reading
}

struct Reader<'r> {
    options: &'r ReadOptions,
    visit: &'r mut dyn FnMut(&Event<'_>),
    files: FileReader,
    reading: Reading,
    seen: Copies,
}

impl Reader<'_> {
    fn unreadable(&mut self, path: &Path, message: String) {
        let file = path.display().to_string();
        self.reading.observed.file(FileFacts::unread(&file));
        self.reading.problems.push(Problem { file, record: None, message });
    }

    fn file(&mut self, path: &Path) {
        let Reader { options, visit, files, reading, seen } = self;
        reading.files += 1;
        let read = files.read(Origin::File(path), &path.display().to_string(), options, &mut |event, _| {
            match seen.add(event) {
                Arrival::Copy => {
                    reading.duplicates += 1;
                    return;
                }
                Arrival::Masked => reading.masked += 1,
                Arrival::New => {}
            }
            reading.events += 1;
            visit(event);
        });
        reading.problems.extend(read.problems);
        reading.observed.file(read.facts);
    }
}

/// An `eventID` as a number: the UUID that it is, or a digest of what else it may be.
fn number_of(id: &str) -> u128 {
    if let Some(number) = id.as_bytes().try_into().ok().and_then(uuid) {
        return number;
    }
    let (mut number, mut digits, mut wrong) = (0u128, 0, 0);
    for byte in id.bytes().filter(|byte| *byte != b'-') {
        let digit = DIGITS.get(usize::from(byte)).copied().unwrap_or(NO_DIGIT);
        wrong |= digit;
        number = number << 4 | u128::from(digit & 15);
        digits += 1;
    }
    if wrong >= NO_DIGIT || digits != 32 { digest(id.bytes()) } else { number }
}

/// The same for the usual spelling alone, in few steps for all digits at once; none for another one.
fn uuid(id: &[u8; 36]) -> Option<u128> {
    let mut digits = [0u8; 32];
    let (to, rest) = digits.split_first_chunk_mut::<8>()?;
    let (second, rest) = rest.split_first_chunk_mut::<4>()?;
    let (third, rest) = rest.split_first_chunk_mut::<4>()?;
    let (fourth, last) = rest.split_first_chunk_mut::<4>()?;
    let part = |at: usize| id.get(at..);
    *to = *part(0)?.first_chunk()?;
    *second = *part(9)?.first_chunk()?;
    *third = *part(14)?.first_chunk()?;
    *fourth = *part(19)?.first_chunk()?;
    *last.first_chunk_mut::<12>()? = *part(24)?.first_chunk()?;
    let mut wrong = [8, 13, 18, 23].iter().any(|at| id.get(*at) != Some(&b'-'));
    for digit in &mut digits {
        let (number, letter) = (digit.wrapping_sub(b'0'), (*digit | 0x20).wrapping_sub(b'a'));
        wrong |= number >= 10 && letter >= 6;
        *digit = if number < 10 { number } else { letter.wrapping_add(10) };
    }
    let mut bytes = [0; 16];
    for (byte, [high, low]) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = high << 4 | low;
    }
    (!wrong).then(|| u128::from_be_bytes(bytes))
}

const NO_DIGIT: u8 = 16;

/// What each byte is as a hexadecimal digit.
const DIGITS: [u8; 256] = {
    let mut digits = [NO_DIGIT; 256];
    let mut digit = 0;
    while digit < 16 {
        // Constant, and below 256.
        #[allow(clippy::indexing_slicing)]
        {
            digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
            digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        }
        digit += 1;
    }
    digits
};

/// Fowler, Noll and Vo's hash, variant 1a, in 128 bits: public constants, the same on every machine.
fn digest(bytes: impl Iterator<Item = u8>) -> u128 {
    bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_is_the_number_that_it_spells_in_any_spelling(number: u128, place in 0..36usize, byte in 32..127u8) {
            let hex = format!("{number:032x}");
            let usual = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
            for spelling in [&usual, &usual.to_uppercase(), &hex, &format!("{}----{}", &hex[..5], &hex[5..])] {
                prop_assert_eq!(number_of(spelling), number);
            }
            let mut other = usual.into_bytes();
            other[place] = byte;
            let other = String::from_utf8(other).unwrap();
            let digits = other.replace('-', "");
            let spelled = (digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
                .then(|| u128::from_str_radix(&digits, 16).unwrap());
            prop_assert_eq!(number_of(&other), spelled.unwrap_or_else(|| digest(other.bytes())));
        }
    }
}
