//! The time without room for the log's next file: what all may know of it, and what waits in memory until there is room again.
//!
//! Invariant: the ends that wait are those of accesses that are on record, so there are no more of them than such accesses; of other
//! records nobody waits for, at most [`MOST_NOTES`] are kept, and the rest is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Time;
use crate::model::{Action, Event, Record};

/// How long until room is looked for again.
pub(super) const RETRY: Duration = Duration::from_secs(1);
const MOST_NOTES: usize = 4096;

/// What the handles see.
#[derive(Default)]
pub(super) struct Fullness {
    full: AtomicBool,
    sentence: Mutex<Option<String>>,
    /// Records that were denied since it began.
    denied: AtomicU64,
}

impl Fullness {
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::SeqCst)
    }

    pub(super) fn sentence(&self) -> Option<String> {
        self.text().clone()
    }

    pub(super) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn begin(&self, sentence: String) {
        self.denied.store(0, Ordering::Relaxed);
        *self.text() = Some(sentence);
        self.full.store(true, Ordering::SeqCst);
    }

    /// Gives how many were denied.
    pub(super) fn end(&self) -> u64 {
        self.full.store(false, Ordering::SeqCst);
        *self.text() = None;
        self.denied.load(Ordering::Relaxed)
    }

    fn text(&self) -> MutexGuard<'_, Option<String>> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer keeps meanwhile.
#[derive(Default)]
pub(super) struct Backlog {
    /// When it last looked for room.
    pub(super) looked: Time,
    ends: Vec<Record>,
    notes: Vec<Record>,
    lost: u64,
}

impl Backlog {
    pub(super) fn keep(&mut self, record: Record) {
        match record {
            Record::Closed(_) => self.ends.push(record),
            _ if self.notes.len() < MOST_NOTES => self.notes.push(record),
            _ => self.lost = self.lost.saturating_add(1),
        }
    }

    /// What waited, ends first, and how many it had no place for.
    pub(super) fn take(&mut self) -> (Vec<Record>, u64) {
        let mut records = std::mem::take(&mut self.ends);
        records.append(&mut self.notes);
        (records, std::mem::take(&mut self.lost))
    }
}

pub(super) fn began(why: &str) -> Record {
    Record::Event(Event::failed(Action::LogFull).with("why", why))
}

/// `late`: records that stand behind this one, though what they tell happened before.
pub(super) fn ended(denied: u64, late: usize, lost: u64) -> Record {
    Record::Event(Event::done(Action::LogFull).with("denied", denied).with("late", late).with("lost", lost))
}

/// The process ends before there is room again.
pub(super) fn lost(records: u64) -> Record {
    Record::Event(Event::failed(Action::LogFull).with("lost", records))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_past_the_bound_are_counted_and_ends_come_first() {
        let mut backlog = Backlog::default();
        for _ in 0..MOST_NOTES + 3 {
            backlog.keep(lost(0));
        }
        let closed = crate::model::Closed {
            reference: crate::model::Reference::new([1; 10]),
            status: 200,
            bytes_up: 0,
            bytes_down: 0,
            duration_ms: 0,
            end: crate::model::End::Complete,
        };
        backlog.keep(Record::Closed(closed));
        let (records, lost) = backlog.take();
        assert_eq!((records.len(), lost), (MOST_NOTES + 1, 3));
        assert!(matches!(records[0], Record::Closed(_)));
        assert_eq!(backlog.take(), (Vec::new(), 0));
    }
}
