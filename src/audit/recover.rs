//! Reads at start where the journal ends and which accesses were open, and cuts off what a crash tore.
//!
//! Invariant: a line that is whole is never cut off unless a torn one stands before it, and then its bytes are kept beside.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::PathBuf;

use super::disk::{Disk, SegmentFile, first_sequence, segment_name};
use super::line::{self, LONGEST_LINE, Next};
use super::segment::Failure;
use crate::model::{Record, Reference};

/// Why the journal cannot be opened. Nobody can be let through without it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use the audit journal's directory {}: {source}; make it writable for the gateway", directory.display())]
    Directory { directory: PathBuf, source: io::Error },
    #[error("cannot read {file} in the audit journal: {source}")]
    Read { file: String, source: io::Error },
    #[error("cannot keep the torn end of the audit journal in {file}: {source}; it was not cut off")]
    Keep { file: String, source: io::Error },
    #[error(
        "the audit journal is damaged in {file} at byte {byte}; restore that file from its archived copy, or move the journal's \
         directory aside as evidence to begin a new one"
    )]
    Damaged { file: String, byte: u64 },
    #[error(
        "the audit journal has a gap: {file} has sequence {found} at byte {byte} where {expected} must come; restore the missing entries"
    )]
    Gap { file: String, byte: u64, expected: u64, found: u64 },
    #[error(
        "{file} in the audit journal has a record at byte {byte} that this version does not know; start the newer version that wrote it"
    )]
    NotUnderstood { file: String, byte: u64 },
    #[error(
        "the audit journal ends with record {last}, though {sealed} were signed for: somebody cut it off or put an older copy back; \
         restore it from a copy, or keep the audit directory as evidence and move it aside to begin a new log"
    )]
    BelowSealed { last: u64, sealed: u64 },
    #[error("the audit journal {0}; it needs a disk that has room and works")]
    Write(String),
    #[error("cannot start the journal's thread: {0}")]
    Thread(io::Error),
    #[error("the journal cannot be measured: {0}")]
    Measure(#[from] prometheus::Error),
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Write(failure.to_string())
    }
}

/// What was mended when the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Repair {
    pub torn: Option<Torn>,
    /// How many accesses the last process did not live to close.
    pub cut_off: usize,
}

/// The end of the last segment, which a crash left unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    pub segment: String,
    /// Where it was cut.
    pub byte: u64,
    /// How much was cut, without the zeros after it.
    pub bytes: u64,
    /// The file beside the segment that keeps what was cut.
    pub kept_in: String,
}

/// For the one who starts the gateway: nothing if there was nothing to mend.
impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(torn) = &self.torn {
            write!(f, "cut {} torn bytes off {} at byte {} and kept them in {}", torn.bytes, torn.segment, torn.byte, torn.kept_in)?;
        }
        if self.torn.is_some() && self.cut_off > 0 {
            f.write_str("; ")?;
        }
        if self.cut_off > 0 {
            write!(f, "closed {} accesses as cut off", self.cut_off)?;
        }
        Ok(())
    }
}

/// Where the journal goes on.
pub(super) struct Recovered {
    pub(super) next: u64,
    /// In the order in which they were opened, as far as the last segment tells.
    pub(super) open: Vec<Reference>,
    pub(super) last: Option<Last>,
    pub(super) torn: Option<Torn>,
}

pub(super) struct Last {
    pub(super) name: String,
    /// The bytes of its whole lines.
    pub(super) length: u64,
    /// Those lines, where the last process may have ended because a sync failed: what is read may then not be on the disk.
    pub(super) uncertain: Vec<u8>,
    /// It has no record but still-open ones, perhaps not all of them.
    pub(super) is_headless: bool,
}

/// Of the records, `sealed` were signed for: with fewer there is nothing to mend, only to restore.
pub(super) fn recover<D: Disk>(disk: &D, sealed: u64) -> Result<Recovered, OpenError> {
    let names = disk.list().map_err(|source| OpenError::Read { file: "the directory".to_owned(), source })?;
    let mut segments: Vec<u64> = names.iter().filter_map(|name| first_sequence(name)).collect();
    segments.sort_unstable();
    judge_names(disk, &segments)?;
    let Some((last_first, earlier)) = segments.split_last() else {
        must_reach(sealed, 0)?;
        return Ok(Recovered { next: 1, open: Vec::new(), last: None, torn: None });
    };
    let last = Scan::of(disk, *last_first)?;
    let is_certain = last.ended_cleanly();
    if is_certain {
        last.must_be_whole()?;
    }
    must_reach(sealed, last.next.saturating_sub(1))?;
    let mut open = last.open.clone();
    if last.is_headless
        && let Some(previous) = earlier.last()
    {
        let previous = Scan::of(disk, *previous)?;
        previous.must_be_whole()?;
        let stated: HashSet<&Reference> = previous.open.iter().collect();
        let others: Vec<Reference> = open.into_iter().filter(|reference| !stated.contains(reference)).collect();
        open = [previous.open.clone(), others].concat();
    }
    let torn = keep_torn(disk, &last, &names)?;
    let Scan { name, mut bytes, length, next, is_headless, .. } = last;
    bytes.truncate(if is_certain { 0 } else { length });
    let last = Last { name, length: length as u64, uncertain: bytes, is_headless };
    Ok(Recovered { next, open, last: Some(last), torn })
}

