//! The oldest entries go, and only they.

use std::fs;
use std::path::Path;

use super::super::{Old, Older, Sealed, SealedError};
use super::verifying::{Log, flipped, put};
use crate::clock::Time;
use crate::model::{Action, Event};
use crate::tlog::{Checkpoint, Hash, SignedNote, Signer, Tile, WIDTH, entry_path};

const NOW: Time = Time::from_millis(1_800_000_000_000);

fn at(minutes: i64) -> Time {
    Time::from_millis(NOW.millis() + minutes * 60_000)
}

/// One record a minute.
fn log_of(records: u64) -> Log {
    let mut log = Log::of(0);
    for minute in 0..records {
        log.add(at(i64::try_from(minute).unwrap()), Event::done(Action::SignIn));
    }
    log.publish();
    log
}

fn sequences(log: &Sealed, from: u64, most: usize) -> Vec<u64> {
    log.read(from, most).unwrap().iter().map(|leaf| leaf.sequence).collect()
}

/// A log that says it has so many records, with these bundles; what is in them is not looked at.
fn bundles(size: u64, indices: impl IntoIterator<Item = u64>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::generate("gate.city.test/audit/x").unwrap();
    let text = Checkpoint { origin: signer.verifier().name().to_owned(), size, root: Hash::EMPTY }.text();
    let note = SignedNote { signatures: vec![signer.sign(&text)], text };
    put(&[("checkpoint".to_owned(), note.to_string().into_bytes())].into(), directory.path());
    for index in indices {
        put(&[(entry_path(&Tile::within(0, index, size).unwrap()), Vec::new())].into(), directory.path());
    }
    directory
}

#[test]
fn bundles_are_old_when_their_last_record_is_and_never_the_one_of_the_newest_record() {
    let log = log_of(1024);
    let old = |time, most| log.sealed().older_than(time, most).unwrap();
    assert_eq!(old(at(255), 10_000), None, "its last record is as old as that, not older");
    assert_eq!(old(at(256), 10_000), Some(Old { first: 1, last: 256 }));
    assert_eq!(old(at(767), 10_000), Some(Old { first: 1, last: 512 }));
    assert_eq!((old(at(767), 511), old(at(767), 512)), (Some(Old { first: 1, last: 256 }), Some(Old { first: 1, last: 512 })));
    assert_eq!(old(at(767), 255), None);
    assert_eq!(old(at(10_000), 10_000), Some(Old { first: 1, last: 768 }), "the newest record is in the fourth bundle, full as it is");
    assert_eq!(log_of(1025).sealed().older_than(at(10_000), 10_000).unwrap(), Some(Old { first: 1, last: 1024 }));
    assert_eq!(Log::of(0).sealed().older_than(at(10_000), 10_000).unwrap(), None);
}

#[test]
fn one_record_that_is_newer_keeps_its_bundle_and_what_follows() {
    let mut log = Log::of(0);
    for number in 0..800 {
        log.add(if number == 300 { at(5) } else { at(0) }, Event::done(Action::SignIn));
    }
    log.publish();
    assert_eq!(log.sealed().older_than(at(5), 10_000).unwrap(), Some(Old { first: 1, last: 256 }));
    assert_eq!(log.sealed().older_than(at(6), 10_000).unwrap(), Some(Old { first: 1, last: 768 }));
}

#[test]
fn a_record_of_a_clock_that_was_ahead_keeps_nothing_here_where_it_is_known_to_be_ahead() {
    let mut log = Log::of(0);
    for number in 0..800 {
        log.add(if number == 300 { at(5_000_000) } else { at(0) }, Event::done(Action::SignIn));
    }
    log.publish();
    let old = |not_after: i64| log.sealed().older_than(Older { than: at(6), not_after: Some(at(not_after)) }, 10_000).unwrap();
    assert_eq!(old(4_999_999), Some(Old { first: 1, last: 768 }));
    assert_eq!(old(5_000_000), Some(Old { first: 1, last: 256 }), "it is later by then, and may be right");
}

#[test]
fn what_was_dropped_is_read_no_more_and_reading_begins_at_the_oldest() {
    let mut log = log_of(1000);
    let sealed = log.sealed();
    assert_eq!((sealed.oldest().unwrap(), sequences(&sealed, 1, 2)), (1, vec![1, 2]));
    let old = log.drop_by_rule(512);
    assert_eq!((old.first, sealed.oldest().unwrap()), (1, 513));
    for from in [0, 1, 256, 257, 512, 513] {
        assert_eq!(sequences(&sealed, from, 2), [513, 514], "from {from}");
    }
    assert_eq!(sequences(&sealed, 1, usize::MAX).len(), 1001 - 512);
    assert!(!log.directory.path().join("tile/entries/000").exists() && log.directory.path().join("tile/0/000").exists());
    assert_eq!(sealed.older_than(at(600), 10_000).unwrap(), None);
    sealed.drop_entries(&old).unwrap();
    assert_eq!(sealed.oldest().unwrap(), 513, "a round that is done again does no harm");
    assert_eq!(sealed.older_than(at(10_000), 10_000).unwrap(), Some(Old { first: 513, last: 768 }));
}

