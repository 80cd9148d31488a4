//! Lets whoever shares the core of the log's thread go first, as long as that pays: what a worker brings in its turn is written with
//! the same sync.
//!
//! Invariant: where the turn goes to somebody who brings nothing, at most one round in [`KEPT_BACK`] waits for him.

use std::time::Duration;

use super::tally::Tally;
use crate::clock::Clock;

/// A turn that took longer than this was worth it only if it brought [`WORTH`] records.
const LONG: Duration = Duration::from_micros(500);
const WORTH: u64 = 4;
/// For so many rounds no turn is given after one that was not worth it.
const KEPT_BACK: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct Courtesy {
    kept_back: u32,
}

impl Courtesy {
    /// Gives the others on this core their turn, if there are any.
    pub(super) fn give_way(&mut self, tally: &Tally, clock: &Clock) {
        if let Some(fewer) = self.kept_back.checked_sub(1) {
            self.kept_back = fewer;
            return;
        }
        let (before, watch) = (tally.waiting(), clock.stopwatch());
        std::thread::yield_now();
        self.judge(watch.elapsed(), tally.waiting().saturating_sub(before));
    }

    fn judge(&mut self, took: Duration, brought: u64) {
        if took > LONG && brought < WORTH {
            self.kept_back = KEPT_BACK;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;

    #[test]
    fn a_long_turn_that_brought_little_is_not_given_again_for_a_while() {
        let (tally, clock) = (Tally::new().unwrap(), Clock::manual(Time::from_millis(0)));
        let mut courtesy = Courtesy::default();
        courtesy.judge(Duration::from_millis(3), 1);
        for _ in 0..KEPT_BACK {
            assert_ne!(courtesy.kept_back, 0);
            courtesy.give_way(&tally, &clock);
        }
        assert_eq!(courtesy.kept_back, 0);
    }

    #[test]
    fn a_short_turn_or_one_that_brought_much_is_given_again() {
        let mut courtesy = Courtesy::default();
        courtesy.judge(Duration::from_micros(20), 0);
        courtesy.judge(Duration::from_millis(3), 30);
        assert_eq!(courtesy.kept_back, 0);
    }
}
