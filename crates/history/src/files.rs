//! Finds log files in folders, and tells what a log is by its first bytes.
//!
//! First step of reading. Names decide only which files of a folder are looked at; a path that somebody names is read
//! whatever it is called. Unpacking is bounded, since a small file may unpack to anything.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// What stands at a path.
pub(crate) enum Found<'p> {
    /// A log, or what may be one.
    Log(&'p Path),
    /// A digest file, in which CloudTrail lists its log files.
    Digest,
    /// A file that is not called as logs are.
    Other(&'p Path),
    /// What is no file, or is none of the folder, with the reason. Nothing is known to be missing for it.
    Refused(&'p Path, String),
    /// A path that cannot be looked at, with the reason.
    Unreadable(&'p Path, String),
}

/// Goes through `path` and all that is below it, in the order of names.
pub(crate) fn walk(path: &Path, found: &mut dyn FnMut(Found<'_>)) {
    match std::fs::metadata(path) {
        Err(error) => found(Found::Unreadable(path, format!("cannot be read: {error}"))),
        Ok(facts) if facts.is_dir() => {
            let root = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            below(path, &root, found);
        }
        // A pipe that is named is read to its end: that is how shells hand over what a command prints.
        Ok(_) => found(log(path)),
    }
}

/// Why a path in a folder, whose true path is `root`, is not read, whatever it is called: what is no file could block for ever, and what a link leads to outside
/// of the folder was not given to be read.
#[must_use]
pub fn refused(path: &Path, kind: std::fs::FileType, root: &Path) -> Option<String> {
    if kind.is_symlink() {
        return match std::fs::canonicalize(path) {
            Err(error) => Some(format!("is a link that leads nowhere: {error}")),
            Ok(target) if !target.starts_with(root) => Some("is a link out of the folder, and is not followed".to_owned()),
            // A linked folder could lead round in a circle, and what is in it stands elsewhere in the folder anyway.
            Ok(target) if target.is_dir() => None,
            Ok(target) if !target.is_file() => Some(NO_FILE.to_owned()),
            Ok(_) => None,
        };
    }
    (!kind.is_dir() && !kind.is_file()).then(|| NO_FILE.to_owned())
}

const NO_FILE: &str = "is a pipe, a socket or a device, and is not read";

/// A log, when it can be called by its name, which is what tells it from others.
fn log(path: &Path) -> Found<'_> {
    match path.to_str() {
        Some(_) => Found::Log(path),
        None => Found::Unreadable(path, "is not read: its name is not UTF-8; rename it".to_owned()),
    }
}

fn below(folder: &Path, root: &Path, found: &mut dyn FnMut(Found<'_>)) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return found(Found::Unreadable(folder, format!("cannot be read: {error}"))),
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            Ok(entry) => paths.push((entry.path(), entry.file_type())),
            Err(error) => found(Found::Unreadable(folder, format!("cannot be read: {error}"))),
        }
    }
    // A rollup may stand beside the logs that it was made of.
    if [MARK, MANIFEST].iter().all(|name| paths.iter().any(|(path, _)| path.ends_with(name))) {
        return found(Found::Other(folder));
    }
    paths.sort_by(|a, b| a.0.cmp(&b.0));
    for (path, kind) in &paths {
        if let Some(why) = kind.as_ref().ok().and_then(|kind| refused(path, *kind, root)) {
            found(Found::Refused(path, why));
            continue;
        }
        match kind {
            Err(error) => found(Found::Unreadable(path, format!("cannot be read: {error}"))),
            Ok(kind) if kind.is_dir() => below(path, root, found),
            // What is in it stands elsewhere in the folder.
            Ok(kind) if kind.is_symlink() && path.is_dir() => found(Found::Other(path)),
            Ok(_) if is_digest(path) => found(Found::Digest),
            Ok(_) if is_called_a_log(path) && !is_of_another_service(path) => found(log(path)),
            Ok(_) => found(Found::Other(path)),
        }
    }
}

/// The file that says which folder is a rollup, and of which version.
pub(crate) const MARK: &str = "usage.json";
/// The file of its manifest.
pub(crate) const MANIFEST: &str = "files.parquet";

/// Digest files, and the one that CloudTrail Lake puts beside the results of a query to sign them.
pub(crate) fn is_digest(path: &Path) -> bool {
    path.ends_with("result_sign.json")
        || path.components().any(|part| part.as_os_str() == "CloudTrail-Digest")
        || path.file_name().is_some_and(|name| name.to_string_lossy().contains("_CloudTrail-Digest_"))
}

pub(crate) fn is_called_a_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    [".json", ".jsonl", ".ndjson", ".csv", ".gz", ".log"].iter().any(|end| name.ends_with(end))
}

/// Whether another service than CloudTrail delivered it: `AWSLogs/[o-…/]account/Config/…`. Several may share a bucket.
pub(crate) fn is_of_another_service(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy()).skip_while(|part| part != "AWSLogs").skip(1);
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let account = parts.find(|part| !part.starts_with("o-")).filter(|part| is_account(part));
    match (account, parts.next(), parts.next()) {
        // What lies in the folder of the account itself may be anything.
        (Some(_), Some(service), Some(_)) => !service.starts_with("CloudTrail"),
        _ => false,
    }
}

