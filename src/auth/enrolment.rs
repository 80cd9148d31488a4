//! Enrolment: behind an invitation a person chooses a password, and registers one or two keys or shows the code token that she was given.
//!
//! Invariant: nothing here opens a session; only completion changes the account or makes a token active, and only it spends the invitation.

use super::ceremony::{Answer, Ceremonies, CeremonyError, Challenge};
use super::codes::Codes;
use super::guesses::{CodeDenied, Guesses};
use super::password::{ChosenPassword, NotAPassword, PasswordError, Passwords};
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token};
use crate::model::{Account, Role, Serial, TokenKind, TokenState};
use crate::store::{Completion, Enrolment, KeyAddition, NewKey, Purpose, Store, StoreError, StoredSeed};

#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    #[error("the invitation was used, replaced, or has expired; ask for a new one")]
    Gone,
    #[error("the password {0}")]
    Password(#[from] NotAPassword),
    #[error("a password and at least one key or code token are needed first")]
    Unfinished,
    #[error("this key is registered already")]
    KeyTaken,
    #[error("two keys are enough for enrolment; more can be added later")]
    TooManyKeys,
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

#[derive(Clone, Debug)]
pub struct Enrolling {
    pub(super) store: Store,
    pub(super) passwords: Passwords,
    pub(super) ceremonies: Ceremonies,
    pub(super) codes: Codes,
    pub(super) guesses: Guesses,
}

impl Enrolling {
    /// Opens an invitation for one browser; the token is for its cookie.
    pub async fn open(&self, invitation: &Token, now: Time) -> Result<(Token, Enrolment), EnrolmentError> {
        let browser = Token::random()?;
        let enrolment = self.store.begin_enrolment(invitation.hash(), browser.hash(), now).await?;
        Ok((browser, enrolment.ok_or(EnrolmentError::Gone)?))
    }

    /// How far this browser has come.
    pub async fn state(&self, browser: &Token, now: Time) -> Result<Enrolment, EnrolmentError> {
        self.store.enrolment(browser.hash(), now).await?.ok_or(EnrolmentError::Gone)
    }

    /// Chooses the password, or another one while enrolment is not complete.
    pub async fn set_password(&self, browser: &Token, typed: &str, now: Time) -> Result<(), EnrolmentError> {
        let enrolment = self.state(browser, now).await?;
        let chosen = ChosenPassword::parse(typed, &enrolment.account.name)?;
        let phc = self.passwords.hash(chosen).await?;
        if self.store.save_enrolment_password(browser.hash(), &phc, now).await? { Ok(()) } else { Err(EnrolmentError::Gone) }
    }

    /// Asks for a new key, other than those already registered here.
    pub async fn key_options(&self, browser: &Token, now: Time) -> Result<Challenge, EnrolmentError> {
        let enrolment = self.state(browser, now).await?;
        let known: Vec<Vec<u8>> = enrolment.keys.into_iter().map(|key| key.credential).collect();
        Ok(self.ceremonies.ask_new_key(browser.hash(), &enrolment.account, &known, Purpose::Enrol, now).await?)
    }

    pub async fn add_key(
        &self,
        browser: &Token,
        challenge: &Token,
        credential: &str,
        label: &str,
        now: Time,
    ) -> Result<NewKey, EnrolmentError> {
        let account = self.state(browser, now).await?.account;
        let answer = Answer { challenge, binding: browser.hash(), purpose: Purpose::Enrol, credential };
        let key = self.ceremonies.new_key(&answer, account.id, label, now).await?;
        match self.store.add_enrolment_key(browser.hash(), &key, now).await? {
            Some(KeyAddition::Added) => Ok(key),
            Some(KeyAddition::Taken) => Err(EnrolmentError::KeyTaken),
            Some(KeyAddition::TooMany) => Err(EnrolmentError::TooManyKeys),
            None => Err(EnrolmentError::Gone),
        }
    }

    /// She shows a code token that was issued to her, by a code that is spent with that. It is active once the enrolment completes.
    pub async fn show_token(&self, browser: &Token, typed: &str, now: Time, wall: Time) -> Result<Serial, EnrolmentError> {
        let enrolment = self.state(browser, now).await?;
        let account = &enrolment.account;
        if account.role != Role::Member {
            return Err(CodeDenied::NoToken.into());
        }
        let not_yet = |stored: &StoredSeed| stored.kind == TokenKind::Oath && !enrolment.shown.contains(&stored.serial);
        let found = self.guesses.look(account, self.codes.find(account.id, TokenState::Issued, not_yet, typed, wall)).await?;
        if self.store.show_enrolment_token(browser.hash(), &found.spending, now).await? {
            return Ok(found.serial);
        }
        self.state(browser, now).await?;
        Err(CodeDenied::Wrong.into())
    }

    /// Spends the invitation and makes the account active. She signs in afterwards.
    pub async fn complete(&self, browser: &Token, now: Time) -> Result<Account, EnrolmentError> {
        match self.store.complete_enrolment(browser.hash(), now).await? {
            Completion::Done(account) => Ok(account),
            Completion::Unfinished => Err(EnrolmentError::Unfinished),
            Completion::Gone => Err(EnrolmentError::Gone),
            Completion::KeyTaken => Err(EnrolmentError::KeyTaken),
        }
    }
}
