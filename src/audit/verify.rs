//! Checks a sealed log as it lies in a directory: every record, every tile, the root, the signature, and what is not sealed yet.
//!
//! Invariant: it holds one tile a level and one bundle of entries at a time, however long the log is; it believes nothing that does not
//! lead to the signed root, and stops at the first thing that is wrong. Records may be missing only at the beginning, and only as far as a record
//! of this same log says that they were dropped by rule.

use std::io;

use super::bounded;
use super::dropped::Dropped;
use super::keeping::bundle;
use super::looked::{Found, Looked, Unlike, covers};
use super::remembered::Remembered;
use super::sealed::Sealed;
use super::unsealed::{Unsealed, unsealed};
use super::wrong::VerifyError;
use crate::tlog::{Checkpoint, Frontier, FullTile, Hash, SignedNote, Tile, Verifier, WIDTH, entry_path};

/// So often the gateway may drop records while a log is looked at. A first round on a long log drops part after part.
const MOST_LOOKS: u8 = 8;

/// What was found right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub checkpoint: Checkpoint,
    /// So many records cannot be looked at any more: their entries were dropped by rule, their hashes were not.
    pub gone: u64,
    /// The last of these; none behind it is missing. More than `gone` where some came back from an archive.
    pub gone_last: u64,
    /// What the journal has beyond the checkpoint; `None`: there is no journal, as in a copy.
    pub unsealed: Option<Unsealed>,
}

/// What is to be checked besides the records and hashes themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct Against<'a> {
    /// The log's key, from elsewhere, or one that it followed; without it, whoever wrote the directory may have signed it too.
    pub key: Option<&'a Verifier>,
    /// A head that was seen before.
    pub since: Option<&'a SignedNote>,
}

/// Checks it all; `progress` is told how many records were looked at, and how many there are. Begins anew where the gateway dropped records
/// meanwhile, and said so behind the head that was looked at.
pub fn verify(sealed: &Sealed, against: Against<'_>, mut progress: impl FnMut(u64, u64)) -> Result<Verified, VerifyError> {
    let mut looks: u8 = 1;
    loop {
        let note = sealed.signed_checkpoint()?.ok_or(VerifyError::NoCheckpoint)?;
        let checkpoint = sealed.read_head(&note)?;
        let size = checkpoint.size;
        match look(sealed, against, &note, checkpoint, &mut progress) {
            Err(VerifyError::Missing { last, .. }) if sealed.was_dropped_since(size, last) => {
                if looks >= MOST_LOOKS {
                    return Err(VerifyError::BeingDropped);
                }
                looks = looks.saturating_add(1);
            }
            looked => return looked,
        }
    }
}

