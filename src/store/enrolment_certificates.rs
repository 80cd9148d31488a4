//! The USB-KEY that somebody shows in her enrolment.
//!
//! Invariant: an enrolment has one at most, the last that was shown; its certificate belongs to nobody until the enrolment completes, unless it
//! was issued to her before, and is registered in the transaction that completes it or not at all.

use sqlx::Row;

use super::certificates::{NewCertificate, keep_chain, put_certificate};
use super::enrolments::find;
use super::rows::{bytes, parsed, time, word};
use super::wardens::note_hardware;
use super::{KeyAddition, Store, StoreError, Write, is_taken};
use crate::clock::Time;
use crate::crypto::TokenHash;
use crate::model::{AccountId, Factor, Role, Serial, TokenId};

/// The USB-KEY that was shown in an enrolment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolmentUsbKey {
    /// What it is called in the inventory, or will be.
    pub serial: Serial,
    /// The name in its certificate.
    pub subject: String,
    /// Whether its authority certifies keys in hardware alone.
    pub is_hardware_only: bool,
}

impl EnrolmentUsbKey {
    /// Whether it is enough to sign in by, for an account of this role.
    pub fn suits(&self, role: Role) -> bool {
        !role.is_staff() || Factor::by_certificate(self.is_hardware_only).suits_staff()
    }
}

impl Store {
    /// Keeps the certificate of a USB-KEY until the enrolment completes, in the place of one that was shown before; `None`: no such enrolment.
    pub async fn show_enrolment_certificate(
        &self,
        enrolment: TokenHash,
        new: &NewCertificate,
        is_hardware_only: bool,
        now: Time,
    ) -> Result<Option<KeyAddition>, StoreError> {
        let mut write = self.begin().await?;
        let Some(found) = find(&mut write, enrolment, now).await? else { return Ok(None) };
        if let Place::Elsewhere = place(&mut write, new.fingerprint, found.enrolment.account.id, now).await? {
            return Ok(Some(KeyAddition::Taken));
        }
        sqlx::query(
            "INSERT INTO enrolment_certificates (enrolment, token, fingerprint, number, subject, issuer, not_after, hardware_only, chain)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (enrolment) DO UPDATE SET token = excluded.token,
             fingerprint = excluded.fingerprint, number = excluded.number, subject = excluded.subject, issuer = excluded.issuer,
             not_after = excluded.not_after, hardware_only = excluded.hardware_only, chain = excluded.chain",
        )
        .bind(bytes(&enrolment))
        .bind(new.token.to_string())
        .bind(new.fingerprint.as_slice())
        .bind(new.number.as_str())
        .bind(new.subject.as_str())
        .bind(new.issuer.as_str())
        .bind(new.not_after.millis())
        .bind(is_hardware_only)
        .bind(new.chain.as_deref())
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(Some(KeyAddition::Added))
    }

    /// So that another can be shown in its place.
    pub(super) async fn forget_enrolment_certificate(&self, enrolment: TokenHash, kept: &Kept) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM enrolment_certificates WHERE enrolment = $1 AND fingerprint = $2")
            .bind(bytes(&enrolment))
            .bind(kept.certificate.fingerprint.as_slice())
            .execute(&self.write)
            .await?;
        Ok(())
    }
}

/// Whose a certificate is that somebody shows in her enrolment.
enum Place {
    Nobodys,
    /// On a token that was handed to her and that she has not shown yet.
    Issued(TokenId),
    /// On another token, or on one that opens nothing any more; or it was superseded.
    Elsewhere,
}

async fn place(write: &mut Write, fingerprint: [u8; 32], account: AccountId, now: Time) -> Result<Place, StoreError> {
    let row = sqlx::query(
        "SELECT tokens.id, CASE WHEN certificates.revoked IS NULL AND tokens.account = $2 AND tokens.state = 'issued'
         AND (tokens.expires IS NULL OR tokens.expires > $3) THEN TRUE ELSE FALSE END AS is_hers
         FROM certificates JOIN tokens ON tokens.id = certificates.token WHERE certificates.fingerprint = $1",
    )
    .bind(fingerprint.as_slice())
    .bind(account.to_string())
    .bind(now.millis())
    .fetch_optional(&mut **write)
    .await?;
    match row {
        None => Ok(Place::Nobodys),
        Some(row) if row.try_get("is_hers")? => Ok(Place::Issued(parsed(&row, "id")?)),
        Some(_) => Ok(Place::Elsewhere),
    }
}

/// What was kept of it.
pub(super) struct Kept {
    pub(super) usb_key: EnrolmentUsbKey,
    certificate: NewCertificate,
}

pub(super) async fn kept(connection: &mut Write, enrolment: TokenHash) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query(
        "SELECT enrolment_certificates.*, tokens.serial AS known FROM enrolment_certificates
         LEFT JOIN certificates ON certificates.fingerprint = enrolment_certificates.fingerprint
         LEFT JOIN tokens ON tokens.id = certificates.token WHERE enrolment_certificates.enrolment = $1",
    )
    .bind(bytes(&enrolment))
    .fetch_optional(&mut **connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let fingerprint: Vec<u8> = row.try_get("fingerprint")?;
    let unreadable = |_| StoreError::Unreadable { what: "fingerprint", found: format!("{} bytes", fingerprint.len()) };
    let certificate = NewCertificate {
        token: parsed(&row, "token")?,
        fingerprint: fingerprint.as_slice().try_into().map_err(unreadable)?,
        number: row.try_get("number")?,
        subject: row.try_get("subject")?,
        issuer: row.try_get("issuer")?,
        not_after: time(&row, "not_after")?,
        chain: row.try_get::<Option<Vec<u8>>, _>("chain")?.map(Into::into),
    };
    let known: Option<String> = row.try_get("known")?;
    let serial = match known {
        Some(_) => word(&row, "known", |text| Serial::parse(text).ok())?,
        None => {
            let named = certificate.serial();
            Serial::parse(&named).map_err(|_| StoreError::Unreadable { what: "serial", found: named })?
        }
    };
    let usb_key = EnrolmentUsbKey { serial, subject: certificate.subject.clone(), is_hardware_only: row.try_get("hardware_only")? };
    Ok(Some(Kept { usb_key, certificate }))
}

/// Makes it the active token of an account that is active by now. `false`: the certificate, or its token, went elsewhere since it was shown.
pub(super) async fn register(write: &mut Write, kept: &Kept, account: AccountId, now: Time) -> Result<bool, StoreError> {
    let token = match place(write, kept.certificate.fingerprint, account, now).await? {
        Place::Elsewhere => return Ok(false),
        Place::Nobodys => match put_certificate(write, &kept.certificate, account, now).await {
            Ok(true) => kept.certificate.token,
            Ok(false) => return Ok(false),
            Err(error) if is_taken(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        },
        Place::Issued(token) => {
            sqlx::query("UPDATE tokens SET state = 'active', last_used = $2 WHERE id = $1")
                .bind(token.to_string())
                .bind(now.millis())
                .execute(&mut **write)
                .await?;
            keep_chain(write, &kept.certificate).await?;
            token
        }
    };
    note_hardware(write, token, kept.usb_key.is_hardware_only).await?;
    Ok(true)
}
