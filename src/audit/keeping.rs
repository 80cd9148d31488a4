//! Lets go of the oldest records: whole bundles of entries from the beginning of the log, while their hashes stay, so that the tree is as
//! provable as before.
//!
//! Invariant: at every instant, that of a crash included, only a prefix of the bundles is gone, and never the bundle of the newest record.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::Deserialize;

use super::bounded;
use super::disk;
use super::rotation::ROTATIONS;
use super::sealed::{CHECKPOINT, Sealed, SealedError};
use crate::clock::Time;
use crate::tlog::{self, Checkpoint, FullTile, Hash, ProofError, SignedNote, Tile, Tiles, WIDTH, check_inclusion, entry_path};

/// Where the bundles lie.
const ENTRIES: &str = "tile/entries";

/// Records at the beginning of the log whose entries may go: bundles, all of them full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Old {
    /// The sequence of the first record whose entry is still here.
    pub first: u64,
    /// The last record of its bundle.
    pub last: u64,
}

/// Which records are old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Older {
    pub than: Time,
    /// A record that says it was written later than this says nothing of its age, for the clock that dated it was ahead.
    pub not_after: Option<Time>,
}

impl From<Time> for Older {
    fn from(than: Time) -> Self {
        Self { than, not_after: None }
    }
}

/// What of an entry says how old it is, whichever version wrote it.
#[derive(Deserialize)]
struct Dated {
    /// In a form of fixed width, so that texts compare as times do.
    time: String,
}

impl Sealed {
    /// The sequence of the oldest record whose entry is here; one more than the newest if none is.
    pub fn oldest(&self) -> Result<u64, SealedError> {
        let size = self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
        let begins = self.first_kept(size)?;
        let is_newest = Tile::partial(0, size).is_some_and(|tile| first_of(&tile) == begins);
        let is_here = !is_newest || self.has_entries_of(begins, size)?;
        Ok(if is_here { begins } else { size.saturating_add(1) })
    }

    /// The first record of the first full bundle that is here, or of what stands behind all full ones, which is never dropped. The directory is
    /// listed, and not searched by halves, so that a bundle that is lost in the middle is never taken for the end of what was dropped.
    pub(super) fn first_kept(&self, size: u64) -> Result<u64, SealedError> {
        let full = size / WIDTH;
        let mut level = vec![(0, self.directory().join(ENTRIES))];
        // Numbers below a thousand stand in the directory itself, those below a million one deeper, and so on.
        while !level.is_empty() {
            let mut below = Vec::new();
            for (thousands, path) in level {
                let names = listed(&path).map_err(|source| SealedError::Read { path: path.clone(), source })?;
                let numbered = |number: u64| u64::saturating_mul(thousands, 1000).saturating_add(number);
                if let Some(lowest) = names.iter().filter_map(|name| three_digits(name)).min() {
                    return Ok(first_of(&bundle(numbered(lowest).min(full))));
                }
                let deeper = names.iter().filter_map(|name| Some((numbered(three_digits(name.strip_prefix('x')?)?), path.join(name))));
                below.extend(deeper);
            }
            below.sort_unstable();
            level = below;
        }
        Ok(first_of(&bundle(full)))
    }

    /// The bundles at the beginning all of whose records are old: at most `most` records, as many as whole bundles have.
    /// Never the one of the newest record, which every start compares with the journal. An error if more is missing at the beginning than was
    /// dropped by rule: what would be dropped next must not cover that.
    pub fn older_than(&self, older: impl Into<Older>, most: u64) -> Result<Option<Old>, SealedError> {
        let size = self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
        let first = self.first_kept(size)?;
        self.must_join(first)?;
        let Older { than, not_after } = older.into();
        let (dates, mut last) = ((than.to_string(), not_after.map(|time| time.to_string())), first.saturating_sub(1));
        for index in index_of(first).. {
            let tile = bundle(index);
            let end = last_of(&tile);
            if end >= size || end.saturating_sub(first) >= most {
                break;
            }
            match self.are_older(&tile, &dates) {
                Ok(true) => last = end,
                Ok(false) => break,
                // Of what was dropped by rule, only some came back.
                Err(error) if last >= first && error.is_absence() && self.dropped()?.last >= end => break,
                Err(error) if last >= first && error.is_absence() => {
                    return Err(SealedError::Removed { first: first_of(&tile), last: end });
                }
                Err(error) => return Err(error),
            }
        }
        Ok((last >= first).then_some(Old { first, last }))
    }

