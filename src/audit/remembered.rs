//! A head of the log that was kept elsewhere, against the log as it is.
//!
//! Invariant: the log must still begin with the tree that was remembered; truncation, rollback and rewriting are told apart in words.

use super::wrong::VerifyError;
use crate::tlog::{Checkpoint, Frontier, SignedNote, Verifier};

pub(super) struct Remembered {
    /// `None`: there is nothing to compare, or it was compared.
    wanted: Option<Checkpoint>,
}

impl Remembered {
    /// `keys`: any of them may have signed it.
    pub(super) fn new(since: Option<&SignedNote>, keys: Option<&[Verifier]>, checkpoint: &Checkpoint) -> Result<Self, VerifyError> {
        let Some(note) = since else { return Ok(Self { wanted: None }) };
        if keys.is_some_and(|keys| !keys.iter().any(|key| key.has_signed(note))) {
            return Err(VerifyError::RememberedNotSigned);
        }
        let wanted = Checkpoint::parse(&note.text).map_err(|_| VerifyError::RememberedNotSigned)?;
        if wanted.origin != checkpoint.origin {
            return Err(VerifyError::RememberedOtherLog { found: wanted.origin, wanted: checkpoint.origin.clone() });
        }
        if wanted.size > checkpoint.size {
            return Err(VerifyError::RolledBack { size: checkpoint.size, remembered: wanted.size });
        }
        if wanted.size == checkpoint.size && wanted.root != checkpoint.root {
            return Err(VerifyError::Forked { remembered: wanted.size });
        }
        Ok(Self { wanted: Some(wanted) })
    }

    /// Called at each size that the tree has on its way.
    pub(super) fn compare(&mut self, frontier: &Frontier) -> Result<(), VerifyError> {
        let Some(wanted) = self.wanted.take_if(|wanted| wanted.size == frontier.size()) else { return Ok(()) };
        if wanted.root == frontier.root() { Ok(()) } else { Err(VerifyError::Forked { remembered: wanted.size }) }
    }

    /// The tree goes from before the record `first` to behind the record `last` in one step.
    pub(super) fn skip(&self, first: u64, last: u64) -> Result<(), VerifyError> {
        match &self.wanted {
            Some(wanted) if (first..last).contains(&wanted.size) => Err(VerifyError::NotComparable { remembered: wanted.size }),
            _ => Ok(()),
        }
    }
}
