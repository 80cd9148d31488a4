//! What must outlive the process: accounts, keys, tokens, invitations, challenges, sessions, one-time codes.
//!
//! Invariant: SQL stands nowhere else, and every verb is atomic: it happened whole, or not at all. A secret is
//! stored only as a hash (tokens with SHA-256, passwords with argon2id).

mod accounts;
mod administration;
mod certificates;
mod challenges;
mod clock;
mod code_failures;
mod codes;
mod emergency;
mod enrolment_certificates;
mod enrolments;
mod expiry;
mod issued;
mod keys;
mod letters;
mod lockdowns;
mod log_index;
mod people;
mod petitions;
mod places;
mod proofs;
mod recoveries;
mod rows;
mod seeds;
mod sessions;
mod steps;
#[cfg(test)]
mod tests;
mod tokens;
mod trust;
mod unused;
mod wardens;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqlitePool, Transaction};

pub use accounts::{AccountFilter, InviteError, WrongAnswer};
pub use administration::MachineRecovery;
pub use certificates::{LastShown, NewCertificate, StoredCertificate};
pub use challenges::{NewChallenge, OpenChallenge, Purpose, TakenChallenge};
pub use codes::Code;
pub use emergency::{LevelTime, StoredLevel};
pub use enrolment_certificates::EnrolmentUsbKey;
pub use enrolments::{Completion, Enrolment, EnrolmentKey};
pub use issued::{CertificateChange, CertificateInForce, ListedCertificate, OwnCertificate, RevokedCertificate};
pub use keys::{KeyAddition, KeyRemoval, NewKey, StoredKey};
pub use letters::{LetterDue, LetterOpening, NewLetter};
pub use log_index::{Indexed, LogBatch, LogIndex, LogIndexError, LogSpan};
pub use people::{KnownPeople, KnownToken, Newcomer};
pub use petitions::{NewPetition, StoredPetition};
pub use places::FamiliarPlace;
pub use recoveries::{Recovered, Recovery};
pub use seeds::{NewSeed, SealedSeed, Spending, StoredSeed};
pub use sessions::{Session, StoredHostToken, StoredSession, Touch};
pub use steps::{Step, StepKind};
pub use tokens::{Holder, StoredToken, TokenChange, TokenFilter};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path}: cannot open the store: {source}. Check that the directory exists and that this user may write there")]
    CannotOpen {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path}: the store is damaged ({detail}). Stop, keep a copy of the file, and restore the last backup")]
    Damaged { path: PathBuf, detail: String },
    #[error("{path}: the store was written by a newer version of yumen. Start that version, or restore an older backup")]
    Newer { path: PathBuf },
    #[error(
        "{path}: the store was written by an older version of yumen. Start the gateway with this version once, or read it with that one"
    )]
    Older { path: PathBuf },
    #[error("the store holds something unreadable as {what}: {found:?}. Restore the last backup")]
    Unreadable { what: &'static str, found: String },
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
}

/// The accounts' database. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    /// One connection, so that writers queue here instead of failing as busy.
    write: SqlitePool,
    read: SqlitePool,
}

type Write = Transaction<'static, Sqlite>;

impl Store {
    /// Opens the file, creating it (mode 0600) if it is not there; checks it; brings it up to date.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        make_private(path).map_err(|source| StoreError::CannotOpen { path: path.to_owned(), source })?;
        let options = options().filename(path);
        let durable = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let write = pool(1).connect_with(durable).await.map_err(|error| opening(path, error))?;
        check(&write, path).await?;
        migrate(&write, path).await?;
        let read = pool(4).connect_with(options.read_only(true)).await.map_err(|error| opening(path, error))?;
        Ok(Self { write, read })
    }

    /// Opens a file that is there, beside a gateway that runs or without one, and changes nothing in it.
    pub async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(StoreError::CannotOpen { path: path.to_owned(), source });
        }
        let read = pool(1).connect_with(options().filename(path).read_only(true)).await.map_err(|error| opening(path, error))?;
        let newest = sqlx::migrate!("src/store/migrations/sqlite").iter().map(|migration| migration.version).max().unwrap_or(0);
        let found: Option<i64> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&read).await.map_err(|error| opening(path, error))?;
        match found {
            Some(found) if found == newest => Ok(Self { write: read.clone(), read }),
            Some(found) if found > newest => Err(StoreError::Newer { path: path.to_owned() }),
            _ => Err(StoreError::Older { path: path.to_owned() }),
        }
    }

    /// A store that vanishes with its last clone: for tests.
    pub async fn open_in_memory() -> Result<Self, StoreError> {
        let write = pool(1).connect_with(options().in_memory(true)).await?;
        migrate(&write, Path::new(":memory:")).await?;
        Ok(Self { read: write.clone(), write })
    }

    /// As long as what it gives lives, whoever writes waits: for tests.
    #[cfg(test)]
    pub async fn held_busy(&self) -> Result<impl Sized + Send, StoreError> {
        self.begin().await
    }

    /// Waits for what is under way, then closes the file.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: i64 = sqlx::query_scalar("SELECT 1").fetch_one(&self.read).await?;
        Ok(())
    }

    /// Begins a verb of several statements. The write lock is taken at once, so that what was read stays true.
    async fn begin(&self) -> Result<Write, StoreError> {
        Ok(self.write.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn options() -> SqliteConnectOptions {
    SqliteConnectOptions::new().foreign_keys(true).busy_timeout(Duration::from_secs(5)).disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(10))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn make_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

async fn check(write: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    let answer: String = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(write).await.map_err(|error| opening(path, error))?;
    if answer == "ok" { Ok(()) } else { Err(StoreError::Damaged { path: path.to_owned(), detail: answer }) }
}

async fn migrate(write: &SqlitePool, path: &Path) -> Result<(), StoreError> {
    sqlx::migrate!("src/store/migrations/sqlite").run(write).await.map_err(|error| match error {
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => StoreError::Newer { path: path.to_owned() },
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => opening(path, error),
        other => StoreError::Damaged { path: path.to_owned(), detail: other.to_string() },
    })
}

fn opening(path: &Path, error: sqlx::Error) -> StoreError {
    // SQLITE_CORRUPT and SQLITE_NOTADB, also as the low byte of an extended code (sqlite.org/rescode.html).
    let code = error.as_database_error().and_then(|error| error.code()).and_then(|code| code.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => StoreError::Damaged { path: path.to_owned(), detail: error.to_string() },
        _ => StoreError::CannotOpen { path: path.to_owned(), source: std::io::Error::other(error) },
    }
}

fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.is_unique_violation())
}
