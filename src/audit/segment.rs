//! Puts records into segments: numbers and salts them, writes lines, begins a new segment when one is full.
//!
//! Invariants: a segment that is not the last is synced and exactly as long as its lines; in every segment, all accesses
//! that were open when it began stand in its still-open records before any other record. The last part of a segment, its
//! reserve, is written only while there is no room on the disk for the next one, and then only by what is urgent.

use std::collections::HashSet;
use std::io;

use rustix::io::Errno;

use super::disk::{Disk, NEXT, SegmentFile, segment_name};
use super::line::{self, LONGEST_LINE};
use super::recover::Recovered;
use super::urgency::Urgency;
use crate::clock::Time;
use crate::crypto::{Draws, NoRandomness};
use crate::model::{Entry, Record, Reference};

/// References in one still-open record.
const REFERENCES_PER_RECORD: usize = 200;
/// A segment always has room for some records beside those that state what is open.
pub(super) const SMALLEST_SEGMENT: usize = 4 * LONGEST_LINE + SMALLEST_RESERVE;
/// One line for each degree of urgency.
pub(super) const SMALLEST_RESERVE: usize = 4 * LONGEST_LINE;
/// Enough for a sign-out of everybody in a city.
const LARGEST_RESERVE: u64 = 1024 * 1024;
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
    #[error("has no room for its next file: {0}")]
    NoRoom(String),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("cannot serialise a record: {0}")]
    Serialise(#[from] serde_json::Error),
}

