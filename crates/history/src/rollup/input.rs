//! Which logs there are to be read: those below the paths that somebody names, without those that are too old.
//!
//! Each log once, whatever leads to it. Dates in paths (`AWSLogs/…/CloudTrail/region/yyyy/mm/dd/`) spare the looking at what
//! was delivered before the moment that somebody asks for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use leastwise::access::Timestamp;
use leastwise::access::time::DAY;

use super::RollupError;
use super::stores::{StoreOptions, is_remote};
use crate::Problem;
use crate::files::{Found, walk};

/// A log to be read.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) place: Place,
    /// What changes when it does.
    pub(crate) state: String,
    /// Bytes, packed as it is.
    pub(crate) size: u64,
}

/// Where a log is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// An object in a store.
    #[cfg(feature = "s3")]
    Object(super::objects::Object),
}

impl Place {
    /// What changes when the log does, as its store says; none for a file of this machine.
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Place::File(_) => None,
            #[cfg(feature = "s3")]
            Place::Object(object) => object.tag(),
        }
    }
}

/// What was found, logs by their names.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) logs: BTreeMap<String, Input>,
    /// Paths that cannot be looked at.
    pub(crate) problems: Vec<Problem>,
    /// Paths that were looked at, as they are called now.
    pub(crate) roots: Vec<String>,
    pub(crate) ignored: u64,
    /// What is no file, or a link out of its folder, with the reason.
    pub(crate) refused: Vec<Problem>,
    /// Logs that were delivered too early to matter.
    pub(crate) too_old: u64,
    /// Who talks to stores, when a path is in one.
    #[cfg(feature = "s3")]
    pub(crate) objects: Option<std::sync::Arc<super::objects::Objects>>,
}

impl Inputs {
    /// Finds the logs at paths of this machine and of stores.
    ///
    /// # Errors
    /// A path is in a store, and this program cannot talk to any.
    #[cfg_attr(not(feature = "s3"), allow(unused_variables))]
    pub(crate) fn find(paths: &[PathBuf], since: Option<Timestamp>, stores: &StoreOptions) -> Result<Inputs, RollupError> {
        let mut inputs = Inputs::default();
        #[cfg(not(feature = "s3"))]
        if let Some(path) = paths.iter().find(|path| is_remote(path)) {
            return Err(RollupError::NoStores { path: path.clone() });
        }
        for path in paths {
            #[cfg(feature = "s3")]
            if is_remote(path) {
                let objects = match &inputs.objects {
                    Some(objects) => objects.clone(),
                    None => super::objects::Objects::new().map_err(|error| RollupError::io("read", path, &error))?,
                };
                inputs.objects = Some(objects.clone());
                inputs.add_objects(path, since, &objects, stores);
                continue;
            }
            inputs.add(path, since);
        }
        Ok(inputs)
    }

    /// Adds the logs below a prefix of a bucket.
    #[cfg(feature = "s3")]
    fn add_objects(&mut self, path: &Path, since: Option<Timestamp>, objects: &super::objects::Objects, options: &StoreOptions) {
        let url = path.display().to_string();
        let bucket = match objects.open(&url, options) {
            Ok(bucket) => bucket,
            Err(error) => return self.problems.push(Problem { file: url, record: None, message: error }),
        };
        let logs = &mut self.logs;
        let (listed, ended) = objects.list(&bucket, since, &mut |name, input| drop(logs.insert(name, input)));
        self.too_old += listed.too_old;
        self.ignored += listed.ignored;
        match ended {
            Ok(()) => self.roots.push(url.trim_end_matches('/').to_owned()),
            Err(error) => {
                let message = format!("cannot be listed: {error}");
                self.problems.push(Problem { file: url, record: None, message });
            }
        }
    }

    /// Whether what is called so would have been found, had it been there.
    pub(crate) fn covers(&self, name: &str) -> bool {
        self.roots
            .iter()
            .any(|root| name.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Adds the logs at a path, a file or a folder of any depth.
    fn add(&mut self, path: &Path, since: Option<Timestamp>) {
        let problem = |path: &Path, message: String| Problem { file: path.display().to_string(), record: None, message };
        let root = match std::fs::canonicalize(path) {
            Ok(root) => root,
            Err(error) => return self.problems.push(problem(path, format!("cannot be read: {error}"))),
        };
        self.roots.extend([root.display().to_string(), path.display().to_string()]);
        walk(&root, &mut |found| match found {
            Found::Log(path) => {
                let name = path.display().to_string();
                if is_too_old(&name, since) {
                    self.too_old += 1;
                    return;
                }
                match std::fs::metadata(path) {
                    Ok(facts) => {
                        let changed = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                        let state = format!("{} {}", facts.len(), changed.unwrap_or_default().as_nanos());
                        let place = Place::File(path.to_owned());
                        self.logs.insert(name, Input { place, state, size: facts.len() });
                    }
                    Err(error) => self.problems.push(problem(path, format!("cannot be read: {error}"))),
                }
            }
            Found::Digest => {}
            Found::Other(_) => self.ignored += 1,
            Found::Refused(path, message) => self.refused.push(problem(path, message)),
            Found::Unreadable(path, message) => self.problems.push(problem(path, message)),
        });
    }
}

/// Whether a delivery in a folder `yyyy/mm/dd` was made a day or more before `since`. A delivery holds what happened before it.
pub(crate) fn is_too_old(name: &str, since: Option<Timestamp>) -> bool {
    let Some(since) = since else { return false };
    day_of(name).is_some_and(|day| day.seconds() + DAY <= since.seconds())
}

/// The day in the folders of a delivery.
fn day_of(name: &str) -> Option<Timestamp> {
    let (_, below) = name.rsplit_once("/CloudTrail/").or_else(|| name.strip_prefix("CloudTrail/").map(|rest| ("", rest)))?;
    let mut parts = below.split('/').skip(1);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next()?;
    Timestamp::parse(&format!("{year}-{month}-{day}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_too_old_when_its_day_ended_before() {
        let since = Timestamp::parse("2026-08-02T00:00:00Z");
        let old = |day: &str| is_too_old(&format!("x/AWSLogs/o-1/111122223333/CloudTrail/eu-west-1/2026/{day}/a.json.gz"), since);
        assert!(old("08/01") && old("07/31") && !old("08/02") && !old("09/01"));
        assert!(!is_too_old("x/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/07/31/a", None));
        assert!(!is_too_old("2026/07/31/a.json", since) && !is_too_old("CloudTrail/eu-west-1/a/b/c/d.json", since));
        assert!(is_too_old("CloudTrail/eu-west-1/2026/07/31/d.json", since));
        assert!(is_too_old("x/CloudTrail/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/07/31/a", since));
    }
}
