//! A wait that doubles with each failure in a row, kept per key in a map that is capped.
//!
//! An attempt counts from its beginning, since a guess takes a while to be found wrong: so many at once are not so many for nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::clock::Time;

/// Failures in a row that cost nothing.
const FREE: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_secs(1);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// How many attempts may be under way at once. A double click is two, and a person who does that is refused for nothing.
const AT_ONCE: u32 = 2;
/// The count past which the wait grows no more; counting on would only make forgiving slower.
const MOST: u32 = FREE + 11;
/// How long without a failure forgives one of them.
const FORGIVEN_EACH: Duration = LONGEST_WAIT;

/// Invariant: holds at most `cap` keys.
#[derive(Debug)]
pub(super) struct GrowingWaits<K> {
    cap: usize,
    by_key: HashMap<K, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    in_row: u32,
    /// Attempts that began and are neither right nor wrong yet.
    under_way: u32,
    /// The last failure; before the first one, the first attempt.
    last: Time,
}

impl Failures {
    fn remembered(self, now: Time) -> u32 {
        let forgiven = now.since(self.last).as_secs().checked_div(FORGIVEN_EACH.as_secs()).unwrap_or(0);
        self.in_row.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    fn wait(self, now: Time) -> Duration {
        until(self.in_row).saturating_sub(now.since(self.last))
    }
}

fn until(in_row: u32) -> Duration {
    match in_row.saturating_sub(FREE) {
        0 => Duration::ZERO,
        over => FIRST_WAIT.saturating_mul(2u32.saturating_pow(over.saturating_sub(1))).min(LONGEST_WAIT),
    }
}

impl<K: Hash + Eq + Clone> GrowingWaits<K> {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap: cap.max(1), by_key: HashMap::new() }
    }

    /// Begins an attempt, which [`GrowingWaits::failed`] or [`GrowingWaits::take_back`] must end. `Err`: how long to wait.
    pub(super) fn begin(&mut self, key: K, now: Time) -> Result<(), Duration> {
        let failures = self.entry(key, now);
        let wait = failures.wait(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        if failures.under_way >= AT_ONCE {
            return Err(FIRST_WAIT);
        }
        failures.under_way = failures.under_way.saturating_add(1);
        Ok(())
    }

    /// The attempt was wrong. Says how long the next one must wait.
    pub(super) fn failed(&mut self, key: K, now: Time) -> Duration {
        let failures = self.entry(key, now);
        *failures = Failures {
            in_row: failures.remembered(now).saturating_add(1).min(MOST),
            under_way: failures.under_way.saturating_sub(1),
            last: now,
        };
        failures.wait(now)
    }

    /// The attempt was right, or was never judged: nothing is counted.
    pub(super) fn take_back(&mut self, key: &K) {
        if let Some(failures) = self.by_key.get_mut(key) {
            failures.under_way = failures.under_way.saturating_sub(1);
            self.drop_if_empty(key);
        }
    }

    /// Forgets the failures before.
    pub(super) fn forgive(&mut self, key: &K) {
        if let Some(failures) = self.by_key.get_mut(key) {
            failures.in_row = 0;
            self.drop_if_empty(key);
        }
    }

    pub(super) fn sweep(&mut self, now: Time) {
        self.by_key.retain(|_, failures| failures.remembered(now) > 0 || failures.under_way > 0);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    fn entry(&mut self, key: K, now: Time) -> &mut Failures {
        if self.by_key.len() >= self.cap && !self.by_key.contains_key(&key) {
            self.make_room(now);
        }
        self.by_key.entry(key).or_insert(Failures { in_row: 0, under_way: 0, last: now })
    }

    fn drop_if_empty(&mut self, key: &K) {
        if self.by_key.get(key).is_some_and(|failures| failures.in_row == 0 && failures.under_way == 0) {
            self.by_key.remove(key);
        }
    }

    /// Drops the quarter that was quiet longest, so that making room is rare.
    fn make_room(&mut self, now: Time) {
        self.sweep(now);
        let mut times: Vec<Time> = self.by_key.values().map(|failures| failures.last).collect();
        let quarter = times.len() / 4;
        if quarter >= times.len() {
            return;
        }
        let quarter = *times.select_nth_unstable(quarter).1;
        self.by_key.retain(|_, failures| failures.last > quarter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Time = Time::from_millis(1_000_000);

    #[test]
    fn the_wait_doubles_from_one_second_after_the_third_failure_up_to_a_quarter_of_an_hour() {
        let mut waits = GrowingWaits::new(10);
        let told: Vec<u64> = (0..16).map(|_| waits.failed("a", START).as_secs()).collect();
        assert_eq!(told, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]);
        assert_eq!(waits.begin("b", START), Ok(()), "another key waits for nothing");
    }

    #[test]
    fn the_wait_passes_and_failures_are_forgiven_one_by_one() {
        let mut waits = GrowingWaits::new(10);
        for _ in 0..4 {
            waits.failed("a", START);
        }
        assert_eq!(waits.begin("a", START.plus(Duration::from_secs(1))), Err(Duration::from_secs(1)));
        assert_eq!(waits.begin("a", START.plus(Duration::from_secs(2))), Ok(()));
        waits.take_back(&"a");
        let later = START.plus(FORGIVEN_EACH.saturating_mul(2));
        assert_eq!(waits.failed("a", later), Duration::from_secs(1), "two of four forgiven, one more makes three");
        waits.forgive(&"a");
        assert_eq!(waits.failed("a", later), Duration::ZERO);
    }

    #[test]
    fn attempts_at_once_past_a_double_click_wait_until_one_of_them_was_judged() {
        let mut waits = GrowingWaits::new(10);
        assert_eq!([waits.begin("a", START), waits.begin("a", START)], [Ok(()), Ok(())]);
        assert_eq!(waits.begin("a", START), Err(FIRST_WAIT));
        assert_eq!(waits.begin("b", START), Ok(()), "another key has attempts of its own");
        waits.take_back(&"a");
        assert_eq!(waits.begin("a", START), Ok(()), "one that was right makes room");
        assert_eq!(waits.failed("a", START), Duration::ZERO);
        assert_eq!(waits.failed("a", START), Duration::ZERO);
        assert_eq!([waits.begin("a", START), waits.begin("a", START)], [Ok(()), Ok(())], "as free as one after the other");
        waits.failed("a", START);
        assert_eq!(waits.failed("a", START), Duration::from_secs(2), "each of those that were wrong counts");
        assert_eq!(waits.begin("a", START), Err(Duration::from_secs(2)));
    }

    #[test]
    fn what_was_taken_back_leaves_the_wait_as_it_was_and_no_entry_behind() {
        let mut waits = GrowingWaits::new(10);
        waits.begin("a", START).unwrap();
        waits.take_back(&"a");
        assert_eq!(waits.len(), 0);
        for _ in 0..4 {
            waits.failed("a", START);
        }
        let later = START.plus(Duration::from_secs(2));
        waits.begin("a", later).unwrap();
        waits.take_back(&"a");
        assert_eq!(waits.begin("a", later), Ok(()), "it need not wait again");
        waits.forgive(&"a");
        assert_eq!(waits.len(), 1, "one is still under way");
        waits.take_back(&"a");
        assert_eq!(waits.len(), 0);
    }

    #[test]
    fn the_map_never_holds_more_than_its_cap_and_drops_the_quiet_first() {
        let mut waits = GrowingWaits::new(100);
        for key in 0..1_000 {
            waits.failed(key, START.plus(Duration::from_millis(key)));
            assert!(waits.len() <= 100);
        }
        let recent = START.plus(Duration::from_secs(1));
        waits.failed(999, recent);
        assert_eq!(waits.failed(999, recent), Duration::from_secs(1), "the newest was kept");
        waits.sweep(START.plus(Duration::from_secs(86_400)));
        assert_eq!(waits.len(), 0);
    }
}
