//! Enrolment: an opened invitation, bound to one browser. Only its completion spends the invitation, so a link
//! preview or a reload spends nothing.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::enrolment_certificates::{EnrolmentUsbKey, Kept, kept, register};
use super::keys::TOKEN_OF_KEY;
use super::rows::{account, account_columns, bytes, hash, parsed, time, word};
use super::seeds::spend_code;
use super::{KeyAddition, NewKey, Spending, Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{Account, AccountState, Role, Serial, TokenId, TokenKind, TokenState};

/// Browsers that may work on one invitation at a time; the oldest gives way.
const ENROLMENTS_PER_INVITATION: i64 = 5;
/// Keys that may be registered at enrolment.
const KEYS_PER_ENROLMENT: i64 = 2;

/// How far a browser has come with its enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    pub account: Account,
    pub expires: Time,
    pub has_password: bool,
    pub keys: Vec<EnrolmentKey>,
    /// Code tokens that she has shown here.
    pub shown: Vec<Serial>,
    /// There is a code token in her hands that she has not shown here.
    pub has_more_to_show: bool,
    /// The USB-KEY that she has shown here; it is hers once the enrolment completes.
    pub usb_key: Option<EnrolmentUsbKey>,
    /// She came by a letter, and this is the code token or USB-KEY that was handed out with it: without it the enrolment does not complete.
    pub to_show: Option<Serial>,
}

