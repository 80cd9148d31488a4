//! Reads files of a log that somebody else may have made.
//!
//! Invariant: only regular files are read, and no more of them than such a file may have, so that a copy with a pipe, a device or a file without
//! end in it is refused, and neither waited for nor kept in memory.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// 256 entries, each with two bytes of length before it (C2SP tlog-tiles).
pub(super) const BUNDLE: u64 = 256 * (2 + 65_535);
/// Heads, notes and lists of them.
pub(super) const NOTES: u64 = 1 << 20;

/// Opens a regular file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // A pipe that nobody writes to is opened at once.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidData, "it is no regular file")) }
}

/// The whole of a file that has at most so many bytes.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {most} bytes, which no such file has")));
    }
    Ok(bytes)
}

/// The same for text.
pub(super) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_or_is_no_file_is_refused_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let (file, pipe) = (directory.path().join("file"), directory.path().join("pipe"));
        std::fs::write(&file, "12345").unwrap();
        assert_eq!(read(&file, 5).unwrap(), b"12345");
        assert!(read(&file, 4).unwrap_err().to_string().contains("more than 4 bytes"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        for odd in [pipe.as_path(), Path::new("/dev/zero"), directory.path()] {
            assert_eq!(read(odd, 5).unwrap_err().to_string(), "it is no regular file", "{}", odd.display());
        }
        assert_eq!(read(&directory.path().join("none"), 5).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, [0xff]).unwrap();
        assert!(read_text(&file, 5).unwrap_err().to_string().contains("UTF-8"));
    }
}
