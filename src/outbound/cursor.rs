//! How far a sink's receiver surely has the log, in a small file that is replaced whole.
//!
//! Invariant: after a crash the file says what it said before or after the last save; which record stands there is known by its hash, so that
//! a log that was cut or changed beneath the cursor is found.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::files;

/// A record of the log; the sequence 0 stands before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub sequence: u64,
    /// Of zeros where it is not known: before the first record, and where the record was dropped before it was sent.
    pub leaf: [u8; 32],
}

#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    place: Place,
    missed: u64,
}

#[derive(Serialize, Deserialize)]
struct Written {
    sequence: u64,
    leaf: String,
    #[serde(default)]
    missed: u64,
}

impl Cursor {
    /// That of the sink `name`; one that was never saved stands before the first record.
    pub fn open(directory: &Path, name: &str) -> io::Result<Self> {
        let path = directory.join(format!("{name}.json"));
        let (place, missed) = match fs::read(&path) {
            Ok(bytes) => read(&bytes).ok_or_else(|| damaged(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Place::default(), 0),
            Err(error) => return Err(error),
        };
        Ok(Self { path, place, missed })
    }

    pub fn place(&self) -> Place {
        self.place
    }

    /// How many records were dropped before the receiver got them.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The same where the receiver has the log up to `place`; it stays where it was if that cannot be written down.
    pub fn moved_to(self, place: Place) -> (Self, io::Result<()>) {
        let missed = self.missed;
        self.put(place, missed)
    }

    /// The same where nothing up to the record `sequence` can be sent any more, and `missed` of those never were.
    pub fn passed_over(self, sequence: u64, missed: u64) -> (Self, io::Result<()>) {
        let missed = self.missed.saturating_add(missed);
        self.put(Place { sequence, ..Place::default() }, missed)
    }

    fn put(self, place: Place, missed: u64) -> (Self, io::Result<()>) {
        match self.write(place, missed) {
            Ok(()) => (Self { place, missed, ..self }, Ok(())),
            Err(error) => (self, Err(error)),
        }
    }

    fn write(&self, place: Place, missed: u64) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let written = serde_json::to_string(&Written { sequence: place.sequence, leaf: HEXLOWER.encode(&place.leaf), missed })?;
        files::replace(&self.path, format!("{written}\n").as_bytes(), 0o600)
    }
}

fn read(bytes: &[u8]) -> Option<(Place, u64)> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    let leaf = HEXLOWER.decode(written.leaf.as_bytes()).ok()?.try_into().ok()?;
    Some((Place { sequence: written.sequence, leaf }, written.missed))
}

fn damaged(path: &Path) -> io::Error {
    let what = format!("{} is damaged; remove it: the sink begins with the first record again", path.display());
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_where_it_was_and_one_that_was_never_saved_is_at_the_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("sinks");
        let cursor = Cursor::open(&inner, "siem").unwrap();
        assert_eq!(cursor.place(), Place::default());
        let place = Place { sequence: 12, leaf: [7; 32] };
        cursor.moved_to(place).1.unwrap();
        assert_eq!(Cursor::open(&inner, "siem").unwrap().place(), place);
        assert_eq!(Cursor::open(&inner, "other").unwrap().place(), Place::default());
    }

    #[test]
    fn what_was_missed_is_counted_over_restarts() {
        let directory = tempfile::tempdir().unwrap();
        let open = || Cursor::open(directory.path(), "siem").unwrap();
        fs::write(directory.path().join("siem.json"), format!("{{\"sequence\":3,\"leaf\":\"{}\"}}", "07".repeat(32))).unwrap();
        assert_eq!(open().missed(), 0, "as it was written before anything was ever dropped");
        open().passed_over(256, 253).1.unwrap();
        assert_eq!((open().place(), open().missed()), (Place { sequence: 256, leaf: [0; 32] }, 253));
        open().moved_to(Place { sequence: 300, leaf: [7; 32] }).1.unwrap();
        open().passed_over(512, 10).1.unwrap();
        assert_eq!((open().place().sequence, open().missed()), (512, 263));
    }

    #[test]
    fn a_damaged_cursor_is_told_and_not_taken_for_the_beginning() {
        let directory = tempfile::tempdir().unwrap();
        for bad in ["", "{}", "{\"sequence\":3,\"leaf\":\"00\"}", "{\"sequence\":-1,\"leaf\":\"\"}"] {
            fs::write(directory.path().join("siem.json"), bad).unwrap();
            let error = Cursor::open(directory.path(), "siem").unwrap_err();
            assert!(error.to_string().contains("siem.json is damaged; remove it"), "{error}");
        }
    }
}
