//! Reads a log's records in order, also while they are being written: those that the journal no longer has from the sealed entries, the
//! others from the journal.
//!
//! Invariant: an entry is handed out only if its checksum is right (where it has one) and its sequence is the next one; records that were dropped by
//! rule are passed over at the beginning, and nowhere else.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::{self, first_sequence, segment_name};
use super::line::{self, LONGEST_LINE, Next};
use super::sealed::{Sealed, SealedError};
use crate::clock::Time;
use crate::model::{AccountId, AppId, Entry, Event, Record, Reference, Who};

/// How much is read at once; longer than any line.
const CHUNK: usize = 16 * LONGEST_LINE;
/// How many sealed records are read at once.
const BATCH: usize = 1024;

/// Which entries are wanted: those that fit everything that is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub app: Option<AppId>,
    /// A canonical account name, or an account's id.
    pub account: Option<String>,
    /// Entries from then on, and the ends of accesses that fit.
    pub since: Option<Time>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read the log at {}: name the data directory of a gateway that has run, and read it as the gateway's user", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is damaged at byte {byte}: the line's checksum is wrong; compare it with its archived copy", path.display())]
    Damaged { path: PathBuf, byte: u64 },
    #[error("{} has sequence {found} at byte {byte} where {expected} must come: entries are missing", path.display())]
    Gap { path: PathBuf, byte: u64, expected: u64, found: u64 },
    #[error("{} has a record at byte {byte} that this version does not know; read it with the version that wrote it", path.display())]
    NotUnderstood { path: PathBuf, byte: u64 },
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("the sealed record {0} is none that this version knows; read it with the version that wrote it")]
    NotRecord(u64),
}

/// A reader that remembers where it is, so that it can follow a journal that grows and whose oldest segments are removed.
#[derive(Debug)]
pub struct Tail {
    directory: PathBuf,
    /// Where the records are that the journal has no more.
    sealed: Option<Sealed>,
    wanted: Wanted,
    /// The record that comes next; `None`: the first that is there.
    next: Option<u64>,
    segment: Option<Segment>,
    chunk: Vec<u8>,
}

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    first: u64,
    byte: u64,
    /// The sequence that comes next.
    next: u64,
}

impl Tail {
    /// A reader of the journal in `directory` alone, from its first entry on.
    pub fn new(directory: impl Into<PathBuf>, filter: Filter) -> Self {
        let directory = directory.into();
        Self { directory, sealed: None, wanted: Wanted::new(filter), next: None, segment: None, chunk: Vec::new() }
    }

    /// A reader of a whole log (`audit` in the data directory), from the oldest record that was not dropped.
    pub fn of_log(sealed: Sealed, filter: Filter) -> Self {
        let journal = sealed.directory().join("journal");
        Self { sealed: Some(sealed), ..Self::new(journal, filter) }
    }

