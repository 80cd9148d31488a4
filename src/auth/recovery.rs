//! Recovery: behind a one-time link somebody who lost all her tokens shows her password and registers a new token, or somebody who
//! forgot her password shows her token and chooses a new one.
//!
//! Invariant: the link never stands for what she still has: that is asked for first, counted and limited as at sign-in, and only then can
//! the other be replaced. Nothing here opens a session.

use std::sync::Arc;

use super::ceremony::{Answer, Ceremonies, CeremonyError, Challenge};
use super::codes::{Codes, Found};
use super::denied::{Denied, Why};
use super::failures::{Failures, counts};
use super::guesses::{CodeDenied, Guesses};
use super::keys::KeyError;
use super::password::{ChosenPassword, NotAPassword, PasswordError, Passwords};
use super::session::Sessions;
use super::usb_key_proof::holds_usb_key;
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token};
use crate::model::{Account, RecoveryKind, Role, Serial, TokenKind, TokenState};
use crate::store::{NewKey, Purpose, Recovered, Recovery, Store, StoreError, StoredSeed};

#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    #[error("the link was used, replaced, or has expired; ask for a new one")]
    Gone,
    #[error("the password is wrong")]
    WrongPassword,
    #[error("something wrong was shown too often, so the link is void")]
    Void,
    /// The key was wrong; counted, and perhaps once too often.
    #[error(transparent)]
    WrongKey(Box<Denied>),
    #[error("nobody vouches that the key of this certificate lies in hardware")]
    NotHardware,
    #[error("the password {0}")]
    Password(#[from] NotAPassword),
    #[error("this key is registered already")]
    KeyTaken,
    #[error(transparent)]
    Code(#[from] CodeDenied),
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    #[error(transparent)]
    Hashing(#[from] PasswordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl RecoveryError {
    /// Whether something was shown and found wrong, so that the next attempt waits.
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::WrongPassword | Self::Void => true,
            Self::WrongKey(denied) => denied.told().is_failure(),
            Self::Code(denied) => denied.is_wrong(),
            _ => false,
        }
    }
}

/// By what a new token or the old one can be shown.
#[derive(Clone, Debug)]
pub struct Means {
    pub key: Option<Challenge>,
    pub code: bool,
    pub usb_key: bool,
}

/// A right code that is not spent yet.
#[derive(Debug)]
pub struct CheckedCode(Found);

impl CheckedCode {
    pub fn serial(&self) -> &Serial {
        &self.0.serial
    }
}

#[derive(Clone, Debug)]
pub struct Recovering {
    pub(super) store: Store,
    pub(super) passwords: Passwords,
    pub(super) ceremonies: Ceremonies,
    pub(super) sessions: Arc<Sessions>,
    pub(super) failures: Failures,
    pub(super) codes: Codes,
    pub(super) guesses: Guesses,
}

impl Recovering {
    /// Opens a link for one browser; the token is for its cookie.
    pub async fn open(&self, link: &Token, now: Time) -> Result<(Token, Recovery), RecoveryError> {
        let browser = Token::random()?;
        let recovery = self.store.begin_recovery(link.hash(), browser.hash(), now).await?;
        Ok((browser, recovery.ok_or(RecoveryError::Gone)?))
    }

    pub async fn state(&self, browser: &Token, now: Time) -> Result<Recovery, RecoveryError> {
        self.store.recovery(browser.hash(), now).await?.ok_or(RecoveryError::Gone)
    }

    /// Her present password, before a new token.
    pub async fn show_password(&self, browser: &Token, typed: &str, now: Time) -> Result<(), RecoveryError> {
        let recovery = self.of_kind(browser, &[RecoveryKind::Token], now).await?;
        let phc = self.store.account_and_password(&recovery.account.name).await?.and_then(|(_, phc)| phc);
        if !self.passwords.verify(typed, phc.as_deref()).await? {
            return Err(if self.void(browser).await? { RecoveryError::Void } else { RecoveryError::WrongPassword });
        }
        self.proved(browser, now).await
    }

    /// By what she can show a new token, once her password was right.
    pub async fn new_token(&self, browser: &Token, now: Time, wall: Time) -> Result<Means, RecoveryError> {
        let account = self.proven(browser, &[RecoveryKind::Token], now).await?;
        let known: Vec<Vec<u8>> = self.store.keys(account.id).await?.into_iter().map(|key| key.credential).collect();
        let key = self.ceremonies.ask_new_key(browser.hash(), &account, &known, Purpose::Recover, now).await?;
        let issued = self.store.seeds_of(account.id, TokenState::Issued, wall).await?;
        Ok(Means { key: Some(key), code: account.role == Role::Member && !issued.is_empty(), usb_key: false })
    }

    /// Whatever can refuse a new key, refuses it here; it is not hers yet.
    pub async fn check_key(
        &self,
        browser: &Token,
        challenge: &Token,
        credential: &str,
        label: &str,
        now: Time,
    ) -> Result<NewKey, RecoveryError> {
        let account = self.proven(browser, &[RecoveryKind::Token], now).await?;
        let answer = Answer { challenge, binding: browser.hash(), purpose: Purpose::Recover, credential };
        Ok(self.ceremonies.new_key(&answer, account.id, label, now).await?)
    }

    pub async fn add_key(&self, browser: &Token, key: &NewKey, now: Time) -> Result<(), RecoveryError> {
        done(self.store.recover_with_key(browser.hash(), key, now).await?, RecoveryError::KeyTaken)
    }

