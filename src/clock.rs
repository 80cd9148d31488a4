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
    Manual(Arc<Hands>),
}

/// Where the hands of a manual clock are, in milliseconds.
#[derive(Debug)]
struct Hands {
    steady: AtomicI64,
    /// By how much the wall is ahead of the steady time.
    wall_ahead: AtomicI64,
    uptime_ahead: i64,
    boot: u64,
}

/// What ties the steady time of one process to that of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub steady: Time,
    pub wall: Time,
    /// Since the machine started; what it slept counts.
    pub uptime: Time,
    /// Which start that was; empty where the machine does not say.
    pub boot: String,
}

impl Reading {
    /// What the steady clock of this reading's process would say at the `later` reading. A wall clock that went back after the machine was
    /// started anew is believed to have stood still.
    pub fn carried_to(&self, later: &Reading) -> Time {
        let same_boot = !self.boot.is_empty() && self.boot == later.boot && later.uptime >= self.uptime;
        self.steady.plus(if same_boot { later.uptime.since(self.uptime) } else { later.wall.since(self.wall) })
    }
}

impl Clock {
    pub fn machine() -> Self {
        Self(Source::Machine { wall_at_start: machine_time(), start: Instant::now() })
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(start: Time) -> Self {
        Self::with_hands(start, 0, 0)
    }

    fn with_hands(start: Time, uptime_ahead: i64, boot: u64) -> Self {
        let (steady, wall_ahead) = (AtomicI64::new(start.0), AtomicI64::new(0));
        Self(Source::Manual(Arc::new(Hands { steady, wall_ahead, uptime_ahead, boot })))
    }

    /// Steady time: for sessions, one-time codes, whatever has a length.
    pub fn now(&self) -> Time {
        match &self.0 {
            Source::Machine { wall_at_start, start } => wall_at_start.plus(start.elapsed()),
            Source::Manual(hands) => hands.steady(),
        }
    }

    /// The machine's wall clock: for records and for rules about weekdays and hours.
    pub fn wall(&self) -> Time {
        match &self.0 {
            Source::Machine { .. } => machine_time(),
            Source::Manual(hands) => hands.wall(),
        }
    }

    pub fn reading(&self) -> Reading {
        let (uptime, boot) = match &self.0 {
            Source::Machine { .. } => (machine_uptime(), machine_boot()),
            Source::Manual(hands) => (hands.uptime(), format!("manual {}", hands.boot)),
        };
        Reading { steady: self.now(), wall: self.wall(), uptime, boot }
    }

    /// Begins to measure how long something takes, more finely than a [`Time`] could.
    pub fn stopwatch(&self) -> Stopwatch {
        Stopwatch(match &self.0 {
            Source::Machine { .. } => Started::Machine(Instant::now()),
            Source::Manual(hands) => Started::Manual { hands: Arc::clone(hands), start: self.now() },
        })
    }

    /// Moves a manual clock on; a machine's clock goes by itself.
    pub fn advance(&self, by: Duration) {
        if let Source::Manual(hands) = &self.0 {
            hands.steady.fetch_add(millis(by), Ordering::Relaxed);
        }
    }

    /// Sets the wall of a manual clock forward or back by so many milliseconds, and nothing else.
    pub fn step_wall(&self, by: i64) {
        if let Source::Manual(hands) = &self.0 {
            hands.wall_ahead.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// What a new process on the same machine would have: a steady time that begins with the wall's.
    #[must_use]
    pub fn restarted(&self) -> Self {
        match &self.0 {
            Source::Machine { .. } => Self::machine(),
            Source::Manual(hands) => Self::with_hands(hands.wall(), hands.uptime().0.saturating_sub(hands.wall().0), hands.boot),
        }
    }

    /// The same after the machine was started anew.
    #[must_use]
    pub fn rebooted(&self) -> Self {
        match &self.0 {
            Source::Machine { .. } => Self::machine(),
            Source::Manual(hands) => Self::with_hands(hands.wall(), hands.wall().0.saturating_neg(), hands.boot.saturating_add(1)),
        }
    }
}

impl Hands {
    fn steady(&self) -> Time {
        Time(self.steady.load(Ordering::Relaxed))
    }

    fn wall(&self) -> Time {
        Time(self.steady().0.saturating_add(self.wall_ahead.load(Ordering::Relaxed)))
    }

    fn uptime(&self) -> Time {
        Time(self.steady().0.saturating_add(self.uptime_ahead))
    }
}

/// Runs from the moment at which it was made.
#[derive(Debug)]
pub struct Stopwatch(Started);

#[derive(Debug)]
enum Started {
    Machine(Instant),
    Manual { hands: Arc<Hands>, start: Time },
}

impl Stopwatch {
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Started::Machine(start) => start.elapsed(),
            Started::Manual { hands, start } => hands.steady().since(*start),
        }
    }
}

fn machine_time() -> Time {
    Time(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis))
}

fn machine_uptime() -> Time {
    let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Time(uptime.tv_sec.saturating_mul(1_000).saturating_add(uptime.tv_nsec.checked_div(1_000_000).unwrap_or(0)))
}

fn machine_boot() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
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
    fn a_step_of_the_wall_moves_nothing_else() {
        let clock = Clock::manual(Time::from_millis(10_000));
        let (watch, before) = (clock.stopwatch(), clock.reading());
        clock.step_wall(-4_000);
        assert_eq!((clock.now(), clock.wall()), (Time::from_millis(10_000), Time::from_millis(6_000)));
        clock.advance(Duration::from_secs(1));
        assert_eq!((clock.wall(), watch.elapsed()), (Time::from_millis(7_000), Duration::from_secs(1)));
        let next = clock.restarted();
        assert_eq!((next.now(), next.wall()), (Time::from_millis(7_000), Time::from_millis(7_000)));
        assert_eq!(before.carried_to(&next.reading()), Time::from_millis(11_000), "the machine's uptime tells how long it was");
        assert_eq!(before.carried_to(&next.rebooted().reading()), Time::from_millis(10_000), "the wall does not: it went back");
        next.step_wall(5_000);
        assert_eq!(before.carried_to(&next.rebooted().reading()), Time::from_millis(12_000));
    }

    #[test]
    fn the_machine_says_for_how_long_it_has_run_and_since_which_start() {
        let (first, second) = (Clock::machine().reading(), Clock::machine().reading());
        assert!(first.uptime > Time::from_millis(0) && second.uptime >= first.uptime);
        assert_eq!(first.boot, second.boot);
        assert!(!first.boot.contains(char::is_whitespace));
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