/// A log, ready to be read as what it holds.
pub(crate) enum Opened<'i> {
    Json(Box<dyn BufRead + 'i>),
    Csv(Box<dyn BufRead + 'i>),
    Empty,
}

const BUFFER: usize = 256 << 10;

/// The two bytes that every gz file begins with.
pub(crate) const GZ: [u8; 2] = [0x1f, 0x8b];

/// Looks at the first bytes of a log, called `name`, which say what it is. What is packed is unpacked on the way.
pub(crate) fn sniff<'i>(mut input: Box<dyn BufRead + 'i>, name: &str, max_unpacked: u64) -> Result<Opened<'i>, String> {
    if input.fill_buf().map_err(|error| format!("cannot be read: {error}"))?.starts_with(&GZ) {
        let unpacked = Bounded { input: MultiGzDecoder::new(input), left: max_unpacked, max: max_unpacked };
        input = Box::new(BufReader::with_capacity(BUFFER, unpacked));
    }
    loop {
        let head = input.fill_buf().map_err(|error| format!("cannot be read: {error}"))?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err("is in UTF-16; UTF-8 is expected".to_owned());
        }
        let mark = if head.starts_with(&[0xef, 0xbb, 0xbf]) { 3 } else { 0 };
        let blank = head.iter().skip(mark).take_while(|byte| byte.is_ascii_whitespace()).count();
        let (skipped, first) = (mark + blank, head.get(mark + blank).copied());
        match first {
            None if head.is_empty() => return Ok(Opened::Empty),
            None => input.consume(skipped),
            Some(b'{' | b'[') => {
                input.consume(skipped);
                return Ok(Opened::Json(input));
            }
            Some(_) => {
                let line = head.iter().skip(skipped).take_while(|byte| **byte != b'\n');
                let line: String = line.map(|byte| char::from(byte.to_ascii_lowercase())).collect();
                let called_csv = name.to_ascii_lowercase().contains(".csv");
                let has_columns = line.contains(',') && line.contains("event");
                if !called_csv && !has_columns {
                    return Err("is neither JSON nor CSV with a line of column names".to_owned());
                }
                input.consume(skipped);
                return Ok(Opened::Csv(input));
            }
        }
    }
}

/// Ends with an error once more than so many bytes were read.
struct Bounded<R> {
    input: R,
    left: u64,
    max: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::other(format!("it unpacks to more than {} bytes, the limit", self.max)));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.input.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_services_deliver_into_the_same_bucket_is_no_log() {
        let other = |path: &str| is_of_another_service(Path::new(path));
        assert!(
            other("x/AWSLogs/111122223333/Config/eu-west-1/2026/1/1/a.json.gz")
                && other("AWSLogs/o-1/111122223333/vpcflowlogs/a.log.gz")
        );
        for log in [
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/a.json.gz",
            "AWSLogs/111122223333/a.json",
            "AWSLogs/a/b/c.json",
            "x/y/z/a.json",
        ] {
            assert!(!other(log), "{log}");
        }
    }
}
