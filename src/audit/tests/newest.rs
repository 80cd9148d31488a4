//! `verify_newest` looks at the end of a log: what is changed there is found, whatever stands before it.

use std::fs;

use super::super::sealed::CHECKPOINT;
use super::super::{VerifyError, verify_newest};
use super::verifying::{Log, flipped};
use crate::tlog::Checkpoint;

impl Log {
    fn newest(&self, bundles: u64) -> Result<Checkpoint, VerifyError> {
        verify_newest(&self.sealed(), self.signer.verifier(), bundles)
    }

    fn newest_with(&self, path: &str, bytes: &[u8]) -> Result<Checkpoint, VerifyError> {
        let before = self.read(path);
        self.write(path, bytes);
        let found = self.newest(1);
        self.write(path, &before);
        found
    }
}

#[test]
fn the_end_of_a_log_of_any_size_is_right_as_it_was_sealed() {
    for size in [0, 1, 255, 256, 257, 512, 600, 1_024] {
        let log = Log::of(size);
        for bundles in [0, 1, 2, 9] {
            assert_eq!(log.newest(bundles).unwrap().size, size, "{bundles}");
        }
    }
}

#[test]
fn the_end_of_a_log_with_more_than_a_tile_of_tiles_is_right_too() {
    let log = Log::of(256 * 256 + 300);
    for bundles in [0, 1, 2, 300] {
        assert_eq!(log.newest(bundles).unwrap().size, 256 * 256 + 300, "{bundles}");
    }
    let tile = log.read("tile/2/000.p/1");
    assert!(log.newest_with("tile/2/000.p/1", &flipped(&tile, 9)).is_err());
}

#[test]
fn a_change_in_the_newest_records_or_in_any_hash_that_leads_to_the_head_is_found() {
    let log = Log::of(600);
    for (path, record) in [("tile/entries/002.p/88", 513), ("tile/entries/001", 257)] {
        let error = log.newest_with(path, &flipped(&log.read(path), 80)).unwrap_err();
        assert!(matches!(&error, VerifyError::Record { sequence, path: named } if *sequence == record && named == path), "{error}");
    }
    for path in ["tile/0/002.p/88", "tile/0/001", "tile/1/000.p/2", CHECKPOINT] {
        for bit in [3, 300, 500] {
            assert!(log.newest_with(path, &flipped(&log.read(path), bit)).is_err(), "{path} {bit}");
        }
        assert!(log.newest_with(path, b"").is_err(), "{path}");
    }
    assert!(log.newest_with("tile/entries/000", b"").is_ok(), "what stands before is not looked at");
    assert!(log.newest(1).is_ok());
}

#[test]
fn newest_records_that_are_missing_and_a_head_of_another_key_are_found() {
    let (mut log, other) = (Log::of(600), Log::of(600));
    assert!(matches!(verify_newest(&log.sealed(), other.signer.verifier(), 1).unwrap_err(), VerifyError::NotSigned));
    log.drop_by_rule(256);
    assert!(log.newest(9).is_ok(), "dropped by rule");
    fs::remove_file(log.directory.path().join("tile/entries/001")).unwrap();
    let error = log.newest(1).unwrap_err();
    assert!(matches!(&error, VerifyError::Missing { first: 257, last: 512, .. }), "{error}");
    fs::remove_file(log.directory.path().join(CHECKPOINT)).unwrap();
    assert!(matches!(log.newest(1).unwrap_err(), VerifyError::NoCheckpoint));
}
