//! Certificates that the gateway's own authority issued: from the first to the last on each token, and the list of those that count no more.
//!
//! Invariant: a certificate belongs to one token for ever, and a token has at most one that counts. One that was superseded or revoked
//! stays here, so that it can never be registered again.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::certificates::NewCertificate;
use super::rows::{optional_time, parsed, time, word};
use super::{Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::model::{AccountId, AccountName, Serial, SessionId, TokenId, TokenKind, TokenState};

/// A certificate of a USB-KEY as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCertificate {
    pub token: TokenId,
    /// What stands on the token.
    pub serial: Serial,
    pub holder: Option<(AccountId, AccountName)>,
    pub state: TokenState,
    /// As its authority counts, in hexadecimal.
    pub number: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: Time,
    pub registered: Time,
    /// The gateway's own authority issued it.
    pub own: bool,
    /// Superseded or revoked since: it counts no more.
    pub revoked: Option<Time>,
}

/// What is kept of a certificate of the gateway's own authority beyond what is kept of every one.
#[derive(Clone, Copy, Debug)]
pub struct OwnCertificate<'a> {
    /// SubjectPublicKeyInfo (DER), so that the key can be certified anew.
    pub key: &'a [u8],
    /// As it was issued, so that it can be fetched.
    pub pem: &'a str,
}

/// The certificate of a token that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInForce {
    /// As its authority counts, in hexadecimal.
    pub number: String,
    pub not_after: Time,
    /// Of the gateway's own authority, unless it was issued before these were kept.
    pub pem: Option<String>,
}

/// What became of a token's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateChange {
    /// The sessions that the token had opened ended with it.
    Done {
        token: TokenId,
        ended: Vec<SessionId>,
    },
    NoSuch,
    /// The token is in a state in which that cannot be done.
    Not(TokenState),
    /// It is a token of another kind.
    NotOfThisKind(TokenKind),
    NoHolder,
    /// The certificate is known already.
    Taken,
}

/// A certificate of the gateway's own authority that counts no more, for the list of those.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevokedCertificate {
    pub number: String,
    pub at: Time,
}

macro_rules! certificate_query {
    ($where:literal) => {
        concat!(
            "SELECT certificates.*, tokens.serial, tokens.state, tokens.account, accounts.name AS holder_name
             FROM certificates JOIN tokens ON tokens.id = certificates.token LEFT JOIN accounts ON accounts.id = tokens.account ",
            $where
        )
    };
}

impl Store {
    /// All of them, the newest first.
    pub async fn certificates(&self) -> Result<Vec<ListedCertificate>, StoreError> {
        let query = certificate_query!("ORDER BY certificates.registered DESC, tokens.serial");
        sqlx::query(query).fetch_all(&self.read).await?.iter().map(certificate).collect()
    }

    /// Hands a token with a certificate to a person: one from the drawer, or one that was not known before, which becomes `token`. It opens
    /// nothing until she has shown that she has it.
    pub async fn issue_certificate(
        &self,
        serial: &Serial,
        account: AccountId,
        new: &NewCertificate,
        own: OwnCertificate<'_>,
        now: Time,
    ) -> Result<CertificateChange, StoreError> {
        let mut write = self.begin().await?;
        let (token, handed) = match known(&mut write, serial).await? {
            Some(known) if known.kind != TokenKind::UsbKey => return Ok(CertificateChange::NotOfThisKind(known.kind)),
            Some(known) if known.state != TokenState::InStock => return Ok(CertificateChange::Not(known.state)),
            Some(known) => {
                let issued = "UPDATE tokens SET state = 'issued', account = $2, issued = $3 WHERE id = $1
                              AND EXISTS (SELECT 1 FROM accounts WHERE id = $2 AND state IN ('invited', 'active'))";
                let issued = sqlx::query(issued).bind(known.id.to_string()).bind(account.to_string()).bind(now.millis());
                (known.id, issued.execute(&mut *write).await?.rows_affected() == 1)
            }
            None => (new.token, add_token(&mut write, new.token, serial, account, now).await?),
        };
        if !handed {
            return Ok(CertificateChange::NoHolder);
        }
        if !insert(&mut write, token, new, own, now).await? {
            return Ok(CertificateChange::Taken);
        }
        write.commit().await?;
        Ok(CertificateChange::Done { token, ended: Vec::new() })
    }

