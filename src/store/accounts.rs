//! Accounts, their invitations, and what they did wrong lately.

use sqlx::Row;

use super::rows::{account, account_columns, bytes, time};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, AccountName, AccountState, Role, UnitName};

#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error("an account of that name has enrolled already; choose another name")]
    NameTaken,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for InviteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What was wrong with an answer that should have been a key's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongAnswer {
    /// A key of the account signed it, and still it does not count.
    Signed,
    /// Anybody can have made it up.
    Unsigned,
}

/// Which accounts a list shows; the default is all.
#[derive(Clone, Debug, Default)]
pub struct AccountFilter {
    pub unit: Option<UnitName>,
    /// A part of the name, or of the unit.
    pub search: Option<String>,
}

impl Store {
    /// Creates the account, invited; or invites one anew that is still invited, whose unit, role and address become
    /// the new ones (it manages no unit then), whose id stays, and whose old invitation is void. Returns the account as it now is.
    pub async fn invite(&self, new: &Account, invitation: TokenHash, expires: Time) -> Result<Account, InviteError> {
        let mut write = self.begin().await?;
        let found = sqlx::query(concat!("SELECT ", account_columns!(), " FROM accounts WHERE name = $1"))
            .bind(new.name.as_str())
            .fetch_optional(&mut *write)
            .await?;
        let invited = match found.as_ref().map(account).transpose()? {
            None => Account { state: AccountState::Invited, ..new.clone() },
            Some(old) if old.state == AccountState::Invited => {
                Account { id: old.id, created: old.created, state: AccountState::Invited, ..new.clone() }
            }
            Some(_) => return Err(InviteError::NameTaken),
        };
        sqlx::query(
            "INSERT INTO accounts (id, name, unit, role, email, state, created) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (id) DO UPDATE SET unit = excluded.unit, role = excluded.role, email = excluded.email, manages_unit = 0",
        )
        .bind(invited.id.to_string())
        .bind(invited.name.as_str())
        .bind(invited.unit.as_str())
        .bind(invited.role.word())
        .bind(invited.email.as_deref())
        .bind(invited.state.word())
        .bind(invited.created.millis())
        .execute(&mut *write)
        .await?;
        sqlx::query("DELETE FROM invitations WHERE account = $1").bind(invited.id.to_string()).execute(&mut *write).await?;
        sqlx::query("INSERT INTO invitations (hash, account, expires) VALUES ($1, $2, $3)")
            .bind(bytes(&invitation))
            .bind(invited.id.to_string())
            .bind(expires.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(invited)
    }

    /// Voids what would let members enrol under these names, links and letters. Returns for whom there was something; for staff and for whoever
    /// begins anew there are links of security administrators only, which stay.
    pub async fn void_invitations(&self, names: &[AccountName]) -> Result<Vec<AccountName>, StoreError> {
        let mut write = self.begin().await?;
        let mut void = Vec::new();
        for name in names {
            let deleted = sqlx::query(
                "DELETE FROM invitations WHERE account IN (SELECT id FROM accounts WHERE name = $1 AND role = 'member' AND reopened = 0)",
            )
            .bind(name.as_str())
            .execute(&mut *write)
            .await?;
            if deleted.rows_affected() > 0 {
                void.push(name.clone());
            }
        }
        write.commit().await?;
        Ok(void)
    }

    /// The account of an invitation that is unspent and unexpired, and when it expires.
    pub async fn invitation(&self, invitation: TokenHash, now: Time) -> Result<Option<(Account, Time)>, StoreError> {
        let row = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", invitations.expires FROM invitations JOIN accounts ON accounts.id = invitations.account
             WHERE invitations.hash = $1 AND invitations.token IS NULL AND invitations.expires > $2 AND accounts.state = 'invited'"
        ))
        .bind(bytes(&invitation))
        .bind(now.millis())
        .fetch_optional(&self.read)
        .await?;
        row.map(|row| Ok((account(&row)?, time(&row, "expires")?))).transpose()
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(&self.read)
            .await?;
        row.as_ref().map(account).transpose()
    }

    pub async fn account_by_name(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        Ok(self.account_and_password(name).await?.map(|(account, _)| account))
    }

    /// The account and its password as a PHC string, if it has one.
    pub async fn account_and_password(&self, name: &AccountName) -> Result<Option<(Account, Option<String>)>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", account_columns!(), ", accounts.password FROM accounts WHERE name = $1"))
            .bind(name.as_str())
            .fetch_optional(&self.read)
            .await?;
        row.map(|row| Ok((account(&row)?, row.try_get("password")?))).transpose()
    }

    /// The accounts that fit the filter, by unit, then name.
    pub async fn accounts(&self, filter: &AccountFilter) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            " FROM accounts WHERE ($1 IS NULL OR unit = $1) AND ($2 IS NULL OR instr(name, $2) > 0 OR instr(unit, $3) > 0) ORDER BY unit, name"
        ))
        .bind(filter.unit.as_ref().map(UnitName::as_str))
        .bind(filter.search.as_ref().map(|search| search.to_lowercase()))
        // A unit keeps its case.
        .bind(filter.search.as_deref())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(account).collect()
    }

    /// Whether somebody in this role can sign in.
    pub async fn has_active(&self, role: Role) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM accounts WHERE role = $1 AND state = 'active'")
            .bind(role.word())
            .fetch_one(&self.read)
            .await?;
        Ok(count > 0)
    }

    /// Moves an account from one of the states `from` to `to`, and returns the state that it has then; `None`: it is
    /// not there, or in none of them. An account that never enrolled becomes invited where it would become active.
    /// Becoming active forgets old failures; becoming disabled or suspended ends the account's sessions with it.
    pub async fn set_state(&self, id: AccountId, from: &[AccountState], to: AccountState) -> Result<Option<AccountState>, StoreError> {
        let mut write = self.begin().await?;
        let row = sqlx::query("SELECT state, password IS NOT NULL AS enrolled FROM accounts WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *write)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = super::rows::word(&row, "state", AccountState::parse)?;
        if !from.contains(&state) {
            return Ok(None);
        }
        let enrolled: bool = row.try_get("enrolled")?;
        let to = if to == AccountState::Active && !enrolled { AccountState::Invited } else { to };
        sqlx::query(
            "UPDATE accounts SET state = $2, key_failures = CASE WHEN $2 = 'active' THEN 0 ELSE key_failures END,
             unsigned_answers = CASE WHEN $2 = 'active' THEN 0 ELSE unsigned_answers END,
             code_failures = CASE WHEN $2 = 'active' THEN 0 ELSE code_failures END,
             unused_since = CASE WHEN $2 = 'active' THEN NULL ELSE unused_since END, suspended_unused = 0 WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(to.word())
        .execute(&mut *write)
        .await?;
        if matches!(to, AccountState::Disabled | AccountState::Suspended) {
            sqlx::query("DELETE FROM sessions WHERE account = $1").bind(id.to_string()).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(Some(to))
    }

    /// Counts a failure of the second factor after a right password; returns how many of its kind there are in a row.
    pub async fn count_failure(&self, id: AccountId, what: WrongAnswer) -> Result<u32, StoreError> {
        let count = match what {
            WrongAnswer::Signed => "UPDATE accounts SET key_failures = key_failures + 1 WHERE id = $1 RETURNING key_failures",
            WrongAnswer::Unsigned => "UPDATE accounts SET unsigned_answers = unsigned_answers + 1 WHERE id = $1 RETURNING unsigned_answers",
        };
        let count: Option<i64> = sqlx::query_scalar(count).bind(id.to_string()).fetch_optional(&self.write).await?;
        Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    pub async fn clear_failures(&self, id: AccountId) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE accounts SET key_failures = 0, unsigned_answers = 0 WHERE id = $1 AND (key_failures <> 0 OR unsigned_answers <> 0)",
        )
        .bind(id.to_string())
        .execute(&self.write)
        .await?;
        Ok(())
    }

    /// Removes whatever has expired: invitations, challenges, steps, codes.
    pub async fn sweep(&self, now: Time) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        for statement in [
            "DELETE FROM invitations WHERE expires <= $1",
            "DELETE FROM challenges WHERE expires <= $1",
            "DELETE FROM steps WHERE expires <= $1",
            "DELETE FROM codes WHERE expires <= $1",
            "DELETE FROM recoveries WHERE expires <= $1",
            "DELETE FROM petitions WHERE state = 'draft' AND expires <= $1",
        ] {
            sqlx::query(statement).bind(now.millis()).execute(&mut *write).await?;
        }
        Ok(write.commit().await?)
    }
}
