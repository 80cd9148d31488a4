//! What the journal asks of a disk, as a trait, so that tests can pull the plug; and the real disk.
//!
//! Invariant: segments are 0600 in a directory of 0700; nothing here retries a failed sync.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

/// A directory with segments.
pub(super) trait Disk: Send + 'static {
    type File: SegmentFile;

    fn list(&self) -> io::Result<Vec<String>>;
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;
    /// The last bytes of a file, at most `longest`.
    fn read_end(&self, name: &str, longest: usize) -> io::Result<Vec<u8>>;
    /// Makes a file that was not there.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Opens a file for writing.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, which no file may have.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes the names of new files durable.
    fn sync_directory(&self) -> io::Result<()>;
}

pub(super) trait SegmentFile: Send + 'static {
    /// Makes the file `length` long; what is new reads as zeros and has its room on the disk.
    fn allocate(&mut self, length: u64) -> io::Result<()>;
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// fdatasync: when it has returned, all that was written before outlives the power.
    fn sync(&mut self) -> io::Result<()>;
}

/// What the next segment is called while its room is being taken.
pub(super) const NEXT: &str = "next";

/// The name of the segment whose first entry has this sequence.
pub(super) fn segment_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The first sequence of the segment that has this name, if it is one.
pub(super) fn first_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".log")?;
    let fits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

pub(super) struct RealDisk {
    directory: PathBuf,
    handle: File,
    /// A descriptor to give up when there is none left for the next segment.
    reserve: Mutex<Option<File>>,
}

impl RealDisk {
    /// Makes the directory if it is not there, and closes it to others.
    pub(super) fn open(directory: &Path) -> io::Result<Self> {
        create_durably(directory)?;
        let mut permissions = fs::metadata(directory)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            permissions.set_mode(0o700);
            fs::set_permissions(directory, permissions)?;
        }
        let reserve = Mutex::new(File::open(directory).ok());
        Ok(Self { directory: directory.to_owned(), handle: File::open(directory)?, reserve })
    }
}

/// Makes a directory and those above it, each name synced.
fn create_durably(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    DirBuilder::new().mode(0o700).create(directory)?;
    File::open(parent)?.sync_all()
}

impl Disk for RealDisk {
    type File = RealFile;

    fn list(&self) -> io::Result<Vec<String>> {
        list(&self.directory)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.directory.join(name))
    }

    fn read_end(&self, name: &str, longest: usize) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.directory.join(name))?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(longest as u64)))?;
        let mut bytes = Vec::new();
        file.take(longest as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&self, name: &str) -> io::Result<RealFile> {
        let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(self.directory.join(name));
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match create() {
            Err(error) if is_out_of_descriptors(&error) && reserve.take().is_some() => create()?,
            created => created?,
        };
        if reserve.is_none() {
            *reserve = File::open(&self.directory).ok();
        }
        Ok(RealFile(file))
    }

    fn open(&self, name: &str) -> io::Result<RealFile> {
        Ok(RealFile(OpenOptions::new().write(true).open(self.directory.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// The process has as many files open as it may, or the machine has.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// The names in a directory; those that are not text are nobody's segments.
pub(super) fn list(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

pub(super) struct RealFile(File);

impl SegmentFile for RealFile {
    fn allocate(&mut self, length: u64) -> io::Result<()> {
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, length)) {
            Err(Errno::OPNOTSUPP) => self.fill(length),
            result => Ok(result?),
        }
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl RealFile {
    /// For file systems without fallocate: writes the zeros.
    fn fill(&mut self, length: u64) -> io::Result<()> {
        let written = self.0.seek(SeekFrom::End(0))?;
        io::copy(&mut io::repeat(0).take(length.saturating_sub(written)), &mut self.0)?;
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_named_by_its_first_sequence_in_twenty_digits() {
        assert_eq!(segment_name(1), "00000000000000000001.log");
        assert_eq!(first_sequence("00000000000000000042.log"), Some(42));
        for other in ["42.log", "00000000000000000042.log.torn-1", "+0000000000000000042.log", "99999999999999999999.log", ".."] {
            assert_eq!(first_sequence(other), None, "{other}");
        }
    }

    #[test]
    fn directory_and_files_are_closed_to_others() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("audit/journal");
        let disk = RealDisk::open(&directory).unwrap();
        disk.create("x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join("x")), 0o600);

        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        RealDisk::open(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
    }

    #[test]
    fn a_real_file_allocates_writes_cuts_and_reads_its_end() {
        let temporary = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(temporary.path()).unwrap();
        let mut file = disk.create("x").unwrap();
        assert!(disk.create("x").is_err(), "a file is never made twice");
        file.allocate(8).unwrap();
        file.write(2, b"abc").unwrap();
        assert_eq!(disk.read("x").unwrap(), b"\0\0abc\0\0\0");
        file.truncate(5).unwrap();
        file.fill(7).unwrap();
        file.sync().unwrap();
        disk.sync_directory().unwrap();
        assert_eq!(disk.read("x").unwrap(), b"\0\0abc\0\0");
        assert_eq!(disk.read_end("x", 3).unwrap(), b"c\0\0");
        assert_eq!(disk.read_end("x", 100).unwrap().len(), 7);
        disk.rename("x", "y").unwrap();
        assert_eq!(disk.list().unwrap(), ["y"]);
        disk.remove("y").unwrap();
        assert!(disk.list().unwrap().is_empty() && disk.remove("y").is_err());
    }

    #[test]
    fn a_sync_asks_the_kernel() {
        // A pipe cannot be synced, and only the kernel says so (fdatasync(2), EINVAL).
        let pipe = || File::from(std::os::fd::OwnedFd::from(io::pipe().unwrap().1));
        assert!(RealFile(pipe()).sync().is_err());
        assert!(RealDisk { directory: PathBuf::new(), handle: pipe(), reserve: Mutex::default() }.sync_directory().is_err());
        let temporary = tempfile::tempdir().unwrap();
        let disk = RealDisk::open(temporary.path()).unwrap();
        disk.create("x").unwrap().sync().unwrap();
        disk.sync_directory().unwrap();
    }
}
