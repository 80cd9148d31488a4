//! A bundle of entries against the hashes that its records were sealed with.

use super::dropped::Said;
use super::wrong::VerifyError;
use crate::model::{Entry, Record};
use crate::tlog::{Hash, Tile, entry_path, unbundle};

/// Entries and the hashes that they should have.
pub(super) struct Looked<'a> {
    pub(super) sealed_hashes: &'a [Hash],
    pub(super) bytes: &'a [u8],
    pub(super) tile: Tile,
    pub(super) path: &'a str,
}

pub(super) struct Unlike {
    pub(super) sequence: u64,
    pub(super) found: Found,
}

pub(super) enum Found {
    /// Of all the tile's records, of which one is not as it was sealed.
    Hashes(Vec<Hash>),
    Cut,
    Longer,
}

impl Looked<'_> {
    /// The first record that is not as it was sealed.
    pub(super) fn compare(&self) -> Option<Unlike> {
        let (first, last) = covers(&self.tile);
        let mut found = Vec::new();
        let mut rest = self.bytes;
        let mut unlike = None;
        for (sequence, sealed) in (first..).zip(self.sealed_hashes) {
            let Some((entry, behind)) = split_entry(rest) else {
                let (sequence, found) = unlike.map_or((sequence, Found::Cut), |sequence| (sequence, Found::Hashes(found)));
                return Some(Unlike { sequence, found });
            };
            let hash = Hash::leaf(entry);
            if hash != *sealed && unlike.is_none() {
                unlike = Some(sequence);
            }
            found.push(hash);
            rest = behind;
        }
        // One that has become full meanwhile holds what the checkpoint does not know yet.
        let is_wider = !self.tile.is_full() && self.path == entry_path(&self.tile.full());
        match unlike {
            Some(sequence) => Some(Unlike { sequence, found: Found::Hashes(found) }),
            None if rest.is_empty() || is_wider && unbundle(rest).is_ok() => None,
            None => Some(Unlike { sequence: last, found: Found::Longer }),
        }
    }

    /// All of them are records with the numbers of their places. Gives what some of them say of what was dropped by rule.
    pub(super) fn entries_are_records(&self) -> Result<Vec<(u64, Said)>, VerifyError> {
        let (first, last) = covers(&self.tile);
        let (mut rest, mut said) = (self.bytes, Vec::new());
        for sequence in first..=last {
            let path = || self.path.to_owned();
            let Some((json, behind)) = split_entry(rest) else { return Err(VerifyError::Cut { sequence, path: path() }) };
            let not_record = |error: serde_json::Error| VerifyError::NotRecord { sequence, path: path(), why: error.to_string() };
            let entry: Entry = serde_json::from_slice(json).map_err(not_record)?;
            if entry.sequence != sequence {
                return Err(VerifyError::Sequence { sequence, found: entry.sequence, path: path() });
            }
            if let Record::Event(event) = &entry.record
                && let Some(drop) = Said::by(event)
            {
                said.push((sequence, drop));
            }
            rest = behind;
        }
        Ok(said)
    }
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, behind) = bytes.split_first_chunk::<2>()?;
    behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// The sequences of the first and the last record below a tile.
pub(super) fn covers(tile: &Tile) -> (u64, u64) {
    (tile.covered_by(0).0, tile.covered_by(tile.width.saturating_sub(1)).1)
}
