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
    Rename,
    Remove,
    Sync,
    SyncDirectory,
}

impl Operation {
    pub(super) const ALL: [Self; 9] = [
        Self::Create,
        Self::Open,
        Self::Allocate,
        Self::Write,
        Self::Truncate,
        Self::Rename,
        Self::Remove,
        Self::Sync,
        Self::SyncDirectory,
    ];
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

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<String, Content>,
    failure: Option<(Operation, Errno)>,
    /// One operation fails after so many more.
    fault: Option<(u64, Errno)>,
    /// The one that did.
    faulted: Option<Operation>,
    operations: u64,
    /// Bytes that all files together may have; `None`: no bound.
    room: Option<usize>,
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
    /// What a handle knows it by, whatever its name is by now.
    number: u64,
    /// What a reader sees.
    bytes: Vec<u8>,
    /// What outlives the power.
    durable: Vec<u8>,
    name_is_durable: bool,
    /// The name that it had before; it may have it again when the power comes back.
    former: Option<String>,
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
    fn file(&mut self, number: u64) -> &mut Content {
        self.files.values_mut().find(|file| file.number == number).expect("a file that is there")
    }

    fn used(&self) -> usize {
        self.files.values().map(|file| file.bytes.len()).sum()
    }

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
        self.operations += 1;
        match &mut self.fault {
            Some((0, errno)) => {
                let errno = *errno;
                (self.fault, self.faulted) = (None, Some(operation));
                return Err(errno.into());
            }
            Some((left, _)) => *left -= 1,
            None => {}
        }
        match self.failure {
            Some((which, errno)) if which == operation => Err(errno.into()),
            _ => Ok(()),
        }
    }
}

impl FakeDisk {
    /// Another disk with the same on it, for nobody who holds this one.
    pub(super) fn copy(&self) -> Self {
        Self(Arc::new((Mutex::new(self.state().clone()), Condvar::new())))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap()
    }

    /// Every such operation fails.
    pub(super) fn fail(&self, operation: Operation, errno: Errno) {
        self.state().failure = Some((operation, errno));
    }

    /// One operation fails after so many more, whatever it is.
    pub(super) fn fail_after(&self, operations: u64, errno: Errno) {
        self.state().fault = Some((operations, errno));
    }

    /// The operation that failed so.
    pub(super) fn faulted(&self) -> Option<Operation> {
        self.state().faulted
    }

    /// Operations so far.
    pub(super) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Bytes that all files together may have from now on; `None`: as many as they like.
    pub(super) fn leave_room(&self, bytes: Option<usize>) {
        self.state().room = bytes;
    }

    /// Bytes that all files have.
    pub(super) fn size(&self) -> usize {
        self.state().used()
    }

    /// Nothing fails any more.
    pub(super) fn mend(&self) {
        self.state().fault = None;
        self.state().failure = None;
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
        (state.failure, state.fault) = (None, None);
        for (name, mut file) in std::mem::take(&mut state.files) {
            let former = file.former.take();
            let name = match dice.as_mut().map_or(0, |dice| dice.below(3)) {
                _ if file.name_is_durable => Some(name),
                0 => None,
                1 => former.or(Some(name)),
                _ => Some(name),
            };
            state.files.extend(name.map(|name| (name, file)));
        }
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
        let number = state.operations;
        assert!(state.files.insert(name.to_owned(), Content { number, ..Content::default() }).is_none(), "{name} was there");
        Ok(FakeFile { disk: self.clone(), number, boot })
    }

    fn open(&self, name: &str) -> io::Result<FakeFile> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::Open)?;
        let number = state.operations;
        state.files.get_mut(name).unwrap_or_else(|| panic!("{name} was not there")).number = number;
        Ok(FakeFile { disk: self.clone(), number, boot })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::Rename)?;
        let mut file = state.files.remove(from).unwrap();
        (file.name_is_durable, file.former) = (false, Some(from.to_owned()));
        assert!(state.files.insert(to.to_owned(), file).is_none(), "{to} was there");
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::Remove)?;
        assert!(state.files.remove(name).is_some(), "{name} was not there");
        Ok(())
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.state();
        let boot = state.boot;
        state.perform(boot, Operation::SyncDirectory)?;
        state.files.values_mut().for_each(|file| (file.name_is_durable, file.former) = (true, None));
        Ok(())
    }
}

pub(super) struct FakeFile {
    disk: FakeDisk,
    number: u64,
    boot: u64,
}

impl FakeFile {
    fn change(&self, operation: Operation, change: Change) -> io::Result<()> {
        let mut state = self.disk.state();
        state.perform(self.boot, operation)?;
        let (used, room) = (state.used(), state.room);
        let file = state.file(self.number);
        let length = match &change {
            Change::Length(length) => *length,
            Change::Write(offset, bytes) => file.bytes.len().max(offset + bytes.len()),
        };
        if length > file.bytes.len() && room.is_some_and(|room| used - file.bytes.len() + length > room) {
            return Err(Errno::NOSPC.into());
        }
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
        let covered = state.files.values().find(|file| file.number == self.number).cloned().unwrap_or_default();
        state.syncs_begun += 1;
        self.disk.0.1.notify_all();
        state = self.disk.0.1.wait_while(state, |state| state.syncs_held).unwrap();
        let synced = state.perform(self.boot, Operation::Sync);
        let has_power = state.boot == self.boot;
        // As kernels do while the power is there, it forgets what it could not write: a later sync says that all is well.
        if let Some(file) = state.files.values_mut().find(|file| has_power && file.number == self.number) {
            for change in file.unsynced.drain(..covered.unsynced.len().min(file.unsynced.len())) {
                if synced.is_ok() {
                    change.apply(&mut file.durable);
                }
            }
        }
        synced?;
        state.syncs_done += 1;
        self.disk.0.1.notify_all();
        Ok(())
    }
}
