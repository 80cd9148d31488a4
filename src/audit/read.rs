//! Reads a journal in order, also while it is being written.
//!
//! Invariant: an entry is handed out only if its checksum is right and its sequence is the next one.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::{self, first_sequence, segment_name};
use super::line::{self, LONGEST_LINE, Next};
use crate::clock::Time;
use crate::model::{AccountId, AppId, Entry, Event, Record, Reference, Who};

/// How much is read at once; longer than any line.
const CHUNK: usize = 16 * LONGEST_LINE;

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
}

/// A reader that remembers where it is, so that it can follow a journal that grows.
#[derive(Debug)]
pub struct Tail {
    directory: PathBuf,
    wanted: Wanted,
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
    /// A reader of the journal in `directory`, from its first entry on.
    pub fn new(directory: impl Into<PathBuf>, filter: Filter) -> Self {
        Self { directory: directory.into(), wanted: Wanted::new(filter), segment: None, chunk: Vec::new() }
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
                self.step_to(later)?;
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
                    if self.wanted.wants(&entry) {
                        entries.push(*entry);
                    }
                }
                Next::Damaged => return Err(ReadError::Damaged { path: segment.path.clone(), byte: segment.byte }),
                Next::Foreign => return Err(ReadError::NotUnderstood { path: segment.path.clone(), byte: segment.byte }),
                Next::Blank | Next::Incomplete => return Ok(segment.byte > start),
            }
        }
    }

    /// The first segment after the current one.
    fn later_segment(&self) -> Result<Option<u64>, ReadError> {
        let names = disk::list(&self.directory).map_err(|source| io_error(&self.directory, source))?;
        let current = self.segment.as_ref().map(|segment| segment.first);
        Ok(names.iter().filter_map(|name| first_sequence(name)).filter(|first| Some(*first) > current).min())
    }

    fn step_to(&mut self, first: u64) -> Result<(), ReadError> {
        let path = self.directory.join(segment_name(first));
        if let Some(segment) = &self.segment {
            // A segment that has a successor ends with a whole line.
            let length = segment.file.metadata().map_err(|source| io_error(&segment.path, source))?.len();
            if length != segment.byte {
                return Err(ReadError::Damaged { path: segment.path.clone(), byte: segment.byte });
            }
            if segment.next != first {
                return Err(ReadError::Gap { path, byte: 0, expected: segment.next, found: first });
            }
        }
        let file = File::open(&path).map_err(|source| io_error(&path, source))?;
        self.segment = Some(Segment { path, file, first, byte: 0, next: first });
        Ok(())
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
