//! Copies of a store in SQLite: made while it is in use, and put back when it is not.
//!
//! A copy is checked before it takes the place of anything, and what was there is kept. PostgreSQL has its own tools for this
//! (`pg_dump`), and better ones.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Connection, Row, query};

use super::{Location, Store, StoreError};

fn file(location: &Location) -> Result<&Path, StoreError> {
    match location {
        Location::Sqlite(path) => Ok(path),
        Location::Postgres(_) => {
            Err(StoreError::Unexpected("a store in PostgreSQL is copied with `pg_dump` and `pg_restore`".to_owned()))
        }
    }
}

async fn connection(path: &Path) -> Result<AnyConnection, StoreError> {
    super::database::install_drivers();
    if !path.is_file() {
        return Err(StoreError::missing("file", path.display().to_string()));
    }
    Ok(AnyConnectOptions::from_str(&Location::Sqlite(path.to_owned()).url())?.connect().await?)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn of_disk(path: &Path) -> impl Fn(std::io::Error) -> StoreError + '_ {
    |error| StoreError::Unreachable(format!("{}: {error}", path.display()))
}

/// Writes a consistent copy of a store, which may be in use, to a file that does not exist yet. Says its size in bytes.
///
/// # Errors
/// When there is no such store, the file exists, or there is no room.
pub async fn backup(location: &Location, out: &Path) -> Result<u64, StoreError> {
    let path = file(location)?;
    if out.exists() {
        return Err(StoreError::Exists { what: "file", id: out.display().to_string() });
    }
    let part = beside(out, ".part");
    std::fs::remove_file(&part).ok();
    // Made beforehand, so that nobody else can read it while it is written.
    super::database::only_for_the_owner(&part).map_err(of_disk(&part))?;
    let copied = async {
        let mut connection = connection(path).await?;
        query("VACUUM INTO $1").bind(part.display().to_string()).execute(&mut connection).await?;
        connection.close().await?;
        std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(of_disk(&part))?;
        std::fs::rename(&part, out).map_err(of_disk(out))
    };
    if let Err(error) = copied.await {
        std::fs::remove_file(&part).ok();
        return Err(error);
    }
    Ok(std::fs::metadata(out).map_err(of_disk(out))?.len())
}

/// Puts a copy in the place of a store that nobody uses. What was there is kept beside it; where it is, is returned.
///
/// # Errors
/// When the copy is damaged or of a newer version, or the store is in use. Nothing is changed then.
pub async fn restore(from: &Path, location: &Location) -> Result<Option<PathBuf>, StoreError> {
    let path = file(location)?;
    let part = beside(path, ".restored");
    drop(connection(from).await?.close().await);
    std::fs::remove_file(&part).ok();
    super::database::only_for_the_owner(&part).map_err(of_disk(&part))?;
    std::fs::copy(from, &part).map_err(of_disk(&part))?;
    let checked = async {
        let mut copy = connection(&part).await?;
        let said: String = query("PRAGMA integrity_check(1)").fetch_one(&mut copy).await?.try_get(0)?;
        copy.close().await?;
        if said != "ok" {
            return Err(StoreError::Unexpected(format!("{} is damaged: {said}", from.display())));
        }
        let store = Store::open(&Location::Sqlite(part.clone())).await?;
        store.analyzers(None, 1).await?;
        store.close().await;
        if path.exists() { unused(path).await } else { Ok(()) }
    };
    if let Err(error) = checked.await {
        for ending in ["", "-wal", "-shm", ".lock"] {
            std::fs::remove_file(beside(&part, ending)).ok();
        }
        return Err(error);
    }
    let kept = path.exists().then(|| beside(path, ".before-restore"));
    if let Some(kept) = &kept {
        std::fs::rename(path, kept).map_err(of_disk(path))?;
        for ending in ["-wal", "-shm"] {
            std::fs::remove_file(beside(path, ending)).ok();
        }
    }
    std::fs::rename(&part, path).map_err(of_disk(path))?;
    for ending in ["-wal", "-shm", ".lock"] {
        std::fs::remove_file(beside(&part, ending)).ok();
    }
    Ok(kept)
}

/// Sees that nobody has the store open, and brings its log into the file. Whoever uses a store holds a shared lock all the time.
async fn unused(path: &Path) -> Result<(), StoreError> {
    let mut alone = connection(path).await?;
    for statement in ["PRAGMA busy_timeout = 200", "PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA journal_mode = DELETE"] {
        query(statement).fetch_all(&mut alone).await.map_err(|error| match StoreError::from(error) {
            StoreError::Unreachable(_) => in_use(path),
            other => other,
        })?;
    }
    // It stays as it is, without complaint, where somebody else has the file open.
    let mode: String = query("PRAGMA journal_mode").fetch_one(&mut alone).await?.try_get(0)?;
    alone.close().await?;
    if mode == "delete" { Ok(()) } else { Err(in_use(path)) }
}

fn in_use(path: &Path) -> StoreError {
    StoreError::Unreachable(format!("{} is in use; stop the server first", path.display()))
}