fn look(
    sealed: &Sealed,
    against: Against<'_>,
    note: &SignedNote,
    checkpoint: Checkpoint,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, VerifyError> {
    if let Some(key) = against.key {
        must_be_signed(sealed, key, note, &checkpoint)?;
    }
    let keys = against.key.map(|key| sealed.keys_around(key)).transpose()?;
    let mut remembered = Remembered::new(against.since, keys.as_deref(), &checkpoint)?;
    let mut walk = Walk::new(sealed, checkpoint.size);
    remembered.compare(&walk.frontier)?;
    while walk.frontier.size() < checkpoint.size {
        walk.step(&checkpoint, &mut remembered)?;
        progress(walk.frontier.size(), checkpoint.size);
    }
    walk.end(&checkpoint)?;
    walk.is_gone_by_rule()?;
    let unsealed = unsealed(sealed, checkpoint.size)?;
    Ok(Verified { gone: walk.gone, gone_last: walk.gone_last, checkpoint, unsealed })
}

/// Checks the head, the newest records and so many full bundles before them: what lies on the disk must lead to the root that the key, or one
/// that followed it, has signed. What stands before is believed as far as its hashes lead there too.
pub fn verify_newest(sealed: &Sealed, key: &Verifier, bundles: u64) -> Result<Checkpoint, VerifyError> {
    let note = sealed.signed_checkpoint()?.ok_or(VerifyError::NoCheckpoint)?;
    let checkpoint = sealed.read_head(&note)?;
    must_be_signed(sealed, key, &note, &checkpoint)?;
    let mut remembered = Remembered::new(None, None, &checkpoint)?;
    let mut walk = Walk::behind((checkpoint.size / WIDTH).saturating_sub(bundles), sealed, checkpoint.size)?;
    while walk.frontier.size() < checkpoint.size {
        walk.step(&checkpoint, &mut remembered)?;
    }
    walk.end(&checkpoint)?;
    if walk.gone > 0 {
        walk.dropped = sealed.dropped()?;
    }
    walk.is_gone_by_rule()?;
    Ok(checkpoint)
}

fn must_be_signed(sealed: &Sealed, key: &Verifier, note: &SignedNote, checkpoint: &Checkpoint) -> Result<(), VerifyError> {
    if !may_sign(&sealed.keys_from(key)?).any(|key| key.has_signed(note)) {
        return Err(VerifyError::NotSigned);
    }
    if checkpoint.origin == key.name() {
        return Ok(());
    }
    Err(VerifyError::OtherLog { found: checkpoint.origin.clone(), wanted: key.name().to_owned() })
}

/// Those of the keys, each named by the one before, of which the newest head may be: the last, and while it comes in the one before. Whoever
/// has an older one signs nothing any more.
pub fn may_sign(keys: &[Verifier]) -> impl Iterator<Item = &Verifier> {
    keys.iter().rev().take(2)
}

struct Walk<'a> {
    sealed: &'a Sealed,
    size: u64,
    frontier: Frontier,
    /// The tile of each level above the lowest that the walk is in, as it lies on the disk.
    above: Vec<(Tile, Vec<Hash>)>,
    gone: u64,
    gone_last: u64,
    /// What the log itself says, as far as the walk has come.
    dropped: Dropped,
}

impl<'a> Walk<'a> {
    fn new(sealed: &'a Sealed, size: u64) -> Self {
        let frontier = Frontier::default();
        Self { sealed, size, frontier, above: Vec::new(), gone: 0, gone_last: 0, dropped: Dropped::default() }
    }

    /// Behind so many full tiles of records, by the hashes that the levels above have of them.
    fn behind(tiles: u64, sealed: &'a Sealed, size: u64) -> Result<Self, VerifyError> {
        let mut walk = Self::new(sealed, size);
        let mut wrong = None;
        let frontier = Frontier::resume(tiles.saturating_mul(WIDTH), |tile| {
            // The tile has grown since.
            let grown = Tile::within(tile.level, tile.index, size).unwrap_or(tile);
            match walk.tile(&grown).and_then(|found| found.ok_or_else(|| missing(&grown))) {
                Ok((_, hashes)) => Some(hashes.iter().take(usize::try_from(tile.width).ok()?).flat_map(|hash| hash.0).collect()),
                Err(error) => {
                    wrong = Some(error);
                    None
                }
            }
        });
        match wrong {
            Some(error) => Err(error),
            None => {
                walk.frontier = frontier.ok_or(VerifyError::Root)?;
                Ok(walk)
            }
        }
    }