    fn are_older(&self, tile: &Tile, (than, not_after): &(String, Option<String>)) -> Result<bool, SealedError> {
        for json in self.entries(tile)? {
            let dated: Dated = serde_json::from_slice(&json).map_err(|why| self.damaged(entry_path(tile), &why.to_string()))?;
            let is_ahead = not_after.as_ref().is_some_and(|not_after| dated.time > *not_after);
            if dated.time >= *than && !is_ahead {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The files that hold these records and prove them, by their paths in the directory: of each bundle its entries and their hashes, the hashes
    /// above them where those are full, and at the end the head that they were checked against and the rotations of its key. A bundle
    /// is handed out only if its records are those that the head was signed for.
    pub fn files<'s>(&'s self, old: &Old) -> impl Iterator<Item = Result<(String, Vec<u8>), SealedError>> + use<'s> {
        let bundles = index_of(old.first)..old.last / WIDTH;
        let begins = bundles.start;
        let (head, failed) = match self.head() {
            Ok(head) => (Some(head), None),
            Err(error) => (None, Some(error)),
        };
        let signed = head.as_ref().map(|(_, note)| Ok((CHECKPOINT.to_owned(), note.to_string().into_bytes())));
        let rotations = head.as_ref().and_then(|_| self.file(ROTATIONS).transpose());
        let proven = head.into_iter().flat_map(move |(head, _)| {
            bundles.clone().flat_map(move |index| match self.proven(index, index == begins, &head) {
                Ok(files) => files.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        });
        failed.map(Err).into_iter().chain(proven).chain(signed).chain(rotations)
    }

    pub(super) fn head(&self) -> Result<(Checkpoint, SignedNote), SealedError> {
        let note = self.signed_checkpoint()?.ok_or_else(|| self.damaged(CHECKPOINT.to_owned(), "there is none"))?;
        Ok((self.read_head(&note)?, note))
    }

    /// The files of one bundle; those above it once for all that they cover.
    fn proven(&self, index: u64, is_first: bool, head: &Checkpoint) -> Result<Vec<(String, Vec<u8>)>, SealedError> {
        let tile = bundle(index);
        let entries = self.bytes(entry_path(&tile))?;
        let hashes = self.tile(&tile)?;
        let unlike = |path: String| self.damaged(path, "it is not what was sealed; run `yumen audit verify`");
        let records = tlog::unbundle(&entries).map_err(|why| self.damaged(entry_path(&tile), &why.to_string()))?;
        let leaves: Vec<Hash> = records.into_iter().map(Hash::leaf).collect();
        let Some(leaf) = leaves.first().filter(|_| leaves.iter().flat_map(|leaf| &leaf.0).eq(&hashes)) else {
            return Err(unlike(entry_path(&tile)));
        };
        // The proof of one record is made from the hashes of all in its tile, so it proves them all.
        let first = first_of(&tile).saturating_sub(1);
        let path = match tlog::inclusion(first, head.size, head.root, self) {
            Err(ProofError::Tiles(error)) => return Err(error),
            proof => proof.map_err(|_| unlike(tile.to_string()))?,
        };
        check_inclusion(&path, first, *leaf, head.size, head.root).map_err(|_| unlike(tile.to_string()))?;
        let full = FullTile { tile, bytes: hashes };
        let mut files = Vec::new();
        if let Some((above, place)) = tile.above(head.size).filter(|(above, _)| above.is_full()) {
            let bytes = self.tile(&above)?;
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            if bytes.as_chunks::<32>().0.get(place) != Some(&full.hash().0) {
                return Err(unlike(above.to_string()));
            }
            if is_first || place == 0 {
                files.push((above.to_string(), bytes));
            }
        }
        files.extend([(entry_path(&tile), entries), (tile.to_string(), full.bytes)]);
        Ok(files)
    }

    /// Removes the entries of these records, the oldest first, durably. What is gone already is no failure, so that it may be done again; but
    /// nothing is removed behind a bundle that stays.
    pub fn drop_entries(&self, old: &Old) -> Result<(), SealedError> {
        let size = self.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
        let begins = self.first_kept(size)?;
        if old.first > begins || old.last >= size || !old.last.is_multiple_of(WIDTH) {
            return Err(SealedError::NotOldest { first: old.first, last: old.last, begins });
        }
        for index in index_of(begins)..old.last / WIDTH {
            self.drop_bundle(&bundle(index), index.saturating_add(1) == old.last / WIDTH)?;
        }
        self.known().was_dropped(old.last);
        Ok(())
    }

    pub(super) fn drop_bundle(&self, tile: &Tile, is_last: bool) -> Result<(), SealedError> {
        let path = self.directory().join(entry_path(tile));
        let failed = |source| SealedError::Remove { path: path.clone(), source };
        // Where a crash left narrower ones beside it, they hold the same records.
        gone(fs::remove_dir_all(path.with_extension("p"))).map_err(failed)?;
        gone(fs::remove_file(&path)).map_err(failed)?;
        let mut directory = path.parent();
        // The names of one directory go in their order; between two, the first must be known to be gone.
        if is_last || tile.index % 1000 == 999 {
            gone(directory.map_or(Ok(()), sync)).map_err(failed)?;
        }
        while let Some(empty) = directory.filter(|directory| *directory != self.directory().join(ENTRIES)) {
            match fs::remove_dir(empty) {
                Ok(()) => directory = empty.parent(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => directory = empty.parent(),
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
                Err(source) => return Err(SealedError::Remove { path: empty.to_owned(), source }),
            }
        }
        Ok(())
    }

    /// Whether the bundle of a record is here, in a log of `size` records.
    pub(super) fn has_entries_of(&self, sequence: u64, size: u64) -> Result<bool, SealedError> {
        let Some(tile) = Tile::within(0, index_of(sequence), size) else { return Ok(false) };
        Ok(self.has(&entry_path(&tile))? || self.has(&entry_path(&tile.full()))?)
    }

    fn has(&self, path: &str) -> Result<bool, SealedError> {
        let path = self.directory().join(path);
        path.try_exists().map_err(|source| SealedError::Read { path, source })
    }

    fn file(&self, path: &str) -> Result<Option<(String, Vec<u8>)>, SealedError> {
        match bounded::read(&self.directory().join(path), bounded::BUNDLE) {
            Ok(bytes) => Ok(Some((path.to_owned(), bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SealedError::Read { path: self.directory().join(path), source }),
        }
    }

    fn bytes(&self, path: String) -> Result<Vec<u8>, SealedError> {
        let path = self.directory().join(path);
        bounded::read(&path, bounded::BUNDLE).map_err(|source| SealedError::Read { path, source })
    }

    pub(super) fn damaged(&self, path: String, why: &str) -> SealedError {
        SealedError::Bundle { path: self.directory().join(path), why: why.to_owned() }
    }
}

/// The full tile of level 0 with this index.
pub(super) fn bundle(index: u64) -> Tile {
    Tile { level: 0, index, width: WIDTH }
}

fn index_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / WIDTH
}

pub(super) fn first_of(tile: &Tile) -> u64 {
    tile.covered_by(0).0
}

fn last_of(tile: &Tile) -> u64 {
    tile.covered_by(tile.width.saturating_sub(1)).1
}

/// The names in a directory, none where it is not.
fn listed(directory: &Path) -> io::Result<Vec<String>> {
    match disk::list(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        names => names,
    }
}

fn three_digits(name: &str) -> Option<u64> {
    let fits = name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_digit());
    if fits { name.parse().ok() } else { None }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
