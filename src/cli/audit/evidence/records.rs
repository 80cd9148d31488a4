//! Checks `records.jsonl` as it comes, line by line.
//!
//! Invariant: no line counts whose record does not lead to the checkpoint; one line is in memory at a time, and what is remembered of the
//! others is bounded.

use serde::Deserialize;

use super::check::EvidenceError;
use super::choice::Choice;
use super::configs::Configs;
use super::facts::{Facts, puts_config_in_force};
use super::incident::About;
use super::line::{self, LineHead, Why};
use super::range::{Span, time_of};
use crate::clock::Time;
use crate::model::{Action, Entry, Record};
use crate::tlog::{Checkpoint, Hash, check_inclusion};

/// A record is at most 65,535 bytes long, its proof 64 hashes.
pub const LONGEST_LINE: usize = 128 * 1024;
/// Accesses that are open at once; no gateway has so many.
const MOST_OPEN: usize = 1_000_000;

pub struct Records {
    checkpoint: Checkpoint,
    facts: Facts,
    span: Span,
    rest: Vec<u8>,
    last: u64,
    records: u64,
    chosen: u64,
    other_times: u64,
    /// As the records say.
    pub configs: Configs,
    choice: Choice,
    /// The last record that stands before the range for what was in force.
    beside: Option<Why>,
    /// The records right before the range and right behind it were there.
    edges: [bool; 2],
    /// When the first and the last of the range were written.
    ends: [Option<Time>; 2],
    /// Records of the incident's story.
    told: u64,
    pub unknown: u64,
}

#[derive(Deserialize)]
struct Numbered {
    sequence: u64,
}

impl Records {
    pub fn under(checkpoint: Checkpoint, facts: Facts) -> Result<Self, EvidenceError> {
        let span = facts.span().ok_or(EvidenceError::Facts("its span is no span of time"))?;
        let filter = facts.filter().ok_or(EvidenceError::Facts("nobody could have asked for that app or that account"))?;
        if let Some(about) = &facts.incident {
            let is_all = about.is_possible() && facts.first == about.first.max(facts.oldest) && facts.last == about.last;
            if !is_all || !facts.gapless || !facts.has_span_records() {
                return Err(EvidenceError::Facts("its records cannot be those of such an incident"));
            }
        }
        Ok(Self {
            checkpoint,
            facts,
            span,
            rest: Vec::new(),
            last: 0,
            records: 0,
            chosen: 0,
            other_times: 0,
            configs: Configs::default(),
            choice: Choice::of(&filter),
            beside: None,
            edges: [false; 2],
            ends: [None; 2],
            told: 0,
            unknown: 0,
        })
    }