#[test]
fn a_bundle_that_is_missing_in_the_middle_is_an_error_and_not_skipped() {
    let log = log_of(1000);
    fs::remove_file(log.directory.path().join("tile/entries/001")).unwrap();
    assert!(log.sealed().read(257, 10).is_err() && log.sealed().read(1, 300).is_err());
    assert_eq!((sequences(&log.sealed(), 1, 3), log.sealed().oldest().unwrap()), (vec![1, 2, 3], 1));
    log.sealed().drop_entries(&Old { first: 1, last: 256 }).unwrap();
    assert_eq!(log.sealed().oldest().unwrap(), 513);
}

#[test]
fn only_whole_bundles_at_the_beginning_are_dropped() {
    let log = log_of(1000);
    for (first, last) in [(257, 512), (1, 100), (1, 255), (1, 1000), (1, 1024), (1, 2560)] {
        let refused = log.sealed().drop_entries(&Old { first, last });
        assert!(matches!(refused, Err(SealedError::NotOldest { begins: 1, .. })), "{first}-{last}: {refused:?}");
    }
    let full = log_of(512);
    assert!(
        full.sealed().drop_entries(&Old { first: 1, last: 512 }).is_err(),
        "the newest record is compared with the journal at each start"
    );
    assert_eq!((log.sealed().oldest().unwrap(), full.sealed().oldest().unwrap()), (1, 1));
}

#[test]
fn the_oldest_is_found_however_many_are_gone() {
    for gone in [0, 1, 2, 3, 998, 1000, 1003] {
        let directory = bundles(1003 * WIDTH + 5, gone..1004);
        assert_eq!(Sealed::new(directory.path()).oldest().unwrap(), gone * WIDTH + 1, "{gone}");
    }
    let none = bundles(1003 * WIDTH + 5, []);
    assert_eq!(Sealed::new(none.path()).oldest().unwrap(), 1003 * WIDTH + 6);
    assert_eq!(Sealed::new(bundles(512, []).path()).oldest().unwrap(), 513);
    assert_eq!(Log::of(0).sealed().oldest().unwrap(), 1);
}

#[test]
fn directories_that_became_empty_go_too_and_so_does_what_was_left_beside_a_full_bundle() {
    let size = 2003 * WIDTH + 1;
    let directory = bundles(size, (990..1010).chain(1990..2004));
    let (at, sealed) = (|path: &str| directory.path().join("tile/entries").join(path), Sealed::new(directory.path()));
    put(&[("tile/entries/995.p/17".to_owned(), b"personal".to_vec())].into(), directory.path());
    sealed.drop_entries(&Old { first: 1, last: 1000 * WIDTH }).unwrap();
    assert!(!at("999").exists() && !at("995.p").exists() && at("x001/000").exists());
    // What was never there stands for what a round before this one removed.
    (1010..1990).for_each(|index| put(&[(entry_path(&Tile::within(0, index, size).unwrap()), Vec::new())].into(), directory.path()));
    sealed.drop_entries(&Old { first: 1000 * WIDTH + 1, last: 2001 * WIDTH }).unwrap();
    assert!(!at("x001").exists() && !at("x002/000").exists() && at("x002/001").exists() && at("").exists());
    assert_eq!(sealed.oldest().unwrap(), 2001 * WIDTH + 1);
}

#[test]
fn a_directory_that_holds_newer_bundles_below_stays() {
    // The bundles 1000 to 1999 and those from 1 000 000 on share one directory.
    let directory = bundles(1_000_001 * WIDTH, []);
    for index in (1998..2002).chain([1_000_000]) {
        put(&[(format!("tile/entries/{}", path_of(index)), Vec::new())].into(), directory.path());
    }
    let sealed = Sealed::new(directory.path());
    assert_eq!(sealed.oldest().unwrap(), 1998 * WIDTH + 1);
    for index in 1998..2002 {
        sealed.drop_bundle(&Tile { level: 0, index, width: WIDTH }, index == 2001).unwrap();
    }
    assert!(!directory.path().join("tile/entries/x002").exists());
    assert!(directory.path().join("tile/entries/x001/x000/000").exists());
    assert_eq!(sealed.oldest().unwrap(), 1_000_000 * WIDTH + 1);
}

