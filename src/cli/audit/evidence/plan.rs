//! Which records go into a pack, found by reading the span once; and their lines, as often as they are needed.
//!
//! Invariant: the lines of one plan are the same each time. In memory are one bundle of records, the accesses that are open at once, and what the
//! summary has room for.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Context;

use super::choice::{Choice, Filter};
use super::incident::Incident;
use super::line::{self, Why};
use super::people::Directory;
use super::range::{Found, Log, Range, Sought, Span, time_of};
use super::survey::Survey;
use crate::audit::{Grown, Head, Leaf};
use crate::clock::Time;
use crate::tlog::{Prover, WIDTH};

/// What a pack is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Wanted<'a> {
    Span(Span),
    Incident(&'a Incident),
}

pub struct Plan {
    pub range: Range,
    pub span: Span,
    /// The time of the newest record of the log.
    pub begins: Option<Time>,
    pub ends: Option<Time>,
    /// With both id and name of the account, if it is known.
    pub filter: Filter,
    /// Before the range and behind it.
    beside: BTreeMap<u64, Why>,
    pub survey: Survey,
    /// Records that were chosen though they have another time than the span.
    pub other_times: u64,
    pub still_open: u64,
}

impl Plan {
    pub fn new(
        log: &Log<'_>,
        wanted: Wanted<'_>,
        filter: &Filter,
        directory: &Directory,
        progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<Self> {
        let sought = match wanted {
            Wanted::Span(span) => Sought::Span(span),
            Wanted::Incident(Incident { about, .. }) => Sought::Numbers(Range { first: about.first, last: about.last }),
        };
        let is_span = matches!(wanted, Wanted::Span(_));
        let Found { range, span, standing, begins, ends } = log.find(sought, progress)?;
        let filter = Filter { account: filter.account.as_ref().map(|asked| directory.resolve(asked)), ..filter.clone() };
        let (mut beside, mut survey) = (BTreeMap::new(), Survey::default());
        let before = range.first.saturating_sub(1);
        // Of a filtered pack nothing is complete that they could show, and they are other people's. Numbers say for themselves where they end.
        let shows_edges = is_span && (filter.is_all() || range.first > range.last);
        for edge in [before, range.last.saturating_add(1)] {
            if shows_edges && (log.oldest..=log.size).contains(&edge) {
                beside.insert(edge, Why::Edge);
            }
        }
        let started = standing.start.filter(|start| standing.last != Some(*start));
        for (sequence, why) in [(started, Why::Start), (standing.last, Why::Config)] {
            let Some(sequence) = sequence else { continue };
            beside.insert(sequence, why);
            survey.configs.look(&log.leaf(sequence)?.entry().context("a record of a start is not understood")?, why);
        }
        let mut choice = Choice::of(&filter);
        let mut other_times = 0_u64;
        log.each(range.first, range.last, |leaf| {
            let (entry, is_in_time) = (leaf.entry().ok(), span.has(time_of(&leaf.json)));
            if choice.wants(entry.as_ref(), is_in_time) {
                survey.look(entry.as_ref(), directory);
                other_times = other_times.saturating_add(u64::from(!is_in_time));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if survey.configs.is_full {
            anyhow::bail!("more configs were in force in this span than a pack has room for; take a shorter span");
        }
        // Each access ends within the longest session, or at the next start.
        if choice.open() > 0 && is_span {
            log.each(range.last.saturating_add(1), log.size, |leaf| {
                if leaf.entry().is_ok_and(|entry| choice.ends(&entry)) {
                    beside.entry(leaf.sequence).or_insert(Why::End);
                }
                Ok(if choice.open() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        if let Wanted::Incident(Incident { about, .. }) = wanted {
            for sequence in about.story.iter().filter(|record| (log.oldest..=log.size).contains(record)) {
                beside.insert(*sequence, Why::Story);
                survey.concerned.look(&log.leaf(*sequence)?.entry().context("a record of the incident is not understood")?, directory);
            }
        }
        let still_open = choice.open() as u64;
        Ok(Self { range, span, begins, ends, filter, beside, survey, other_times, still_open })
    }

    /// The last record that the head must have; 0: there is none.
    pub fn newest(&self) -> u64 {
        let beside = self.beside.keys().next_back().copied().unwrap_or(0);
        beside.max(if self.range.first <= self.range.last { self.range.last } else { 0 })
    }

    pub fn records(&self) -> u64 {
        self.survey.chosen.saturating_add(self.beside.len() as u64)
    }

    /// Writes the lines, each with its proof under the head.
    pub fn write(&self, log: &Log<'_>, head: &Head, out: &mut dyn Write, mut progress: impl FnMut(u64)) -> anyhow::Result<()> {
        let tiles = Grown { sealed: log.sealed, size: log.size };
        let mut prover = Prover::new(head.checkpoint.size, head.checkpoint.root, tiles);
        let mut written = 0_u64;
        let mut put = |leaf: &Leaf, why| -> anyhow::Result<()> {
            let proof = prover.inclusion(leaf.sequence.saturating_sub(1), leaf.hash());
            let proof = proof.with_context(|| {
                format!(
                    "record {} is not the one that was sealed, or its tiles are not; run `yumen audit verify` and keep the log as evidence",
                    leaf.sequence
                )
            })?;
            out.write_all(&line::write(leaf, why, &proof)?)?;
            written = written.saturating_add(1);
            if written.is_multiple_of(WIDTH) {
                progress(written);
            }
            Ok(())
        };
        for (sequence, why) in self.beside.range(..self.range.first) {
            put(&log.leaf(*sequence)?, *why)?;
        }
        let mut choice = Choice::of(&self.filter);
        log.each(self.range.first, self.range.last, |leaf| {
            if choice.wants(leaf.entry().ok().as_ref(), self.span.has(time_of(&leaf.json))) {
                put(&leaf, Why::Span)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        for (sequence, why) in self.beside.range(self.range.first..) {
            put(&log.leaf(*sequence)?, *why)?;
        }
        Ok(())
    }
}
