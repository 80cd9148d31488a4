//! What happened to one subject within a window of time.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// Sums are kept for so many parts of a window, so that many small things take no more room than a few large ones.
const PARTS: u32 = 32;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub time: Time,
    pub sequence: u64,
    /// What tells it from others where only different ones count.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub what: String,
    /// How much of what is summed up, and out of how much.
    pub weight: u64,
    #[serde(default)]
    pub of: u64,
}

/// When there is enough of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Enough {
    Count(usize),
    /// Different ones.
    Distinct(usize),
    Sum(u64),
    /// So many, and so many out of a hundred.
    Share {
        count: u64,
        percent: u64,
    },
}

/// Invariant: no more marks than [`Enough`] asks for, or than a window has parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marks {
    marks: VecDeque<Mark>,
    /// What has been told is not told again before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quiet_until: Option<Time>,
}

/// There was enough of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// The record that it began with.
    pub first: u64,
    pub amount: u64,
    /// What was told apart, in the order in which it came.
    pub what: Vec<String>,
}

impl Marks {
    /// Takes a mark in. `Some`: with it there is enough within the window, and it is told now.
    pub fn add(&mut self, mark: Mark, window: Duration, enough: Enough) -> Option<Reached> {
        let now = mark.time;
        if self.quiet_until.is_some_and(|until| now < until && until.since(now) <= window) {
            return None;
        }
        self.quiet_until = None;
        self.marks.retain(|known| now.since(known.time) < window);
        match enough {
            Enough::Count(most) => self.push(mark, most),
            Enough::Distinct(most) => {
                self.marks.retain(|known| known.what != mark.what);
                self.push(mark, most);
            }
            Enough::Sum(_) | Enough::Share { .. } => self.pour(mark, window),
        }
        let (weight, of) = self.sums();
        let amount = match enough {
            Enough::Count(most) | Enough::Distinct(most) => (self.marks.len() >= most).then_some(self.marks.len() as u64),
            Enough::Sum(least) => (weight >= least).then_some(weight),
            Enough::Share { count, percent } => {
                (weight >= count && weight.saturating_mul(100) >= of.saturating_mul(percent)).then_some(weight)
            }
        }?;
        let first = self.marks.iter().map(|mark| mark.sequence).min().unwrap_or(0);
        let mut what = Vec::new();
        for mark in std::mem::take(&mut self.marks) {
            if !mark.what.is_empty() && !what.contains(&mark.what) {
                what.push(mark.what);
            }
        }
        self.quiet_until = Some(now.plus(window));
        Some(Reached { first, amount, what })
    }

    fn push(&mut self, mark: Mark, most: usize) {
        self.marks.push_back(mark);
        while self.marks.len() > most.max(1) {
            self.marks.pop_front();
        }
    }

    /// Adds it to the part of the window that has begun last, or begins another.
    fn pour(&mut self, mark: Mark, window: Duration) {
        let part = window.checked_div(PARTS).unwrap_or(window);
        match self.marks.back_mut() {
            Some(last) if mark.time.since(last.time) < part => {
                last.weight = last.weight.saturating_add(mark.weight);
                last.of = last.of.saturating_add(mark.of);
            }
            _ => self.push(mark, usize::try_from(PARTS).unwrap_or(usize::MAX).saturating_add(1)),
        }
    }

    fn sums(&self) -> (u64, u64) {
        self.marks.iter().fold((0, 0), |(weight, of), mark| (mark.weight.saturating_add(weight), mark.of.saturating_add(of)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn mark(seconds: i64, what: &str) -> Mark {
        Mark {
            time: Time::from_millis(1_800_000_000_000 + seconds * 1_000),
            sequence: seconds.unsigned_abs(),
            what: what.to_owned(),
            weight: 1,
            of: 1,
        }
    }

    /// At which seconds it was told.
    fn told(enough: Enough, marks: &[(i64, &str)]) -> Vec<i64> {
        let mut kept = Marks::default();
        marks.iter().filter(|(at, what)| kept.add(mark(*at, what), MINUTE, enough).is_some()).map(|(at, _)| *at).collect()
    }

    #[test]
    fn so_many_within_the_window_are_enough_and_are_told_once_in_it() {
        let three = Enough::Count(3);
        assert_eq!(told(three, &[(0, ""), (30, ""), (59, "")]), [59]);
        assert_eq!(told(three, &[(0, ""), (30, ""), (60, "")]), [] as [i64; 0], "the first is a minute old");
        assert_eq!(told(three, &[(0, ""), (1, ""), (2, ""), (3, ""), (4, ""), (5, ""), (61, ""), (62, ""), (63, ""), (64, "")]), [2, 64]);
        assert_eq!(told(three, &[(0, ""), (0, ""), (-3_000, "")]), [-3_000], "a clock that was set back loses nothing");
    }

    #[test]
    fn only_different_ones_count_where_it_is_asked() {
        let two = Enough::Distinct(2);
        assert_eq!(told(two, &[(0, "a"), (1, "a"), (2, "a")]), [] as [i64; 0]);
        assert_eq!(told(two, &[(0, "a"), (1, "b")]), [1]);
        assert_eq!(told(two, &[(0, "a"), (61, "b")]), [] as [i64; 0]);
        assert_eq!(told(two, &[(0, "a"), (50, "a"), (61, "b")]), [61], "the latest of the same counts");
        let mut kept = Marks::default();
        kept.add(mark(5, "a"), MINUTE, two);
        assert_eq!(kept.add(mark(7, "b"), MINUTE, two), Some(Reached { first: 5, amount: 2, what: vec!["a".into(), "b".into()] }));
    }

    #[test]
    fn sums_and_shares_take_little_room() {
        let mut kept = Marks::default();
        for second in 0..59 {
            assert_eq!(kept.add(Mark { weight: 10, ..mark(second, "") }, MINUTE, Enough::Sum(600)), None);
        }
        assert!(kept.marks.len() <= 33);
        assert_eq!(
            kept.add(Mark { weight: 10, ..mark(59, "") }, MINUTE, Enough::Sum(600)).map(|reached| (reached.first, reached.amount)),
            Some((0, 600))
        );
        let share = Enough::Share { count: 3, percent: 50 };
        let good = |second| Mark { weight: 0, ..mark(second, "") };
        let mut kept = Marks::default();
        assert!((0..4).all(|second| kept.add(good(second), MINUTE, share).is_none()));
        assert!((4..7).all(|second| kept.add(mark(second, ""), MINUTE, share).is_none()), "three of seven are no half");
        assert!(kept.add(mark(8, ""), MINUTE, share).is_some());
        assert!(Marks::default().add(mark(0, ""), MINUTE, share).is_none(), "one alone is not enough");
    }
}
