//! The durable journal of records: no record, no access.
//!
//! A record is on its way once a [`Receipt`] exists, and on the disk once [`Receipt::durable`] has resolved. One thread
//! writes; one sync serves all who wait. The journal is a directory of segments (`recover`, `segment`), each a text
//! file with one JSON record a line (`line`). What is durable is sealed within a second (`sealer`): its records are the leaves of a Merkle
//! tree whose heads are signed.
//!
//! Invariants: sequences count from 1 without a gap; an acknowledged record outlives the power; after a failed write
//! every access is denied until the next start, and a failed sync ends the process; without room for the next segment all
//! that is not urgent is denied until there is room again, and that is on record (`full`, `urgency`); an opened access is closed exactly
//! once, by its receipt or, if the process did not live to do so, at the next start.

mod bounded;
mod cosign;
mod courtesy;
mod disk;
mod dropped;
mod full;
mod held;
mod json;
mod keeping;
mod line;
mod lines;
mod log_key;
mod looked;
mod prove;
mod read;
mod recover;
mod remembered;
mod rotation;
#[cfg(test)]
mod scripted;
mod seal;
mod sealed;
mod sealer;
mod segment;
mod shelf;
mod spent;
mod strangers;
mod tally;
mod unsealed;
mod urgency;
mod verify;
mod writer;
mod wrong;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, mpsc};

use tokio::sync::{Semaphore, oneshot};

pub use self::cosign::{CosignError, Cosigned, cosign};
pub use self::dropped::Dropped;
pub use self::keeping::{Old, Older};
pub use self::log_key::{LogKeyError, read as read_log_key};
pub use self::prove::{Grown, Head, ProveError, head_with, prove};
pub use self::read::{Filter, ReadError, Tail};
pub use self::recover::{OpenError, Repair, Torn};
pub use self::rotation::{Rotation, RotationError, keys_after};
#[cfg(test)]
pub use self::scripted::Script;
pub use self::seal::SealFailure;
pub use self::sealed::{Leaf, Sealed, SealedError};
pub use self::sealer::{SealError, SealSettings, Sealer};
pub use self::strangers::{Quota, Strangers};
pub use self::tally::Counts;
pub use self::unsealed::{Unsealed, UnsealedError, unsealed};
pub use self::urgency::Urgency;
pub use self::verify::{Against, Verified, may_sign, verify, verify_newest};
pub use self::wrong::VerifyError;

use self::disk::{Disk, RealDisk};
use self::full::Fullness;
use self::held::Held;
use self::segment::{Appender, Failure};
use self::tally::Tally;
use self::writer::{EndTheProcess, Job, LastWords, Shared, Writer};
use crate::clock::{Clock, Time};
use crate::crypto::{self, NoRandomness};
use crate::model::{Action, AppId, Closed, End, Event, Opened, Record, Reference, Who};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the segments are: `audit/journal` in the data directory.
    pub directory: PathBuf,
    /// How much room one segment takes.
    pub segment_bytes: u64,
    /// How many records may wait to be written; past that, those who bring one wait.
    pub queue: usize,
    /// How many records were sealed: the journal has no fewer.
    pub sealed: u64,
}

impl Settings {
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, segment_bytes: 16 * 1024 * 1024, queue: 4096, sealed: 0 }
    }
}

/// The log takes no record: it has failed, has no room, or was shut down. Whatever wanted one must be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit log cannot take a record")]
pub struct NoRecord;

/// A handle to the journal. When the last one and all receipts are gone, it ends as if it were shut down.
#[derive(Clone)]
pub struct Journal(Arc<Handle>);

struct Handle {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    clock: Clock,
}

impl Journal {
    /// Recovers what the last process left, and starts the writer; blocks while it reads the last segment. [`Repair`] says
    /// what was mended, which is on record too.
    pub fn open(settings: Settings, clock: Clock) -> Result<(Journal, Repair), OpenError> {
        let disk =
            RealDisk::open(&settings.directory).map_err(|source| OpenError::Directory { directory: settings.directory.clone(), source })?;
        Self::start(disk, &settings, clock, EndTheProcess)
    }

