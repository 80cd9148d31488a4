//! Dates of tokens: until when one opens doors, and which have passed.
//!
//! Invariant: a date can only be brought forward, so a token never lives longer than its maker or its authority said.

use super::tokens::{state_of, token, token_query};
use super::{Store, StoreError, TokenChange};
use crate::clock::Time;
use crate::model::{Serial, TokenState};

use super::StoredToken;

impl Store {
    /// Tokens that have not ended although their date has passed at `wall`.
    pub async fn expired_tokens(&self, wall: Time) -> Result<Vec<StoredToken>, StoreError> {
        let rows = sqlx::query(token_query!(
            "WHERE tokens.expires IS NOT NULL AND tokens.expires <= $1
             AND tokens.state IN ('in-stock', 'issued', 'active', 'suspended') ORDER BY tokens.serial"
        ))
        .bind(wall.millis())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(token).collect()
    }

    /// Says until when a token opens doors; a date that is earlier already stays.
    pub async fn limit_token(&self, serial: &Serial, until: Time) -> Result<TokenChange, StoreError> {
        let mut write = self.begin().await?;
        let Some(state) = state_of(&mut write, serial).await? else { return Ok(TokenChange::NoSuch) };
        if matches!(state, TokenState::Lost | TokenState::Revoked | TokenState::Expired) {
            return Ok(TokenChange::Not(state));
        }
        sqlx::query("UPDATE tokens SET expires = $2 WHERE serial = $1 AND (expires IS NULL OR expires > $2)")
            .bind(serial.as_str())
            .bind(until.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(TokenChange::Done { ended: Vec::new() })
    }
}
