//! The folder of a rollup: one writer at a time, and changes that happen wholly or not at all.
//!
//! New files are staged beside the old ones; a journal that is renamed into place decides that they count, and is carried
//! out again by whoever opens the folder after a run that was killed. Before the journal stands nothing has happened.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::RollupError;
use super::merge::in_parallel;

pub(crate) const STAGING: &str = ".staging";
/// What is decided and perhaps not yet done.
pub(crate) const JOURNAL: &str = ".journal";
/// Held by whoever writes, shared by whoever reads.
pub(crate) const LOCK: &str = ".lock";
/// The last line of a whole journal.
const END: &str = "end";
/// How many files are pushed to the disk at a time; it waits for the disk, not for processors.
const SYNCS: usize = 16;

/// Files of so many bytes take the disk long enough to begin with before the change is made.
#[cfg(target_os = "linux")]
const LARGE: u64 = 32 << 10;

/// The folder, opened for writing.
pub(crate) struct Store {
    folder: PathBuf,
    _lock: File,
}

/// Opens the folder for reading; whoever writes at the moment makes it an error.
pub(crate) fn reading(folder: &Path) -> Result<Option<File>, RollupError> {
    if !folder.is_dir() {
        let error = io::Error::new(ErrorKind::NotFound, "there is no such folder");
        return Err(RollupError::io("read", folder, &error));
    }
    // Where nobody ever wrote, or nobody can, there is no lock to wait for.
    let lock = File::open(folder.join(LOCK)).ok();
    if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock_shared) {
        return Err(RollupError::Busy { folder: folder.to_owned() });
    }
    if folder.join(JOURNAL).exists() {
        return Err(RollupError::Interrupted { folder: folder.to_owned() });
    }
    Ok(lock)
}

impl Store {
    /// Opens the folder, makes it when it is not there, and ends what a killed run began.
    pub(crate) fn open(folder: &Path) -> Result<Store, RollupError> {
        let io = |error: io::Error| RollupError::io("write", folder, &error);
        fs::create_dir_all(folder).map_err(io)?;
        let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RollupError::Busy { folder: folder.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        let store = Store { folder: folder.to_owned(), _lock: lock };
        store.carry_out()?;
        match fs::remove_dir_all(store.folder.join(STAGING)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(error)),
            _ => Ok(store),
        }
    }

    /// Where a file of the rollup stands.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Begins a change.
    pub(crate) fn stage(&self) -> Result<Stage<'_>, RollupError> {
        let folder = self.folder.join(STAGING);
        fs::create_dir_all(&folder).map_err(|error| RollupError::io("write", &folder, &error))?;
        Ok(Stage { store: self, next: AtomicU64::new(0), files: Mutex::default() })
    }

    /// Does what the journal says, when there is one.
    fn carry_out(&self) -> Result<(), RollupError> {
        let journal = self.folder.join(JOURNAL);
        let text = match fs::read_to_string(&journal) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(RollupError::io("read", &journal, &error)),
        };
        let damaged = |message: &str| RollupError::Damaged { path: journal.clone(), message: message.to_owned() };
        let text = text.strip_suffix(END).ok_or_else(|| damaged("its end is missing"))?;
        let mut folders = BTreeSet::from([self.folder.clone()]);
        for line in text.lines() {
            let (staged, name) = line.split_once('\t').ok_or_else(|| damaged("it has a line without a name"))?;
            let (from, to) = (self.folder.join(STAGING).join(staged), self.folder.join(name));
            let io = |error: io::Error| RollupError::io("write", &to, &error);
            if let Some(parent) = to.parent()
                && folders.insert(parent.to_owned())
            {
                fs::create_dir_all(parent).map_err(io)?;
                folders.extend(parent.parent().map(Path::to_owned));
            }
            match fs::rename(&from, &to) {
                // It was moved before the run was killed.
                Err(error) if error.kind() == ErrorKind::NotFound && to.exists() => {}
                other => other.map_err(io)?,
            }
        }
        let folders: Vec<PathBuf> = folders.into_iter().collect();
        synced(&folders)?;
        fs::remove_file(&journal).map_err(|error| RollupError::io("write", &journal, &error))
    }
}

/// Waits until files or folders are on the disk.
fn synced(paths: &[PathBuf]) -> Result<(), RollupError> {
    let sync = |path: &PathBuf| {
        File::open(path).and_then(|file| file.sync_all()).map_err(|error| RollupError::io("write", path, &error))
    };
    in_parallel(SYNCS, paths, sync).into_iter().collect()
}

/// A change that is being made.
pub(crate) struct Stage<'s> {
    store: &'s Store,
    next: AtomicU64,
    /// Staged names, and what they are to be called.
    files: Mutex<Vec<(u64, String)>>,
}

