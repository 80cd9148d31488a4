//! Showing a USB-KEY: the portal asks, the host that asks for certificates looks, and what it found comes back to the browser that asked.
//!
//! 1. The portal makes a request, bound to what this browser holds there (its session, or its step of signing in).
//! 2. On the other host, which sees none of the portal's cookies, a certificate that was checked answers the request with a code.
//! 3. The portal takes the code, once, within 30 seconds, from that same browser; in any other it is worth nothing.
//!
//! Invariant: only a [`TrustedCertificate`] answers, for one account: the holder of the token that it is registered to, or whom the
//! authority's own rule names. Whoever was asked for it by name gets no other account's answer.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ceremony::CHALLENGE_LIFE;
use super::noted::Noted;
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token, TokenHash};
use crate::model::{Account, AccountId, AccountState, Serial, TokenId, TokenState};
use crate::pki::TrustedCertificate;
use crate::store::{NewCertificate, NewChallenge, Purpose, Store, StoreError, StoredCertificate};

const CODE_LIFE: Duration = Duration::from_secs(30);

/// What a USB-KEY is shown for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShownFor {
    SignIn,
    /// A stronger proof in an open session.
    StepUp,
    /// To be registered behind an invitation.
    Enrolment,
    /// One change of her own tokens, in the words of the form that asked.
    OwnTokens(String),
    /// One change that needs two, by the one who proposes it.
    Propose(String),
    /// The same, by the one who confirms it.
    Confirm(String),
    /// The terminal of this code acts for her.
    Terminal(String),
    /// A new password instead of a forgotten one.
    Recovery,
}

