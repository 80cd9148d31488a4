//! What time it is, for dropping records. The machine's wall clock alone must not say so: one that is years ahead at a start would make every
//! record old.
//!
//! The rule: time passes as the machine's monotonic clock counts it, from process to process as long as the machine runs. A start of the machine
//! itself is believed to have taken what the wall clock says, but no more than [`AWAY`]. The wall clock may correct that by up to
//! [`TOLERANCE`] at a look. One that says anything else is not believed until it has said so, without another step, while [`BELIEVED`] went by.
//!
//! Corrections and starts add up. What they add to is only the reading against which a record's own time is held; for how long the record has
//! been here is another question ([`super::marks`]), and both must agree that it is old.
//!
//! Invariant: no look makes more records old than the time that was witnessed, and the wall's own word, do; both must agree.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::marks::Lived;
use crate::clock::{Reading, Time};

pub const DAY: Duration = Duration::from_hours(24);
/// What a machine that was switched off may have been away for, as far as anybody believes a wall clock.
pub const AWAY: Duration = DAY.saturating_mul(7);
/// Time zones that were mistaken, clocks that drift.
const TOLERANCE: Duration = DAY;
/// Longer than any holiday, so that somebody has seen the warning.
const BELIEVED: Duration = DAY.saturating_mul(14);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reckoning {
    reckoned: Time,
    /// The last look.
    wall: Time,
    uptime: Time,
    boot: String,
    /// For how long the wall clock has said something else.
    doubted_ms: u64,
    #[serde(default)]
    lived: Lived,
    /// The last look of this process, for a machine that does not say which start of it this is.
    #[serde(skip)]
    steady: Option<Time>,
}

impl Reckoning {
    /// Without a memory. `newest`: when the newest record was written that was there before this process.
    pub fn begin(now: &Reading, newest: Option<Time>) -> Self {
        let reckoned = newest.map_or(now.wall, |newest| newest.plus(AWAY).min(now.wall));
        let (uptime, boot, lived) = (now.uptime, now.boot.clone(), Lived::default());
        Self { reckoned, wall: now.wall, uptime, boot, doubted_ms: 0, lived, steady: None }
    }

    pub fn look(&mut self, now: &Reading) {
        let counted = self.counted(now);
        let witnessed = counted.unwrap_or_default();
        let away = if counted.is_some() { Duration::ZERO } else { now.wall.since(self.wall).min(AWAY) };
        let passed = witnessed.saturating_add(away);
        self.lived.pass(witnessed, away);
        let stepped = apart(now.wall, self.wall.plus(passed)) > TOLERANCE;
        self.reckoned = self.reckoned.plus(passed);
        let witnessed_ms = u64::try_from(witnessed.as_millis()).unwrap_or(u64::MAX);
        self.doubted_ms = if stepped { 0 } else { self.doubted_ms.saturating_add(witnessed_ms) };
        if apart(now.wall, self.reckoned) <= TOLERANCE || Duration::from_millis(self.doubted_ms) >= BELIEVED {
            self.reckoned = now.wall;
            self.doubted_ms = 0;
        }
        (self.wall, self.uptime, self.boot, self.steady) = (now.wall, now.uptime, now.boot.clone(), Some(now.steady));
    }

    pub fn lived(&self) -> Lived {
        self.lived
    }

    /// What a monotonic clock counted since the last look. `None`: none went on from there to here.
    fn counted(&self, now: &Reading) -> Option<Duration> {
        match (self.boot.as_str(), self.steady) {
            ("", Some(steady)) if now.boot.is_empty() => Some(now.steady.since(steady)),
            (boot, _) => (!boot.is_empty() && boot == now.boot && now.uptime >= self.uptime).then(|| now.uptime.since(self.uptime)),
        }
    }

    /// What makes records old.
    pub fn present(&self) -> Time {
        self.reckoned.min(self.wall)
    }

    /// That the wall clock is not believed, a sentence.
    pub fn doubt(&self) -> Option<String> {
        let days = apart(self.wall, self.reckoned).as_secs().checked_div(DAY.as_secs()).unwrap_or(0);
        let left = BELIEVED.saturating_sub(Duration::from_millis(self.doubted_ms)).as_secs().div_ceil(DAY.as_secs());
        (self.reckoned != self.wall).then(|| {
            format!(
                "the machine's clock says {}, {days} days from what has passed since the gateway last looked: nothing of the log becomes old by that \
                 until the clock has stayed so for {left} days more. Set the clock right; if it is right, stop the gateway, remove retention.json from \
                 its data and start it again",
                self.wall
            )
        })
    }
}

