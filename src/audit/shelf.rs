//! The directory of the sealed log, as a trait, so that tests can make it fail; and the real one.
//!
//! Invariant: what was published was durable before, with all that was written before it; a failed sync is never retried.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Paths are relative to the directory.
pub(super) trait Shelf: Send + 'static {
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    fn exists(&self, path: &str) -> bool;
    /// Writes a whole file; durable after the next [`Shelf::sync`].
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Replaces a file in one step, durably.
    fn publish(&mut self, path: &str, bytes: &[u8]) -> Result<(), PublishError>;
    /// Lets go of what was written and not synced: it will be written again.
    fn forget(&mut self);
    /// Removes a directory with the files in it, if it is there.
    fn clear(&mut self, path: &str) -> io::Result<()>;
}

/// What may be tried again, and what may not.
#[derive(Debug)]
pub(super) enum PublishError {
    Write(io::Error),
    Sync(io::Error),
}

/// Files that may wait to be synced, so that descriptors are bounded.
const MOST_UNSYNCED: usize = 64;

pub(super) struct RealShelf {
    root: PathBuf,
    unsynced: Vec<File>,
    /// Directories that have new names in them; open already, so that a sync needs no descriptor that may not be had.
    changed: BTreeMap<PathBuf, File>,
}

impl RealShelf {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        make_directory(root, 0o700)?;
        Ok(Self { root: root.to_owned(), unsynced: Vec::new(), changed: BTreeMap::new() })
    }

    fn create(&mut self, path: &str) -> io::Result<File> {
        let whole = self.root.join(path);
        // Entries are the auditor's; hashes and heads are for everybody whom the directory's own mode lets in.
        let (file_mode, directory_mode) = if path.starts_with("tile/entries") { (0o600, 0o700) } else { (0o644, 0o755) };
        if let Some(parent) = whole.parent() {
            make_directory(parent, directory_mode)?;
            if !self.changed.contains_key(parent) {
                self.changed.insert(parent.to_owned(), File::open(parent)?);
            }
        }
        OpenOptions::new().write(true).create(true).truncate(true).mode(file_mode).open(whole)
    }
}

impl Shelf for RealShelf {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.root.join(path))
    }

    fn exists(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file = self.create(path)?;
        file.write_all(bytes)?;
        self.unsynced.push(file);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        for file in self.unsynced.drain(..) {
            file.sync_data()?;
        }
        while let Some((_, directory)) = self.changed.pop_first() {
            directory.sync_all()?;
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.unsynced.clear();
    }

    fn publish(&mut self, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
        let fresh = format!("{path}.new");
        let mut file = self.create(&fresh).map_err(PublishError::Write)?;
        file.write_all(bytes).map_err(PublishError::Write)?;
        file.sync_all().map_err(PublishError::Sync)?;
        fs::rename(self.root.join(&fresh), self.root.join(path)).map_err(PublishError::Write)?;
        self.sync().map_err(PublishError::Sync)
    }

    fn clear(&mut self, path: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.root.join(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

/// Whether more should be synced before more is written.
pub(super) fn is_much(files: usize) -> bool {
    files >= MOST_UNSYNCED
}

/// Makes a directory and those above it, each name durable.
fn make_directory(directory: &Path, mode: u32) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let Some(parent) = directory.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return DirBuilder::new().mode(mode).create(directory);
    };
    make_directory(parent, mode)?;
    match DirBuilder::new().mode(mode).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    File::open(parent)?.sync_all()
}
