//! Enrolment letters: invitations that live for days and open only together with the serial number of the token that was handed out with them.
//!
//! Invariant: a letter's code is stored as a hash alone; a new letter takes the place of every earlier invitation of the account; wrong serial
//! numbers are counted in the transaction that compares them, and after so many of them the letter is gone.

use sqlx::Row;

use super::enrolments::{self, Enrolment};
use super::rows::{account, account_columns, bytes, word};
use super::{Store, StoreError};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountId, Serial};

/// So many wrong serial numbers with the right code end a letter: whoever has the paper has not got the token.
const WRONG_SERIALS: u32 = 5;

macro_rules! can_be_shown {
    () => {
        "(tokens.kind <> 'usb-key' OR EXISTS (SELECT 1 FROM certificates WHERE token = tokens.id AND revoked IS NULL))"
    };
}

/// Somebody for whom a letter can be made: a member who has never enrolled and holds a token that she has not shown yet. A USB-KEY is among these
/// where the gateway knows its certificate, by which it is recognised when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterDue {
    pub account: Account,
    pub token: Serial,
    /// An invitation or an earlier letter of hers still works; a new letter ends it.
    pub has_invitation: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    pub account: AccountId,
    pub token: Serial,
    pub code: TokenHash,
}

/// What came of a code and a serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterOpening {
    Begun(Box<Enrolment>),
    /// No letter has that code, or it is expired, replaced, spent, or its token is no longer waiting for her.
    NoSuch,
    /// The code was right. With none `left` it is right no more.
    WrongSerial {
        account: Account,
        left: u32,
    },
}

impl Store {
    /// By unit, then name.
    pub async fn letters_due(&self, now: Time) -> Result<Vec<LetterDue>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", tokens.serial, EXISTS (SELECT 1 FROM invitations WHERE account = accounts.id AND expires > $1) AS has_invitation
             FROM accounts JOIN tokens ON tokens.id = (SELECT id FROM tokens WHERE account = accounts.id AND state = 'issued' AND ",
            can_be_shown!(),
            " AND (expires IS NULL OR expires > $1) ORDER BY issued, id LIMIT 1)
             WHERE accounts.state = 'invited' AND accounts.role = 'member' AND accounts.reopened = 0 ORDER BY accounts.unit, accounts.name"
        ))
        .bind(now.millis())
        .fetch_all(&self.read)
        .await?;
        rows.iter()
            .map(|row| {
                let token = word(row, "serial", |text| Serial::parse(text).ok())?;
                Ok(LetterDue { account: account(row)?, token, has_invitation: row.try_get("has_invitation")? })
            })
            .collect()
    }

    /// Makes letters, all at once; their accounts' earlier invitations and letters are void. Returns for whom it was done: whoever has enrolled
    /// meanwhile, or holds the token no more, gets none.
    pub async fn make_letters(&self, letters: &[NewLetter], expires: Time) -> Result<Vec<AccountId>, StoreError> {
        let mut write = self.begin().await?;
        let mut made = Vec::new();
        for letter in letters {
            let account = letter.account.to_string();
            let token: Option<String> = sqlx::query_scalar(concat!(
                "SELECT tokens.id FROM tokens JOIN accounts ON accounts.id = tokens.account WHERE tokens.serial = $1
                 AND tokens.state = 'issued' AND accounts.id = $2 AND accounts.state = 'invited' AND accounts.role = 'member' AND accounts.reopened = 0
                 AND ",
                can_be_shown!()
            ))
            .bind(letter.token.as_str())
            .bind(&account)
            .fetch_optional(&mut *write)
            .await?;
            let Some(token) = token else { continue };
            sqlx::query("DELETE FROM invitations WHERE account = $1").bind(&account).execute(&mut *write).await?;
            sqlx::query("INSERT INTO invitations (hash, account, expires, token) VALUES ($1, $2, $3, $4)")
                .bind(bytes(&letter.code))
                .bind(&account)
                .bind(expires.millis())
                .bind(token)
                .execute(&mut *write)
                .await?;
            made.push(letter.account);
        }
        write.commit().await?;
        Ok(made)
    }

    /// Begins an enrolment for the browser that holds the token of `enrolment`, if the code is a letter's and the serial number that of its token.
    pub async fn begin_enrolment_by_letter(
        &self,
        code: TokenHash,
        serial: &Serial,
        enrolment: TokenHash,
        now: Time,
    ) -> Result<LetterOpening, StoreError> {
        let mut write = self.begin().await?;
        let row = sqlx::query(concat!(
            "SELECT ",
            account_columns!(),
            ", tokens.serial FROM invitations JOIN accounts ON accounts.id = invitations.account
             JOIN tokens ON tokens.id = invitations.token AND tokens.account = accounts.id AND tokens.state = 'issued'
             WHERE invitations.hash = $1 AND invitations.expires > $2 AND accounts.state = 'invited'"
        ))
        .bind(bytes(&code))
        .bind(now.millis())
        .fetch_optional(&mut *write)
        .await?;
        let Some(row) = row else { return Ok(LetterOpening::NoSuch) };
        let wanted = word(&row, "serial", |text| Serial::parse(text).ok())?;
        if wanted == *serial {
            let begun = enrolments::begin(&mut write, code, enrolment, now).await?;
            write.commit().await?;
            return Ok(begun.map_or(LetterOpening::NoSuch, |begun| LetterOpening::Begun(Box::new(begun))));
        }
        let wrong: i64 =
            sqlx::query_scalar("UPDATE invitations SET wrong_serials = wrong_serials + 1 WHERE hash = $1 RETURNING wrong_serials")
                .bind(bytes(&code))
                .fetch_one(&mut *write)
                .await?;
        let left = WRONG_SERIALS.saturating_sub(u32::try_from(wrong).unwrap_or(u32::MAX));
        if left == 0 {
            sqlx::query("DELETE FROM invitations WHERE hash = $1").bind(bytes(&code)).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(LetterOpening::WrongSerial { account: account(&row)?, left })
    }
}
