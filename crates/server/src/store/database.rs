//! Opens the database, brings its schema up to date, and knows what differs between SQLite and PostgreSQL.
//!
//! SQLite has one writer at a time, so all changes go through a pool of one connection and wait there in a fair queue instead
//! of failing as busy; readers have connections of their own and see the last complete state (WAL). Every commit is on disk
//! before it returns (`synchronous = FULL`). SQL is written once, with `$1` and with types that both databases have.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AnyPool, AssertSqlSafe, Connection, Executor, SqlSafeStr};

use super::StoreError;
use super::change::Writing;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file.
    Sqlite(PathBuf),
    /// The address of a PostgreSQL database, with a password perhaps.
    Postgres(String),
}

impl Location {
    /// Reads `sqlite:PATH` or `postgres://…`.
    ///
    /// # Errors
    /// When it is neither; the message says what is expected.
    pub fn parse(text: &str) -> Result<Location, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.is_empty() {
                Err("`sqlite:` wants a file behind it".to_owned())
            } else {
                Ok(Location::Sqlite(path.into()))
            };
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::Postgres(text.to_owned()));
        }
        Err(format!(
            "`{}` is no database: write sqlite:FILE or postgres://USER@HOST/NAME",
            text.split('@').next_back().unwrap_or(text)
        ))
    }

    pub(super) fn url(&self) -> String {
        match self {
            Location::Postgres(url) => url.clone(),
            Location::Sqlite(path) => {
                let mut url = "sqlite:".to_owned();
                for byte in path.to_string_lossy().bytes() {
                    match byte {
                        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => url.push(char::from(byte)),
                        _ => url.push_str(&format!("%{byte:02X}")),
                    }
                }
                url + "?mode=rwc"
            }
        }
    }
}

/// Without the password.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Location::Postgres(url) => {
                write!(
                    f,
                    "postgres://{}",
                    url.split("://").nth(1).and_then(|rest| rest.split('@').next_back()).unwrap_or_default()
                )
            }
        }
    }
}

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Everything that is kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    reads: AnyPool,
    writes: AnyPool,
    dialect: Dialect,
    location: Location,
}

const FIRST: &str = include_str!("../../migrations/0001_first.sql");
const PUBLICATION: &str = include_str!("../../migrations/0011_publication.sql");
const EVENTS_OUT: &str = include_str!("../../migrations/0010_events_out.sql");
const LIMITS: &str = include_str!("../../migrations/0020_limits.sql");
const ACCOUNT_HISTORY: &str = include_str!("../../migrations/0012_account_history.sql");
/// For how long a request waits for a connection before it is told that the store is unreachable.
const PATIENCE: Duration = Duration::from_secs(8);
static DRIVERS: Once = Once::new();

/// Tells the library once which databases there are.
pub(super) fn install_drivers() {
    DRIVERS.call_once(sqlx::any::install_default_drivers);
}

impl Store {
    /// Opens a store, makes it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened, or was made by a newer version.
    pub async fn open(location: &Location) -> Result<Store, StoreError> {
        install_drivers();
        let _alone = match location {
            Location::Sqlite(path) => Some(alone(path).await?),
            // PostgreSQL has locks of its own for this, which the migrations take.
            Location::Postgres(_) => None,
        };
        let dialect = match location {
            Location::Sqlite(path) => {
                only_for_the_owner(path).map_err(|error| StoreError::Unreachable(format!("{}: {error}", path.display())))?;
                Dialect::Sqlite
            }
            Location::Postgres(_) => Dialect::Postgres,
        };
        let options = AnyConnectOptions::from_str(&location.url())?;
        let (readers, writers) = match dialect {
            Dialect::Sqlite => (4, 1),
            Dialect::Postgres => (8, 8),
        };
        let writes = pool(dialect, writers, WRITER_CACHE).connect_with(options.clone()).await?;
        migrate(dialect, &writes).await?;
        let reads = pool(dialect, readers, READER_CACHE).connect_with(options).await?;
        Ok(Store { inner: Arc::new(Inner { reads, writes, dialect, location: location.clone() }) })
    }

    /// Which database it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.inner.dialect
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.inner.location
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(self.reads()).await?;
        Ok(())
    }

    /// Writes what is still in memory, and lets go of the database.
    pub async fn close(&self) {
        self.inner.reads.close().await;
        self.inner.writes.close().await;
    }

    pub(super) fn reads(&self) -> &AnyPool {
        &self.inner.reads
    }

    /// Begins to read several things of one moment.
    pub(super) async fn reading(&self) -> Result<Writing, StoreError> {
        Ok(match self.inner.dialect {
            Dialect::Sqlite => self.inner.reads.begin().await?,
            Dialect::Postgres => self.inner.reads.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?,
        })
    }

    /// Begins to write. On SQLite there is one writer at a time, and the lock is taken at once: a transaction that begins by
    /// reading could otherwise find that what it read is out of date when it writes.
    pub(super) async fn writing(&self) -> Result<Writing, StoreError> {
        Ok(match self.inner.dialect {
            Dialect::Sqlite => self.inner.writes.begin_with("BEGIN IMMEDIATE").await?,
            Dialect::Postgres => self.inner.writes.begin().await?,
        })
    }
}

