//! Keeps the index of the log up to date: follows what is sealed by the cursor that the index keeps.
//!
//! Invariant: nothing waits for the index. On a slow disk it falls behind, and what it holds in memory is one batch.

use std::sync::Arc;
use std::time::Duration;

use crate::audit::{Leaf, Sealed, SealedError};
use crate::model::Entry;
use crate::store::{LogBatch, LogIndex, LogIndexError};

use super::house::House;

/// So many records at once, each a few hundred bytes.
const BATCH: usize = 2_048;
/// What is written within this comes in one batch while the index keeps up.
const BREATH: Duration = Duration::from_secs(1);
/// After something went wrong.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum IndexingError {
    #[error(transparent)]
    Index(#[from] LogIndexError),
    #[error("the log cannot be read for its index: {0}")]
    Log(#[from] SealedError),
    #[error("the log could not be read for its index: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Follows the log until the process ends.
pub async fn follow(house: Arc<House>) {
    let sealed = house.sealer.sealed();
    let (mut size, mut drops) = (house.sealer.size(), sealed.drops());
    let mut told = false;
    loop {
        // What is derived from the log takes no room that the log itself needs.
        if house.space.is_low() {
            if !std::mem::replace(&mut told, true) {
                tracing::warn!("the disk is short of room: the index of the log waits, and searches do not find what is newer meanwhile");
            }
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        match mended(&house.index, &sealed).await {
            Ok(()) => told = false,
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("{}; it is tried again, and searches do not find what is newer meanwhile", super::told(&error));
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        // What was dropped is forgotten also where nothing is written any more.
        let changed = tokio::select! {
            changed = size.changed() => changed,
            changed = drops.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
        tokio::time::sleep(BREATH).await;
    }
}

impl House {
    /// Sealed records that are not in the index yet.
    pub fn index_lag(&self) -> u64 {
        self.sealer.size().borrow().saturating_sub(self.index.reached())
    }
}

/// An index that turns out to be unusable is begun anew, once.
async fn mended(index: &LogIndex, sealed: &Sealed) -> Result<(), IndexingError> {
    let why = if index.is_damaged() {
        "somebody who searched found it damaged".to_owned()
    } else {
        match catch_up(index, sealed, |_| {}).await {
            Err(IndexingError::Index(LogIndexError::Unusable { why, .. })) => why,
            caught_up => return caught_up,
        }
    };
    tracing::warn!("the index of the log cannot be used ({why}) and is made anew from the log");
    index.begin_anew().await?;
    catch_up(index, sealed, |_| {}).await
}

/// Adds everything that is sealed and not yet in the index, forgets what was dropped, and begins it anew if it is the index of another log, or if
/// records that it has not are here again. `done` hears how far it is.
pub async fn catch_up(index: &LogIndex, sealed: &Sealed, mut done: impl FnMut(u64)) -> Result<(), IndexingError> {
    if !belongs(index, sealed).await? {
        tracing::warn!("the index of the log is that of another log, or of another state of it, and is made anew");
        index.begin_anew().await?;
    } else if blocking(sealed, Sealed::oldest).await? < index.indexed().await?.begins {
        tracing::warn!("records that the index of the log does not have are here again, so it is made anew");
        index.begin_anew().await?;
    }
    let mut up_to = index.indexed_up_to().await?;
    loop {
        let leaves = blocking(sealed, move |sealed| sealed.read(up_to.saturating_add(1), BATCH)).await?;
        let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else { return forget(index, sealed).await };
        // What it will not have, it must know if it comes back; a gap behind what is here was dropped by rule.
        if first.sequence > up_to.saturating_add(1) && blocking(sealed, Sealed::oldest).await? >= first.sequence {
            index.begins_with(first.sequence).await?;
        }
        up_to = last.sequence;
        let batch = LogBatch { entries: &understood(&leaves), up_to, leaf: last.hash().0 };
        index.add(batch).await?;
        done(up_to);
    }
}

/// Whether the last record that was indexed is the one that stands there in the log, be it dropped since.
async fn belongs(index: &LogIndex, sealed: &Sealed) -> Result<bool, IndexingError> {
    let indexed = index.indexed().await?;
    if indexed.up_to == 0 {
        return Ok(true);
    }
    let found = blocking(sealed, move |sealed| sealed.leaf_hash(indexed.up_to)).await?;
    Ok(found.is_some_and(|hash| hash.0.as_slice() == indexed.leaf))
}

/// Forgets what the log has dropped by rule, and not what is only away.
async fn forget(index: &LogIndex, sealed: &Sealed) -> Result<(), IndexingError> {
    let oldest = blocking(sealed, Sealed::begins_by_rule).await?;
    let forgotten = index.forget_before(oldest).await?;
    if forgotten > 0 {
        tracing::info!("the index of the log has forgotten {forgotten} rows of records that were dropped");
    }
    Ok(())
}

/// A record of another version is no reason to find nothing after it.
fn understood(leaves: &[Leaf]) -> Vec<Entry> {
    let entry = |leaf: &Leaf| match leaf.entry() {
        Ok(entry) => Some(entry),
        Err(error) => {
            tracing::warn!(sequence = leaf.sequence, %error, "a record is not understood and will not be found by searching");
            None
        }
    };
    leaves.iter().filter_map(entry).collect()
}

async fn blocking<T: Send + 'static>(
    sealed: &Sealed,
    work: impl FnOnce(&Sealed) -> Result<T, SealedError> + Send + 'static,
) -> Result<T, IndexingError> {
    let sealed = sealed.clone();
    Ok(tokio::task::spawn_blocking(move || work(&sealed)).await??)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Journal, Old, SealSettings, Sealer, Settings};
    use crate::clock::{Clock, Time};
    use crate::model::{Action, Event, LogQuery};

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    struct Log {
        directory: tempfile::TempDir,
        journal: Journal,
        sealer: Sealer,
    }

    impl Log {
        async fn of(records: u32) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let settings = Settings::new(directory.path().join("audit/journal"));
            let (journal, _) = Journal::open(settings, Clock::manual(NOW)).unwrap();
            let sealer = Sealer::start(&SealSettings::within(directory.path(), "gate.test"), &journal).unwrap();
            let log = Self { directory, journal, sealer };
            log.write(records).await;
            log
        }

        /// Until they are sealed.
        async fn write(&self, records: u32) {
            let goal = *self.sealer.size().borrow() + u64::from(records);
            for number in 0..records {
                self.journal.event(Event::done(Action::SessionEnded).with("number", number)).await.unwrap();
            }
            self.sealer.size().wait_for(|size| *size >= goal).await.unwrap();
        }

        /// As a round does it.
        async fn drop_by_rule(&self, last: u64) {
            let sealed = self.sealer.sealed();
            let old = Old { first: sealed.oldest().unwrap(), last };
            self.journal.event(sealed.dropping(&old).unwrap()).await.unwrap();
            let goal = self.journal.counts().sequence;
            self.sealer.size().wait_for(|size| *size >= goal).await.unwrap();
            sealed.drop_entries(&old).unwrap();
        }

        async fn index(&self) -> LogIndex {
            LogIndex::open(&self.directory.path().join("log-index.db")).await.unwrap().0
        }
    }

    async fn found(index: &LogIndex) -> usize {
        index.search(&LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap().rows.len()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_catches_up_with_what_is_sealed_and_goes_on_from_there() {
        let log = Log::of(300).await;
        let index = log.index().await;
        catch_up(&index, &log.sealer.sealed(), |_| {}).await.unwrap();
        assert_eq!((index.reached(), found(&index).await), (300, 300));
        log.write(3).await;
        index.close().await;
        let index = log.index().await;
        let mut steps = Vec::new();
        catch_up(&index, &log.sealer.sealed(), |up_to| steps.push(up_to)).await.unwrap();
        assert_eq!((steps, found(&index).await), (vec![303], 303), "only what is new was read");
        catch_up(&index, &log.sealer.sealed(), |_| panic!("there is nothing more")).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_index_of_another_log_and_a_broken_one_are_made_anew() {
        let (log, other) = (Log::of(3).await, Log::of(5).await);
        let index = log.index().await;
        catch_up(&index, &other.sealer.sealed(), |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 5);
        mended(&index, &log.sealer.sealed()).await.unwrap();
        assert_eq!((found(&index).await, index.indexed_up_to().await.unwrap()), (3, 3), "it was ahead of this log");
        log.write(5).await;
        let index = other.index().await;
        catch_up(&index, &other.sealer.sealed(), |_| {}).await.unwrap();
        mended(&index, &log.sealer.sealed()).await.unwrap();
        assert_eq!(found(&index).await, 8, "the same length does not make it this log's");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_that_a_reader_finds_damaged_is_made_anew() {
        let log = Log::of(300).await;
        let index = log.index().await;
        catch_up(&index, &log.sealer.sealed(), |_| {}).await.unwrap();
        index.close().await;
        let path = log.directory.path().join("log-index.db");
        let mut bytes = std::fs::read(&path).unwrap();
        // All but what says which tables there are.
        bytes.iter_mut().skip(2 * 4096).for_each(|byte| *byte = 0xa5);
        std::fs::write(&path, bytes).unwrap();
        let index = log.index().await;
        assert!(!index.is_damaged());
        let why = index.search(&LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap_err();
        assert!(matches!(why, LogIndexError::Unusable { .. }) && index.is_damaged(), "{why}");
        mended(&index, &log.sealer.sealed()).await.unwrap();
        assert!(!index.is_damaged());
        assert_eq!((found(&index).await, index.reached()), (300, 300));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_dropped_is_forgotten_and_no_reason_to_begin_anew_nor_to_be_found_by_an_index_that_does() {
        let log = Log::of(1_000).await;
        let (index, sealed) = (log.index().await, log.sealer.sealed());
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        log.drop_by_rule(768).await;
        catch_up(&index, &sealed, |up_to| assert_eq!(up_to, 1_001)).await.unwrap();
        let rows = index.search(&LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap().rows;
        assert_eq!((rows.len(), rows.last().unwrap().sequence), (233, 769));
        index.begin_anew().await.unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(index.search(&LogQuery { limit: 1_000, ..LogQuery::default() }).await.unwrap().rows, rows);
        index.close().await;

        // One that was away for so long that its last record is gone.
        let late = LogIndex::open(&log.directory.path().join("late.db")).await.unwrap().0;
        let entry = Entry::stamp(500, NOW, [0; 16], crate::model::Record::Event(Event::done(Action::SignIn)));
        let leaf = sealed.leaf_hash(500).unwrap().unwrap().0;
        late.add(LogBatch { entries: &[entry], up_to: 500, leaf }).await.unwrap();
        assert!(belongs(&late, &sealed).await.unwrap());
        catch_up(&late, &sealed, |_| {}).await.unwrap();
        assert_eq!((found(&late).await, late.indexed_up_to().await.unwrap()), (233, 1_001));
        let other = LogIndex::open(&log.directory.path().join("other.db")).await.unwrap().0;
        other.add(LogBatch { entries: &[], up_to: 500, leaf: [1; 32] }).await.unwrap();
        assert!(!belongs(&other, &sealed).await.unwrap(), "though the record itself is gone");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_only_away_is_not_forgotten() {
        let log = Log::of(1_000).await;
        let (index, sealed) = (log.index().await, log.sealer.sealed());
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        let (entries, away) = (sealed.directory().join("tile/entries"), log.directory.path().join("away"));
        std::fs::rename(&entries, &away).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_000, "all of it is away");
        std::fs::rename(&away, &entries).unwrap();
        std::fs::rename(entries.join("000"), &away).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_000, "no record says that its beginning was dropped");
        std::fs::rename(&away, entries.join("000")).unwrap();
        log.drop_by_rule(256).await;
        std::fs::rename(entries.join("001"), &away).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_001 - 256, "that which was dropped, and no more");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_index_that_was_made_while_records_were_away_is_made_anew_when_they_are_back() {
        let log = Log::of(1_000).await;
        let (index, sealed) = (log.index().await, log.sealer.sealed());
        let (first, away) = (sealed.directory().join("tile/entries/000"), log.directory.path().join("away"));
        std::fs::rename(&first, &away).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 744);
        std::fs::rename(&away, &first).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_000);
        catch_up(&index, &sealed, |_| panic!("it is made anew once")).await.unwrap();

        // What comes back of what was dropped is found, a hole behind it or not, until it is dropped again.
        let bundle = std::fs::read(&first).unwrap();
        log.drop_by_rule(768).await;
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_001 - 768);
        std::fs::write(&first, bundle).unwrap();
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_001 - 768 + 256);
        catch_up(&index, &sealed, |_| panic!("it is made anew once")).await.unwrap();
        log.drop_by_rule(256).await;
        catch_up(&index, &sealed, |_| {}).await.unwrap();
        assert_eq!(found(&index).await, 1_002 - 768);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn whoever_follows_hears_of_each_drop() {
        let log = Log::of(600).await;
        let mut drops = log.sealer.sealed().drops();
        assert!(!drops.has_changed().unwrap());
        log.drop_by_rule(256).await;
        assert_eq!(*drops.borrow_and_update(), 256);
        log.drop_by_rule(512).await;
        assert!(drops.has_changed().unwrap() && *drops.borrow_and_update() == 512);
    }
}
