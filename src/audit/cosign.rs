//! A witness: puts its signature under a head after it has seen that the log only grew since the last head that it signed.
//!
//! Invariants: what it has seen is durable before its signature is given out; it never signs two heads of one log of which neither
//! begins with the other, nor a smaller one after a larger one.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::prove::Grown;
use super::sealed::{Sealed, SealedError};
use super::verify::may_sign;
use crate::clock::Time;
use crate::files;
use crate::tlog::{self, Checkpoint, Cosigner, ProofError, Signature, SignedNote, Verifier, check_consistency};

#[derive(Debug, thiserror::Error)]
pub enum CosignError {
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("there is no checkpoint to cosign: name the audit directory of a gateway that has run, or a copy of it")]
    NoCheckpoint,
    #[error(
        "the checkpoint is not signed with the log's key that you gave: it was changed, or the key is of another log. Nothing was signed"
    )]
    NotSigned,
    #[error("cannot keep what was seen in {}: {source}. Nothing was signed", path.display())]
    State { path: PathBuf, source: io::Error },
    #[error(
        "{} is not the state of a witness of this log: keep one file for each log, and do not change it. Nothing was signed", path.display()
    )]
    NotState { path: PathBuf },
    #[error(
        "this witness has seen {seen} records, and the log has {size}: the newest were cut off or an older state was put back. Nothing was signed; keep the directory and the state file as evidence"
    )]
    RolledBack { seen: u64, size: u64 },
    #[error(
        "the log does not begin with the {seen} records that this witness has seen: its past was rewritten. Nothing was signed; keep the directory and the state file as evidence"
    )]
    Forked { seen: u64 },
    #[error("the tiles of the log do not belong to its checkpoint: run `yumen audit verify`. Nothing was signed")]
    WrongTiles,
}

/// What a witness gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    pub note: SignedNote,
    pub size: u64,
    /// How many records it had seen before; `None`: this is the first head of the log that it sees, so it could compare it with nothing.
    pub seen: Option<u64>,
}

/// Cosigns the newest head of a log; `state` is the file in which the witness keeps the last one that it signed.
pub fn cosign(sealed: &Sealed, key: &Verifier, state: &Path, cosigner: &Cosigner, now: Time) -> Result<Cosigned, CosignError> {
    let mut note = sealed.signed_checkpoint()?.ok_or(CosignError::NoCheckpoint)?;
    let keys = sealed.keys_from(key)?;
    let head = signed(&note, may_sign(&keys)).ok_or(CosignError::NotSigned)?;
    // Only what was looked at is given on.
    let by_the_log = |signature: &Signature| {
        let alone = SignedNote { text: note.text.clone(), signatures: vec![signature.clone()] };
        may_sign(&keys).any(|key| key.has_signed(&alone))
    };
    let signatures = note.signatures.iter().filter(|signature| by_the_log(signature)).cloned().collect();
    note.signatures = signatures;
    let failed = |source| CosignError::State { path: state.to_owned(), source };
    let _alone = lock(state).map_err(failed)?;
    let seen = match fs::read_to_string(state) {
        Ok(text) => {
            let read = SignedNote::parse(&text).ok().and_then(|note| signed(&note, sealed.keys_around(key).ok()?.iter()));
            Some(read.ok_or_else(|| CosignError::NotState { path: state.to_owned() })?)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(failed(source)),
    };
    if let Some(seen) = &seen {
        has_only_grown(sealed, seen, &head)?;
    }
    files::replace(state, note.to_string().as_bytes(), 0o600).map_err(failed)?;
    let time_s = u64::try_from(now.millis()).unwrap_or(0) / 1000;
    note.signatures.push(cosigner.cosign(&note.text, time_s));
    Ok(Cosigned { note, size: head.size, seen: seen.map(|seen| seen.size) })
}

/// What the note says, if one of the keys signed it; they are all of one log.
fn signed<'k>(note: &SignedNote, mut keys: impl Iterator<Item = &'k Verifier>) -> Option<Checkpoint> {
    let checkpoint = Checkpoint::parse(&note.text).ok()?;
    keys.any(|key| key.has_signed(note) && checkpoint.origin == key.name()).then_some(checkpoint)
}

fn has_only_grown(sealed: &Sealed, seen: &Checkpoint, head: &Checkpoint) -> Result<(), CosignError> {
    if seen.size > head.size {
        return Err(CosignError::RolledBack { seen: seen.size, size: head.size });
    }
    let forked = CosignError::Forked { seen: seen.size };
    if seen.size == head.size {
        return if seen.root == head.root { Ok(()) } else { Err(forked) };
    }
    match tlog::consistency(seen.size, head.size, head.root, &Grown { sealed, size: head.size }) {
        Ok(proof) => check_consistency(&proof, (seen.size, seen.root), (head.size, head.root)).map_err(|_| forked),
        Err(ProofError::Tiles(error)) => Err(error.into()),
        Err(ProofError::WrongTiles | ProofError::NotInTree) => Err(CosignError::WrongTiles),
    }
}

/// Two at once would sign what neither has compared with the other's.
fn lock(state: &Path) -> io::Result<File> {
    let mut path = state.as_os_str().to_owned();
    path.push(".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}
