//! The journal's thread: takes all that waits, writes it at once, syncs once for all who wait, then tells them.
//!
//! Invariant: nobody is told that a record is durable before a sync that began after the record was written has
//! returned; after a failure nothing more is written. Without room for the next segment what is not urgent is denied, until
//! there is room again.

use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::courtesy::Courtesy;
use super::disk::Disk;
use super::full::{self, Backlog, Fullness, RETRY};
use super::held::Held;
use super::segment::{Appender, Failure};
use super::tally::Tally;
use super::urgency::Urgency;
use crate::clock::{Clock, Time};
use crate::model::Record;

/// Records that are written with one sync at most.
const MOST_AT_ONCE: usize = 1024;
/// Ends of accesses are written at the latest after this time.
const LONGEST_HELD: Duration = Duration::from_millis(100);
/// A record that nobody waits for is synced at the latest after this time.
const LONGEST_UNSYNCED: Duration = Duration::from_secs(1);

pub(super) enum Job {
    /// From the bounded lane: it holds a place in the queue, which the writer gives back.
    Awaited { record: Record, urgency: Urgency, durable: oneshot::Sender<()> },
    /// Nobody waits for it.
    Unawaited(Record),
    /// Something is held, and the writer was asleep.
    Look,
    /// Dropped, and so answered, when everything is written, the record that comes with it last.
    Stop { last: Option<Record>, done: oneshot::Sender<()> },
}

/// What the thread and the handles share.
pub(super) struct Shared {
    /// Places in the queue; closed when the thread has ended.
    pub(super) room: Semaphore,
    /// For the operator: where room is wanted.
    pub(super) directory: PathBuf,
    /// Ends of accesses; there are never more than opened ones.
    pub(super) held: Held,
    pub(super) failure: OnceLock<String>,
    pub(super) fullness: Fullness,
    pub(super) tally: Tally,
    /// Whoever writes next begins a segment first.
    pub(super) next_segment: AtomicBool,
}

/// What happens when a sync has failed: the kernel may have dropped what it could not write, so neither a second sync
/// nor this process can be trusted to tell what is on the disk.
pub(super) trait LastWords: Send + 'static {
    fn sync_failed(&self, sentence: &str);
}

/// Says it and ends the process.
pub(super) struct EndTheProcess;

impl LastWords for EndTheProcess {
    fn sync_failed(&self, sentence: &str) {
        // A closed stderr must not keep the process alive, as `eprintln!` would by a panic of this thread.
        let _ = writeln!(std::io::stderr(), "yumen: {sentence}");
        std::process::exit(70);
    }
}

pub(super) struct Writer<D: Disk, L: LastWords> {
    pub(super) appender: Appender<D>,
    pub(super) queue: Receiver<Job>,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    pub(super) last_words: L,
}

/// What one round gathers; kept, so that its memory is.
#[derive(Default)]
struct Batch {
    jobs: VecDeque<Job>,
    /// Ends of accesses that were taken and are not written yet.
    ends: Vec<Record>,
    /// So many of the queue must be written before them.
    ends_behind: u64,
    waiting: Vec<oneshot::Sender<()>>,
    stops: Vec<oneshot::Sender<()>>,
    last: Vec<Record>,
    /// Since when something is written that is not synced.
    unsynced_since: Option<Time>,
    /// Something was written in the last round, so more may come soon.
    is_busy: bool,
    courtesy: Courtesy,
    backlog: Backlog,
}

impl<D: Disk, L: LastWords> Writer<D, L> {
    /// Runs until it is told to stop, no handle is left, or something failed.
    pub(super) fn run(mut self) {
        let _closes = ClosesTheRoom(Arc::clone(&self.shared));
        let mut batch = Batch::default();
        if let Err(failure) = self.serve(&mut batch) {
            self.fail(&failure);
        }
        self.shared.room.close();
        // What is queued is dropped first, so that whoever waits for the end finds nobody waiting any more.
        drop(self.queue);
        drop(batch);
    }

    fn serve(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        loop {
            match self.wait(batch) {
                Ok(job) => {
                    batch.courtesy.give_way(&self.shared.tally, &self.clock);
                    batch.jobs.push_back(job);
                    self.write(batch)?;
                }
                Err(RecvTimeoutError::Timeout) => self.look(batch)?,
                Err(RecvTimeoutError::Disconnected) => return self.finish(batch),
            }
            self.look_for_room(batch)?;
            if !batch.stops.is_empty() {
                return self.finish(batch);
            }
        }
    }

