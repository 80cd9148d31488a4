//! Drops the oldest records of the log, once they are older than the config keeps them: an hourly round, one part after the other.
//!
//! A part is checked against the tree, archived and read back, said on record, and only then removed. A round that ends in between is done again
//! by the next. What makes records old is their own time, by [`reckoning`], and that they were here for so long, by [`marks`].
//!
//! Invariant: nothing is removed that is not on record as dropped, durable and sealed, and in the archive, if there is one. Nobody waits for it.

mod marks;
mod memory;
mod part;
mod reckoning;
mod told;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::audit::{Journal, NoRecord, Old, Older, Sealed, SealedError, Sealer};
use crate::clock::{Clock, Time};
use crate::config::Settings;
use crate::outbound::{Archive, ArchiveError};
use crate::tlog::WIDTH;

use self::marks::Marks;
use self::memory::{Archived, Kept};
use self::part::OldPart;
use self::reckoning::DAY;
pub use self::told::RetentionStatus;
use super::house::House;

/// The first look, after which a reading of the clock is kept.
const SOON: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_hours(1);
/// After something went wrong.
const PAUSE: Duration = Duration::from_mins(10);
/// What goes at once; a full tile of the level above the lowest covers as many.
const PART: u64 = 65_536;
/// For the record of what is dropped to be sealed, which takes a second.
const PATIENCE: Duration = Duration::from_mins(1);
/// A round that goes on for longer is told.
const LONG: Duration = Duration::from_mins(30);
const DAY_S: u64 = 86_400;