pub(super) struct Appender<D: Disk> {
    disk: D,
    segment_bytes: u64,
    /// So many bytes at the end of each segment are kept for what is urgent.
    reserve: u64,
    /// Why there is no room for the next segment, as long as there is none.
    no_room: Option<String>,
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
        let reserve = segment_bytes.checked_div(16).unwrap_or(0).clamp(SMALLEST_RESERVE as u64, LARGEST_RESERVE);
        forget_next(&disk)?;
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
            reserve,
            no_room: None,
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
        if let Some(lines) = recovered.last.as_ref().map(|last| last.uncertain.as_slice()).filter(|lines| !lines.is_empty()) {
            appender.file.write(0, lines).map_err(|source| appender.failed_to("write", source))?;
        }
        // A segment that has entries already states what was open; one that was cut within that statement states it again.
        if recovered.last.as_ref().is_none_or(|last| last.is_headless) {
            let stated = appender.still_open(time)?;
            appender.state(stated);
        }
        appender.capacity = appender.capacity_behind(appender.position, appender.buffer.len());
        appender.file.allocate(appender.capacity).map_err(|source| appender.failed_to("allocate room for", source))?;
        appender.settle()?;
        Ok(appender)
    }

    /// The sequence of the last record; 0 before the first.
    pub(super) fn last(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    pub(super) fn is_open(&self, reference: &Reference) -> bool {
        self.open.contains(reference)
    }

    /// Why there is no room for the next segment.
    pub(super) fn no_room(&self) -> Option<&str> {
        self.no_room.as_deref()
    }

    /// Takes a record into the buffer, beginning a new segment if this one is full. Gives back what found no room.
    pub(super) fn append(&mut self, time: Time, record: Record, urgency: Urgency) -> Result<Option<Record>, Failure> {
        let mut entry = Entry::stamp(self.next, time, self.salts.take()?, record);
        let mut start = self.buffer.len();
        line::encode(&mut self.buffer, &mut entry)?;
        if self.no_room.is_none() && !self.fits(self.reserve) {
            self.buffer.truncate(start);
            self.rotate(time)?;
            start = self.buffer.len();
            entry.sequence = self.next;
            line::encode(&mut self.buffer, &mut entry)?;
        }
        if self.no_room.is_some() && (urgency == Urgency::Ordinary || !self.fits(urgency.leaves(self.reserve))) {
            self.buffer.truncate(start);
            return Ok(Some(entry.record));
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
        if self.buffer.len() >= FLUSH_BYTES {
            self.flush()?;
        }
        Ok(None)
    }

    /// Whether there is room for the next segment now; it is begun then.
    pub(super) fn find_room(&mut self, time: Time) -> Result<bool, Failure> {
        self.rotate(time)?;
        Ok(self.no_room.is_none())
    }

    /// Begins the next segment though this one is not full; if there is no room for that, this one goes on.
    pub(super) fn begin_next(&mut self, time: Time) -> Result<(), Failure> {
        if self.no_room.is_none() && self.name != segment_name(self.next) {
            self.rotate(time)?;
            self.no_room = None;
        }
        Ok(())
    }

    /// Whether what is buffered leaves so many bytes of the segment.
    fn fits(&self, leaves: u64) -> bool {
        self.position.saturating_add(self.buffer.len() as u64).saturating_add(leaves) <= self.capacity
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

    /// Writes, cuts the preallocated tail off, syncs. The lines first: a file that is cut already, with a hole in its lines, would not look torn but
    /// damaged.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        self.sync()?;
        self.truncate()?;
        self.sync()
    }

    /// Begins the next segment; without room for it nothing changes but `no_room`.
    fn rotate(&mut self, time: Time) -> Result<(), Failure> {
        let stated = self.still_open(time)?;
        let capacity = self.capacity_behind(0, stated.lines.len());
        let file = match self.take_room(capacity) {
            Err(Failure::NoRoom(why)) => {
                self.no_room = Some(why);
                return Ok(());
            }
            taken => taken?,
        };
        self.finish()?;
        let name = segment_name(self.next);
        self.disk.rename(NEXT, &name).map_err(|source| Failure::Disk { what: "name", file: name.clone(), source })?;
        (self.file, self.name, self.capacity) = (file, name, capacity);
        (self.position, self.written) = (0, 0);
        self.no_room = None;
        self.state(stated);
        self.settle()
    }

    /// A file that has its room on the disk, before anything is given up for it.
    fn take_room(&self, capacity: u64) -> Result<D::File, Failure> {
        let failed = |what, source| match Errno::from_io_error(&source) {
            Some(Errno::NOSPC | Errno::DQUOT) => Failure::NoRoom(source.to_string()),
            _ => Failure::Disk { what, file: NEXT.to_owned(), source },
        };
        let mut file = self.disk.create(NEXT).map_err(|source| failed("create", source))?;
        if let Err(source) = file.allocate(capacity) {
            drop(file);
            // A part of the room may have been taken.
            self.disk.remove(NEXT).map_err(|source| Failure::Disk { what: "remove", file: NEXT.to_owned(), source })?;
            return Err(failed("allocate room for", source));
        }
        Ok(file)
    }

    /// The lines that say which accesses are open, for a segment that begins now.
    fn still_open(&mut self, time: Time) -> Result<Stated, Failure> {
        let references: Vec<Reference> = self.open.iter().cloned().collect();
        let mut stated = Stated { lines: Vec::new(), next: self.next };
        for chunk in references.chunks(REFERENCES_PER_RECORD) {
            let record = Record::StillOpen { references: chunk.to_vec() };
            line::encode(&mut stated.lines, &mut Entry::stamp(stated.next, time, self.salts.take()?, record))?;
            stated.next = stated.next.saturating_add(1);
        }
        Ok(stated)
    }

    fn state(&mut self, stated: Stated) {
        self.buffer.extend_from_slice(&stated.lines);
        self.next = stated.next;
    }

    /// However much was open, there is room behind it.
    fn capacity_behind(&self, position: u64, stated: usize) -> u64 {
        let begun = position.saturating_add(stated as u64);
        if stated == 0 { self.segment_bytes.max(begun) } else { self.segment_bytes.saturating_add(begun) }
    }

    /// Makes the segment's room and its first lines durable before anything follows them.
    fn settle(&mut self) -> Result<(), Failure> {
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

/// Lines of still-open records, and the sequence after theirs.
struct Stated {
    lines: Vec<u8>,
    next: u64,
}

/// Removes what a process left that ended while it took the room of a segment; nothing in it was ever acknowledged.
fn forget_next<D: Disk>(disk: &D) -> Result<(), Failure> {
    let failed = |what, source| Failure::Disk { what, file: NEXT.to_owned(), source };
    let names = disk.list().map_err(|source| failed("look for", source))?;
    if names.iter().any(|name| name == NEXT) { disk.remove(NEXT).map_err(|source| failed("remove", source)) } else { Ok(()) }
}
