//! Ends of accesses on their way to the log. Nobody waits for them, so they wake nobody: they are written with whatever comes next, or when
//! the writer looks by itself.
//!
//! Invariant: what is taken was opened by a record that stands in the queue already; and as long as something is held, the writer is
//! awake or has been told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::Record;

#[derive(Default)]
pub(super) struct Held {
    records: Mutex<Vec<Record>>,
    /// The writer sleeps until it is woken.
    asleep: AtomicBool,
}

impl Held {
    /// Whether the writer must be woken for it.
    #[must_use]
    pub(super) fn push(&self, record: Record) -> bool {
        self.records().push(record);
        self.asleep.swap(false, Ordering::SeqCst)
    }

    pub(super) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut *self.records())
    }

    /// For the writer, before it sleeps: `false` if it must not, because something is there.
    pub(super) fn may_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever pushes after this look finds the writer asleep.
        let empty = self.records().is_empty();
        if !empty {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// For the writer, when something else woke it.
    pub(super) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Action, Event};

    fn record() -> Record {
        Record::Event(Event::done(Action::Stop))
    }

    #[test]
    fn only_the_first_record_for_a_sleeping_writer_wakes_it() {
        let held = Held::default();
        assert!(!held.push(record()), "it is awake and will look");
        assert_eq!(held.take().len(), 1);
        assert!(held.may_sleep());
        assert!(held.push(record()));
        assert!(!held.push(record()));
        assert!(!held.may_sleep(), "something is there");
        assert_eq!(held.take().len(), 2);
        assert!(held.may_sleep());
        held.awake();
        assert!(!held.push(record()));
    }
}
