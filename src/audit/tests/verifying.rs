//! `verify` over logs in which something was changed: it finds it, and names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::super::sealed::{CHECKPOINT, Sealed};
use super::super::{Against, Dropped, Old, Verified, VerifyError, seal, shelf, verify};
use crate::clock::Time;
use crate::model::{Action, Entry, Event, Record};
use crate::tlog::{Hash, SignedNote, Signer, bundle, unbundle};

/// A log that was made by what seals, without a journal.
pub(super) struct Log {
    pub(super) directory: tempfile::TempDir,
    pub(super) signer: Signer,
    seal: seal::Seal,
    shelf: shelf::RealShelf,
}

pub(super) fn entry(sequence: u64, detail: &str) -> Vec<u8> {
    entry_at(sequence, Time::from_millis(0), Event::done(Action::SignIn).with("name", detail))
}

pub(super) fn entry_at(sequence: u64, time: Time, event: Event) -> Vec<u8> {
    serde_json::to_vec(&Entry::stamp(sequence, time, [7; 16], Record::Event(event))).unwrap()
}

impl Log {
    pub(super) fn of(size: u64) -> Self {
        Self::signed_by(Signer::generate("gate.city.test/audit/x").unwrap(), size, "wang")
    }

    pub(super) fn signed_by(signer: Signer, size: u64, detail: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let shelf = shelf::RealShelf::open(directory.path()).unwrap();
        let mut log = Self { directory, signer, seal: seal::Seal::default(), shelf };
        log.publish();
        log.grow(size, detail);
        log
    }

    pub(super) fn grow(&mut self, records: u64, detail: &str) {
        for _ in 0..records {
            self.seal.push(&mut self.shelf, &entry(self.seal.size() + 1, detail)).unwrap();
        }
        self.publish();
    }

    /// Seals one more record.
    pub(super) fn add(&mut self, time: Time, event: Event) {
        self.seal.push(&mut self.shelf, &entry_at(self.seal.size() + 1, time, event)).unwrap();
    }

    pub(super) fn publish(&mut self) {
        self.seal.publish(&mut self.shelf, &self.signer).unwrap();
    }

    pub(super) fn sealed(&self) -> Sealed {
        Sealed::new(self.directory.path())
    }

    pub(super) fn note(&self) -> SignedNote {
        self.sealed().signed_checkpoint().unwrap().unwrap()
    }

    fn verify(&self) -> Result<Verified, VerifyError> {
        self.verify_since(None)
    }

    fn verify_since(&self, since: Option<&SignedNote>) -> Result<Verified, VerifyError> {
        verify(&self.sealed(), Against { key: Some(self.signer.verifier()), since }, |_, _| ())
    }

    pub(super) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(path)).unwrap()
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        fs::write(self.directory.path().join(path), bytes).unwrap();
    }

    /// What verify says of the log with these bytes in this file; it is put right again.
    fn with(&self, path: &str, bytes: &[u8]) -> Result<Verified, VerifyError> {
        let before = self.read(path);
        self.write(path, bytes);
        let found = self.verify();
        self.write(path, &before);
        found
    }

    /// Every file, by its path.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut directories = vec![self.directory.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for found in fs::read_dir(directory).unwrap() {
                let path = found.unwrap().path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    let name = path.strip_prefix(self.directory.path()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

pub(super) fn put(from: &BTreeMap<String, Vec<u8>>, to: &Path) {
    for (path, bytes) in from {
        fs::create_dir_all(to.join(path).parent().unwrap()).unwrap();
        fs::write(to.join(path), bytes).unwrap();
    }
}

pub(super) fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}

/// The sequence of the record in which a byte of a bundle stands.
fn record_at(first: u64, bundle: &[u8], byte: usize) -> u64 {
    let mut end = 0;
    for (sequence, entry) in (first..).zip(unbundle(bundle).unwrap()) {
        end += 2 + entry.len();
        if byte < end {
            return sequence;
        }
    }
    panic!("past the end");
}

