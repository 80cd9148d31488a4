//! The formats of the transparency log, and the proofs over them: what a stranger needs to check a log that others wrote.
//!
//! Hashing and proofs are those of RFC 9162, section 2.1 (done by `tlog_tiles`); the layout on disk is C2SP's `tlog-tiles`, the
//! signed heads are C2SP's `tlog-checkpoint` in `signed-note`. Nothing here reads or writes files.
//!
//! Invariant: what comes from outside (notes, keys, proofs, tiles) is refused with a reason, and never believed before it was checked.

mod checkpoint;
mod cosignature;
mod frontier;
mod key;
mod layout;
mod manifest;
mod note;
mod proof;
mod proof_file;
mod prover;

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use tlog_tiles::tlog;

pub use self::checkpoint::{Checkpoint, CheckpointError};
pub use self::cosignature::{Cosigner, Witness};
pub use self::frontier::{Frontier, FullTile};
pub use self::key::{KeyError, Signer, Verifier};
pub use self::layout::{BundleError, Tile, bundle, entry_path, unbundle};
pub use self::manifest::{Manifest, ManifestError, PackedFile};
pub use self::note::{NoteError, Signature, SignedNote};
pub use self::proof::{ProofError, Tiles, WrongProof, check_consistency, check_inclusion, consistency, inclusion, root};
pub use self::proof_file::{ProofFile, ProofFileError};
pub use self::prover::Prover;

/// Hashes in a tile that is full, and entries in a bundle.
pub const WIDTH: u64 = 256;

/// A tree larger than this is nobody's: it would hold a million records a second for eight years.
pub const LARGEST_TREE: u64 = 1 << 48;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Of a record, as a leaf of the tree.
    pub fn leaf(record: &[u8]) -> Self {
        Self(tlog::record_hash(record).0)
    }

    /// Of the tree without records.
    pub const EMPTY: Self = Self(tlog::EMPTY_HASH.0);

    pub fn parse_base64(text: &str) -> Option<Self> {
        Some(Self(unbase64(text)?.try_into().ok()?))
    }

    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    fn node(left: Self, right: Self) -> Self {
        Self(tlog::node_hash(tlog::Hash(left.0), tlog::Hash(right.0)).0)
    }
}

/// In its one spelling: the decoder alone would take several padded parts behind one another.
fn unbase64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

/// Base64, as checkpoints and proofs write it.
impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

#[cfg(test)]
mod tests;
