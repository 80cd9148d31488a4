//! What a browser has proved on the way to something: a right password, a fresh assertion by a key.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{bytes, parsed, time};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{AccountId, SessionId};

/// Steps of one kind that an account may have outstanding; the oldest gives way.
const PER_ACCOUNT: i64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// The password was right; the key is still to come.
    PasswordWasRight,
    /// A key of the signed-in account answered just now.
    KeyAnswered,
}

impl StepKind {
    const fn word(self) -> &'static str {
        match self {
            Self::PasswordWasRight => "password-was-right",
            Self::KeyAnswered => "key-answered",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub account: AccountId,
    /// The session in which it was proved, if there is one.
    pub session: Option<SessionId>,
    pub expires: Time,
}

impl Store {
    pub async fn put_step(&self, hash: TokenHash, kind: StepKind, step: &Step, now: Time) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query(
            "DELETE FROM steps WHERE hash IN
             (SELECT hash FROM steps WHERE account = $1 AND kind = $2 ORDER BY created DESC, hash LIMIT -1 OFFSET $3)",
        )
        .bind(step.account.to_string())
        .bind(kind.word())
        .bind(PER_ACCOUNT.saturating_sub(1))
        .execute(&mut *write)
        .await?;
        sqlx::query("INSERT INTO steps (hash, kind, account, session, created, expires) VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(bytes(&hash))
            .bind(kind.word())
            .bind(step.account.to_string())
            .bind(step.session.map(|session| session.to_string()))
            .bind(now.millis())
            .bind(step.expires.millis())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    pub async fn step(&self, hash: TokenHash, kind: StepKind, now: Time) -> Result<Option<Step>, StoreError> {
        let row = sqlx::query("SELECT account, session, expires FROM steps WHERE hash = $1 AND kind = $2 AND expires > $3")
            .bind(bytes(&hash))
            .bind(kind.word())
            .bind(now.millis())
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(step).transpose()
    }

    /// Takes the step away; a second time there is none.
    pub async fn spend_step(&self, hash: TokenHash, kind: StepKind, now: Time) -> Result<Option<Step>, StoreError> {
        let row = sqlx::query("DELETE FROM steps WHERE hash = $1 AND kind = $2 RETURNING account, session, expires")
            .bind(bytes(&hash))
            .bind(kind.word())
            .fetch_optional(&self.write)
            .await?;
        let found = row.as_ref().map(step).transpose()?;
        Ok(found.filter(|step| step.expires > now))
    }
}

fn step(row: &SqliteRow) -> Result<Step, StoreError> {
    let session: Option<String> = row.try_get("session")?;
    let session = session.map(|text| text.parse().map_err(|_| StoreError::Unreadable { what: "session", found: text }));
    Ok(Step { account: parsed(row, "account")?, session: session.transpose()?, expires: time(row, "expires")? })
}
