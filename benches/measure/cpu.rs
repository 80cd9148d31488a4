//! What was used, by the kernel's accounting.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process with all its threads, or of this thread, as the clock says.
pub fn time_of(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
