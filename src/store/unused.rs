//! Accounts that nobody uses: since when, and their suspension.
//!
//! Invariant: the security administrator who signed in last is never among them, so that somebody is left who can switch the others on.

use std::collections::HashMap;

use super::rows::{account, account_columns, parsed, time};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::model::{Account, AccountId};

impl Store {
    /// She has signed in: her failures are forgotten, and her account is in use.
    pub async fn note_sign_in(&self, id: AccountId, now: Time) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET key_failures = 0, unsigned_answers = 0, unused_since = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(now.millis())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Suspends the active accounts of which the last sign-in is not after `before`, ends their sessions, and says since when each was not
    /// used. The time of an account that was never used, or was switched on again, begins `now`.
    pub async fn suspend_unused(&self, before: Time, now: Time) -> Result<Vec<(Account, Time)>, StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("UPDATE accounts SET unused_since = $1 WHERE unused_since IS NULL AND state = 'active'")
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        let suspended = sqlx::query(concat!(
            "UPDATE accounts SET state = 'suspended', suspended_unused = 1 WHERE state = 'active' AND unused_since <= $1
             AND id NOT IN (SELECT id FROM accounts WHERE role = 'security-administrator' AND state = 'active'
                            ORDER BY unused_since DESC, id LIMIT 1)
             RETURNING unused_since, ",
            account_columns!()
        ))
        .bind(before.millis())
        .fetch_all(&mut *write)
        .await?;
        let suspended: Vec<(Account, Time)> =
            suspended.iter().map(|row| Ok((account(row)?, time(row, "unused_since")?))).collect::<Result<_, StoreError>>()?;
        for (account, _) in &suspended {
            sqlx::query("DELETE FROM sessions WHERE account = $1").bind(account.id.to_string()).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(suspended)
    }

    /// Whoever is suspended because nobody used the account, and since when nobody did.
    pub async fn suspended_unused(&self) -> Result<HashMap<AccountId, Time>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, unused_since FROM accounts WHERE state = 'suspended' AND suspended_unused = 1 AND unused_since IS NOT NULL",
        )
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(|row| Ok((parsed(row, "id")?, time(row, "unused_since")?))).collect()
    }
}