    /// The code token that was issued to her; its code is not spent yet.
    pub async fn check_new_code(&self, browser: &Token, typed: &str, now: Time, wall: Time) -> Result<CheckedCode, RecoveryError> {
        let account = self.proven(browser, &[RecoveryKind::Token], now).await?;
        if account.role != Role::Member {
            return Err(CodeDenied::NoToken.into());
        }
        let found = self.codes.find(account.id, TokenState::Issued, |_| true, typed, wall);
        Ok(CheckedCode(self.guesses.look(&account, found).await?))
    }

    pub async fn activate(&self, browser: &Token, code: CheckedCode, now: Time) -> Result<(), RecoveryError> {
        done(self.store.recover_with_code(browser.hash(), &code.0.spending, now).await?, CodeDenied::Wrong.into())
    }

    /// By what she can show that she has her token, before a new password.
    pub async fn own_token(&self, browser: &Token, now: Time) -> Result<Means, RecoveryError> {
        let recovery = self.of_kind(browser, &[RecoveryKind::Password, RecoveryKind::PasswordByCode], now).await?;
        if recovery.kind == RecoveryKind::PasswordByCode {
            return Ok(Means { key: None, code: true, usb_key: false });
        }
        let account = recovery.account.id;
        let key = match self.ceremonies.ask_key(browser.hash(), account, Purpose::Recover, now).await {
            Ok(key) => Some(key),
            Err(CeremonyError::Key(KeyError::UnknownKey)) => None,
            Err(error) => return Err(error.into()),
        };
        let usb_key = holds_usb_key(&self.store, account, now).await?;
        Ok(Means { key, code: false, usb_key })
    }

    pub async fn show_key(&self, browser: &Token, challenge: &Token, credential: &str, now: Time) -> Result<(), RecoveryError> {
        let account = self.of_kind(browser, &[RecoveryKind::Password], now).await?.account;
        let answer = Answer { challenge, binding: browser.hash(), purpose: Purpose::Recover, credential };
        match self.ceremonies.key(&answer, account.id, now).await {
            Ok(_) => self.proved(browser, now).await,
            Err(CeremonyError::Key(error)) if counts(&error) => {
                let counted = self.failures.count(&account, &error).await?;
                self.void(browser).await?;
                Err(RecoveryError::WrongKey(Box::new(Denied::new(Why::Key(error), Some(account)).counted(counted))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A code of one of her active tokens, which it spends.
    pub async fn show_code(&self, browser: &Token, typed: &str, now: Time, wall: Time) -> Result<(), RecoveryError> {
        let account = self.of_kind(browser, &[RecoveryKind::PasswordByCode], now).await?.account;
        if account.role != Role::Member {
            return Err(CodeDenied::NoToken.into());
        }
        // An app on a phone can be copied, and is no token in her hand.
        let is_hardware = |stored: &StoredSeed| stored.kind == TokenKind::Oath;
        let look = self.codes.find(account.id, TokenState::Active, is_hardware, typed, wall);
        let found = self.guesses.look_beyond(&account, (&self.codes, typed, wall), look).await?;
        match self.store.prove_recovery_by_code(browser.hash(), &found.spending, now).await? {
            true => Ok(()),
            false => Err(CodeDenied::Wrong.into()),
        }
    }

    /// Looks at a new password, once her token was right; it is not hers yet.
    pub async fn check_password(&self, browser: &Token, typed: &str, now: Time) -> Result<ChosenPassword, RecoveryError> {
        let account = self.proven(browser, &[RecoveryKind::Password, RecoveryKind::PasswordByCode], now).await?;
        Ok(ChosenPassword::parse(typed, &account.name)?)
    }

    /// She has the new password, and no session that was opened with the old one.
    pub async fn set_password(&self, browser: &Token, chosen: ChosenPassword, now: Time) -> Result<(), RecoveryError> {
        let account = self.state(browser, now).await?.account;
        let phc = self.passwords.hash(chosen).await?;
        done(self.store.recover_with_password(browser.hash(), &phc, now).await?, RecoveryError::Gone)?;
        self.sessions.revoke_all_of(account.id);
        Ok(())
    }

    pub(super) async fn of_kind(&self, browser: &Token, kinds: &[RecoveryKind], now: Time) -> Result<Recovery, RecoveryError> {
        let recovery = self.state(browser, now).await?;
        if kinds.contains(&recovery.kind) { Ok(recovery) } else { Err(RecoveryError::Gone) }
    }

    async fn proven(&self, browser: &Token, kinds: &[RecoveryKind], now: Time) -> Result<Account, RecoveryError> {
        let recovery = self.of_kind(browser, kinds, now).await?;
        if recovery.proved { Ok(recovery.account) } else { Err(RecoveryError::Gone) }
    }

    pub(super) async fn proved(&self, browser: &Token, now: Time) -> Result<(), RecoveryError> {
        if self.store.prove_recovery(browser.hash(), now).await? { Ok(()) } else { Err(RecoveryError::Gone) }
    }

    async fn void(&self, browser: &Token) -> Result<bool, StoreError> {
        self.store.count_recovery_failure(browser.hash()).await
    }
}

fn done(recovered: Recovered, taken: RecoveryError) -> Result<(), RecoveryError> {
    match recovered {
        Recovered::Done => Ok(()),
        Recovered::Gone => Err(RecoveryError::Gone),
        Recovered::Taken => Err(taken),
    }
}
