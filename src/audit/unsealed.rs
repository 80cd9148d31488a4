//! What the journal has beyond the sealed log: records of the last half second, or of a gateway that was ended hard.
//!
//! Invariant: the journal goes on where the sealed log ends, with the same record in the place where both have one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::{self, first_sequence};
use super::line::{self, LONGEST_LINE, Raw};
use super::lines::{Lines, LinesError};
use super::sealed::{Sealed, SealedError};
use crate::tlog::Hash;

/// Records that no head was signed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsealed {
    pub records: u64,
    /// The last line is not all there: it is being written, or the machine stopped while it was.
    pub is_torn: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum UnsealedError {
    #[error(transparent)]
    Sealed(#[from] SealedError),
    #[error("cannot read {}: {source}; read the journal as the gateway's user", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the journal ends before record {0}, which is sealed: its end was cut off")]
    Short(u64),
    #[error(
        "the journal begins with record {begins}, and the checkpoint is of {size} records: what stands between them is missing. Put a newer \
         checkpoint with its tiles beside this journal, or leave the journal out of the copy"
    )]
    Apart { size: u64, begins: u64 },
    #[error("the journal's record {0} is not the one that was sealed: one of them was changed")]
    Differ(u64),
    #[error(
        "the journal has no record {sequence} where it must stand, at byte {byte} of {}: a line was changed, dropped, doubled or moved", path.display()
    )]
    Damaged { path: PathBuf, sequence: u64, byte: u64 },
}

/// Looks at the journal behind the `size` records that are sealed; `None`: there is no journal.
pub fn unsealed(sealed: &Sealed, size: u64) -> Result<Option<Unsealed>, UnsealedError> {
    let journal = sealed.directory().join("journal");
    let read = |source| UnsealedError::Read { path: journal.clone(), source };
    let begins = match disk::list(&journal) {
        Ok(names) => names.iter().filter_map(|name| first_sequence(name)).collect::<Vec<_>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(read(source)),
    };
    // While the log was read it may have grown so far that the journal has let go of what was the newest then.
    let oldest = begins.iter().copied().min();
    let size = match oldest {
        Some(oldest) if oldest > size => sealed.checkpoint()?.map_or(size, |newest| newest.size.max(size)),
        _ => size,
    };
    if let Some(begins) = oldest.filter(|oldest| *oldest > size.saturating_add(1)) {
        return Err(UnsealedError::Apart { size, begins });
    }
    // The last sealed record, where it is still in the journal, so that both are seen to be of one log.
    let from = if size > 0 && begins.iter().any(|first| *first <= size) { size } else { size.saturating_add(1) };
    if !begins.iter().any(|first| *first <= from) {
        return if size == 0 && begins.is_empty() { Ok(Some(Unsealed::default())) } else { Err(UnsealedError::Short(from)) };
    }
    let leaf = sealed.read(size.max(1), 1).ok().and_then(|mut leaves| leaves.pop()).map(|leaf| leaf.hash());
    let (mut records, mut differs): (u64, bool) = (0, false);
    let mut look = || -> Result<(), LinesError> {
        let mut lines = Lines::from(&journal, from)?;
        loop {
            lines.read(u64::MAX, |sequence, json| {
                if sequence > size {
                    records = records.saturating_add(1);
                } else {
                    differs |= leaf.is_some_and(|leaf| leaf != Hash::leaf(json));
                }
            })?;
        }
    };
    // It goes on until there is no more; the reason tells an end from damage.
    let ended = match look() {
        Err(LinesError::Read { path, source }) => return Err(UnsealedError::Read { path, source }),
        Err(LinesError::Missing { path, sequence, byte }) => end(&begins, &path, sequence, byte),
        Err(LinesError::Gone { begins, .. }) => return Err(UnsealedError::Apart { size, begins }),
        Ok(()) => Ok(false),
    };
    if differs {
        return Err(UnsealedError::Differ(size));
    }
    let is_torn = ended?;
    if size > 0 && records == 0 && from == size && is_short(&journal, size)? {
        return Err(UnsealedError::Short(size));
    }
    Ok(Some(Unsealed { records, is_torn }))
}

/// Whether the last line is torn; an error where what follows is no end.
fn end(begins: &[u64], path: &Path, sequence: u64, byte: u64) -> Result<bool, UnsealedError> {
    let damaged = || UnsealedError::Damaged { path: path.to_owned(), sequence, byte };
    if begins.iter().any(|first| *first > sequence) {
        return Err(damaged());
    }
    let mut rest = vec![0; LONGEST_LINE];
    let read = |source| UnsealedError::Read { path: path.to_owned(), source };
    let length = File::open(path).and_then(|file| file.read_at(&mut rest, byte)).map_err(read)?;
    match line::raw(rest.get(..length).unwrap_or_default()) {
        Raw::Blank => Ok(false),
        Raw::Incomplete => Ok(true),
        // It was written since; who looks again finds it.
        Raw::Line { json, .. } if line::sequence(json) == Some(sequence) => Ok(false),
        Raw::Line { .. } | Raw::Damaged => Err(damaged()),
    }
}

/// Whether the journal ends before the record that it should have.
fn is_short(journal: &Path, size: u64) -> Result<bool, UnsealedError> {
    let mut found = false;
    let looked = Lines::from(journal, size).and_then(|mut lines| lines.read(size, |_, _| found = true));
    match looked {
        Err(LinesError::Read { path, source }) => Err(UnsealedError::Read { path, source }),
        Err(LinesError::Missing { .. } | LinesError::Gone { .. }) | Ok(_) => Ok(!found),
    }
}
