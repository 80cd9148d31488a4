//! How much room is left where the data is, and what follows when it falls below the reserve.
//!
//! Invariant: what strangers cause gives way first; the records of those who are let through go on as long as there is any room.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::model::{Action, Event};

use super::house::House;
use super::memory::shown;

/// The room of the data directory's file system as all may read it.
pub struct Space {
    data: PathBuf,
    /// Bytes.
    pub reserve: u64,
    free: AtomicU64,
    low: AtomicBool,
}

/// What a look has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Low,
    Enough,
}

impl Space {
    pub fn begin(data: PathBuf, reserve: u64) -> Self {
        Self { data, reserve, free: AtomicU64::new(u64::MAX), low: AtomicBool::new(false) }
    }

    /// Bytes that this user may still take, at the last look.
    pub fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    pub fn warning(&self) -> Option<String> {
        self.is_low().then(|| {
            format!(
                "{} free in {}, less than the reserve of {} (log.reserve): refusals of strangers are only counted; make room, or move old files of the log away",
                shown(self.free()),
                self.data.display(),
                shown(self.reserve)
            )
        })
    }

    fn look(&self) -> Option<Change> {
        // A look that fails says nothing; the log itself fails loudly if the disk is gone.
        let found = rustix::fs::statvfs(&self.data).ok()?;
        self.found(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn found(&self, free: u64) -> Option<Change> {
        self.free.store(free, Ordering::Relaxed);
        let was_low = self.is_low();
        let is_low = is_low(was_low, free, self.reserve);
        self.low.store(is_low, Ordering::Relaxed);
        (is_low != was_low).then_some(if is_low { Change::Low } else { Change::Enough })
    }
}

/// An eighth to spare ends it, so that one file of the log more or less does not begin and end it over and over.
fn is_low(was_low: bool, free: u64, reserve: u64) -> bool {
    let spare = reserve.checked_div(8).unwrap_or(0);
    free < if was_low { reserve.saturating_add(spare) } else { reserve }
}

impl House {
    /// Looks at the disk, and has strangers recorded or only counted accordingly.
    pub fn look_at_space(&self) {
        let Some(change) = self.space.look() else { return };
        self.strangers.count_only(self.space.is_low());
        let (free, reserve) = (shown(self.space.free()), shown(self.space.reserve));
        let event = match change {
            Change::Low => {
                tracing::error!("{}", self.space.warning().unwrap_or_default());
                Event::failed(Action::DiskSpace)
            }
            Change::Enough => {
                tracing::warn!("{free} free again, more than the reserve of {reserve}: refusals of strangers are recorded again");
                Event::done(Action::DiskSpace)
            }
        };
        self.journal.note(event.with("free", free).with("reserve", reserve));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_below_the_reserve_is_low_until_there_is_some_to_spare() {
        let space = Space::begin(PathBuf::from("/data"), 800);
        assert_eq!((space.found(800), space.is_low(), space.warning()), (None, false, None));
        assert_eq!((space.found(799), space.is_low()), (Some(Change::Low), true));
        assert!(space.warning().is_some_and(|warning| warning.contains("/data") && warning.contains("log.reserve")));
        assert_eq!((space.found(0), space.is_low()), (None, true), "told once");
        assert_eq!((space.found(899), space.is_low()), (None, true));
        assert_eq!((space.found(900), space.is_low()), (Some(Change::Enough), false));
        assert_eq!(space.found(801), None);
    }

    #[test]
    fn the_file_system_says_how_much_is_free() {
        let home = tempfile::tempdir().unwrap();
        let space = Space::begin(home.path().to_owned(), 0);
        assert_eq!(space.look(), None);
        assert!(space.free() > 0 && space.free() < u64::MAX);
        let full = Space::begin(home.path().to_owned(), 1 << 62);
        assert_eq!(full.look(), Some(Change::Low));
        assert_eq!(Space::begin(home.path().join("gone"), 1 << 62).look(), None);
    }
}
