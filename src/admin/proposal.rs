//! What a security administrator wants, and what that comes to just now: the whole of what the other one is shown and confirms.
//!
//! Invariant: a [`Proposal`] says everything that decides what will be done; if any of it has changed since, it is another proposal.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::desk::{Desk, NewAccount};
use super::error::AdminError;
use super::named::Person;
use crate::clock::Time;
use crate::crypto::sha256;
use crate::model::{AccountId, AccountName, AccountState, Event, Role, Serial, TokenKind, TokenState, UnitName};
use crate::store::StoredToken;

/// For what gives somebody a new token or a new password: she stands beside them.
const SHORT: Duration = Duration::from_secs(15 * 60);
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// As it is asked for.
#[derive(Clone, Debug)]
pub enum Wish {
    Invite(NewAccount),
    Enable(AccountId),
    IssueToken {
        serial: Serial,
        to: AccountId,
    },
    ResumeToken(Serial),
    /// `key`: SubjectPublicKeyInfo (DER); whoever asked has shown that its holder signed for it.
    IssueCertificate {
        serial: Serial,
        to: AccountId,
        key: Vec<u8>,
        days: u32,
    },
    RenewCertificate {
        serial: Serial,
        key: Vec<u8>,
        days: u32,
    },
    NewToken(AccountId),
    NewPassword(AccountId),
    EnrolAnew(AccountId),
    Trust {
        what: String,
        digest: [u8; 32],
    },
}

/// A key that is to be certified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyToCertify {
    /// SubjectPublicKeyInfo (DER), in hexadecimal.
    info: String,
    /// By which people compare keys: SHA-256 of it, in hexadecimal.
    digest: String,
}

impl KeyToCertify {
    pub fn of(info: &[u8]) -> Self {
        Self { info: HEXLOWER.encode(info), digest: HEXLOWER.encode(&sha256(info)) }
    }

    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// `None`: nobody can read it.
    pub(super) fn info(&self) -> Option<Vec<u8>> {
        HEXLOWER.decode(self.info.as_bytes()).ok()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Proposal {
    Invite {
        name: AccountName,
        unit: UnitName,
        role: Role,
        email: Option<String>,
        /// The account of that name that waits to be set up already.
        before: Option<Person>,
        /// That account was somebody's.
        reopened: bool,
        /// The emergency plan gives power to whoever has this name.
        #[serde(default)]
        named: bool,
    },
    Enable {
        person: Person,
    },
    IssueToken {
        serial: Serial,
        kind: TokenKind,
        state: TokenState,
        to: Person,
    },
    ResumeToken {
        serial: Serial,
        kind: TokenKind,
        state: TokenState,
        holder: Person,
    },
    IssueCertificate {
        serial: Serial,
        kind: TokenKind,
        /// `None`: nobody has seen the token yet.
        state: Option<TokenState>,
        to: Person,
        key: KeyToCertify,
        days: u32,
    },
    RenewCertificate {
        serial: Serial,
        kind: TokenKind,
        state: TokenState,
        holder: Person,
        key: KeyToCertify,
        days: u32,
        /// The number of the certificate that counts no more then.
        before: Option<String>,
    },
    /// For somebody who lost all of hers and has her password.
    NewToken {
        person: Person,
        lost: Vec<Serial>,
    },
    /// For somebody who forgot hers and has a token.
    NewPassword {
        person: Person,
        by_code: bool,
    },
    /// For somebody who has neither.
    EnrolAnew {
        person: Person,
        lost: Vec<Serial>,
    },
    Trust {
        what: String,
        /// SHA-256, in hexadecimal.
        digest: String,
    },
}

impl Proposal {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Invite { .. } => "invite",
            Self::Enable { .. } => "enable",
            Self::IssueToken { .. } => "issue-token",
            Self::ResumeToken { .. } => "resume-token",
            Self::IssueCertificate { .. } => "issue-certificate",
            Self::RenewCertificate { .. } => "renew-certificate",
            Self::NewToken { .. } => "new-token",
            Self::NewPassword { .. } => "new-password",
            Self::EnrolAnew { .. } => "enrol-anew",
            Self::Trust { .. } => "trust",
        }
    }

    /// Whom it is about, if there is an account already. She neither proposes nor confirms it.
    pub fn subject(&self) -> Option<&Person> {
        match self {
            Self::Invite { before, .. } => before.as_ref(),
            Self::Enable { person }
            | Self::NewToken { person, .. }
            | Self::NewPassword { person, .. }
            | Self::EnrolAnew { person, .. }
            | Self::IssueToken { to: person, .. }
            | Self::ResumeToken { holder: person, .. }
            | Self::IssueCertificate { to: person, .. }
            | Self::RenewCertificate { holder: person, .. } => Some(person),
            Self::Trust { .. } => None,
        }
    }

