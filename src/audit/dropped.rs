//! What the log itself says was dropped by rule. Each record of the kind `log-dropped` names, besides what goes now, what had gone before it
//! and the record that says so: so the newest one says it all, though the older ones are dropped in their turn.
//!
//! Invariant: only what joins is believed: the records of one drop begin no later than right behind those of the drops before it. What
//! somebody removes by hand is never taken for the beginning of what is dropped next.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use super::keeping::{self, Old};
use super::sealed::{Sealed, SealedError};
use crate::model::{Action, Entry, Event, Outcome, Record};
use crate::tlog::{self, Checkpoint, Hash, ProofError, Tile, WIDTH, check_inclusion, entry_path};

/// Details of the record.
const FIRST: &str = "first";
const LAST: &str = "last";
const BEFORE: &str = "before";
const BEFORE_RECORD: &str = "before-record";
/// What stands in each entry that may be such a record.
const KIND: &str = "log-dropped";

/// How far the log says that its records were dropped by rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// The last of them; 0: none was.
    pub last: u64,
    /// The record that says so.
    pub record: u64,
}

/// What one record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    old: Old,
    before: Dropped,
}

impl Said {
    pub(super) fn by(event: &Event) -> Option<Self> {
        if event.action != Action::LogDropped || event.outcome != Outcome::Done {
            return None;
        }
        let number = |name: &str| event.details.get(name)?.parse().ok();
        let before = number(BEFORE).zip(number(BEFORE_RECORD)).map(|(last, record)| Dropped { last, record });
        Some(Self { old: Old { first: number(FIRST)?, last: number(LAST)? }, before: before.unwrap_or_default() })
    }

    /// A record that is none, or that is not understood, says nothing.
    fn in_entry(json: &[u8]) -> Option<Self> {
        let text = str::from_utf8(json).ok().filter(|text| text.contains(KIND))?;
        match serde_json::from_str::<Entry>(text).ok()?.record {
            Record::Event(event) => Self::by(&event),
            Record::Opened(_) | Record::Closed(_) | Record::StillOpen { .. } => None,
        }
    }

    /// Whether it says all that there is to say, without those before it.
    fn says_it_all(&self) -> bool {
        self.old.first == 1 || self.before.record > 0
    }

    pub(super) fn reaches(&self, sequence: u64) -> bool {
        self.old.last >= sequence
    }
}

impl Dropped {
    /// What stands on record, durable and sealed, before these are dropped: without it, `verify` takes what is gone for lost.
    pub(super) fn event(&self, old: &Old) -> Event {
        let event = Event::done(Action::LogDropped).with(FIRST, old.first).with(LAST, old.last);
        if self.record == 0 { event } else { event.with(BEFORE, self.last).with(BEFORE_RECORD, self.record) }
    }

    /// Takes what the next such record says, if it joins what was said before it. `is_gone`: whether a record is not here, so that another may
    /// speak for it.
    pub(super) fn hear(&mut self, record: u64, said: &Said, is_gone: impl FnOnce(u64) -> bool) {
        let Said { old, before } = said;
        // Nothing is dropped before it is sealed, nor is what says so.
        if old.first == 0 || old.first > old.last || old.last >= record {
            return;
        }
        let may_speak = before.record > before.last && before.record < record;
        let heard = if may_speak && is_gone(before.record) { self.last.max(before.last) } else { self.last };
        if old.first <= heard.saturating_add(1) {
            *self = Self { last: heard.max(old.last), record };
        }
    }
}

/// What is known of it, for all who hold the log; what is on record does not change.
#[derive(Debug)]
pub(super) struct Known {
    found: Mutex<Found>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Found {
    /// So many records were looked through, from this one on.
    size: u64,
    begins: u64,
    dropped: Dropped,
}

impl Default for Known {
    fn default() -> Self {
        Self { found: Mutex::default(), last: watch::channel(0).0 }
    }
}

impl Known {
    /// For those who follow: the last record that was dropped by rule, as far as anybody asked; told anew after each drop.
    pub(super) fn follow(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    pub(super) fn was_dropped(&self, last: u64) {
        self.last.send_modify(|known| *known = last.max(*known));
    }
}

impl Sealed {
    /// What the newest of these records says. It is proven against the head, but not the head's signature. The first look reads back to that
    /// record, through all that is here if there is none.
    pub fn dropped(&self) -> Result<Dropped, SealedError> {
        if self.signed_checkpoint()?.is_none() {
            return Ok(Dropped::default());
        }
        let (head, _) = self.head()?;
        let begins = self.first_kept(head.size)?;
        let mut found = self.known().found.lock().unwrap_or_else(PoisonError::into_inner);
        // It is another state of the log, or older records are here again, which may say more.
        if found.size > head.size || found.begins > begins {
            *found = Found::default();
        }
        let mut dropped = found.dropped;
        let since = found.size.max(begins.saturating_sub(1));
        for (sequence, said) in self.said_since(since, &head)?.iter().rev() {
            // Whoever wrote it looked whether it joins, and wrote it under the key.
            dropped.hear(*sequence, said, |_| true);
        }
        *found = Found { size: head.size, begins, dropped };
        self.known().last.send_if_modified(|known| dropped.last > std::mem::replace(known, dropped.last.max(*known)));
        Ok(dropped)
    }

