//! How far a sink is, for figures and `yumen status`.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Time;

/// Written by the sink's task, read by whoever asks.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records written since the start, those that came again too.
    sent: AtomicU64,
    /// The last sequence that was written.
    at: AtomicU64,
    /// The last that the receiver surely has.
    safe: AtomicU64,
    /// Records that were dropped before they were sent.
    missed: AtomicU64,
    connections: AtomicU64,
    is_connected: AtomicBool,
    /// When the next record to be sent was written; 0: none waits, or its time cannot be read.
    waiting_since: AtomicI64,
    trouble: Mutex<Option<String>>,
}

/// How a sink stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    pub to: String,
    pub connected: bool,
    pub sent: u64,
    /// The last sequence that was written to the receiver.
    pub at: u64,
    /// The last that it surely has; what came after it may come again.
    pub safe: u64,
    /// Records that were dropped from the log before they were sent: this receiver never got them.
    pub missed: u64,
    /// Sealed records that wait to be sent.
    pub lag_records: u64,
    /// How old the first of them is.
    pub lag: Duration,
    /// Connections after the first one.
    pub reconnects: u64,
    /// What keeps it from sending, a sentence.
    pub trouble: Option<String>,
}

impl Progress {
    pub fn begins_at(&self, sequence: u64) {
        self.at.store(sequence, Ordering::Relaxed);
        self.safe.fetch_max(sequence, Ordering::Relaxed);
        self.waiting_since.store(0, Ordering::Relaxed);
    }

    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.is_connected.store(true, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the trouble is a new one.
    pub fn broke(&self, why: &str) -> bool {
        self.is_connected.store(false, Ordering::Relaxed);
        self.troubled(why)
    }

    /// The log cannot be read, though the receiver is there; whether that is new.
    pub fn troubled(&self, why: &str) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.replace(why.to_owned()).as_deref() != Some(why)
    }

    pub fn well(&self) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub fn waits_since(&self, time: Option<Time>) {
        self.waiting_since.store(time.map_or(0, Time::millis), Ordering::Relaxed);
    }

    pub fn sent(&self, records: usize, at: u64) {
        self.sent.fetch_add(u64::try_from(records).unwrap_or(0), Ordering::Relaxed);
        self.at.store(at, Ordering::Relaxed);
    }

    pub fn safe(&self, sequence: u64) {
        self.safe.store(sequence, Ordering::Relaxed);
    }

    pub fn missed(&self, records: u64) {
        self.missed.store(records, Ordering::Relaxed);
    }

    /// `sealed` records are in the log; `wall` is the time that records are written in.
    pub fn standing(&self, name: &str, to: String, sealed: u64, wall: Time) -> Standing {
        let at = self.at.load(Ordering::Relaxed);
        let lag_records = sealed.saturating_sub(at);
        let lag = match self.waiting_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            _ if lag_records == 0 => Duration::ZERO,
            since => wall.since(Time::from_millis(since)),
        };
        Standing {
            name: name.to_owned(),
            to,
            connected: self.is_connected.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            at,
            safe: self.safe.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            lag_records,
            lag,
            reconnects: self.connections.load(Ordering::Relaxed).saturating_sub(1),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_is_as_late_as_the_oldest_record_that_waits_and_not_late_when_none_does() {
        let progress = Progress::default();
        let now = |sealed| progress.standing("siem", "tls://h:1".to_owned(), sealed, Time::from_millis(100_000));
        progress.begins_at(4);
        progress.waits_since(Some(Time::from_millis(40_000)));
        assert_eq!((now(10).lag_records, now(10).lag), (6, Duration::from_secs(60)));
        progress.sent(6, 10);
        assert_eq!((now(10).lag_records, now(10).lag, now(10).sent), (0, Duration::ZERO, 6));
    }

    #[test]
    fn a_trouble_is_new_once_and_gone_with_the_next_connection() {
        let progress = Progress::default();
        let standing = || progress.standing("siem", String::new(), 0, Time::from_millis(0));
        assert!(progress.broke("away"));
        assert!(!progress.broke("away"));
        assert_eq!((standing().trouble.as_deref(), standing().reconnects), (Some("away"), 0));
        progress.connected();
        assert!(standing().connected && standing().trouble.is_none());
        assert!(progress.broke("away"));
        progress.connected();
        assert_eq!(standing().reconnects, 1);
    }
}
