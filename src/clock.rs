//! The only caller of "now". Everything else takes the time as an argument.
//!
//! Two readings: [`Clock::now`] is steady (the wall time at start plus what a monotonic clock counted
//! since), so that a clock step neither signs everybody out nor makes a session longer;
//! [`Clock::wall`] is what the machine says now, for records and for rules about hours.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// An instant, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

impl Time {
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The time between `earlier` and `self`; zero where `earlier` is later.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub fn plus(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(millis(duration)))
    }

    pub fn minus(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(millis(duration)))
    }

    /// For arithmetic about calendars (rules about hours, what a person reads).
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T03:04:05.678Z`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the time comes from: the machine, or a test that moves it by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine { wall_at_start: Time, start: Instant },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn machine() -> Self {
        Self(Source::Machine { wall_at_start: machine_time(), start: Instant::now() })
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(start: Time) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// Steady time: for sessions, one-time codes, whatever has a length.
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::Machine { wall_at_start, start } => wall_at_start.plus(start.elapsed()),
            Source::Manual(millis) => Time(millis.load(Ordering::Relaxed)),
        }
    }

    /// The machine's wall clock: for records and for rules about weekdays and hours.
    pub fn wall(&self) -> Time {
        match &self.0 {
            Source::Machine { .. } => machine_time(),
            Source::Manual(_) => self.now(),
        }
    }

    /// Begins to measure how long something takes, more finely than a [`Time`] could.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(match &self.0 {
            Source::Machine { .. } => Started::Machine(Instant::now()),
            Source::Manual(now) => Started::Manual { now: Arc::clone(now), start: self.now() },
        })
    }

    /// Moves a manual clock on; a machine's clock goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(millis(by), Ordering::Relaxed);
        }
    }
}

/// Runs from the moment at which it was made.
#[derive(Debug)]
pub struct Stopwatch(Started);

#[derive(Debug)]
enum Started {
    Machine(Instant),
    Manual { now: Arc<AtomicI64>, start: Time },
}

impl Stopwatch {
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Started::Machine(start) => start.elapsed(),
            Started::Manual { now, start } => Time(now.load(Ordering::Relaxed)).since(*start),
        }
    }
}

fn machine_time() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_prints_as_rfc_3339_with_milliseconds() {
        assert_eq!(Time::from_millis(1_795_316_645_678).to_string(), "2026-11-22T03:04:05.678Z");
        assert_eq!(Time::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn time_never_runs_backwards_between_two_instants() {
        let later = Time::from_millis(5_000);
        assert_eq!(later.since(Time::from_millis(2_000)), Duration::from_secs(3));
        assert_eq!(Time::from_millis(2_000).since(later), Duration::ZERO);
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Time::from_millis(0));
        let twin = clock.clone();
        clock.advance(Duration::from_secs(60));
        assert_eq!(twin.now(), Time::from_millis(60_000));
    }

    #[test]
    fn a_stopwatch_measures_by_the_clock_that_made_it() {
        let clock = Clock::manual(Time::from_millis(0));
        let watch = clock.stopwatch();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(watch.elapsed(), Duration::from_millis(1_500));
        let machine = Clock::machine().stopwatch();
        assert!(machine.elapsed() <= machine.elapsed());
    }
}
