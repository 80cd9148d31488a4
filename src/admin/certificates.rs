//! Certificates that the gateway's own authority issues: first ones, new ones, revoked ones, and the list of those.
//!
//! Invariant: a certificate leaves here only after it is registered, and with its record; the published list holds whatever counts no more,
//! a day old at most.

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::clock::Time;
use crate::model::{AccountName, Action, Event, Outcome, Serial, TokenId, TokenState};
use crate::pki::{Holder, IssuedToHolder, IssuingCa, IssuingFiles, MOST_DAYS, RequestedKey};
use crate::store::{CertificateChange, ListedCertificate, NewCertificate, OwnCertificate, RevokedCertificate, StoreError};

use super::desk::Desk;
use super::error::AdminError;
use super::named::Person;
use super::permission::{Actor, Change};
use super::petitions::Authority;
use super::proposal::{KeyToCertify, Wish};

const DAY_MS: i64 = 86_400_000;

/// The gateway's own authority as the desk keeps it.
pub(super) struct Issuing {
    files: IssuingFiles,
    /// What the list said when it was last written, and on which day; whoever writes it holds this.
    published: Mutex<Option<(Vec<RevokedCertificate>, i64)>>,
}

impl Issuing {
    pub(super) fn new(files: IssuingFiles) -> Self {
        Self { files, published: Mutex::default() }
    }
}

/// The steady time for what is stored, and the machine's for the dates of certificates.
#[derive(Clone, Copy, Debug)]
pub struct When {
    pub now: Time,
    pub wall: Time,
}

/// A certificate for the token that it was asked for.
#[derive(Debug)]
pub struct Certified {
    pub pem: String,
    pub not_after: Time,
}

/// A certificate as lists show it; times are UTC (RFC 3339).
#[derive(Debug, Serialize, Deserialize)]
pub struct CertificateLine {
    pub serial: String,
    pub holder: Option<String>,
    pub state: TokenState,
    pub number: String,
    pub subject: String,
    pub issuer: String,
    pub not_after: String,
    pub registered: String,
    pub own: bool,
    pub revoked: Option<String>,
}

impl CertificateLine {
    pub fn of(certificate: ListedCertificate) -> Self {
        Self {
            serial: certificate.serial.to_string(),
            holder: certificate.holder.map(|(_, name)| name.to_string()),
            state: certificate.state,
            number: certificate.number,
            subject: certificate.subject,
            issuer: certificate.issuer,
            not_after: certificate.not_after.to_string(),
            registered: certificate.registered.to_string(),
            own: certificate.own,
            revoked: certificate.revoked.map(|time| time.to_string()),
        }
    }
}

impl Desk {
    /// Makes the gateway's own authority, once. Whether it is believed is said in the config.
    pub async fn create_authority(&self, actor: &Actor, name: &str, wall: Time) -> Result<(), AdminError> {
        self.permit(actor, Change::CreateAuthority)?;
        let issuing = self.issuing.as_ref().ok_or(AdminError::NoAuthority)?;
        let event = Event::done(Action::AuthorityCreated).with("name", name);
        let change = async { IssuingCa::create(&issuing.files, name, wall).map(drop) };
        self.recorded(actor, event, change).await
    }

    pub async fn certificates(&self, actor: &Actor) -> Result<Vec<ListedCertificate>, AdminError> {
        self.permit(actor, Change::ReadTokens)?;
        Ok(self.store.certificates().await?)
    }

    /// Certifies the key that was made in a token, and hands the token to a person. A certificate is a token: a staff member's takes two.
    pub async fn issue_certificate(
        &self,
        actor: &Actor,
        serial: &Serial,
        to: &AccountName,
        request: &str,
        days: u32,
        when: When,
    ) -> Result<Certified, AdminError> {
        self.permit(actor, Change::IssueCertificate)?;
        self.may_give(when.now)?;
        let to = self.as_person(self.store.account_by_name(to).await?.ok_or(AdminError::NoSuchAccount)?);
        let (key, days) = (RequestedKey::of_request(request)?, days.clamp(1, MOST_DAYS));
        self.authority_for(days, when.wall)?;
        let wish = Wish::IssueCertificate { serial: serial.clone(), to: to.account, key: key.info().to_vec(), days };
        let authority = self.authority(actor, &wish, when.now).await?;
        self.issue_certificate_by(actor, serial, &to, (&key, days), &authority, when).await
    }