fn bundled(entries: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    entries.iter().for_each(|entry| bundle(&mut out, entry).unwrap());
    out
}

/// Whether the error is of this record and this file of entries.
fn names(error: &VerifyError, record: u64, file: &str) -> bool {
    matches!(error, VerifyError::Record { sequence, path } | VerifyError::Cut { sequence, path } if *sequence == record && path == file)
}

#[test]
fn a_log_of_any_size_is_right_as_it_was_sealed_and_progress_reaches_its_end() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 600] {
        let log = Log::of(size);
        let mut last = 0;
        let found = verify(&log.sealed(), Against { key: Some(log.signer.verifier()), since: None }, |done, all| {
            assert!(done > last && all == size);
            last = done;
        })
        .unwrap();
        assert_eq!((found.checkpoint.size, found.gone, found.unsealed, last), (size, 0, None, size));
    }
}

#[test]
fn every_bit_of_a_small_log_counts() {
    let log = Log::of(3);
    for (path, bytes) in log.files() {
        for bit in 0..bytes.len() * 8 {
            let error = log.with(&path, &flipped(&bytes, bit)).expect_err(&format!("{path} bit {bit}"));
            match path.as_str() {
                "tile/entries/000.p/3" => assert!(names(&error, record_at(1, &bytes, bit / 8), &path), "{path} {bit}: {error}"),
                "tile/0/000.p/3" => {
                    assert!(
                        matches!(&error, VerifyError::Leaf { sequence, path: named } if *sequence == bit as u64 / 256 + 1 && *named == path),
                        "{error}"
                    );
                }
                _ => assert_eq!(path, CHECKPOINT),
            }
        }
    }
    assert!(log.verify().is_ok());
}

#[test]
fn a_dropped_a_doubled_and_a_swapped_record_are_named() {
    let log = Log::of(300);
    for (path, first) in [("tile/entries/000", 1), ("tile/entries/001.p/44", 257)] {
        let bytes = log.read(path);
        let entries = unbundle(&bytes).unwrap();
        let last = entries.len() - 1;
        for place in [0, 1, 17, last - 1, last] {
            let sequence = first + place as u64;
            let mut dropped = entries.clone();
            dropped.remove(place);
            assert!(names(&log.with(path, &bundled(&dropped)).unwrap_err(), sequence, path), "dropped {sequence}");
            let mut doubled = entries.clone();
            doubled.insert(place, entries[place]);
            let error = log.with(path, &bundled(&doubled)).unwrap_err();
            let is_longer = place == last && matches!(&error, VerifyError::Longer { last, .. } if *last == sequence);
            assert!(names(&error, sequence + 1, path) || is_longer, "doubled {sequence}: {error}");
            let mut swapped = entries.clone();
            swapped.swap(place, (place + 5) % entries.len());
            let named = first + place.min((place + 5) % entries.len()) as u64;
            assert!(names(&log.with(path, &bundled(&swapped)).unwrap_err(), named, path), "swapped {sequence}");
        }
        assert!(names(&log.with(path, &bytes[..bytes.len() - 1]).unwrap_err(), first + last as u64, path));
        assert!(names(&log.with(path, &[]).unwrap_err(), first, path));
    }
    // Hashes that were dropped, doubled or swapped.
    for path in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let bytes = log.read(path);
        assert!(matches!(log.with(path, &bytes[32..]).unwrap_err(), VerifyError::Length { path: named } if named == path));
        let doubled = [&bytes[..32], &bytes].concat();
        assert!(matches!(log.with(path, &doubled).unwrap_err(), VerifyError::Length { path: named } if named == path));
    }
    let mut bytes = log.read("tile/0/000");
    bytes.rotate_left(32);
    assert!(matches!(log.with("tile/0/000", &bytes).unwrap_err(), VerifyError::Leaf { sequence: 1, .. }));
}

