//! The inventory: every token, in whose hands it is, and whether it opens anything.
//!
//! Invariant: only a token that is active opens anything; one that has ended (lost, revoked, expired) stays ended, keeps its holder, and
//! what it had opened ended in the same transaction.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{optional_time, parsed, time, word};
use super::{Store, StoreError, Write};
use crate::clock::Time;
use crate::model::{AccountId, AccountName, Serial, SessionId, TokenId, TokenKind, TokenState, UnitName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    pub id: TokenId,
    pub serial: Serial,
    pub kind: TokenKind,
    pub state: TokenState,
    pub holder: Option<Holder>,
    pub added: Time,
    pub issued: Option<Time>,
    pub last_used: Option<Time>,
    pub ended: Option<Time>,
    pub expires: Option<Time>,
}

impl StoredToken {
    /// Whether it opens anything now.
    pub fn opens(&self, now: Time) -> bool {
        self.state == TokenState::Active && self.expires.is_none_or(|end| end > now)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub account: AccountId,
    pub name: AccountName,
    pub unit: UnitName,
}

/// The default is all.
#[derive(Clone, Debug, Default)]
pub struct TokenFilter {
    pub state: Option<TokenState>,
    pub kind: Option<TokenKind>,
    /// A part of the serial number, of the holder's name, or of her unit.
    pub search: Option<String>,
}

/// What became of a change of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenChange {
    /// The sessions that the token had opened ended with it.
    Done {
        ended: Vec<SessionId>,
    },
    NoSuch,
    /// It is in a state from which that cannot be done.
    Not(TokenState),
    /// The account cannot hold a token: it is not there, or it is switched off.
    NoHolder,
}

macro_rules! token_query {
    ($where:literal) => {
        concat!(
            "SELECT tokens.*, accounts.name AS holder_name, accounts.unit AS holder_unit
             FROM tokens LEFT JOIN accounts ON accounts.id = tokens.account ",
            $where
        )
    };
}

pub(super) use token_query;

impl Store {
    /// By serial number.
    pub async fn tokens(&self, filter: &TokenFilter) -> Result<Vec<StoredToken>, StoreError> {
        let rows = sqlx::query(token_query!(
            "WHERE ($1 IS NULL OR tokens.state = $1) AND ($2 IS NULL OR tokens.kind = $2)
             AND ($3 IS NULL OR instr(tokens.serial, upper($3)) > 0 OR instr(accounts.name, $4) > 0 OR instr(accounts.unit, $3) > 0)
             ORDER BY tokens.serial"
        ))
        .bind(filter.state.map(TokenState::word))
        .bind(filter.kind.map(TokenKind::word))
        .bind(filter.search.as_deref())
        .bind(filter.search.as_ref().map(|search| search.to_lowercase()))
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(token).collect()
    }

    pub async fn token(&self, serial: &Serial) -> Result<Option<StoredToken>, StoreError> {
        let row = sqlx::query(token_query!("WHERE tokens.serial = $1")).bind(serial.as_str()).fetch_optional(&self.read).await?;
        row.as_ref().map(token).transpose()
    }

    /// Which of these there are already.
    pub async fn known_serials(&self, serials: &[Serial]) -> Result<Vec<Serial>, StoreError> {
        let mut read = self.read.begin().await?;
        let mut known = Vec::new();
        for serial in serials {
            let count: i64 =
                sqlx::query_scalar("SELECT count(*) FROM tokens WHERE serial = $1").bind(serial.as_str()).fetch_one(&mut *read).await?;
            if count > 0 {
                known.push(serial.clone());
            }
        }
        Ok(known)
    }

    /// Those that she holds or held, the oldest first.
    pub async fn tokens_of(&self, account: AccountId) -> Result<Vec<StoredToken>, StoreError> {
        let rows = sqlx::query(token_query!("WHERE tokens.account = $1 ORDER BY tokens.issued, tokens.id"))
            .bind(account.to_string())
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(token).collect()
    }

