//! Changes that a second person has to confirm.
//!
//! Invariant: a petition leaves a state by one statement that names the state, its time, and who may move it; so of any number at once
//! one alone carries it out, and neither its proposer nor the person whom it is about ever confirms it, whatever became of roles.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{optional_time, parsed, time, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::HalfHash;
use crate::model::{AccountId, AccountName, PetitionId, PetitionState, TokenId};

/// Drafts that one person may have; the oldest gives way.
const DRAFTS: i64 = 20;
/// The last ones that are shown after their end.
const CLOSED_SHOWN: i64 = 20;

#[derive(Clone, Debug)]
pub struct NewPetition<'a> {
    pub id: PetitionId,
    pub kind: &'a str,
    /// As JSON.
    pub proposal: &'a str,
    pub subject: Option<AccountId>,
    pub proposer: AccountId,
    pub expires: Time,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPetition {
    pub id: PetitionId,
    pub proposal: String,
    pub subject: Option<AccountId>,
    pub state: PetitionState,
    pub proposer: AccountId,
    pub proposer_name: AccountName,
    pub proposer_token: Option<TokenId>,
    pub half: Option<HalfHash>,
    pub proposed: Time,
    pub expires: Time,
    pub closer: Option<AccountId>,
    pub closer_name: Option<AccountName>,
    pub closed: Option<Time>,
}

macro_rules! petition_query {
    ($where:literal) => {
        concat!(
            "SELECT petitions.*, by.name AS proposer_name, closers.name AS closer_name FROM petitions
             JOIN accounts AS by ON by.id = petitions.proposer LEFT JOIN accounts AS closers ON closers.id = petitions.closer ",
            $where
        )
    };
}

impl Store {
    /// Writes down what somebody wants to propose. Nobody can confirm it yet.
    pub async fn draft_petition(&self, new: &NewPetition<'_>, now: Time) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query(
            "DELETE FROM petitions WHERE id IN
             (SELECT id FROM petitions WHERE proposer = $1 AND state = 'draft' ORDER BY proposed DESC, id LIMIT -1 OFFSET $2)",
        )
        .bind(new.proposer.to_string())
        .bind(DRAFTS.saturating_sub(1))
        .execute(&mut *write)
        .await?;
        sqlx::query(
            "INSERT INTO petitions (id, kind, proposal, subject, state, proposer, proposed, expires)
             VALUES ($1, $2, $3, $4, 'draft', $5, $6, $7)",
        )
        .bind(new.id.to_string())
        .bind(new.kind)
        .bind(new.proposal)
        .bind(new.subject.map(|subject| subject.to_string()))
        .bind(new.proposer.to_string())
        .bind(now.millis())
        .bind(new.expires.millis())
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Its proposer has proved that it is she: from now on another one can confirm it. `false`: it is no draft of hers, or too old.
    pub async fn open_petition(
        &self,
        id: PetitionId,
        (proposer, token): (AccountId, Option<TokenId>),
        half: Option<HalfHash>,
        expires: Time,
        now: Time,
    ) -> Result<bool, StoreError> {
        let opened = sqlx::query(
            "UPDATE petitions SET state = 'open', proposer_token = $3, half = $4, proposed = $5, expires = $6
             WHERE id = $1 AND proposer = $2 AND state = 'draft' AND expires > $5",
        )
        .bind(id.to_string())
        .bind(proposer.to_string())
        .bind(token.map(|token| token.to_string()))
        .bind(half.map(|half| half.0.to_vec()))
        .bind(now.millis())
        .bind(expires.millis())
        .execute(&self.write)
        .await?;
        Ok(opened.rows_affected() == 1)
    }

    /// Another one has confirmed it: it may be carried out, once. `false`: it is not open any more, or not hers to confirm.
    pub async fn confirm_petition(&self, id: PetitionId, by: AccountId, now: Time) -> Result<bool, StoreError> {
        let confirmed = sqlx::query(
            "UPDATE petitions SET state = 'done', closer = $2, closed = $3
             WHERE id = $1 AND state = 'open' AND expires > $3 AND proposer <> $2 AND (subject IS NULL OR subject <> $2)",
        )
        .bind(id.to_string())
        .bind(by.to_string())
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(confirmed.rows_affected() == 1)
    }

    /// For what one alone may do: a draft may be carried out, once, by whoever wrote it.
    pub async fn settle_petition_alone(&self, id: PetitionId, by: AccountId, now: Time) -> Result<bool, StoreError> {
        let settled = sqlx::query(
            "UPDATE petitions SET state = 'done', closer = $2, closed = $3
             WHERE id = $1 AND state = 'draft' AND expires > $3 AND proposer = $2 AND (subject IS NULL OR subject <> $2)",
        )
        .bind(id.to_string())
        .bind(by.to_string())
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(settled.rows_affected() == 1)
    }

