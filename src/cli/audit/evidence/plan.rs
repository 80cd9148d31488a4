//! Which records go into a pack, found by reading the span once; and their lines, as often as they are needed.
//!
//! Invariant: the lines of one plan are the same each time. In memory are one bundle of records, the accesses that are open at once, and what the
//! summary has room for.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;

use anyhow::Context;

use super::choice::{Choice, Filter};
use super::facts::puts_config_in_force;
use super::line::{self, Why};
use super::people::Directory;
use super::range::{Log, Range, Span};
use super::survey::Survey;
use crate::audit::{Grown, Head, Leaf};
use crate::tlog::{Prover, WIDTH};

pub struct Plan {
    pub range: Range,
    filter: Filter,
    /// Before the range and behind it.
    beside: BTreeMap<u64, Why>,
    pub survey: Survey,
    pub still_open: u64,
}

impl Plan {
    pub fn new(
        log: &Log<'_>,
        span: &Span,
        filter: &Filter,
        directory: &Directory,
        mut progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<Self> {
        let range = log.range(span)?;
        let (mut beside, mut survey) = (BTreeMap::new(), Survey::default());
        let before = range.first.saturating_sub(1);
        // Of a filtered pack nothing is complete that they could show, and they are other people's.
        let shows_edges = filter.is_all() || range.first > range.last;
        for edge in [before, range.last.saturating_add(1)] {
            if shows_edges && (log.oldest..=log.size).contains(&edge) {
                beside.insert(edge, Why::Edge);
            }
        }
        if let Some(config) = config_before(log, range.first)? {
            beside.insert(config.sequence, Why::Config);
            survey.configs.look(&config.entry().context("a record of a start is not understood")?);
        }
        let mut choice = Choice::of(filter);
        let all = range.last.saturating_add(1).saturating_sub(range.first);
        log.each(range.first, range.last, |leaf| {
            let entry = leaf.entry().ok();
            if choice.wants(entry.as_ref()) {
                survey.look(entry.as_ref(), directory);
            }
            if leaf.sequence.is_multiple_of(WIDTH) {
                progress(leaf.sequence.saturating_sub(range.first), all);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        // Each access ends within the longest session, or at the next start.
        if choice.open() > 0 {
            log.each(range.last.saturating_add(1), log.size, |leaf| {
                if leaf.entry().is_ok_and(|entry| choice.ends(&entry)) {
                    beside.entry(leaf.sequence).or_insert(Why::End);
                }
                Ok(if choice.open() == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        Ok(Self { range, filter: filter.clone(), beside, survey, still_open: choice.open() as u64 })
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
            if choice.wants(leaf.entry().ok().as_ref()) {
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

/// The record that says which config was in force when the record `first` was written.
fn config_before(log: &Log<'_>, first: u64) -> anyhow::Result<Option<Leaf>> {
    let holds = |json: &[u8], word: &[u8]| json.windows(word.len()).any(|window| window == word);
    let may_be = |json: &[u8]| holds(json, b"\"start\"") || holds(json, b"\"config-reloaded\"");
    log.last_before(first, may_be, |leaf| leaf.entry().is_ok_and(|entry| puts_config_in_force(&entry).is_some()))
}
