//! Security administrators who can confirm what takes two: active, with a token that suits staff.
//!
//! Invariant: one place says which tokens those are.

use std::time::Duration;

use super::rows::{account, account_columns};
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::model::{Account, TokenId};

/// A condition on `tokens`, true of those that an account of `accounts` can use as staff at `$1`.
macro_rules! token_for_staff {
    () => {
        "tokens.account = accounts.id AND tokens.state = 'active'
         AND (tokens.expires IS NULL OR tokens.expires > $1) AND (tokens.kind = 'webauthn' OR (tokens.kind = 'usb-key' AND EXISTS
         (SELECT 1 FROM certificates WHERE certificates.token = tokens.id AND certificates.revoked IS NULL AND certificates.hardware)))"
    };
}
pub(super) use token_for_staff;

/// A condition on `accounts`, true of those who hold such a token at `$1`.
macro_rules! holds_token_for_staff {
    () => {
        concat!("EXISTS (SELECT 1 FROM tokens WHERE ", $crate::store::wardens::token_for_staff!(), ")")
    };
}
pub(super) use holds_token_for_staff;

impl Store {
    /// Those who can now, by name.
    pub async fn wardens(&self, now: Time) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE role = 'security-administrator' AND state = 'active' AND ",
            holds_token_for_staff!(),
            " ORDER BY name"
        ));
        rows.bind(now.millis()).fetch_all(&self.read).await?.iter().map(account).collect()
    }

    /// Whether nobody could any more without this token.
    pub async fn is_last_of_wardens(&self, token: TokenId, now: Time) -> Result<bool, StoreError> {
        let rows = sqlx::query_scalar::<_, String>(concat!(
            "SELECT tokens.id FROM accounts JOIN tokens ON ",
            token_for_staff!(),
            " WHERE accounts.role = 'security-administrator' AND accounts.state = 'active' LIMIT 2"
        ));
        let opening = rows.bind(now.millis()).fetch_all(&self.read).await?;
        Ok(opening == [token.to_string()])
    }

    /// Writes down who can now, for [`Store::wardens_within`].
    pub async fn note_wardens(&self, now: Time) -> Result<(), StoreError> {
        sqlx::query(concat!(
            "INSERT INTO wardens_seen (account, at)
             SELECT id, $1 FROM accounts WHERE role = 'security-administrator' AND state = 'active' AND ",
            holds_token_for_staff!(),
            " ON CONFLICT (account) DO UPDATE SET at = $1"
        ))
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Those who can now, or could at some time of the `past`, whatever has become of them since.
    pub async fn wardens_within(&self, past: Duration, now: Time) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE role = 'security-administrator' AND ((state = 'active' AND ",
            holds_token_for_staff!(),
            ") OR EXISTS (SELECT 1 FROM wardens_seen WHERE wardens_seen.account = accounts.id AND wardens_seen.at > $2)) ORDER BY name"
        ));
        rows.bind(now.millis()).bind(now.minus(past).millis()).fetch_all(&self.read).await?.iter().map(account).collect()
    }

    /// Writes down whether the authority of the token's certificate vouches for hardware.
    pub async fn note_hardware(&self, token: TokenId, is_hardware: bool) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        note_hardware(&mut write, token, is_hardware).await?;
        Ok(write.commit().await?)
    }
}

pub(super) async fn note_hardware(write: &mut Write, token: TokenId, is_hardware: bool) -> Result<(), StoreError> {
    sqlx::query("UPDATE certificates SET hardware = $2 WHERE token = $1 AND revoked IS NULL AND hardware <> $2")
        .bind(token.to_string())
        .bind(is_hardware)
        .execute(&mut **write)
        .await?;
    Ok(())
}