    /// Hands a token from the drawer to a person. It opens nothing until she has shown that she has it.
    pub async fn issue_token(&self, serial: &Serial, account: AccountId, now: Time) -> Result<TokenChange, StoreError> {
        let mut write = self.begin().await?;
        let Some(state) = state_of(&mut write, serial).await? else { return Ok(TokenChange::NoSuch) };
        if state != TokenState::InStock {
            return Ok(TokenChange::Not(state));
        }
        let issued = sqlx::query(
            "UPDATE tokens SET state = 'issued', account = $2, issued = $3 WHERE serial = $1
             AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state IN ('invited', 'active'))",
        )
        .bind(serial.as_str())
        .bind(account.to_string())
        .bind(now.millis())
        .execute(&mut *write)
        .await?;
        if issued.rows_affected() != 1 {
            return Ok(TokenChange::NoHolder);
        }
        write.commit().await?;
        Ok(TokenChange::Done { ended: Vec::new() })
    }

    /// Suspends a token, ends it for ever, or makes a suspended one what it was before; with whatever state stops it from opening anything, the
    /// sessions that it has a part in end.
    pub async fn change_token(&self, serial: &Serial, to: TokenState, now: Time) -> Result<TokenChange, StoreError> {
        let mut write = self.begin().await?;
        let Some(from) = state_of(&mut write, serial).await? else { return Ok(TokenChange::NoSuch) };
        if !may_become(from, to) {
            return Ok(TokenChange::Not(from));
        }
        let has_ended = is_end(to);
        // A code token that was suspended before its holder had shown it is still to be shown.
        sqlx::query(
            "UPDATE tokens SET ended = $3, state = CASE WHEN $2 = 'active' AND kind IN ('oath', 'phone-app') AND last_used IS NULL THEN 'issued' ELSE $2 END
             WHERE serial = $1",
        )
            .bind(serial.as_str())
            .bind(to.word())
            .bind(has_ended.then(|| now.millis()))
            .execute(&mut *write)
            .await?;
        let ended = if to == TokenState::Active {
            // What was guessed before it was stopped must not stop it again at the first slip.
            sqlx::query(
                "UPDATE accounts SET code_failures = 0
                 WHERE id = (SELECT account FROM tokens WHERE serial = $1 AND kind IN ('oath', 'phone-app'))",
            )
            .bind(serial.as_str())
            .execute(&mut *write)
            .await?;
            Vec::new()
        } else {
            let of_token = "DELETE FROM sessions WHERE id IN
                            (SELECT session FROM proofs JOIN tokens ON tokens.id = proofs.token WHERE serial = $1) RETURNING id";
            sqlx::query(of_token).bind(serial.as_str()).fetch_all(&mut *write).await?
        };
        let ended = ended.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?;
        write.commit().await?;
        Ok(TokenChange::Done { ended })
    }
}

fn is_end(state: TokenState) -> bool {
    matches!(state, TokenState::Lost | TokenState::Revoked | TokenState::Expired)
}

/// What staff may make of a token. Issuing and activating have verbs of their own.
fn may_become(from: TokenState, to: TokenState) -> bool {
    use TokenState::{Active, Expired, InStock, Issued, Lost, Revoked, Suspended};
    match to {
        Suspended => from == Active,
        Active => from == Suspended,
        Lost | Revoked | Expired => matches!(from, InStock | Issued | Active | Suspended),
        InStock | Issued => false,
    }
}

pub(super) async fn state_of(write: &mut Write, serial: &Serial) -> Result<Option<TokenState>, StoreError> {
    let row = sqlx::query("SELECT state FROM tokens WHERE serial = $1").bind(serial.as_str()).fetch_optional(&mut **write).await?;
    row.map(|row| word(&row, "state", TokenState::parse)).transpose()
}

pub(super) fn token(row: &SqliteRow) -> Result<StoredToken, StoreError> {
    let account: Option<String> = row.try_get("account")?;
    let holder = match account {
        None => None,
        Some(_) => Some(Holder {
            account: parsed(row, "account")?,
            name: word(row, "holder_name", |text| AccountName::parse(text).ok())?,
            unit: word(row, "holder_unit", |text| UnitName::parse(text).ok())?,
        }),
    };
    Ok(StoredToken {
        id: parsed(row, "id")?,
        serial: word(row, "serial", |text| Serial::parse(text).ok())?,
        kind: word(row, "kind", TokenKind::parse)?,
        state: word(row, "state", TokenState::parse)?,
        holder,
        added: time(row, "added")?,
        issued: optional_time(row, "issued")?,
        last_used: optional_time(row, "last_used")?,
        ended: optional_time(row, "ended")?,
        expires: optional_time(row, "expires")?,
    })
}
