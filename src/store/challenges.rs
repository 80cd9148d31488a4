//! Challenges, and what else is taken once (requests for a USB-KEY, and their answers): each by the browser that it was made for, for
//! what it was made for.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{bytes, hash, time};
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::AccountId;

/// Challenges that one browser may have outstanding; the oldest gives way.
const PER_BINDING: i64 = 5;
/// Challenges in all, counted apart for strangers and for accounts, so that strangers cannot push out those of people
/// who have proved something.
const IN_ALL: i64 = 10_000;

/// What a challenge is for. One made for one purpose is not there for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    SignIn,
    KeyFirst,
    Enrol,
    FreshProof,
    AddKey,
    /// The host that asks for certificates is to look at one.
    UsbKeyAsked,
    /// It has; what it found goes to the browser that asked.
    UsbKeyShown,
    /// A USB-KEY was shown that is one factor of two.
    PasswordAfterUsbKey,
    /// More, or again, in a session that is open.
    StepUp,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::KeyFirst => "key-first",
            Self::Enrol => "enrol",
            Self::FreshProof => "fresh-proof",
            Self::AddKey => "add-key",
            Self::UsbKeyAsked => "usb-key-asked",
            Self::UsbKeyShown => "usb-key-shown",
            Self::PasswordAfterUsbKey => "password-after-usb-key",
            Self::StepUp => "step-up",
        }
    }
}

#[derive(Clone, Debug)]
pub struct NewChallenge {
    pub id: TokenHash,
    /// The token of the browser or session that it belongs to.
    pub binding: TokenHash,
    pub account: Option<AccountId>,
    pub purpose: Purpose,
    pub state: String,
    pub expires: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenChallenge {
    pub account: Option<AccountId>,
    pub state: String,
}

/// One that has not been taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenChallenge {
    pub binding: TokenHash,
    pub account: Option<AccountId>,
    pub state: String,
}

impl Store {
    /// Looks at a challenge and leaves it there. `None`: there is none of that id for this purpose, or it has expired.
    pub async fn challenge(&self, id: TokenHash, purpose: Purpose, now: Time) -> Result<Option<OpenChallenge>, StoreError> {
        let row = sqlx::query("SELECT binding, account, state FROM challenges WHERE id = $1 AND purpose = $2 AND expires > $3")
            .bind(bytes(&id))
            .bind(purpose.word())
            .bind(now.millis())
            .fetch_optional(&self.read)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(OpenChallenge { binding: hash(&row, "binding")?, account: account(&row)?, state: row.try_get("state")? }))
    }

    pub async fn put_challenge(&self, new: &NewChallenge, now: Time) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        make_room(&mut write, new).await?;
        sqlx::query("INSERT INTO challenges (id, binding, account, purpose, state, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)")
            .bind(bytes(&new.id))
            .bind(bytes(&new.binding))
            .bind(new.account.map(|account| account.to_string()))
            .bind(new.purpose.word())
            .bind(new.state.as_str())
            .bind(now.millis())
            .bind(new.expires.millis())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }

    /// Takes the challenge away. `None`: there is none of that id for this browser and purpose, it was taken already,
    /// or it has expired.
    pub async fn take_challenge(
        &self,
        id: TokenHash,
        binding: TokenHash,
        purpose: Purpose,
        now: Time,
    ) -> Result<Option<TakenChallenge>, StoreError> {
        let row = sqlx::query("DELETE FROM challenges WHERE id = $1 AND binding = $2 AND purpose = $3 RETURNING account, state, expires")
            .bind(bytes(&id))
            .bind(bytes(&binding))
            .bind(purpose.word())
            .fetch_optional(&self.write)
            .await?;
        let Some(row) = row else { return Ok(None) };
        if time(&row, "expires")? <= now {
            return Ok(None);
        }
        Ok(Some(TakenChallenge { account: account(&row)?, state: row.try_get("state")? }))
    }
}

fn account(row: &SqliteRow) -> Result<Option<AccountId>, StoreError> {
    let account: Option<String> = row.try_get("account")?;
    account.map(|text| text.parse().map_err(|_| StoreError::Unreadable { what: "account", found: text })).transpose()
}

async fn make_room(write: &mut Write, new: &NewChallenge) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM challenges WHERE id IN
         (SELECT id FROM challenges WHERE binding = $1 ORDER BY created DESC, id LIMIT -1 OFFSET $2)",
    )
    .bind(bytes(&new.binding))
    .bind(PER_BINDING.saturating_sub(1))
    .execute(&mut **write)
    .await?;
    let (count, drop_oldest) = if new.account.is_none() {
        (
            "SELECT count(*) FROM challenges WHERE account IS NULL",
            "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE account IS NULL ORDER BY created, id LIMIT $1)",
        )
    } else {
        (
            "SELECT count(*) FROM challenges WHERE account IS NOT NULL",
            "DELETE FROM challenges WHERE id IN (SELECT id FROM challenges WHERE account IS NOT NULL ORDER BY created, id LIMIT $1)",
        )
    };
    let count: i64 = sqlx::query_scalar(count).fetch_one(&mut **write).await?;
    let surplus = count.saturating_sub(IN_ALL).saturating_add(1);
    if surplus > 0 {
        sqlx::query(drop_oldest).bind(surplus).execute(&mut **write).await?;
    }
    Ok(())
}
