//! Who vouches for a pack, as far as the key says with which it is checked.
//!
//! Invariant: the manifest is signed by the last key that follows the given one, or by the one before, which signs while the last comes in; one of these
//! two signed the heads.

use super::check::{EvidenceError, Signed};
use super::facts::ROTATIONS;
use crate::audit::{keys_after, may_sign};
use crate::tlog::{SignedNote, Verifier};

pub struct Vouching {
    pub signed: Signed,
    /// Of which one must have signed the heads; empty without a key to check with.
    keys: Vec<Verifier>,
}

impl Vouching {
    /// Of a manifest that says it is of the log `origin`, by the notes of rotations in the pack.
    pub fn of(manifest: &SignedNote, origin: &str, rotations: &str, key: Option<&Verifier>) -> Result<Self, EvidenceError> {
        let Some(key) = key else { return Ok(Self { signed: Signed::NotChecked, keys: Vec::new() }) };
        if origin != key.name() {
            return Err(EvidenceError::OtherLog { found: origin.to_owned(), wanted: key.name().to_owned() });
        }
        let keys = keys_after(key, rotations);
        let keys = keys.ok_or_else(|| EvidenceError::NotUnderstood(ROTATIONS.to_owned(), "a note of a rotation is wrong".to_owned()))?;
        // None that was replaced before: whoever has such a one vouches for nothing any more.
        let mut may = may_sign(&keys).cloned();
        match manifest.signatures.as_slice() {
            [] => Ok(Self { signed: Signed::Not, keys: may.collect() }),
            [_] => match may.find(|key| key.has_signed(manifest)) {
                Some(_) => Ok(Self { signed: Signed::ByTheLog, keys: may_sign(&keys).cloned().collect() }),
                None if keys.iter().any(|key| key.is_named_by(manifest)) => Err(EvidenceError::ManifestNotSigned),
                None => Err(EvidenceError::NotSigned),
            },
            _ => Err(EvidenceError::ManifestNotSigned),
        }
    }

    /// That the heads are signed by one of them. Where the process ended in a rotation, the manifest already has the newer one's signature.
    pub fn vouches_for(&self, heads: [&SignedNote; 2]) -> Result<(), EvidenceError> {
        let is_signed = self.keys.iter().any(|key| heads.iter().all(|head| key.has_signed(head)));
        match self.signed {
            Signed::NotChecked => Ok(()),
            _ if is_signed => Ok(()),
            Signed::Not if !self.keys.iter().any(|key| heads.iter().any(|head| key.is_named_by(head))) => Err(EvidenceError::NotSigned),
            Signed::ByTheLog | Signed::Not => Err(EvidenceError::HeadNotSigned),
        }
    }
}
