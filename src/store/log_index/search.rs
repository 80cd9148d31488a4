//! Searching: the rarest of what is asked for leads, in steps from the newest on, and what else is asked for is looked up in the records that
//! it leads to.
//!
//! Invariant: a step looks at a number of records that does not depend on how many there are, and a search takes a bounded number of steps;
//! where that does not suffice, the answer says from where to go on.

use std::collections::{HashMap, HashSet};

use sqlx::{Row, SqliteConnection};

use super::terms::{Kind, bounds, folded, pairs, unpacked};
use super::{LogIndex, LogIndexError, indexed, signed, unsigned};
use crate::model::{LogPage, LogQuery, LogRow, Reference};

mod asked;

use asked::Asked;

/// A condition that more words fulfil than this is not led by them, but looked up in each record.
const MOST_WORDS: usize = 1_024;
/// How many records one step looks at.
const STEP: std::ops::RangeInclusive<usize> = 128..=4_096;
/// How many pairs of a word and a record one step of many words looks at.
const STEP_OF_MANY: usize = 65_536;
/// How many records one search looks at, and how many such pairs: a step more than that at most.
const MOST_LOOKED_AT: usize = 50_000;
const MOST_PAIRS: usize = 1 << 20;
/// How many rows one answer may have.
const MOST_ROWS: usize = 1_000;

pub(super) const ALL: &str = "SELECT sequence FROM entries WHERE sequence < $1 AND sequence >= $2 ORDER BY sequence DESC LIMIT $3";

pub(super) const OF_TERM: &str =
    "SELECT sequence FROM postings WHERE term = $4 AND sequence < $1 AND sequence >= $2 ORDER BY sequence DESC LIMIT $3";

/// The newest of each term, so that what is sorted is a few records of each.
pub(super) const OF_TERMS: &str = "SELECT DISTINCT postings.sequence FROM json_each($4) AS asked
    CROSS JOIN postings ON postings.term = asked.value AND postings.sequence IN (
        SELECT each.sequence FROM postings AS each WHERE each.term = asked.value AND each.sequence < $1 AND each.sequence >= $2
        ORDER BY each.sequence DESC LIMIT $3
    ) ORDER BY postings.sequence DESC LIMIT $3";

pub(super) const OF_REFERENCE: &str =
    "SELECT sequence FROM mentions WHERE reference = $4 AND sequence < $1 AND sequence >= $2 ORDER BY sequence DESC LIMIT $3";

pub(super) const ENTRIES: &str = "SELECT entries.sequence, entries.closed, entries.at, entries.terms FROM json_each($1) AS asked
    CROSS JOIN entries ON entries.sequence = asked.value";

pub(super) const WORD: &str = "SELECT words.id, coalesce((SELECT count FROM counts WHERE counts.term = words.id), 0) AS count
    FROM words WHERE kind = $1 AND value = $2";

pub(super) const ADDRESSES: &str = "SELECT words.id, coalesce((SELECT count FROM counts WHERE counts.term = words.id), 0) AS count
    FROM words WHERE kind = $1 AND value >= $2 AND value <= $3 LIMIT $4";

pub(super) const TEXTS: &str = "SELECT grams.rowid AS id, coalesce((SELECT count FROM counts WHERE counts.term = grams.rowid), 0) AS count
    FROM grams WHERE grams MATCH $1 LIMIT $2";

pub(super) const VALUES: &str =
    "SELECT words.id, words.kind, words.value FROM json_each($1) AS asked CROSS JOIN words ON words.id = asked.value";

pub(super) const FIRST_SINCE: &str = "SELECT sequence FROM marks WHERE tick <= $1 ORDER BY tick DESC LIMIT 1";
pub(super) const FIRST_AFTER: &str = "SELECT sequence FROM marks WHERE tick > $1 ORDER BY tick LIMIT 1";

/// Where candidates come from, the newest first.
enum Lead {
    All,
    Term(i64),
    Terms(String),
    Reference(Vec<u8>),
}

impl LogIndex {
    /// What fits, the newest first.
    pub async fn search(&self, query: &LogQuery) -> Result<LogPage, LogIndexError> {
        if query.text.as_deref().is_some_and(|text| folded(text.trim()).chars().nth(1).is_none()) {
            return Err(LogIndexError::TextTooShort);
        }
        let pools = self.0.pools.read().await;
        let searched = async {
            let mut read = pools.read.begin().await?;
            let page = search(&mut read, query).await?;
            read.commit().await?;
            Ok(page)
        };
        searched.await.map_err(|error| self.failed(error))
    }
}

async fn search(read: &mut SqliteConnection, query: &LogQuery) -> Result<LogPage, sqlx::Error> {
    let up_to = indexed(read).await?.up_to;
    let Some(mut asked) = Asked::of(read, query).await? else { return Ok(LogPage { up_to, ..LogPage::default() }) };
    let limit = query.limit.clamp(1, MOST_ROWS);
    let (lead, many) = asked.lead(query.reference.as_ref());
    let is_exact = asked.is_exact();
    let widest = STEP_OF_MANY.checked_div(many.max(1)).unwrap_or(1).max(limit.saturating_add(1));
    let mut step = if is_exact { limit.saturating_add(1) } else { limit.saturating_add(1).max(*STEP.start()).min(widest) };
    let (mut before, mut looked_at, mut pairs, mut rows) = (asked.before, 0_usize, 0_usize, Vec::new());
    let next = loop {
        let candidates = candidates(read, &lead, before, asked.floor, step).await?;
        let is_last = candidates.len() < step;
        for row in asked.fitting(read, &candidates).await? {
            if rows.len() == limit {
                return Ok(page(rows, true, up_to));
            }
            rows.push(row);
        }
        looked_at = looked_at.saturating_add(candidates.len());
        pairs = pairs.saturating_add(step.saturating_mul(many));
        match candidates.last() {
            Some(last) if !is_last => before = *last,
            _ => break None,
        }
        if looked_at >= MOST_LOOKED_AT || pairs >= MOST_PAIRS {
            break Some(unsigned(before));
        }
        step = step.saturating_mul(2).min(*STEP.end()).min(widest);
    };
    Ok(LogPage { rows, next, up_to })
}

fn page(rows: Vec<LogRow>, has_more: bool, up_to: u64) -> LogPage {
    let next = rows.last().map(|row| row.sequence).filter(|_| has_more);
    LogPage { rows, next, up_to }
}

async fn candidates(read: &mut SqliteConnection, lead: &Lead, before: i64, floor: i64, step: usize) -> Result<Vec<i64>, sqlx::Error> {
    let query = match lead {
        Lead::All => sqlx::query_scalar(ALL),
        Lead::Term(_) => sqlx::query_scalar(OF_TERM),
        Lead::Terms(_) => sqlx::query_scalar(OF_TERMS),
        Lead::Reference(_) => sqlx::query_scalar(OF_REFERENCE),
    };
    let query = query.bind(before).bind(floor).bind(i64::try_from(step).unwrap_or(i64::MAX));
    let query = match lead {
        Lead::All => query,
        Lead::Term(term) => query.bind(*term),
        Lead::Terms(terms) => query.bind(terms.as_str()),
        Lead::Reference(random) => query.bind(random.as_slice()),
    };
    query.fetch_all(read).await
}
