//! Removes the journal's segments that are no longer needed: their records are sealed, and who wants them reads the entries.
//!
//! Invariant: the last sealed record, all that is not sealed, and the last segments whatever is in them stay; only a prefix ever goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{self, first_sequence, segment_name};

/// So many segments stay: a start reads the last two, and whoever looks at the journal by hand finds some of the past.
pub(super) const STAYING: usize = 4;

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be removed, though all in it is sealed: {source}", path.display())]
pub(super) struct NotRemoved {
    path: PathBuf,
    source: io::Error,
}

/// Of the journal's records, `sealed` are under a head that is durable.
pub(super) fn remove_sealed(journal: &Path, sealed: u64) -> Result<(), NotRemoved> {
    let names = disk::list(journal).map_err(|source| NotRemoved { path: journal.to_owned(), source })?;
    let mut begins: Vec<u64> = names.iter().filter_map(|name| first_sequence(name)).collect();
    begins.sort_unstable();
    // The last sealed record itself stays: each start compares it with the entries.
    let spent = begins.windows(2).take(begins.len().saturating_sub(STAYING)).filter(|pair| pair.last().is_some_and(|next| *next <= sealed));
    for first in spent.filter_map(|pair| pair.first()) {
        let path = journal.join(segment_name(*first));
        // Each is known to be gone before the next one goes, so that a crash leaves no gap.
        fs::remove_file(&path).and_then(|()| File::open(journal)?.sync_all()).map_err(|source| NotRemoved { path, source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(begins: &[u64], sealed: u64) -> Vec<u64> {
        let journal = tempfile::tempdir().unwrap();
        for first in begins {
            fs::write(journal.path().join(segment_name(*first)), "").unwrap();
        }
        let torn = format!("{}.torn-1", segment_name(1));
        fs::write(journal.path().join(&torn), "").unwrap();
        remove_sealed(journal.path(), sealed).unwrap();
        let names = disk::list(journal.path()).unwrap();
        assert!(names.contains(&torn), "what was torn is kept as evidence");
        let mut left: Vec<u64> = names.iter().filter_map(|name| first_sequence(name)).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn segments_go_when_all_in_them_is_sealed_but_the_last_four_stay() {
        let six = [1, 101, 201, 301, 401, 501];
        assert_eq!(left(&six, 1000), [201, 301, 401, 501]);
        assert_eq!(left(&six, 201), [201, 301, 401, 501], "the last sealed record begins the third");
        assert_eq!(left(&six, 200), [101, 201, 301, 401, 501], "it ends the second, which therefore stays");
        assert_eq!(left(&six, 100), six);
        assert_eq!(left(&six, 0), six);
        assert_eq!(left(&six[..4], 1000), six[..4]);
        assert_eq!(left(&[], 1000), [0; 0]);
    }

    #[test]
    fn what_cannot_be_removed_is_named_and_nothing_behind_it_goes() {
        let journal = tempfile::tempdir().unwrap();
        for first in [1, 101, 201, 301, 401, 501] {
            fs::write(journal.path().join(segment_name(first)), "").unwrap();
        }
        let stuck = journal.path().join(segment_name(1));
        fs::remove_file(&stuck).unwrap();
        fs::create_dir(&stuck).unwrap();
        let failed = remove_sealed(journal.path(), 1000).unwrap_err().to_string();
        assert!(failed.contains("00000000000000000001.log"), "{failed}");
        assert!(journal.path().join(segment_name(101)).exists());
    }
}
