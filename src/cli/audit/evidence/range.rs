//! Which records a span of time has.
//!
//! Invariant: a range has every record between its first and its last, and both lie in the span. Records stand in the order in which they were
//! written; their times may go back where the machine's clock was set, by [`CLOCK_STEP`] at most. One bundle of records is in memory at a time.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use crate::audit::{Leaf, Sealed};
use crate::clock::Time;
use crate::tlog::{Tile, WIDTH};

/// By how much clocks may have been set back.
const CLOCK_STEP: Duration = Duration::from_hours(24);

/// A sealed log up to a head.
pub struct Log<'a> {
    pub sealed: &'a Sealed,
    pub size: u64,
    /// The oldest record that is still here; `size + 1` if none is.
    pub oldest: u64,
}

/// From the first record to the last; without any, the last is the one before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: u64,
    pub last: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Time,
    /// Not in it any more.
    pub to: Time,
}

/// The time of a record, whether or not this version knows its kind.
pub fn time_of(json: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    struct Stamp {
        time: jiff::Timestamp,
    }
    serde_json::from_slice::<Stamp>(json).ok().map(|stamp| Time::from_millis(stamp.time.as_millisecond()))
}

impl Span {
    pub fn has(&self, time: Option<Time>) -> bool {
        time.is_some_and(|time| (self.from..self.to).contains(&time))
    }
}

impl<'a> Log<'a> {
    pub fn new(sealed: &'a Sealed, size: u64) -> anyhow::Result<Self> {
        Ok(Self { sealed, size, oldest: sealed.oldest()?.min(size.saturating_add(1)) })
    }

    fn bundle(&self, index: u64) -> anyhow::Result<Vec<Leaf>> {
        let tile = Tile::within(0, index, self.size).context("the log is shorter than its head says")?;
        Ok((first_of(index)..).zip(self.sealed.entries(&tile)?).map(|(sequence, json)| Leaf { sequence, json }).collect())
    }

    /// Each record from `first` to `last` in turn, until `look` has seen enough.
    pub fn each(&self, first: u64, last: u64, mut look: impl FnMut(Leaf) -> anyhow::Result<ControlFlow<()>>) -> anyhow::Result<()> {
        let (first, last) = (first.max(self.oldest), last.min(self.size));
        if first > last {
            return Ok(());
        }
        for index in bundle_of(first)..=bundle_of(last) {
            for leaf in self.bundle(index)? {
                if (first..=last).contains(&leaf.sequence) && look(leaf)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub fn leaf(&self, sequence: u64) -> anyhow::Result<Leaf> {
        let leaf = self.bundle(bundle_of(sequence))?.into_iter().find(|leaf| leaf.sequence == sequence);
        leaf.with_context(|| format!("the log has no record {sequence}; run `yumen audit verify`"))
    }

    pub fn range(&self, span: &Span) -> anyhow::Result<Range> {
        let earliest = self.first_bundle_at(span.from.minus(CLOCK_STEP))?.saturating_sub(1);
        let behind = self.first_bundle_at(span.to.plus(CLOCK_STEP))?;
        let (mut first, mut after) = (None, None);
        self.each(first_of(earliest), self.size, |leaf| {
            let time = time_of(&leaf.json);
            if after.is_none() && time.is_some_and(|time| time >= span.from) {
                after = Some(leaf.sequence);
            }
            if span.has(time) {
                first = Some(leaf.sequence);
            }
            let is_enough = first.is_some() || bundle_of(leaf.sequence) >= behind;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let Some(first) = first else {
            let first = after.unwrap_or(self.size.saturating_add(1)).max(self.oldest);
            return Ok(Range { first, last: first.saturating_sub(1) });
        };
        for index in (bundle_of(first)..behind).rev() {
            let last = self.bundle(index)?.into_iter().rev().find(|leaf| span.has(time_of(&leaf.json)));
            if let Some(last) = last {
                return Ok(Range { first, last: last.sequence });
            }
        }
        Ok(Range { first, last: first })
    }

    /// The last record before `sequence` that is wanted. `may_be` is quick and may be wrong about records that are not.
    pub fn last_before(
        &self,
        sequence: u64,
        may_be: impl Fn(&[u8]) -> bool,
        is_wanted: impl Fn(&Leaf) -> bool,
    ) -> anyhow::Result<Option<Leaf>> {
        let Some(newest) = sequence.checked_sub(1).filter(|newest| *newest >= self.oldest) else { return Ok(None) };
        for index in (bundle_of(self.oldest)..=bundle_of(newest)).rev() {
            let found =
                self.bundle(index)?.into_iter().rev().find(|leaf| leaf.sequence < sequence && may_be(&leaf.json) && is_wanted(leaf));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first bundle that begins at that time or later.
    fn first_bundle_at(&self, time: Time) -> anyhow::Result<u64> {
        let begins_later = |index| -> anyhow::Result<bool> {
            let first = self.bundle(index)?.iter().find_map(|leaf| time_of(&leaf.json));
            Ok(first.is_some_and(|first| first >= time))
        };
        first_where(bundle_of(self.oldest), bundles(self.size), begins_later)
    }
}

/// Where, from `low` to before `high`, it begins to hold; `high`: nowhere.
fn first_where(mut low: u64, mut high: u64, holds: impl Fn(u64) -> anyhow::Result<bool>) -> anyhow::Result<u64> {
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle)? {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    Ok(low)
}

fn bundles(size: u64) -> u64 {
    size.div_ceil(WIDTH)
}

fn bundle_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / WIDTH
}

fn first_of(bundle: u64) -> u64 {
    bundle.saturating_mul(WIDTH).saturating_add(1)
}
