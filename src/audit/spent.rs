//! Removes the journal's segments that are no longer needed: their records are sealed, and who wants them reads the entries. And what the log
//! has dropped by rule, which must not be read here either.
//!
//! Invariant: the last sealed record, all that is not sealed, and the last two segments whatever is in them stay; only a prefix of the segments
//! ever goes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::disk::{self, first_sequence, segment_name};

/// So many segments stay, and whoever looks at the journal by hand finds some of the past, unless it was dropped.
pub(super) const STAYING: usize = 4;
/// So many stay always: a start reads them.
const READ_AT_START: usize = 2;

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be removed, though all in it is sealed or dropped: {source}", path.display())]
pub(super) struct NotRemoved {
    path: PathBuf,
    source: io::Error,
}

/// Of the journal's records, `sealed` are under a head that is durable, and the first `dropped` were dropped by rule.
pub(super) fn remove_sealed(journal: &Path, sealed: u64, dropped: u64) -> Result<(), NotRemoved> {
    let begins = begins(journal)?;
    let (wanted, needed) = (begins.len().saturating_sub(STAYING), begins.len().saturating_sub(READ_AT_START));
    for (place, pair) in begins.windows(2).enumerate() {
        let [first, next] = pair else { continue };
        let is_dropped = *next <= dropped.saturating_add(1) && place < needed;
        // The last sealed record itself stays: each start compares it with the entries.
        if *next > sealed || place >= wanted && !is_dropped {
            break;
        }
        // Each is known to be gone before the next one goes, so that a crash leaves no gap.
        remove(journal, &segment_name(*first))?;
    }
    Ok(())
}

/// Removes what was torn off a segment that began with what was dropped by rule and is gone, if it is older than the `oldest` record that is here.
pub(super) fn remove_torn(journal: &Path, dropped: u64, oldest: SystemTime) -> Result<(), NotRemoved> {
    // One whose segment is still here may hold what was written today, whatever its date says.
    let here = begins(journal)?;
    let of = |name: &str| first_sequence(name.split_once(".torn-")?.0).filter(|first| !here.contains(first));
    for name in names(journal)?.iter().filter(|name| of(name).is_some_and(|first| first <= dropped)) {
        let path = journal.join(name);
        let written = fs::metadata(&path).and_then(|found| found.modified()).map_err(|source| NotRemoved { path, source })?;
        if written < oldest {
            remove(journal, name)?;
        }
    }
    Ok(())
}

/// The record with which the newest segment begins.
pub(super) fn newest(journal: &Path) -> Option<u64> {
    begins(journal).ok()?.pop()
}

fn remove(journal: &Path, name: &str) -> Result<(), NotRemoved> {
    let path = journal.join(name);
    fs::remove_file(&path).and_then(|()| File::open(journal)?.sync_all()).map_err(|source| NotRemoved { path, source })
}

fn begins(journal: &Path) -> Result<Vec<u64>, NotRemoved> {
    let mut begins: Vec<u64> = names(journal)?.iter().filter_map(|name| first_sequence(name)).collect();
    begins.sort_unstable();
    Ok(begins)
}

fn names(journal: &Path) -> Result<Vec<String>, NotRemoved> {
    disk::list(journal).map_err(|source| NotRemoved { path: journal.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(begins: &[u64], sealed: u64) -> Vec<u64> {
        left_after(begins, sealed, 0)
    }

    fn left_after(begins: &[u64], sealed: u64, dropped: u64) -> Vec<u64> {
        let journal = tempfile::tempdir().unwrap();
        for first in begins {
            fs::write(journal.path().join(segment_name(*first)), "").unwrap();
        }
        let torn = format!("{}.torn-1", segment_name(1));
        fs::write(journal.path().join(&torn), "").unwrap();
        remove_sealed(journal.path(), sealed, dropped).unwrap();
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
    fn segments_of_dropped_records_go_too_but_the_last_two_stay() {
        let four = [1, 101, 201, 301];
        assert_eq!(left_after(&four, 1000, 99), four);
        assert_eq!(left_after(&four, 1000, 100), [101, 201, 301]);
        assert_eq!(left_after(&four, 1000, 199), [101, 201, 301]);
        assert_eq!(left_after(&four, 1000, 1000), [201, 301]);
        assert_eq!(left_after(&four, 150, 1000), [101, 201, 301], "it holds the last sealed record");
        assert_eq!(left_after(&[1, 101], 1000, 1000), [1, 101]);
        assert_eq!(left_after(&[1, 101, 201, 301, 401, 501], 1000, 250), [201, 301, 401, 501]);
    }

    #[test]
    fn what_was_torn_goes_when_it_is_older_than_all_that_is_kept_and_not_before() {
        let journal = tempfile::tempdir().unwrap();
        let at = |seconds| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let torn = |first: u64, number: u32, written: u64| {
            let name = format!("{}.torn-{number}", segment_name(first));
            File::create(journal.path().join(&name)).unwrap().set_modified(at(written)).unwrap();
            name
        };
        fs::write(journal.path().join(segment_name(201)), "").unwrap();
        let mut stay = vec![torn(301, 1, 10), torn(1, 2, 1_000), torn(1, 3, 2_000), torn(201, 1, 10), segment_name(201)];
        torn(1, 1, 999);
        torn(101, 1, 10);
        remove_torn(journal.path(), 300, at(1_000)).unwrap();
        let mut left = disk::list(journal.path()).unwrap();
        left.sort();
        stay.sort();
        assert_eq!(left, stay);
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
        let failed = remove_sealed(journal.path(), 1000, 0).unwrap_err().to_string();
        assert!(failed.contains("00000000000000000001.log"), "{failed}");
        assert!(journal.path().join(segment_name(101)).exists());
    }
}