    /// Puts another certificate in the place of the token's, which counts no more from now on. One of another key opens nothing until its holder
    /// has shown it.
    pub async fn renew_certificate(
        &self,
        serial: &Serial,
        new: &NewCertificate,
        own: OwnCertificate<'_>,
        now: Time,
    ) -> Result<CertificateChange, StoreError> {
        let mut write = self.begin().await?;
        let Some(known) = known(&mut write, serial).await? else { return Ok(CertificateChange::NoSuch) };
        if known.kind != TokenKind::UsbKey {
            return Ok(CertificateChange::NotOfThisKind(known.kind));
        }
        if !matches!(known.state, TokenState::Issued | TokenState::Active) {
            return Ok(CertificateChange::Not(known.state));
        }
        let key: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT key FROM certificates WHERE token = $1 AND own ORDER BY registered DESC LIMIT 1")
                .bind(known.id.to_string())
                .fetch_optional(&mut *write)
                .await?
                .flatten();
        supersede(&mut write, known.id, now).await?;
        if !insert(&mut write, known.id, new, own, now).await? {
            return Ok(CertificateChange::Taken);
        }
        // Nobody has shown that key yet, so it is as if the token had just been issued.
        if key.as_deref() != Some(own.key) {
            let issued = sqlx::query("UPDATE tokens SET state = 'issued' WHERE id = $1 AND state = 'active'");
            issued.bind(known.id.to_string()).execute(&mut *write).await?;
        }
        write.commit().await?;
        Ok(CertificateChange::Done { token: known.id, ended: Vec::new() })
    }

    /// Takes the token's certificate out of use and ends what it had opened. The token waits for another certificate.
    pub async fn revoke_certificate(&self, serial: &Serial, now: Time) -> Result<CertificateChange, StoreError> {
        let mut write = self.begin().await?;
        let Some(known) = known(&mut write, serial).await? else { return Ok(CertificateChange::NoSuch) };
        if known.kind != TokenKind::UsbKey {
            return Ok(CertificateChange::NotOfThisKind(known.kind));
        }
        if supersede(&mut write, known.id, now).await? == 0 {
            return Ok(CertificateChange::Not(known.state));
        }
        let ended = sqlx::query("DELETE FROM sessions WHERE id IN (SELECT session FROM proofs WHERE token = $1) RETURNING id")
            .bind(known.id.to_string());
        let ended = ended.fetch_all(&mut *write).await?;
        let ended = ended.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?;
        write.commit().await?;
        Ok(CertificateChange::Done { token: known.id, ended })
    }

    /// The key (SubjectPublicKeyInfo) of the certificate that the gateway's own authority issued to this token last.
    pub async fn certified_key(&self, serial: &Serial) -> Result<Option<Vec<u8>>, StoreError> {
        let key = sqlx::query_scalar(
            "SELECT certificates.key FROM certificates JOIN tokens ON tokens.id = certificates.token
             WHERE tokens.serial = $1 AND certificates.own ORDER BY certificates.registered DESC LIMIT 1",
        );
        Ok(key.bind(serial.as_str()).fetch_optional(&self.read).await?.flatten())
    }

    /// `None`: the token has none that counts.
    pub async fn certificate_in_force(&self, serial: &Serial) -> Result<Option<CertificateInForce>, StoreError> {
        let row = sqlx::query(
            "SELECT certificates.number, certificates.not_after, certificates.pem
             FROM certificates JOIN tokens ON tokens.id = certificates.token
             WHERE tokens.serial = $1 AND certificates.revoked IS NULL AND tokens.state NOT IN ('lost', 'revoked', 'expired')",
        );
        let row = row.bind(serial.as_str()).fetch_optional(&self.read).await?;
        row.map(|row| {
            Ok(CertificateInForce { number: row.try_get("number")?, not_after: time(&row, "not_after")?, pem: row.try_get("pem")? })
        })
        .transpose()
    }

