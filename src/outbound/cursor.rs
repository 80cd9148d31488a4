//! How far a sink's receiver surely has the log, in a small file that is replaced whole.
//!
//! Invariant: after a crash the file says what it said before or after the last save; which record stands there is known by its hash, so that
//! a log that was cut or changed beneath the cursor is found.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// A record of the log; the sequence 0 stands before the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub sequence: u64,
    pub leaf: [u8; 32],
}

#[derive(Debug)]
pub struct Cursor {
    path: PathBuf,
    place: Place,
}

#[derive(Serialize, Deserialize)]
struct Written {
    sequence: u64,
    leaf: String,
}

impl Cursor {
    /// That of the sink `name`; one that was never saved stands before the first record.
    pub fn open(directory: &Path, name: &str) -> io::Result<Self> {
        let path = directory.join(format!("{name}.json"));
        let place = match fs::read(&path) {
            Ok(bytes) => read(&bytes).ok_or_else(|| damaged(&path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Place::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, place })
    }

    pub fn place(&self) -> Place {
        self.place
    }

    /// The same where the receiver has the log up to `place`; it stays where it was if that cannot be written down.
    pub fn moved_to(self, place: Place) -> (Self, io::Result<()>) {
        match self.write(place) {
            Ok(()) => (Self { place, ..self }, Ok(())),
            Err(error) => (self, Err(error)),
        }
    }

    fn write(&self, place: Place) -> io::Result<()> {
        let directory = self.path.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let fresh = self.path.with_extension("new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
        serde_json::to_writer(&mut file, &Written { sequence: place.sequence, leaf: HEXLOWER.encode(&place.leaf) })?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        File::open(directory)?.sync_all()
    }
}

fn read(bytes: &[u8]) -> Option<Place> {
    let written: Written = serde_json::from_slice(bytes).ok()?;
    let leaf = HEXLOWER.decode(written.leaf.as_bytes()).ok()?.try_into().ok()?;
    Some(Place { sequence: written.sequence, leaf })
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
    fn a_damaged_cursor_is_told_and_not_taken_for_the_beginning() {
        let directory = tempfile::tempdir().unwrap();
        for bad in ["", "{}", "{\"sequence\":3,\"leaf\":\"00\"}", "{\"sequence\":-1,\"leaf\":\"\"}"] {
            fs::write(directory.path().join("siem.json"), bad).unwrap();
            let error = Cursor::open(directory.path(), "siem").unwrap_err();
            assert!(error.to_string().contains("siem.json is damaged; remove it"), "{error}");
        }
    }
}