    /// The next tile of records.
    fn step(&mut self, checkpoint: &Checkpoint, remembered: &mut Remembered) -> Result<(), VerifyError> {
        let index = self.frontier.size().checked_div(WIDTH).unwrap_or(0);
        let Some(tile) = Tile::within(0, index, self.size) else { return Err(VerifyError::Root) };
        let (first, last) = covers(&tile);
        let hashes = self.tile(&tile)?;
        let entries = self.file(&entry_path(&tile), &entry_path(&tile.full()))?;
        // Retention drops whole tiles; how far it may have, the end of the walk tells.
        let may_be_gone = tile.is_full();
        match (entries, hashes) {
            (Some((path, bytes)), Some((hash_path, hashes))) => {
                let looked = Looked { sealed_hashes: &hashes, bytes: &bytes, tile, path: &path };
                let unlike = looked.compare();
                if let Some(Unlike { sequence, found }) = unlike {
                    return Err(self.blame(checkpoint, &tile, (sequence, found), (path, hash_path), &hashes));
                }
                for leaf in &hashes {
                    self.push(*leaf, remembered)?;
                }
                for (sequence, said) in looked.entries_are_records()? {
                    self.dropped.hear(sequence, &said, |record| self.sealed.has_entries_of(record, self.size).is_ok_and(|has| !has));
                }
                Ok(())
            }
            (None, Some((_, hashes))) if may_be_gone => {
                self.is_gone(first, last);
                hashes.into_iter().try_for_each(|leaf| self.push(leaf, remembered))
            }
            (None, None) if may_be_gone => {
                self.is_gone(first, last);
                let hash = self.above(&tile)?.ok_or_else(|| missing(&tile))?;
                remembered.skip(first, last)?;
                let full = self.frontier.push_tile(hash).ok_or_else(|| missing(&tile))?;
                self.fits(&full)?;
                remembered.compare(&self.frontier)
            }
            (None, _) => Err(VerifyError::Missing { path: entry_path(&tile), first, last }),
            (_, None) => Err(missing(&tile)),
        }
    }

    fn push(&mut self, leaf: Hash, remembered: &mut Remembered) -> Result<(), VerifyError> {
        let full = self.frontier.push(leaf);
        self.fits(&full)?;
        remembered.compare(&self.frontier)
    }

    /// Tiles that have become full against the hashes that the levels above have of them.
    fn fits(&mut self, full: &[FullTile]) -> Result<(), VerifyError> {
        for done in full {
            let (first, last) = covers(&done.tile);
            self.same(done)?;
            if self.above(&done.tile)? != Some(done.hash()) {
                let path = done.tile.above(self.size).map_or_else(|| done.tile.to_string(), |(tile, _)| tile.to_string());
                return Err(VerifyError::Tile { path, first, last });
            }
        }
        Ok(())
    }

    /// The tile on the disk is the one that was computed.
    fn same(&self, computed: &FullTile) -> Result<(), VerifyError> {
        // The lowest level was compared with its records, or is gone with them.
        if computed.tile.level == 0 {
            return Ok(());
        }
        let (path, hashes) = self.tile(&computed.tile)?.ok_or_else(|| missing(&computed.tile))?;
        let unlike = (0..).zip(hashes.iter().zip(computed.bytes.as_chunks::<32>().0)).find(|(_, (found, computed))| found.0 != **computed);
        match unlike {
            Some((place, _)) => {
                let (first, last) = computed.tile.covered_by(place);
                Err(VerifyError::Tile { path, first, last })
            }
            None => Ok(()),
        }
    }

    fn is_gone(&mut self, first: u64, last: u64) {
        self.gone = self.gone.saturating_add(last.saturating_sub(first)).saturating_add(1);
        self.gone_last = last;
    }

    /// What is missing is no more than what the records behind it say.
    fn is_gone_by_rule(&self) -> Result<(), VerifyError> {
        let Dropped { last: dropped, .. } = self.dropped;
        if self.gone_last <= dropped {
            return Ok(());
        }
        let mut lost: Option<(u64, u64)> = None;
        for index in dropped / WIDTH..self.gone_last / WIDTH {
            let (first, last) = covers(&bundle(index));
            match (self.sealed.has_entries_of(last, self.size)?, lost) {
                (true, None) => {}
                (true, Some(_)) => break,
                (false, None) => lost = Some((first, last)),
                (false, Some((first, _))) => lost = Some((first, last)),
            }
        }
        let (first, last) = lost.unwrap_or_else(|| covers(&bundle(self.gone_last.saturating_sub(1) / WIDTH)));
        Err(VerifyError::Missing { path: entry_path(&bundle(first.saturating_sub(1) / WIDTH)), first, last })
    }

