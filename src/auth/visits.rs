//! When somebody was last active, on each host of her session.
//!
//! Invariant: a mark never goes back, and a host's outlives its tokens: who enters the host anew goes on from the mark that it had.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Time;
use crate::model::Host;

/// A last activity, read and moved without a lock.
#[derive(Debug)]
pub(super) struct Mark(AtomicI64);

impl Mark {
    pub(super) fn at(time: Time) -> Self {
        Self(AtomicI64::new(time.millis()))
    }

    pub(super) fn time(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn advance(&self, now: Time) {
        self.0.fetch_max(now.millis(), Ordering::Relaxed);
    }
}

/// The marks of a session's hosts; the lock is not on the way of a request, which holds its host's mark.
#[derive(Debug, Default)]
pub(super) struct Visits(Mutex<BTreeMap<Host, Arc<Mark>>>);

impl Visits {
    pub(super) fn of(times: &BTreeMap<Host, Time>) -> Self {
        Self(Mutex::new(times.iter().map(|(host, time)| (host.clone(), Arc::new(Mark::at(*time)))).collect()))
    }

    pub(super) fn last(&self, host: &Host) -> Option<Time> {
        self.marks().get(host).map(|mark| mark.time())
    }

    /// Entering a host is activity there.
    pub(super) fn enter(&self, host: &Host, now: Time) -> Arc<Mark> {
        let mut marks = self.marks();
        let mark = marks.entry(host.clone()).or_insert_with(|| Arc::new(Mark::at(now)));
        mark.advance(now);
        Arc::clone(mark)
    }

    pub(super) fn times(&self) -> BTreeMap<Host, Time> {
        self.marks().iter().map(|(host, mark)| (host.clone(), mark.time())).collect()
    }

    fn marks(&self) -> MutexGuard<'_, BTreeMap<Host, Arc<Mark>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
