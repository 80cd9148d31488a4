//! What `verify` can find wrong, in words that name the file and the record.

use std::io;

use super::sealed::SealedError;
use super::unsealed::UnsealedError;

/// The first thing that was found wrong.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("cannot read {path}: {source}; read the directory as the gateway's user, or copy it anew")]
    Read { path: String, source: io::Error },
    #[error("there is no checkpoint: this is no audit directory, or the file `checkpoint` was removed or left out of the copy")]
    NoCheckpoint,
    #[error(
        "the checkpoint is not signed with the key that you gave: it was changed or made by somebody else, or the key is of another log"
    )]
    NotSigned,
    #[error("the checkpoint is of the log {found}, the key is of {wanted}: each log has a key of its own")]
    OtherLog { found: String, wanted: String },
    #[error(
        "{path} is missing: records {first} to {last} cannot be checked; they were removed, or the copy is not whole, and no record of this log says that \
         they were dropped by rule"
    )]
    Missing { path: String, first: u64, last: u64 },
    #[error("the gateway drops old records just now, faster than they are looked at: run it again when it has done, or on a copy")]
    BeingDropped,
    #[error("record {sequence} in {path} is not the one that was sealed: it was changed, dropped, doubled or moved")]
    Record { sequence: u64, path: String },
    #[error("{path} ends in the middle of record {sequence}, or has lost it: it was cut or changed")]
    Cut { sequence: u64, path: String },
    #[error("{path} holds more than its records, of which {last} is the last: something was added")]
    Longer { last: u64, path: String },
    #[error("the hash of record {sequence} in {path} was changed; the record itself is the one that was sealed")]
    Leaf { sequence: u64, path: String },
    #[error("record {sequence} and its hash do not belong together ({path}), and the tiles above fit neither")]
    RecordOrLeaf { sequence: u64, path: String },
    #[error(
        "the hash of records {first} to {last} in {path} is not theirs: these records were changed together with their hashes, or {path} was"
    )]
    Tile { path: String, first: u64, last: u64 },
    #[error("{path} is not as long as it must be: it was cut, or something was added")]
    Length { path: String },
    #[error(
        "the records and tiles fit each other, but not the checkpoint's root hash: the log was rewritten as a whole, or the checkpoint was"
    )]
    Root,
    #[error("record {sequence} in {path} was sealed so, but is none that this version knows ({why}); check with the gateway's version")]
    NotRecord { sequence: u64, path: String, why: String },
    #[error("the record in the place of {sequence} in {path} says that it is number {found}: the gateway did not number it so")]
    Sequence { sequence: u64, found: u64, path: String },
    #[error("the remembered checkpoint is not signed with the key that you gave: it was changed, or it is of another log")]
    RememberedNotSigned,
    #[error("the remembered checkpoint is of the log {found}, this one is {wanted}: remember one for each log")]
    RememberedOtherLog { found: String, wanted: String },
    #[error(
        "the log has {size} records, and the remembered checkpoint was signed for {remembered}: the newest were cut off, or an older state was put back"
    )]
    RolledBack { size: u64, remembered: u64 },
    #[error(
        "the log does not begin with the {remembered} records that the remembered checkpoint was signed for: its past was rewritten, or it is a second log under the same key (a fork)"
    )]
    Forked { remembered: u64 },
    #[error(
        "the hashes of the records around {remembered} are gone, so that the remembered checkpoint cannot be compared; take a newer one"
    )]
    NotComparable { remembered: u64 },
    #[error(transparent)]
    Unsealed(#[from] UnsealedError),
}

impl VerifyError {
    /// Whether it is the log that is wrong, and not what it was read or compared with.
    pub fn is_of_the_log(&self) -> bool {
        match self {
            Self::Sealed(SealedError::Read { .. })
            | Self::Read { .. }
            | Self::Unsealed(UnsealedError::Read { .. } | UnsealedError::Sealed(SealedError::Read { .. }))
            | Self::OtherLog { .. }
            | Self::NotRecord { .. }
            | Self::BeingDropped
            | Self::RememberedNotSigned
            | Self::RememberedOtherLog { .. }
            | Self::NotComparable { .. } => false,
            Self::Sealed(_)
            | Self::Unsealed(_)
            | Self::NoCheckpoint
            | Self::NotSigned
            | Self::Missing { .. }
            | Self::Record { .. }
            | Self::Cut { .. }
            | Self::Longer { .. }
            | Self::Leaf { .. }
            | Self::RecordOrLeaf { .. }
            | Self::Tile { .. }
            | Self::Length { .. }
            | Self::Root
            | Self::Sequence { .. }
            | Self::RolledBack { .. }
            | Self::Forked { .. } => true,
        }
    }
}
