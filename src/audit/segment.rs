//! Puts records into segments: numbers and salts them, writes lines, begins a new segment when one is full.
//!
//! Invariants: a segment that is not the last is synced and exactly as long as its lines; in every segment, all accesses
//! that were open when it began stand in its still-open records before any other record.

use std::collections::HashSet;
use std::io;

use super::disk::{Disk, SegmentFile, segment_name};
use super::line::{self, LONGEST_LINE};
use super::recover::Recovered;
use crate::clock::Time;
use crate::crypto::{Draws, NoRandomness};
use crate::model::{Entry, Record, Reference};

/// References in one still-open record.
const REFERENCES_PER_RECORD: usize = 200;
/// A segment always has room for some records beside those that state what is open.
pub(super) const SMALLEST_SEGMENT: usize = 4 * LONGEST_LINE;
/// Lines are written, though not yet synced, once they are this many bytes.
const FLUSH_BYTES: usize = 1024 * 1024;
/// Zeros are written ahead of the lines up to a multiple of this: where a file was only allocated, each sync would also have to
/// write down what is now in use of it.
const AHEAD: u64 = 64 * 1024;

/// Why the journal cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("cannot {what} {file}: {source}")]
    Disk { what: &'static str, file: String, source: io::Error },
    /// What was written may or may not be on the disk, and asking again would not tell (the kernel forgets).
    #[error("cannot sync {file}: {source}")]
    Sync { file: String, source: io::Error },
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("cannot serialise a record: {0}")]
    Serialise(#[from] serde_json::Error),
}

pub(super) struct Appender<D: Disk> {
    disk: D,
    segment_bytes: u64,
    file: D::File,
    name: String,
    /// Where the next bytes go.
    position: u64,
    capacity: u64,
    /// Up to here the file holds what was written, be it lines or zeros.
    written: u64,
    /// The next sequence.
    next: u64,
    open: HashSet<Reference>,
    /// Lines that are not written yet.
    buffer: Vec<u8>,
    salts: Draws,
}

impl<D: Disk> Appender<D> {
    /// Goes on where the last segment ends, or begins the first one.
    pub(super) fn begin(disk: D, segment_bytes: u64, recovered: &Recovered, time: Time) -> Result<Self, Failure> {
        let segment_bytes = segment_bytes.max(SMALLEST_SEGMENT as u64);
        let (name, position) = match &recovered.last {
            Some(last) => (last.name.clone(), last.length),
            None => (segment_name(recovered.next), 0),
        };
        let opened = if recovered.last.is_some() { disk.open(&name) } else { disk.create(&name) };
        let file = opened.map_err(|source| Failure::Disk { what: "open", file: name.clone(), source })?;
        let open = recovered.open.iter().cloned().collect();
        let buffer = Vec::new();
        let mut appender = Self {
            disk,
            segment_bytes,
            file,
            name,
            position,
            capacity: 0,
            written: position,
            next: recovered.next,
            open,
            buffer,
            salts: Draws::new(),
        };
        appender.truncate()?;
        // A segment that has entries already states what was open; one that was cut within that statement states it again.
        if recovered.last.as_ref().is_none_or(|last| last.is_headless) {
            appender.state_open(time)?;
        }
        appender.prepare()?;
        Ok(appender)
    }

    /// The sequence of the last record; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Takes a record into the buffer, beginning a new segment if this one is full.
    pub(super) fn append(&mut self, time: Time, record: Record) -> Result<(), Failure> {
        let mut entry = Entry::stamp(self.next, time, self.salts.take()?, record);
        let start = self.buffer.len();
        line::encode(&mut self.buffer, &mut entry)?;
        if self.position.saturating_add(self.buffer.len() as u64) > self.capacity {
            self.buffer.truncate(start);
            self.rotate(time)?;
            entry.sequence = self.next;
            line::encode(&mut self.buffer, &mut entry)?;
        }
        self.next = self.next.saturating_add(1);
        match entry.record {
            Record::Opened(opened) => {
                self.open.insert(opened.reference);
            }
            Record::Closed(closed) => {
                self.open.remove(&closed.reference);
            }
            Record::Event(_) | Record::StillOpen { .. } => {}
        }
        if self.buffer.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Writes what the buffer holds, without a sync.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if !self.buffer.is_empty() {
            let end = self.position.saturating_add(self.buffer.len() as u64);
            if end > self.written {
                self.write_ahead(end);
            }
            self.file.write(self.position, &self.buffer).map_err(|source| self.failed_to("write", source))?;
            self.position = end;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Adds zeros behind the lines, which end at `end`; none beyond the room that was taken on the disk.
    fn write_ahead(&mut self, end: u64) {
        self.written = end.checked_next_multiple_of(AHEAD).unwrap_or(end).min(self.capacity).max(end);
        let zeros = usize::try_from(self.written.saturating_sub(end)).unwrap_or(0);
        self.buffer.resize(self.buffer.len().saturating_add(zeros), 0);
    }

    /// Makes everything that was flushed durable.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        self.file.sync().map_err(|source| Failure::Sync { file: self.name.clone(), source })
    }

    /// Writes, cuts the preallocated tail off, syncs.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.truncate()?;
        self.sync()
    }

    fn rotate(&mut self, time: Time) -> Result<(), Failure> {
        self.finish()?;
        let name = segment_name(self.next);
        self.file = self.disk.create(&name).map_err(|source| Failure::Disk { what: "create", file: name.clone(), source })?;
        self.name = name;
        (self.position, self.written) = (0, 0);
        self.state_open(time)?;
        self.prepare()
    }

    /// Buffers the records that say which accesses are open.
    fn state_open(&mut self, time: Time) -> Result<(), Failure> {
        let references: Vec<Reference> = self.open.iter().cloned().collect();
        for chunk in references.chunks(REFERENCES_PER_RECORD) {
            let record = Record::StillOpen { references: chunk.to_vec() };
            line::encode(&mut self.buffer, &mut Entry::stamp(self.next, time, self.salts.take()?, record))?;
            self.next = self.next.saturating_add(1);
        }
        Ok(())
    }

    /// Takes the segment's room on the disk, and makes it and its first lines durable before anything follows them.
    fn prepare(&mut self) -> Result<(), Failure> {
        let begun = self.position.saturating_add(self.buffer.len() as u64);
        self.capacity = if self.buffer.is_empty() { self.segment_bytes.max(begun) } else { self.segment_bytes.saturating_add(begun) };
        self.file.allocate(self.capacity).map_err(|source| self.failed_to("allocate room for", source))?;
        self.flush()?;
        self.sync()?;
        self.disk.sync_directory().map_err(|source| Failure::Sync { file: "the directory of the journal".to_owned(), source })
    }

    fn truncate(&mut self) -> Result<(), Failure> {
        self.file.truncate(self.position).map_err(|source| self.failed_to("truncate", source))
    }

    fn failed_to(&self, what: &'static str, source: io::Error) -> Failure {
        Failure::Disk { what, file: self.name.clone(), source }
    }
}