    /// Whether it gives power, so that nobody does it alone where there are two.
    pub fn needs_two(&self) -> bool {
        match self {
            Self::Invite { role, before, reopened, named, .. } => {
                role.is_staff() || *reopened || *named || before.as_ref().is_some_and(|before| before.role.is_staff())
            }
            Self::Enable { person }
            | Self::IssueToken { to: person, .. }
            | Self::ResumeToken { holder: person, .. }
            | Self::IssueCertificate { to: person, .. }
            | Self::RenewCertificate { holder: person, .. } => person.role.is_staff() || person.named,
            // Her own hardware token says that it is she.
            Self::NewPassword { by_code, .. } => *by_code,
            Self::NewToken { .. } | Self::EnrolAnew { .. } | Self::Trust { .. } => true,
        }
    }

    /// Whether it is for somebody who cannot sign in, and so cannot speak for herself.
    pub const fn is_recovery(&self) -> bool {
        matches!(self, Self::NewToken { .. } | Self::NewPassword { .. } | Self::EnrolAnew { .. })
    }

    /// Whether it ends in a link, of which the two hold a half each.
    pub const fn gives_link(&self) -> bool {
        matches!(self, Self::Invite { .. }) || self.is_recovery()
    }

    /// How long it waits for the other one.
    pub const fn lives(&self) -> Duration {
        if self.is_recovery() { SHORT } else { LONG }
    }

    /// Whether what comes of it opens nothing before the person has shown what she still has.
    pub const fn asks_for_what_is_left(&self) -> bool {
        matches!(self, Self::NewToken { .. } | Self::NewPassword { .. })
    }

    /// Puts what it is about on a record.
    pub fn sign(&self, event: Event) -> Event {
        let event = event.with("change", self.word());
        let event = match self.subject() {
            Some(person) => event.with("account", person.account).with("name", &person.name),
            None => event,
        };
        match self {
            Self::Invite { name, unit, role, .. } => event.with("name", name).with("unit", unit).with("role", role),
            Self::IssueToken { serial, .. } | Self::ResumeToken { serial, .. } => event.with("serial", serial),
            Self::IssueCertificate { serial, key, days, .. } | Self::RenewCertificate { serial, key, days, .. } => {
                event.with("serial", serial).with("key", key.digest()).with("days", days)
            }
            Self::NewToken { lost, .. } | Self::EnrolAnew { lost, .. } => event.with("tokens-that-end", lost.len()),
            Self::Trust { what, digest } => event.with("authority", what).with("digest", digest),
            Self::Enable { .. } | Self::NewPassword { .. } => event,
        }
    }

    /// Why it cannot be done as things are.
    pub(super) fn impossible(&self) -> Option<AdminError> {
        let wrong = |state: AccountState| Some(AdminError::WrongState(state));
        let wrong_token = |serial: &Serial, state| Some(AdminError::WrongTokenState { serial: serial.clone(), state });
        let can_hold = |person: &Person| matches!(person.state, AccountState::Invited | AccountState::Active);
        match self {
            Self::Invite { before: Some(before), .. } if before.state != AccountState::Invited => Some(AdminError::NameTaken),
            Self::Enable { person } if !matches!(person.state, AccountState::Disabled | AccountState::Suspended) => wrong(person.state),
            Self::IssueCertificate { serial, kind, .. } | Self::RenewCertificate { serial, kind, .. } if *kind != TokenKind::UsbKey => {
                Some(AdminError::NoUsbKey { serial: serial.clone(), kind: *kind })
            }
            Self::IssueToken { serial, state, .. } | Self::IssueCertificate { serial, state: Some(state), .. }
                if *state != TokenState::InStock =>
            {
                wrong_token(serial, *state)
            }
            Self::IssueToken { to, .. } | Self::IssueCertificate { to, .. } if !can_hold(to) => Some(AdminError::NoHolder),
            Self::ResumeToken { serial, state, .. } if *state != TokenState::Suspended => wrong_token(serial, *state),
            Self::RenewCertificate { serial, state, .. } if !matches!(state, TokenState::Issued | TokenState::Active) => {
                wrong_token(serial, *state)
            }
            Self::NewToken { person, .. } | Self::NewPassword { person, .. } | Self::EnrolAnew { person, .. }
                if person.state != AccountState::Active =>
            {
                wrong(person.state)
            }
            _ => None,
        }
    }

    /// What was asked for when this came of it; `None`: a digest that nobody can read.
    fn wish(&self) -> Option<Wish> {
        Some(match self {
            Self::Invite { name, unit, role, email, .. } => {
                Wish::Invite(NewAccount { name: name.clone(), unit: unit.clone(), role: *role, email: email.clone() })
            }
            Self::Enable { person } => Wish::Enable(person.account),
            Self::IssueToken { serial, to, .. } => Wish::IssueToken { serial: serial.clone(), to: to.account },
            Self::ResumeToken { serial, .. } => Wish::ResumeToken(serial.clone()),
            Self::IssueCertificate { serial, to, key, days, .. } => {
                Wish::IssueCertificate { serial: serial.clone(), to: to.account, key: key.info()?, days: *days }
            }
            Self::RenewCertificate { serial, key, days, .. } => {
                Wish::RenewCertificate { serial: serial.clone(), key: key.info()?, days: *days }
            }
            Self::NewToken { person, .. } => Wish::NewToken(person.account),
            Self::NewPassword { person, .. } => Wish::NewPassword(person.account),
            Self::EnrolAnew { person, .. } => Wish::EnrolAnew(person.account),
            Self::Trust { what, digest } => {
                Wish::Trust { what: what.clone(), digest: HEXLOWER.decode(digest.as_bytes()).ok()?.try_into().ok()? }
            }
        })
    }
}

