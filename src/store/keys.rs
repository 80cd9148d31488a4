//! Registered security keys: tokens of the inventory that the WebAuthn library knows by their credential. A credential belongs to one account;
//! a key cannot be removed if nothing else would open the account.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{counter, optional_time, parsed, time, word};
use super::{Store, StoreError, is_taken};
use crate::clock::Time;
use crate::model::{AccountId, Attestation, Serial, TokenId, TokenState};

/// More keys than a person carries; each one makes the sign-in page longer.
const KEYS_PER_ACCOUNT: i64 = 10;

/// Keys that open something. A suspended one is not among them.
macro_rules! active_keys {
    ($where:literal) => {
        concat!(
            "SELECT keys.*, tokens.serial, tokens.last_used FROM keys JOIN tokens ON tokens.id = keys.id WHERE tokens.state = 'active' ",
            $where
        )
    };
}

/// The inventory's row of a key; $1 is its id, $2 its account, $3 the time. A key brings no serial number that a browser would tell, so it is
/// given one.
pub(super) const TOKEN_OF_KEY: &str = "INSERT INTO tokens (id, serial, kind, state, account, added, issued)
     VALUES ($1, 'K-' || upper(substr($1, -12)), 'webauthn', 'active', $2, $3, $3)";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub id: TokenId,
    /// The credential id that the authenticator chose (WebAuthn, section 6.1.1).
    pub credential: Vec<u8>,
    /// The public key and what belongs to it, as JSON of the WebAuthn library.
    pub passkey: String,
    pub counter: u32,
    /// What the person calls it.
    pub label: String,
    pub attestation: Attestation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub id: TokenId,
    pub serial: Serial,
    pub account: AccountId,
    pub credential: Vec<u8>,
    pub passkey: String,
    pub counter: u32,
    pub label: String,
    pub attestation: Attestation,
    pub added: Time,
    pub last_used: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAddition {
    Added,
    /// The key is registered already, here or with another account.
    Taken,
    TooMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRemoval {
    Removed,
    /// The account has no other key and no code token: nobody would get in.
    LastOne,
    NoSuch,
}

impl Store {
    /// The account's keys, the oldest first.
    pub async fn keys(&self, account: AccountId) -> Result<Vec<StoredKey>, StoreError> {
        let rows = sqlx::query(active_keys!("AND keys.account = $1 ORDER BY keys.added, keys.id"))
            .bind(account.to_string())
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(key).collect()
    }

    pub async fn key_by_credential(&self, credential: &[u8]) -> Result<Option<StoredKey>, StoreError> {
        let row = sqlx::query(active_keys!("AND keys.credential = $1")).bind(credential).fetch_optional(&self.read).await?;
        row.as_ref().map(key).transpose()
    }

    /// The key of this credential where it opened something once and does not any more, and what it is now.
    pub async fn withdrawn_key(&self, credential: &[u8]) -> Result<Option<(StoredKey, TokenState)>, StoreError> {
        let row = sqlx::query(
            "SELECT keys.*, tokens.serial, tokens.last_used, tokens.state FROM keys JOIN tokens ON tokens.id = keys.id
             WHERE tokens.state IN ('suspended', 'lost', 'revoked', 'expired') AND keys.credential = $1",
        )
        .bind(credential)
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(|row| Ok((key(row)?, word(row, "state", TokenState::parse)?))).transpose()
    }

    /// Every key that opens something.
    pub async fn all_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        let rows = sqlx::query(active_keys!("ORDER BY keys.id")).fetch_all(&self.read).await?;
        rows.iter().map(key).collect()
    }

    /// What adding a key of this credential would come to now.
    pub async fn could_add_key(&self, account: AccountId, credential: &[u8]) -> Result<KeyAddition, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM keys JOIN tokens ON tokens.id = keys.id WHERE keys.account = $1
             AND tokens.state IN ('active', 'suspended')) AS held, EXISTS (SELECT 1 FROM keys WHERE credential = $2) AS taken",
        )
        .bind(account.to_string())
        .bind(credential)
        .fetch_one(&self.read)
        .await?;
        let (held, taken): (i64, bool) = (row.try_get("held")?, row.try_get("taken")?);
        Ok(match taken {
            _ if held >= KEYS_PER_ACCOUNT => KeyAddition::TooMany,
            true => KeyAddition::Taken,
            false => KeyAddition::Added,
        })
    }

    /// Adds a key to an active account.
    pub async fn add_key(&self, account: AccountId, new: &NewKey, now: Time) -> Result<KeyAddition, StoreError> {
        let mut write = self.begin().await?;
        // A key that was lost takes no place.
        let held = "SELECT count(*) FROM keys JOIN tokens ON tokens.id = keys.id
                    WHERE keys.account = $1 AND tokens.state IN ('active', 'suspended')";
        let count: i64 = sqlx::query_scalar(held).bind(account.to_string()).fetch_one(&mut *write).await?;
        if count >= KEYS_PER_ACCOUNT {
            return Ok(KeyAddition::TooMany);
        }
        let inserted =
            sqlx::query("INSERT INTO keys (id, account, credential, passkey, counter, label, added, attestation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(new.id.to_string())
                .bind(account.to_string())
                .bind(new.credential.as_slice())
                .bind(new.passkey.as_str())
                .bind(i64::from(new.counter))
                .bind(new.label.as_str())
                .bind(now.millis())
                .bind(new.attestation.to_string())
                .execute(&mut *write)
                .await;
        match inserted {
            Ok(_) => {
                sqlx::query(TOKEN_OF_KEY)
                    .bind(new.id.to_string())
                    .bind(account.to_string())
                    .bind(now.millis())
                    .execute(&mut *write)
                    .await?;
                write.commit().await?;
            }
            Err(error) if is_taken(&error) => return Ok(KeyAddition::Taken),
            Err(error) => return Err(error.into()),
        }
        Ok(KeyAddition::Added)
    }

    /// Takes a key from its account; in the inventory it is revoked.
    pub async fn remove_key(&self, account: AccountId, key: TokenId, now: Time) -> Result<KeyRemoval, StoreError> {
        let mut write = self.begin().await?;
        let removed = sqlx::query("DELETE FROM keys WHERE id = $1 AND account = $2")
            .bind(key.to_string())
            .bind(account.to_string())
            .execute(&mut *write)
            .await?;
        if removed.rows_affected() == 0 {
            return Ok(KeyRemoval::NoSuch);
        }
        // Staff do not sign in by code.
        let left = "SELECT count(*) FROM tokens
                    WHERE kind <> 'phone-app' AND (kind <> 'oath' OR (SELECT role FROM accounts WHERE id = $1) = 'member')
                    AND account = $1 AND id <> $2 AND state = 'active' AND (expires IS NULL OR expires > $3)";
        let left: i64 =
            sqlx::query_scalar(left).bind(account.to_string()).bind(key.to_string()).bind(now.millis()).fetch_one(&mut *write).await?;
        if left == 0 {
            return Ok(KeyRemoval::LastOne);
        }
        sqlx::query("UPDATE tokens SET state = 'revoked', ended = $2 WHERE id = $1")
            .bind(key.to_string())
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(KeyRemoval::Removed)
    }

    /// Writes down a use of the key. `false`: it is gone, or its counter did not go on (WebAuthn, section 6.1.1: a
    /// counter that is not zero must grow), also where two uses raced.
    pub async fn record_use(&self, key: TokenId, counter: u32, passkey: &str, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let changed = sqlx::query(
            "UPDATE keys SET counter = $2, passkey = $3 WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))
             AND EXISTS (SELECT 1 FROM tokens WHERE tokens.id = $1 AND tokens.state = 'active')",
        )
        .bind(key.to_string())
        .bind(i64::from(counter))
        .bind(passkey)
        .execute(&mut *write)
        .await?;
        if changed.rows_affected() == 1 {
            sqlx::query("UPDATE tokens SET last_used = $2 WHERE id = $1")
                .bind(key.to_string())
                .bind(now.millis())
                .execute(&mut *write)
                .await?;
            write.commit().await?;
        }
        Ok(changed.rows_affected() == 1)
    }
}

fn key(row: &SqliteRow) -> Result<StoredKey, StoreError> {
    Ok(StoredKey {
        id: parsed(row, "id")?,
        serial: word(row, "serial", |text| Serial::parse(text).ok())?,
        account: parsed(row, "account")?,
        credential: row.try_get("credential")?,
        passkey: row.try_get("passkey")?,
        counter: counter(row)?,
        label: row.try_get("label")?,
        attestation: word(row, "attestation", Attestation::parse)?,
        added: time(row, "added")?,
        last_used: optional_time(row, "last_used")?,
    })
}
