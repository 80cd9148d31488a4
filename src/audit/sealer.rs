//! The thread that seals: follows the journal and has each durable record under a signed head within a second.
//!
//! Invariant: only durable records are sealed, in their order, each once; a failure is told and tried again from what was published,
//! but after a failed sync the process ends.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{oneshot, watch};

use super::lines::Lines;
use super::log_key::{self, LogKeyError};
use super::rotation::{Keys, Rotation, RotationError};
use super::seal::{Seal, SealFailure};
use super::sealed::{Sealed, TILES};
use super::shelf::{RealShelf, Shelf};
use super::spent::{self, NotRemoved};
use super::writer::{EndTheProcess, LastWords, Shared};
use super::{Journal, sealed};
use crate::model::{Action, Event};
use crate::tlog::{Checkpoint, Hash, WIDTH};

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(500);
/// A head is published after so many records at the latest, when there are many to catch up with.
const MOST_AT_ONCE: u64 = 65_536;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealSettings {
    /// What may be copied and served: `audit` in the data directory.
    pub directory: PathBuf,
    /// The journal's segments.
    pub journal: PathBuf,
    /// The file that keeps the private key.
    pub key: PathBuf,
    /// The gateway's host, for the origin of a log that begins.
    pub host: String,
}

/// Why the log cannot be sealed from the start.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error(transparent)]
    Key(#[from] LogKeyError),
    #[error("the sealed log: {0}")]
    Seal(#[from] SealFailure),
    #[error("the sealed log: {0}")]
    Read(#[from] sealed::SealedError),
    #[error("the journal and the sealed log differ in record {0}: one of them was changed; keep both as evidence and restore a copy")]
    Differ(u64),
    #[error(transparent)]
    Rotation(#[from] RotationError),
    #[error("cannot start the thread that seals the log: {0}")]
    Thread(std::io::Error),
}

/// A handle to the thread, which ends when it is told to or no handle is left.
#[derive(Clone)]
pub struct Sealer(Arc<Handle>);

struct Handle {
    jobs: mpsc::Sender<Job>,
    size: watch::Receiver<u64>,
    failure: Arc<Mutex<Option<String>>>,
    sealed: Sealed,
    verifier_key: Arc<Mutex<String>>,
    /// One at a time replaces the key.
    rotating: tokio::sync::Mutex<()>,
}

pub(super) enum Job {
    /// Makes the next key, and has the present one name it.
    NextKey(oneshot::Sender<Result<Rotation, RotationError>>),
    /// The rotation is on record: from now on the next key signs.
    TakeNextKey(oneshot::Sender<Result<(), RotationError>>),
    /// Dropped, and so answered, at the end.
    Stop { _done: oneshot::Sender<()> },
}

impl SealSettings {
    /// In the data directory `data`.
    pub fn within(data: &std::path::Path, host: &str) -> Self {
        let directory = data.join("audit");
        Self { journal: directory.join("journal"), directory, key: data.join("log.key"), host: host.to_owned() }
    }

    /// For the journal that will be opened: how many of its records were signed for.
    pub fn sealed(&self) -> Result<u64, SealError> {
        let sealed = Sealed::new(&self.directory);
        Ok(if self.directory.is_dir() { sealed.checkpoint()?.map_or(0, |checkpoint| checkpoint.size) } else { 0 })
    }
}

impl Sealer {
    /// Goes on where the last process stopped; blocks while it looks at the last tiles.
    pub fn start(settings: &SealSettings, journal: &Journal) -> Result<Self, SealError> {
        let open = |source| SealFailure::Write { path: settings.directory.display().to_string(), source };
        Self::on(RealShelf::open(&settings.directory).map_err(open)?, settings, journal, EndTheProcess)
    }

    fn on<S: Shelf>(mut shelf: S, settings: &SealSettings, journal: &Journal, last_words: impl LastWords) -> Result<Self, SealError> {
        let sealed = Sealed::new(&settings.directory);
        let checkpoint = sealed.checkpoint()?;
        if checkpoint.is_none() && shelf.exists(TILES) {
            return Err(SealFailure::NoCheckpoint.into());
        }
        let signer = log_key::open(&settings.key, &settings.host, checkpoint.is_some())?;
        let keys = Keys::new(&settings.key, signer, &sealed.rotations()?);
        let mut seal = Seal::resume(&shelf, &keys)?;
        if !sealed.signed_checkpoint()?.is_some_and(|note| keys.signer.verifier().has_signed(&note)) {
            seal.publish(&mut shelf, &keys.signer)?;
        }
        must_agree(&sealed, checkpoint.as_ref(), settings)?;

        let (jobs, queue) = mpsc::channel();
        let (size, watched) = watch::channel(seal.size());
        let failure = Arc::new(Mutex::new(None));
        let verifier_key = Arc::clone(&keys.shown);
        let worker = Worker {
            shelf,
            keys,
            state: Some((seal, None)),
            journal: settings.journal.clone(),
            shared: Arc::clone(&journal.0.shared),
            size,
            failure: Arc::clone(&failure),
            drops: sealed.drops(),
            sealed: sealed.clone(),
            warned: false,
            last_words,
        };
        let thread = std::thread::Builder::new().name("yumen-seal".to_owned());
        thread.spawn(move || worker.run(&queue)).map_err(SealError::Thread)?;
        Ok(Self(Arc::new(Handle { jobs, size: watched, failure, sealed, verifier_key, rotating: tokio::sync::Mutex::default() })))
    }

    /// How many records are under a signed head; changes as more are.
    pub fn size(&self) -> watch::Receiver<u64> {
        self.0.size.clone()
    }

    pub fn sealed(&self) -> Sealed {
        self.0.sealed.clone()
    }

    /// What auditors check heads with.
    pub fn verifier_key(&self) -> String {
        self.0.verifier_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the key, on record as `event`; from then on the new one signs. Gives its verifier key.
    pub async fn rotate_key(&self, journal: &Journal, event: Event) -> Result<String, RotationError> {
        let _alone = self.0.rotating.lock().await;
        let rotation = self.ask(Job::NextKey).await?;
        self.take_next_key(journal, event, rotation).await
    }

    /// Brings a rotation to its end that a crash interrupted. To be called at the start.
    pub async fn end_rotation(&self, journal: &Journal, settings: &SealSettings) -> Result<(), RotationError> {
        match Rotation::unfinished(&settings.key, &self.sealed())? {
            Some(rotation) => self.take_next_key(journal, Event::done(Action::LogKeyRotated), rotation).await.map(drop),
            None => Ok(()),
        }
    }

    async fn take_next_key(&self, journal: &Journal, event: Event, rotation: Rotation) -> Result<String, RotationError> {
        let event = event.with("old", &rotation.old).with("new", &rotation.new);
        journal.event(event).await.map_err(|_| RotationError::NoRecord)?;
        self.ask(Job::TakeNextKey).await?;
        Ok(rotation.new)
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<Result<T, RotationError>>) -> Job) -> Result<T, RotationError> {
        let (answer, answered) = oneshot::channel();
        self.0.jobs.send(job(answer)).map_err(|_| RotationError::Ended)?;
        answered.await.map_err(|_| RotationError::Ended)?
    }

    /// Why nothing is sealed at the moment, for the operator.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Seals what is durable and ends; for after the journal's end. Once is enough, more do no harm.
    pub async fn shut_down(&self) {
        let (done, stopped) = oneshot::channel();
        if self.0.jobs.send(Job::Stop { _done: done }).is_ok() {
            let _ = stopped.await;
        }
    }
}

/// The last record that was sealed must be the journal's record of that number.
fn must_agree(sealed: &Sealed, checkpoint: Option<&Checkpoint>, settings: &SealSettings) -> Result<(), SealError> {
    let Some(size) = checkpoint.map(|checkpoint| checkpoint.size).filter(|size| *size > 0) else { return Ok(()) };
    let leaf = sealed.read(size, 1)?.pop().map(|leaf| leaf.hash());
    let mut written = None;
    let journal = |failed: super::lines::LinesError| SealFailure::Journal(failed.to_string());
    Lines::from(&settings.journal, size).map_err(journal)?.read(size, |_, json| written = Some(Hash::leaf(json))).map_err(journal)?;
    if leaf.is_some() && leaf == written { Ok(()) } else { Err(SealError::Differ(size)) }
}

struct Worker<S: Shelf, L: LastWords> {
    shelf: S,
    keys: Keys,
    /// `None` after a failure: what was published is read again.
    state: Option<(Seal, Option<Lines>)>,
    journal: PathBuf,
    shared: Arc<Shared>,
    size: watch::Sender<u64>,
    failure: Arc<Mutex<Option<String>>>,
    sealed: Sealed,
    /// The last record that was dropped by rule.
    drops: watch::Receiver<u64>,
    /// That a segment could not be removed was said.
    warned: bool,
    last_words: L,
}

impl<S: Shelf, L: LastWords> Worker<S, L> {
    fn end_after_a_failed_sync(&self, failed: Option<&RotationError>) {
        if let Some(RotationError::Seal(failure @ SealFailure::Sync(_))) = failed {
            self.last_words.sync_failed(&format!(
                "the log's key could not be replaced: {failure}; the gateway ends. Check the disk, then start it again"
            ));
        }
    }

    fn run(mut self, queue: &mpsc::Receiver<Job>) {
        let _tells = TellsOfPanic(Arc::clone(&self.failure));
        loop {
            let told = queue.recv_timeout(INTERVAL);
            self.look();
            self.follow_drops();
            match told {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Job::NextKey(answer)) => {
                    let prepared = self.keys.prepare(&mut self.shelf);
                    self.end_after_a_failed_sync(prepared.as_ref().err());
                    drop(answer.send(prepared));
                }
                Ok(Job::TakeNextKey(answer)) => {
                    let taken = self.take_next_key();
                    self.end_after_a_failed_sync(taken.as_ref().err());
                    drop(answer.send(taken));
                }
                // Whoever waits for the end is answered by the drop of the job.
                Ok(Job::Stop { .. }) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What is sealed so far, the record of the rotation with it, is signed once more by the key that goes, and then by the one that comes.
    fn take_next_key(&mut self) -> Result<(), RotationError> {
        self.keys.take_next()?;
        if let Some((seal, _)) = &mut self.state {
            seal.publish(&mut self.shelf, &self.keys.signer)?;
        }
        Ok(())
    }

    fn look(&mut self) {
        let sealed = self.seal();
        let sentence = sealed.err().map(|failure| {
            self.state = None;
            let sentence = format!("the audit log's records are on the disk, but not sealed: {failure}");
            if matches!(failure, SealFailure::Sync(_)) {
                self.last_words.sync_failed(&format!("{sentence}; the gateway ends. Check the disk, then start it again"));
            }
            sentence
        });
        let mut told = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sentence) = sentence.as_ref().filter(|_| told.is_none()) {
            tracing::error!("{sentence}");
        }
        *told = sentence;
    }

    fn seal(&mut self) -> Result<(), SealFailure> {
        let (mut seal, mut lines) = match self.state.take() {
            Some(state) => state,
            None => {
                self.shelf.forget();
                (Seal::resume(&self.shelf, &self.keys)?, None)
            }
        };
        let durable = self.shared.tally.durable();
        while seal.size() < durable {
            let target = durable.min(seal.size().saturating_add(MOST_AT_ONCE));
            let journal = |failed: super::lines::LinesError| SealFailure::Journal(failed.to_string());
            let mut following = match lines.take() {
                Some(lines) => lines,
                None => Lines::from(&self.journal, seal.size().saturating_add(1)).map_err(journal)?,
            };
            while seal.size() < target {
                let mut pushed = Ok(());
                let shelf = &mut self.shelf;
                following
                    .read(target, |_, json| {
                        if pushed.is_ok() {
                            pushed = seal.push(shelf, json);
                        }
                    })
                    .map_err(journal)?;
                pushed?;
            }
            lines = Some(following);
            seal.publish(&mut self.shelf, &self.keys.signer)?;
            self.size.send_replace(seal.size());
            self.remove_sealed(seal.size());
        }
        self.state = Some((seal, lines));
        Ok(())
    }

    /// What cannot be removed takes room and does no other harm; it is tried again after the next head.
    fn remove_sealed(&mut self, size: u64) {
        let removed = spent::remove_sealed(&self.journal, size, *self.drops.borrow());
        self.warn(removed);
    }

    fn warn(&mut self, removed: Result<(), NotRemoved>) {
        match removed {
            Ok(()) => self.warned = false,
            Err(failure) if !self.warned => {
                tracing::warn!("the audit journal keeps more than it needs: {failure}");
                self.warned = true;
            }
            Err(_) => {}
        }
    }

    /// What the log has dropped shall not be read in the journal either. Each drop also begins a segment, so that where little is written the
    /// last few do not reach back for years.
    fn follow_drops(&mut self) {
        if !self.drops.has_changed().unwrap_or(false) {
            return;
        }
        let dropped = *self.drops.borrow_and_update();
        let size = *self.size.borrow();
        self.remove_sealed(size);
        if let Some(oldest) = self.oldest_time(dropped) {
            let removed = spent::remove_torn(&self.journal, dropped, oldest);
            self.warn(removed);
        }
        if spent::newest(&self.journal).is_some_and(|newest| size.saturating_sub(newest) >= WIDTH) {
            self.shared.next_segment.store(true, Ordering::Relaxed);
        }
    }

    /// When the first record behind those that were dropped was written.
    fn oldest_time(&self, dropped: u64) -> Option<SystemTime> {
        let entry = self.sealed.read(dropped.saturating_add(1), 1).ok()?.pop()?.entry().ok()?;
        entry.time.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
    }
}

/// Nobody must believe that records are sealed when the thread has died.
struct TellsOfPanic(Arc<Mutex<Option<String>>>);

impl Drop for TellsOfPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let sentence = "the thread that seals the audit log has died of a defect; restart the gateway, and report it".to_owned();
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence);
        }
    }
}