    /// Those of the gateway's own authority that count no more, by number: superseded, revoked, or on a token that has ended. One whose time
    /// is over by a day needs no mention.
    pub async fn revoked_certificates(&self, now: Time) -> Result<Vec<RevokedCertificate>, StoreError> {
        let rows = sqlx::query(
            "SELECT certificates.number, COALESCE(certificates.revoked, tokens.ended, $1) AS at
             FROM certificates JOIN tokens ON tokens.id = certificates.token
             WHERE certificates.own AND certificates.not_after > $1 - 86400000
             AND (certificates.revoked IS NOT NULL OR tokens.state IN ('lost', 'revoked', 'expired')) ORDER BY certificates.number",
        );
        let rows = rows.bind(now.millis()).fetch_all(&self.read).await?;
        rows.iter().map(|row| Ok(RevokedCertificate { number: row.try_get("number")?, at: time(row, "at")? })).collect()
    }
}

struct Known {
    id: TokenId,
    kind: TokenKind,
    state: TokenState,
}

async fn known(write: &mut Write, serial: &Serial) -> Result<Option<Known>, StoreError> {
    let row =
        sqlx::query("SELECT id, kind, state FROM tokens WHERE serial = $1").bind(serial.as_str()).fetch_optional(&mut **write).await?;
    row.map(|row| {
        let (kind, state) = (word(&row, "kind", TokenKind::parse)?, word(&row, "state", TokenState::parse)?);
        Ok(Known { id: parsed(&row, "id")?, kind, state })
    })
    .transpose()
}

/// `false`: the account cannot hold a token.
async fn add_token(write: &mut Write, token: TokenId, serial: &Serial, account: AccountId, now: Time) -> Result<bool, StoreError> {
    let added = sqlx::query(
        "INSERT INTO tokens (id, serial, kind, state, account, added, issued)
         SELECT $1, $2, 'usb-key', 'issued', id, $4, $4 FROM accounts WHERE id = $3 AND state IN ('invited', 'active')",
    )
    .bind(token.to_string())
    .bind(serial.as_str())
    .bind(account.to_string())
    .bind(now.millis())
    .execute(&mut **write)
    .await?;
    Ok(added.rows_affected() == 1)
}

/// `false`: it is known already.
async fn insert(write: &mut Write, token: TokenId, new: &NewCertificate, own: OwnCertificate<'_>, now: Time) -> Result<bool, StoreError> {
    let inserted = sqlx::query(
        "INSERT INTO certificates (fingerprint, token, number, subject, issuer, not_after, registered, own, key, pem)
         VALUES ($1, $2, $3, $4, $5, $6, $7, TRUE, $8, $9)",
    )
    .bind(new.fingerprint.as_slice())
    .bind(token.to_string())
    .bind(new.number.as_str())
    .bind(new.subject.as_str())
    .bind(new.issuer.as_str())
    .bind(new.not_after.millis())
    .bind(now.millis())
    .bind(own.key)
    .bind(own.pem)
    .execute(&mut **write)
    .await;
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn supersede(write: &mut Write, token: TokenId, now: Time) -> Result<u64, StoreError> {
    let superseded = sqlx::query("UPDATE certificates SET revoked = $2 WHERE token = $1 AND revoked IS NULL");
    Ok(superseded.bind(token.to_string()).bind(now.millis()).execute(&mut **write).await?.rows_affected())
}

fn certificate(row: &SqliteRow) -> Result<ListedCertificate, StoreError> {
    let account: Option<String> = row.try_get("account")?;
    let holder =
        account.map(|_| Ok::<_, StoreError>((parsed(row, "account")?, word(row, "holder_name", |text| AccountName::parse(text).ok())?)));
    Ok(ListedCertificate {
        token: parsed(row, "token")?,
        serial: word(row, "serial", |text| Serial::parse(text).ok())?,
        holder: holder.transpose()?,
        state: word(row, "state", TokenState::parse)?,
        number: row.try_get("number")?,
        subject: row.try_get("subject")?,
        issuer: row.try_get("issuer")?,
        not_after: time(row, "not_after")?,
        registered: time(row, "registered")?,
        own: row.try_get("own")?,
        revoked: optional_time(row, "revoked")?,
    })
}
