//! Which records a span of time has, or an incident.
//!
//! Invariant: a range has every record between its first and its last, and both lie in the span; where a span was asked for, no record of the log outside of it does. Records
//! stand in the order in which they were written; their times may go anywhere, where the machine's clock was wrong, so that each record is looked
//! at. One bundle of records is in memory at a time.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::audit::{Leaf, Sealed};
use crate::clock::Time;
use crate::tlog::{Tile, WIDTH};

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

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    Span(Span),
    /// By their numbers; the older ones of them may be gone.
    Numbers(Range),
}

/// A range, and what was seen on the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub range: Range,
    /// From the time of the one end of the range to behind that of the other, where numbers were asked for.
    pub span: Span,
    /// When the range began.
    pub standing: Standing,
    /// The times of the oldest record that is here, and of the newest.
    pub begins: Option<Time>,
    pub ends: Option<Time>,
}

/// Which records say what is in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last start, if the gateway did not stop since.
    pub start: Option<u64>,
    /// The last start, reload or stop.
    pub last: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from: Time,
    /// Not in it any more.
    pub to: Time,
}

/// What of a record is understood, whichever version wrote it.
#[derive(Deserialize)]
struct Stamp<'a> {
    time: jiff::Timestamp,
    #[serde(borrow, default)]
    action: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    outcome: Option<Cow<'a, str>>,
}

/// The time of a record, whether or not this version knows its kind.
pub fn time_of(json: &[u8]) -> Option<Time> {
    #[derive(Deserialize)]
    struct Dated {
        time: jiff::Timestamp,
    }
    serde_json::from_slice::<Dated>(json).ok().map(|dated| Time::from_millis(dated.time.as_millisecond()))
}

impl Span {
    /// That has both, whichever is the later one by the clock.
    pub fn around(one: Time, other: Time) -> Self {
        Self { from: one.min(other), to: one.max(other).plus(Duration::from_millis(1)) }
    }

    pub fn has(&self, time: Option<Time>) -> bool {
        time.is_some_and(|time| (self.from..self.to).contains(&time))
    }
}

impl Standing {
    fn look(&mut self, sequence: u64, stamp: &Stamp<'_>) {
        let is_done = stamp.outcome.as_deref() == Some("done");
        match stamp.action.as_deref() {
            Some("start") if is_done => *self = Self { start: Some(sequence), last: Some(sequence) },
            Some("config-reloaded") if is_done => self.last = Some(sequence),
            Some("stop") => *self = Self { start: None, last: Some(sequence) },
            _ => {}
        }
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

    /// Looks at all records. Without any in the span, the range stands where times last go from before the span to behind it.
    pub fn find(&self, sought: Sought, mut progress: impl FnMut(u64, u64)) -> anyhow::Result<Found> {
        let mut looking = Looking {
            sought,
            times: [None; 2],
            now: Standing::default(),
            first: None,
            last: 0,
            place: None,
            is_before: true,
            begins: None,
            ends: None,
            looked: false,
        };
        let all = self.size.saturating_add(1).saturating_sub(self.oldest);
        self.each(self.oldest, self.size, |leaf| {
            looking.look(&leaf);
            if leaf.sequence.is_multiple_of(WIDTH) {
                progress(leaf.sequence.saturating_sub(self.oldest), all);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let Looking { first, last, place, is_before, now, begins, ends, times, .. } = looking;
        let end = (self.size.saturating_add(1), now);
        let span = match (sought, first) {
            (Sought::Span(span), _) => span,
            (Sought::Numbers(wanted), Some(_)) if last == wanted.last => {
                let [first, last] = times;
                let times = first.zip(last).context("the first or the last record of the incident has no time that is understood")?;
                Span::around(times.0, times.1)
            }
            (Sought::Numbers(Range { first, last }), _) => bail!(
                "records {first} to {last}, by which the incident was found, are not in the log any more: unpack them from the archive over a copy of it"
            ),
        };
        let (range, standing) = match (first, place) {
            (Some((first, standing)), _) => (Range { first, last }, standing),
            (None, Some((place, standing))) if !is_before => (Range { first: place, last: place.saturating_sub(1) }, standing),
            (None, _) => (Range { first: end.0, last: end.0.saturating_sub(1) }, end.1),
        };
        Ok(Found { range, span, standing, begins, ends })
    }
}

struct Looking {
    sought: Sought,
    /// Of the first and the last record that were sought.
    times: [Option<Time>; 2],
    now: Standing,
    first: Option<(u64, Standing)>,
    last: u64,
    /// The last record from behind the span that follows one from before it.
    place: Option<(u64, Standing)>,
    is_before: bool,
    begins: Option<Time>,
    ends: Option<Time>,
    looked: bool,
}

impl Looking {
    fn look(&mut self, leaf: &Leaf) {
        let (sequence, stamp) = (leaf.sequence, serde_json::from_slice::<Stamp<'_>>(&leaf.json).ok());
        let time = match &stamp {
            Some(stamp) => Some(Time::from_millis(stamp.time.as_millisecond())),
            None => time_of(&leaf.json),
        };
        if !std::mem::replace(&mut self.looked, true) {
            self.begins = time;
        }
        self.ends = time;
        let is_sought = match self.sought {
            Sought::Span(span) => span.has(time),
            Sought::Numbers(range) => (range.first..=range.last).contains(&sequence),
        };
        if is_sought {
            let [first, last] = &mut self.times;
            (*first, *last) = (if self.first.is_some() { *first } else { time }, time);
            self.first.get_or_insert((sequence, self.now));
            self.last = sequence;
        }
        if let (Sought::Span(span), Some(time)) = (self.sought, time) {
            self.stands(sequence, &span, time);
        }
        if let Some(stamp) = &stamp {
            self.now.look(sequence, stamp);
        }
    }

    fn stands(&mut self, sequence: u64, span: &Span, time: Time) {
        if time < span.from {
            self.is_before = true;
        } else if time >= span.to {
            if self.is_before {
                self.place = Some((sequence, self.now));
            }
            self.is_before = false;
        }
    }
}

fn bundle_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / WIDTH
}

fn first_of(bundle: u64) -> u64 {
    bundle.saturating_mul(WIDTH).saturating_add(1)
}
