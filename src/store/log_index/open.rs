//! The file of the index: opened, known as what it is, thrown away.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use super::LogIndexError;
use super::schema::{APPLICATION, FORMAT, TABLES};
use crate::store::{make_private, options, pool};

/// Pages that the connection which writes keeps in memory, in KiB, as SQLite takes it.
const CACHE: &str = "-16384";

#[derive(Debug)]
pub(super) struct Pools {
    pub write: SqlitePool,
    pub read: SqlitePool,
}

impl Pools {
    pub(super) async fn open(path: &Path) -> Result<Self, LogIndexError> {
        make_private(path).map_err(|source| error(path, sqlx::Error::Io(source)))?;
        let options = options().filename(path);
        // Not each commit is synced: what the power takes is added again by the cursor.
        let relaxed = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", CACHE)
            .pragma("journal_size_limit", "67108864")
            // What is forgotten shall not stand in the file either.
            .pragma("secure_delete", "ON");
        let write = pool(1).connect_with(relaxed).await.map_err(|why| error(path, why))?;
        begin(&write, path).await?;
        let read = pool(2).connect_with(options.read_only(true)).await.map_err(|why| error(path, why))?;
        Ok(Self { write, read })
    }

    /// Both are the same, and neither writes.
    pub(super) async fn open_read_only(path: &Path) -> Result<Self, LogIndexError> {
        if !path.exists() {
            return Err(LogIndexError::Missing(path.to_owned()));
        }
        let read = pool(1).connect_with(options().filename(path).read_only(true)).await.map_err(|why| error(path, why))?;
        match mark(&read).await.map_err(|why| error(path, why))? {
            (APPLICATION, FORMAT) => Ok(Self { write: read.clone(), read }),
            (0, 0) => Err(LogIndexError::Missing(path.to_owned())),
            found => Err(foreign(path, found)),
        }
    }

    pub(super) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

/// Makes the tables in a file that is new, and knows those of any other.
async fn begin(write: &SqlitePool, path: &Path) -> Result<(), LogIndexError> {
    let failed = |why| error(path, why);
    let found = mark(write).await.map_err(failed)?;
    if found == (APPLICATION, FORMAT) {
        return Ok(());
    }
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(write).await.map_err(failed)?;
    if found != (0, 0) || tables != 0 {
        return Err(foreign(path, found));
    }
    let mut begun = write.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    for table in TABLES {
        sqlx::query(*table).execute(&mut *begun).await.map_err(failed)?;
    }
    for (name, number) in [("application_id", APPLICATION), ("user_version", FORMAT)] {
        // A pragma takes no parameters, and these are numbers of ours.
        let pragma = sqlx::AssertSqlSafe(format!("PRAGMA {name} = {number}"));
        sqlx::query(pragma).execute(&mut *begun).await.map_err(failed)?;
    }
    begun.commit().await.map_err(failed)
}

async fn mark(pool: &SqlitePool) -> Result<(i64, i64), sqlx::Error> {
    let application = sqlx::query_scalar("PRAGMA application_id").fetch_one(pool).await?;
    Ok((application, sqlx::query_scalar("PRAGMA user_version").fetch_one(pool).await?))
}

fn foreign(path: &Path, (application, format): (i64, i64)) -> LogIndexError {
    let why = if application == APPLICATION {
        format!("it has the format {format}, and this version writes {FORMAT}")
    } else {
        "it is something else".to_owned()
    };
    LogIndexError::Unusable { path: path.to_owned(), why }
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> Result<(), LogIndexError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(PathBuf::from(name)) {
            Err(why) if why.kind() != ErrorKind::NotFound => return Err(error(path, sqlx::Error::Io(why))),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn error(path: &Path, error: sqlx::Error) -> LogIndexError {
    let path = path.to_owned();
    // As `opening` in the store: SQLITE_CORRUPT and SQLITE_NOTADB; and SQLITE_ERROR, which a table gives that is not there.
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    let is_unreadable = matches!(error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound);
    match code.map(|code| code & 0xff) {
        Some(1 | 11 | 26) => LogIndexError::Unusable { path, why: error.to_string() },
        None if is_unreadable => LogIndexError::Unusable { path, why: error.to_string() },
        _ => LogIndexError::Database { path, source: error },
    }
}
