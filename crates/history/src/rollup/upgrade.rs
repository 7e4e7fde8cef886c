//! Brings a rollup of an earlier version of the layout to the present one.
//!
//! Happens by itself at the next ingest, as one change that happens wholly or not at all. Readers need no upgrade: what a
//! column of today says of an older file is told in `table`.
//!
//! Versions 1 and 2 had no `principalId` (taken to be untold: names count) and no `accessKeyId` (untold: any key of a user).
//! Version 1 had no `mayTag` (taken to be true: the calls may have set tags) and no `resourceLevel` (0: it kept no patterns).
//! Version 2 had no changes of trails and no types of data events in its coverage (`cover`): any trail may have been
//! changed on its days, so that descriptions hold for later ones only, and less is concluded.

use std::fs;
use std::path::{Path, PathBuf};

use super::merge::in_parallel;
use super::row::merge;
use super::store::Stage;
use super::table::{Table, encode};
use super::{MARK, RollupError, mark};

/// The files of calls in a rollup: account, day, path; sorted.
pub(crate) fn partitions(folder: &Path) -> Result<Vec<(String, String, PathBuf)>, RollupError> {
    let calls = folder.join("calls");
    let mut found = Vec::new();
    if !calls.is_dir() {
        return Ok(found);
    }
    for account in names(&calls)? {
        let of_account = calls.join(&account);
        for name in names(&of_account)? {
            if let Some(day) = name.strip_suffix(".parquet") {
                found.push((account.clone(), day.to_owned(), of_account.join(&name)));
            }
        }
    }
    Ok(found)
}

/// The names in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, RollupError> {
    let io = |error: std::io::Error| RollupError::io("read", folder, &error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Stages the whole rollup anew.
pub(crate) fn stage_all(folder: &Path, stage: &Stage<'_>, threads: usize) -> Result<(), RollupError> {
    let all = partitions(folder)?;
    let upgrade = |(account, day, path): &(String, String, PathBuf)| {
        let damaged = |message: String| RollupError::Damaged { path: path.clone(), message };
        let bytes = fs::read(path).map_err(|error| RollupError::io("read", path, &error))?;
        let table = Table::read(bytes).map_err(damaged)?;
        let rows = merge(table.rows().map_err(damaged)?);
        let known = (account != "unknown").then_some(account.as_str());
        let bytes = encode(known, day, &rows).map_err(damaged)?;
        stage.put(&format!("calls/{account}/{day}.parquet"), &bytes)
    };
    in_parallel(threads, &all, upgrade).into_iter().collect::<Result<(), _>>()?;
    stage.put(MARK, mark().as_bytes())
}
