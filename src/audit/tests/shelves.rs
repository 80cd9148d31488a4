//! The sealed log on a directory that fails, and that loses what was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use rustix::io::Errno;

use super::super::fake::Dice;
use super::super::rotation::Keys;
use super::super::seal::{Seal, SealFailure};
use super::super::shelf::{PublishError, Shelf};
use crate::tlog::{Checkpoint, Frontier, Hash, SignedNote, Signer, unbundle};

#[derive(Clone, Default)]
struct FakeShelf(Arc<Mutex<Files>>);

#[derive(Default)]
struct Files {
    seen: BTreeMap<String, Vec<u8>>,
    durable: BTreeMap<String, Vec<u8>>,
    unsynced: BTreeSet<String>,
    /// Renamed, but the name is not durable yet.
    renamed: BTreeSet<String>,
    performed: u64,
    /// The operation that fails, and how.
    failing: Option<(u64, Errno)>,
}

impl FakeShelf {
    fn failing(number: u64, errno: Errno) -> Self {
        let shelf = Self::default();
        shelf.files().failing = Some((number, errno));
        shelf
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap()
    }

    /// The power went and came back: what was not synced is lost, there, or cut off, as the dice say.
    fn reboot(&self, dice: &mut Dice) {
        let mut files = self.files();
        for path in std::mem::take(&mut files.unsynced) {
            let Some(bytes) = files.seen.get(&path).cloned() else { continue };
            match dice.below(3) {
                0 => {}
                1 => drop(files.durable.insert(path, bytes[..dice.below(bytes.len() as u64 + 1) as usize].to_vec())),
                _ => drop(files.durable.insert(path, bytes)),
            }
        }
        for path in std::mem::take(&mut files.renamed) {
            if let Some(bytes) = files.seen.get(&path).cloned().filter(|_| dice.below(2) == 0) {
                files.durable.insert(path, bytes);
            }
        }
        files.seen = files.durable.clone();
        files.failing = None;
    }
}

impl Files {
    fn perform(&mut self) -> io::Result<()> {
        self.performed += 1;
        match self.failing {
            Some((number, errno)) if number == self.performed => Err(errno.into()),
            _ => Ok(()),
        }
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.perform()?;
        let renamed = std::mem::take(&mut self.renamed);
        for path in std::mem::take(&mut self.unsynced).into_iter().chain(renamed) {
            let bytes = self.seen[&path].clone();
            self.durable.insert(path, bytes);
        }
        Ok(())
    }
}

impl Shelf for FakeShelf {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files().seen.get(path).cloned().ok_or_else(|| Errno::NOENT.into())
    }

    fn exists(&self, path: &str) -> bool {
        self.files().seen.keys().any(|known| known.starts_with(path))
    }

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.files();
        let done = files.perform();
        // Some of it may be there although it failed.
        let there = if done.is_ok() { bytes.len() } else { bytes.len() / 2 };
        files.seen.insert(path.to_owned(), bytes[..there].to_vec());
        files.unsynced.insert(path.to_owned());
        done
    }

    fn sync(&mut self) -> io::Result<()> {
        self.files().sync_all()
    }

    fn publish(&mut self, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
        let mut files = self.files();
        files.perform().map_err(PublishError::Write)?;
        files.perform().map_err(PublishError::Sync)?;
        files.perform().map_err(PublishError::Write)?;
        files.seen.insert(path.to_owned(), bytes.to_vec());
        files.renamed.insert(path.to_owned());
        files.sync_all().map_err(PublishError::Sync)
    }

    fn forget(&mut self) {}

    fn clear(&mut self, path: &str) -> io::Result<()> {
        let mut files = self.files();
        files.perform()?;
        files.seen.retain(|known, _| !known.starts_with(path));
        files.durable.retain(|known, _| !known.starts_with(path));
        files.unsynced.retain(|known| !known.starts_with(path));
        Ok(())
    }
}

struct Log {
    shelf: FakeShelf,
    keys: Keys,
    seal: Option<Seal>,
}

/// The root hash of every size.
static ROOTS: LazyLock<Vec<Hash>> = LazyLock::new(|| {
    let mut frontier = Frontier::default();
    let mut roots = vec![frontier.root()];
    roots.extend((1..=MOST).map(|sequence| {
        frontier.push(Hash::leaf(&record(sequence)));
        frontier.root()
    }));
    roots
});
const MOST: u64 = 520;

