//! Reads the sealed log: tiles, entries and checkpoint as they lie in the directory (C2SP tlog-tiles).
//!
//! Invariant: nothing past the checkpoint is handed out. What is handed out was not compared with its hash: that is `verify`'s.

use std::io;
use std::path::{Path, PathBuf};
use std::str;
use std::sync::Arc;

use super::bounded;
use super::dropped::Known;
use super::rotation::{self, ROTATIONS, Rotation};
use crate::model::Entry;
use crate::tlog::{self, BundleError, Checkpoint, Hash, SignedNote, Tile, Tiles, Verifier, WIDTH, entry_path};

/// Where the newest signed head of the tree stands.
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const TILES: &str = "tile";

/// A log that was sealed, by the directory that holds it; cheap to clone. Its functions block while they read.
#[derive(Clone, Debug)]
pub struct Sealed {
    directory: PathBuf,
    known: Arc<Known>,
}

/// A record as it stands in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// From 1; its index in the tree is one less.
    pub sequence: u64,
    /// What was hashed.
    pub json: Vec<u8>,
}

#[derive(Debug, thiserror::Error)]
pub enum SealedError {
    #[error("cannot read {}: {source}; name the audit directory of a gateway, and read it as the gateway's user", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is not what a log signs: {why}", path.display())]
    Checkpoint { path: PathBuf, why: String },
    #[error("{} is damaged: {why}", path.display())]
    Bundle { path: PathBuf, why: String },
    #[error("cannot remove {}: {source}; its records should no longer be kept", path.display())]
    Remove { path: PathBuf, source: io::Error },
    #[error("records {first} to {last} are not whole bundles at the beginning of the log, which begins with {begins}; nothing was removed")]
    NotOldest { first: u64, last: u64, begins: u64 },
    #[error(
        "records {first} to {last} are gone, and no record of the log says that they were dropped by rule: somebody removed their files. Put those \
         back from a copy; until then nothing is dropped"
    )]
    Removed { first: u64, last: u64 },
}

impl Leaf {
    pub fn entry(&self) -> Result<Entry, serde_json::Error> {
        serde_json::from_slice(&self.json)
    }

    pub fn hash(&self) -> Hash {
        Hash::leaf(&self.json)
    }
}

impl SealedError {
    /// Whether a file is not there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl Sealed {
    /// The log in `directory`: `audit` in the data directory, or a copy of it.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), known: Arc::default() }
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// The newest head as it was signed; `None` before anything was sealed. Its signatures were not checked.
    pub fn signed_checkpoint(&self) -> Result<Option<SignedNote>, SealedError> {
        let path = self.directory.join(CHECKPOINT);
        let text = match bounded::read_text(&path, bounded::NOTES) {
            Ok(text) => text,
            Err(source) if source.kind() == io::ErrorKind::NotFound && self.directory.is_dir() => return Ok(None),
            Err(source) => return Err(SealedError::Read { path, source }),
        };
        SignedNote::parse(&text).map(Some).map_err(|why| SealedError::Checkpoint { path, why: why.to_string() })
    }