    pub fn take(&mut self, part: &[u8]) -> Result<(), EvidenceError> {
        let mut rest = part;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, behind) = rest.split_at(end);
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(line);
            self.line(&whole)?;
            rest = behind.strip_prefix(b"\n").unwrap_or_default();
        }
        if self.rest.len().saturating_add(rest.len()) > LONGEST_LINE {
            return Err(self.malformed());
        }
        self.rest.extend_from_slice(rest);
        Ok(())
    }

    pub fn count(&self) -> u64 {
        self.records
    }

    fn malformed(&self) -> EvidenceError {
        EvidenceError::Line(self.records.saturating_add(1))
    }

    fn line(&mut self, text: &[u8]) -> Result<(), EvidenceError> {
        let (head, record) = line::read(text).ok_or_else(|| self.malformed())?;
        let sequence = head.sequence;
        self.is_proven(&head, record)?;
        let numbered: Numbered = serde_json::from_slice(record).map_err(|_| EvidenceError::NotRecord(sequence))?;
        if numbered.sequence != sequence {
            return Err(EvidenceError::Number { sequence, found: numbered.sequence });
        }
        if sequence <= self.last {
            return Err(EvidenceError::Order(sequence));
        }
        let time = time_of(record);
        self.is_in_place(&head, time)?;
        self.last = sequence;
        self.records = self.records.saturating_add(1);
        let told = time.map(|time| time.to_string());
        if sequence == self.facts.size && told != self.facts.ends || sequence == self.facts.oldest && told != self.facts.begins {
            return Err(EvidenceError::Facts("the log began or ended at another time"));
        }
        self.fits(&head, record, time)
    }

    fn is_proven(&self, head: &LineHead, record: &[u8]) -> Result<(), EvidenceError> {
        let proof: Option<Vec<Hash>> = head.proof.iter().map(|hash| Hash::parse_base64(hash)).collect();
        let (Some(proof), Some(index)) = (proof, head.sequence.checked_sub(1)) else { return Err(self.malformed()) };
        let leaf = Hash::leaf(record);
        if leaf.to_string() != head.leaf {
            return Err(EvidenceError::NotProven(head.sequence));
        }
        check_inclusion(&proof, index, leaf, self.checkpoint.size, self.checkpoint.root)
            .map_err(|_| EvidenceError::NotProven(head.sequence))
    }

    /// Each reason to be in the pack has its place before, in or behind the span; without a filter, nothing of the span is left out.
    fn is_in_place(&mut self, head: &LineHead, time: Option<Time>) -> Result<(), EvidenceError> {
        let (first, last, sequence) = (self.facts.first, self.facts.last, head.sequence);
        let is_in = (first..=last).contains(&sequence);
        let is_of_incident = self.facts.incident.is_some();
        // What stands right beside the range shows that the span ends there, whatever else it is in the pack for.
        let (before, behind) = (sequence.saturating_add(1) == first, sequence == last.saturating_add(1));
        let fits = match head.why {
            Why::Config | Why::Start => sequence < first,
            Why::Edge => (before || behind) && (self.facts.gapless || !self.facts.has_span_records()) && !is_of_incident,
            Why::Story => sequence > last && is_of_incident,
            Why::Span => is_in,
            Why::End => sequence > last && !is_of_incident,
        };
        let must_be_in_time = is_in && (sequence == first || sequence == last);
        // Of an incident the numbers count, and the span is what the times at both ends make of it.
        let must_not = (before || behind) && !is_of_incident;
        if sequence == first {
            self.ends = [time; 2];
        }
        if sequence == last {
            self.ends = [self.ends.first().copied().flatten(), time];
        }
        // Where there is nothing, what stands beside shows it: the one is older than the span, the other younger.
        let is_empty = !self.facts.has_span_records();
        let is_wrong = |time: Time| before && time >= self.span.from || behind && time < self.span.to;
        let shows_nothing = !is_empty || !time.is_some_and(is_wrong);
        if !fits || !shows_nothing || must_be_in_time && !self.span.has(time) || must_not && self.span.has(time) {
            return Err(EvidenceError::Place(sequence));
        }
        self.told = self.told.saturating_add(u64::from(head.why == Why::Story));
        let [had_before, had_behind] = self.edges;
        self.edges = [had_before || before, had_behind || behind];
        if is_in {
            self.chosen = self.chosen.saturating_add(1);
            self.other_times = self.other_times.saturating_add(u64::from(!self.span.has(time)));
            let expected = if self.last < first { first } else { self.last.saturating_add(1) };
            if self.facts.gapless && sequence != expected {
                return Err(EvidenceError::Gap { first: expected, last: sequence.saturating_sub(1) });
            }
        }
        Ok(())
    }

    /// Whether it is what was asked for, or ends such a thing.
    fn fits(&mut self, head: &LineHead, record: &[u8], time: Option<Time>) -> Result<(), EvidenceError> {
        let Ok(entry) = serde_json::from_slice::<Entry>(record) else {
            self.unknown = self.unknown.saturating_add(1);
            return Ok(());
        };
        let fits = match head.why {
            Why::Span => self.choice.wants(Some(&entry), self.span.has(time)),
            Why::End => self.choice.ends(&entry),
            Why::Edge => {
                self.choice.ends(&entry);
                true
            }
            Why::Story => self.facts.incident.as_ref().is_some_and(|about| about.is_told_by(&entry)),
            Why::Config => self.beside != Some(Why::Config) && says_what_is_in_force(&entry),
            Why::Start => self.beside.is_none() && puts_config_in_force(&entry).is_some_and(|event| event.action == Action::Start),
        };
        let is_beginning = |about: &About| about.number == head.sequence && !about.begins_with(&entry);
        if self.facts.incident.as_ref().is_some_and(is_beginning) {
            return Err(EvidenceError::Facts("its incident did not begin with that record, or is a drill, or none"));
        }
        if !fits {
            return Err(EvidenceError::NotAskedFor(head.sequence));
        }
        if self.choice.open() > MOST_OPEN {
            return Err(EvidenceError::Facts("more accesses are open at once than in any gateway"));
        }
        if matches!(head.why, Why::Config | Why::Start) {
            self.beside = Some(head.why);
        }
        if matches!(head.why, Why::Span | Why::Config | Why::Start) {
            self.configs.look(&entry, head.why);
        }
        Ok(())
    }

    /// That the story of the incident is there, as far as the log still had it, and the span is that of its records.
    fn has_all_of(&self, about: &About) -> Result<(), EvidenceError> {
        let wanted = about.story.iter().filter(|record| **record >= self.facts.oldest).count() as u64;
        if self.told != wanted {
            return Err(EvidenceError::Facts("records of what was done about the incident are missing"));
        }
        match self.ends {
            [Some(first), Some(last)] if Span::around(first, last) == self.span => Ok(()),
            _ => Err(EvidenceError::Facts("its span is not that of the incident's records")),
        }
    }

    /// That nothing is missing at the end.
    pub fn end(&self) -> Result<(), EvidenceError> {
        if !self.rest.is_empty() {
            return Err(self.malformed());
        }
        let all = self.facts.last.saturating_add(1).saturating_sub(self.facts.first);
        if self.facts.gapless && self.chosen != all {
            let first = self.last.max(self.facts.first.saturating_sub(1)).saturating_add(1);
            return Err(EvidenceError::Gap { first, last: self.facts.last });
        }
        let Facts { first, last, oldest, size, .. } = self.facts;
        let [before, behind] = self.edges;
        if let Some(about) = &self.facts.incident {
            self.has_all_of(about)?;
        }
        let needs_edges = (self.facts.gapless || first > last) && self.facts.incident.is_none();
        if needs_edges && first > oldest.max(1) && !before {
            return Err(EvidenceError::Gap { first: first.saturating_sub(1), last: first.saturating_sub(1) });
        }
        if needs_edges && last < size && !behind {
            return Err(EvidenceError::Gap { first: last.saturating_add(1), last: last.saturating_add(1) });
        }
        if (self.records, self.chosen, self.other_times) != (self.facts.records, self.facts.chosen, self.facts.other_times) {
            return Err(EvidenceError::Facts("it counts other records than there are"));
        }
        if self.unknown == 0 && self.choice.open() as u64 != self.facts.still_open {
            return Err(EvidenceError::Facts("it counts other accesses without an end than there are"));
        }
        Ok(())
    }
}

/// A start, a reload, or a stop.
fn says_what_is_in_force(entry: &Entry) -> bool {
    puts_config_in_force(entry).is_some() || matches!(&entry.record, Record::Event(event) if event.action == Action::Stop)
}
