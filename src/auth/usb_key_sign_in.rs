//! Signing in with a USB-KEY, and what comes of a wrong one.
//!
//! Invariant: a certificate is two factors (the token, and its PIN) only where its authority certifies keys in hardware alone. From any other
//! it is one, and opens nothing without the password, whichever of them came first. One that was issued to somebody asks for her
//! password at its first use: whoever issues it alone must not come in by it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::denied::{Denied, Why};
use super::failures::Counted;
use super::noted::Noted;
use super::session::Browser;
use super::sign_in::{Pending, SignIn, SignedIn};
use super::usb_key::{NotHers, ShownFor, ShownUsbKey, UsbKeyRequest};
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Account, Factor};
use crate::store::{NewChallenge, Purpose, StepKind, WrongAnswer};

/// How long the password is waited for after the USB-KEY.
const STEP_LIFE: Duration = Duration::from_secs(5 * 60);

/// A USB-KEY that was right and waits for the password.
#[derive(Serialize, Deserialize)]
struct Waiting {
    certificate: Noted,
    first_use: bool,
    is_hardware_only: bool,
}

impl Waiting {
    fn of(shown: &ShownUsbKey) -> Self {
        Self { certificate: Noted::of(&shown.certificate), first_use: shown.first_use, is_hardware_only: shown.is_hardware_only }
    }

    fn read(state: &str) -> Option<Self> {
        serde_json::from_str(state).ok()
    }
}

/// What a right USB-KEY leads to.
#[derive(Debug)]
pub enum AfterUsbKey {
    SignedIn(SignedIn),
    /// It is one factor of two: the browser that holds the token may give the password of the account.
    PasswordNeeded(Pending),
}

/// What was wrong with a USB-KEY.
#[derive(Clone, Copy, Debug)]
pub enum WrongUsbKey<'r> {
    /// The certificate itself.
    Certificate,
    NotHers(&'r NotHers),
}

impl SignIn {
    /// The portal got its answer.
    pub(super) async fn check_usb_key(
        &self,
        shown: ShownUsbKey,
        pending: Option<&Token>,
        browser: Browser,
        now: Time,
    ) -> Result<AfterUsbKey, Denied> {
        if shown.shown_for != ShownFor::SignIn {
            return Err(Denied::new(Why::NothingPending, None));
        }
        let token = shown.certificate.token;
        if shown.was_named {
            let pending = pending.ok_or_else(|| Denied::new(Why::NothingPending, None))?;
            let account = self.pending(pending, now).await?;
            if account.id != shown.account {
                return Err(Denied::new(Why::WrongUsbKey, Some(account)));
            }
            let spent = self.store.spend_step(pending.hash(), StepKind::PasswordWasRight, now).await.map_err(Denied::broken)?;
            if spent.is_none() {
                return Err(Denied::new(Why::NothingPending, Some(account)));
            }
            let factor = Factor::by_certificate(shown.is_hardware_only);
            return self.open(account.id, token, factor, browser, now).await.map(AfterUsbKey::SignedIn);
        }
        if shown.is_hardware_only && !shown.first_use {
            return self.open(shown.account, token, Factor::UsbKey, browser, now).await.map(AfterUsbKey::SignedIn);
        }
        let account = self.active(shown.account).await?;
        let step = Token::random().map_err(Denied::broken)?;
        let new = NewChallenge {
            id: step.hash(),
            binding: step.hash(),
            account: Some(account.id),
            purpose: Purpose::PasswordAfterUsbKey,
            state: serde_json::to_string(&Waiting::of(&shown)).map_err(Denied::broken)?,
            expires: now.plus(STEP_LIFE),
        };
        self.store.put_challenge(&new, now).await.map_err(Denied::broken)?;
        Ok(AfterUsbKey::PasswordNeeded(Pending { token: step, account }))
    }

