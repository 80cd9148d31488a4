//! How sign-ins ended, counted: by closed words, never by who it was.

use std::sync::atomic::{AtomicU64, Ordering};

use super::denied::{Denied, Told};
use super::session::Browser;
use super::sign_in::{Pending, SignIn, SignedIn};
use super::usb_key::ShownUsbKey;
use super::usb_key_sign_in::AfterUsbKey;
use crate::clock::Time;
use crate::crypto::Token;

#[derive(Debug, Default)]
pub struct SignInTally {
    signed_in: AtomicU64,
    wrong: AtomicU64,
    must_wait: AtomicU64,
    begin_again: AtomicU64,
    busy: AtomicU64,
    broken: AtomicU64,
}

/// What has come of sign-ins since the start. A password that was right is not yet an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignInCounts {
    pub signed_in: u64,
    /// A wrong name, password, key or state of the account.
    pub wrong: u64,
    /// Refused by a limit before anything was checked.
    pub must_wait: u64,
    /// Too late, or another tab was first.
    pub begin_again: u64,
    pub busy: u64,
    pub broken: u64,
}

impl SignInTally {
    pub fn must_wait(&self) {
        self.must_wait.fetch_add(1, Ordering::Relaxed);
    }

    fn denied(&self, denied: &Denied) {
        let counter = match denied.told() {
            Told::Refused => &self.wrong,
            Told::BeginAgain => &self.begin_again,
            Told::Busy => &self.busy,
            Told::Broken => &self.broken,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, end: &Result<SignedIn, Denied>) {
        match end {
            Ok(_) => {
                self.signed_in.fetch_add(1, Ordering::Relaxed);
            }
            Err(denied) => self.denied(denied),
        }
    }
}

impl SignIn {
    pub fn tally(&self) -> &SignInTally {
        &self.tally
    }

    pub fn counts(&self) -> SignInCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let tally = &self.tally;
        SignInCounts {
            signed_in: read(&tally.signed_in),
            wrong: read(&tally.wrong),
            must_wait: read(&tally.must_wait),
            begin_again: read(&tally.begin_again),
            busy: read(&tally.busy),
            broken: read(&tally.broken),
        }
    }

    /// The first factor, counted where it fails. Whatever is wrong, it is one run of argon2 and one public answer.
    pub async fn first_factor(&self, name: &str, password: &str, now: Time) -> Result<Pending, Denied> {
        let checked = self.check_password(name, password, now).await;
        if let Err(denied) = &checked {
            self.tally.denied(denied);
        }
        checked
    }

    /// The second factor, counted. One that a key signed and that is still wrong may suspend the account.
    pub async fn second_factor(
        &self,
        pending: &Token,
        challenge: &Token,
        credential: &str,
        browser: Browser,
        now: Time,
    ) -> Result<SignedIn, Denied> {
        let end = self.check_key(pending, challenge, credential, browser, now).await;
        self.tally.ended(&end);
        end
    }

    /// The second factor as a code, counted.
    pub async fn code(&self, pending: &Token, typed: &str, browser: Browser, times: (Time, Time)) -> Result<SignedIn, Denied> {
        let end = self.check_code(pending, typed, browser, times).await;
        self.tally.ended(&end);
        end
    }

    /// A USB-KEY, counted where it ends something.
    pub async fn usb_key(&self, shown: ShownUsbKey, pending: Option<&Token>, browser: Browser, now: Time) -> Result<AfterUsbKey, Denied> {
        let after = self.check_usb_key(shown, pending, browser, now).await;
        match &after {
            Ok(AfterUsbKey::SignedIn(_)) => {
                self.tally.signed_in.fetch_add(1, Ordering::Relaxed);
            }
            Ok(AfterUsbKey::PasswordNeeded(_)) => {}
            Err(denied) => self.tally.denied(denied),
        }
        after
    }

    /// The password after a USB-KEY, counted.
    pub async fn password_after_usb_key(&self, step: &Token, typed: &str, browser: Browser, now: Time) -> Result<SignedIn, Denied> {
        let end = self.check_password_after_usb_key(step, typed, browser, now).await;
        self.tally.ended(&end);
        end
    }

    /// A key alone, counted.
    pub async fn key_first(
        &self,
        browser_token: &Token,
        challenge: &Token,
        credential: &str,
        browser: Browser,
        now: Time,
    ) -> Result<SignedIn, Denied> {
        let end = self.check_key_alone(browser_token, challenge, credential, browser, now).await;
        self.tally.ended(&end);
        end
    }
}
