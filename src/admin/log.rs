//! Reading the log as a person: searching it, one record with its proof, how much there was of what, following and exporting it.
//!
//! Invariant: what is read is on record before it is shown, with what was asked; what is shown comes from the sealed log, and the index only
//! says where it stands.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};
use crate::audit::{self, Leaf, ProveError, Sealed, SealedError, Sealer};
use crate::clock::Time;
use crate::limit::{AtOnce, UnderWay};
use crate::model::{Action, Entry, Event, LogCount, LogPage, LogQuery, LogRow, Record, Reference};
use crate::store::{LogIndex, LogSpan};
use crate::tlog::{self, Checkpoint, Hash, ProofError, SignedNote};

/// How long an export waits until what is sealed can be searched.
const INDEX_PATIENCE: Duration = Duration::from_secs(5);

/// The log as it can be read here.
#[derive(Clone)]
pub struct LogBooks {
    sealer: Sealer,
    index: LogIndex,
    /// Who follows or exports how often at once.
    streams: Arc<AtOnce>,
}

/// So many may one person follow and export at once: each of them searches and reads as long as it lives.
const MOST_STREAMS: u32 = 8;

impl LogBooks {
    pub fn new(sealer: Sealer, index: LogIndex) -> Self {
        Self { sealer, index, streams: Arc::new(AtOnce::new(MOST_STREAMS)) }
    }

    pub(super) fn sealed(&self) -> Sealed {
        self.sealer.sealed()
    }
}

/// What somebody does with the log, as its record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogReading {
    Search,
    Charts,
    Live,
    Export,
}

impl LogReading {
    const fn word(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Charts => "charts",
            Self::Live => "live",
            Self::Export => "export",
        }
    }
}

/// Something that was found: an event, or an access with what closed it.
#[derive(Clone, Debug)]
pub struct FoundRecord {
    pub leaf: Leaf,
    pub closed: Option<Leaf>,
}

/// A part of an answer, the newest first.
#[derive(Clone, Debug, Default)]
pub struct LogFound {
    pub records: Vec<FoundRecord>,
    /// Where to go on, as [`LogQuery::before`].
    pub next: Option<u64>,
    pub reach: LogReach,
}

/// How far a search can see.
#[derive(Clone, Debug, Default)]
pub struct LogReach {
    /// The last record that can be searched for, and when it was written.
    pub up_to: u64,
    pub at: Option<String>,
    /// How many records are sealed.
    pub sealed: u64,
}

/// One record with what proves it.
#[derive(Clone, Debug)]
pub struct ProvenRecord {
    pub leaf: Leaf,
    pub proof: Vec<Hash>,
    pub checkpoint: Checkpoint,
    /// The head as it was signed.
    pub note: SignedNote,
    /// What has the same reference, the oldest first, without this one.
    pub related: Vec<Leaf>,
}

/// How much there was in a span.
#[derive(Clone, Debug, Default)]
pub struct LogFigures {
    pub by_hour: Vec<LogCount<Time>>,
    pub by_app: Vec<LogCount<String>>,
    pub by_reason: Vec<LogCount<String>>,
    pub reach: LogReach,
}

impl Desk {
    /// Lets the log be read from these.
    #[must_use]
    pub fn reading(self, books: LogBooks) -> Self {
        Self { books: Some(books), ..self }
    }

