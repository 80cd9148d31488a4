//! What the journal tells of itself: how much waits, how far it is, how long a sync takes.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts};

use crate::clock::Time;

/// From an SSD's sync to one of a disk that is dying.
const SYNC_SECONDS: &[f64] = &[0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Shared by the writer and all handles; no lock.
pub(super) struct Tally {
    /// Signed, because a writer that ends forgets what it was sent.
    queued: AtomicI64,
    written: AtomicU64,
    sequence: AtomicU64,
    /// Of the last record that is on the disk.
    durable: AtomicU64,
    /// Milliseconds since 1970; 0 before the first sync.
    synced: AtomicI64,
    sync_seconds: Histogram,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Records that wait to be written.
    pub queued: u64,
    /// Records written since the start.
    pub written: u64,
    /// Of the last record that was written.
    pub sequence: u64,
    /// When records were last made durable.
    pub last_sync: Option<Time>,
}

impl Tally {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let options = HistogramOpts::new("yumen_log_sync_seconds", "Time that one sync of the audit log took.");
        Ok(Self {
            queued: AtomicI64::new(0),
            written: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            synced: AtomicI64::new(0),
            sync_seconds: Histogram::with_opts(options.buckets(SYNC_SECONDS.to_vec()))?,
        })
    }

    pub(super) fn queued(&self) {
        self.queued.fetch_add(1, Ordering::SeqCst);
    }

    /// So many left the queue.
    pub(super) fn taken(&self, records: usize) {
        self.queued.fetch_sub(i64::try_from(records).unwrap_or(0), Ordering::Relaxed);
    }

    /// How many records wait, or a few more: each is counted before it is queued.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.queued.load(Ordering::SeqCst)).unwrap_or(0)
    }

    pub(super) fn wrote(&self, records: u64, sequence: u64) {
        self.written.fetch_add(records, Ordering::Relaxed);
        self.sequence.store(sequence, Ordering::Relaxed);
    }

    pub(super) fn synced(&self, now: Time, took: Duration) {
        self.synced.store(now.millis(), Ordering::Relaxed);
        self.sync_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn made_durable(&self, sequence: u64) {
        self.durable.store(sequence, Ordering::Release);
    }

    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    pub(super) fn counts(&self) -> Counts {
        let synced = self.synced.load(Ordering::Relaxed);
        Counts {
            queued: u64::try_from(self.queued.load(Ordering::Relaxed)).unwrap_or(0),
            written: self.written.load(Ordering::Relaxed),
            sequence: self.sequence.load(Ordering::Relaxed),
            last_sync: (synced != 0).then(|| Time::from_millis(synced)),
        }
    }

    pub(super) fn sync_seconds(&self) -> Histogram {
        self.sync_seconds.clone()
    }
}
