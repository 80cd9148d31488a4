//! How many records there were when, by the time that went by and not by what a clock said of it.
//!
//! A record says when it was written by the wall clock of that moment. One from before a clock was set right says a time that is years too early,
//! and would be old at once. So a mark a day says how many records there were, and for how long the gateway had lived.
//!
//! Invariant: for whatever time a record is said to have been here, all of it was counted by the machine's monotonic clock, but for [`AWAY`] in
//! all: however often the wall clock was set and the machine started, no record goes more than those seven days too early.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reckoning::{AWAY, DAY};
use crate::clock::Time;
use crate::tlog::WIDTH;

/// Past so many, every other mark goes: the records of one that goes are as old as the next one says.
const MOST: usize = 1_000;
/// So often at most is a log looked at that has no marks.
const MOST_READS: u32 = 10_000;

/// For how long the gateway has lived, from the beginning of its memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lived {
    /// Counted by a monotonic clock. What was there before is before zero.
    witnessed_ms: i64,
    /// Only the wall clock says it, of times at which the machine was off.
    away_ms: i64,
}

impl Lived {
    pub fn pass(&mut self, witnessed: Duration, away: Duration) {
        self.witnessed_ms = self.witnessed_ms.saturating_add(millis(witnessed));
        self.away_ms = self.away_ms.saturating_add(millis(away));
    }

    fn since(&self, earlier: &Self) -> Duration {
        let passed = |now: i64, then: i64| Duration::from_millis(u64::try_from(now.saturating_sub(then)).unwrap_or(0));
        passed(self.witnessed_ms, earlier.witnessed_ms).saturating_add(passed(self.away_ms, earlier.away_ms).min(AWAY))
    }

    fn before(&self, age: &Self) -> Self {
        let Self { witnessed_ms, away_ms } = age;
        Self { witnessed_ms: self.witnessed_ms.saturating_sub(*witnessed_ms), away_ms: self.away_ms.saturating_sub(*away_ms) }
    }

