//! Who manages a unit, and how a security administrator who is locked out begins anew.
//!
//! Invariant: only a member manages a unit (the table's own CHECK holds that); and nobody is recovered while another security
//! administrator can sign in, unless for a day none has; both are looked at in the same transaction that does it.

use std::collections::HashSet;
use std::time::Duration;

use super::rows::{account, account_columns, bytes, parsed, word};
use super::wardens::holds_token_for_staff;
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, AccountName, AccountState, Role};

/// How long nobody must have signed in as security administrator before it is believed that nobody can.
const RECOVERY_WAITS: Duration = Duration::from_hours(24);

/// What became of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineRecovery {
    /// Her tokens are revoked, her sessions and her password are gone; she is invited.
    Done(Account),
    NoSuch,
    NotSecurityAdministrator,
    /// This one can sign in as security administrator. Whoever asks again after the wait is believed that nobody can, if nobody has meanwhile.
    AnotherCan {
        name: AccountName,
        wait: Duration,
    },
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
        let other = sqlx::query(concat!(
            "SELECT name FROM accounts WHERE role = 'security-administrator' AND state = 'active' AND id <> $2 AND ",
            holds_token_for_staff!(),
            " ORDER BY name LIMIT 1"
        ))
        .bind(now.millis())
        .bind(&id)
        .fetch_optional(&mut *write)
        .await?;
        if let Some(other) = other
            && let Some(wait) = waits(&mut write, &id, now).await?
        {
            write.commit().await?;
            return Ok(MachineRecovery::AnotherCan { name: word(&other, "name", |text| AccountName::parse(text).ok())?, wait });
        }
        sqlx::query("UPDATE tokens SET state = 'revoked', ended = $2 WHERE account = $1 AND state IN ('issued', 'active', 'suspended')")
            .bind(&id)
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        for gone in [
            "DELETE FROM announced_recoveries WHERE account = $1",
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

/// How long this recovery still waits; `None`: it has, and no security administrator has used a token meanwhile.
async fn waits(write: &mut Write, account: &str, now: Time) -> Result<Option<Duration>, StoreError> {
    let announced: Option<i64> = sqlx::query_scalar(
        "SELECT at FROM announced_recoveries WHERE account = $1 AND NOT EXISTS
         (SELECT 1 FROM tokens JOIN accounts ON accounts.id = tokens.account
          WHERE accounts.role = 'security-administrator' AND tokens.last_used > announced_recoveries.at)",
    )
    .bind(account)
    .fetch_optional(&mut **write)
    .await?;
    let Some(announced) = announced else {
        sqlx::query("INSERT INTO announced_recoveries (account, at) VALUES ($1, $2) ON CONFLICT (account) DO UPDATE SET at = $2")
            .bind(account)
            .bind(now.millis())
            .execute(&mut **write)
            .await?;
        return Ok(Some(RECOVERY_WAITS));
    };
    let left = Time::from_millis(announced).plus(RECOVERY_WAITS).since(now);
    Ok((left > Duration::ZERO).then_some(left))
}
