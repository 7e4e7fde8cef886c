//! The files with policies that a user names: files, folders, globs and standard input, with whatever they wrap.
//!
//! Files are opened here; what is in them is found by `leastwise::sources`.

use std::path::{Path, PathBuf};

use leastwise::report::check_runs::{ProblemRow, SkippedRow};
use leastwise::sources::{self, Source};

use crate::input::{Inputs, name};

/// The names of files in folders that are looked into.
const ENDINGS: [&str; 5] = ["json", "yaml", "yml", "template", "policy"];
/// The most files of one run.
const MAX_FILES: usize = 100_000;

/// A file and the policies in it.
pub(crate) struct PolicyFile {
    /// Its name, for messages and views.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// The policies, in order.
    pub(crate) sources: Vec<Source>,
}

/// What the paths of a command hold.
#[derive(Default)]
pub(crate) struct Policies {
    /// The files with policies, in the order of the paths and of the names in folders.
    pub(crate) files: Vec<PolicyFile>,
    /// Files that cannot be read.
    pub(crate) problems: Vec<ProblemRow>,
    /// Policies that are somewhere else, and files of folders without any.
    pub(crate) skipped: Vec<SkippedRow>,
    /// How many of these are policies whose text is not known, so that nothing can be said of them.
    pub(crate) unknown: usize,
    /// Whether one file was named that is a policy and nothing else.
    pub(crate) plain: bool,
}

impl Policies {
    /// Reads whatever stands at the paths.
    pub(crate) fn read(inputs: &Inputs, paths: &[PathBuf]) -> Policies {
        let mut policies = Policies::default();
        let mut named: Vec<(PathBuf, bool)> = Vec::new();
        for path in paths {
            let before = named.len();
            match expand(path, &mut named) {
                Ok(()) if named.len() == before => {
                    policies.problem(path, "no files are here", "name a file, or a folder that holds JSON or YAML")
                }
                Ok(()) => {}
                Err(message) => policies.problem(path, &message, "check the path and its permissions"),
            }
        }
        // A file that is named twice is read once.
        let mut seen = std::collections::BTreeSet::new();
        named.retain(|(path, _)| seen.insert(path.clone()));
        for (path, in_folder) in &named {
            policies.file(inputs, path, *in_folder);
        }
        policies.plain = match (paths, policies.files.as_slice()) {
            ([one], [file]) => {
                !one.is_dir()
                    && policies.skipped.is_empty()
                    && matches!(file.sources.as_slice(), [source] if source.path.0.is_empty())
            }
            _ => false,
        };
        policies
    }

    fn problem(&mut self, path: &Path, message: &str, help: &str) {
        self.problems.push(ProblemRow {
            file: shown(path),
            policy: String::new(),
            line: 1,
            column: 1,
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }

    fn file(&mut self, inputs: &Inputs, path: &Path, in_folder: bool) {
        let text = match inputs.text(path) {
            Ok(text) => text,
            Err(failure) => {
                let message = failure.message();
                let own = format!("{}: ", name(path));
                return self.problem(path, message.strip_prefix(&own).unwrap_or(message), failure.help());
            }
        };
        match sources::find(&text) {
            Ok(found) if in_folder && found.guessed => self.skipped.push(SkippedRow {
                file: shown(path),
                policy: String::new(),
                why: "no policy is found in it".to_owned(),
            }),
            Ok(found) => {
                let skipped = found.skipped.into_iter().map(|skipped| SkippedRow {
                    file: shown(path),
                    policy: skipped.path.to_string(),
                    why: skipped.why,
                });
                let before = self.skipped.len();
                self.skipped.extend(skipped);
                self.unknown += self.skipped.len() - before;
                self.files.push(PolicyFile { name: shown(path), text, sources: found.sources });
            }
            Err(error) if in_folder && error.message.starts_with("no policy") => {
                self.skipped.push(SkippedRow { file: shown(path), policy: String::new(), why: error.message });
            }
            Err(error) => self.problems.push(ProblemRow {
                file: shown(path),
                policy: String::new(),
                line: error.position.line,
                column: error.position.column,
                message: error.message,
                help: error.help.to_owned(),
            }),
        }
    }

    /// All policies with their files.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&PolicyFile, &Source)> {
        self.files.iter().flat_map(|file| file.sources.iter().map(move |source| (file, source)))
    }

    /// All policies by the places of their file and of themselves.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&PolicyFile, usize, usize)> {
        self.files.iter().enumerate().flat_map(|(at, file)| (0..file.sources.len()).map(move |place| (file, at, place)))
    }
}

/// The name of a file in views.
fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Adds the files at a path, each with whether it was found in a folder.
fn expand(path: &Path, out: &mut Vec<(PathBuf, bool)>) -> Result<(), String> {
    if path == Path::new("-") || path.is_file() {
        out.push((path.to_owned(), false));
        return Ok(());
    }
    if path.is_dir() {
        return folder(path, out);
    }
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        // Opening it says what is wrong.
        out.push((path.to_owned(), false));
        return Ok(());
    }
    let found = glob::glob(&pattern).map_err(|error| format!("this is not a pattern of paths: {error}"))?;
    let mut any = false;
    for path in found {
        let path = path.map_err(|error| error.to_string())?;
        any = true;
        if path.is_dir() { folder(&path, out)? } else { out.push((path, false)) }
    }
    if any { Ok(()) } else { Err("no file matches this pattern".to_owned()) }
}

fn folder(path: &Path, out: &mut Vec<(PathBuf, bool)>) -> Result<(), String> {
    let entries = std::fs::read_dir(path).map_err(|error| error.to_string())?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        paths.push((entry.path(), entry.file_type().map_err(|error| error.to_string())?));
    }
    paths.sort_by(|one, other| one.0.cmp(&other.0));
    for (path, kind) in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let known = path.extension().is_some_and(|own| ENDINGS.iter().any(|ending| own.eq_ignore_ascii_case(ending)));
        if hidden {
            continue;
        }
        if kind.is_dir() {
            folder(&path, out)?;
        } else if known && path.is_file() {
            if out.len() >= MAX_FILES {
                return Err(format!("more than {MAX_FILES} files"));
            }
            out.push((path, true));
        }
    }
    Ok(())
}
