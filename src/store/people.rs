//! Many people at once: what is known of the names and serial numbers of a list, and a part of it taken in.
//!
//! Invariant: taking people in creates accounts and hands tokens from the drawer to them; it changes nothing of an account that is there.

use std::collections::HashMap;

use super::rows::{account, account_columns, optional_time, word};
use super::{Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::model::{Account, AccountId, AccountName, Serial, TokenState};

/// What the store knows of those whom a list names.
#[derive(Clone, Debug, Default)]
pub struct KnownPeople {
    pub accounts: HashMap<AccountName, Account>,
    pub tokens: HashMap<Serial, KnownToken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownToken {
    pub state: TokenState,
    pub holder: Option<AccountId>,
    pub expires: Option<Time>,
}

/// Somebody who is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newcomer {
    pub account: Account,
    /// The account is there already, invited: it is only given the token.
    pub is_known: bool,
    /// From the drawer.
    pub token: Option<Serial>,
}

impl Store {
    pub async fn known_people(&self, names: &[AccountName], serials: &[Serial]) -> Result<KnownPeople, StoreError> {
        let mut read = self.read.begin().await?;
        let mut known = KnownPeople::default();
        for name in names {
            let row = sqlx::query(concat!("SELECT ", account_columns!(), " FROM accounts WHERE name = $1"))
                .bind(name.as_str())
                .fetch_optional(&mut *read)
                .await?;
            if let Some(row) = row {
                known.accounts.insert(name.clone(), account(&row)?);
            }
        }
        for serial in serials {
            let row = sqlx::query("SELECT state, account, expires FROM tokens WHERE serial = $1")
                .bind(serial.as_str())
                .fetch_optional(&mut *read)
                .await?;
            if let Some(row) = row {
                let holder: Option<String> = sqlx::Row::try_get(&row, "account")?;
                let holder = holder.map(|_| super::rows::parsed(&row, "account")).transpose()?;
                let token = KnownToken { state: word(&row, "state", TokenState::parse)?, holder, expires: optional_time(&row, "expires")? };
                known.tokens.insert(serial.clone(), token);
            }
        }
        Ok(known)
    }

    /// Takes these people in, all or none. `Some`: the first of them who does not fit what the store holds by now; nothing was done.
    pub async fn import_people(&self, people: &[Newcomer], now: Time) -> Result<Option<AccountName>, StoreError> {
        let mut write = self.begin().await?;
        for newcomer in people {
            if !take_in(&mut write, newcomer, now).await? {
                return Ok(Some(newcomer.account.name.clone()));
            }
        }
        write.commit().await?;
        Ok(None)
    }
}

async fn take_in(write: &mut Write, newcomer: &Newcomer, now: Time) -> Result<bool, StoreError> {
    let account = &newcomer.account;
    if !newcomer.is_known {
        let inserted =
            sqlx::query("INSERT INTO accounts (id, name, unit, role, email, state, created) VALUES ($1, $2, $3, $4, $5, 'invited', $6)")
                .bind(account.id.to_string())
                .bind(account.name.as_str())
                .bind(account.unit.as_str())
                .bind(account.role.word())
                .bind(account.email.as_deref())
                .bind(now.millis())
                .execute(&mut **write)
                .await;
        match inserted {
            Ok(_) => {}
            Err(error) if is_taken(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
    }
    let Some(serial) = &newcomer.token else { return Ok(true) };
    let issued = sqlx::query(
        "UPDATE tokens SET state = 'issued', account = $2, issued = $3 WHERE serial = $1 AND state = 'in-stock'
         AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state = 'invited' AND reopened = 0)",
    )
    .bind(serial.as_str())
    .bind(account.id.to_string())
    .bind(now.millis())
    .execute(&mut **write)
    .await?;
    Ok(issued.rows_affected() == 1)
}