/// Pages that SQLite keeps in memory for the one connection that writes, in KiB: an analysis writes all over the indices.
const WRITER_CACHE: u32 = 96 << 10;
/// The same for each of those that read; the rest is in the memory of the operating system.
const READER_CACHE: u32 = 24 << 10;

fn pool(dialect: Dialect, connections: u32, cache: u32) -> AnyPoolOptions {
    let options = AnyPoolOptions::new().max_connections(connections).acquire_timeout(PATIENCE);
    // When the disk is full SQLite ends the transaction by itself; the library still believes that there is one then, and such a
    // connection would refuse every change from then on. The ping lets a rollback that is under way end first.
    let options = options.after_release(|connection, _| {
        Box::pin(async move {
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    });
    options.after_connect(move |connection, _| {
        Box::pin(async move {
            let settings = match dialect {
                // The log is taken over after 32 MiB, since an analysis writes the same pages again and again, and cut back after 64 MiB.
                Dialect::Sqlite => format!(
                    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 8000; PRAGMA cache_size = -{cache}; \
                     PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = FILE"
                ),
                Dialect::Postgres => {
                    "SET synchronous_commit = on; SET lock_timeout = '8s'; SET statement_timeout = '600s'".to_owned()
                }
            };
            connection.execute(AssertSqlSafe(settings)).await?;
            Ok(())
        })
    })
}

async fn migrate(dialect: Dialect, pool: &AnyPool) -> Result<(), StoreError> {
    let (key, bytes) = match dialect {
        Dialect::Sqlite => ("INTEGER PRIMARY KEY NOT NULL", ""),
        Dialect::Postgres => ("BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", " COLLATE \"C\""),
    };
    let migration = |version: i64, name: &'static str, sql: &str| {
        let sql = AssertSqlSafe(sql.replace("{id}", key).replace("{bytes}", bytes)).into_sql_str();
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    };
    let migrator = Migrator {
        migrations: Cow::Owned(vec![
            migration(1, "first", FIRST),
            migration(10, "events out", EVENTS_OUT),
            migration(11, "publication", PUBLICATION),
            migration(12, "account history", ACCOUNT_HISTORY),
            migration(20, "limits", LIMITS),
        ]),
        ..Migrator::DEFAULT
    };
    migrator.run(pool).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::Execute(error) => StoreError::from(error),
        sqlx::migrate::MigrateError::VersionMissing(version) => {
            StoreError::Unexpected(format!("the store is of a newer version (step {version}); use that version of leastwise"))
        }
        other => StoreError::Unexpected(other.to_string()),
    })
}

/// Waits until no other process opens the same store: two that begin at once would both bring its schema up to date. The lock is on a
/// file beside the store, since closing a file lets go of all locks that SQLite has on it.
async fn alone(path: &Path) -> Result<std::fs::File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let (path, began) = (PathBuf::from(name), std::time::Instant::now());
    let of_disk = |error: std::io::Error| StoreError::Unreachable(format!("{}: {error}", path.display()));
    only_for_the_owner(&path).map_err(of_disk)?;
    let file = std::fs::OpenOptions::new().write(true).open(&path).map_err(of_disk)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) if began.elapsed() < OPEN_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Unreachable("another process has been opening the store for a minute".to_owned()));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(of_disk(error)),
        }
    }
}

/// For how long one process waits for another that opens the same store.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// Takes what others than the owner may do with a store and its logs away, and says so: it holds secrets.
#[cfg(unix)]
fn mend_permissions(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        let path = PathBuf::from(name);
        let mode = match std::fs::metadata(&path) {
            Ok(facts) => facts.permissions().mode(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if mode & 0o077 != 0 {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode & 0o700)).map_err(|error| {
                let why = format!("others than its owner may read or change it, and that cannot be mended: {error}");
                std::io::Error::new(error.kind(), why)
            })?;
            tracing::warn!(
                file = %path.display(),
                "others could read or change the store, which holds the secrets of keys; now its owner alone can. Keys may be known to others"
            );
        }
    }
    Ok(())
}

/// Makes the file, for its owner alone: it holds secrets. One that is there and open to others is mended.
pub(super) fn only_for_the_owner(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    mend_permissions(path)?;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map(drop)
}