    /// What the newest head says.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, SealedError> {
        self.signed_checkpoint()?.map(|note| self.read_head(&note)).transpose()
    }

    pub(super) fn read_head(&self, note: &SignedNote) -> Result<Checkpoint, SealedError> {
        let refused = |why: tlog::CheckpointError| SealedError::Checkpoint { path: self.directory.join(CHECKPOINT), why: why.to_string() };
        Checkpoint::parse(&note.text).map_err(refused)
    }

    /// Which key followed which, the oldest first; each step is signed by the key that went.
    pub fn rotations(&self) -> Result<Vec<Rotation>, SealedError> {
        let path = self.directory.join(ROTATIONS);
        match bounded::read_text(&path, bounded::NOTES) {
            Ok(text) => {
                rotation::parse(&text).ok_or_else(|| SealedError::Checkpoint { path, why: "a note of a rotation is wrong".to_owned() })
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(SealedError::Read { path, source }),
        }
    }

    /// The key, and those that followed it, each named by the one before.
    pub fn keys_from(&self, key: &Verifier) -> Result<Vec<Verifier>, SealedError> {
        Ok(rotation::follow(key, &self.rotations()?))
    }

    /// Those by which a head of an earlier day may have been signed: also the keys that this one followed.
    pub(super) fn keys_around(&self, key: &Verifier) -> Result<Vec<Verifier>, SealedError> {
        let rotations = self.rotations()?;
        Ok([rotation::followed(key, &rotations), rotation::follow(key, &rotations)].concat())
    }

    /// The records from sequence `from` on, or from the oldest one that is here, at most `most`, none past the checkpoint.
    pub fn read(&self, from: u64, most: usize) -> Result<Vec<Leaf>, SealedError> {
        let size = self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
        let mut leaves = Vec::new();
        let mut next = from.max(1);
        while leaves.len() < most && next <= size {
            let index = next.saturating_sub(1) / WIDTH;
            let Some(tile) = Tile::within(0, index, size) else { break };
            let entries = match self.entries(&tile) {
                Err(error) => {
                    // Dropped, perhaps a moment ago.
                    let kept = self.first_kept(size)?;
                    let behind = self.behind_what_is_gone(next, kept);
                    let Some(behind) = behind.filter(|_| error.is_absence()) else { return Err(error) };
                    if !leaves.is_empty() {
                        break;
                    }
                    next = behind;
                    continue;
                }
                entries => entries?,
            };
            let before = leaves.len();
            for (sequence, json) in (index.saturating_mul(WIDTH).saturating_add(1)..).zip(entries) {
                if sequence == next && leaves.len() < most {
                    leaves.push(Leaf { sequence, json });
                    next = next.saturating_add(1);
                }
            }
            if leaves.len() == before {
                break;
            }
        }
        Ok(leaves)
    }

    /// Where reading goes on that met a bundle which is not there: at the beginning of all that is, or, if of what was dropped by rule some came
    /// back, behind the next one of these.
    fn behind_what_is_gone(&self, next: u64, kept: u64) -> Option<u64> {
        if kept > next {
            return Some(kept);
        }
        let is_dropped = self.dropped().is_ok_and(|dropped| dropped.last >= next);
        is_dropped.then(|| (next.saturating_sub(1) / WIDTH).saturating_add(1).saturating_mul(WIDTH).saturating_add(1))
    }

    /// The hash of a record, also of one that was dropped; `None`: there is no such record.
    pub fn leaf_hash(&self, sequence: u64) -> Result<Option<Hash>, SealedError> {
        let size = self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
        let Some(index) = sequence.checked_sub(1) else { return Ok(None) };
        let Some(tile) = Tile::within(0, index / WIDTH, size) else { return Ok(None) };
        let place = usize::try_from(index % WIDTH).unwrap_or(usize::MAX);
        let within = usize::try_from(tile.width).is_ok_and(|width| place < width);
        let bytes = self.tile(&tile)?;
        Ok(bytes.as_chunks::<32>().0.get(place).filter(|_| within).map(|hash| Hash(*hash)))
    }

    /// The entries of a tile of level 0.
    pub fn entries(&self, tile: &Tile) -> Result<Vec<Vec<u8>>, SealedError> {
        let damaged = |why: String| SealedError::Bundle { path: self.directory.join(entry_path(tile)), why };
        let bytes = self.narrow_or_full(&entry_path(tile), &entry_path(&tile.full()))?;
        let entries = tlog::unbundle(&bytes).map_err(|why: BundleError| damaged(why.to_string()))?;
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        let kept = entries.get(..width).ok_or_else(|| damaged(format!("it has {} entries of {width}", entries.len())))?;
        Ok(kept.iter().map(|entry| entry.to_vec()).collect())
    }

    /// A tile that has become full is kept as that alone.
    fn narrow_or_full(&self, narrow: &str, full: &str) -> Result<Vec<u8>, SealedError> {
        let read = |path: &str| bounded::read(&self.directory.join(path), bounded::BUNDLE);
        match read(narrow) {
            Err(source) if source.kind() == io::ErrorKind::NotFound && narrow != full => read(full).or(Err(source)),
            result => result,
        }
        .map_err(|source| SealedError::Read { path: self.directory.join(narrow), source })
    }
}

impl Tiles for Sealed {
    type Error = SealedError;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, SealedError> {
        self.narrow_or_full(&tile.to_string(), &tile.full().to_string())
    }
}