fn apart(one: Time, other: Time) -> Duration {
    one.since(other).max(other.since(one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    const NOW: Time = Time::from_millis(1_800_000_000_000);
    const YEARS_MS: i64 = 9 * 365 * 86_400_000;

    fn begun(clock: &Clock) -> Reckoning {
        Reckoning::begin(&clock.reading(), Some(NOW))
    }

    #[test]
    fn time_that_passes_makes_old_whether_the_gateway_runs_or_not() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        for _ in 0..3 {
            clock.advance(DAY * 100);
            reckoning.look(&clock.reading());
        }
        assert_eq!((reckoning.present(), reckoning.doubt()), (NOW.plus(DAY * 300), None));
        let next = clock.restarted();
        next.advance(DAY * 60);
        reckoning.look(&next.reading());
        assert_eq!(reckoning.present(), NOW.plus(DAY * 360), "the machine went on");
    }

    #[test]
    fn a_wall_clock_that_is_years_ahead_at_a_start_makes_nothing_old() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        for ahead in [clock.clone(), clock.restarted(), clock.rebooted()] {
            ahead.step_wall(YEARS_MS);
            reckoning.look(&ahead.reading());
            assert!(reckoning.present() <= NOW.plus(AWAY), "{}", reckoning.present());
            assert!(reckoning.doubt().is_some_and(|told| told.contains("retention.json")));
            ahead.step_wall(-YEARS_MS);
            reckoning.look(&ahead.reading());
        }
        let fresh = clock.rebooted();
        fresh.step_wall(YEARS_MS);
        let without_memory = Reckoning::begin(&fresh.reading(), Some(NOW));
        assert_eq!(without_memory.present(), NOW.plus(AWAY), "the newest record says when it was");
        assert!(without_memory.doubt().is_some());
    }

    #[test]
    fn a_clock_that_was_set_right_is_believed_again_at_once() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        clock.step_wall(YEARS_MS);
        reckoning.look(&clock.reading());
        clock.step_wall(-YEARS_MS);
        clock.advance(DAY);
        reckoning.look(&clock.reading());
        assert_eq!((reckoning.present(), reckoning.doubt()), (NOW.plus(DAY), None));
    }

    #[test]
    fn a_jump_is_believed_once_it_has_stayed_for_two_weeks_without_another() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        clock.step_wall(YEARS_MS);
        let days = |reckoning: &mut Reckoning, days: u32| {
            for _ in 0..days {
                clock.advance(DAY);
                reckoning.look(&clock.reading());
            }
        };
        reckoning.look(&clock.reading());
        days(&mut reckoning, 13);
        assert_eq!(reckoning.present(), NOW.plus(DAY * 13));
        clock.step_wall(YEARS_MS);
        days(&mut reckoning, 14);
        assert_eq!(reckoning.present(), NOW.plus(DAY * 27), "it was stepped again, and the wait with it");
        days(&mut reckoning, 1);
        assert_eq!((reckoning.present(), reckoning.doubt()), (clock.wall(), None));
    }

    #[test]
    fn a_wall_clock_that_is_behind_makes_nothing_old_either() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        clock.step_wall(-YEARS_MS);
        clock.advance(DAY * 5);
        reckoning.look(&clock.reading());
        assert_eq!(reckoning.present(), clock.wall());
        clock.step_wall(YEARS_MS);
        reckoning.look(&clock.reading());
        assert_eq!((reckoning.present(), reckoning.doubt()), (NOW.plus(DAY * 5), None));
    }

    #[test]
    fn a_machine_that_does_not_say_which_start_it_is_counts_while_the_process_runs() {
        let clock = Clock::manual(NOW);
        let nameless = |clock: &Clock| Reading { boot: String::new(), ..clock.reading() };
        let mut reckoning = Reckoning::begin(&nameless(&clock), Some(NOW));
        reckoning.look(&nameless(&clock));
        clock.advance(DAY * 100);
        reckoning.look(&nameless(&clock));
        let mut hundred = Lived::default();
        hundred.pass(DAY * 100, Duration::ZERO);
        assert_eq!((reckoning.lived(), reckoning.present()), (hundred, NOW.plus(DAY * 100)));
        let mut next: Reckoning = serde_json::from_slice(&serde_json::to_vec(&reckoning).unwrap()).unwrap();
        clock.advance(DAY * 3);
        next.look(&nameless(&clock));
        hundred.pass(Duration::ZERO, DAY * 3);
        assert_eq!(next.lived(), hundred, "of the time between two processes only the wall clock says anything");
    }

    #[test]
    fn a_machine_that_was_off_for_long_is_believed_for_a_week_of_it() {
        let clock = Clock::manual(NOW);
        let mut reckoning = begun(&clock);
        let soon = clock.rebooted();
        soon.step_wall(i64::try_from((DAY * 6).as_millis()).unwrap());
        reckoning.look(&soon.reading());
        assert_eq!((reckoning.present(), reckoning.doubt()), (soon.wall(), None));
        let late = soon.rebooted();
        late.step_wall(i64::try_from((DAY * 30).as_millis()).unwrap());
        reckoning.look(&late.reading());
        assert_eq!(reckoning.present(), soon.wall().plus(AWAY));
    }
}
