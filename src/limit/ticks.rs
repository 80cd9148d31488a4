//! The time as governor reads it: the latest that a caller said. So that time stays an argument here too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Time;

/// Invariant: never runs backwards, in whatever order threads bring their readings.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks(Arc<AtomicU64>);

impl Ticks {
    pub(super) fn advance(&self, now: Time) {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        // Reading first keeps the cache line shared while the millisecond is the same.
        if self.0.load(Ordering::Relaxed) < millis {
            self.0.fetch_max(millis, Ordering::Relaxed);
        }
    }
}

impl governor::clock::Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}