fn must_reach(sealed: u64, last: u64) -> Result<(), OpenError> {
    if last < sealed { Err(OpenError::BelowSealed { last, sealed }) } else { Ok(()) }
}

/// Every segment must begin with the sequence after the last one of the segment before it.
fn judge_names<D: Disk>(disk: &D, segments: &[u64]) -> Result<(), OpenError> {
    for pair in segments.windows(2) {
        let [earlier, later] = pair else { continue };
        let name = segment_name(*earlier);
        // Two lines' length holds the last line whole, whatever stands before it.
        let end = disk.read_end(&name, LONGEST_LINE.saturating_mul(2)).map_err(|source| OpenError::Read { file: name.clone(), source })?;
        let line = end.strip_suffix(b"\n").map(|end| end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default().len());
        let start = line.and_then(|line| end.len().checked_sub(line.saturating_add(1)));
        let expected = match start.and_then(|start| end.get(start..)).map(line::first) {
            Some(Next::Entry { entry, .. }) => entry.sequence.saturating_add(1),
            // The whole segment is read to name the byte.
            _ => {
                let scan = Scan::of(disk, *earlier)?;
                scan.must_be_whole()?;
                scan.next
            }
        };
        if expected != *later {
            return Err(OpenError::Gap { file: segment_name(*later), byte: 0, expected, found: *later });
        }
    }
    Ok(())
}

/// What the whole lines of one segment say.
struct Scan {
    name: String,
    bytes: Vec<u8>,
    length: usize,
    next: u64,
    open: Vec<Reference>,
    is_headless: bool,
}

impl Scan {
    fn of<D: Disk>(disk: &D, first: u64) -> Result<Self, OpenError> {
        let name = segment_name(first);
        let bytes = disk.read(&name).map_err(|source| OpenError::Read { file: name.clone(), source })?;
        let mut scan = Self { name, bytes, length: 0, next: first, open: Vec::new(), is_headless: true };
        let mut order: Vec<Reference> = Vec::new();
        let mut open: HashSet<Reference> = HashSet::new();
        loop {
            let byte = scan.length as u64;
            match line::first(scan.bytes.get(scan.length..).unwrap_or_default()) {
                Next::Entry { entry, length } => {
                    if entry.sequence != scan.next {
                        return Err(OpenError::Gap { file: scan.name, byte, expected: scan.next, found: entry.sequence });
                    }
                    scan.length = scan.length.saturating_add(length);
                    scan.next = scan.next.saturating_add(1);
                    scan.is_headless &= matches!(entry.record, Record::StillOpen { .. });
                    match entry.record {
                        Record::Opened(opened) => {
                            order.push(opened.reference.clone());
                            open.insert(opened.reference);
                        }
                        Record::Closed(closed) => {
                            open.remove(&closed.reference);
                        }
                        Record::StillOpen { references } => {
                            order.extend(references.iter().cloned());
                            open.extend(references);
                        }
                        Record::Event(_) => {}
                    }
                }
                Next::Foreign => return Err(OpenError::NotUnderstood { file: scan.name, byte }),
                Next::Blank | Next::Incomplete | Next::Damaged => break,
            }
        }
        order.retain(|reference| open.remove(reference));
        scan.open = order;
        Ok(scan)
    }

    fn must_be_whole(&self) -> Result<(), OpenError> {
        if self.length == self.bytes.len() {
            return Ok(());
        }
        Err(OpenError::Damaged { file: self.name.clone(), byte: self.length as u64 })
    }

    /// A segment that was being written has zeros behind its records; where they are cut off, nothing can be torn, only damaged.
    fn ended_cleanly(&self) -> bool {
        self.bytes.last() == Some(&b'\n')
    }

    /// What stands after the whole lines, without the zeros at its end.
    fn rest(&self) -> &[u8] {
        let rest = self.bytes.get(self.length..).unwrap_or_default();
        let kept = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
        rest.get(..kept).unwrap_or_default()
    }
}

/// Keeps what will be cut in a file of its own, durably, before it is cut.
fn keep_torn<D: Disk>(disk: &D, last: &Scan, names: &[String]) -> Result<Option<Torn>, OpenError> {
    let rest = last.rest();
    if rest.is_empty() {
        return Ok(None);
    }
    let mut number: u64 = 1;
    let name = |number: u64| format!("{}.torn-{number}", last.name);
    while names.contains(&name(number)) {
        number = number.saturating_add(1);
    }
    let kept_in = name(number);
    let keep = || {
        let mut file = disk.create(&kept_in)?;
        file.write(0, rest)?;
        file.sync()?;
        disk.sync_directory()
    };
    keep().map_err(|source| OpenError::Keep { file: kept_in.clone(), source })?;
    Ok(Some(Torn { segment: last.name.clone(), byte: last.length as u64, bytes: rest.len() as u64, kept_in }))
}