    /// Such records behind the first `size`, the newest first, down to one that says it all.
    fn said_since(&self, size: u64, head: &Checkpoint) -> Result<Vec<(u64, Said)>, SealedError> {
        let mut all = Vec::new();
        for index in (size / WIDTH..head.size.div_ceil(WIDTH)).rev() {
            let Some(tile) = Tile::within(0, index, head.size) else { continue };
            let entries = self.entries(&tile)?;
            let first = keeping::first_of(&tile);
            for (sequence, json) in (first..).zip(&entries).collect::<Vec<_>>().into_iter().rev().filter(|(sequence, _)| *sequence > size) {
                let Some(said) = Said::in_entry(json) else { continue };
                self.must_be_sealed(sequence, json, head)?;
                all.push((sequence, said));
                if said.says_it_all() {
                    return Ok(all);
                }
            }
        }
        Ok(all)
    }

    fn must_be_sealed(&self, sequence: u64, json: &[u8], head: &Checkpoint) -> Result<(), SealedError> {
        let index = sequence.saturating_sub(1);
        let unlike = || {
            let path = Tile::within(0, index / WIDTH, head.size).map_or_else(String::new, |tile| entry_path(&tile));
            self.damaged(path, &format!("record {sequence} is not what was sealed; run `yumen audit verify`"))
        };
        let proof = match tlog::inclusion(index, head.size, head.root, self) {
            Err(ProofError::Tiles(error)) => return Err(error),
            proof => proof.map_err(|_| unlike())?,
        };
        check_inclusion(&proof, index, Hash::leaf(json), head.size, head.root).map_err(|_| unlike())
    }

    /// Whether a record behind the first `size`, and so newer than what is looked at, says that this one was dropped. What it is worth shows when
    /// it is looked at itself.
    pub(super) fn was_dropped_since(&self, size: u64, sequence: u64) -> bool {
        let newest = self.checkpoint().ok().flatten().filter(|newest| newest.size > size);
        let Some(newest) = newest else { return false };
        (size / WIDTH..newest.size.div_ceil(WIDTH)).rev().any(|index| {
            let entries = Tile::within(0, index, newest.size).and_then(|tile| self.entries(&tile).ok());
            entries.unwrap_or_default().iter().filter_map(|json| Said::in_entry(json)).any(|said| said.reaches(sequence))
        })
    }

    /// What stands before this record was dropped by rule and is not here: who derives something from the log may forget it. What is only away
    /// is not meant.
    pub fn begins_by_rule(&self) -> Result<u64, SealedError> {
        let oldest = self.oldest()?;
        if oldest == 1 {
            return Ok(1);
        }
        match self.dropped() {
            Ok(dropped) => Ok(oldest.min(dropped.last.saturating_add(1))),
            Err(error) if error.is_absence() => Ok(1),
            Err(error) => Err(error),
        }
    }

    /// The event that puts on record that these are dropped, if they join what was dropped before.
    pub fn dropping(&self, old: &Old) -> Result<Event, SealedError> {
        let dropped = self.dropped()?;
        joins(&dropped, old.first)?;
        Ok(dropped.event(old))
    }

    /// The first record that is here must follow right behind what was dropped by rule.
    pub(super) fn must_join(&self, first: u64) -> Result<(), SealedError> {
        if first <= 1 { Ok(()) } else { joins(&self.dropped()?, first) }
    }

    /// Tells of changes of what was dropped by rule: of each drop that this log makes, and of what is found in it.
    pub fn drops(&self) -> watch::Receiver<u64> {
        self.known().follow()
    }
}

fn joins(dropped: &Dropped, first: u64) -> Result<(), SealedError> {
    let behind = dropped.last.saturating_add(1);
    if first <= behind { Ok(()) } else { Err(SealedError::Removed { first: behind, last: first.saturating_sub(1) }) }
}
