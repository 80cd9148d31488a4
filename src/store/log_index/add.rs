//! Adding what the log has got: a batch is one transaction, with the cursor in it.
//!
//! Invariant: what the index holds depends on the records alone, not on how they came in batches.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;

use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::schema::{HOUR_MS, TICK_MS};
use super::terms::{self, Kind, Word, packed, unpacked, word};
use super::words::Words;
use super::{LogBatch, LogIndex, LogIndexError, signed};
use crate::model::{Action, Decision, Entry, Event, LogApp, Opened, Record, Reference};

/// Refusals of strangers that were only counted, as charts call them.
const COUNTED: &str = "strangers-refused";

#[derive(Clone)]
pub(super) enum Cell {
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Nothing,
}

impl LogIndex {
    /// Adds what comes after [`LogIndex::indexed_up_to`]; all of it or nothing. What is in the index already is passed over.
    pub async fn add(&self, batch: LogBatch<'_>) -> Result<(), LogIndexError> {
        let pools = self.0.pools.read().await;
        let mut kept = self.0.words.lock().await;
        // Kept only once they are stored: given up half-way, this forgets them.
        let mut words = std::mem::take(&mut *kept);
        let added = async {
            let mut write = pools.write.begin_with("BEGIN IMMEDIATE").await?;
            add(&mut write, &mut words, batch).await?;
            write.commit().await
        };
        added.await.map_err(|error| self.failed(error))?;
        *kept = words;
        self.0.reached.fetch_max(batch.up_to, Ordering::Relaxed);
        Ok(())
    }
}

/// What a batch comes to before it is written.
#[derive(Default)]
struct Batch {
    rows: BTreeMap<u64, Line>,
    /// Of accesses that were opened in an earlier batch.
    late: HashMap<Vec<u8>, (u64, Word)>,
    mentions: Vec<[Cell; 3]>,
    tallies: BTreeMap<(i64, Word, Option<Word>), i64>,
    marks: Vec<[Cell; 2]>,
    peak: i64,
    back: i64,
    /// In the order in which they first came.
    words: Vec<Word>,
}

struct Line {
    closed: Option<u64>,
    at: i64,
    words: Vec<Word>,
    /// Terms that it has already.
    terms: Vec<i64>,
}

pub(super) async fn add(write: &mut SqliteConnection, words: &mut Words, batch: LogBatch<'_>) -> Result<(), sqlx::Error> {
    let state = sqlx::query("SELECT up_to, peak, back FROM state").fetch_one(&mut *write).await?;
    let up_to: i64 = state.try_get("up_to")?;
    let mut found = Batch { peak: state.try_get("peak")?, back: state.try_get("back")?, ..Batch::default() };
    let mut opened: HashMap<&Reference, u64> = HashMap::new();
    for entry in batch.entries.iter().filter(|entry| signed(entry.sequence) > up_to) {
        found.take(entry, &mut opened);
    }
    words.learn(write, found.words.iter()).await?;
    found.reopen_late(write).await?;
    found.write(write, words).await?;
    sqlx::query("UPDATE state SET up_to = max(up_to, $1), leaf = CASE WHEN $1 >= up_to THEN $2 ELSE leaf END, peak = $3, back = $4")
        .bind(signed(batch.up_to))
        .bind(batch.leaf.as_slice())
        .bind(found.peak)
        .bind(found.back)
        .execute(write)
        .await?;
    Ok(())
}

