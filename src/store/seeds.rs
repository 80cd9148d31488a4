//! Seeds of OATH tokens, sealed, and which of their codes are spent.
//!
//! Invariant: a code is spent by one statement that names what was unspent before, so of any number at once one alone wins.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::rows::{parsed, word};
use super::{Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::model::{AccountId, Serial, TokenId, TokenKind, TokenState};

/// Each is compared with every code that is typed for the account.
const MOST_WITHDRAWN: i64 = 16;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSeed {
    pub token: TokenId,
    pub serial: Serial,
    pub expires: Option<Time>,
    pub seed: SealedSeed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    pub sealed: Vec<u8>,
    /// `sha1`, `sha256` or `sha512`.
    pub hash: String,
    pub digits: u8,
    /// In seconds; `None`: a token that counts.
    pub period: Option<u32>,
    /// The first counter or time step that is not spent.
    pub next: u64,
    /// In steps.
    pub drift: i64,
}

/// The seed of a token that an account holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSeed {
    pub token: TokenId,
    pub serial: Serial,
    pub kind: TokenKind,
    pub state: TokenState,
    pub seed: SealedSeed,
}

/// What a right code makes of a token: from `was` on nothing was spent, now nothing is from `next` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    pub token: TokenId,
    pub was: u64,
    pub next: u64,
    pub drift: i64,
}

