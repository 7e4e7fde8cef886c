//! Reads the files that the user names, and says which file it was when one is at fault.

use std::cell::Cell;
use std::io::Read;
use std::path::Path;

use leastwise::sources::{self, text_of};
use leastwise_policy::unused::UnusedError;
use leastwise_policy::{Catalogue, Policy, Unused};

use crate::failure::Failure;

/// The largest file that is read as one text, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Reads texts, and lends standard input to one of them only.
#[derive(Default)]
pub(crate) struct Inputs {
    standard_input_taken: Cell<bool>,
}

impl Inputs {
    /// The text of a file; `-` is standard input.
    pub(crate) fn text(&self, path: &Path) -> Result<String, Failure> {
        let shown = name(path);
        let mut bytes = Vec::new();
        let outcome = if path == Path::new("-") {
            if self.standard_input_taken.replace(true) {
                return Err(Failure::bad_input("standard input is named twice", "give one of the two as a file"));
            }
            std::io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)
        } else {
            std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        };
        outcome.map_err(|e| Failure::bad_input(format!("{shown}: {e}"), "check the path and its permissions"))?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(Failure::bad_input(format!("{shown}: larger than {MAX_FILE_BYTES} bytes"), "is this the right file?"));
        }
        text_of(bytes).map_err(|e| Failure::bad_input(format!("{shown}: {}", e.message), e.help))
    }

    /// A policy document, or the only one in a file that wraps it.
    pub(crate) fn policy(&self, path: &Path) -> Result<Policy, Failure> {
        self.policy_in(path, &self.text(path)?)
    }

    /// The same, of the text of a file that was read before.
    pub(crate) fn policy_in(&self, path: &Path, text: &str) -> Result<Policy, Failure> {
        let error = match Policy::parse(text) {
            Ok(policy) => return Ok(policy),
            Err(error) => error,
        };
        let wrapped = sources::find(text).ok().filter(|found| !found.guessed).map(|found| found.sources).unwrap_or_default();
        match wrapped.as_slice() {
            [source] if source.document != text => {
                if !source.open.is_empty() {
                    let message =
                        format!("{}: {}: only the deployment knows `{}`", name(path), source.path, source.open.join("`, `"));
                    return Err(Failure::bad_input(message, "give the policy of the deployed stack"));
                }
                Policy::parse(&source.document)
                    .map_err(|e| Failure::bad_input(format!("{}: {}: {}", name(path), source.path, e.message), e.help))
            }
            [_, _, ..] => Err(Failure::bad_input(
                format!("{}: {} policies are in it; one is needed", name(path), wrapped.len()),
                "take out the one that is meant",
            )),
            _ => Err(Failure::bad_input(format!("{}: {error}", name(path)), error.help)),
        }
    }

    /// An unused list.
    pub(crate) fn unused(&self, path: &Path) -> Result<Unused, Failure> {
        Unused::parse(&self.text(path)?).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), UnusedError::HELP))
    }

    /// The catalogue of that file, or none for the embedded one.
    pub(crate) fn catalogue(&self, path: Option<&Path>) -> Result<Option<Catalogue>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let parsed = Catalogue::parse(self.text(path)?);
        parsed.map(Some).map_err(|e| Failure::bad_input(format!("{}: {e}", name(path)), e.help))
    }
}

/// A file's name for messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}