    /// So much time between two records, or since the last, of which only their own clocks tell: more than a week, or what none of them was there for,
    /// counts as if the machine had been off.
    fn pass_unseen(&mut self, passed: Duration) {
        if passed > AWAY { self.pass(Duration::ZERO, AWAY) } else { self.pass(passed, Duration::ZERO) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    lived: Lived,
    size: u64,
}

/// The oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Where none were kept, the log says by itself how it grew. Times longer than a week between two of the records that are looked at count for a week in
    /// all, and so does that since the newest.
    pub fn of_log<E>(
        records: (u64, u64),
        (present, lived): (Time, Lived),
        time_of: impl FnMut(u64) -> Result<Option<Time>, E>,
    ) -> Result<Self, E> {
        let mut growth = Growth { time_of, left: MOST_READS, passed: Vec::new() };
        let (oldest, size) = records;
        let (Some(first), Some(last)) = ((growth.time_of)(oldest)?, (growth.time_of)(size)?) else { return Ok(Self::default()) };
        growth.follow((oldest, first), (size, last))?;
        let mut age = Lived::default();
        age.pass(Duration::ZERO, present.since(last).min(AWAY));
        let mut marks = vec![Mark { lived: lived.before(&age), size }];
        for (begin, passed) in growth.passed.into_iter().rev() {
            age.pass_unseen(passed);
            marks.push(Mark { lived: lived.before(&age), size: begin });
        }
        marks.reverse();
        let mut marks = Self(marks);
        marks.thin();
        Ok(marks)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many records are there now.
    pub fn note(&mut self, lived: Lived, size: u64) {
        let is_due = self.0.last().is_none_or(|last| size > last.size && lived.since(&last.lived) >= DAY);
        if size > 0 && is_due {
            self.0.push(Mark { lived, size });
            self.thin();
        }
    }

    /// How many records, from the first on, have been here for so long.
    pub fn here_for(&self, lived: Lived, time: Duration) -> u64 {
        self.0.iter().rev().find(|mark| lived.since(&mark.lived) >= time).map_or(0, |mark| mark.size)
    }

    /// Nothing older is here any more.
    pub fn begin_at(&mut self, oldest: u64) {
        self.0.retain(|mark| mark.size >= oldest);
    }

    /// No more are here: those of a log that stood here before say nothing of this one.
    pub fn end_at(&mut self, size: u64) {
        self.0.retain(|mark| mark.size <= size);
    }

    fn thin(&mut self) {
        while self.0.len() > MOST {
            let mut stays = false;
            self.0.retain(|_| {
                stays = !stays;
                !stays
            });
        }
    }
}

/// How a log grew, by the times of some of its records.
struct Growth<F> {
    time_of: F,
    left: u32,
    /// From this record on, to the one that follows here: so much time.
    passed: Vec<(u64, Duration)>,
}

impl<E, F: FnMut(u64) -> Result<Option<Time>, E>> Growth<F> {
    /// Halves what spans more than a week until it is a week, or one bundle.
    fn follow(&mut self, begin: (u64, Time), end: (u64, Time)) -> Result<(), E> {
        let mut stretches = vec![(begin, end)];
        while let Some((begin, end)) = stretches.pop() {
            let passed = end.1.since(begin.1);
            let records = end.0.saturating_sub(begin.0);
            let middle = begin.0.saturating_add(records / 2);
            let time = match passed > AWAY && records > WIDTH && self.left > 0 {
                true => (self.time_of)(middle)?,
                false => None,
            };
            self.left = self.left.saturating_sub(1);
            match time {
                // What comes first is looked at first.
                Some(time) => stretches.extend([((middle, time), end), (begin, (middle, time))]),
                None => self.passed.push((begin.0, passed)),
            }
        }
        Ok(())
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_800_000_000_000);

    fn lived(days: u32) -> Lived {
        let mut lived = Lived::default();
        lived.pass(DAY * days, Duration::ZERO);
        lived
    }

    #[test]
    fn records_have_been_here_for_as_long_as_the_mark_that_has_them() {
        let mut marks = Marks::default();
        for day in 0..10 {
            marks.note(lived(day), u64::from(day) * 100);
            marks.note(lived(day), u64::from(day) * 100 + 50);
        }
        assert_eq!(marks.here_for(lived(9), DAY * 5), 400);
        assert_eq!(marks.here_for(lived(9), DAY * 8), 100);
        assert_eq!(marks.here_for(lived(9), DAY * 10), 0);
        marks.begin_at(301);
        assert_eq!((marks.here_for(lived(9), DAY * 5), marks.here_for(lived(9), DAY * 6)), (400, 0));
    }

    #[test]
    fn times_at_which_the_machine_was_off_count_for_a_week_in_all() {
        let mut marks = Marks::default();
        let mut now = Lived::default();
        marks.note(now, 256);
        for _ in 0..10 {
            now.pass(DAY, AWAY);
        }
        assert_eq!(marks.here_for(now, DAY * 17), 256);
        assert_eq!(marks.here_for(now, DAY * 17 + Duration::from_millis(1)), 0);
    }

    #[test]
    fn however_many_days_go_by_the_marks_are_few_and_make_nothing_older() {
        let mut marks = Marks::default();
        for day in 0..20_000 {
            marks.note(lived(day), u64::from(day) + 1);
            assert!(marks.0.len() <= MOST);
        }
        for keep in [10, 365, 3_650, 18_250] {
            let here = marks.here_for(lived(19_999), DAY * keep);
            let exact = u64::from(20_000 - keep);
            assert!(here <= exact && here + u64::from(keep / 8) + 1 >= exact, "{keep}: {here} of {exact}");
        }
    }

    fn of_log(times: &[(u64, u32)], size: u64) -> (Marks, u32) {
        let mut reads = 0;
        let time_of = |sequence: u64| {
            reads += 1;
            let day = times.iter().rev().find(|(from, _)| *from <= sequence).unwrap().1;
            Ok::<_, ()>(Some(NOW.plus(DAY * day).plus(Duration::from_millis(sequence))))
        };
        let present = NOW.plus(DAY * times.last().unwrap().1).plus(Duration::from_hours(1));
        (Marks::of_log((1, size), (present, Lived::default()), time_of).unwrap(), reads)
    }

    #[test]
    fn a_log_without_marks_says_itself_how_it_grew() {
        let days: Vec<(u64, u32)> = (0..400).map(|day| (u64::from(day) * 3_000 + 1, day)).collect();
        let (marks, reads) = of_log(&days, 1_200_000);
        assert!(reads < 400, "{reads}");
        let here = marks.here_for(Lived::default(), DAY * 365);
        assert!((28 * 3_000..=35 * 3_000).contains(&here), "{here}");
        assert_eq!(marks.here_for(Lived::default(), DAY * 400), 0);
    }

    #[test]
    fn a_jump_of_the_clock_makes_what_is_before_it_a_week_older_and_no_more() {
        for size in [300, 100_000] {
            let (marks, _) = of_log(&[(1, 0), (290, 2_200)], size);
            assert!(marks.here_for(Lived::default(), DAY * 6) >= 1);
            assert_eq!(marks.here_for(Lived::default(), DAY * 8), 0, "{size}");
        }
        // However often it jumped.
        let jumps = [(1, 0), (30_000, 2_200), (60_000, 4_400), (90_000, 6_600)];
        let (marks, _) = of_log(&jumps, 100_000);
        assert_eq!(marks.here_for(Lived::default(), DAY * 8), 0);
        let (back_and_forth, _) = of_log(&[(1, 3_000), (500, 0), (5_000, 3_000)], 50_000);
        assert_eq!(back_and_forth.here_for(Lived::default(), DAY * 8), 0);
    }
}
