//! One-time codes that carry a session from the portal to an app's host.
//!
//! Invariant: a code lives no longer than the portal's token that asked for it.

use sqlx::Row;

use super::rows::{bytes, hash, parsed, time, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Host, SessionId};

/// Codes that one session may have outstanding; the oldest gives way.
const PER_SESSION: i64 = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub session: SessionId,
    /// The portal's token that asked for it.
    pub asker: TokenHash,
    /// The only host where it is worth something.
    pub host: Host,
    /// The hash of the nonce that the browser must show there.
    pub nonce: TokenHash,
    pub return_path: String,
    pub expires: Time,
}

impl Store {
    /// `false`: the session has ended, or goes on with another token.
    pub async fn put_code(&self, id: TokenHash, code: &Code, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        sqlx::query(
            "DELETE FROM codes WHERE hash IN
             (SELECT hash FROM codes WHERE session = $1 ORDER BY created DESC, hash LIMIT -1 OFFSET $2)",
        )
        .bind(code.session.to_string())
        .bind(PER_SESSION.saturating_sub(1))
        .execute(&mut *write)
        .await?;
        let inserted = sqlx::query(
            "INSERT INTO codes (hash, session, asker, host, nonce, return_path, created, expires)
             SELECT $1, session, hash, $4, $5, $6, $7, $8 FROM host_tokens WHERE session = $2 AND hash = $3",
        )
        .bind(bytes(&id))
        .bind(code.session.to_string())
        .bind(bytes(&code.asker))
        .bind(code.host.as_str())
        .bind(bytes(&code.nonce))
        .bind(code.return_path.as_str())
        .bind(now.millis())
        .bind(code.expires.millis())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(inserted.rows_affected() == 1)
    }

    /// Takes the code away. `None`: there is none, it was spent already, or it has expired.
    ///
    /// Looks first, so that made-up codes do not queue for the one connection that writes.
    pub async fn spend_code(&self, id: TokenHash, now: Time) -> Result<Option<Code>, StoreError> {
        let known = sqlx::query("SELECT 1 FROM codes WHERE hash = $1").bind(bytes(&id)).fetch_optional(&self.read).await?;
        if known.is_none() {
            return Ok(None);
        }
        let row = sqlx::query("DELETE FROM codes WHERE hash = $1 RETURNING session, asker, host, nonce, return_path, expires")
            .bind(bytes(&id))
            .fetch_optional(&self.write)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let code = Code {
            session: parsed(&row, "session")?,
            asker: hash(&row, "asker")?,
            host: word(&row, "host", |text| Host::parse(text).ok())?,
            nonce: hash(&row, "nonce")?,
            return_path: row.try_get("return_path")?,
            expires: time(&row, "expires")?,
        };
        Ok(Some(code).filter(|code| code.expires > now))
    }
}