impl Stage<'_> {
    /// Where the file of that name stands before the change.
    pub(crate) fn current(&self, name: &str) -> PathBuf {
        self.store.path(name)
    }

    /// What the file of that name holds before the change; none when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, RollupError> {
        match fs::read(self.current(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RollupError::io("read", &self.current(name), &error)),
        }
    }

    /// An error with the file of that name.
    pub(crate) fn error(&self, name: &str, error: &io::Error) -> RollupError {
        match error.kind() {
            ErrorKind::InvalidData | ErrorKind::UnexpectedEof => {
                RollupError::Damaged { path: self.current(name), message: error.to_string() }
            }
            _ => RollupError::io("write", &self.current(name), error),
        }
    }

    /// Makes a file that the change puts in the place of that name.
    pub(crate) fn create(&self, name: &str) -> Result<Staged<'_>, RollupError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.store.folder.join(STAGING).join(number.to_string());
        let file = File::create(&path).map_err(|error| self.error(name, &error))?;
        Ok(Staged { stage: self, name: name.to_owned(), number, path, file })
    }

    /// Makes a file of these bytes.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), RollupError> {
        let mut staged = self.create(name)?;
        staged.writer().write_all(bytes).map_err(|error| self.error(name, &error))?;
        staged.finish()
    }

    /// Removes what was staged; the change is not to be made.
    pub(crate) fn discard(&self) {
        let staging = self.store.folder.join(STAGING);
        for (number, _) in self.files.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            // What stays is removed with the folder.
            let _ = fs::remove_file(staging.join(number.to_string()));
        }
    }

    /// Makes the change.
    pub(crate) fn commit(self) -> Result<(), RollupError> {
        let mut files = self.files.into_inner().unwrap_or_else(PoisonError::into_inner);
        files.sort_by(|a, b| a.1.cmp(&b.1));
        let folder = &self.store.folder;
        let staging = folder.join(STAGING);
        let mut paths: Vec<PathBuf> = files.iter().map(|(number, _)| staging.join(number.to_string())).collect();
        paths.push(staging.clone());
        synced(&paths)?;
        let lines: String = files.iter().map(|(number, name)| format!("{number}\t{name}\n")).collect();
        let draft = staging.join("journal");
        let journal = folder.join(JOURNAL);
        let write = || -> io::Result<()> {
            let mut file = File::create(&draft)?;
            file.write_all(lines.as_bytes())?;
            file.write_all(END.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &journal)?;
            File::open(folder)?.sync_all()
        };
        write().map_err(|error| RollupError::io("write", &journal, &error))?;
        self.store.carry_out()
    }
}

/// A file that is being staged.
pub(crate) struct Staged<'s> {
    stage: &'s Stage<'s>,
    name: String,
    number: u64,
    path: PathBuf,
    file: File,
}

impl Staged<'_> {
    pub(crate) fn writer(&mut self) -> &mut File {
        &mut self.file
    }

    /// Says that it is whole.
    pub(crate) fn finish(self) -> Result<(), RollupError> {
        // The system begins to bring it to the disk, so that less is left to wait for when the change is made. What is not yet
        // there is not left out of the memory, but written first. Where that cannot be asked for, nothing is lost.
        #[cfg(target_os = "linux")]
        if self.file.metadata().is_ok_and(|facts| facts.len() >= LARGE) {
            let _ = rustix::fs::fadvise(&self.file, 0, None, rustix::fs::Advice::DontNeed);
        }
        let mut files = self.stage.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.push((self.number, self.name));
        Ok(())
    }

    /// Leaves it out of the change.
    pub(crate) fn discard(self) {
        // What stays is removed with the folder.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let path = std::env::temp_dir().join(format!("leastwise-store-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Place(path)
        }

        fn text(&self, name: &str) -> Option<String> {
            fs::read_to_string(self.0.join(name)).ok()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_change_happens_wholly_and_one_that_is_not_committed_not_at_all() {
        let place = Place::new("change");
        let store = Store::open(&place.0).unwrap();
        let stage = store.stage().unwrap();
        stage.put("a", b"1").unwrap();
        stage.put("b/c", b"1").unwrap();
        stage.commit().unwrap();
        let stage = store.stage().unwrap();
        stage.put("a", b"2").unwrap();
        drop(stage);
        drop(store);
        let store = Store::open(&place.0).unwrap();
        assert_eq!((place.text("a").as_deref(), place.text("b/c").as_deref()), (Some("1"), Some("1")));
        assert!(!place.0.join(STAGING).exists());
        drop(store);
    }

    #[test]
    fn what_was_decided_is_carried_out_after_a_kill_at_any_step() {
        for moved in 0..=2 {
            let place = Place::new(&format!("kill{moved}"));
            let store = Store::open(&place.0).unwrap();
            let staging = place.0.join(STAGING);
            fs::create_dir_all(&staging).unwrap();
            fs::create_dir_all(place.0.join("b")).unwrap();
            // As a kill leaves it behind the decision: some files moved, others not.
            for (at, name) in ["a", "b/c"].iter().enumerate() {
                let path = if at < moved { place.0.join(name) } else { staging.join(at.to_string()) };
                fs::write(path, "new").unwrap();
            }
            fs::write(place.0.join(JOURNAL), "0\ta\n1\tb/c\nend").unwrap();
            drop(store);
            assert!(matches!(reading(&place.0), Err(RollupError::Interrupted { .. })));
            drop(Store::open(&place.0).unwrap());
            assert_eq!((place.text("a").as_deref(), place.text("b/c").as_deref()), (Some("new"), Some("new")));
            assert!(reading(&place.0).is_ok());
        }
    }

    #[test]
    fn there_is_one_writer_at_a_time() {
        let place = Place::new("lock");
        let store = Store::open(&place.0).unwrap();
        assert!(matches!(Store::open(&place.0), Err(RollupError::Busy { .. })));
        assert!(matches!(reading(&place.0), Err(RollupError::Busy { .. })));
        drop(store);
        assert!(Store::open(&place.0).is_ok());
    }
}