impl Desk {
    /// What a wish comes to as things are.
    pub(super) async fn look(&self, wish: &Wish) -> Result<Proposal, AdminError> {
        Ok(match wish.clone() {
            Wish::Invite(NewAccount { name, unit, role, email }) => {
                let before = self.store.account_by_name(&name).await?.map(|account| self.as_person(account));
                let reopened = match &before {
                    Some(before) => self.store.was_reopened(before.account).await?,
                    None => false,
                };
                Proposal::Invite { named: self.is_named(&name), name, unit, role, email, before, reopened }
            }
            Wish::Enable(account) => Proposal::Enable { person: self.person(account).await? },
            Wish::IssueToken { serial, to } => {
                let StoredToken { kind, state, .. } = self.known_token(&serial).await?;
                Proposal::IssueToken { serial, kind, state, to: self.person(to).await? }
            }
            Wish::ResumeToken(serial) => {
                let StoredToken { kind, state, .. } = self.known_token(&serial).await?;
                let holder = self.holder(&serial).await?;
                Proposal::ResumeToken { serial, kind, state, holder }
            }
            Wish::IssueCertificate { serial, to, key, days } => {
                let known = self.store.token(&serial).await?;
                let (kind, state) = known.map_or((TokenKind::UsbKey, None), |token| (token.kind, Some(token.state)));
                Proposal::IssueCertificate { serial, kind, state, to: self.person(to).await?, key: KeyToCertify::of(&key), days }
            }
            Wish::RenewCertificate { serial, key, days } => {
                let StoredToken { kind, state, .. } = self.known_token(&serial).await?;
                let before = self.store.certificate_in_force(&serial).await?.map(|certificate| certificate.number);
                let holder = self.holder(&serial).await?;
                Proposal::RenewCertificate { serial, kind, state, holder, key: KeyToCertify::of(&key), days, before }
            }
            Wish::NewToken(account) => Proposal::NewToken { person: self.person(account).await?, lost: self.held_by(account).await? },
            Wish::EnrolAnew(account) => Proposal::EnrolAnew { person: self.person(account).await?, lost: self.held_by(account).await? },
            Wish::NewPassword(account) => {
                let person = self.person(account).await?;
                let active: Vec<TokenKind> =
                    self.store.tokens_of(account).await?.iter().filter(|token| is_active(token)).map(|token| token.kind).collect();
                let has = |kind| active.contains(&kind);
                let by_code = match has(TokenKind::WebAuthn) || has(TokenKind::UsbKey) {
                    true => false,
                    false if has(TokenKind::Oath) && !person.role.is_staff() => true,
                    false => return Err(AdminError::NothingToProveBy),
                };
                Proposal::NewPassword { person, by_code }
            }
            Wish::Trust { what, digest } => Proposal::Trust { what, digest: HEXLOWER.encode(&digest) },
        })
    }

    /// What was shown is still what would be done, and may be.
    pub(super) async fn still_stands(&self, proposal: &Proposal, now: Time) -> Result<(), AdminError> {
        if !matches!(proposal, Proposal::Enable { .. } | Proposal::ResumeToken { .. } | Proposal::Trust { .. }) {
            self.may_give(now)?;
        }
        match proposal.wish() {
            Some(wish) if proposal.impossible().is_none() && self.look(&wish).await? == *proposal => Ok(()),
            _ => Err(AdminError::ChangedMeanwhile),
        }
    }

    /// Whoever has the token.
    pub(super) async fn holder(&self, serial: &Serial) -> Result<Person, AdminError> {
        let StoredToken { state, holder, .. } = self.known_token(serial).await?;
        let holder = holder.ok_or(AdminError::WrongTokenState { serial: serial.clone(), state })?;
        self.person(holder.account).await
    }

    async fn person(&self, account: AccountId) -> Result<Person, AdminError> {
        self.store.account(account).await?.map(|account| self.as_person(account)).ok_or(AdminError::NoSuchAccount)
    }

    async fn known_token(&self, serial: &Serial) -> Result<StoredToken, AdminError> {
        self.store.token(serial).await?.ok_or_else(|| AdminError::NoSuchToken(serial.clone()))
    }

    /// What ends when she is said to have lost everything.
    async fn held_by(&self, account: AccountId) -> Result<Vec<Serial>, AdminError> {
        let held = |token: &StoredToken| matches!(token.state, TokenState::Active | TokenState::Suspended);
        Ok(self.store.tokens_of(account).await?.into_iter().filter(held).map(|token| token.serial).collect())
    }
}

fn is_active(token: &StoredToken) -> bool {
    token.state == TokenState::Active
}
