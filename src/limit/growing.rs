//! A wait that doubles with each failure in a row, kept per key in a map that is capped.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::clock::Time;

/// Failures in a row that cost nothing.
const FREE: u32 = 2;
const FIRST_WAIT: Duration = Duration::from_secs(1);
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
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

    /// How long `key` must still wait; zero if it need not.
    pub(super) fn wait(&self, key: &K, now: Time) -> Duration {
        self.by_key.get(key).map_or(Duration::ZERO, |failures| failures.wait(now))
    }

    /// Counts a failure and says how long the next attempt must wait.
    pub(super) fn failed(&mut self, key: K, now: Time) -> Duration {
        if self.by_key.len() >= self.cap && !self.by_key.contains_key(&key) {
            self.make_room(now);
        }
        let failures = self.by_key.entry(key).or_insert(Failures { in_row: 0, last: now });
        *failures = Failures { in_row: failures.remembered(now).saturating_add(1).min(MOST), last: now };
        failures.wait(now)
    }

    pub(super) fn forgive(&mut self, key: &K) {
        self.by_key.remove(key);
    }

    pub(super) fn sweep(&mut self, now: Time) {
        self.by_key.retain(|_, failures| failures.remembered(now) > 0);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
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
        assert_eq!(waits.wait(&"b", START), Duration::ZERO, "another key waits for nothing");
    }

    #[test]
    fn the_wait_passes_and_failures_are_forgiven_one_by_one() {
        let mut waits = GrowingWaits::new(10);
        for _ in 0..4 {
            waits.failed("a", START);
        }
        assert_eq!(waits.wait(&"a", START.plus(Duration::from_secs(1))), Duration::from_secs(1));
        assert_eq!(waits.wait(&"a", START.plus(Duration::from_secs(2))), Duration::ZERO);
        let later = START.plus(FORGIVEN_EACH.saturating_mul(2));
        assert_eq!(waits.failed("a", later), Duration::from_secs(1), "two of four forgiven, one more makes three");
        waits.forgive(&"a");
        assert_eq!(waits.failed("a", later), Duration::ZERO);
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
