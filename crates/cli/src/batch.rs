//! `leastwise refine --batch`: a case a line in, a result a line out, in order, on all cores, in flat memory.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use leastwise::report::batch::ErrorLine;
use leastwise::report::refinement::{Refined, RefinementReport};
use leastwise_policy::json::{self, Node, Value};
use leastwise_policy::{Catalogue, Policy, Unused};
use rayon::prelude::*;
use serde_json::value::RawValue;

use crate::failure::{Exit, Failure};
use crate::input::name;
use crate::output::print_failure;
use crate::refine::{Outcome, Settings, Trouble, outcome};

/// The longest line that is read, in bytes.
const MAX_LINE_BYTES: usize = json::MAX_BYTES;
/// Lines are worked on in groups of at most so many lines …
const GROUP_LINES: usize = 256;
/// … and about so many bytes.
const GROUP_BYTES: usize = 8 * 1024 * 1024;

/// Runs every case of a file; `-` is standard input. Status 2 when a line was bad, 3 when a result was refuted.
pub(crate) fn run(path: &Path, catalogue: &Catalogue, settings: Settings) -> Result<Exit, Failure> {
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
    loop {
        let group = read_group(&mut source).map_err(fail)?;
        if group.is_empty() {
            break;
        }
        let bytes: usize = group.iter().map(|line| line.as_ref().map_or(0, Vec::len) + 1).sum();
        let results: Vec<(String, Exit)> = group.par_iter().map(|line| answer(line, catalogue, settings)).collect();
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
struct LineError {
    kind: &'static str,
    message: String,
    exit: Exit,
}

impl LineError {
    fn bad(kind: &'static str, message: impl Into<String>) -> LineError {
        LineError { kind, message: message.into(), exit: Exit::BadInput }
    }
}

/// The result line of one input line, without its end; empty for an empty line.
fn answer(line: &Option<Vec<u8>>, catalogue: &Catalogue, settings: Settings) -> (String, Exit) {
    let Some(bytes) = line else {
        return error_line(None, &LineError::bad("json", format!("the line has more than {MAX_LINE_BYTES} bytes")));
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return error_line(None, &LineError::bad("json", "the line is not UTF-8"));
    };
    if text.trim().is_empty() {
        return (String::new(), Exit::Clean);
    }
    let node = match json::parse(text) {
        Ok(node) => node,
        Err(e) => return error_line(None, &LineError::bad("json", format!("{e}; {}", e.help))),
    };
    let id = node.member("id").and_then(|m| RawValue::from_string(m.value.span.of(text).to_owned()).ok());
    match result_line(text, &node, id.as_deref(), catalogue, settings) {
        Ok(done) => done,
        Err(error) => error_line(id.as_deref(), &error),
    }
}

fn result_line(
    text: &str,
    node: &Node,
    id: Option<&RawValue>,
    catalogue: &Catalogue,
    settings: Settings,
) -> Result<(String, Exit), LineError> {
    if node.as_object().is_none() {
        return Err(LineError::bad(
            "case",
            format!("the line is {}, not a case {{\"id\", \"policy\", \"unused\"}}", node.kind()),
        ));
    }
    let member =
        |key: &str| node.member(key).map(|m| &m.value).ok_or_else(|| LineError::bad("case", format!("the case has no `{key}`")));
    let policy = member("policy")?;
    let document = match &policy.value {
        Value::String(document) => document,
        _ => policy.span.of(text),
    };
    let policy = Policy::parse(document).map_err(|e| LineError::bad("policy", format!("{e}; {}", e.help)))?;
    let unused = Unused::from_node(text, member("unused")?).map_err(|e| LineError::bad("unused", e.to_string()))?;
    let Outcome { recommendation, split } = outcome(&policy, &unused, catalogue, settings).map_err(|trouble| match trouble {
        Trouble::Refuted(message) => LineError { kind: "refuted", message, exit: Exit::Fault },
        Trouble::Unsplittable(e) => LineError::bad("split", e.message),
    })?;
    let refined = Refined {
        id,
        original: &policy,
        unused: &unused,
        catalogue,
        recommendation: &recommendation,
        quota: settings.quota,
        split: split.as_ref(),
    };
    let report = RefinementReport::new(&refined);
    let exit = if report.exceeds_quota() { Exit::Findings } else { Exit::Clean };
    let line =
        serde_json::to_string(&report).map_err(|e| LineError { kind: "internal", message: e.to_string(), exit: Exit::Fault })?;
    Ok((line, exit))
}

fn error_line(id: Option<&RawValue>, error: &LineError) -> (String, Exit) {
    let row = ErrorLine::new(id, error.kind, &error.message);
    // Only strings are in it, so it can always be written.
    (serde_json::to_string(&row).unwrap_or_default(), error.exit)
}