impl Enrolment {
    /// Whether it has all that an account needs. Staff do not sign in by code, so a code token alone would lock them out.
    pub fn is_ready(&self) -> bool {
        let by_code = self.account.role == Role::Member && !self.shown.is_empty();
        let by_usb_key = self.usb_key.as_ref().is_some_and(|usb_key| usb_key.suits(self.account.role));
        self.has_password && (!self.keys.is_empty() || by_code || by_usb_key) && self.to_show.is_none()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentKey {
    pub id: TokenId,
    pub credential: Vec<u8>,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completion {
    Done(Account),
    /// No password, or neither key nor code token nor USB-KEY, yet.
    Unfinished,
    /// The invitation is spent, expired or replaced.
    Gone,
    /// One of the keys was registered elsewhere meanwhile.
    KeyTaken,
    /// The certificate of the USB-KEY was, or its token was taken back; it is forgotten here, so that another can be shown.
    UsbKeyTaken,
}

impl Store {
    /// Begins an enrolment for the browser that holds the token of `enrolment`; `None`: no such invitation.
    pub async fn begin_enrolment(&self, invitation: TokenHash, enrolment: TokenHash, now: Time) -> Result<Option<Enrolment>, StoreError> {
        let mut write = self.begin().await?;
        let row = sqlx::query(
            "SELECT 1 FROM invitations JOIN accounts ON accounts.id = invitations.account
             WHERE invitations.hash = $1 AND invitations.token IS NULL AND invitations.expires > $2 AND accounts.state = 'invited'",
        )
        .bind(bytes(&invitation))
        .bind(now.millis())
        .fetch_optional(&mut *write)
        .await?;
        if row.is_none() {
            return Ok(None);
        }
        let begun = begin(&mut write, invitation, enrolment, now).await?;
        write.commit().await?;
        Ok(begun)
    }

    pub async fn enrolment(&self, enrolment: TokenHash, now: Time) -> Result<Option<Enrolment>, StoreError> {
        let mut read = self.read.begin().await?;
        Ok(find(&mut read, enrolment, now).await?.map(|found| found.enrolment))
    }

    /// Keeps the password (a PHC string) until the enrolment completes; `false`: no such enrolment.
    pub async fn save_enrolment_password(&self, enrolment: TokenHash, phc: &str, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        if find(&mut write, enrolment, now).await?.is_none() {
            return Ok(false);
        }
        sqlx::query("UPDATE enrolments SET password = $2 WHERE hash = $1").bind(bytes(&enrolment)).bind(phc).execute(&mut *write).await?;
        write.commit().await?;
        Ok(true)
    }

    /// Keeps a key until the enrolment completes; `None`: no such enrolment.
    pub async fn add_enrolment_key(&self, enrolment: TokenHash, key: &NewKey, now: Time) -> Result<Option<KeyAddition>, StoreError> {
        let mut write = self.begin().await?;
        let Some(found) = find(&mut write, enrolment, now).await? else { return Ok(None) };
        if i64::try_from(found.enrolment.keys.len()).unwrap_or(i64::MAX) >= KEYS_PER_ENROLMENT {
            return Ok(Some(KeyAddition::TooMany));
        }
        let known: i64 = sqlx::query_scalar("SELECT count(*) FROM keys WHERE credential = $1")
            .bind(key.credential.as_slice())
            .fetch_one(&mut *write)
            .await?;
        if known > 0 {
            return Ok(Some(KeyAddition::Taken));
        }
        let inserted =
            sqlx::query("INSERT INTO enrolment_keys (id, enrolment, credential, passkey, counter, label, attestation) VALUES ($1, $2, $3, $4, $5, $6, $7)")
                .bind(key.id.to_string())
                .bind(bytes(&enrolment))
                .bind(key.credential.as_slice())
                .bind(key.passkey.as_str())
                .bind(i64::from(key.counter))
                .bind(key.label.as_str())
                .bind(key.attestation.to_string())
                .execute(&mut *write)
                .await;
        match inserted {
            Ok(_) => write.commit().await?,
            Err(error) if is_taken(&error) => return Ok(Some(KeyAddition::Taken)),
            Err(error) => return Err(error.into()),
        }
        Ok(Some(KeyAddition::Added))
    }

    /// Spends the code by which she shows a code token that was issued to her. It stays issued until this enrolment completes. `false`: the
    /// code is spent already, or the token is not hers to show.
    pub async fn show_enrolment_token(&self, enrolment: TokenHash, spending: &Spending, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let Some(found) = find(&mut write, enrolment, now).await? else { return Ok(false) };
        let hers = "SELECT count(*) FROM tokens WHERE id = $1 AND account = $2";
        let (token, holder) = (spending.token.to_string(), found.enrolment.account.id.to_string());
        let hers: i64 = sqlx::query_scalar(hers).bind(&token).bind(holder).fetch_one(&mut *write).await?;
        if hers == 0 || !spend_code(&mut write, spending, TokenState::Issued).await? {
            return Ok(false);
        }
        sqlx::query("INSERT INTO enrolment_tokens (enrolment, token) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(bytes(&enrolment))
            .bind(&token)
            .execute(&mut *write)
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Spends the invitation: the account gets its password, keys, code tokens and USB-KEY and is active.
    pub async fn complete_enrolment(&self, enrolment: TokenHash, now: Time) -> Result<Completion, StoreError> {
        let mut write = self.begin().await?;
        let Some(found) = find(&mut write, enrolment, now).await? else { return Ok(Completion::Gone) };
        let (Some(password), true) = (&found.password, found.enrolment.is_ready()) else { return Ok(Completion::Unfinished) };
        let account = found.enrolment.account;
        let changed = sqlx::query(
            "UPDATE accounts SET state = 'active', password = $2, key_failures = 0, unsigned_answers = 0, code_failures = 0
             WHERE id = $1 AND state = 'invited'",
        )
        .bind(account.id.to_string())
        .bind(password)
        .execute(&mut *write)
        .await?;
        if changed.rows_affected() != 1 {
            return Ok(Completion::Gone);
        }
        if let Err(error) = copy_keys(&mut write, enrolment, &account, found.handed_key, now).await {
            return if is_taken(&error) { Ok(Completion::KeyTaken) } else { Err(error.into()) };
        }
        for serial in &found.enrolment.shown {
            sqlx::query("UPDATE tokens SET state = 'active', last_used = $2 WHERE serial = $1")
                .bind(serial.as_str())
                .bind(now.millis())
                .execute(&mut *write)
                .await?;
        }
        if let Some(usb_key) = &found.usb_key
            && !register(&mut write, usb_key, account.id, now).await?
        {
            write.rollback().await?;
            self.forget_enrolment_certificate(enrolment, usb_key).await?;
            return Ok(Completion::UsbKeyTaken);
        }
        // Every enrolment that was begun with it goes too.
        sqlx::query("DELETE FROM invitations WHERE hash = $1").bind(bytes(&found.invitation)).execute(&mut *write).await?;
        write.commit().await?;
        Ok(Completion::Done(Account { state: AccountState::Active, ..account }))
    }
}

/// Begins an enrolment with an invitation that opens.
pub(super) async fn begin(
    write: &mut Write,
    invitation: TokenHash,
    enrolment: TokenHash,
    now: Time,
) -> Result<Option<Enrolment>, StoreError> {
    sqlx::query(
        "DELETE FROM enrolments WHERE hash IN
         (SELECT hash FROM enrolments WHERE invitation = $1 ORDER BY created DESC, hash LIMIT -1 OFFSET $2)",
    )
    .bind(bytes(&invitation))
    .bind(ENROLMENTS_PER_INVITATION.saturating_sub(1))
    .execute(&mut **write)
    .await?;
    sqlx::query("INSERT INTO enrolments (hash, invitation, created) VALUES ($1, $2, $3)")
        .bind(bytes(&enrolment))
        .bind(bytes(&invitation))
        .bind(now.millis())
        .execute(&mut **write)
        .await?;
    Ok(find(write, enrolment, now).await?.map(|found| found.enrolment))
}

/// `handed`: the security key that came with her letter. No browser tells a key's serial number, so the first key that she registered is
/// taken for it.
async fn copy_keys(
    write: &mut Write,
    enrolment: TokenHash,
    account: &Account,
    handed: Option<TokenId>,
    now: Time,
) -> Result<(), sqlx::Error> {
    let handed = handed.map(|token| token.to_string());
    if let Some(token) = &handed {
        sqlx::query("UPDATE enrolment_keys SET id = $2 WHERE id = (SELECT min(id) FROM enrolment_keys WHERE enrolment = $1)")
            .bind(bytes(&enrolment))
            .bind(token)
            .execute(&mut **write)
            .await?;
    }
    sqlx::query(
        "INSERT INTO keys (id, account, credential, passkey, counter, label, added, attestation)
         SELECT id, $2, credential, passkey, counter, label, $3, attestation FROM enrolment_keys WHERE enrolment = $1",
    )
    .bind(bytes(&enrolment))
    .bind(account.id.to_string())
    .bind(now.millis())
    .execute(&mut **write)
    .await?;
    let keys: Vec<String> =
        sqlx::query_scalar("SELECT id FROM enrolment_keys WHERE enrolment = $1").bind(bytes(&enrolment)).fetch_all(&mut **write).await?;
    for key in keys {
        if Some(&key) == handed.as_ref() {
            sqlx::query("UPDATE tokens SET state = 'active' WHERE id = $1").bind(key).execute(&mut **write).await?;
            continue;
        }
        sqlx::query(TOKEN_OF_KEY).bind(key).bind(account.id.to_string()).bind(now.millis()).execute(&mut **write).await?;
    }
    Ok(())
}

pub(super) struct Found {
    pub(super) enrolment: Enrolment,
    usb_key: Option<Kept>,
    invitation: TokenHash,
    password: Option<String>,
    /// The security key of the inventory that was handed out with her letter.
    handed_key: Option<TokenId>,
}

pub(super) async fn find(connection: &mut Write, enrolment: TokenHash, now: Time) -> Result<Option<Found>, StoreError> {
    let row = sqlx::query(concat!(
        "SELECT ",
        account_columns!(),
        ", enrolments.password, enrolments.invitation, invitations.expires, invitations.token FROM enrolments
         JOIN invitations ON invitations.hash = enrolments.invitation
         JOIN accounts ON accounts.id = invitations.account
         WHERE enrolments.hash = $1 AND invitations.expires > $2 AND accounts.state = 'invited' AND (invitations.token IS NULL OR EXISTS
         (SELECT 1 FROM tokens WHERE tokens.id = invitations.token AND tokens.account = accounts.id AND tokens.state = 'issued'
          AND (tokens.expires IS NULL OR tokens.expires > $2)))"
    ))
    .bind(bytes(&enrolment))
    .bind(now.millis())
    .fetch_optional(&mut **connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let keys = sqlx::query("SELECT id, credential, label FROM enrolment_keys WHERE enrolment = $1 ORDER BY id")
        .bind(bytes(&enrolment))
        .fetch_all(&mut **connection)
        .await?;
    let keys = keys
        .iter()
        .map(|key| Ok(EnrolmentKey { id: parsed(key, "id")?, credential: key.try_get("credential")?, label: key.try_get("label")? }));
    let tokens = sqlx::query(
        "SELECT serial, EXISTS (SELECT 1 FROM enrolment_tokens WHERE enrolment = $1 AND token = tokens.id) AS shown FROM tokens
         WHERE account = $2 AND kind = 'oath' AND state = 'issued' AND (expires IS NULL OR expires > $3) ORDER BY serial",
    )
    .bind(bytes(&enrolment))
    .bind(row.try_get::<String, _>("id")?)
    .bind(now.millis())
    .fetch_all(&mut **connection)
    .await?;
    let (mut shown, mut has_more_to_show) = (Vec::new(), false);
    for token in &tokens {
        match token.try_get("shown")? {
            true => shown.push(word(token, "serial", |text| Serial::parse(text).ok())?),
            false => has_more_to_show = true,
        }
    }
    let handed = handed_out(connection, &row).await?;
    let usb_key = kept(connection, enrolment).await?;
    let usb_key_shown = usb_key.as_ref().map(|kept| kept.usb_key.clone());
    let to_show = handed.as_ref().filter(|handed| match handed.kind {
        TokenKind::Oath => !shown.contains(&handed.serial),
        TokenKind::UsbKey => usb_key_shown.as_ref().is_none_or(|usb_key| usb_key.serial != handed.serial),
        TokenKind::WebAuthn | TokenKind::PhoneApp => false,
    });
    let is_issued_key = |handed: &Handed| handed.kind == TokenKind::WebAuthn && handed.state == TokenState::Issued;
    let password: Option<String> = row.try_get("password")?;
    Ok(Some(Found {
        enrolment: Enrolment {
            account: account(&row)?,
            expires: time(&row, "expires")?,
            has_password: password.is_some(),
            keys: keys.collect::<Result<_, StoreError>>()?,
            to_show: to_show.map(|handed| handed.serial.clone()),
            shown,
            has_more_to_show,
            usb_key: usb_key_shown,
        },
        usb_key,
        handed_key: handed.filter(is_issued_key).map(|handed| handed.id),
        invitation: hash(&row, "invitation")?,
        password,
    }))
}

/// The token that was handed out with a letter.
struct Handed {
    id: TokenId,
    serial: Serial,
    kind: TokenKind,
    state: TokenState,
}

async fn handed_out(connection: &mut Write, enrolment: &SqliteRow) -> Result<Option<Handed>, StoreError> {
    let Some(token): Option<String> = enrolment.try_get("token")? else { return Ok(None) };
    let row = sqlx::query("SELECT id, serial, kind, state FROM tokens WHERE id = $1").bind(token).fetch_one(&mut **connection).await?;
    Ok(Some(Handed {
        id: parsed(&row, "id")?,
        serial: word(&row, "serial", |text| Serial::parse(text).ok())?,
        kind: word(&row, "kind", TokenKind::parse)?,
        state: word(&row, "state", TokenState::parse)?,
    }))
}