#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    #[error("the log takes no records, or they are not sealed, so none is dropped")]
    LogFails,
    #[error("what time it is cannot be kept in {}: {why}", path.display())]
    Memory { path: PathBuf, why: std::io::Error },
    #[error("old records stay: {0}")]
    Log(#[from] SealedError),
    #[error("old records stay: {0}")]
    Archive(#[from] ArchiveError),
    #[error("old records stay: that they are dropped cannot be recorded")]
    NoRecord(#[from] NoRecord),
    #[error("old records stay: that they are dropped was not sealed within {} s", PATIENCE.as_secs())]
    NotSealed,
    #[error("old records stay: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// What the config says, with the archive ready.
#[derive(Debug, PartialEq)]
pub struct Rule {
    /// `None`: nothing is dropped.
    keep: Option<Duration>,
    reason: Option<String>,
    archive: Option<Arc<Archive>>,
}

impl Rule {
    /// Reads the files that the config names for a bucket. Whether a directory is there, each round asks anew.
    pub fn of(settings: &Settings) -> Result<Self, ArchiveError> {
        let keeping = &settings.keeping;
        let archive = keeping.archive.clone().map(Archive::open).transpose()?.map(Arc::new);
        Ok(Self { keep: keeping.keep, reason: keeping.reason.clone(), archive })
    }
}

pub struct Retention {
    journal: Journal,
    sealer: Sealer,
    clock: Clock,
    file: PathBuf,
    rule: ArcSwap<Rule>,
    changed: Notify,
    /// One round at a time.
    alone: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

struct State {
    kept: Kept,
    /// Since the start.
    archived: u64,
    dropped: u64,
    failures: u64,
    /// Why the last round failed.
    trouble: Option<String>,
    /// When the round began that goes on now, by the steady clock.
    since: Option<Time>,
    /// The oldest record that is here, and when it was written.
    oldest: Option<(u64, String)>,
}

impl Retention {
    /// Before this process has written a record: what is there says when it was. Reads the log, and so blocks.
    pub fn begin(settings: &Settings, rule: Rule, journal: &Journal, sealer: &Sealer, clock: Clock) -> Result<Self, SealedError> {
        let file = settings.data.join("retention.json");
        Self::with_memory(file, rule, journal, sealer, clock)
    }

    fn with_memory(file: PathBuf, rule: Rule, journal: &Journal, sealer: &Sealer, clock: Clock) -> Result<Self, SealedError> {
        let size = *sealer.size().borrow();
        let newest = if size == 0 { None } else { part::written(&sealer.sealed(), size)?.map(|(_, time)| time) };
        let mut kept = memory::read(&file).unwrap_or_else(|| Kept::begin(&clock.reading(), newest));
        kept.marks.end_at(size);
        if kept.marks.is_empty() {
            kept.marks = growth(&sealer.sealed(), size, &kept);
        }
        let state = State { kept, archived: 0, dropped: 0, failures: 0, trouble: None, since: None, oldest: None };
        Ok(Self {
            journal: journal.clone(),
            sealer: sealer.clone(),
            clock,
            file,
            rule: ArcSwap::from_pointee(rule),
            changed: Notify::new(),
            alone: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
        })
    }

    /// From now on this holds, beginning with a round at once.
    pub fn apply(&self, rule: Rule) {
        if **self.rule.load() != rule {
            self.rule.store(Arc::new(rule));
            self.changed.notify_one();
        }
    }

    /// Drops all that is too old now. Says what went wrong once, and again after a round that went well.
    pub async fn round(&self) -> Result<(), RetentionError> {
        let _alone = self.alone.lock().await;
        self.state().since = Some(self.clock.now());
        let done = self.whole_round().await;
        let mut state = self.state();
        state.since = None;
        match &done {
            Ok(()) => {
                if state.trouble.take().is_some() {
                    tracing::info!("old records of the log are dropped again");
                }
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                let sentence = super::told(error);
                if state.trouble.is_none() {
                    tracing::error!("{sentence}; it is tried again");
                }
                state.trouble = Some(sentence);
            }
        }
        done
    }

    async fn whole_round(&self) -> Result<(), RetentionError> {
        let present = self.look().await?;
        let dropped = self.drop_older(present).await;
        dropped.and(self.find_oldest().await)
    }

    async fn drop_older(&self, present: Time) -> Result<(), RetentionError> {
        // Long before the first record is old, its operator learns that an archive is not there.
        if let Rule { keep: Some(_), archive: Some(archive), .. } = &*self.rule.load_full() {
            archive.ready().await?;
        }
        let mut most = PART;
        loop {
            // The next part follows the rule that holds then.
            let rule = self.rule.load_full();
            let Some(keep) = rule.keep else { break };
            // A log that is only full is helped by this.
            if self.sealer.failure().is_some() || !(self.journal.is_ready() || self.journal.is_full()) {
                return Err(RetentionError::LogFails);
            }
            let here = self.state().kept.here_for(keep);
            // What a clock dated that was ahead would keep all behind it here for as long as that clock was wrong; when it came, the marks say.
            let (sealed, older) = (self.sealer.sealed(), Older { than: present.minus(keep), not_after: Some(present.plus(DAY)) });
            let old = tokio::task::spawn_blocking(move || sealed.older_than(older, most)).await??;
            let Some(old) = old.and_then(|old| among_the_first(old, here)) else { break };
            match self.drop_part(&rule, keep, old).await {
                Err(RetentionError::Archive(ArchiveError::TooLarge)) if most > 256 => most = most.div_ceil(2),
                done => done?,
            }
        }
        Ok(())
    }

    async fn drop_part(&self, rule: &Rule, keep: Duration, old: Old) -> Result<(), RetentionError> {
        let part = Arc::new(OldPart::new(self.sealer.sealed(), old)?);
        let object = match &rule.archive {
            Some(archive) => {
                let place = archive.settings().to_string();
                let is_known = self.state().kept.archived.as_ref().is_some_and(|archived| archived.place == place);
                if is_known {
                    archive.must_have(&*part).await?;
                }
                let object = archive.keep(part).await?;
                self.was_archived(old, &object, place).await?;
                Some(format!("{} {object}", archive.settings()))
            }
            None => {
                // Nothing that was changed is cleared away as if it were old.
                tokio::task::spawn_blocking(move || part.check()).await??;
                None
            }
        };
        // It took a while, and the config may say something else by now. An object too many does no harm.
        if **self.rule.load() != *rule {
            return Ok(());
        }
        let days = format!("{} days", keep.as_secs().checked_div(DAY_S).unwrap_or(0));
        let mut event = part::dropping(self.sealer.sealed(), old).await?.with("keep", days);
        for (name, value) in [("reason", &rule.reason), ("archive", &object)] {
            if let Some(value) = value {
                event = event.with(name, value);
            }
        }
        self.journal.event(event).await?;
        let recorded = self.journal.counts().sequence;
        let mut size = self.sealer.size();
        timeout(PATIENCE, size.wait_for(|size| *size >= recorded)).await.ok().and_then(Result::ok).ok_or(RetentionError::NotSealed)?;
        let sealed = self.sealer.sealed();
        tokio::task::spawn_blocking(move || sealed.drop_entries(&old)).await??;
        let mut state = self.state();
        state.dropped = state.dropped.saturating_add(records(&old));
        Ok(())
    }

    /// What time it is, kept for the next process.
    async fn look(&self) -> Result<Time, RetentionError> {
        let (kept, present) = {
            let mut state = self.state();
            let doubted = state.kept.reckoning.doubt().is_some();
            let size = *self.sealer.size().borrow();
            state.kept.look(&self.clock.reading(), size);
            if let Some(doubt) = state.kept.reckoning.doubt().filter(|_| !doubted) {
                tracing::warn!("{doubt}");
            }
            (state.kept.clone(), state.kept.reckoning.present())
        };
        self.remember(kept).await?;
        Ok(present)
    }

    async fn was_archived(&self, old: Old, object: &str, place: String) -> Result<(), RetentionError> {
        let kept = {
            let mut state = self.state();
            state.archived = state.archived.saturating_add(records(&old));
            let archived = Archived { at: self.clock.wall(), first: old.first, last: old.last, object: object.to_owned(), place };
            state.kept.archived = Some(archived);
            state.kept.clone()
        };
        self.remember(kept).await
    }

    async fn remember(&self, kept: Kept) -> Result<(), RetentionError> {
        let path = self.file.clone();
        let failed = |why| RetentionError::Memory { path: self.file.clone(), why };
        tokio::task::spawn_blocking(move || memory::write(&path, &kept)).await?.map_err(failed)
    }

    async fn find_oldest(&self) -> Result<(), RetentionError> {
        let sealed = self.sealer.sealed();
        let found = tokio::task::spawn_blocking(move || part::written(&sealed, sealed.oldest()?)).await??;
        let mut state = self.state();
        if let Some((sequence, _)) = found {
            state.kept.marks.begin_at(sequence);
        }
        state.oldest = found.map(|(sequence, time)| (sequence, time.to_string()));
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a log that was there before its marks. One that cannot be read has none, and so becomes old from now on.
fn growth(sealed: &Sealed, size: u64, kept: &Kept) -> Marks {
    let now = (kept.reckoning.present(), kept.reckoning.lived());
    let time_of = |sequence| Ok::<_, SealedError>(part::written(sealed, sequence)?.map(|(_, time)| time));
    let found = match sealed.oldest() {
        Ok(oldest) if oldest <= size => Marks::of_log((oldest, size), now, time_of),
        Ok(_) => Ok(Marks::default()),
        Err(error) => Err(error),
    };
    found
        .inspect_err(|why| {
            tracing::warn!("for how long records have been here cannot be read from the log, so it is counted from now on: {why}")
        })
        .unwrap_or_default()
}

/// As much of it as is among so many first records, in whole bundles.
fn among_the_first(old: Old, records: u64) -> Option<Old> {
    let last = old.last.min(records.saturating_sub(records % WIDTH));
    (last >= old.first).then_some(Old { last, ..old })
}

fn records(old: &Old) -> u64 {
    old.last.saturating_sub(old.first).saturating_add(1)
}

/// A round soon after the start, one an hour, and one when the config says something else.
pub async fn follow(house: Arc<House>) {
    let mut pause = SOON;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = house.retention.changed.notified() => {}
        }
        pause = if house.retention.round().await.is_ok() { HOUR } else { PAUSE };
    }
}
