//! The journal's thread: takes all that waits, writes it at once, syncs once for all who wait, then tells them.
//!
//! Invariant: nobody is told that a record is durable before a sync that began after the record was written has
//! returned; after a failure nothing more is written.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};

use super::disk::Disk;
use super::segment::{Appender, Failure};
use super::tally::Tally;
use crate::clock::{Clock, Time};
use crate::model::Record;

/// Records that are written with one sync at most.
const MOST_AT_ONCE: usize = 1024;
/// A record that nobody waits for is synced at the latest after this time.
const LONGEST_UNSYNCED: Duration = Duration::from_secs(1);

pub(super) enum Job {
    /// From the bounded lane: it holds a place in the queue, which the writer gives back.
    Awaited { record: Record, durable: oneshot::Sender<()> },
    /// Nobody waits for it. Closed records come this way, so there are never more than opened ones.
    Unawaited(Record),
    /// Dropped, and so answered, when everything is written.
    Stop(oneshot::Sender<()>),
}

/// What the thread and the handles share.
pub(super) struct Shared {
    /// Places in the queue; closed when the thread has ended.
    pub(super) room: Semaphore,
    pub(super) failure: OnceLock<String>,
    pub(super) tally: Tally,
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
    waiting: Vec<oneshot::Sender<()>>,
    stops: Vec<oneshot::Sender<()>>,
    /// Since when something is written that is not synced.
    unsynced_since: Option<Time>,
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
            match self.wait(batch.unsynced_since) {
                Ok(job) => {
                    batch.jobs.push_back(job);
                    self.write(batch)?;
                }
                Err(RecvTimeoutError::Timeout) => self.sync(batch)?,
                Err(RecvTimeoutError::Disconnected) => return self.finish(batch),
            }
            if !batch.stops.is_empty() {
                return self.finish(batch);
            }
        }
    }

    fn wait(&self, unsynced_since: Option<Time>) -> Result<Job, RecvTimeoutError> {
        match unsynced_since {
            None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(since) => self.queue.recv_timeout(LONGEST_UNSYNCED.saturating_sub(self.clock.now().since(since))),
        }
    }

    /// Takes what else waits, writes it, and syncs if somebody waits for that.
    fn write(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        while batch.jobs.len() < MOST_AT_ONCE
            && let Ok(job) = self.queue.try_recv()
        {
            batch.jobs.push_back(job);
        }
        let places = batch.jobs.iter().filter(|job| matches!(job, Job::Awaited { .. })).count();
        self.shared.room.add_permits(places);
        self.shared.tally.taken(batch.jobs.iter().filter(|job| !matches!(job, Job::Stop(_))).count());
        let before = self.appender.last();
        let time = self.clock.wall();
        // What a failure leaves in the batch is dropped, and so denied, after the failure is on view.
        while let Some(job) = batch.jobs.pop_front() {
            match job {
                Job::Awaited { record, durable } => {
                    batch.waiting.push(durable);
                    self.appender.append(time, record)?;
                }
                Job::Unawaited(record) => self.appender.append(time, record)?,
                Job::Stop(done) => batch.stops.push(done),
            }
        }
        self.appender.flush()?;
        self.shared.tally.wrote(self.appender.last().saturating_sub(before), self.appender.last());
        let since = *batch.unsynced_since.get_or_insert(self.clock.now());
        if !batch.waiting.is_empty() || self.clock.now().since(since) >= LONGEST_UNSYNCED {
            self.sync(batch)?;
        }
        Ok(())
    }

    fn sync(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let watch = self.clock.stopwatch();
        self.appender.sync()?;
        self.shared.tally.synced(self.clock.wall(), watch.elapsed());
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
        self.appender.finish()
    }

    /// Puts the failure on view. Those who wait learn of it when their senders are dropped, after this.
    fn fail(&self, failure: &Failure) {
        let sentence = match failure {
            Failure::Sync { .. } => {
                format!(
                    "the audit log {failure}; the gateway ends, because what is on the disk is no longer certain. Check the disk, then start it again"
                )
            }
            Failure::Disk { .. } | Failure::NoRandomness(_) | Failure::Serialise(_) => {
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
