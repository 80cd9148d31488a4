//! The tree as far as it is sealed: takes records in order, writes tiles and entries, signs the head.
//!
//! Invariant: a head is signed only over tiles that are durable, and never over fewer records or others than the head before it.

use std::io;

use super::rotation::Keys;
use super::sealed::{CHECKPOINT, TILES};
use super::shelf::{PublishError, Shelf, is_much};
use crate::tlog::{Checkpoint, Frontier, Hash, SignedNote, Signer, Tile, bundle, entry_path, unbundle};

/// Why the log could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealFailure {
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
    /// What is on the disk is not certain any more, and asking again would not tell.
    #[error("cannot sync the sealed log: {0}")]
    Sync(io::Error),
    #[error(
        "{path} does not belong to the checkpoint, which the gateway signed for {size} records; restore the audit directory from a copy, or keep it as evidence"
    )]
    Damaged { path: String, size: u64 },
    #[error("the checkpoint is not signed by the log's key ({key}); restore log.key and the audit directory from the same copy")]
    NotOurs { key: String },
    #[error("there are tiles and no checkpoint; restore the audit directory from a copy, or keep it as evidence and move it aside")]
    NoCheckpoint,
    #[error("record {0} is longer than a bundle can hold")]
    TooLong(u64),
    #[error("the journal {0}")]
    Journal(String),
}

#[derive(Default)]
pub(super) struct Seal {
    frontier: Frontier,
    /// The entries of the tile that is not full yet, as they stand in its bundle.
    entries: Vec<u8>,
    /// Directories of partial tiles that a full one has replaced.
    replaced: Vec<String>,
    unsynced: usize,
    /// How many records the newest head is over; its tiles are never written again.
    published: u64,
}

impl Seal {
    /// Goes on from what lies on the shelf, which must be what the key's holder signed.
    pub(super) fn resume<S: Shelf>(shelf: &S, keys: &Keys) -> Result<Self, SealFailure> {
        let Some(note) = read(shelf, CHECKPOINT)? else {
            // The head of the empty tree was published before there was any tile.
            return if shelf.exists(TILES) { Err(SealFailure::NoCheckpoint) } else { Ok(Self::default()) };
        };
        let checkpoint = checkpoint(&note, keys).ok_or_else(|| SealFailure::NotOurs { key: keys.signer.verifier().to_string() })?;
        let size = checkpoint.size;
        let mut failed = None;
        // A copy may hold a head that is older than its tiles: what has become full holds what it held, and more.
        let frontier = Frontier::resume(size, |tile| match read_either(shelf, &tile.to_string(), &tile.full().to_string()) {
            Ok(bytes) => bytes.map(|bytes| first_hashes(bytes, tile.width)),
            Err(failure) => {
                failed = Some(failure);
                None
            }
        });
        if let Some(failure) = failed {
            return Err(failure);
        }
        let damaged = |path: &str| SealFailure::Damaged { path: path.to_owned(), size };
        let frontier = frontier.filter(|frontier| frontier.root() == checkpoint.root).ok_or_else(|| damaged(TILES))?;
        let entries = match Tile::partial(0, size) {
            None => Vec::new(),
            Some(tile) => {
                let path = entry_path(&tile);
                let bytes = read_either(shelf, &path, &entry_path(&tile.full()))?.ok_or_else(|| damaged(&path))?;
                let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
                let (mut kept, mut hashes) = (Vec::new(), Vec::new());
                for entry in unbundle(&bytes).map_err(|_| damaged(&path))?.into_iter().take(width) {
                    bundle(&mut kept, entry).map_err(|_| damaged(&path))?;
                    hashes.extend(Hash::leaf(entry).0);
                }
                if frontier.partial().first().is_none_or(|partial| partial.bytes != hashes) {
                    return Err(damaged(&path));
                }
                kept
            }
        };
        Ok(Self { frontier, entries, replaced: Vec::new(), unsynced: 0, published: size })
    }

