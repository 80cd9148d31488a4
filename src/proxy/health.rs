//! Whether an upstream answers, as the requests that went there found it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::clock::Time;

/// Shared by all workers; written on the way of a request, without a lock.
#[derive(Debug, Default)]
pub(super) struct Health {
    answered: AtomicU64,
    failed: AtomicU64,
    /// Milliseconds since 1970; 0 while nothing has failed.
    last_failure: AtomicI64,
    is_failing: AtomicBool,
}

/// What has come of the requests for one upstream, since the start or since a reload made it anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCounts {
    /// Requests that it began to answer, whatever the status.
    pub answered: u64,
    /// Connections that it did not take, and requests that it did not answer or broke off.
    pub failed: u64,
    pub last_failure: Option<Time>,
    /// Whether what came last was a failure.
    pub is_failing: bool,
}

impl Health {
    pub(super) fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if self.is_failing.load(Ordering::Relaxed) {
            self.is_failing.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self, now: Time) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.last_failure.store(now.millis(), Ordering::Relaxed);
        self.is_failing.store(true, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> HealthCounts {
        let last_failure = self.last_failure.load(Ordering::Relaxed);
        HealthCounts {
            answered: self.answered.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            last_failure: (last_failure != 0).then(|| Time::from_millis(last_failure)),
            is_failing: self.is_failing.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_fails_until_it_answers_again() {
        let health = Health::default();
        assert_eq!(health.counts(), HealthCounts::default());
        health.failed(Time::from_millis(7));
        let counts = health.counts();
        assert!(counts.is_failing && counts.last_failure == Some(Time::from_millis(7)));
        health.answered();
        let counts = health.counts();
        assert_eq!((counts.answered, counts.failed, counts.is_failing), (1, 1, false));
    }
}
