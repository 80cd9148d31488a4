//! Reads the sealed log for the book of incidents, and does what a confirmed level asks for.
//!
//! Invariant: the book is what the log says; what is kept of it only saves reading the log anew. Nobody who asks for an access waits for it.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::audit::{Leaf, Sealed, SealedError};
use crate::clock::Time;
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
    #[error("what is known of incidents cannot be kept: {0}")]
    Keep(#[from] io::Error),
    #[error("the reading of incidents was stopped: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// Follows the log until the process ends.
pub async fn follow(house: Arc<House>, path: PathBuf) {
    let mut size = house.sealer.size();
    let mut told = false;
    let mut reading: Option<Reading> = None;
    loop {
        let begun = match reading.take() {
            Some(reading) => Ok(reading),
            None => {
                let begun = Reading::begin(path.clone(), house.sealer.sealed(), house.clock.now()).await;
                // Whether or not a record changes it.
                begun.inspect(|begun| house.desk.incidents().show(begun.book.clone()))
            }
        };
        let done = match begun {
            Ok(reading) => reading.catch_up(&house).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(caught_up) => {
                (reading, told) = (Some(caught_up), false);
                house.desk.incidents().set_trouble(None);
            }
            Err(error) => {
                let why = super::told(&error).to_string();
                if !std::mem::replace(&mut told, true) {
                    tracing::error!("{why}; it is tried again, and incidents stand still meanwhile");
                }
                house.desk.incidents().set_trouble(Some(why));
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        }
        if size.changed().await.is_err() {
            return;
        }
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
    kept_at: u64,
    kept: Time,
    /// Whether an incident is not as it was kept.
    is_changed: bool,
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
            Ok(Self { kept_at: book.at(), book: Arc::new(book), path, sealed, kept: now, is_changed: false })
        };
        tokio::task::spawn_blocking(begun).await?
    }

    async fn catch_up(mut self, house: &House) -> Result<Self, ReadError> {
        loop {
            let (read, is_changed, reading) = tokio::task::spawn_blocking(move || self.read()).await??;
            self = reading;
            if is_changed {
                self.is_changed = true;
                house.desk.incidents().show(self.book.clone());
            }
            house.desk.incidents().has_read_to(self.book.at());
            let now = house.clock.now();
            let behind = self.book.at().saturating_sub(self.kept_at);
            if behind >= KEEP_BEHIND || (self.is_changed && now.since(self.kept) >= KEEP_EVERY) {
                self = tokio::task::spawn_blocking(move || self.keep(now)).await??;
            }
            if read == 0 {
                return Ok(self);
            }
        }
    }

    fn read(mut self) -> Result<(usize, bool, Self), ReadError> {
        let leaves = self.sealed.read(self.book.at().saturating_add(1), BATCH)?;
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
        Ok((leaves.len(), is_changed, self))
    }

    fn keep(mut self, now: Time) -> Result<Self, ReadError> {
        let hash = self.sealed.leaf_hash(self.book.at())?.map(|hash| HEXLOWER.encode(&hash.0)).unwrap_or_default();
        let book = self.book.kept().map_err(io::Error::from)?;
        files::replace(&self.path, &serde_json::to_vec(&Kept { hash, book }).map_err(io::Error::from)?, 0o600)?;
        (self.kept_at, self.kept, self.is_changed) = (self.book.at(), now, false);
        Ok(self)
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