    fn start<D: Disk>(disk: D, settings: &Settings, clock: Clock, last_words: impl LastWords) -> Result<(Journal, Repair), OpenError> {
        let recovered = recover::recover(&disk, settings.sealed)?;
        let mut appender = Appender::begin(disk, settings.segment_bytes, &recovered, clock.wall())?;
        let repair = Repair { torn: recovered.torn, cut_off: recovered.open.len() };
        record_repair(&mut appender, &repair, recovered.open, clock.wall())?;

        let (jobs, queue) = mpsc::channel();
        let room = Semaphore::new(settings.queue.clamp(1, Semaphore::MAX_PERMITS));
        let directory = settings.directory.clone();
        let (held, failure, fullness) = (Held::default(), OnceLock::new(), Fullness::default());
        let shared =
            Arc::new(Shared { room, directory, held, failure, fullness, tally: Tally::new()?, next_segment: AtomicBool::new(false) });
        shared.tally.wrote(0, appender.last());
        shared.tally.made_durable(appender.last());
        let writer = Writer { appender, queue, shared: Arc::clone(&shared), clock: clock.clone(), last_words };
        let thread = std::thread::Builder::new().name("yumen-journal".to_owned());
        thread.spawn(move || writer.run()).map_err(OpenError::Thread)?;
        Ok((Self(Arc::new(Handle { jobs, shared, clock })), repair))
    }

    /// Puts the opened record into the queue; waits only for room there.
    pub async fn open_access(&self, opened: Opened) -> Result<Receipt, NoRecord> {
        self.open_access_as(Urgency::Ordinary, opened).await
    }

    /// The same for an access that may be as urgent, should the log have no room.
    pub async fn open_access_as(&self, urgency: Urgency, opened: Opened) -> Result<Receipt, NoRecord> {
        let (reference, who, address) = (opened.reference.clone(), opened.who.clone(), opened.address);
        let app = opened.app.clone();
        let durable = self.enqueue(Record::Opened(opened), urgency).await?;
        let opened_at = self.0.clock.now();
        Ok(Receipt { journal: self.clone(), reference, who, address, app, opened_at, state: State::Waiting(durable), is_closed: false })
    }

    /// Records an event; resolves when it is on the disk.
    pub async fn event(&self, event: Event) -> Result<(), NoRecord> {
        let urgency = Urgency::of(&event);
        self.enqueue(Record::Event(event), urgency).await?.await.map_err(|_| NoRecord)
    }

    /// Records an event without waiting: for where nothing can wait, such as `Drop`. It has no bound, so not for
    /// what strangers can cause.
    pub fn note(&self, event: Event) {
        // It fails only where the writer has ended.
        let _ = self.send(Job::Unawaited(Record::Event(event)));
    }

    /// Whether all records are taken: false once the writer has failed or stopped, and as long as it has no room.
    pub fn is_ready(&self) -> bool {
        !self.0.shared.room.is_closed() && !self.is_full()
    }

    /// Whether only what is urgent is taken, because there is no room on the disk.
    pub fn is_full(&self) -> bool {
        self.0.shared.fullness.is_full()
    }

    /// Why records are not taken, for the operator.
    pub fn failure(&self) -> Option<String> {
        self.0.shared.failure.get().cloned().or_else(|| self.0.shared.fullness.sentence())
    }

    pub fn counts(&self) -> Counts {
        self.0.shared.tally.counts()
    }

    /// How long syncs took; a handle to what goes on being counted.
    pub fn sync_seconds(&self) -> prometheus::Histogram {
        self.0.shared.tally.sync_seconds()
    }

    /// Writes what is queued, syncs, cuts the preallocated tail off and stops the writer. Once is enough, more do no harm.
    pub async fn shut_down(&self) {
        self.stop(None).await;
    }

    /// The same, with an event that stands behind all other records.
    pub async fn shut_down_with(&self, last: Event) {
        self.stop(Some(Record::Event(last))).await;
    }

    async fn stop(&self, last: Option<Record>) {
        let (done, stopped) = oneshot::channel();
        if self.0.jobs.send(Job::Stop { last, done }).is_ok() {
            // The writer answers by dropping its end.
            let _ = stopped.await;
        }
    }

    pub fn fresh_reference(&self) -> Result<Reference, NoRandomness> {
        Ok(Reference::new(crypto::random()?))
    }