#[test]
fn a_record_that_was_changed_with_its_hashes_is_found_at_the_level_that_was_forgotten() {
    let log = Log::of(600);
    let before = log.files();
    let restore = || put(&before, log.directory.path());
    let mut entries = unbundle(&before["tile/entries/001"]).unwrap();
    let forged = entry(300, "zhao");
    entries[300 - 257] = &forged;
    log.write("tile/entries/001", &bundled(&entries));
    assert!(names(&log.verify().unwrap_err(), 300, "tile/entries/001"));
    let hashes: Vec<u8> = entries.iter().flat_map(|entry| Hash::leaf(entry).0).collect();
    log.write("tile/0/001", &hashes);
    let error = log.verify().unwrap_err();
    assert!(matches!(&error, VerifyError::Tile { path, first: 257, last: 512 } if path == "tile/1/000.p/2"), "{error}");
    let mut above = before["tile/1/000.p/2"].clone();
    let done = crate::tlog::FullTile { tile: crate::tlog::Tile { level: 0, index: 1, width: 256 }, bytes: hashes };
    above[32..].copy_from_slice(&done.hash().0);
    log.write("tile/1/000.p/2", &above);
    assert!(matches!(log.verify().unwrap_err(), VerifyError::Root));
    restore();
    assert!(log.verify().is_ok());
    // In the last tile there is no level above; the root tells.
    let mut entries = unbundle(&before["tile/entries/002.p/88"]).unwrap();
    let forged = entry(513, "zhao");
    entries[0] = &forged;
    log.write("tile/entries/002.p/88", &bundled(&entries));
    log.write("tile/0/002.p/88", &entries.iter().flat_map(|entry| Hash::leaf(entry).0).collect::<Vec<_>>());
    assert!(matches!(log.verify().unwrap_err(), VerifyError::Root));
}

#[test]
fn a_file_that_is_missing_is_named_and_one_that_the_checkpoint_does_not_name_is_nothing() {
    let log = Log::of(600);
    fs::create_dir_all(log.directory.path().join("tile/0/000.p")).unwrap();
    log.write("tile/0/000.p/7", b"old");
    log.write("tile/0/003", b"written, but not signed for");
    assert!(log.verify().is_ok());
    for path in ["tile/0/000", "tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"] {
        let bytes = log.read(path);
        fs::remove_file(log.directory.path().join(path)).unwrap();
        let error = log.verify().unwrap_err();
        assert!(matches!(&error, VerifyError::Missing { path: named, .. } if named == path), "{path}: {error}");
        log.write(path, &bytes);
    }
    fs::remove_file(log.directory.path().join(CHECKPOINT)).unwrap();
    assert!(matches!(log.verify().unwrap_err(), VerifyError::NoCheckpoint));
}

#[test]
fn old_entries_that_are_gone_are_counted_and_the_rest_is_checked_from_the_tiles_above() {
    let mut log = Log::of(999);
    log.add(Time::from_millis(0), Dropped::default().event(&Old { first: 1, last: 512 }));
    log.publish();
    let (early, later) = (Log::signed_by(Signer::parse(&log.signer.reveal()).unwrap(), 300, "wang"), log.note());
    let remove = |path: &str| fs::remove_file(log.directory.path().join(path)).unwrap();
    remove("tile/entries/000");
    assert_eq!(log.verify().unwrap().gone, 256);
    remove("tile/0/000");
    remove("tile/entries/001");
    assert_eq!(log.verify_since(Some(&early.note())).unwrap().gone, 512, "its hashes are still there to compare with");
    remove("tile/0/001");
    assert_eq!(log.verify_since(Some(&later)).unwrap().gone, 512);
    assert!(matches!(log.verify_since(Some(&early.note())).unwrap_err(), VerifyError::NotComparable { remembered: 300 }));
    let tile = log.read("tile/1/000.p/3");
    assert!(matches!(log.with("tile/1/000.p/3", &flipped(&tile, 9)).unwrap_err(), VerifyError::Root));
    let entries = log.read("tile/entries/002");
    assert!(names(&log.with("tile/entries/002", &flipped(&entries, 80)).unwrap_err(), 513, "tile/entries/002"));
}