fn record(sequence: u64) -> Vec<u8> {
    format!("{{\"sequence\":{sequence},\"time\":\"\"}}").into_bytes()
}

impl Log {
    fn on(shelf: FakeShelf) -> Self {
        let keys = Keys::new(Path::new("unused"), Signer::generate("gate.city.test/audit/x").unwrap(), &[]);
        Self { shelf, keys, seal: None }
    }

    /// Seals up to so many records, from memory or, after a failure, from what was published.
    fn seal_to(&mut self, size: u64) -> Result<(), SealFailure> {
        let mut seal = match self.seal.take() {
            Some(seal) => seal,
            None => Seal::resume(&self.shelf, &self.keys)?,
        };
        if !self.shelf.exists("checkpoint") {
            seal.publish(&mut self.shelf, &self.keys.signer)?;
        }
        while seal.size() < size {
            let next = record(seal.size() + 1);
            seal.push(&mut self.shelf, &next)?;
        }
        seal.publish(&mut self.shelf, &self.keys.signer)?;
        self.seal = Some(seal);
        Ok(())
    }

    /// What is published, if anything: never more or other than the records.
    fn published(&self) -> u64 {
        let Ok(note) = self.shelf.read("checkpoint") else { return 0 };
        let checkpoint = Checkpoint::parse(&SignedNote::parse(str::from_utf8(&note).unwrap()).unwrap().text).unwrap();
        assert_eq!(checkpoint.root, ROOTS[checkpoint.size as usize]);
        checkpoint.size
    }

    fn assert_whole(&self, size: u64) {
        assert_eq!(self.published(), size);
        assert_eq!(Seal::resume(&self.shelf, &self.keys).unwrap().size(), size);
        let files = self.shelf.files();
        let full = files.seen.iter().filter(|(path, _)| path.starts_with("tile/entries") && !path.contains(".p/"));
        let entries: Vec<Vec<u8>> = full.flat_map(|(_, bytes)| unbundle(bytes).unwrap()).map(<[u8]>::to_vec).collect();
        assert_eq!(entries, (1..=size / 256 * 256).map(record).collect::<Vec<_>>());
    }
}

const STEPS: [u64; 6] = [0, 3, 255, 256, 300, MOST];

#[test]
fn whichever_operation_fails_nothing_wrong_is_signed_and_the_next_try_or_the_next_start_goes_on() {
    let quiet = FakeShelf::default();
    let mut log = Log::on(quiet.clone());
    STEPS.iter().for_each(|size| log.seal_to(*size).unwrap());
    log.assert_whole(MOST);
    let operations = quiet.files().performed;
    assert!(operations > 40, "{operations}");

    for errno in [Errno::NOSPC, Errno::IO] {
        for number in 1..=operations {
            let mut log = Log::on(FakeShelf::failing(number, errno));
            let (mut failures, mut dice) = (0, Dice::new(number));
            for size in STEPS {
                while let Err(failure) = log.seal_to(size) {
                    failures += 1;
                    assert_eq!(failures, 1, "{failure} again, after operation {number} had failed");
                    let before = log.published();
                    if let SealFailure::Sync(_) = failure {
                        // Here the process ends; the machine may go down with it.
                        log.shelf.reboot(&mut dice);
                    }
                    assert!(log.published() <= before);
                }
            }
            log.assert_whole(MOST);
        }
    }
}

#[test]
fn what_was_published_outlives_the_power_at_any_instant() {
    for seed in 0..100 {
        let mut dice = Dice::new(seed);
        let mut log = Log::on(FakeShelf::default());
        let (mut size, mut promised) = (0, 0);
        while size < MOST {
            size = (size + dice.below(200)).min(MOST);
            // The power goes in the middle of it, now and then.
            let instant = log.shelf.files().performed + 1 + dice.below(40);
            log.shelf.files().failing = (dice.below(2) == 0).then_some((instant, Errno::IO));
            match log.seal_to(size) {
                Ok(()) => promised = size,
                Err(_) => {
                    log.shelf.reboot(&mut dice);
                    log.seal = None;
                    assert!(log.published() >= promised, "seed {seed}: {} of {promised}", log.published());
                    size = log.published();
                    assert_eq!(Seal::resume(&log.shelf, &log.keys).unwrap().size(), size, "seed {seed}");
                }
            }
        }
        log.shelf.files().failing = None;
        log.seal_to(MOST).unwrap();
        log.assert_whole(MOST);
    }
}