    /// What is not full, and the root.
    fn end(&self, checkpoint: &Checkpoint) -> Result<(), VerifyError> {
        self.frontier.partial().iter().try_for_each(|partial| self.same(partial))?;
        if self.frontier.root() == checkpoint.root { Ok(()) } else { Err(VerifyError::Root) }
    }

    /// The hash that the level above has of a full tile.
    fn above(&mut self, tile: &Tile) -> Result<Option<Hash>, VerifyError> {
        let Some((above, place)) = tile.above(self.size) else { return Ok(None) };
        let level = usize::from(tile.level);
        if self.above.get(level).is_none_or(|(kept, _)| *kept != above) {
            let (_, hashes) = self.tile(&above)?.ok_or_else(|| missing(&above))?;
            self.above.truncate(level);
            self.above.push((above, hashes));
        }
        let hashes = self.above.get(level).map(|(_, hashes)| hashes);
        Ok(hashes.and_then(|hashes| hashes.get(usize::try_from(place).ok()?)).copied())
    }

    /// A tile's hashes and the file that they stand in, which is as long as it must be.
    fn tile(&self, tile: &Tile) -> Result<Option<(String, Vec<Hash>)>, VerifyError> {
        let Some((path, bytes)) = self.file(&tile.to_string(), &tile.full().to_string())? else { return Ok(None) };
        let wide = if path == tile.to_string() { tile.width } else { WIDTH };
        if bytes.len() as u64 != wide.saturating_mul(32) {
            return Err(VerifyError::Length { path });
        }
        let hashes = bytes.as_chunks::<32>().0.iter().map(|hash| Hash(*hash));
        Ok(Some((path, hashes.take(usize::try_from(tile.width).unwrap_or(usize::MAX)).collect())))
    }

    /// A file, or the full one that has replaced it since the checkpoint was read, and which of them it was.
    fn file(&self, narrow: &str, full: &str) -> Result<Option<(String, Vec<u8>)>, VerifyError> {
        for path in [narrow, full] {
            match bounded::read(&self.sealed.directory().join(path), bounded::BUNDLE) {
                Ok(bytes) => return Ok(Some((path.to_owned(), bytes))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(VerifyError::Read { path: path.to_owned(), source }),
            }
        }
        Ok(None)
    }

    /// A record and its hash differ: which of them leads to the level above, or to the root?
    fn blame(
        &mut self,
        checkpoint: &Checkpoint,
        tile: &Tile,
        unlike: (u64, Found),
        paths: (String, String),
        hashes: &[Hash],
    ) -> VerifyError {
        let (sequence, found) = unlike;
        let (path, hash_path) = paths;
        let fits = |hashes: &[Hash]| {
            let (mut frontier, mut hash) = (self.frontier.clone(), None);
            for leaf in hashes {
                hash = frontier.push(*leaf).first().map(FullTile::hash).or(hash);
            }
            (hash, frontier.root())
        };
        let expected =
            |(hash, root): (Option<Hash>, Hash), above: Option<Hash>| if tile.is_full() { hash == above } else { root == checkpoint.root };
        let sealed = fits(hashes);
        let computed = match &found {
            Found::Hashes(computed) => Some(fits(computed)),
            Found::Cut | Found::Longer => None,
        };
        let above = if tile.is_full() { self.above(tile).unwrap_or(None) } else { None };
        if computed.is_some_and(|computed| expected(computed, above)) {
            return VerifyError::Leaf { sequence, path: hash_path };
        }
        match found {
            Found::Cut => VerifyError::Cut { sequence, path },
            Found::Longer => VerifyError::Longer { last: sequence, path },
            Found::Hashes(_) if expected(sealed, above) => VerifyError::Record { sequence, path },
            Found::Hashes(_) => VerifyError::RecordOrLeaf { sequence, path },
        }
    }
}

fn missing(tile: &Tile) -> VerifyError {
    let (first, last) = covers(tile);
    VerifyError::Missing { path: tile.to_string(), first, last }
}
