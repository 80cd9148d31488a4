//! Makes the proof of one record: the file that convinces whoever has the verifier key, and nothing else.
//!
//! Invariant: no proof is handed out that does not lead from the record to the head in it.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::sealed::{Sealed, SealedError};
use crate::tlog::{self, Checkpoint, Hash, ProofError, ProofFile, SignedNote, Tile, Tiles, check_inclusion};

/// Heads that witnesses have cosigned, put here by the operator under any name, so that proofs carry their signatures.
const WITNESSED: &str = "witnessed";

#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("cannot read {}: {source}; read it as the gateway's user", path.display())]
    Witnessed { path: PathBuf, source: io::Error },
    #[error("nothing is sealed here; name the data directory of a gateway that has run")]
    NothingSealed,
    #[error("there is no sealed record {sequence}: the newest has number {size}; what is newer is sealed within a second")]
    NoRecord { sequence: u64, size: u64 },
    #[error("record {0} was dropped after the time that the gateway keeps records; the archive has it, if there is one")]
    Dropped(u64),
    #[error("the proof of record {0} does not come out right: its tiles or its entry were changed. Run `yumen audit verify`")]
    Wrong(u64),
    #[error(
        "{} was cosigned for another history than this log has: a witness saw other records. Keep both as evidence and run `yumen audit verify --since` with it", path.display()
    )]
    OtherHistory { path: PathBuf },
}

/// The proof of a record against the newest head that witnesses have cosigned and that has it, or else against the newest head.
pub fn prove(sealed: &Sealed, sequence: u64) -> Result<ProofFile, ProveError> {
    let newest = sealed.signed_checkpoint()?.ok_or(ProveError::NothingSealed)?;
    let head = sealed.read_head(&newest)?;
    let no_record = ProveError::NoRecord { sequence, size: head.size };
    let Some(index) = sequence.checked_sub(1).filter(|index| *index < head.size) else { return Err(no_record) };
    let leaf = sealed.read(sequence, 1)?.pop().ok_or(ProveError::Wrong(sequence))?;
    if leaf.sequence != sequence {
        return Err(ProveError::Dropped(sequence));
    }
    let witnessed = witnessed(sealed, &head, sequence)?;
    let (checkpoint, under, path) = match witnessed {
        Some((path, note, under)) => (note, under, Some(path)),
        None => (newest, head.clone(), None),
    };
    let hashes = match tlog::inclusion(index, under.size, under.root, &Newest { sealed, size: head.size }) {
        Ok(hashes) => hashes,
        Err(ProofError::Tiles(error)) => return Err(error.into()),
        Err(ProofError::WrongTiles | ProofError::NotInTree) => {
            return Err(path.map_or(ProveError::Wrong(sequence), |path| ProveError::OtherHistory { path }));
        }
    };
    check_inclusion(&hashes, index, Hash::leaf(&leaf.json), under.size, under.root).map_err(|_| ProveError::Wrong(sequence))?;
    Ok(ProofFile { record: leaf.json, index, hashes, checkpoint })
}

type Witnessed = (PathBuf, SignedNote, Checkpoint);

/// The newest cosigned head that has the record, with the signatures of all files that hold the same head.
fn witnessed(sealed: &Sealed, head: &Checkpoint, sequence: u64) -> Result<Option<Witnessed>, ProveError> {
    let directory = sealed.directory().join(WITNESSED);
    let files = match fs::read_dir(&directory) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ProveError::Witnessed { path: directory, source }),
    };
    let mut newest: Option<Witnessed> = None;
    for file in files {
        let path = file.map_err(|source| ProveError::Witnessed { path: directory.clone(), source })?.path();
        // What is half copied, of another log, a directory or an editor's, is none.
        if !path.is_file() {
            continue;
        }
        let bytes = fs::read(&path).map_err(|source| ProveError::Witnessed { path: path.clone(), source })?;
        let Some((note, checkpoint)) = str::from_utf8(&bytes).ok().and_then(read) else { continue };
        if checkpoint.origin != head.origin || !(sequence..=head.size).contains(&checkpoint.size) {
            continue;
        }
        match &mut newest {
            Some((_, kept, _)) if kept.text == note.text => {
                note.signatures.into_iter().for_each(|signature| {
                    if !kept.signatures.contains(&signature) {
                        kept.signatures.push(signature);
                    }
                });
            }
            Some((_, _, kept)) if kept.size >= checkpoint.size => {}
            _ => newest = Some((path, note, checkpoint)),
        }
    }
    Ok(newest)
}

fn read(text: &str) -> Option<(SignedNote, Checkpoint)> {
    let note = SignedNote::parse(text).ok()?;
    let checkpoint = Checkpoint::parse(&note.text).ok()?;
    Some((note, checkpoint))
}

/// Tiles of an older tree, as they lie in the newest: they hold what they held, and more.
pub(super) struct Newest<'a> {
    pub(super) sealed: &'a Sealed,
    pub(super) size: u64,
}

impl Tiles for Newest<'_> {
    type Error = SealedError;

    fn tile(&self, tile: &Tile) -> Result<Vec<u8>, SealedError> {
        self.sealed.tile(&Tile::within(tile.level, tile.index, self.size).unwrap_or(*tile))
    }
}
