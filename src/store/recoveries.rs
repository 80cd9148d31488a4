//! Recovery: a one-time link for somebody who is known, and how far a browser has come behind it.
//!
//! Invariant: a link belongs to one account and is spent by one transaction, with what it gives; a new one replaces the old. One that
//! gives a new token goes with the end of all the old ones, in the same transaction.

use sqlx::Row;

use super::keys::TOKEN_OF_KEY;
use super::rows::{account, account_columns, bytes, hash, time, word};
use super::seeds::spend_code;
use super::{NewKey, Spending, Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, AccountState, RecoveryKind, Serial, TokenState};

/// Browsers that may work behind one link at a time; the oldest gives way.
const STEPS_PER_RECOVERY: i64 = 5;
/// So often something may be shown wrong behind one link; then it is void.
const FAILURES: i64 = 8;

/// How far a browser has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub account: Account,
    pub kind: RecoveryKind,
    pub expires: Time,
    /// What she has was right: the password, or the token.
    pub proved: bool,
    link: TokenHash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovered {
    Done,
    /// The link is spent, expired or replaced, or what she has was not shown.
    Gone,
    /// The key is registered already, or the code is spent.
    Taken,
}

impl Store {
    /// Makes the link by which somebody who lost all her tokens gets a new one: the old ones end, and what they had opened. Returns their
    /// serial numbers; `None`: the account is not active.
    pub async fn open_token_recovery(
        &self,
        id: AccountId,
        link: TokenHash,
        expires: Time,
        now: Time,
    ) -> Result<Option<Vec<Serial>>, StoreError> {
        let mut write = self.begin().await?;
        if !is_active(&mut write, id).await? {
            return Ok(None);
        }
        let lost = end_tokens(&mut write, id, now).await?;
        put(&mut write, id, RecoveryKind::Token, link, expires).await?;
        write.commit().await?;
        Ok(Some(lost))
    }