fn path_of(index: u64) -> String {
    entry_path(&Tile { level: 0, index, width: WIDTH }).strip_prefix("tile/entries/").unwrap().to_owned()
}

#[test]
fn what_cannot_be_removed_is_named_and_nothing_behind_it_is_removed() {
    let log = log_of(1000);
    let stuck = log.directory.path().join("tile/entries/001");
    let bytes = fs::read(&stuck).unwrap();
    fs::remove_file(&stuck).unwrap();
    fs::create_dir(&stuck).unwrap();
    let refused = log.sealed().drop_entries(&Old { first: 1, last: 768 }).unwrap_err();
    assert!(
        matches!(&refused, SealedError::Remove { path, .. } if *path == stuck) && refused.to_string().contains("tile/entries/001"),
        "{refused}"
    );
    assert!(log.directory.path().join("tile/entries/002").exists());
    fs::remove_dir(&stuck).unwrap();
    fs::write(&stuck, bytes).unwrap();
    assert_eq!(log.sealed().oldest().unwrap(), 257);
    log.sealed().drop_entries(&Old { first: 1, last: 768 }).unwrap();
    assert_eq!(log.sealed().oldest().unwrap(), 769);
}

#[test]
fn the_files_of_old_records_give_the_whole_log_back() {
    let log = log_of(1000);
    let (sealed, before) = (log.sealed(), log.files());
    let old = Old { first: 1, last: 768 };
    let files: Vec<_> = sealed.files(&old).collect::<Result<_, _>>().unwrap();
    let names: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let bundles = ["tile/entries/000", "tile/0/000", "tile/entries/001", "tile/0/001", "tile/entries/002", "tile/0/002"];
    assert_eq!(names, [&bundles[..], &["checkpoint"]].concat());
    sealed.drop_entries(&old).unwrap();
    assert_ne!(log.files(), before);
    put(&files.into_iter().collect(), log.directory.path());
    assert_eq!(log.files(), before);
    assert_eq!(sealed.oldest().unwrap(), 1);
}

#[test]
fn the_hashes_above_go_along_once_they_are_full() {
    let log = Log::of(256 * 256 + 300);
    let paths = |first, last| -> Vec<String> {
        log.sealed().files(&Old { first, last }).map(|file| file.unwrap().0).filter(|path| path.starts_with("tile/1")).collect()
    };
    assert_eq!(paths(1, 1024), ["tile/1/000"]);
    assert_eq!(paths(513, 256 * 256), ["tile/1/000"]);
    assert_eq!(paths(256 * 256 + 1, 256 * 257), [""; 0], "the second is not full");
    let above = log.read("tile/1/000");
    log.write("tile/1/000", &flipped(&above, 8 * 32));
    let files: Vec<_> = log.sealed().files(&Old { first: 1, last: 1024 }).collect();
    assert!(files.iter().any(Result::is_err));
}

#[test]
fn no_bundle_is_handed_out_that_is_not_what_was_sealed() {
    let log = log_of(1000);
    let failing = |path: &str, bytes: &[u8]| -> Vec<String> {
        let before = log.read(path);
        log.write(path, bytes);
        let sealed = log.sealed();
        let files = sealed.files(&Old { first: 1, last: 768 });
        let errors = files.filter_map(Result::err).map(|error| error.to_string()).collect();
        log.write(path, &before);
        errors
    };
    assert_eq!(failing("tile/entries/001", &log.read("tile/entries/001")), [""; 0]);
    let other = log_of(1000);
    for path in ["tile/entries/001", "tile/0/001"] {
        let bytes = log.read(path);
        for damaged in [flipped(&bytes, 77 * 8), bytes[..bytes.len() - 1].to_vec(), Vec::new(), log.read(&path.replace('1', "2"))] {
            let errors = failing(path, &damaged);
            assert!(!errors.is_empty() && errors.iter().any(|error| error.contains("/001")), "{path}: {errors:?}");
        }
    }
    // A record that was changed together with its hash.
    let mut rewritten = Log::signed_by(other.signer, 1000, "li");
    rewritten.publish();
    for path in ["tile/entries/001", "tile/0/001"] {
        log.write(path, &rewritten.read(path));
    }
    let errors: Vec<_> = log.sealed().files(&Old { first: 257, last: 512 }).filter_map(Result::err).collect();
    assert!(matches!(&errors[..], [SealedError::Bundle { path, .. }] if path.ends_with(Path::new("tile/0/001"))), "{errors:?}");
}
