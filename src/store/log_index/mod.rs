//! The index of the log: where what is searched for stands in it, and how much there is of what.
//!
//! Invariant: it is never the truth. It lies in a file of its own, holds sequences and what is searched by, and can be made anew from the log
//! at any time; what was added is what the log has up to a cursor that is kept in the same transaction.

mod add;
mod charts;
mod forget;
mod open;
mod schema;
mod search;
mod terms;
#[cfg(test)]
mod tests;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::{Row, SqliteConnection};
use tokio::sync::{Mutex, RwLock};

use crate::clock::Time;
use crate::model::{Entry, LogApp};
use open::Pools;
use words::Words;

#[derive(Debug, thiserror::Error)]
pub enum LogIndexError {
    /// Whoever adds to it makes it anew ([`LogIndex::begin_anew`]).
    #[error(
        "{path}: the index of the log cannot be used ({why}); a gateway that starts makes it anew, and so does `yumen audit search --rebuild`"
    )]
    Unusable { path: PathBuf, why: String },
    #[error("there is no index of the log at {0}; a gateway that runs makes one, and so does `yumen audit search --rebuild`")]
    Missing(PathBuf),
    #[error("a text to search for has at least two characters")]
    TextTooShort,
    #[error("{path}: the index of the log failed: {source}")]
    Database {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
}

/// The index of the log. Clones share it.
#[derive(Clone, Debug)]
pub struct LogIndex(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    pools: RwLock<Pools>,
    words: Mutex<Words>,
    /// As far as this process knows.
    reached: AtomicU64,
    /// A reader found that the file is damaged.
    damaged: AtomicBool,
}

/// Records that come after what is in the index.
#[derive(Clone, Copy, Debug)]
pub struct LogBatch<'e> {
    /// In order; those that nobody understands are left out.
    pub entries: &'e [Entry],
    /// The sequence of the last record, also of one that was left out, and the hash of its leaf.
    pub up_to: u64,
    pub leaf: [u8; 32],
}

/// How far the index has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexed {
    pub up_to: u64,
    /// Of that record, so that the index of another log is known as such; empty before the first.
    pub leaf: Vec<u8>,
    /// What stands before this record was forgotten, or not here when it was looked for; 0: nothing was.
    pub begins: u64,
}

/// Which accesses a chart counts: those of all hours that the span touches.
#[derive(Clone, Debug, Default)]
pub struct LogSpan {
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// Of one app alone.
    pub app: Option<LogApp>,
}

impl LogIndex {
    /// Opens the index to add to it. One that cannot be used is begun anew; the second says why.
    pub async fn open(path: &Path) -> Result<(Self, Option<String>), LogIndexError> {
        let (pools, why) = match Pools::open(path).await {
            Ok(pools) => (pools, None),
            Err(LogIndexError::Unusable { why, .. }) => {
                open::remove(path)?;
                (Pools::open(path).await?, Some(why))
            }
            Err(error) => return Err(error),
        };
        Ok((Self::of(path, pools), why))
    }

    /// Opens the index to search in it, beside the gateway.
    pub async fn open_read_only(path: &Path) -> Result<Self, LogIndexError> {
        Ok(Self::of(path, Pools::open_read_only(path).await?))
    }

    /// How far it has come.
    pub async fn indexed(&self) -> Result<Indexed, LogIndexError> {
        let pools = self.0.pools.read().await;
        let mut read = pools.read.acquire().await.map_err(|error| self.failed(error))?;
        let indexed = indexed(&mut read).await.map_err(|error| self.failed(error))?;
        self.0.reached.fetch_max(indexed.up_to, Ordering::Relaxed);
        Ok(indexed)
    }

    /// The last sequence of which this process knows that it is in the index: for figures.
    pub fn reached(&self) -> u64 {
        self.0.reached.load(Ordering::Relaxed)
    }

    /// The last sequence that is in the index.
    pub async fn indexed_up_to(&self) -> Result<u64, LogIndexError> {
        Ok(self.indexed().await?.up_to)
    }

    /// Throws all of it away.
    pub async fn begin_anew(&self) -> Result<(), LogIndexError> {
        let (mut pools, mut words) = (self.0.pools.write().await, self.0.words.lock().await);
        pools.close().await;
        open::remove(&self.0.path)?;
        *pools = Pools::open(&self.0.path).await?;
        *words = Words::default();
        self.0.reached.store(0, Ordering::Relaxed);
        self.0.damaged.store(false, Ordering::Relaxed);
        Ok(())
    }

    pub async fn close(&self) {
        self.0.pools.read().await.close().await;
    }

    fn of(path: &Path, pools: Pools) -> Self {
        Self(Arc::new(Inner {
            path: path.to_owned(),
            pools: RwLock::new(pools),
            words: Mutex::default(),
            reached: AtomicU64::new(0),
            damaged: AtomicBool::new(false),
        }))
    }

    /// Whether whoever read found it damaged, which whoever adds to it might never meet: it is to be made anew.
    pub fn is_damaged(&self) -> bool {
        self.0.damaged.load(Ordering::Relaxed)
    }

    fn failed(&self, error: sqlx::Error) -> LogIndexError {
        self.0.damaged.fetch_or(open::is_damage(&error), Ordering::Relaxed);
        open::error(&self.0.path, error)
    }
}

async fn indexed(connection: &mut SqliteConnection) -> Result<Indexed, sqlx::Error> {
    let row = sqlx::query("SELECT up_to, leaf, begins FROM state").fetch_one(connection).await?;
    Ok(Indexed { up_to: unsigned(row.try_get("up_to")?), leaf: row.try_get("leaf")?, begins: unsigned(row.try_get("begins")?) })
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