    /// The next entries that the filter lets through; none if nothing more is there yet.
    pub fn next_batch(&mut self) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        loop {
            if self.read_chunk(&mut entries)? {
                if entries.is_empty() {
                    continue;
                }
                return Ok(entries);
            }
            let Some(later) = self.later_segment()? else { return Ok(entries) };
            // The writer may have ended this segment after it was read and before the next one was seen.
            if !self.read_chunk(&mut entries)? {
                self.step_to(later, &mut entries)?;
                if !entries.is_empty() {
                    return Ok(entries);
                }
            }
        }
    }

    /// Reads what is whole of one chunk; false if there was nothing.
    fn read_chunk(&mut self, entries: &mut Vec<Entry>) -> Result<bool, ReadError> {
        let Some(segment) = &mut self.segment else { return Ok(false) };
        self.chunk.resize(CHUNK, 0);
        let length = segment.file.read_at(&mut self.chunk, segment.byte).map_err(|source| io_error(&segment.path, source))?;
        let mut rest = self.chunk.get(..length).unwrap_or_default();
        let start = segment.byte;
        loop {
            match line::first(rest) {
                Next::Entry { entry, length } => {
                    if entry.sequence != segment.next {
                        let (path, byte) = (segment.path.clone(), segment.byte);
                        return Err(ReadError::Gap { path, byte, expected: segment.next, found: entry.sequence });
                    }
                    rest = rest.get(length..).unwrap_or_default();
                    segment.byte = segment.byte.saturating_add(length as u64);
                    segment.next = segment.next.saturating_add(1);
                    // The journal may hold longer what the log has dropped.
                    let is_dropped = self.next.is_some_and(|next| entry.sequence < next);
                    if !is_dropped && self.wanted.wants(&entry) {
                        entries.push(*entry);
                    }
                }
                Next::Damaged => return Err(ReadError::Damaged { path: segment.path.clone(), byte: segment.byte }),
                Next::Foreign => return Err(ReadError::NotUnderstood { path: segment.path.clone(), byte: segment.byte }),
                Next::Blank | Next::Incomplete => return Ok(segment.byte > start),
            }
        }
    }

    /// The segment in which the next record is, or the first one after it.
    fn later_segment(&mut self) -> Result<Option<u64>, ReadError> {
        let names = disk::list(&self.directory).map_err(|source| io_error(&self.directory, source))?;
        let mut begins: Vec<u64> = names.iter().filter_map(|name| first_sequence(name)).collect();
        begins.sort_unstable();
        if let Some(segment) = &self.segment {
            return Ok(begins.into_iter().find(|first| *first > segment.first));
        }
        if self.next.is_none() {
            self.next = self.sealed.as_ref().map(Sealed::oldest).transpose()?;
        }
        let next = self.next.unwrap_or(0);
        Ok(begins.iter().rfind(|first| **first <= next).or(begins.first()).copied())
    }

    /// Goes on with that segment; first with what comes before it and the journal has no more.
    fn step_to(&mut self, first: u64, entries: &mut Vec<Entry>) -> Result<(), ReadError> {
        if let Some(segment) = &self.segment {
            // A segment that has a successor ends with a whole line.
            let length = segment.file.metadata().map_err(|source| io_error(&segment.path, source))?.len();
            if length != segment.byte {
                return Err(ReadError::Damaged { path: segment.path.clone(), byte: segment.byte });
            }
            self.next = Some(self.next.unwrap_or(0).max(segment.next));
            if segment.next < first {
                self.segment = None;
            }
        }
        let path = self.directory.join(segment_name(first));
        if let Some(next) = self.next.filter(|next| *next < first) {
            let gap = ReadError::Gap { path, byte: 0, expected: next, found: first };
            return self.read_sealed(next, first, entries)?.then_some(()).ok_or(gap);
        }
        if let Some(segment) = self.segment.as_ref().filter(|segment| segment.next != first) {
            return Err(ReadError::Gap { path, byte: 0, expected: segment.next, found: first });
        }
        match File::open(&path) {
            Ok(file) => self.segment = Some(Segment { path, file, first, byte: 0, next: first }),
            // It was removed since it was seen: what was in it is sealed.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.sealed.is_some() => {
                self.next = Some(self.next.unwrap_or(0).max(first));
                self.segment = None;
            }
            Err(source) => return Err(io_error(&path, source)),
        }
        Ok(())
    }

    /// Sealed records from `next` on, none from `end` on; false if there are none, though nothing was dropped.
    fn read_sealed(&mut self, next: u64, end: u64, entries: &mut Vec<Entry>) -> Result<bool, ReadError> {
        let Some(sealed) = &self.sealed else { return Ok(false) };
        let most = usize::try_from(end.saturating_sub(next)).unwrap_or(BATCH).min(BATCH);
        let leaves = sealed.read(next, most)?;
        let found = !leaves.is_empty();
        for leaf in leaves {
            self.next = Some(leaf.sequence.saturating_add(1).min(end));
            if leaf.sequence >= end {
                break;
            }
            let entry = leaf.entry().map_err(|_| ReadError::NotRecord(leaf.sequence))?;
            if self.wanted.wants(&entry) {
                entries.push(entry);
            }
        }
        Ok(found)
    }
}

fn io_error(path: &Path, source: io::Error) -> ReadError {
    ReadError::Io { path: path.to_owned(), source }
}

/// The filter, and what it must remember: which accesses fit, for their closed records name only the reference.
#[derive(Debug)]
struct Wanted {
    app: Option<AppId>,
    account: Option<String>,
    account_id: Option<AccountId>,
    /// As entries write it; the form has a fixed width, so texts compare as times do.
    since: Option<String>,
    /// Open accesses that fit, and whether their opened record was handed out.
    open: HashMap<Reference, bool>,
}

impl Wanted {
    fn new(filter: Filter) -> Self {
        let account_id = filter.account.as_deref().and_then(|account| account.parse().ok());
        let since = filter.since.map(|since| since.to_string());
        Self { app: filter.app, account: filter.account, account_id, since, open: HashMap::new() }
    }

    fn wants(&mut self, entry: &Entry) -> bool {
        let is_recent = self.since.as_ref().is_none_or(|since| entry.time >= *since);
        if self.app.is_none() && self.account.is_none() && self.since.is_none() {
            return true;
        }
        match &entry.record {
            Record::Opened(opened) => {
                let fits = (self.app.is_none() || self.app == opened.app) && self.is_account(opened.who.as_deref());
                if fits {
                    self.open.insert(opened.reference.clone(), is_recent);
                }
                fits && is_recent
            }
            Record::Closed(closed) => self.open.remove(&closed.reference).is_some_and(|was_wanted| was_wanted || is_recent),
            Record::Event(event) => is_recent && self.wants_event(event),
            Record::StillOpen { .. } => is_recent && self.app.is_none() && self.account.is_none(),
        }
    }

    /// An event fits if it belongs to an access that fits, or says the app and the account itself.
    fn wants_event(&self, event: &Event) -> bool {
        if event.reference.as_ref().is_some_and(|reference| self.open.contains_key(reference)) {
            return true;
        }
        let says = |name: &str, wanted: &str| event.details.get(name).is_some_and(|value| value == wanted);
        let app_fits = self.app.as_ref().is_none_or(|app| says("app", app.as_str()));
        let account_fits = self.is_account(event.who.as_deref())
            || self.account.as_deref().is_some_and(|account| says("account", account) || says("name", account));
        app_fits && account_fits
    }

    fn is_account(&self, who: Option<&Who>) -> bool {
        match (&self.account, who) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(account), Some(who)) => who.name.as_str() == account || Some(who.account) == self.account_id,
        }
    }
}
