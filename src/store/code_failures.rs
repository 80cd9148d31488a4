//! Wrong codes in a row, and what stops somebody from guessing on.
//!
//! Invariant: a count is one statement, so of any number of guesses at once none is missed; tokens that are suspended take the sessions that
//! they opened with them, in one transaction.

use super::rows::word;
use super::{Store, StoreError};
use crate::model::{AccountId, Serial};

impl Store {
    /// Counts a wrong code; returns how many there are in a row now.
    pub async fn count_code_failure(&self, account: AccountId) -> Result<u32, StoreError> {
        let count = "UPDATE accounts SET code_failures = code_failures + 1 WHERE id = $1 RETURNING code_failures";
        let count: Option<i64> = sqlx::query_scalar(count).bind(account.to_string()).fetch_optional(&self.write).await?;
        Ok(u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// Takes one back that was counted for nothing.
    pub async fn take_back_code_failure(&self, account: AccountId) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET code_failures = code_failures - 1 WHERE id = $1 AND code_failures > 0")
            .bind(account.to_string())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    pub async fn clear_code_failures(&self, account: AccountId) -> Result<(), StoreError> {
        sqlx::query("UPDATE accounts SET code_failures = 0 WHERE id = $1 AND code_failures <> 0")
            .bind(account.to_string())
            .execute(&self.write)
            .await?;
        Ok(())
    }

    /// Suspends every code token that the account could use or activate, and ends the sessions that they had a part in. The count begins anew: it
    /// has done what it is there for, and a token that is resumed must not fall with the first slip.
    pub async fn suspend_code_tokens(&self, account: AccountId) -> Result<Vec<Serial>, StoreError> {
        let mut write = self.begin().await?;
        sqlx::query(
            "DELETE FROM sessions WHERE id IN
             (SELECT session FROM proofs JOIN tokens ON tokens.id = proofs.token
              WHERE tokens.account = $1 AND tokens.kind IN ('oath', 'phone-app') AND tokens.state IN ('issued', 'active'))",
        )
        .bind(account.to_string())
        .execute(&mut *write)
        .await?;
        let suspended = sqlx::query(
            "UPDATE tokens SET state = 'suspended' WHERE account = $1 AND kind IN ('oath', 'phone-app') AND state IN ('issued', 'active') RETURNING serial",
        )
        .bind(account.to_string())
        .fetch_all(&mut *write)
        .await?;
        sqlx::query("UPDATE accounts SET code_failures = 0 WHERE id = $1").bind(account.to_string()).execute(&mut *write).await?;
        let mut serials: Vec<Serial> =
            suspended.iter().map(|row| word(row, "serial", |text| Serial::parse(text).ok())).collect::<Result<_, _>>()?;
        write.commit().await?;
        serials.sort_unstable();
        Ok(serials)
    }
}
