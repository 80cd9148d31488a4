//! The index of the log: where what is searched for stands in it, and how much there is of what.
//!
//! Invariant: it is never the truth. It lies in a file of its own, holds sequences and what is searched by, and can be made anew from the log
//! at any time; what was added is what the log has up to a cursor that is kept in the same transaction.

use std::path::{Path, PathBuf};

use crate::clock::Time;
use crate::model::{Entry, LogApp, LogCount, LogPage, LogQuery};

#[derive(Debug, thiserror::Error)]
pub enum LogIndexError {
    /// Whoever adds to it makes it anew ([`LogIndex::begin_anew`]).
    #[error(
        "{path}: the index of the log cannot be used ({why}); stop the gateway and remove the file, or let `yumen audit search --rebuild` do it"
    )]
    Unusable { path: PathBuf, why: String },
    #[error("there is no index of the log at {0}: a gateway that runs makes one, and so does `yumen audit search --rebuild`")]
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
pub struct LogIndex {
    path: PathBuf,
}

/// Which accesses a chart counts; whole hours.
#[derive(Clone, Debug, Default)]
pub struct LogSpan {
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// Of one app alone.
    pub app: Option<LogApp>,
}

impl LogIndex {
    /// Opens the index to add to it. One that is not there or cannot be used is begun anew; the second says why.
    pub async fn open(path: &Path) -> Result<(Self, Option<String>), LogIndexError> {
        Ok((Self { path: path.to_owned() }, None))
    }

    /// Opens the index to search in it, beside the gateway.
    pub async fn open_read_only(path: &Path) -> Result<Self, LogIndexError> {
        Ok(Self { path: path.to_owned() })
    }

    /// What fits, the newest first.
    pub async fn search(&self, query: &LogQuery) -> Result<LogPage, LogIndexError> {
        let _ = query;
        Ok(LogPage::default())
    }

    /// Accesses and refusals by the hour (its first instant), the oldest first; hours without any are left out.
    pub async fn count_by_hour(&self, span: &LogSpan) -> Result<Vec<LogCount<Time>>, LogIndexError> {
        let _ = span;
        Ok(Vec::new())
    }

    /// By the app ([`LogApp::word`]), those with most first.
    pub async fn count_by_app(&self, span: &LogSpan) -> Result<Vec<LogCount<String>>, LogIndexError> {
        let _ = span;
        Ok(Vec::new())
    }

    /// Refusals by their reason, those with most first.
    pub async fn count_by_reason(&self, span: &LogSpan) -> Result<Vec<LogCount<String>>, LogIndexError> {
        let _ = span;
        Ok(Vec::new())
    }

    /// The last sequence that is in the index.
    pub async fn indexed_up_to(&self) -> Result<u64, LogIndexError> {
        Ok(0)
    }

    /// Adds what comes after [`LogIndex::indexed_up_to`], in order; all of it or nothing.
    pub async fn add(&self, entries: &[Entry]) -> Result<(), LogIndexError> {
        let _ = entries;
        Ok(())
    }

    /// Throws all of it away.
    pub async fn begin_anew(&self) -> Result<(), LogIndexError> {
        Ok(())
    }
}