    async fn enqueue(&self, record: Record, urgency: Urgency) -> Result<oneshot::Receiver<()>, NoRecord> {
        if urgency == Urgency::Ordinary && self.is_full() {
            self.0.shared.fullness.denied();
            return Err(NoRecord);
        }
        // The writer gives the place back when it takes the record out of the queue.
        self.0.shared.room.acquire().await.map_err(|_| NoRecord)?.forget();
        let (durable, waiting) = oneshot::channel();
        self.send(Job::Awaited { record, urgency, durable })?;
        Ok(waiting)
    }

    /// If the writer has ended, the next start closes what is open.
    fn hold(&self, closed: Closed) {
        self.0.shared.tally.queued();
        if self.0.shared.held.push(Record::Closed(closed)) {
            let _ = self.0.jobs.send(Job::Look);
        }
    }

    fn send(&self, job: Job) -> Result<(), NoRecord> {
        self.0.shared.tally.queued();
        self.0.jobs.send(job).map_err(|_| {
            self.0.shared.tally.taken(1);
            NoRecord
        })
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal").field("is_ready", &self.is_ready()).finish_non_exhaustive()
    }
}

fn record_repair<D: Disk>(appender: &mut Appender<D>, repair: &Repair, open: Vec<Reference>, time: Time) -> Result<(), Failure> {
    if repair == &Repair::default() {
        return Ok(());
    }
    let mut append = |record| match appender.append(time, record, Urgency::Ordinary)? {
        None => Ok(()),
        Some(_) => Err(Failure::NoRoom(appender.no_room().unwrap_or_default().to_owned())),
    };
    if let Some(torn) = &repair.torn {
        let event = Event::done(Action::LogRepaired)
            .with("segment", &torn.segment)
            .with("byte", torn.byte)
            .with("bytes", torn.bytes)
            .with("kept-in", &torn.kept_in);
        append(Record::Event(event))?;
    }
    for reference in open {
        append(Record::Closed(Closed { reference, status: 0, bytes_up: 0, bytes_down: 0, duration_ms: 0, end: End::CutOff }))?;
    }
    appender.flush()?;
    appender.sync()
}

/// Proof that an access is on its way onto the record. Dropped without [`Receipt::close`], it closes the access as one
/// whose client left.
#[must_use = "an access that is let go of at once is recorded as one whose client left"]
pub struct Receipt {
    journal: Journal,
    reference: Reference,
    who: Option<Arc<Who>>,
    address: IpAddr,
    app: Option<AppId>,
    opened_at: Time,
    state: State,
    is_closed: bool,
}

enum State {
    Waiting(oneshot::Receiver<()>),
    Known(Result<(), NoRecord>),
}

impl Receipt {
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Resolves when the opened record is on the disk. May be awaited again, also after it was given up half-way.
    pub async fn durable(&mut self) -> Result<(), NoRecord> {
        if let State::Waiting(durable) = &mut self.state {
            self.state = State::Known(durable.await.map_err(|_| NoRecord));
        }
        match self.state {
            State::Known(known) => known,
            State::Waiting(_) => Err(NoRecord),
        }
    }

    /// Records that so many bytes went to the client by now and more follow, without waiting. Where there is no room, nothing is lost by its
    /// being left out: the next one, or the end, says as much.
    pub fn continues(&self, bytes_down: u64) {
        if self.journal.is_full() {
            return;
        }
        let event = Event::done(Action::AnswerContinues).from(self.address).with("bytes", bytes_down);
        let event = self.app.iter().fold(event, |event, app| event.with("app", app));
        self.journal.note(Event { reference: Some(self.reference.clone()), who: self.who.clone(), ..event });
    }

    /// Records the end of the access, without waiting.
    pub fn close(mut self, status: u16, bytes_up: u64, bytes_down: u64, end: End) {
        self.record_end(status, bytes_up, bytes_down, end);
    }

    fn record_end(&mut self, status: u16, bytes_up: u64, bytes_down: u64, end: End) {
        self.is_closed = true;
        let duration = self.journal.0.clock.now().since(self.opened_at);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let closed = Closed { reference: self.reference.clone(), status, bytes_up, bytes_down, duration_ms, end };
        self.journal.hold(closed);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.is_closed {
            self.record_end(0, 0, 0, End::ClientLeft);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").field("reference", &self.reference).finish_non_exhaustive()
    }
}
