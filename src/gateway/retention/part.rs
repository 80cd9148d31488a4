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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Journal, SealSettings, Sealer, Settings};
    use crate::clock::Clock;
    use crate::model::Action;

    #[tokio::test(flavor = "multi_thread")]
    async fn what_somebody_removed_is_not_put_on_record_as_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Time::from_millis(1_800_000_000_000));
        let (journal, _) = Journal::open(Settings::new(directory.path().join("audit/journal")), clock.clone()).unwrap();
        let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
        (0..900).for_each(|_| journal.note(Event::done(Action::SessionEnded)));
        sealer.size().wait_for(|size| *size >= 900).await.unwrap();
        let (sealed, later) = (sealer.sealed(), Time::from_millis(1_900_000_000_000));
        let first = sealed.older_than(later, 256).unwrap().unwrap();
        let event = dropping(sealed.clone(), first).await.unwrap();
        assert_eq!((event.details.get("last").map(String::as_str), event.details.get("before")), (Some("256"), None));
        std::fs::remove_file(sealed.directory().join("tile/entries/000")).unwrap();
        let refused = dropping(sealed.clone(), Old { first: 257, last: 512 }).await.unwrap_err().to_string();
        assert!(refused.starts_with("old records stay: records 1 to 256 are gone, and no record of the log says"), "{refused}");
        assert!(matches!(sealed.older_than(later, 256), Err(SealedError::Removed { first: 1, last: 256 })));
        assert!(sealed.directory().join("tile/entries/001").exists());
    }
}
