//! Tells the files of a folder apart: by their first bytes, and by the folder's name where these do not tell.
//!
//! Serves the assembling of evidence. It looks at beginnings only and reads nothing; a file that is nothing we know is
//! passed over, and one that stands in a folder of a known name is taken for what that name says.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use leastwise::access::Affects;
use leastwise::analysis::InputProblem;

use leastwise_history::refused;

use crate::failure::Failure;

/// The kinds of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Account,
    CredentialReport,
    AccessKeys,
    LastAccessed,
    ServiceReference,
    Logs,
    Trails,
}

/// As many bytes of a file tell what it is.
const HEAD: u64 = 8192;
/// What `leastwise serve` keeps in the folder: the store and its logs.
pub(crate) const STORE: &str = "leastwise.db";
/// What `leastwise demo` writes beside the exports.
const TRUTH: &str = "truth.json";

/// The files at `path`, which somebody named, as `kind` or as what they look like. A whole folder of logs is one entry.
pub(crate) fn find(
    path: &Path,
    kind: Option<Kind>,
    files: &mut Vec<(Kind, PathBuf)>,
    problems: &mut Vec<InputProblem>,
) -> Result<(), Failure> {
    let facts = std::fs::metadata(path)
        .map_err(|error| Failure::bad_input(format!("{}: {error}", path.display()), "check the path and its permissions"))?;
    match kind {
        Some(Kind::Logs) => files.push((Kind::Logs, path.to_owned())),
        _ if facts.is_dir() => {
            let root = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
            below(path, &root, kind, files, problems);
        }
        Some(kind) => files.push((kind, path.to_owned())),
        None => match of_beginning(path) {
            Some(kind) => files.push((kind, path.to_owned())),
            None => {
                let message = format!("{}: it is no folder, and no export that is known", path.display());
                return Err(Failure::bad_input(message, "docs/inputs.md lists the files that are read"));
            }
        },
    }
    Ok(())
}

fn below(folder: &Path, root: &Path, kind: Option<Kind>, files: &mut Vec<(Kind, PathBuf)>, problems: &mut Vec<InputProblem>) {
    let unread = |path: &Path, error: std::io::Error| {
        InputProblem::of_file(&path.display().to_string(), format!("cannot be read: {error}"), Some("check its permissions"))
    };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return problems.push(unread(folder, error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))) {
            Ok(found) => paths.push(found),
            Err(error) => problems.push(unread(folder, error)),
        }
    }
    paths.sort_by(|one, other| one.0.cmp(&other.0));
    for (path, file_type) in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        if name.starts_with('.') || name.starts_with(STORE) {
            continue;
        }
        if let Some(why) = refused(&path, file_type, root) {
            let problem = InputProblem::of_file(&path.display().to_string(), why, None);
            problems.push(InputProblem { affects: Affects::Nobody, ..problem });
            continue;
        }
        if file_type.is_dir() {
            match kind.or_else(|| of_folder(&name)) {
                Some(Kind::Logs) => files.push((Kind::Logs, path)),
                hint => below(&path, root, hint, files, problems),
            }
            continue;
        }
        // A link to a folder could lead round in a circle; one to a file is read.
        if path.is_dir() || (kind.is_none() && name == TRUTH) {
            continue;
        }
        match of_beginning(&path).or(kind) {
            Some(kind) => files.push((kind, path)),
            None if [".json", ".csv", ".gz", ".ndjson", ".jsonl"].iter().any(|end| name.ends_with(end)) => {
                problems.push(InputProblem {
                    affects: Affects::Nobody,
                    ..InputProblem::of_file(
                        &path.display().to_string(),
                        "is no export that is known, and is left out",
                        Some("docs/inputs.md lists the files that are read"),
                    )
                });
            }
            None => {}
        }
    }
}

/// What a folder of that name, in lower case, holds.
fn of_folder(name: &str) -> Option<Kind> {
    Some(match name {
        "account" | "accounts" | "account-authorization-details" => Kind::Account,
        "credential-report" | "credential-reports" => Kind::CredentialReport,
        "access-keys" => Kind::AccessKeys,
        "last-accessed" | "service-last-accessed" => Kind::LastAccessed,
        "service-reference" => Kind::ServiceReference,
        "cloudtrail" | "awslogs" => Kind::Logs,
        "trails" => Kind::Trails,
        _ => return None,
    })
}

