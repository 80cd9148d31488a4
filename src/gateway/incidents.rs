//! Reads the sealed log for the book of incidents, and shows it to the desk and to whoever does what a confirmed level asks for.
//!
//! Invariants: the book is what the log says; what is kept of it only saves reading the log anew. What is shown never goes back, whatever is read
//! anew or cannot be kept: a book that lacks records would take back what they confirmed. Nobody who asks for an access waits for it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::admin::Incidents;
use crate::audit::{Leaf, Sealed, SealedError};
use crate::clock::{Clock, Time};
use crate::files;
use crate::incident::Book;

use super::exposition::{gauge, one};
use super::house::House;

/// So many records at once, each a few hundred bytes.
const BATCH: usize = 2_048;
/// After something went wrong.
const PAUSE: Duration = Duration::from_secs(10);
/// What is kept is at most so old while incidents change.
const KEEP_EVERY: Duration = Duration::from_secs(30);
/// So many records are read again at most when the process was ended.
const KEEP_BEHIND: u64 = 65_536;

/// Incidents in `yumen status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentStatus {
    pub open: u64,
    /// Of those, how many nobody has said that she sees to.
    pub unseen: u64,
}

const DRILL_EVERY: Duration = Duration::from_hours(24 * 365);

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("the log cannot be read for incidents: {0}")]
    Log(#[from] SealedError),
    #[error("what is known of incidents cannot be read: {0}")]
    Kept(#[from] io::Error),
    #[error("the reading of incidents was stopped: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error("{0}")]
    Log(#[from] SealedError),
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Follows the log until the process ends.
pub async fn follow(house: Arc<House>, path: PathBuf) {
    let mut size = house.sealer.size();
    let mut told = false;
    // As far as the log reaches before anything was read: a level that was confirmed last must not seem to be none.
    let (incidents, clock) = (house.desk.incidents(), &house.clock);
    let mut window = Window { incidents, shown: house.journal.counts().sequence, is_stale: true };
    let mut reading: Option<Reading> = None;
    loop {
        let begun = match reading.take() {
            Some(reading) => Ok(reading),
            None => Reading::begin(path.clone(), house.sealer.sealed(), clock.now()).await,
        };
        let done = match begun {
            Ok(begun) => begun.catch_up(&mut window, clock).await,
            Err(error) => (None, Some(error)),
        };
        reading = done.0;
        let trouble = done.1.map(|error| format!("incidents stand still: {}", super::told(&error)));
        let unkept = reading.as_ref().and_then(|reading| reading.unkept.clone());
        let (is_still, trouble) = (trouble.is_some(), trouble.or(unkept));
        if let Some(why) = trouble.as_ref().filter(|_| !told) {
            tracing::error!("{why}; it is tried again");
        }
        told = trouble.is_some();
        incidents.set_trouble(trouble);
        let news = match (is_still, told) {
            (true, _) => {
                tokio::time::sleep(PAUSE).await;
                Ok(())
            }
            // What could not be kept does not wait for another record.
            (false, true) => tokio::time::timeout(PAUSE, size.changed()).await.unwrap_or(Ok(())),
            (false, false) => size.changed().await,
        };
        if news.is_err() {
            return;
        }
    }
}

/// Where everybody sees the book.
struct Window<'a> {
    incidents: &'a Incidents,
    /// The last record that was in what was shown, or that has to be in what is shown first.
    shown: u64,
    /// What is shown is not what was read.
    is_stale: bool,
}

impl Window<'_> {
    fn show(&mut self, book: &Arc<Book>, is_changed: bool) {
        self.is_stale |= is_changed;
        if book.at() < self.shown {
            return;
        }
        self.shown = book.at();
        if std::mem::take(&mut self.is_stale) {
            self.incidents.show(Arc::clone(book));
        }
        self.incidents.has_read_to(self.shown);
    }
}

/// What is kept, with the hash of the last record that it has seen: another log's is not believed.
#[derive(Serialize, Deserialize)]
struct Kept {
    hash: String,
    book: serde_json::Value,
}

struct Reading {
    book: Arc<Book>,
    path: PathBuf,
    sealed: Sealed,
    /// When it was kept last, or could not be.
    kept_at: u64,
    kept: Time,
    /// Whether an incident is not as it was kept.
    is_changed: bool,
    /// Why it could not be kept; a sentence.
    unkept: Option<String>,
}

impl Reading {
    async fn begin(path: PathBuf, sealed: Sealed, now: Time) -> Result<Self, ReadError> {
        let begun = move || {
            let book = match fs::read(&path) {
                Ok(kept) => believed(&kept, &sealed)?.unwrap_or_else(|| {
                    tracing::warn!("{} is not of this log, or of another version: incidents are read anew from the log", path.display());
                    Book::default()
                }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Book::default(),
                Err(error) => return Err(error.into()),
            };
            Ok(Self { kept_at: book.at(), book: Arc::new(book), path, sealed, kept: now, is_changed: false, unkept: None })
        };
        tokio::task::spawn_blocking(begun).await?
    }

    /// Reads as far as the log reaches. Where it cannot, it goes on later from where it is; `None`: it is lost.
    async fn catch_up(mut self, window: &mut Window<'_>, clock: &Clock) -> (Option<Self>, Option<ReadError>) {
        loop {
            let (reading, read) = match tokio::task::spawn_blocking(move || self.read()).await {
                Ok(read) => read,
                Err(error) => return (None, Some(error.into())),
            };
            self = reading;
            let (read, is_changed) = match read {
                Ok(read) => read,
                Err(error) => return (Some(self), Some(error)),
            };
            self.is_changed |= is_changed;
            window.show(&self.book, is_changed);
            let now = clock.now();
            if self.is_to_be_kept(now) {
                self = match tokio::task::spawn_blocking(move || self.keep(now)).await {
                    Ok(kept) => kept,
                    Err(error) => return (None, Some(error.into())),
                };
            }
            if read == 0 {
                return (Some(self), None);
            }
        }
    }

    fn is_to_be_kept(&self, now: Time) -> bool {
        let since = now.since(self.kept);
        let behind = self.book.at().saturating_sub(self.kept_at);
        behind >= KEEP_BEHIND || (self.unkept.is_some() && since >= PAUSE) || (self.is_changed && since >= KEEP_EVERY)
    }

    /// How many records there were, and whether they changed an incident.
    fn read(mut self) -> (Self, Result<(usize, bool), ReadError>) {
        let leaves = match self.sealed.read(self.book.at().saturating_add(1), BATCH) {
            Ok(leaves) => leaves,
            Err(error) => return (self, Err(error.into())),
        };
        let book = Arc::make_mut(&mut self.book);
        let mut is_changed = false;
        if book.at() == 0
            && let Some(Ok(first)) = leaves.first().map(Leaf::entry)
            && let Ok(time) = first.time.parse::<jiff::Timestamp>()
        {
            book.begin(Time::from_millis(time.as_millisecond()));
        }
        for leaf in &leaves {
            match Some(&leaf.json).filter(|json| Book::may_concern(json)).map(|_| leaf.entry()) {
                Some(Ok(entry)) => is_changed |= book.read(&entry),
                // It is about no incident, or a later version wrote it.
                None | Some(Err(_)) => book.skip(leaf.sequence),
            }
        }
        (self, Ok((leaves.len(), is_changed)))
    }

    /// A book that cannot be kept is the book all the same.
    fn keep(mut self, now: Time) -> Self {
        let kept = self.write();
        (self.kept_at, self.kept, self.is_changed) = (self.book.at(), now, self.is_changed && kept.is_err());
        let unkept = |error| {
            format!("what is known of incidents cannot be kept in {} ({error}), so that the next start takes longer", self.path.display())
        };
        self.unkept = kept.err().map(unkept);
        self
    }

    fn write(&self) -> Result<(), KeepError> {
        let hash = self.sealed.leaf_hash(self.book.at())?.map(|hash| HEXLOWER.encode(&hash.0)).unwrap_or_default();
        let book = self.book.kept().map_err(io::Error::from)?;
        files::replace(&self.path, &serde_json::to_vec(&Kept { hash, book }).map_err(io::Error::from)?, 0o600)?;
        Ok(())
    }
}

fn believed(kept: &[u8], sealed: &Sealed) -> Result<Option<Book>, SealedError> {
    let Ok(kept) = serde_json::from_slice::<Kept>(kept) else { return Ok(None) };
    let Some(book) = Book::resume(kept.book) else { return Ok(None) };
    let hash = sealed.leaf_hash(book.at())?.map(|hash| HEXLOWER.encode(&hash.0));
    Ok(hash.is_some_and(|hash| hash == kept.hash).then_some(book))
}

impl House {
    pub(super) fn incident_status(&self) -> IncidentStatus {
        let book = self.desk.incidents().book();
        // Nobody is to be woken by a gauge for what never was.
        let open = || book.cases().filter(|case| case.stage.is_open() && case.drill.is_none());
        IncidentStatus { open: open().count() as u64, unseen: open().filter(|case| case.acknowledged.is_none()).count() as u64 }
    }

    /// The plan has to be practised once a year (国家网络安全事件应急预案, section 6.2).
    pub(super) fn drill_reminder(&self) -> Option<String> {
        let plan = self.desk.incidents().plan()?;
        let since = self.clock.wall().since(self.desk.incidents().book().last_drill()?);
        let days = since.as_secs().checked_div(24 * 60 * 60)?;
        (since > DRILL_EVERY)
            .then(|| format!("the plan \"{}\" was not practised for {days} days: `yumen drill run password-spraying`", plan.names.en))
    }

    pub(super) fn incident_figures(&self) -> Vec<MetricFamily> {
        let IncidentStatus { open, unseen } = self.incident_status();
        vec![
            gauge("yumen_incidents_open", "Incidents that are not over.", [one(open)]),
            gauge("yumen_incidents_unseen", "Incidents of which nobody has said that she sees to them.", [one(unseen)]),
        ]
    }
}

#[cfg(test)]
mod tests;
