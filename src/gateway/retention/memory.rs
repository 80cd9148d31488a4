//! What the next process has to know: what time it is, how many records there were when, and what was archived last.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::marks::Marks;
use super::reckoning::Reckoning;
use crate::clock::{Reading, Time};
use crate::files;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub reckoning: Reckoning,
    pub archived: Option<Archived>,
    #[serde(default)]
    pub marks: Marks,
}

/// An object that came back from the archive as it should.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Archived {
    pub at: Time,
    pub first: u64,
    pub last: u64,
    pub object: String,
    /// The archive, as the config writes it.
    #[serde(default)]
    pub place: String,
}

impl Kept {
    pub fn begin(now: &Reading, newest: Option<Time>) -> Self {
        Self { reckoning: Reckoning::begin(now, newest), archived: None, marks: Marks::default() }
    }

    /// So many records are there now.
    pub fn look(&mut self, now: &Reading, size: u64) {
        self.reckoning.look(now);
        self.marks.note(self.reckoning.lived(), size);
    }

    /// How many records, from the first on, have been here for so long.
    pub fn here_for(&self, time: Duration) -> u64 {
        self.marks.here_for(self.reckoning.lived(), time)
    }
}

/// A file that cannot be used is as good as none: what is reckoned without it makes less old, not more.
pub fn read(path: &Path) -> Option<Kept> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        read => read,
    };
    let kept = bytes.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
    kept.inspect_err(|why| {
        tracing::warn!("{} cannot be used, so what time it is is reckoned from the log's newest record: {why}", path.display())
    })
    .ok()
}

pub fn write(path: &Path, kept: &Kept) -> io::Result<()> {
    files::replace(path, &serde_json::to_vec(kept)?, 0o600)
}
