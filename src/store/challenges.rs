//! WebAuthn challenges: each is taken once, by the browser that it was made for, for what it was made for.

use sqlx::Row;

use super::rows::{bytes, time};
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
    /// A change that needs two, by the one who proposes it.
    Propose,
    /// The same, by the one who confirms it.
    Confirm,
    Recover,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::KeyFirst => "key-first",
            Self::Enrol => "enrol",
            Self::FreshProof => "fresh-proof",
            Self::AddKey => "add-key",
            Self::Propose => "propose",
            Self::Confirm => "confirm",
            Self::Recover => "recover",
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

impl Store {
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
        let account: Option<String> = row.try_get("account")?;
        let account = account.map(|text| text.parse().map_err(|_| StoreError::Unreadable { what: "account", found: text }));
        Ok(Some(TakenChallenge { account: account.transpose()?, state: row.try_get("state")? }))
    }
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