impl Store {
    /// Puts a delivery of tokens into the drawer, all or none. Returns the serial numbers that are known already, in which case nothing
    /// was done.
    pub async fn stock_seeds(&self, delivery: &[NewSeed], now: Time) -> Result<Vec<Serial>, StoreError> {
        let mut write = self.begin().await?;
        let mut known = Vec::new();
        for new in delivery {
            let token = sqlx::query("INSERT INTO tokens (id, serial, kind, state, added, expires) VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(new.token.to_string())
                .bind(new.serial.as_str())
                .bind(TokenKind::Oath.word())
                .bind(TokenState::InStock.word())
                .bind(now.millis())
                .bind(new.expires.map(Time::millis))
                .execute(&mut *write)
                .await;
            match token {
                Ok(_) => {}
                Err(error) if is_taken(&error) => {
                    known.push(new.serial.clone());
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            insert_seed(&mut write, new).await?;
        }
        if known.is_empty() {
            write.commit().await?;
        }
        Ok(known)
    }

    /// Gives an account the seed of an app on a phone, which is issued: it opens nothing until a first code is shown. One that was begun
    /// before, and never shown, gives way.
    pub async fn begin_phone_app(&self, account: AccountId, new: &NewSeed, now: Time) -> Result<(), StoreError> {
        let mut write = self.begin().await?;
        sqlx::query("DELETE FROM tokens WHERE account = $1 AND kind = 'phone-app' AND state = 'issued'")
            .bind(account.to_string())
            .execute(&mut *write)
            .await?;
        sqlx::query(
            "INSERT INTO tokens (id, serial, kind, state, account, added, issued) VALUES ($1, $2, 'phone-app', 'issued', $3, $4, $4)",
        )
        .bind(new.token.to_string())
        .bind(new.serial.as_str())
        .bind(account.to_string())
        .bind(now.millis())
        .execute(&mut *write)
        .await?;
        insert_seed(&mut write, new).await?;
        Ok(write.commit().await?)
    }

    /// The seeds of the account's tokens that are in `state` and have not expired.
    pub async fn seeds_of(&self, account: AccountId, state: TokenState, now: Time) -> Result<Vec<StoredSeed>, StoreError> {
        let rows = sqlx::query(
            "SELECT tokens.serial, tokens.kind, tokens.state, oath_seeds.* FROM tokens JOIN oath_seeds ON oath_seeds.token = tokens.id
             WHERE tokens.account = $1 AND tokens.state = $2 AND (tokens.expires IS NULL OR tokens.expires > $3) ORDER BY tokens.issued, tokens.id",
        )
        .bind(account.to_string())
        .bind(state.word())
        .bind(now.millis())
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(seed).collect()
    }

    /// The seeds of the account's tokens that open nothing any more, as far as they were ever handed to her; the last ones of many.
    pub async fn withdrawn_seeds_of(&self, account: AccountId, now: Time) -> Result<Vec<StoredSeed>, StoreError> {
        let rows = sqlx::query(
            "SELECT tokens.serial, tokens.kind, oath_seeds.*,
                    CASE tokens.state WHEN 'active' THEN 'expired' ELSE tokens.state END AS state
             FROM tokens JOIN oath_seeds ON oath_seeds.token = tokens.id
             WHERE tokens.account = $1 AND (tokens.state IN ('suspended', 'lost', 'revoked', 'expired')
                                            OR (tokens.state = 'active' AND tokens.expires <= $2))
             ORDER BY coalesce(tokens.ended, tokens.issued) DESC, tokens.id LIMIT $3",
        )
        .bind(account.to_string())
        .bind(now.millis())
        .bind(MOST_WITHDRAWN)
        .fetch_all(&self.read)
        .await?;
        rows.iter().map(seed).collect()
    }

    /// Any of them, to see whether it can be opened.
    pub async fn any_seed(&self) -> Result<Option<StoredSeed>, StoreError> {
        let row = sqlx::query(
            "SELECT tokens.serial, tokens.kind, tokens.state, oath_seeds.* FROM tokens JOIN oath_seeds ON oath_seeds.token = tokens.id LIMIT 1",
        )
        .fetch_optional(&self.read)
        .await?;
        row.as_ref().map(seed).transpose()
    }

    /// Spends a code of an active token. `false`: it is spent already, or the token is active no more.
    pub async fn spend_oath(&self, spending: &Spending, now: Time) -> Result<bool, StoreError> {
        self.spend_in(spending, TokenState::Active, now).await
    }

    /// Spends the code by which the holder of an issued token shows that she has it: it becomes active.
    pub async fn activate_oath(&self, spending: &Spending, now: Time) -> Result<bool, StoreError> {
        self.spend_in(spending, TokenState::Issued, now).await
    }

    /// Spends codes of an issued token that do not show yet that its holder has it: it stays issued.
    pub async fn move_issued(&self, spending: &Spending) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let spent = spend_code(&mut write, spending, TokenState::Issued).await?;
        write.commit().await?;
        Ok(spent)
    }

    async fn spend_in(&self, spending: &Spending, state: TokenState, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        if !spend_code(&mut write, spending, state).await? {
            return Ok(false);
        }
        sqlx::query("UPDATE tokens SET last_used = $2, state = 'active' WHERE id = $1")
            .bind(spending.token.to_string())
            .bind(now.millis())
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(true)
    }
}

async fn insert_seed(write: &mut Write, new: &NewSeed) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO oath_seeds (token, sealed, hash, digits, period, next, drift) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(new.token.to_string())
        .bind(new.seed.sealed.as_slice())
        .bind(new.seed.hash.as_str())
        .bind(i64::from(new.seed.digits))
        .bind(new.seed.period.map(i64::from))
        .bind(stored(new.seed.next)?)
        .bind(new.seed.drift)
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// `false`: it is spent already, or the token is not in that state.
pub(super) async fn spend_code(write: &mut Write, spending: &Spending, state: TokenState) -> Result<bool, StoreError> {
    let spent = sqlx::query(
        "UPDATE oath_seeds SET next = $3, drift = $4 WHERE token = $1 AND next = $2
         AND EXISTS (SELECT 1 FROM tokens WHERE id = $1 AND state = $5)",
    )
    .bind(spending.token.to_string())
    .bind(stored(spending.was)?)
    .bind(stored(spending.next)?)
    .bind(spending.drift)
    .bind(state.word())
    .execute(&mut **write)
    .await?;
    Ok(spent.rows_affected() == 1)
}

/// Counters of 2⁶³ and more do not exist: a press a second would take them longer than the sun has.
fn stored(counter: u64) -> Result<i64, StoreError> {
    i64::try_from(counter).map_err(|_| StoreError::Unreadable { what: "a token's counter", found: counter.to_string() })
}

fn seed(row: &SqliteRow) -> Result<StoredSeed, StoreError> {
    let number = |column: &'static str| -> Result<i64, StoreError> { Ok(row.try_get(column)?) };
    let unreadable = |what: &'static str, found: i64| StoreError::Unreadable { what, found: found.to_string() };
    let period: Option<i64> = row.try_get("period")?;
    let period = period.map(|period| u32::try_from(period).map_err(|_| unreadable("period", period))).transpose()?;
    let (digits, next) = (number("digits")?, number("next")?);
    Ok(StoredSeed {
        token: parsed(row, "token")?,
        serial: word(row, "serial", |text| Serial::parse(text).ok())?,
        kind: word(row, "kind", TokenKind::parse)?,
        state: word(row, "state", TokenState::parse)?,
        seed: SealedSeed {
            sealed: row.try_get("sealed")?,
            hash: row.try_get("hash")?,
            digits: u8::try_from(digits).map_err(|_| unreadable("digits", digits))?,
            period,
            next: u64::try_from(next).map_err(|_| unreadable("next", next))?,
            drift: number("drift")?,
        },
    })
}
