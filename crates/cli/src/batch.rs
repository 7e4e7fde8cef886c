//! `--batch` of every command that has it: a case a line in, a result a line out, in order, on all cores, in flat memory.
//!
//! What becomes of one line is the command's own; lines that are no JSON objects are refused here.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use leastwise::report::View;
use leastwise::report::batch::ErrorLine;
use leastwise_policy::Policy;
use leastwise_policy::json::{self, Node, Value};
use leastwise_policy::members::{Known, unknown};
use rayon::prelude::*;
use serde_json::value::RawValue;

use crate::failure::{Exit, Failure};
use crate::input::name;
use crate::output::print_failure;

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = json::MAX_BYTES;
/// Lines are worked on in groups of at most so many lines …
const GROUP_LINES: usize = 256;
/// … and about so many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// One line of a batch.
pub(crate) struct Line<'a> {
    /// The line.
    pub(crate) text: &'a str,
    /// What it says: an object.
    pub(crate) node: &'a Node,
    /// The case's id, as written.
    pub(crate) id: Option<&'a RawValue>,
}

impl Line<'_> {
    /// A member that the case must have.
    pub(crate) fn member(&self, key: &str) -> Result<&Node, LineError> {
        let missing = || LineError::bad("case", format!("the case has no `{key}`"));
        self.node.member(key).map(|m| &m.value).ok_or_else(missing)
    }

    /// The text of the document under `key`: an object, or a string that holds one.
    pub(crate) fn document(&self, key: &str) -> Result<&str, LineError> {
        let node = self.member(key)?;
        Ok(match &node.value {
            Value::String(document) => document,
            _ => node.span.of(self.text),
        })
    }

    /// The policy under `key`.
    pub(crate) fn policy(&self, key: &str) -> Result<Policy, LineError> {
        Policy::parse(self.document(key)?).map_err(|e| LineError::bad("policy", format!("`{key}`: {e}; {}", e.help)))
    }
}

/// A result line and the status that it asks for.
pub(crate) type Answered = Result<(String, Exit), LineError>;

/// A result as a line.
pub(crate) fn written(result: &impl View, exit: Exit) -> Answered {
    let line = result.line();
    line.map(|line| (line, exit)).map_err(|e| LineError { kind: "internal", message: e.to_string(), exit: Exit::Fault })
}

/// Runs every case of a file; `-` is standard input. `members` are what a case may have; any other is refused. Gives the
/// worst status: 2 when a line was bad, and whatever the results ask for.
pub(crate) fn run(path: &Path, members: &[Known], answer: impl Fn(&Line<'_>) -> Answered + Sync) -> Result<Exit, Failure> {
    let fail = |e: std::io::Error| Failure::bad_input(format!("{}: {e}", name(path)), "check the path and its permissions");
    let (source, length): (Box<dyn Read>, u64) = if path == Path::new("-") {
        (Box::new(std::io::stdin().lock()), 0)
    } else {
        let file = File::open(path).map_err(fail)?;
        let length = file.metadata().map(|m| m.len()).map_err(fail)?;
        (Box::new(file), length)
    };
    let mut source = BufReader::with_capacity(1 << 20, source);
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    let progress = progress(length);
    let mut worst = Exit::Clean;
    let mut lines_before: u64 = 0;
    loop {
        let group = read_group(&mut source).map_err(fail)?;
        if group.is_empty() {
            break;
        }
        let bytes: usize = group.iter().map(|line| line.as_ref().map_or(0, Vec::len) + 1).sum();
        let numbered = |(at, line)| result(line, lines_before + at as u64 + 1, members, &answer);
        let results: Vec<(String, Exit)> = group.par_iter().enumerate().map(numbered).collect();
        lines_before += group.len() as u64;
        for (line, exit) in results.iter().filter(|(line, _)| !line.is_empty()) {
            worst = worst.max(*exit);
            out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(|e| print_failure(&e))?;
        }
        progress.inc(bytes as u64);
    }
    out.flush().map_err(|e| print_failure(&e))?;
    progress.finish_and_clear();
    Ok(worst)
}

/// Progress on standard error, when that is a terminal and the output is not.
fn progress(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = if length > 0 { ProgressBar::new(length) } else { ProgressBar::no_length() };
    let form = if length > 0 { "{wide_bar} {percent}% {bytes}/{total_bytes} {eta} left" } else { "{spinner} {bytes} {elapsed}" };
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The next lines; none for a line that is too long.
fn read_group(source: &mut impl BufRead) -> std::io::Result<Vec<Option<Vec<u8>>>> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while group.len() < GROUP_LINES && bytes < GROUP_BYTES {
        let mut line = Vec::new();
        let read = source.by_ref().take(MAX_LINE_BYTES as u64 + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        bytes += read;
        if line.last() == Some(&b'\n') {
            line.pop();
            group.push(Some(line));
        } else if line.len() > MAX_LINE_BYTES {
            source.skip_until(b'\n')?;
            group.push(None);
        } else {
            group.push(Some(line));
        }
    }
    Ok(group)
}

/// Why a line has no result: a word for the kind, a sentence, and the status that it asks for.
pub(crate) struct LineError {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

impl LineError {
    pub(crate) fn bad(kind: &'static str, message: impl Into<String>) -> LineError {
        LineError { kind, message: message.into(), exit: Exit::BadInput }
    }
}

/// The result line of the input line with that number, without its end; empty for an empty line.
fn result(line: &Option<Vec<u8>>, number: u64, members: &[Known], answer: &impl Fn(&Line<'_>) -> Answered) -> (String, Exit) {
    let Some(bytes) = line else {
        return error_line(None, number, &LineError::bad("json", format!("the line has more than {MAX_LINE_BYTES} bytes")));
    };
    // A byte-order mark may stand before the first line.
    let bytes = if number == 1 { bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes) } else { bytes };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return error_line(None, number, &LineError::bad("json", "the line is not UTF-8"));
    };
    if text.trim().is_empty() {
        return (String::new(), Exit::Clean);
    }
    let node = match json::parse(text) {
        Ok(node) => node,
        Err(e) => return error_line(None, number, &LineError::bad("json", format!("{e}; {}", e.help))),
    };
    if node.as_object().is_none() {
        let names = members.iter().map(|known| format!("\"{}\"", known.name)).collect::<Vec<_>>().join(", ");
        let message = format!("the line is {}, not a case {{{names}}}", node.kind());
        return error_line(None, number, &LineError::bad("case", message));
    }
    let id = node.member("id").and_then(|m| RawValue::from_string(m.value.span.of(text).to_owned()).ok());
    if let Some(error) = unknown(&node, members) {
        let message = format!("{}: {}", json::Position::of(text, error.member.key_span.start), error.message);
        return error_line(id.as_deref(), number, &LineError::bad("case", message));
    }
    match answer(&Line { text, node: &node, id: id.as_deref() }) {
        Ok(done) => done,
        Err(error) => error_line(id.as_deref(), number, &error),
    }
}

fn error_line(id: Option<&RawValue>, number: u64, error: &LineError) -> (String, Exit) {
    // Places within the line are given by their column alone.
    let message = error.message.strip_prefix("line 1, ").unwrap_or(&error.message);
    let row = ErrorLine::new(id, error.kind, number, message);
    // Only strings are in it, so it can always be written.
    (row.line().unwrap_or_default(), error.exit)
}