    pub(super) async fn issue_certificate_by(
        &self,
        actor: &Actor,
        serial: &Serial,
        to: &Person,
        (key, days): (&RequestedKey, u32),
        authority: &Authority,
        when: When,
    ) -> Result<Certified, AdminError> {
        self.may_give(when.now)?;
        let issued = self.certified(key, to, days, when.wall)?;
        let (new, own) = (new_certificate(&issued), OwnCertificate { key: key.info(), pem: &issued.pem });
        let event = authority.sign(about(Action::CertificateIssued, serial, to, key, &issued));
        let change = async { changed(self.store.issue_certificate(serial, to.account, &new, own, when.now).await?, serial) };
        self.recorded(actor, event, change).await?;
        Ok(Certified { pem: issued.pem, not_after: issued.not_after })
    }

    /// Another certificate for the same token, of the same key or of that in a new request; the one before counts no more.
    pub async fn renew_certificate(
        &self,
        actor: &Actor,
        serial: &Serial,
        request: Option<&str>,
        days: u32,
        when: When,
    ) -> Result<Certified, AdminError> {
        self.permit(actor, Change::IssueCertificate)?;
        self.may_give(when.now)?;
        let holder = self.holder(serial).await?;
        let key = match request {
            Some(request) => RequestedKey::of_request(request)?,
            None => {
                let key = self.store.certified_key(serial).await?.ok_or_else(|| AdminError::NoCertificate(serial.clone()))?;
                RequestedKey::of_info(&key)?
            }
        };
        let days = days.clamp(1, MOST_DAYS);
        self.authority_for(days, when.wall)?;
        let wish = Wish::RenewCertificate { serial: serial.clone(), key: key.info().to_vec(), days };
        let authority = self.authority(actor, &wish, when.now).await?;
        self.renew_certificate_by(actor, serial, &holder, (&key, days), &authority, when).await
    }

    pub(super) async fn renew_certificate_by(
        &self,
        actor: &Actor,
        serial: &Serial,
        holder: &Person,
        (key, days): (&RequestedKey, u32),
        authority: &Authority,
        when: When,
    ) -> Result<Certified, AdminError> {
        self.may_give(when.now)?;
        let issued = self.certified(key, holder, days, when.wall)?;
        let (new, own) = (new_certificate(&issued), OwnCertificate { key: key.info(), pem: &issued.pem });
        let event = authority.sign(about(Action::CertificateRenewed, serial, holder, key, &issued));
        let change = async { changed(self.store.renew_certificate(serial, &new, own, when.now).await?, serial) };
        self.recorded(actor, event, change).await?;
        self.publish_now(when.wall).await;
        Ok(Certified { pem: issued.pem, not_after: issued.not_after })
    }

    /// The certificate of a token that counts, as the gateway's own authority issued it: for whoever asked for it and did not get it at once.
    pub async fn certificate(&self, actor: &Actor, serial: &Serial) -> Result<Certified, AdminError> {
        self.permit(actor, Change::ReadTokens)?;
        if self.store.certified_key(serial).await?.is_none() {
            return Err(AdminError::NoCertificate(serial.clone()));
        }
        let found = self.store.certificate_in_force(serial).await?.ok_or_else(|| AdminError::NoCertificateInForce(serial.clone()))?;
        let pem = found.pem.ok_or_else(|| AdminError::NotKept(serial.clone()))?;
        Ok(Certified { pem, not_after: found.not_after })
    }

    /// Takes a token's certificate out of use and ends at once what it had opened. Returns how many sessions that were.
    pub async fn revoke_certificate(&self, actor: &Actor, serial: &Serial, when: When) -> Result<usize, AdminError> {
        self.permit(actor, Change::RevokeCertificate)?;
        let token = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?;
        self.leaves_a_way_in(&token, when.now).await?;
        // Before anything that can fail or wait.
        let at_once = self.sessions.revoke_all_by(token.id);
        let event = Event::done(Action::CertificateRevoked).with("serial", serial).with("token", token.id);
        let event = match &token.holder {
            Some(holder) => event.with("account", holder.account).with("name", &holder.name),
            None => event,
        };
        let change = async {
            let change = self.store.revoke_certificate(serial, when.now).await?;
            // Whoever signed in meanwhile came before the certificate was revoked.
            let more = self.sessions.revoke_all_by(token.id);
            Ok::<_, StoreError>((change, at_once.len().saturating_add(more.len())))
        };
        let (change, ended) = self.taken_away(actor, event.clone(), change).await?;
        self.publish_now(when.wall).await;
        changed(change, serial).map(|()| ended).inspect_err(|error| {
            self.journal.note(Event { outcome: Outcome::Failed, ..actor.sign(event) }.with("why", error));
        })
    }

