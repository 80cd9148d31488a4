//! Enrolment: behind an invitation a person chooses a password, and registers one or two keys, or shows her USB-KEY or the code token that she
//! was given.
//!
//! Invariant: nothing here opens a session; only completion changes the account or makes a token active, and only it spends the invitation.

use super::ceremony::{Answer, Ceremonies, CeremonyError, Challenge};
use super::codes::Codes;
use super::guesses::{CodeDenied, Guesses};
use super::letter_code::LetterCode;
use super::password::{ChosenPassword, NotAPassword, PasswordError, Passwords};
use super::usb_key::{ShownFor, ShownUsbKey};
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token};
use crate::model::{Account, Factor, Role, Serial, TokenKind, TokenState};
use crate::store::{Completion, Enrolment, KeyAddition, LetterOpening, NewKey, Purpose, Store, StoreError, StoredSeed};

#[derive(Debug, thiserror::Error)]
pub enum EnrolmentError {
    #[error("the invitation was used, replaced, or has expired; ask for a new one")]
    Gone,
    #[error("the password {0}")]
    Password(#[from] NotAPassword),
    #[error("a password and at least one key, USB-KEY or code token are needed first")]
    Unfinished,
    #[error("this key is registered already")]
    KeyTaken,
    #[error("this USB-KEY is registered already, or was taken back; show another one")]
    UsbKeyTaken,
    #[error("the authority of this USB-KEY may certify keys in files, which is not enough for staff; show another token")]
    UsbKeyForStaff,
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

/// Why a letter does not open; the person is not told which of the two was wrong.
#[derive(Debug, thiserror::Error)]
pub enum LetterDenied {
    #[error("no letter has this code (any more)")]
    NoSuch,
    #[error("the serial number is not that of the token that was handed out with the letter")]
    WrongSerial {
        account: Box<Account>,
        /// How many more may be wrong before the letter is worthless; 0: it is.
        left: u32,
    },
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

    /// Opens a letter for one browser; the token is for its cookie.
    ///
    /// The serial number shows that whoever has the paper has the token beside her, no more: it can be read off the token. A code token is shown by
    /// one of its codes, and a USB-KEY by its certificate, before the enrolment completes; nobody can check the number of a security key, which
    /// browsers do not tell.
    pub async fn open_letter(&self, code: &LetterCode, serial: &Serial, now: Time) -> Result<Token, LetterDenied> {
        let browser = Token::random()?;
        match self.store.begin_enrolment_by_letter(code.hash(), serial, browser.hash(), now).await? {
            LetterOpening::Begun(_) => Ok(browser),
            LetterOpening::NoSuch => Err(LetterDenied::NoSuch),
            LetterOpening::WrongSerial { account, left } => Err(LetterDenied::WrongSerial { account: Box::new(account), left }),
        }
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

    /// She showed a USB-KEY on the host that asks for certificates. It is hers once the enrolment completes.
    pub async fn show_usb_key(&self, browser: &Token, shown: &ShownUsbKey, now: Time) -> Result<(), EnrolmentError> {
        let account = self.state(browser, now).await?.account;
        if shown.shown_for != ShownFor::Enrolment || shown.account != account.id {
            return Err(EnrolmentError::UsbKeyTaken);
        }
        if account.role.is_staff() && !Factor::by_certificate(shown.is_hardware_only).suits_staff() {
            return Err(EnrolmentError::UsbKeyForStaff);
        }
        let kept = self.store.show_enrolment_certificate(browser.hash(), &shown.certificate, shown.is_hardware_only, now).await?;
        match kept {
            Some(KeyAddition::Added) => Ok(()),
            Some(KeyAddition::Taken | KeyAddition::TooMany) => Err(EnrolmentError::UsbKeyTaken),
            None => Err(EnrolmentError::Gone),
        }
    }

    /// Spends the invitation and makes the account active. She signs in afterwards.
    pub async fn complete(&self, browser: &Token, now: Time) -> Result<Account, EnrolmentError> {
        match self.store.complete_enrolment(browser.hash(), now).await? {
            Completion::Done(account) => Ok(account),
            Completion::Unfinished => Err(EnrolmentError::Unfinished),
            Completion::Gone => Err(EnrolmentError::Gone),
            Completion::KeyTaken => Err(EnrolmentError::KeyTaken),
            Completion::UsbKeyTaken => Err(EnrolmentError::UsbKeyTaken),
        }
    }
}
