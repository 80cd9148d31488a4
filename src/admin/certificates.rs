//! Certificates that the gateway's own authority issues: first ones, new ones, revoked ones, and the list of those.
//!
//! Invariant: a certificate leaves here only after it is registered, and with its record; the published list holds whatever counts no more,
//! a day old at most.

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::clock::Time;
use crate::model::{Account, AccountName, Action, Event, Outcome, Serial, TokenId, TokenState};
use crate::pki::{Holder, IssuedToHolder, IssuingCa, IssuingFiles, RequestedKey};
use crate::store::{CertificateChange, ListedCertificate, NewCertificate, RevokedCertificate, StoreError};

use super::desk::Desk;
use super::error::AdminError;
use super::permission::{Actor, Change};

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

    /// Certifies the key that was made in a token, and hands the token to a person.
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
        let account = self.store.account_by_name(to).await?.ok_or(AdminError::NoSuchAccount)?;
        self.may_certify(actor, &account, when.now).await?;
        let key = RequestedKey::of_request(request)?;
        let issued = self.certified(&key, &account, days, when.wall)?;
        let new = new_certificate(&issued);
        let event = about(Action::CertificateIssued, serial, &account, &issued);
        let change = async { changed(self.store.issue_certificate(serial, account.id, &new, key.info(), when.now).await?, serial) };
        self.recorded(actor, event, change).await?;
        Ok(Certified { pem: issued.pem, not_after: issued.not_after })
    }

    /// A certificate is a token, and a staff member's takes two: one alone makes none where there are two.
    async fn may_certify(&self, actor: &Actor, account: &Account, now: Time) -> Result<(), AdminError> {
        let alone = matches!(actor, Actor::Machine { .. }) || !account.role.is_staff() || self.store.wardens(now).await?.len() < 2;
        if alone { Ok(()) } else { Err(AdminError::StaffCertificate) }
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
        let token = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?;
        let holder = token.holder.ok_or(AdminError::WrongTokenState { serial: serial.clone(), state: token.state })?;
        let account = self.store.account(holder.account).await?.ok_or(AdminError::NoSuchAccount)?;
        self.may_certify(actor, &account, when.now).await?;
        let key = match request {
            Some(request) => RequestedKey::of_request(request)?,
            None => {
                let key = self.store.certified_key(serial).await?.ok_or_else(|| AdminError::NoCertificate(serial.clone()))?;
                RequestedKey::of_info(&key)?
            }
        };
        let issued = self.certified(&key, &account, days, when.wall)?;
        let new = new_certificate(&issued);
        let event = about(Action::CertificateRenewed, serial, &account, &issued);
        let change = async { changed(self.store.renew_certificate(serial, &new, key.info(), when.now).await?, serial) };
        self.recorded(actor, event, change).await?;
        self.published(when.wall).await;
        Ok(Certified { pem: issued.pem, not_after: issued.not_after })
    }

    /// Takes a token's certificate out of use and ends at once what it had opened. Returns how many sessions that were.
    pub async fn revoke_certificate(&self, actor: &Actor, serial: &Serial, when: When) -> Result<usize, AdminError> {
        self.permit(actor, Change::RevokeCertificate)?;
        let token = self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))?;
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
        self.published(when.wall).await;
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

    /// What was revoked opens nothing here whether the list says so or not; the next attempt is half a minute later.
    async fn published(&self, wall: Time) {
        if let Err(error) = self.publish_revocations(wall).await {
            tracing::error!(%error, "the list of revoked certificates could not be written");
        }
    }

    fn certified(&self, key: &RequestedKey, account: &Account, days: u32, wall: Time) -> Result<IssuedToHolder, AdminError> {
        let issuing = self.issuing.as_ref().ok_or(AdminError::NoAuthority)?;
        let ca = IssuingCa::open(&issuing.files, wall)?.ok_or(AdminError::NoAuthority)?;
        let list_url = format!("{}/crl/issuing-ca.crl", self.portal);
        let holder = Holder { name: account.name.clone(), unit: account.unit.clone(), days, list_url };
        Ok(ca.certify(key, &holder, wall)?)
    }
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

fn about(action: Action, serial: &Serial, account: &Account, issued: &IssuedToHolder) -> Event {
    let event = Event::done(action).with("serial", serial).with("account", account.id).with("name", &account.name);
    event.with("number", &issued.number).with("until", issued.not_after)
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