    /// How many records it has taken.
    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// Takes the next record.
    pub(super) fn push<S: Shelf>(&mut self, shelf: &mut S, json: &[u8]) -> Result<(), SealFailure> {
        let sequence = self.size().saturating_add(1);
        bundle(&mut self.entries, json).map_err(|_| SealFailure::TooLong(sequence))?;
        for full in self.frontier.push(Hash::leaf(json)) {
            if full.tile.level == 0 {
                let entries = std::mem::take(&mut self.entries);
                self.put(shelf, entry_path(&full.tile), &entries)?;
                self.replaced.push(format!("{}.p", entry_path(&full.tile)));
            }
            self.put(shelf, full.tile.to_string(), &full.bytes)?;
            self.replaced.push(format!("{}.p", full.tile));
        }
        Ok(())
    }

    /// Writes what is not full yet, makes all of it durable, and publishes the signed head.
    pub(super) fn publish<S: Shelf>(&mut self, shelf: &mut S, signer: &Signer) -> Result<Checkpoint, SealFailure> {
        for partial in self.frontier.partial() {
            if Tile::partial(partial.tile.level, self.published) == Some(partial.tile) {
                continue;
            }
            if partial.tile.level == 0 {
                let entries = std::mem::take(&mut self.entries);
                let put = self.put(shelf, entry_path(&partial.tile), &entries);
                self.entries = entries;
                put?;
            }
            self.put(shelf, partial.tile.to_string(), &partial.bytes)?;
        }
        shelf.sync().map_err(SealFailure::Sync)?;
        self.unsynced = 0;
        let checkpoint = Checkpoint { origin: signer.verifier().name().to_owned(), size: self.size(), root: self.frontier.root() };
        publish(shelf, CHECKPOINT, &head(&checkpoint, signer).to_string())?;
        self.published = checkpoint.size;
        for directory in self.replaced.drain(..) {
            // It only takes room; what is full is there, and the next start finds it so too.
            let _ = shelf.clear(&directory);
        }
        Ok(checkpoint)
    }

    fn put<S: Shelf>(&mut self, shelf: &mut S, path: String, bytes: &[u8]) -> Result<(), SealFailure> {
        if is_much(self.unsynced) {
            shelf.sync().map_err(SealFailure::Sync)?;
            self.unsynced = 0;
        }
        self.unsynced = self.unsynced.saturating_add(1);
        shelf.write(&path, bytes).map_err(|source| SealFailure::Write { path, source })
    }
}

pub(super) fn publish<S: Shelf>(shelf: &mut S, path: &str, text: &str) -> Result<(), SealFailure> {
    shelf.publish(path, text.as_bytes()).map_err(|error| match error {
        PublishError::Write(source) => SealFailure::Write { path: path.to_owned(), source },
        PublishError::Sync(source) => SealFailure::Sync(source),
    })
}

fn head(checkpoint: &Checkpoint, signer: &Signer) -> SignedNote {
    let text = checkpoint.text();
    let signature = signer.sign(&text);
    SignedNote { text, signatures: vec![signature] }
}

/// What the note says, if the key signed it for its own log, or the one that it followed.
fn checkpoint(note: &[u8], keys: &Keys) -> Option<Checkpoint> {
    let note = SignedNote::parse(str::from_utf8(note).ok()?).ok()?;
    let checkpoint = Checkpoint::parse(&note.text).ok()?;
    let key = keys.signer.verifier();
    let is_ours = std::iter::once(key).chain(&keys.former).any(|key| key.has_signed(&note));
    (is_ours && checkpoint.origin == key.name()).then_some(checkpoint)
}

fn read<S: Shelf>(shelf: &S, path: &str) -> Result<Option<Vec<u8>>, SealFailure> {
    match shelf.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SealFailure::Read { path: path.to_owned(), source }),
    }
}

fn read_either<S: Shelf>(shelf: &S, path: &str, other: &str) -> Result<Option<Vec<u8>>, SealFailure> {
    match read(shelf, path)? {
        Some(bytes) => Ok(Some(bytes)),
        None => read(shelf, other),
    }
}

fn first_hashes(mut bytes: Vec<u8>, width: u64) -> Vec<u8> {
    bytes.truncate(usize::try_from(width.saturating_mul(32)).unwrap_or(usize::MAX));
    bytes
}
