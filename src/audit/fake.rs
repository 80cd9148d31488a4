//! A disk in memory that loses what was not synced, and fails when it is told to.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use rustix::io::Errno;

use super::disk::{Disk, SegmentFile};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create,
    Open,
    Allocate,
    Write,
    Truncate,
    Sync,
    SyncDirectory,
}

impl Operation {
    pub(super) const ALL: [Self; 7] =
        [Self::Create, Self::Open, Self::Allocate, Self::Write, Self::Truncate, Self::Sync, Self::SyncDirectory];
}

/// A small generator (xorshift), so that a seed names a test's every choice.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

#[derive(Clone, Default)]
pub(super) struct FakeDisk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Content>,
    failure: Option<(Operation, Errno)>,
    /// Operations until the power goes; `None`: it stays.
    power_for: Option<u64>,
    /// Handles of an earlier boot are dead.
    boot: u64,
    syncs_begun: usize,
    syncs_done: usize,
    syncs_held: bool,
}

#[derive(Clone, Default)]
struct Content {
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What outlives the power.
    durable: Vec<u8>,
    name_is_durable: bool,
    unsynced: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }
}

impl State {
    fn perform(&mut self, boot: u64, operation: Operation) -> io::Result<()> {
        if let Some(left) = &mut self.power_for {
            match left.checked_sub(1) {
                Some(less) => *left = less,
                None => self.boot += 1,
            }
        }
        if boot != self.boot {
            return Err(Errno::IO.into());
        }
        match self.failure {
            Some((which, errno)) if which == operation => Err(errno.into()),
            _ => Ok(()),
        }
    }
}

impl FakeDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// From now on every such operation fails.
    pub(super) fn fail(&self, operation: Operation, errno: Errno) {
        self.state().failure = Some((operation, errno));
    }

    /// The power goes after so many more operations.
    pub(super) fn pull_the_plug_after(&self, operations: u64) {
        self.state().power_for = Some(operations);
    }

    /// The power comes back. Of what was not synced, each change is lost, there, or half there, as the dice say; and with
    /// `None` all of it is lost.
    pub(super) fn reboot(&self, mut dice: Option<&mut Dice>) {
        let mut state = self.state();
        state.boot += 1;
        state.power_for = None;
        state.failure = None;
        state.files.retain(|_, file| file.name_is_durable || dice.as_mut().is_some_and(|dice| dice.below(2) == 0));
        for file in state.files.values_mut() {
            for change in std::mem::take(&mut file.unsynced) {
                match (dice.as_mut().map_or(0, |dice| dice.below(3)), change) {
                    (0, _) => {}
                    (1, Change::Write(offset, bytes)) => {
                        let dice = dice.as_mut().unwrap();
                        let from = dice.below(bytes.len() as u64) as usize;
                        let to = from + dice.below((bytes.len() - from) as u64 + 1) as usize;
                        Change::Write(offset + from, bytes[from..to].to_vec()).apply(&mut file.durable);
                    }
                    (_, change) => change.apply(&mut file.durable),
                }
            }
            file.bytes = file.durable.clone();
            file.name_is_durable = true;
        }
    }

    /// Holds every sync until it is let go.
    pub(super) fn hold_syncs(&self, held: bool) {
        self.state().syncs_held = held;
        self.0.1.notify_all();
    }

    pub(super) fn syncs_done(&self) -> usize {
        self.state().syncs_done
    }

    /// Blocks until the writer has asked for so many syncs in all.
    pub(super) fn wait_for_syncs_begun(&self, number: usize) {
        self.wait_until("begun", |state| state.syncs_begun >= number);
    }

    /// Blocks until so many syncs in all have ended.
    pub(super) fn wait_for_syncs_done(&self, number: usize) {
        self.wait_until("done", |state| state.syncs_done >= number);
    }

    /// A writer that never syncs must fail a test, not hang it.
    fn wait_until(&self, what: &str, reached: impl Fn(&State) -> bool) {
        let (state, waited) = self.0.1.wait_timeout_while(self.state(), Duration::from_secs(20), |state| !reached(state)).unwrap();
        drop(state);
        assert!(!waited.timed_out(), "no sync was {what}");
    }

    /// Changes the bytes of a file behind the journal's back.
    pub(super) fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let file = state.files.entry(name.to_owned()).or_default();
        change(&mut file.bytes);
        file.durable = file.bytes.clone();
        file.name_is_durable = true;
        file.unsynced.clear();
    }

    pub(super) fn remove(&self, name: &str) {
        self.state().files.remove(name).unwrap();
    }
}

impl Disk for FakeDisk {
    type File = FakeFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.state().files.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.state().files.get(name).map(|file| file.bytes.clone()).ok_or_else(|| Errno::NOENT.into())
    }

    fn read_end(&self, name: &str, longest: usize) -> io::Result<Vec<u8>> {
        let bytes = self.read(name)?;
        Ok(bytes[bytes.len().saturating_sub(longest)..].to_vec())
    }

    fn create(&self, name: &str) -> io::Result<FakeFile> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::Create)?;
        assert!(state.files.insert(name.to_owned(), Content::default()).is_none(), "{name} was there");
        Ok(FakeFile { disk: self.clone(), name: name.to_owned(), boot })
    }

    fn open(&self, name: &str) -> io::Result<FakeFile> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::Open)?;
        assert!(state.files.contains_key(name), "{name} was not there");
        Ok(FakeFile { disk: self.clone(), name: name.to_owned(), boot })
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::SyncDirectory)?;
        state.files.values_mut().for_each(|file| file.name_is_durable = true);
        Ok(())
    }
}

pub(super) struct FakeFile {
    disk: FakeDisk,
    name: String,
    boot: u64,
}

impl FakeFile {
    fn change(&self, operation: Operation, change: Change) -> io::Result<()> {
        let mut state = self.disk.state();
        state.perform(self.boot, operation)?;
        let file = state.files.get_mut(&self.name).unwrap();
        change.apply(&mut file.bytes);
        file.unsynced.push(change);
        Ok(())
    }
}

impl SegmentFile for FakeFile {
    fn allocate(&mut self, length: u64) -> io::Result<()> {
        self.change(Operation::Allocate, Change::Length(length as usize))
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        assert!(!bytes.is_empty());
        self.change(Operation::Write, Change::Write(offset as usize, bytes.to_vec()))
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.change(Operation::Truncate, Change::Length(length as usize))
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.state();
        // What is written while the sync is held is not covered by it.
        let covered = state.files.get(&self.name).cloned().unwrap_or_default();
        state.syncs_begun += 1;
        self.disk.0.1.notify_all();
        state = self.disk.0.1.wait_while(state, |state| state.syncs_held).unwrap();
        state.perform(self.boot, Operation::Sync)?;
        let file = state.files.get_mut(&self.name).unwrap();
        file.durable = covered.bytes;
        file.unsynced.drain(..covered.unsynced.len());
        state.syncs_done += 1;
        self.disk.0.1.notify_all();
        Ok(())
    }
}