/// What a file looks like; none when it looks like nothing that is known or cannot be opened.
fn of_beginning(path: &Path) -> Option<Kind> {
    let mut head = Vec::new();
    File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    kind_of(&head)
}

fn kind_of(head: &[u8]) -> Option<Kind> {
    if head.starts_with(&[0x1f, 0x8b]) {
        return Some(Kind::Logs);
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with(['{', '[']) {
        let first = text.lines().next().unwrap_or_default().to_ascii_lowercase();
        return match () {
            () if first.starts_with("user,arn,") || first.contains("access_key_1_active") => Some(Kind::CredentialReport),
            () if first.contains("eventname") && first.contains(',') => Some(Kind::Logs),
            () => None,
        };
    }
    const MARKS: [(&str, Kind); 26] = [
        ("\"UserDetailList\"", Kind::Account),
        ("\"GroupDetailList\"", Kind::Account),
        ("\"RoleDetailList\"", Kind::Account),
        ("\"Policies\"", Kind::Account),
        ("\"AccessKeyMetadata\"", Kind::AccessKeys),
        ("\"JobStatus\"", Kind::LastAccessed),
        ("\"ServicesLastAccessed\"", Kind::LastAccessed),
        ("\"Response\"", Kind::LastAccessed),
        ("\"ReportFormat\"", Kind::CredentialReport),
        ("\"GeneratedTime\"", Kind::CredentialReport),
        ("\"Content\"", Kind::CredentialReport),
        ("\"trailList\"", Kind::Trails),
        ("\"EventSelectors\"", Kind::Trails),
        ("\"AdvancedEventSelectors\"", Kind::Trails),
        ("\"IsMultiRegionTrail\"", Kind::Trails),
        ("\"IsLogging\"", Kind::Trails),
        ("\"RegionOptStatus\"", Kind::Trails),
        ("\"JoinedMethod\"", Kind::Trails),
        ("\"QueryResultRows\"", Kind::Logs),
        ("\"event_code\"", Kind::Logs),
        ("\"logStreamName\"", Kind::Logs),
        ("\"Records\"", Kind::Logs),
        ("\"Events\"", Kind::Logs),
        ("\"eventVersion\"", Kind::Logs),
        ("\"eventSource\"", Kind::Logs),
        ("\"Actions\"", Kind::ServiceReference),
    ];
    MARKS.iter().filter_map(|(mark, kind)| Some((text.find(mark)?, *kind))).min().map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_of_a_file_tell_what_it_is() {
        for (head, kind) in [
            ("{\"UserDetailList\": []", Some(Kind::Account)),
            ("\u{feff}\n[{\"IsTruncated\": false, \"Policies\": []", Some(Kind::Account)),
            ("{\"AccessKeyMetadata\": [", Some(Kind::AccessKeys)),
            ("{\"Arn\":\"arn:aws:iam::111122223333:role/r\",\"Response\":{\"JobStatus\"", Some(Kind::LastAccessed)),
            ("{\"Content\":\"dXNl\",\"ReportFormat\":\"text/csv\"", Some(Kind::CredentialReport)),
            ("user,arn,user_creation_time,", Some(Kind::CredentialReport)),
            ("{\"Name\":\"s3\",\"Actions\":[", Some(Kind::ServiceReference)),
            ("{\"Records\":[{\"eventVersion\":\"1.08\",\"responseElements\":{\"Policies\"", Some(Kind::Logs)),
            ("eventtime,eventname\n", Some(Kind::Logs)),
            ("{\"trailList\":[", Some(Kind::Trails)),
            ("{\"hello\": 1}", None),
            ("hello", None),
            ("", None),
        ] {
            assert_eq!(kind_of(head.as_bytes()), kind, "{head}");
        }
        assert_eq!(kind_of(&[0x1f, 0x8b, 8, 0]), Some(Kind::Logs));
    }
}