    /// Whose USB-KEY was right and waits for her password, and whether it was its first use.
    pub async fn who_showed_usb_key(&self, step: &Token, now: Time) -> Result<(Account, bool), Denied> {
        let open = self.store.challenge(step.hash(), Purpose::PasswordAfterUsbKey, now).await.map_err(Denied::broken)?;
        match open.as_ref().and_then(|open| open.account.zip(Waiting::read(&open.state))) {
            Some((account, waiting)) => Ok((self.active(account).await?, waiting.first_use)),
            None => Err(Denied::new(Why::NothingPending, None)),
        }
    }

    /// The password, after the USB-KEY.
    pub(super) async fn check_password_after_usb_key(
        &self,
        step: &Token,
        typed: &str,
        browser: Browser,
        now: Time,
    ) -> Result<SignedIn, Denied> {
        let (account, _) = self.who_showed_usb_key(step, now).await?;
        let pending = self.check_password(account.name.as_str(), typed, now).await?;
        self.store.spend_step(pending.token.hash(), StepKind::PasswordWasRight, now).await.map_err(Denied::broken)?;
        let taken = self.store.take_challenge(step.hash(), step.hash(), Purpose::PasswordAfterUsbKey, now).await.map_err(Denied::broken)?;
        let waiting = taken.and_then(|taken| Waiting::read(&taken.state)).filter(|_| pending.account.id == account.id);
        let Some(Waiting { certificate, first_use, is_hardware_only }) = waiting else {
            return Err(Denied::new(Why::NothingPending, Some(account)));
        };
        let certificate = certificate.certificate();
        if first_use && !self.store.use_usb_key(&certificate, now).await.map_err(Denied::broken)? {
            return Err(Denied::new(Why::WrongUsbKey, Some(account)));
        }
        self.open(account.id, certificate.token, Factor::by_certificate(is_hardware_only), browser, now).await
    }

    /// A wrong USB-KEY, where somebody had named herself before, counts as any other wrong answer to the second factor: one of her own that
    /// opens nothing any more as one that she signed, all else as made up. `None`: nobody had.
    pub async fn wrong_usb_key(&self, request: &UsbKeyRequest, wrong: WrongUsbKey<'_>, now: Time) -> Result<Option<Denied>, Denied> {
        let Some(id) = request.account() else { return Ok(None) };
        if *request.shown_for() == ShownFor::Enrolment {
            // Nobody can sign in to the account yet, so there is nothing to suspend: whoever tries is made to wait by her address.
            let account = self.store.account(id).await.map_err(Denied::broken)?;
            return Ok(Some(Denied::new(Why::WrongUsbKey, account)));
        }
        let account = self.active(id).await?;
        let kind = match wrong {
            WrongUsbKey::NotHers(NotHers::Token { account: Some(holder), .. }) if holder.id == id => WrongAnswer::Signed,
            WrongUsbKey::NotHers(_) | WrongUsbKey::Certificate => WrongAnswer::Unsigned,
        };
        let counted = self.failures.count_as(&account, kind).await.map_err(Denied::broken)?;
        match request.shown_for() {
            ShownFor::SignIn => self.end_binding_unless_may_try_again(&counted, request.binding(), now).await,
            ShownFor::Recovery => {
                self.store.count_recovery_failure(request.binding()).await.map_err(Denied::broken)?;
            }
            ShownFor::Enrolment => {}
            ShownFor::StepUp | ShownFor::OwnTokens(_) | ShownFor::Propose(_) | ShownFor::Confirm(_) | ShownFor::Terminal(_) => {
                // Whoever sits before that session has no key of hers: the owner, who has one, can sign in anew.
                if matches!(counted, Counted::Alarm(_))
                    && let Some(identity) = self.sessions.holder_of(request.binding())
                {
                    self.sessions.end(identity.session_id()).await.map_err(Denied::broken)?;
                }
            }
        }
        Ok(Some(Denied::new(Why::WrongUsbKey, Some(account)).counted(counted)))
    }
}