#[derive(Debug, thiserror::Error)]
pub enum UsbKeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error("a request cannot be written down: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// Why a certificate that is good is nobody's here: for the log. Outside they are all one.
#[derive(Debug, thiserror::Error)]
pub enum NotHers {
    #[error("it is registered to nobody, and no rule of its authority names an account")]
    Nobody,
    #[error("the account that it names is not there or not active")]
    NoAccount,
    #[error("its authority may not speak for the unit of the account")]
    OtherUnit,
    #[error("it belongs to another account than the one that was asked for it")]
    OtherAccount(Account),
    #[error("its token is {}", state.word())]
    Token { account: Option<Account>, state: TokenState },
    #[error("it is registered already")]
    Taken,
    #[error(transparent)]
    Broken(#[from] StoreError),
}

/// What the portal asked for, as the other host finds it.
#[derive(Clone, Debug)]
pub struct UsbKeyRequest {
    id: TokenHash,
    binding: TokenHash,
    account: Option<AccountId>,
    written: Written,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Written {
    shown_for: ShownFor,
    /// Where the browser comes back to: an address on the portal, to which the code is added.
    back: String,
    language: String,
}

impl UsbKeyRequest {
    pub fn shown_for(&self) -> &ShownFor {
        &self.written.shown_for
    }

    /// Whose USB-KEY was asked for, where she had named herself before.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// The language that she reads on the portal.
    pub fn language(&self) -> &str {
        &self.written.language
    }

    /// What the browser holds on the portal: also the name of the step in which the password was right.
    pub(super) fn binding(&self) -> TokenHash {
        self.binding
    }
}

/// Whose certificate it is. Nothing was done yet.
#[derive(Clone, Debug)]
pub struct HeldUsbKey {
    account: Account,
    token: Held,
    certificate: NewCertificate,
    is_hardware_only: bool,
}

#[derive(Clone, Debug)]
enum Held {
    Registered {
        serial: Serial,
        first_use: bool,
    },
    New,
    /// It becomes somebody's when her enrolment completes.
    Enrolling,
}

impl HeldUsbKey {
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Whether she has never come in by it.
    pub fn is_new(&self) -> bool {
        !matches!(self.token, Held::Registered { first_use: false, .. })
    }

    /// The token's serial number, if it becomes active by this use: its first, by the authority's rule alone, or of one that was issued to
    /// somebody who has proved something else already.
    pub fn activated_for(&self, request: &UsbKeyRequest) -> Option<String> {
        match &self.token {
            Held::Registered { first_use: false, .. } | Held::Enrolling => None,
            Held::Registered { .. } if request.account.is_none() => None,
            Held::Registered { serial, .. } => Some(serial.to_string()),
            Held::New => Some(self.certificate.serial()),
        }
    }
}

/// A USB-KEY was shown by this browser, just now. Only [`UsbKeys::take`] makes one.
#[derive(Clone, Debug)]
pub struct ShownUsbKey {
    pub(super) shown_for: ShownFor,
    pub(super) account: AccountId,
    /// Whether she was asked for it by name.
    pub(super) was_named: bool,
    /// It was issued to her, and nobody has shown it yet: that the one who did is she takes her password.
    pub(super) first_use: bool,
    pub(super) is_hardware_only: bool,
    pub(super) certificate: NewCertificate,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    account: AccountId,
    was_named: bool,
    first_use: bool,
    is_hardware_only: bool,
    certificate: Noted,
}

#[derive(Clone, Debug)]
pub struct UsbKeys {
    pub(super) store: Store,
}

impl UsbKeys {
    /// Makes a request; its token goes to the other host in the address.
    pub async fn ask(
        &self,
        browser: TokenHash,
        account: Option<AccountId>,
        shown_for: ShownFor,
        back: &str,
        language: &str,
        now: Time,
    ) -> Result<Token, UsbKeyError> {
        let id = Token::random()?;
        let state = serde_json::to_string(&Written { shown_for, back: back.to_owned(), language: language.to_owned() })?;
        let expires = now.plus(CHALLENGE_LIFE);
        let new = NewChallenge { id: id.hash(), binding: browser, account, purpose: Purpose::UsbKeyAsked, state, expires };
        self.store.put_challenge(&new, now).await?;
        Ok(id)
    }

    /// What was asked, which stays there until it is answered: a wrong certificate may be followed by the right one.
    pub async fn request(&self, id: &Token, now: Time) -> Result<Option<UsbKeyRequest>, UsbKeyError> {
        let Some(open) = self.store.challenge(id.hash(), Purpose::UsbKeyAsked, now).await? else { return Ok(None) };
        let written = serde_json::from_str(&open.state)?;
        Ok(Some(UsbKeyRequest { id: id.hash(), binding: open.binding, account: open.account, written }))
    }

    /// Whose certificate it is, if it may answer this request.
    pub async fn whose(&self, request: &UsbKeyRequest, certificate: &TrustedCertificate, now: Time) -> Result<HeldUsbKey, NotHers> {
        let stored = self.store.certificate(certificate.fingerprint()).await?;
        let (account, (token, id)) = match request.shown_for() {
            ShownFor::Enrolment => self.enrolled(request, certificate, stored, now).await?,
            _ => self.holder(certificate, stored, now).await?,
        };
        // What she still has is what she has used: one administrator alone can issue another one, and could take her place by it.
        if *request.shown_for() == ShownFor::Recovery && !matches!(token, Held::Registered { first_use: false, .. }) {
            return Err(NotHers::Token { account: Some(account), state: TokenState::Issued });
        }
        if !certificate.speaks_for(&account.unit) {
            return Err(NotHers::OtherUnit);
        }
        if let Some(asked) = request.account.filter(|asked| *asked != account.id) {
            let named = self.store.account(asked).await?.ok_or(NotHers::NoAccount)?;
            return Err(NotHers::OtherAccount(named));
        }
        let certificate_row = NewCertificate {
            token: id,
            fingerprint: certificate.fingerprint(),
            number: certificate.serial().to_owned(),
            subject: certificate.subject().to_owned(),
            issuer: certificate.issuer().to_owned(),
            not_after: certificate.not_after(),
            chain: Some(Arc::clone(certificate.chain())),
        };
        Ok(HeldUsbKey { account, token, certificate: certificate_row, is_hardware_only: certificate.is_hardware_only() })
    }

    async fn holder(
        &self,
        certificate: &TrustedCertificate,
        stored: Option<StoredCertificate>,
        now: Time,
    ) -> Result<(Account, (Held, TokenId)), NotHers> {
        let (account, token) = match stored {
            Some(stored) => {
                let account = match stored.holder {
                    Some(holder) => self.store.account(holder).await?,
                    None => None,
                };
                let is_over = stored.expires.is_some_and(|end| end <= now);
                match stored.state {
                    TokenState::Issued | TokenState::Active if !is_over => {}
                    state => return Err(NotHers::Token { account, state: if is_over { TokenState::Expired } else { state } }),
                }
                let first_use = stored.state == TokenState::Issued;
                (account, (Held::Registered { serial: stored.serial, first_use }, stored.token))
            }
            None => {
                let name = certificate.matched().ok_or(NotHers::Nobody)?;
                (self.store.account_and_password(name).await?.map(|(account, _)| account), (Held::New, TokenId::fresh()))
            }
        };
        match account.filter(|account| account.state == AccountState::Active) {
            Some(account) => Ok((account, token)),
            None => Err(NotHers::NoAccount),
        }
    }

    /// She is not active yet, so her certificate is nobody's so far, unless it was issued to her; and its authority names nobody else.
    async fn enrolled(
        &self,
        request: &UsbKeyRequest,
        certificate: &TrustedCertificate,
        stored: Option<StoredCertificate>,
        now: Time,
    ) -> Result<(Account, (Held, TokenId)), NotHers> {
        let id = request.account.ok_or(NotHers::NoAccount)?;
        let account = self.store.account(id).await?.filter(|account| account.state == AccountState::Invited).ok_or(NotHers::NoAccount)?;
        if certificate.matched().is_some_and(|name| *name != account.name) {
            return Err(NotHers::OtherAccount(account));
        }
        match stored {
            None => Ok((account, (Held::Enrolling, TokenId::fresh()))),
            Some(stored) if stored.holder != Some(id) => Err(NotHers::Taken),
            Some(stored) if stored.expires.is_some_and(|end| end <= now) => {
                Err(NotHers::Token { account: Some(account), state: TokenState::Expired })
            }
            Some(stored) if stored.state != TokenState::Issued => Err(NotHers::Token { account: Some(account), state: stored.state }),
            Some(stored) => Ok((account, (Held::Enrolling, stored.token))),
        }
    }

    /// Answers the request, once: registers what is new, and gives the address to which the browser goes back with the code. `None`: it was
    /// answered meanwhile, or the token opens nothing any more.
    pub async fn answer(&self, request: &UsbKeyRequest, held: HeldUsbKey, now: Time) -> Result<Option<String>, UsbKeyError> {
        let taken = self.store.take_challenge(request.id, request.binding, Purpose::UsbKeyAsked, now).await?;
        if taken.is_none() {
            return Ok(None);
        }
        let HeldUsbKey { account, token, certificate, is_hardware_only } = held;
        // What an enrolment shows is registered with its completion alone: else whoever steals the link could leave a key of hers behind.
        let there = match &token {
            Held::Enrolling => true,
            Held::New => self.store.register_certificate(&certificate, account.id, now).await?,
            Held::Registered { first_use: true, .. } if request.account.is_none() => true,
            Held::Registered { .. } => self.store.use_usb_key(&certificate, now).await?,
        };
        let first_use = request.account.is_none() && matches!(token, Held::Registered { first_use: true, .. });
        if !there {
            return Ok(None);
        }
        self.store.note_hardware(certificate.token, is_hardware_only).await?;
        let code = Token::random()?;
        let answered = Answered {
            account: account.id,
            was_named: request.account.is_some(),
            first_use,
            is_hardware_only,
            certificate: Noted::of(&certificate),
        };
        let new = NewChallenge {
            id: code.hash(),
            binding: request.binding,
            account: Some(account.id),
            purpose: Purpose::UsbKeyShown,
            state: serde_json::to_string(&(request.shown_for(), answered))?,
            expires: now.plus(CODE_LIFE),
        };
        self.store.put_challenge(&new, now).await?;
        let joint = if request.written.back.contains('?') { '&' } else { '?' };
        Ok(Some(format!("{}{joint}code={}", request.written.back, code.reveal())))
    }

    /// Takes a code from the browser that asked. `None`: it was never given out for that, is taken, too old, or another browser's.
    pub async fn take(
        &self,
        code: &Token,
        browser: TokenHash,
        shown_for: &ShownFor,
        now: Time,
    ) -> Result<Option<ShownUsbKey>, UsbKeyError> {
        // Looked at first, so that made-up codes do not queue for the one connection that writes.
        if self.store.challenge(code.hash(), Purpose::UsbKeyShown, now).await?.is_none() {
            return Ok(None);
        }
        let Some(taken) = self.store.take_challenge(code.hash(), browser, Purpose::UsbKeyShown, now).await? else { return Ok(None) };
        let (was_for, answered): (ShownFor, Answered) = serde_json::from_str(&taken.state)?;
        if was_for != *shown_for {
            return Ok(None);
        }
        let Answered { account, was_named, first_use, is_hardware_only, certificate } = answered;
        let certificate = certificate.certificate();
        Ok(Some(ShownUsbKey { shown_for: was_for, account, was_named, first_use, is_hardware_only, certificate }))
    }

    /// The token to which a certificate is registered, if it opens something.
    pub async fn token_of(&self, certificate: &TrustedCertificate, now: Time) -> Result<Option<TokenId>, StoreError> {
        let stored = self.store.certificate(certificate.fingerprint()).await?;
        let opens = |stored: &StoredCertificate| stored.state == TokenState::Active && stored.expires.is_none_or(|end| end > now);
        Ok(stored.filter(opens).map(|stored| stored.token))
    }
}
