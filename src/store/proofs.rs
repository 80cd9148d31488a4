//! What was proved in a session after its sign-in.
//!
//! Invariant: a proof and the new token of the portal come together, and only while the session, its account and the token are good. Proofs
//! are numbered as they come, and a token has those up to the last that it was given out with.

use std::collections::HashMap;

use sqlx::{Row, Sqlite, Transaction};

use super::rows::{bytes, parsed, time, word};
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Factor, Host, Proof, SessionId};

impl Store {
    /// Adds a proof to a session, or refreshes the one by the same token, and gives the portal a new token in place of all that it had; the
    /// codes that those had asked for go with them.
    /// `false`: the session is over, the account is not active, or the token is not (any more) one of hers that is active.
    pub async fn step_up(&self, session: SessionId, proof: &Proof, portal: &Host, token: TokenHash, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let good: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM sessions JOIN accounts ON accounts.id = sessions.account JOIN tokens ON tokens.account = accounts.id
             WHERE sessions.id = $1 AND accounts.state = 'active' AND tokens.id = $2 AND tokens.state = 'active'",
        )
        .bind(session.to_string())
        .bind(proof.token.to_string())
        .fetch_one(&mut *write)
        .await?;
        if good != 1 {
            return Ok(false);
        }
        put(&mut write, session, proof).await?;
        sqlx::query(
            "INSERT INTO host_tokens (hash, session, host, created, last_active, proven)
             SELECT $1, $2, $3, $4, max(COALESCE(last_active, created)), (SELECT max(number) FROM proofs WHERE session = $2)
             FROM host_tokens WHERE session = $2 AND host = $3",
        )
        .bind(bytes(&token))
        .bind(session.to_string())
        .bind(portal.as_str())
        .bind(now.millis())
        .execute(&mut *write)
        .await?;
        sqlx::query("DELETE FROM host_tokens WHERE session = $1 AND host = $2 AND hash <> $3")
            .bind(session.to_string())
            .bind(portal.as_str())
            .bind(bytes(&token))
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(true)
    }
}

pub(super) async fn put(write: &mut Write, session: SessionId, proof: &Proof) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO proofs (session, token, factor, at, number)
         SELECT $1, $2, $3, $4, COALESCE(max(number) + 1, 0) FROM proofs WHERE session = $1
         ON CONFLICT (session, token) DO UPDATE SET factor = excluded.factor, at = excluded.at, number = excluded.number",
    )
    .bind(session.to_string())
    .bind(proof.token.to_string())
    .bind(proof.factor.word())
    .bind(proof.at.millis())
    .execute(&mut **write)
    .await?;
    Ok(())
}

/// A proof with its number.
pub(super) type Numbered = (i64, Proof);

/// Of each session, the oldest first.
pub(super) async fn all(read: &mut Transaction<'_, Sqlite>) -> Result<HashMap<SessionId, Vec<Numbered>>, StoreError> {
    let mut proofs: HashMap<SessionId, Vec<Numbered>> = HashMap::new();
    for row in sqlx::query("SELECT session, token, factor, at, number FROM proofs ORDER BY number").fetch_all(&mut **read).await? {
        let proof = Proof { token: parsed(&row, "token")?, factor: word(&row, "factor", Factor::parse)?, at: time(&row, "at")? };
        proofs.entry(parsed(&row, "session")?).or_default().push((row.try_get("number")?, proof));
    }
    Ok(proofs)
}

/// What a token has that was given out when the last proof was that of this number. One that was made again since is no longer known as it
/// was, and is left out; that of the sign-in is, and comes first.
pub(super) fn up_to(proven: i64, sign_in: Proof, all: &[Numbered]) -> Vec<Proof> {
    let (mut first, mut proofs) = (sign_in, Vec::new());
    for (_, proof) in all.iter().filter(|(number, _)| *number <= proven) {
        if proof.token == sign_in.token {
            first = *proof;
        } else {
            proofs.push(*proof);
        }
    }
    proofs.insert(0, first);
    proofs
}