    /// Writes the list of revoked certificates anew where it says something else or is of another day.
    pub async fn publish_revocations(&self, wall: Time) -> Result<(), AdminError> {
        let Some(issuing) = &self.issuing else { return Ok(()) };
        let mut published = issuing.published.lock().await;
        let revoked = self.store.revoked_certificates(wall).await?;
        let state = (revoked, wall.millis().div_euclid(DAY_MS));
        if published.as_ref() == Some(&state) && issuing.files.list().exists() {
            return Ok(());
        }
        let Some(ca) = IssuingCa::open(&issuing.files, wall)? else { return Ok(()) };
        let list: Vec<(String, Time)> = state.0.iter().map(|one| (one.number.clone(), one.at)).collect();
        ca.publish(&list, wall)?;
        *published = Some(state);
        Ok(())
    }

    /// The list of revoked certificates as it was published last, in DER.
    pub fn revocations(&self) -> Option<Vec<u8>> {
        self.issuing.as_ref().and_then(|issuing| std::fs::read(issuing.files.list()).ok())
    }

    /// To be called where certificates have ended. What was revoked opens nothing here whether the list says so or not; where it cannot be
    /// written, the next attempt is half a minute later.
    pub async fn publish_now(&self, wall: Time) {
        if let Err(error) = self.publish_revocations(wall).await {
            tracing::error!(%error, "the list of revoked certificates could not be written");
        }
    }

    /// The gateway's own authority, if it lasts longer than a certificate for so many days.
    fn authority_for(&self, days: u32, wall: Time) -> Result<IssuingCa, AdminError> {
        let issuing = self.issuing.as_ref().ok_or(AdminError::NoAuthority)?;
        let ca = IssuingCa::open(&issuing.files, wall)?.ok_or(AdminError::NoAuthority)?;
        ca.outlasts(days, wall)?;
        Ok(ca)
    }

    fn certified(&self, key: &RequestedKey, holder: &Person, days: u32, wall: Time) -> Result<IssuedToHolder, AdminError> {
        let list_url = format!("{}/crl/issuing-ca.crl", self.portal);
        let holder = Holder { name: holder.name.clone(), unit: holder.unit.clone(), days, list_url };
        Ok(self.authority_for(days, wall)?.certify(key, &holder, wall)?)
    }
}

/// The key of a proposal.
pub(super) fn key_of(key: &KeyToCertify) -> Result<RequestedKey, AdminError> {
    Ok(RequestedKey::of_info(&key.info().unwrap_or_default())?)
}

fn new_certificate(issued: &IssuedToHolder) -> NewCertificate {
    NewCertificate {
        token: TokenId::fresh(),
        fingerprint: issued.fingerprint,
        number: issued.number.clone(),
        subject: issued.subject.clone(),
        issuer: issued.issuer.clone(),
        not_after: issued.not_after,
        chain: None,
    }
}

fn about(action: Action, serial: &Serial, holder: &Person, key: &RequestedKey, issued: &IssuedToHolder) -> Event {
    let event = Event::done(action).with("serial", serial).with("account", holder.account).with("name", &holder.name);
    event.with("number", &issued.number).with("key", key.digest()).with("until", issued.not_after)
}

fn changed(change: CertificateChange, serial: &Serial) -> Result<(), AdminError> {
    let serial = serial.clone();
    match change {
        CertificateChange::Done { .. } => Ok(()),
        CertificateChange::NoSuch => Err(AdminError::NoSuchToken(serial)),
        CertificateChange::Not(state) => Err(AdminError::WrongTokenState { serial, state }),
        CertificateChange::NotOfThisKind(kind) => Err(AdminError::NoUsbKey { serial, kind }),
        CertificateChange::NoHolder => Err(AdminError::NoHolder),
        CertificateChange::Taken => Err(AdminError::CertificateTaken),
    }
}