    /// What heads of the log are checked with.
    pub fn log_key(&self, actor: &Actor) -> Result<String, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        Ok(self.log_books()?.sealer.verifier_key())
    }

    pub async fn search_log(&self, actor: &Actor, asked: &Reference, query: &LogQuery) -> Result<LogFound, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        self.log_books()?;
        self.record_reading(actor, asked, LogReading::Search, query).await?;
        self.find_in_log(actor, query).await
    }

    /// The same for what was asked for and is on record already: what is new while somebody follows the log, the next part of an export.
    pub async fn find_in_log(&self, actor: &Actor, query: &LogQuery) -> Result<LogFound, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        self.find_in_log_where(actor, query, |_| true).await
    }

    /// Of that, only what is wanted is read.
    pub async fn find_in_log_where(
        &self,
        actor: &Actor,
        query: &LogQuery,
        is_wanted: impl Fn(&LogRow) -> bool,
    ) -> Result<LogFound, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let books = self.log_books()?;
        let LogPage { mut rows, next, up_to } = books.index.search(query).await?;
        rows.retain(is_wanted);
        let sealed = books.sealer.sealed();
        blocking(move || found(&sealed, &rows, next, up_to)).await
    }

    /// How much there was of what, as charts show it.
    pub async fn log_figures(&self, actor: &Actor, asked: &Reference, span: &LogSpan) -> Result<LogFigures, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let books = self.log_books()?;
        let app = span.app.clone();
        let query = LogQuery { app, from: span.from, to: span.to, ..LogQuery::default() };
        self.record_reading(actor, asked, LogReading::Charts, &query).await?;
        let (index, sealed) = (&books.index, books.sealer.sealed());
        let up_to = index.indexed_up_to().await?;
        Ok(LogFigures {
            by_hour: index.count_by_hour(span).await?,
            by_app: index.count_by_app(span).await?,
            by_reason: index.count_by_reason(span).await?,
            reach: blocking(move || reach(&sealed, up_to)).await?,
        })
    }

    /// One record, with the proof that it is in the tree of the newest head.
    pub async fn log_record(&self, actor: &Actor, asked: &Reference, sequence: u64) -> Result<ProvenRecord, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let books = self.log_books()?;
        let event = Event::done(Action::LogRead).with("what", "record").with("number", sequence);
        self.journal.event(actor.sign(Event { reference: Some(asked.clone()), ..event })).await?;
        let sealed = books.sealer.sealed();
        let (leaf, proof, checkpoint, note) = blocking(move || proven(&sealed, sequence)).await?;
        let related = match leaf.entry().ok().and_then(|entry| reference_of(&entry)) {
            Some(reference) => self.related(books, &reference, sequence).await?,
            None => Vec::new(),
        };
        Ok(ProvenRecord { leaf, proof, checkpoint, note, related })
    }

    /// The same as a file, for whoever checks it elsewhere (`yumen audit verify-proof`).
    pub async fn log_proof(&self, actor: &Actor, asked: &Reference, sequence: u64) -> Result<String, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let sealed = self.log_books()?.sealer.sealed();
        let event = Event::done(Action::LogRead).with("what", "proof").with("number", sequence);
        self.journal.event(actor.sign(Event { reference: Some(asked.clone()), ..event })).await?;
        let proof = move || match audit::prove(&sealed, sequence) {
            Ok(proof) => Ok(proof.to_string()),
            Err(ProveError::NoRecord { .. } | ProveError::NothingSealed) => Err(AdminError::NoSuchRecord),
            Err(ProveError::Dropped(_)) => Err(AdminError::RecordDropped(sequence)),
            Err(error) => Err(AdminError::LogDamaged(error.to_string())),
        };
        blocking(proof).await
    }

    /// Room for somebody to follow the log, or to export a part of it, until what is returned is dropped.
    pub fn open_log_stream(&self, actor: &Actor) -> Result<UnderWay, AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let person = actor.person().ok_or(AdminError::NotAllowed)?;
        self.log_books()?.streams.begin(person.account()).ok_or(AdminError::TooManyStreams)
    }

    async fn related(&self, books: &LogBooks, reference: &Reference, but: u64) -> Result<Vec<Leaf>, AdminError> {
        const MOST: usize = 100;
        let query = LogQuery { reference: Some(reference.clone()), limit: MOST, ..LogQuery::default() };
        let rows = books.index.search(&query).await?.rows;
        let sequences: BTreeSet<u64> = rows.iter().flat_map(|row| [Some(row.sequence), row.closed]).flatten().collect();
        let sealed = books.sealer.sealed();
        let leaves = blocking(move || leaves(&sealed, &sequences).map_err(AdminError::from)).await?;
        Ok(leaves.into_values().filter(|leaf| leaf.sequence != but).collect())
    }

    /// The newest head, for whoever exports a part of the log; asking for it is what an export begins with.
    pub async fn begin_log_export(&self, actor: &Actor, asked: &Reference, query: &LogQuery) -> Result<Checkpoint, AdminError> {
        self.permit(actor, Change::ExportLog)?;
        let books = self.log_books()?;
        let sealed = books.sealer.sealed();
        self.record_reading(actor, asked, LogReading::Export, query).await?;
        let checkpoint = blocking(move || sealed.checkpoint()?.ok_or(AdminError::NoSuchRecord)).await?;
        // The index is a second late as a rule; where it is later, the export says so.
        let searchable = async {
            while books.index.reached() < checkpoint.size {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let _ = tokio::time::timeout(INDEX_PATIENCE, searchable).await;
        Ok(checkpoint)
    }

    /// How many records an export came to in the end; also where whoever asked for it may do nothing any more.
    pub fn note_log_export(&self, reader: &Actor, asked: &Reference, rows: u64, is_whole: bool) {
        let event = if is_whole { Event::done(Action::LogRead) } else { Event::failed(Action::LogRead) };
        let event = event.with("what", "exported").with("rows", rows);
        self.journal.note(reader.sign(Event { reference: Some(asked.clone()), ..event }));
    }

    pub async fn record_reading(&self, actor: &Actor, asked: &Reference, reading: LogReading, query: &LogQuery) -> Result<(), AdminError> {
        self.permit(actor, Change::ReadLog)?;
        let event = asked_for(query)
            .into_iter()
            .fold(Event::done(Action::LogRead).with("what", reading.word()), |event, (name, value)| event.with(name, value));
        Ok(self.journal.event(actor.sign(Event { reference: Some(asked.clone()), ..event })).await?)
    }

    fn log_books(&self) -> Result<&LogBooks, AdminError> {
        self.books.as_ref().ok_or(AdminError::NoLog)
    }
}

/// What was asked, as details of its record. An account is not called so there, for this is not about her.
fn asked_for(query: &LogQuery) -> Vec<(&'static str, String)> {
    let some = |name: &'static str, value: Option<String>| value.map(|value| (name, value));
    [
        some("asked-account", query.account.as_ref().map(|account| account.as_str().to_owned())),
        some("asked-unit", query.unit.as_ref().map(ToString::to_string)),
        some("asked-app", query.app.as_ref().map(|app| app.word().to_owned())),
        some("asked-address", query.address.map(|address| address.to_string())),
        some("asked-decision", query.decision.map(|decision| decision.word().to_owned())),
        some("asked-kind", query.kind.map(|kind| kind.word())),
        some("asked-reason", query.rule.clone()),
        some("asked-status", query.status.map(|status| status.to_string())),
        some("asked-reference", query.reference.as_ref().map(ToString::to_string)),
        some("asked-session", query.session.clone()),
        some("asked-from", query.from.map(|time| time.to_string())),
        some("asked-to", query.to.map(|time| time.to_string())),
        some("asked-text", query.text.clone()),
        some("asked-before", query.before.map(|before| before.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The access that a record is about.
fn reference_of(entry: &Entry) -> Option<Reference> {
    match &entry.record {
        Record::Opened(opened) => Some(opened.reference.clone()),
        Record::Closed(closed) => Some(closed.reference.clone()),
        Record::Event(event) => event.reference.clone(),
        Record::StillOpen { .. } => None,
    }
}

fn found(sealed: &Sealed, rows: &[LogRow], next: Option<u64>, up_to: u64) -> Result<LogFound, AdminError> {
    let sequences = rows.iter().flat_map(|row| [Some(row.sequence), row.closed]).flatten().collect();
    let leaves = leaves(sealed, &sequences)?;
    let record = |row: &LogRow| {
        let closed = row.closed.and_then(|closed| leaves.get(&closed)).cloned();
        leaves.get(&row.sequence).map(|leaf| FoundRecord { leaf: leaf.clone(), closed })
    };
    Ok(LogFound { records: rows.iter().filter_map(record).collect(), next, reach: reach(sealed, up_to)? })
}

fn reach(sealed: &Sealed, up_to: u64) -> Result<LogReach, AdminError> {
    let size = sealed.checkpoint()?.map_or(0, |checkpoint| checkpoint.size);
    let last = if up_to == 0 { None } else { sealed.read(up_to, 1)?.pop() };
    let at = last.filter(|leaf| leaf.sequence == up_to).and_then(|leaf| leaf.entry().ok()).map(|entry| entry.time);
    Ok(LogReach { up_to, at, sealed: size })
}

/// Many records at once: each bundle of entries is read once.
fn leaves(sealed: &Sealed, sequences: &BTreeSet<u64>) -> Result<BTreeMap<u64, Leaf>, SealedError> {
    let mut leaves = BTreeMap::new();
    let mut wanted = sequences.iter().copied().filter(|sequence| *sequence > 0).peekable();
    while let Some(first) = wanted.next() {
        let bundle = |sequence: u64| sequence.saturating_sub(1) / tlog::WIDTH;
        let mut last = first;
        while let Some(next) = wanted.next_if(|next| bundle(*next) == bundle(first)) {
            last = next;
        }
        let most = usize::try_from(last.saturating_sub(first).saturating_add(1)).unwrap_or(usize::MAX);
        let read = sealed.read(first, most)?.into_iter().filter(|leaf| sequences.contains(&leaf.sequence));
        leaves.extend(read.map(|leaf| (leaf.sequence, leaf)));
    }
    Ok(leaves)
}

type Proven = (Leaf, Vec<Hash>, Checkpoint, SignedNote);

fn proven(sealed: &Sealed, sequence: u64) -> Result<Proven, AdminError> {
    let note = sealed.signed_checkpoint()?.ok_or(AdminError::NoSuchRecord)?;
    let checkpoint = Checkpoint::parse(&note.text).map_err(|why| AdminError::LogDamaged(why.to_string()))?;
    let index = sequence.checked_sub(1).filter(|index| *index < checkpoint.size).ok_or(AdminError::NoSuchRecord)?;
    let leaf = sealed.read(sequence, 1)?.pop().ok_or(AdminError::NoSuchRecord)?;
    if leaf.sequence != sequence {
        return Err(AdminError::RecordDropped(sequence));
    }
    let proof = tlog::inclusion(index, checkpoint.size, checkpoint.root, sealed).map_err(|error| match error {
        ProofError::Tiles(error) => AdminError::Sealed(error),
        ProofError::NotInTree => AdminError::NoSuchRecord,
        ProofError::WrongTiles => AdminError::LogDamaged(error.to_string()),
    })?;
    tlog::check_inclusion(&proof, index, leaf.hash(), checkpoint.size, checkpoint.root)
        .map_err(|why| AdminError::LogDamaged(format!("record {sequence}: {why}")))?;
    Ok((leaf, proof, checkpoint, note))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, AdminError> + Send + 'static) -> Result<T, AdminError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(AdminError::LogDamaged("reading it failed".to_owned())))
}
