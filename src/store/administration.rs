//! Who manages a unit, and how a security administrator who is locked out begins anew.
//!
//! Invariant: only a member manages a unit (the table's own CHECK holds that); and nobody is recovered while another security
//! administrator can sign in, which is looked at in the same transaction that does it.

use std::collections::HashSet;

use super::rows::{account, account_columns, bytes, parsed, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, AccountName, AccountState, Role};

/// What became of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineRecovery {
    /// Her tokens are revoked, her sessions and her password are gone; she is invited.
    Done(Account),
    NoSuch,
    NotSecurityAdministrator,
    /// This one can sign in as security administrator.
    AnotherCan(AccountName),
}

impl Store {
    pub async fn unit_managers(&self) -> Result<HashSet<AccountId>, StoreError> {
        let rows = sqlx::query("SELECT id FROM accounts WHERE manages_unit = 1").fetch_all(&self.read).await?;
        rows.iter().map(|row| parsed(row, "id")).collect()
    }

    /// `false`: there is no such account, or it is not one of an active member.
    pub async fn set_unit_manager(&self, id: AccountId, manages: bool) -> Result<bool, StoreError> {
        let changed =
            sqlx::query("UPDATE accounts SET manages_unit = $2 WHERE id = $1 AND role = 'member' AND ($2 = 0 OR state = 'active')")
                .bind(id.to_string())
                .bind(i64::from(manages))
                .execute(&self.write)
                .await?;
        Ok(changed.rows_affected() == 1)
    }

    /// Takes everything from a security administrator that lets her in, and invites her anew.
    pub async fn recover_at_machine(
        &self,
        name: &AccountName,
        invitation: TokenHash,
        expires: Time,
        now: Time,
    ) -> Result<MachineRecovery, StoreError> {
        let mut write = self.begin().await?;
        let found = sqlx::query(concat!("SELECT ", account_columns!(), " FROM accounts WHERE name = $1"))
            .bind(name.as_str())
            .fetch_optional(&mut *write)
            .await?;
        let Some(found) = found.as_ref().map(account).transpose()? else { return Ok(MachineRecovery::NoSuch) };
        if found.role != Role::SecurityAdministrator {
            return Ok(MachineRecovery::NotSecurityAdministrator);
        }
        let id = found.id.to_string();
        let other = sqlx::query(
            "SELECT name FROM accounts WHERE role = 'security-administrator' AND state = 'active' AND id <> $1 AND EXISTS
             (SELECT 1 FROM tokens WHERE tokens.account = accounts.id AND tokens.state = 'active' AND tokens.kind <> 'oath'
              AND (tokens.expires IS NULL OR tokens.expires > $2)) ORDER BY name LIMIT 1",
        )
        .bind(&id)
        .bind(now.millis())
        .fetch_optional(&mut *write)
        .await?;
        if let Some(other) = other {
            return Ok(MachineRecovery::AnotherCan(word(&other, "name", |text| AccountName::parse(text).ok())?));
        }
        sqlx::query("UPDATE tokens SET state = 'revoked', ended = $2 WHERE account = $1 AND state IN ('issued', 'active', 'suspended')")
            .bind(&id)
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        for gone in [
            "DELETE FROM sessions WHERE account = $1",
            "DELETE FROM steps WHERE account = $1",
            "DELETE FROM challenges WHERE account = $1",
            "DELETE FROM invitations WHERE account = $1",
            "UPDATE accounts SET state = 'invited', password = NULL WHERE id = $1",
        ] {
            sqlx::query(gone).bind(&id).execute(&mut *write).await?;
        }
        sqlx::query("INSERT INTO invitations (hash, account, expires) VALUES ($1, $2, $3)")
            .bind(bytes(&invitation))
            .bind(&id)
            .bind(expires.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(MachineRecovery::Done(Account { state: AccountState::Invited, ..found }))
    }
}