    /// Sleeps only when nothing is left to be done by the clock.
    fn wait(&self, batch: &Batch) -> Result<Job, RecvTimeoutError> {
        match batch.unsynced_since {
            None if !batch.is_busy && self.appender.no_room().is_none() && self.shared.held.may_sleep() => {
                let job = self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected);
                self.shared.held.awake();
                job
            }
            _ => self.queue.recv_timeout(LONGEST_HELD),
        }
    }

    /// Nothing came for a while: what is held is written, and what is written is synced.
    fn look(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.write(batch)?;
        if batch.unsynced_since.is_some() { self.sync(batch) } else { Ok(()) }
    }

    /// Takes what else waits, writes it, and syncs if somebody waits for that.
    fn write(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        if batch.ends.is_empty() {
            // Taken before the queue is counted: whatever these end stands in it, if it is not written already.
            batch.ends = self.shared.held.take();
            batch.ends_behind = self.shared.tally.waiting();
        }
        while batch.jobs.len() < MOST_AT_ONCE
            && let Ok(job) = self.queue.try_recv()
        {
            batch.jobs.push_back(job);
        }
        let places = batch.jobs.iter().filter(|job| matches!(job, Job::Awaited { .. })).count();
        self.shared.room.add_permits(places);
        self.shared.tally.taken(batch.jobs.iter().filter(|job| !matches!(job, Job::Stop { .. } | Job::Look)).count());
        batch.ends_behind = batch.ends_behind.saturating_sub(u64::try_from(batch.jobs.len()).unwrap_or(u64::MAX));
        let may_end = batch.jobs.len() < MOST_AT_ONCE || batch.ends_behind == 0;
        let before = self.appender.last();
        let time = self.clock.wall();
        if self.shared.next_segment.swap(false, Ordering::Relaxed) {
            self.appender.begin_next(time)?;
        }
        // What a failure leaves in the batch is dropped, and so denied, after the failure is on view.
        while let Some(job) = batch.jobs.pop_front() {
            match job {
                Job::Awaited { record, urgency, durable } => {
                    batch.waiting.push(durable);
                    if self.append(batch, time, record, urgency)?.is_some() {
                        self.shared.fullness.denied();
                        // Whoever is denied finds the log full.
                        drop(batch.waiting.pop());
                    }
                }
                Job::Unawaited(record) => self.append_or_keep(batch, time, record)?,
                Job::Look => {}
                Job::Stop { last, done } => {
                    batch.last.extend(last);
                    batch.stops.push(done);
                }
            }
        }
        if may_end {
            for record in std::mem::take(&mut batch.ends) {
                self.shared.tally.taken(1);
                self.append_or_keep(batch, time, record)?;
            }
        }
        self.flush(batch, before)
    }

    /// Gives back what found no room. When that begins, it is on view before anybody is denied, and on record.
    fn append(&mut self, batch: &mut Batch, time: Time, record: Record, urgency: Urgency) -> Result<Option<Record>, Failure> {
        let given_back = self.appender.append(time, record, urgency)?;
        if let Some(why) = self.appender.no_room().filter(|_| !self.shared.fullness.is_full()) {
            let sentence = format!(
                "the audit log has no room for its next file in {}: {why}; nobody is let through until there is, but sign-outs and lockdowns are \
                 still recorded. Make room: it goes on by itself",
                self.shared.directory.display()
            );
            tracing::error!("{sentence}");
            batch.backlog.looked = self.clock.now();
            let began = full::began(why);
            self.shared.fullness.begin(sentence);
            self.appender.append(time, began, Urgency::Emergency)?;
        }
        Ok(given_back)
    }

    /// For what nobody waits for: without room it is kept. An end whose beginning was denied is none.
    fn append_or_keep(&mut self, batch: &mut Batch, time: Time, record: Record) -> Result<(), Failure> {
        let urgency = match &record {
            Record::Closed(closed) if !self.appender.is_open(&closed.reference) => return Ok(()),
            Record::Event(event) => Urgency::of(event),
            _ => Urgency::Ordinary,
        };
        if let Some(record) = self.append(batch, time, record, urgency)? {
            batch.backlog.keep(record);
        }
        Ok(())
    }

    /// Once in a while, as long as there is no room.
    fn look_for_room(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        if self.appender.no_room().is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        if now.since(batch.backlog.looked) < RETRY {
            return Ok(());
        }
        batch.backlog.looked = now;
        self.go_on(batch)
    }

    /// If there is room again, that is on record, and behind it what was kept.
    fn go_on(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let (before, time) = (self.appender.last(), self.clock.wall());
        if !self.appender.find_room(time)? {
            return Ok(());
        }
        let (kept, lost) = batch.backlog.take();
        let denied = self.shared.fullness.end();
        tracing::warn!("the audit log has room again and goes on; {denied} records were denied meanwhile");
        self.append_or_keep(batch, time, full::ended(denied, kept.len(), lost))?;
        for record in kept {
            self.append_or_keep(batch, time, record)?;
        }
        self.flush(batch, before)
    }

    fn flush(&mut self, batch: &mut Batch, before: u64) -> Result<(), Failure> {
        let written = self.appender.last().saturating_sub(before);
        batch.is_busy = written > 0;
        if batch.is_busy {
            self.appender.flush()?;
            self.shared.tally.wrote(written, self.appender.last());
            batch.unsynced_since.get_or_insert(self.clock.now());
        }
        let is_due = batch.unsynced_since.is_some_and(|since| self.clock.now().since(since) >= LONGEST_UNSYNCED);
        if !batch.waiting.is_empty() || is_due { self.sync(batch) } else { Ok(()) }
    }

    fn sync(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let watch = self.clock.stopwatch();
        self.appender.sync()?;
        self.shared.tally.synced(self.clock.wall(), watch.elapsed());
        self.shared.tally.made_durable(self.appender.last());
        batch.unsynced_since = None;
        for durable in batch.waiting.drain(..) {
            // Whoever went away meanwhile need not know.
            let _ = durable.send(());
        }
        Ok(())
    }

    fn finish(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        self.shared.room.close();
        while let Ok(job) = self.queue.try_recv() {
            batch.jobs.push_back(job);
            self.write(batch)?;
        }
        // Once for the ends that were taken, and once for those that came since.
        self.write(batch)?;
        self.write(batch)?;
        if self.appender.no_room().is_some() {
            self.go_on(batch)?;
        }
        let time = self.clock.wall();
        self.use_reserve(batch, time)?;
        for record in batch.last.drain(..) {
            self.appender.append(time, record, Urgency::Last)?;
        }
        self.appender.flush()?;
        self.appender.finish()?;
        self.shared.tally.made_durable(self.appender.last());
        Ok(())
    }

    /// What was kept and finds no room even now: of an access, the next start writes the end; the rest is counted.
    fn use_reserve(&mut self, batch: &mut Batch, time: Time) -> Result<(), Failure> {
        let (kept, mut lost) = batch.backlog.take();
        for record in kept {
            match self.appender.append(time, record, Urgency::TakesAway)? {
                None | Some(Record::Closed(_)) => {}
                Some(_) => lost = lost.saturating_add(1),
            }
        }
        if lost > 0 {
            self.appender.append(time, full::lost(lost), Urgency::Emergency)?;
        }
        Ok(())
    }

    /// Puts the failure on view. Those who wait learn of it when their senders are dropped, after this.
    fn fail(&self, failure: &Failure) {
        let sentence = match failure {
            Failure::Sync { .. } => {
                format!(
                    "the audit log {failure}; the gateway ends, because what is on the disk is no longer certain. Check the disk, then start it again"
                )
            }
            Failure::Disk { .. } | Failure::NoRoom(_) | Failure::NoRandomness(_) | Failure::Serialise(_) => {
                format!("the audit log {failure}; nobody is let through until that is mended and the gateway was started again")
            }
        };
        tracing::error!("{sentence}");
        if matches!(failure, Failure::Sync { .. }) {
            self.last_words.sync_failed(&sentence);
        }
        let _ = self.shared.failure.set(sentence);
    }
}

/// However the thread ends, a panic included, nobody is left waiting for a place in its queue.
struct ClosesTheRoom(Arc<Shared>);

impl Drop for ClosesTheRoom {
    fn drop(&mut self) {
        self.0.room.close();
    }
}
