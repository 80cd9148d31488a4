//! Follows the journal's lines as bytes, for what seals them: their checksums are looked at, their contents are not.
//!
//! Invariant: lines come in the order of their sequences, none is left out, and none past the one that was asked for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::{self, first_sequence, segment_name};
use super::line::{self, LONGEST_LINE, Raw};

const CHUNK: usize = 16 * LONGEST_LINE;

#[derive(Debug, thiserror::Error)]
pub(super) enum LinesError {
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} has no record {sequence} at byte {byte}", path.display())]
    Missing { path: PathBuf, sequence: u64, byte: u64 },
    #[error(
        "begins with record {begins}, and record {sequence} is wanted, which was removed once it was sealed: the sealed log is older than the \
         journal; restore both from one copy"
    )]
    Gone { sequence: u64, begins: u64 },
}

pub(super) struct Lines {
    directory: PathBuf,
    /// The sequence of the next line.
    next: u64,
    at: Option<Segment>,
    chunk: Vec<u8>,
}

struct Segment {
    file: File,
    path: PathBuf,
    byte: u64,
}

impl Lines {
    /// The journal's lines from the one with this sequence on.
    pub(super) fn from(directory: &Path, sequence: u64) -> Result<Self, LinesError> {
        let mut lines = Self { directory: directory.to_owned(), next: sequence, at: None, chunk: Vec::new() };
        let names = disk::list(directory).map_err(|source| LinesError::Read { path: directory.to_owned(), source })?;
        let begins = || names.iter().filter_map(|name| first_sequence(name));
        if let Some(oldest) = begins().min().filter(|oldest| *oldest > sequence) {
            return Err(LinesError::Gone { sequence, begins: oldest });
        }
        if let Some(first) = begins().filter(|first| *first <= sequence).max() {
            lines.next = first;
            lines.step()?;
            while lines.next < sequence {
                let last = sequence.saturating_sub(1);
                if lines.read(last, |_, _| ())? == 0 {
                    break;
                }
            }
        }
        lines.next = sequence;
        Ok(lines)
    }

    /// Hands out the lines up to the sequence `last`, as many as one look brings; says how many.
    pub(super) fn read(&mut self, last: u64, mut take: impl FnMut(u64, &[u8])) -> Result<u64, LinesError> {
        if self.next > last {
            return Ok(0);
        }
        if self.at.is_none() {
            self.step()?;
        }
        let mut taken = self.read_chunk(last, &mut take)?;
        if taken == 0 {
            // What is to come stands in the next segment.
            self.step()?;
            taken = self.read_chunk(last, &mut take)?;
        }
        if taken > 0 {
            return Ok(taken);
        }
        let (path, byte) = self.at.as_ref().map_or((self.directory.clone(), 0), |at| (at.path.clone(), at.byte));
        Err(LinesError::Missing { path, sequence: self.next, byte })
    }

    /// Opens the segment that begins with the next line.
    fn step(&mut self) -> Result<(), LinesError> {
        let path = self.directory.join(segment_name(self.next));
        match File::open(&path) {
            Ok(file) => self.at = Some(Segment { file, path, byte: 0 }),
            // Whoever finds nothing in the old one says what is missing.
            Err(source) if source.kind() == io::ErrorKind::NotFound && self.at.is_some() => {}
            Err(source) => return Err(LinesError::Read { path, source }),
        }
        Ok(())
    }

    fn read_chunk(&mut self, last: u64, take: &mut impl FnMut(u64, &[u8])) -> Result<u64, LinesError> {
        let Some(at) = &mut self.at else { return Ok(0) };
        self.chunk.resize(CHUNK, 0);
        let length = at.file.read_at(&mut self.chunk, at.byte).map_err(|source| LinesError::Read { path: at.path.clone(), source })?;
        let mut rest = self.chunk.get(..length).unwrap_or_default();
        let mut taken: u64 = 0;
        while self.next <= last
            && let Raw::Line { json, length } = line::raw(rest)
        {
            if line::sequence(json) != Some(self.next) {
                return Err(LinesError::Missing { path: at.path.clone(), sequence: self.next, byte: at.byte });
            }
            take(self.next, json);
            rest = rest.get(length..).unwrap_or_default();
            at.byte = at.byte.saturating_add(length as u64);
            self.next = self.next.saturating_add(1);
            taken = taken.saturating_add(1);
        }
        Ok(taken)
    }
}
