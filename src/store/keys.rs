//! Registered security keys. A credential belongs to one account; the last key of an account cannot be removed.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{counter, parsed, time};
use super::{Store, StoreError, is_taken};
use crate::clock::Time;
use crate::model::{AccountId, KeyId};

/// More keys than a person carries; each one makes the sign-in page longer.
const KEYS_PER_ACCOUNT: i64 = 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    pub id: KeyId,
    /// The credential id that the authenticator chose (WebAuthn, section 6.1.1).
    pub credential: Vec<u8>,
    /// The public key and what belongs to it, as JSON of the WebAuthn library.
    pub passkey: String,
    pub counter: u32,
    /// What the person calls it.
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    pub id: KeyId,
    pub account: AccountId,
    pub credential: Vec<u8>,
    pub passkey: String,
    pub counter: u32,
    pub label: String,
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
    /// It is the last one: without a key nobody gets in.
    LastOne,
    NoSuch,
}

impl Store {
    /// The account's keys, the oldest first.
    pub async fn keys(&self, account: AccountId) -> Result<Vec<StoredKey>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM keys WHERE account = $1 ORDER BY added, id").bind(account.to_string()).fetch_all(&self.read).await?;
        rows.iter().map(key).collect()
    }

    pub async fn key_by_credential(&self, credential: &[u8]) -> Result<Option<StoredKey>, StoreError> {
        let row = sqlx::query("SELECT * FROM keys WHERE credential = $1").bind(credential).fetch_optional(&self.read).await?;
        row.as_ref().map(key).transpose()
    }

    /// What adding a key of this credential would come to now.
    pub async fn could_add_key(&self, account: AccountId, credential: &[u8]) -> Result<KeyAddition, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM keys WHERE account = $1) AS held, EXISTS (SELECT 1 FROM keys WHERE credential = $2) AS taken",
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
        let count: i64 =
            sqlx::query_scalar("SELECT count(*) FROM keys WHERE account = $1").bind(account.to_string()).fetch_one(&mut *write).await?;
        if count >= KEYS_PER_ACCOUNT {
            return Ok(KeyAddition::TooMany);
        }
        let inserted =
            sqlx::query("INSERT INTO keys (id, account, credential, passkey, counter, label, added) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(new.id.to_string())
                .bind(account.to_string())
                .bind(new.credential.as_slice())
                .bind(new.passkey.as_str())
                .bind(i64::from(new.counter))
                .bind(new.label.as_str())
                .bind(now.millis())
                .execute(&mut *write)
                .await;
        match inserted {
            Ok(_) => write.commit().await?,
            Err(error) if is_taken(&error) => return Ok(KeyAddition::Taken),
            Err(error) => return Err(error.into()),
        }
        Ok(KeyAddition::Added)
    }

    pub async fn remove_key(&self, account: AccountId, key: KeyId) -> Result<KeyRemoval, StoreError> {
        let mut write = self.begin().await?;
        let removed = sqlx::query("DELETE FROM keys WHERE id = $1 AND account = $2")
            .bind(key.to_string())
            .bind(account.to_string())
            .execute(&mut *write)
            .await?;
        if removed.rows_affected() == 0 {
            return Ok(KeyRemoval::NoSuch);
        }
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM keys WHERE account = $1").bind(account.to_string()).fetch_one(&mut *write).await?;
        if left == 0 {
            return Ok(KeyRemoval::LastOne);
        }
        write.commit().await?;
        Ok(KeyRemoval::Removed)
    }

    /// Writes down a use of the key. `false`: it is gone, or its counter did not go on (WebAuthn, section 6.1.1: a
    /// counter that is not zero must grow), also where two uses raced.
    pub async fn record_use(&self, key: KeyId, counter: u32, passkey: &str, now: Time) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "UPDATE keys SET counter = $2, passkey = $3, last_used = $4
             WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))",
        )
        .bind(key.to_string())
        .bind(i64::from(counter))
        .bind(passkey)
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(changed.rows_affected() == 1)
    }
}

fn key(row: &SqliteRow) -> Result<StoredKey, StoreError> {
    let last_used: Option<i64> = row.try_get("last_used")?;
    Ok(StoredKey {
        id: parsed(row, "id")?,
        account: parsed(row, "account")?,
        credential: row.try_get("credential")?,
        passkey: row.try_get("passkey")?,
        counter: counter(row)?,
        label: row.try_get("label")?,
        added: time(row, "added")?,
        last_used: last_used.map(Time::from_millis),
    })
}