    /// Its proposer takes it back.
    pub async fn withdraw_petition(&self, id: PetitionId, by: AccountId, now: Time) -> Result<bool, StoreError> {
        let withdrawn = sqlx::query(
            "UPDATE petitions SET state = 'withdrawn', closer = $2, closed = $3
             WHERE id = $1 AND state IN ('draft', 'open') AND expires > $3 AND proposer = $2",
        )
        .bind(id.to_string())
        .bind(by.to_string())
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(withdrawn.rows_affected() == 1)
    }

    pub async fn reject_petition(&self, id: PetitionId, by: AccountId, now: Time) -> Result<bool, StoreError> {
        let rejected = sqlx::query(
            "UPDATE petitions SET state = 'rejected', closer = $2, closed = $3 WHERE id = $1 AND state = 'open' AND expires > $3",
        )
        .bind(id.to_string())
        .bind(by.to_string())
        .bind(now.millis())
        .execute(&self.write)
        .await?;
        Ok(rejected.rows_affected() == 1)
    }

    /// It cannot be carried out any more.
    pub async fn fail_petition(&self, id: PetitionId, from: PetitionState) -> Result<(), StoreError> {
        sqlx::query("UPDATE petitions SET state = 'failed' WHERE id = $1 AND state = $2")
            .bind(id.to_string())
            .bind(from.word())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub async fn petition(&self, id: PetitionId) -> Result<Option<StoredPetition>, StoreError> {
        let row = sqlx::query(petition_query!("WHERE petitions.id = $1")).bind(id.to_string()).fetch_optional(&self.read).await?;
        row.as_ref().map(petition).transpose()
    }

    /// Those that wait for the other one, the oldest first.
    pub async fn open_petitions(&self, now: Time) -> Result<Vec<StoredPetition>, StoreError> {
        let rows = sqlx::query(petition_query!(
            "WHERE petitions.state = 'open' AND petitions.expires > $1 ORDER BY petitions.proposed, petitions.id"
        ))
        .bind(now.millis())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(petition).collect()
    }

    /// The last ones that have ended, the newest first.
    pub async fn closed_petitions(&self, now: Time) -> Result<Vec<StoredPetition>, StoreError> {
        let rows = sqlx::query(petition_query!(
            "WHERE petitions.state <> 'draft' AND NOT (petitions.state = 'open' AND petitions.expires > $1)
             ORDER BY COALESCE(petitions.closed, petitions.expires) DESC, petitions.id LIMIT $2"
        ))
        .bind(now.millis())
        .bind(CLOSED_SHOWN)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(petition).collect()
    }

    /// Whether an account that was somebody's has to be set up anew.
    pub async fn was_reopened(&self, id: AccountId) -> Result<bool, StoreError> {
        let reopened: Option<bool> =
            sqlx::query_scalar("SELECT reopened <> 0 FROM accounts WHERE id = $1").bind(id.to_string()).fetch_optional(&self.read).await?;
        Ok(reopened.unwrap_or(false))
    }
}

fn petition(row: &SqliteRow) -> Result<StoredPetition, StoreError> {
    let half: Option<Vec<u8>> = row.try_get("half")?;
    let half = half.map(|bytes| {
        let length = bytes.len();
        bytes.try_into().map(HalfHash).map_err(|_| StoreError::Unreadable { what: "half", found: format!("{length} bytes") })
    });
    let name = |text: &str| AccountName::parse(text).ok();
    let closer: Option<String> = row.try_get("closer")?;
    let closer_name: Option<String> = row.try_get("closer_name")?;
    Ok(StoredPetition {
        id: parsed(row, "id")?,
        proposal: row.try_get("proposal")?,
        subject: optional_id(row.try_get("subject")?)?,
        state: word(row, "state", PetitionState::parse)?,
        proposer: parsed(row, "proposer")?,
        proposer_name: word(row, "proposer_name", name)?,
        proposer_token: optional_id(row.try_get("proposer_token")?)?,
        half: half.transpose()?,
        proposed: time(row, "proposed")?,
        expires: time(row, "expires")?,
        closer: optional_id(closer)?,
        closer_name: closer_name.as_deref().and_then(name),
        closed: optional_time(row, "closed")?,
    })
}

fn optional_id<T: std::str::FromStr>(text: Option<String>) -> Result<Option<T>, StoreError> {
    text.map(|text| text.parse().map_err(|_| StoreError::Unreadable { what: "id", found: text })).transpose()
}
