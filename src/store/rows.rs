//! From rows to nouns. What cannot be read is an error, never a default.

use std::str::FromStr;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::StoreError;
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountName, AccountState, Role, UnitName};

/// The columns that [`account`] reads.
macro_rules! account_columns {
    () => {
        "accounts.id, accounts.name, accounts.unit, accounts.role, accounts.email, accounts.state, accounts.created"
    };
}
pub(super) use account_columns;

pub(super) fn account(row: &SqliteRow) -> Result<Account, StoreError> {
    Ok(Account {
        id: parsed(row, "id")?,
        name: word(row, "name", |text| AccountName::parse(text).ok())?,
        unit: word(row, "unit", |text| UnitName::parse(text).ok())?,
        role: word(row, "role", Role::parse)?,
        email: row.try_get("email")?,
        state: word(row, "state", AccountState::parse)?,
        created: time(row, "created")?,
    })
}

pub(super) fn time(row: &SqliteRow, column: &str) -> Result<Time, StoreError> {
    Ok(Time::from_millis(row.try_get(column)?))
}

pub(super) fn optional_time(row: &SqliteRow, column: &str) -> Result<Option<Time>, StoreError> {
    let millis: Option<i64> = row.try_get(column)?;
    Ok(millis.map(Time::from_millis))
}

pub(super) fn hash(row: &SqliteRow, column: &'static str) -> Result<TokenHash, StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let length = bytes.len();
    let bytes = bytes.try_into().map_err(|_| StoreError::Unreadable { what: column, found: format!("{length} bytes") })?;
    Ok(TokenHash(bytes))
}

pub(super) fn bytes(hash: &TokenHash) -> &[u8] {
    &hash.0
}

pub(super) fn counter(row: &SqliteRow) -> Result<u32, StoreError> {
    let counter: i64 = row.try_get("counter")?;
    u32::try_from(counter).map_err(|_| StoreError::Unreadable { what: "counter", found: counter.to_string() })
}

pub(super) fn parsed<T: FromStr>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError> {
    word(row, column, |text| text.parse().ok())
}

pub(super) fn word<T>(row: &SqliteRow, column: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    parse(&text).ok_or(StoreError::Unreadable { what: column, found: text })
}