#[test]
fn a_log_of_another_key_or_another_name_is_refused() {
    let (log, other) = (Log::of(3), Log::of(3));
    let against = |signer: &Signer| verify(&log.sealed(), Against { key: Some(signer.verifier()), since: None }, |_, _| ());
    assert!(matches!(against(&other.signer).unwrap_err(), VerifyError::NotSigned));
    let renamed = log.note().text.replace("audit/x", "audit/y");
    let note = SignedNote { signatures: vec![log.signer.sign(&renamed)], text: renamed };
    log.write(CHECKPOINT, note.to_string().as_bytes());
    assert!(matches!(log.verify().unwrap_err(), VerifyError::OtherLog { .. }));
    assert!(verify(&log.sealed(), Against::default(), |_, _| ()).is_ok(), "without a key nobody can tell");
}

#[test]
fn what_is_sealed_rightly_and_is_no_record_is_said_to_be_none() {
    let mut log = Log::of(1);
    log.seal.push(&mut log.shelf, b"{\"sequence\":2,\"kind\":\"from-the-future\"}").unwrap();
    log.publish();
    assert!(matches!(log.verify().unwrap_err(), VerifyError::NotRecord { sequence: 2, .. }));
    let mut log = Log::of(1);
    log.seal.push(&mut log.shelf, &entry(7, "wang")).unwrap();
    log.publish();
    assert!(matches!(log.verify().unwrap_err(), VerifyError::Sequence { sequence: 2, found: 7, .. }));
}

#[test]
fn an_older_state_that_was_put_back_and_a_rewritten_past_are_told_apart() {
    for (old, new) in [(0, 5), (5, 5), (5, 6), (255, 256), (256, 257), (300, 700)] {
        let mut log = Log::of(old);
        let (then, remembered) = (log.files(), log.note());
        log.grow(new - old, "wang");
        let newest = log.note();
        assert!(log.verify_since(Some(&remembered)).is_ok() && log.verify_since(Some(&newest)).is_ok(), "{old} {new}");
        // Rightly signed, and whole; only who remembers more can tell.
        fs::remove_dir_all(log.directory.path().join("tile")).ok();
        put(&then, log.directory.path());
        assert!(log.verify().is_ok());
        let error = log.verify_since(Some(&newest));
        assert!(
            old == new || matches!(error.unwrap_err(), VerifyError::RolledBack { size, remembered } if (size, remembered) == (old, new))
        );

        let signer = Signer::parse(&log.signer.reveal()).unwrap();
        let fork = Log::signed_by(signer, new, "zhao");
        assert!(fork.verify().is_ok());
        let error = fork.verify_since(Some(&remembered));
        assert!(old == 0 || matches!(error.unwrap_err(), VerifyError::Forked { remembered } if remembered == old), "{old} {new}");
    }
    let (log, other) = (Log::of(3), Log::of(3));
    assert!(matches!(log.verify_since(Some(&other.note())).unwrap_err(), VerifyError::RememberedNotSigned));
}

#[test]
fn any_bit_of_a_larger_log_counts() {
    let log = Log::of(700);
    let files: Vec<(String, Vec<u8>)> = log.files().into_iter().collect();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(300));
    let any_bit = (any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let tried = runner.run(&any_bit, |(file, bit)| {
        let (path, bytes) = file.get(&files);
        let bit = bit.index(bytes.len() * 8);
        let error = log.with(path, &flipped(bytes, bit)).expect_err(path);
        if let Some(first) =
            [("tile/entries/000", 1), ("tile/entries/001", 257), ("tile/entries/002.p/188", 513)].iter().find(|(name, _)| name == path)
        {
            prop_assert!(names(&error, record_at(first.1, bytes, bit / 8), path), "{path} {bit}: {error}");
        } else if path != CHECKPOINT {
            prop_assert!(error.to_string().contains(path.as_str()), "{path} {bit}: {error}");
        }
        Ok(())
    });
    tried.unwrap();
    assert!(log.verify().is_ok());
}