impl Batch {
    fn take<'e>(&mut self, entry: &'e Entry, opened_here: &mut HashMap<&'e Reference, u64>) {
        let at = entry.time.parse::<jiff::Timestamp>().map_or(self.peak, |time| time.as_millisecond());
        self.mark(entry.sequence, at);
        match &entry.record {
            Record::Opened(opened) => {
                opened_here.insert(&opened.reference, entry.sequence);
                self.mention(&opened.reference, entry.sequence, true);
                self.tally_access(at, opened);
                self.line(entry.sequence, at, terms::of_opened(opened));
            }
            Record::Closed(closed) => {
                let status = terms::of_closed(closed);
                self.words.push(status.clone());
                match opened_here.get(&closed.reference).and_then(|opened| self.rows.get_mut(opened)) {
                    // What is closed stays as it was closed first.
                    Some(line) if line.closed.is_some() => {}
                    Some(line) => {
                        line.closed = Some(entry.sequence);
                        line.words.push(status);
                    }
                    None => {
                        self.late.entry(random_of(&closed.reference)).or_insert((entry.sequence, status));
                    }
                }
            }
            Record::Event(event) => {
                // There may be hundreds of one access, which would hide its beginning and its end; each is found by whose it is.
                if let Some(reference) = event.reference.as_ref().filter(|_| event.action != Action::AnswerContinues) {
                    self.mention(reference, entry.sequence, false);
                }
                self.tally_strangers(at, event);
                self.line(entry.sequence, at, terms::of_event(event));
            }
            Record::StillOpen { .. } => {}
        }
    }

    fn line(&mut self, sequence: u64, at: i64, words: Vec<Word>) {
        self.words.extend(words.iter().cloned());
        self.rows.insert(sequence, Line { closed: None, at, words, terms: Vec::new() });
    }

    /// The wall clock may go back: `peak` never does, and `back` is by how much the clock was ever behind it.
    fn mark(&mut self, sequence: u64, at: i64) {
        self.back = self.back.max(self.peak.saturating_sub(at));
        if at.div_euclid(TICK_MS) > self.peak.div_euclid(TICK_MS) {
            self.marks.push([Cell::Number(at.div_euclid(TICK_MS)), Cell::Number(signed(sequence))]);
        }
        self.peak = self.peak.max(at);
    }

    fn mention(&mut self, reference: &Reference, sequence: u64, opened: bool) {
        self.mentions.push([Cell::Bytes(random_of(reference)), Cell::Number(signed(sequence)), Cell::Number(opened.into())]);
    }

    fn tally_access(&mut self, at: i64, opened: &Opened) {
        let app = word(Kind::App, LogApp::of(opened.app.as_ref()).word());
        let reason = (opened.decision == Decision::Refused).then(|| word(Kind::Rule, opened.rule.as_str()));
        self.tally(at, app, reason, 1);
    }

    fn tally_strangers(&mut self, at: i64, event: &Event) {
        if event.action != Action::StrangersRefused {
            return;
        }
        let count = event.details.get("count").and_then(|count| count.parse().ok()).unwrap_or(1);
        let (app, reason) = (word(Kind::App, LogApp::STRANGERS), word(Kind::Rule, COUNTED));
        self.words.extend([app.clone(), reason.clone()]);
        self.tally(at, app, Some(reason), count);
    }

    fn tally(&mut self, at: i64, app: Word, reason: Option<Word>, count: i64) {
        let tally = self.tallies.entry((at.div_euclid(HOUR_MS), app, reason)).or_default();
        *tally = tally.saturating_add(count);
    }

    /// Reads the lines of accesses that end in this batch and began in an earlier one.
    async fn reopen_late(&mut self, write: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        if self.late.is_empty() {
            return Ok(());
        }
        let asked: Vec<String> = self.late.keys().map(|random| data_encoding::HEXLOWER.encode(random)).collect();
        let asked = serde_json::to_string(&asked).map_err(|why| sqlx::Error::Encode(why.into()))?;
        let found = sqlx::query(
            "SELECT mentions.reference, entries.sequence, entries.at, entries.terms FROM json_each($1) AS asked
             CROSS JOIN mentions ON mentions.reference = unhex(asked.value) AND mentions.opened = 1
             CROSS JOIN entries ON entries.sequence = mentions.sequence AND entries.closed IS NULL",
        )
        .bind(asked)
        .fetch_all(write)
        .await?;
        for row in found {
            let reference: Vec<u8> = row.try_get("reference")?;
            let Some((closed, status)) = self.late.remove(&reference) else { continue };
            let (at, terms) = (row.try_get("at")?, unpacked(row.try_get("terms")?));
            let line = Line { closed: Some(closed), at, words: vec![status], terms };
            self.rows.insert(super::unsigned(row.try_get("sequence")?), line);
        }
        Ok(())
    }

    async fn write(&mut self, write: &mut SqliteConnection, words: &Words) -> Result<(), sqlx::Error> {
        let (mut postings, mut entries, mut counts) = (Vec::new(), Vec::new(), BTreeMap::<i64, i64>::new());
        for (sequence, line) in &mut self.rows {
            for term in line.words.iter().filter_map(|word| words.of(word)) {
                postings.push((term, signed(*sequence)));
                line.terms.push(term);
                let count = counts.entry(term).or_default();
                *count = count.saturating_add(1);
            }
            let closed = line.closed.map_or(Cell::Nothing, |closed| Cell::Number(signed(closed)));
            entries.push([Cell::Number(signed(*sequence)), closed, Cell::Number(line.at), Cell::Bytes(packed(&line.terms))]);
        }
        // In the order of the tree, so that neighbours are written together.
        postings.sort_unstable();
        let postings = postings.into_iter().map(|(term, sequence)| [Cell::Number(term), Cell::Number(sequence)]).collect();
        let counts = counts.into_iter().map(|(term, count)| [Cell::Number(term), Cell::Number(count)]).collect();
        let tallies = std::mem::take(&mut self.tallies).into_iter().filter_map(|((hour, app, reason), count)| {
            let reason = reason.map_or(Some(0), |reason| words.of(&reason))?;
            Some([Cell::Number(hour), Cell::Number(words.of(&app)?), Cell::Number(reason), Cell::Number(count)])
        });
        let more = " ON CONFLICT DO UPDATE SET count = count + excluded.count";
        let closes = " ON CONFLICT DO UPDATE SET closed = excluded.closed, terms = excluded.terms";
        insert(write, "INSERT INTO postings (term, sequence) ", " ON CONFLICT DO NOTHING", postings).await?;
        insert(write, "INSERT INTO entries (sequence, closed, at, terms) ", closes, entries).await?;
        let mentions = std::mem::take(&mut self.mentions);
        insert(write, "INSERT INTO mentions (reference, sequence, opened) ", " ON CONFLICT DO NOTHING", mentions).await?;
        insert(write, "INSERT INTO counts (term, count) ", more, counts).await?;
        insert(write, "INSERT INTO tallies (hour, app, reason, count) ", more, tallies.collect()).await?;
        insert(write, "INSERT INTO marks (tick, sequence) ", " ON CONFLICT DO NOTHING", std::mem::take(&mut self.marks)).await
    }
}

pub(super) fn random_of(reference: &Reference) -> Vec<u8> {
    data_encoding::BASE32_NOPAD.decode(reference.as_str().as_bytes()).unwrap_or_else(|_| reference.as_str().as_bytes().to_vec())
}

/// Inserts many rows with few statements, and with few different ones, so that they stay prepared.
pub(super) async fn insert<const N: usize>(
    write: &mut SqliteConnection,
    head: &'static str,
    tail: &'static str,
    rows: Vec<[Cell; N]>,
) -> Result<(), sqlx::Error> {
    let mut rows = rows.into_iter();
    loop {
        let size = match rows.len() {
            0 => return Ok(()),
            256.. => 256,
            32..256 => 32,
            4..32 => 4,
            _ => 1,
        };
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(rows.by_ref().take(size), |mut row, cells| {
            for cell in cells {
                match cell {
                    Cell::Number(number) => row.push_bind(number),
                    Cell::Text(text) => row.push_bind(text),
                    Cell::Bytes(bytes) => row.push_bind(bytes),
                    Cell::Nothing => row.push_bind(None::<i64>),
                };
            }
        });
        query.push(tail);
        query.build().execute(&mut *write).await?;
    }
}