    /// Makes the link by which somebody who has a token gets a new password. `false`: the account is not active.
    pub async fn open_password_recovery(
        &self,
        id: AccountId,
        kind: RecoveryKind,
        link: TokenHash,
        expires: Time,
    ) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        if !is_active(&mut write, id).await? {
            return Ok(false);
        }
        put(&mut write, id, kind, link, expires).await?;
        write.commit().await?;
        Ok(true)
    }

    /// An active account begins anew: it has neither password nor token any more, and an invitation. Returns the serial numbers of the tokens
    /// that ended; `None`: the account is not active.
    pub async fn reopen_account(
        &self,
        id: AccountId,
        invitation: TokenHash,
        expires: Time,
        now: Time,
    ) -> Result<Option<Vec<Serial>>, StoreError> {
        let mut write = self.begin().await?;
        let reopened =
            sqlx::query("UPDATE accounts SET state = 'invited', password = NULL, reopened = 1 WHERE id = $1 AND state = 'active'")
                .bind(id.to_string())
                .execute(&mut *write)
                .await?;
        if reopened.rows_affected() != 1 {
            return Ok(None);
        }
        let lost = end_tokens(&mut write, id, now).await?;
        for statement in ["DELETE FROM recoveries WHERE account = $1", "DELETE FROM invitations WHERE account = $1"] {
            sqlx::query(statement).bind(id.to_string()).execute(&mut *write).await?;
        }
        sqlx::query("INSERT INTO invitations (hash, account, expires) VALUES ($1, $2, $3)")
            .bind(bytes(&invitation))
            .bind(id.to_string())
            .bind(expires.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(Some(lost))
    }

    /// Opens a link for the browser that holds the token of `browser`; `None`: no such link.
    pub async fn begin_recovery(&self, link: TokenHash, browser: TokenHash, now: Time) -> Result<Option<Recovery>, StoreError> {
        let mut write = self.begin().await?;
        let known = sqlx::query("SELECT 1 FROM recoveries WHERE hash = $1 AND expires > $2")
            .bind(bytes(&link))
            .bind(now.millis())
            .fetch_optional(&mut *write)
            .await?;
        if known.is_none() {
            return Ok(None);
        }
        sqlx::query(
            "DELETE FROM recovery_steps WHERE hash IN
             (SELECT hash FROM recovery_steps WHERE recovery = $1 ORDER BY created DESC, hash LIMIT -1 OFFSET $2)",
        )
        .bind(bytes(&link))
        .bind(STEPS_PER_RECOVERY.saturating_sub(1))
        .execute(&mut *write)
        .await?;
        sqlx::query("INSERT INTO recovery_steps (hash, recovery, created) VALUES ($1, $2, $3)")
            .bind(bytes(&browser))
            .bind(bytes(&link))
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        let begun = find(&mut write, browser, now).await?;
        write.commit().await?;
        Ok(begun)
    }

    pub async fn recovery(&self, browser: TokenHash, now: Time) -> Result<Option<Recovery>, StoreError> {
        let mut read = self.read.begin().await?;
        find(&mut read, browser, now).await
    }

    /// What she has was right. `false`: the link is gone.
    pub async fn prove_recovery(&self, browser: TokenHash, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        if find(&mut write, browser, now).await?.is_none() {
            return Ok(false);
        }
        sqlx::query("UPDATE recovery_steps SET proved = 1 WHERE hash = $1").bind(bytes(&browser)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Spends a code of one of her active tokens behind a link for a new password. `false`: it is spent already, or the link is gone.
    pub async fn prove_recovery_by_code(&self, browser: TokenHash, spending: &Spending, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let by_code = |found: &Recovery| found.kind == RecoveryKind::PasswordByCode;
        let Some(_) = find(&mut write, browser, now).await?.filter(by_code) else { return Ok(false) };
        if !spend_code(&mut write, spending, TokenState::Active).await? {
            return Ok(false);
        }
        sqlx::query("UPDATE recovery_steps SET proved = 1 WHERE hash = $1").bind(bytes(&browser)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Something was shown and wrong. `true`: that was once too often, and the link is void.
    pub async fn count_recovery_failure(&self, browser: TokenHash) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let count = "UPDATE recoveries SET failures = failures + 1
                     WHERE hash = (SELECT recovery FROM recovery_steps WHERE hash = $1) RETURNING failures";
        let count: Option<i64> = sqlx::query_scalar(count).bind(bytes(&browser)).fetch_optional(&mut *write).await?;
        let over = count.is_none_or(|count| count >= FAILURES);
        if over {
            sqlx::query("DELETE FROM recoveries WHERE hash = (SELECT recovery FROM recovery_steps WHERE hash = $1)")
                .bind(bytes(&browser))
                .execute(&mut *write)
                .await?;
        }
        write.commit().await?;
        Ok(over)
    }

    /// Spends the link: the account has this key.
    pub async fn recover_with_key(&self, browser: TokenHash, key: &NewKey, now: Time) -> Result<Recovered, StoreError> {
        let mut write = self.begin().await?;
        let Some(found) = spend(&mut write, browser, &[RecoveryKind::Token], now).await? else { return Ok(Recovered::Gone) };
        let account = found.account.id.to_string();
        let inserted =
            sqlx::query("INSERT INTO keys (id, account, credential, passkey, counter, label, added, attestation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
                .bind(key.id.to_string())
                .bind(&account)
                .bind(key.credential.as_slice())
                .bind(key.passkey.as_str())
                .bind(i64::from(key.counter))
                .bind(key.label.as_str())
                .bind(now.millis())
                .bind(key.attestation.to_string())
                .execute(&mut *write)
                .await;
        match inserted {
            Ok(_) => {}
            Err(error) if is_taken(&error) => return Ok(Recovered::Taken),
            Err(error) => return Err(error.into()),
        }
        sqlx::query(TOKEN_OF_KEY).bind(key.id.to_string()).bind(&account).bind(now.millis()).execute(&mut *write).await?;
        write.commit().await?;
        Ok(Recovered::Done)
    }

    /// Spends the link and the code by which she shows the code token that was issued to her: it is active.
    pub async fn recover_with_code(&self, browser: TokenHash, spending: &Spending, now: Time) -> Result<Recovered, StoreError> {
        let mut write = self.begin().await?;
        if spend(&mut write, browser, &[RecoveryKind::Token], now).await?.is_none() {
            return Ok(Recovered::Gone);
        }
        if !spend_code(&mut write, spending, TokenState::Issued).await? {
            return Ok(Recovered::Taken);
        }
        sqlx::query("UPDATE tokens SET state = 'active', last_used = $2 WHERE id = $1")
            .bind(spending.token.to_string())
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(Recovered::Done)
    }

    /// Spends the link: the account has this password (a PHC string), and no session that was opened with the old one.
    pub async fn recover_with_password(&self, browser: TokenHash, phc: &str, now: Time) -> Result<Recovered, StoreError> {
        let mut write = self.begin().await?;
        let kinds = [RecoveryKind::Password, RecoveryKind::PasswordByCode];
        let Some(found) = spend(&mut write, browser, &kinds, now).await? else { return Ok(Recovered::Gone) };
        let account = found.account.id.to_string();
        sqlx::query("UPDATE accounts SET password = $2 WHERE id = $1").bind(&account).bind(phc).execute(&mut *write).await?;
        sqlx::query("DELETE FROM sessions WHERE account = $1").bind(&account).execute(&mut *write).await?;
        sqlx::query("DELETE FROM steps WHERE account = $1").bind(&account).execute(&mut *write).await?;
        write.commit().await?;
        Ok(Recovered::Done)
    }
}

async fn is_active(write: &mut Write, id: AccountId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT state FROM accounts WHERE id = $1").bind(id.to_string()).fetch_optional(&mut **write).await?;
    let state = row.map(|row| word(&row, "state", AccountState::parse)).transpose()?;
    Ok(state == Some(AccountState::Active))
}

/// All that she had shown is lost; a token that was issued to her and never shown may be the new one.
async fn end_tokens(write: &mut Write, id: AccountId, now: Time) -> Result<Vec<Serial>, StoreError> {
    let ended = sqlx::query(
        "UPDATE tokens SET state = 'lost', ended = $2 WHERE account = $1 AND state IN ('active', 'suspended') RETURNING serial",
    )
    .bind(id.to_string())
    .bind(now.millis())
    .fetch_all(&mut **write)
    .await?;
    for statement in ["DELETE FROM sessions WHERE account = $1", "DELETE FROM steps WHERE account = $1"] {
        sqlx::query(statement).bind(id.to_string()).execute(&mut **write).await?;
    }
    ended.iter().map(|row| word(row, "serial", |text| Serial::parse(text).ok())).collect()
}

async fn put(write: &mut Write, id: AccountId, kind: RecoveryKind, link: TokenHash, expires: Time) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM recoveries WHERE account = $1").bind(id.to_string()).execute(&mut **write).await?;
    sqlx::query("INSERT INTO recoveries (hash, account, kind, expires) VALUES ($1, $2, $3, $4)")
        .bind(bytes(&link))
        .bind(id.to_string())
        .bind(kind.word())
        .bind(expires.millis())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// Takes the link away, if what she has was right.
async fn spend(write: &mut Write, browser: TokenHash, kinds: &[RecoveryKind], now: Time) -> Result<Option<Recovery>, StoreError> {
    let Some(found) = find(write, browser, now).await?.filter(|found| found.proved && kinds.contains(&found.kind)) else { return Ok(None) };
    sqlx::query("DELETE FROM recoveries WHERE hash = $1").bind(bytes(&found.link)).execute(&mut **write).await?;
    let forget = "UPDATE accounts SET key_failures = 0, unsigned_answers = 0, code_failures = 0 WHERE id = $1";
    sqlx::query(forget).bind(found.account.id.to_string()).execute(&mut **write).await?;
    Ok(Some(found))
}

async fn find(connection: &mut Write, browser: TokenHash, now: Time) -> Result<Option<Recovery>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        account_columns!(),
        ", recovery_steps.proved, recoveries.hash AS link, recoveries.kind, recoveries.expires FROM recovery_steps
         JOIN recoveries ON recoveries.hash = recovery_steps.recovery
         JOIN accounts ON accounts.id = recoveries.account
         WHERE recovery_steps.hash = $1 AND recoveries.expires > $2 AND accounts.state = 'active'"
    ))
    .bind(bytes(&browser))
    .bind(now.millis())
    .fetch_optional(&mut **connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Recovery {
        account: account(&row)?,
        kind: word(&row, "kind", RecoveryKind::parse)?,
        expires: time(&row, "expires")?,
        proved: row.try_get("proved")?,
        link: hash(&row, "link")?,
    }))
}
