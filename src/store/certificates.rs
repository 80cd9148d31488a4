//! Certificates of USB-KEYs: whose token each belongs to, and how it was shown last. A fingerprint belongs to one token for ever.

use std::sync::Arc;

use sqlx::Row;

use super::rows::{optional_time, parsed, time, word};
use super::{Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::model::{AccountId, Serial, TokenId, TokenState};

/// A certificate that is about to be somebody's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCertificate {
    pub token: TokenId,
    /// SHA-256 of the DER.
    pub fingerprint: [u8; 32],
    /// As its authority counts, in hexadecimal.
    pub number: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: Time,
    /// What it was shown with, packed by `pki`; `None`: nobody has shown it.
    pub chain: Option<Arc<[u8]>>,
}

/// The certificate of a token as it was shown last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastShown {
    pub token: TokenId,
    pub serial: Serial,
    pub not_after: Time,
    /// `None`: it was not shown since chains are kept.
    pub chain: Option<Vec<u8>>,
}

impl NewCertificate {
    /// What its token is called in the inventory: a certificate tells no number that stands on the token.
    pub fn serial(&self) -> String {
        let start: String = self.fingerprint.iter().take(6).map(|byte| format!("{byte:02X}")).collect();
        format!("C-{start}")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    pub token: TokenId,
    pub serial: Serial,
    pub holder: Option<AccountId>,
    pub state: TokenState,
    pub expires: Option<Time>,
}

impl Store {
    /// `None`: nobody has registered it, or another has taken its place.
    pub async fn certificate(&self, fingerprint: [u8; 32]) -> Result<Option<StoredCertificate>, StoreError> {
        let row = sqlx::query(
            "SELECT tokens.id, tokens.serial, tokens.account, tokens.state, tokens.expires
             FROM certificates JOIN tokens ON tokens.id = certificates.token WHERE certificates.fingerprint = $1 AND certificates.revoked IS NULL",
        )
        .bind(fingerprint.as_slice())
        .fetch_optional(&self.read)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let holder: Option<String> = row.try_get("account")?;
        Ok(Some(StoredCertificate {
            token: parsed(&row, "id")?,
            serial: word(&row, "serial", |text| Serial::parse(text).ok())?,
            holder: holder.map(|_| parsed(&row, "account")).transpose()?,
            state: word(&row, "state", TokenState::parse)?,
            expires: optional_time(&row, "expires")?,
        }))
    }

    /// Makes a certificate the active token of an active account. `false`: it is registered already, or the account is not active.
    pub async fn register_certificate(&self, new: &NewCertificate, holder: AccountId, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        match put_certificate(&mut write, new, holder, now).await {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) if is_taken(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        write.commit().await?;
        Ok(true)
    }

    /// Writes down that the token was shown, and with which chain; one that was issued becomes active by that. `false`: it opens nothing.
    pub async fn use_usb_key(&self, shown: &NewCertificate, now: Time) -> Result<bool, StoreError> {
        let mut write = self.begin().await?;
        let used = sqlx::query(
            "UPDATE tokens SET state = 'active', last_used = $2
             WHERE id = $1 AND kind = 'usb-key' AND state IN ('issued', 'active') AND (expires IS NULL OR expires > $2)",
        )
        .bind(shown.token.to_string())
        .bind(now.millis())
        .execute(&mut *write)
        .await?;
        if used.rows_affected() != 1 {
            return Ok(false);
        }
        keep_chain(&mut write, shown).await?;
        write.commit().await?;
        Ok(true)
    }

    /// How the certificates that count were shown last, of those of these tokens that have one.
    pub async fn last_shown(&self, tokens: &[TokenId]) -> Result<Vec<LastShown>, StoreError> {
        let mut read = self.read.begin().await?;
        let mut found = Vec::new();
        for id in tokens {
            let row = sqlx::query(
                "SELECT tokens.id, tokens.serial, certificates.not_after, certificates.chain
                 FROM certificates JOIN tokens ON tokens.id = certificates.token WHERE tokens.id = $1 AND certificates.revoked IS NULL",
            )
            .bind(id.to_string())
            .fetch_optional(&mut *read)
            .await?;
            let Some(row) = row else { continue };
            found.push(LastShown {
                token: parsed(&row, "id")?,
                serial: word(&row, "serial", |text| Serial::parse(text).ok())?,
                not_after: time(&row, "not_after")?,
                chain: row.try_get("chain")?,
            });
        }
        Ok(found)
    }
}

/// It may be shown with another chain than before; the newest counts.
pub(super) async fn keep_chain(write: &mut Write, shown: &NewCertificate) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE certificates SET chain = $2 WHERE fingerprint = $1 AND chain IS DISTINCT FROM $2")
        .bind(shown.fingerprint.as_slice())
        .bind(shown.chain.as_deref())
        .execute(&mut **write)
        .await?;
    Ok(())
}

/// `false`: the account is not active.
pub(super) async fn put_certificate(write: &mut Write, new: &NewCertificate, holder: AccountId, now: Time) -> Result<bool, sqlx::Error> {
    let added = sqlx::query(
        "INSERT INTO tokens (id, serial, kind, state, account, added, issued, last_used)
         SELECT $1, $2, 'usb-key', 'active', id, $4, $4, $4 FROM accounts WHERE id = $3 AND state = 'active'",
    )
    .bind(new.token.to_string())
    .bind(new.serial())
    .bind(holder.to_string())
    .bind(now.millis())
    .execute(&mut **write)
    .await?;
    if added.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO certificates (fingerprint, token, number, subject, issuer, not_after, registered, own, chain)
         VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, $8)",
    )
    .bind(new.fingerprint.as_slice())
    .bind(new.token.to_string())
    .bind(new.number.as_str())
    .bind(new.subject.as_str())
    .bind(new.issuer.as_str())
    .bind(new.not_after.millis())
    .bind(now.millis())
    .bind(new.chain.as_deref())
    .execute(&mut **write)
    .await?;
    Ok(true)
}
