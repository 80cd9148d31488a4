//! A part of the log as its archive takes it.

use crate::audit::{Old, Sealed, SealedError};
use crate::clock::Time;
use crate::model::Event;
use crate::outbound::{File, NotRead, Part};

use super::RetentionError;

pub struct OldPart {
    sealed: Sealed,
    origin: String,
    old: Old,
}

impl OldPart {
    pub fn new(sealed: Sealed, old: Old) -> Result<Self, SealedError> {
        let origin = sealed.checkpoint()?.map(|checkpoint| checkpoint.origin).unwrap_or_default();
        Ok(Self { sealed, origin, old })
    }

    /// Whether all is what was sealed. Blocks.
    pub fn check(&self) -> Result<(), SealedError> {
        self.sealed.files(&self.old).try_for_each(|file| file.map(drop))
    }
}

/// What is put on record before these are dropped. Refused where more is missing before them than was dropped by rule: a record that covers
/// it would make a rule of it.
pub async fn dropping(sealed: Sealed, old: Old) -> Result<Event, RetentionError> {
    Ok(tokio::task::spawn_blocking(move || sealed.dropping(&old)).await??)
}

impl Part for OldPart {
    fn origin(&self) -> &str {
        &self.origin
    }

    fn first(&self) -> u64 {
        self.old.first
    }

    fn last(&self) -> u64 {
        self.old.last
    }

    fn files(&self) -> Box<dyn Iterator<Item = Result<File, NotRead>> + '_> {
        Box::new(self.sealed.files(&self.old).map(|file| file.map_err(|error| NotRead(error.to_string()))))
    }
}

/// The first record from this sequence on that is here, and when it was written. One of another version has no time that is understood.
pub fn written(sealed: &Sealed, sequence: u64) -> Result<Option<(u64, Time)>, SealedError> {
    let leaf = sealed.read(sequence, 1)?.pop();
    Ok(leaf.and_then(|leaf| {
        let time: jiff::Timestamp = leaf.entry().ok()?.time.parse().ok()?;
        Some((leaf.sequence, Time::from_millis(time.as_millisecond())))
    }))
}
