//! Signing in: a password, then a key; or a key alone that the browser finds.
//!
//! Invariant: before the password was right, every refusal is the same to the outside, after the same work. A right
//! password opens nothing; it only lets the key be asked for. A key that verified its user is two factors by itself
//! (possession, and its PIN or fingerprint).

use std::sync::Arc;
use std::time::Duration;

use super::ceremony::{Answer, Ceremonies, CeremonyError, Challenge};
use super::codes::Codes;
use super::denied::{Denied, Why};
use super::failures::{Counted, Failures, counts};
use super::guesses::{CodeDenied, Guesses};
use super::identity::Identity;
use super::keys::KeyError;
use super::password::{PasswordError, Passwords};
use super::session::{Browser, Sessions};
use super::tally::SignInTally;
use crate::clock::Time;
use crate::crypto::{Token, TokenHash};
use crate::model::{Account, AccountId, AccountName, AccountState, Factor, Role, TokenId};
use crate::store::{Purpose, Step, StepKind, Store, StoreError};

/// How long the key is waited for after the password.
const STEP_LIFE: Duration = Duration::from_secs(5 * 60);
/// The password was right; the browser that holds `token` may show a key.
#[derive(Clone, Debug)]
pub struct Pending {
    pub token: Token,
    pub account: Account,
}

/// What may be asked for after the password.
#[derive(Debug)]
pub struct SecondFactors {
    /// `None`: she has no security key.
    pub key: Option<Challenge>,
    /// She holds a token that shows codes.
    pub code: bool,
    /// USB-KEYs are taken here.
    pub usb_key: bool,
}

/// Signed in. `token` is for the portal's cookie, and new.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub token: Token,
    pub identity: Arc<Identity>,
    pub key: TokenId,
}

#[derive(Clone, Debug)]
pub struct SignIn {
    pub(super) store: Store,
    pub(super) passwords: Passwords,
    pub(super) ceremonies: Ceremonies,
    pub(super) sessions: Arc<Sessions>,
    pub(super) failures: Failures,
    pub(super) codes: Codes,
    pub(super) guesses: Guesses,
    pub(super) tally: Arc<SignInTally>,
}

impl SignIn {
    /// The first factor. Whatever is wrong, it is one run of argon2 and one public answer.
    pub(super) async fn check_password(&self, name: &str, password: &str, now: Time) -> Result<Pending, Denied> {
        let found = match AccountName::parse(name) {
            Ok(name) => self.store.account_and_password(&name).await.map_err(Denied::broken)?,
            Err(_) => None,
        };
        let (account, phc) = match found {
            Some((account, phc)) => (Some(account), phc),
            None => (None, None),
        };
        let right = match self.passwords.verify(password, phc.as_deref()).await {
            Ok(right) => right,
            Err(PasswordError::Busy) => return Err(Denied::new(Why::Busy, account)),
            Err(error) => return Err(Denied::broken(error)),
        };
        let Some(account) = account else { return Err(Denied::new(Why::UnknownName, None)) };
        if phc.is_none() {
            return Err(Denied::new(Why::NotEnrolled, Some(account)));
        }
        if !right {
            return Err(Denied::new(Why::WrongPassword, Some(account)));
        }
        let account = self.active(account.id).await?;
        let token = Token::random().map_err(Denied::broken)?;
        let step = Step { account: account.id, session: None, expires: now.plus(STEP_LIFE) };
        self.store.put_step(token.hash(), StepKind::PasswordWasRight, &step, now).await.map_err(Denied::broken)?;
        Ok(Pending { token, account })
    }

    /// Asks for one of the keys of the account whose password was right.
    #[cfg(test)]
    pub async fn key_options(&self, pending: &Token, now: Time) -> Result<Challenge, Denied> {
        let account = self.pending(pending, now).await?;
        let asked = self.ceremonies.ask_key(pending.hash(), account.id, Purpose::SignIn, now).await;
        asked.map_err(|error| refused(error, Some(account)))
    }

    /// What the account whose password was right can be asked for.
    pub async fn second_factors(&self, pending: &Token, usb_key: bool, now: Time, wall: Time) -> Result<SecondFactors, Denied> {
        let account = self.pending(pending, now).await?;
        let code = account.role == Role::Member && self.codes.has_active(account.id, |_| true, wall).await.map_err(Denied::broken)?;
        match self.ceremonies.ask_key(pending.hash(), account.id, Purpose::SignIn, now).await {
            Ok(challenge) => Ok(SecondFactors { key: Some(challenge), code, usb_key }),
            Err(CeremonyError::Key(KeyError::UnknownKey)) if code || usb_key => Ok(SecondFactors { key: None, code, usb_key }),
            Err(error) => Err(refused(error, Some(account))),
        }
    }

    /// Whose password was right before.
    pub async fn who_is_pending(&self, pending: &Token, now: Time) -> Result<Account, Denied> {
        self.pending(pending, now).await
    }

    /// The second factor. A wrong one counts.
    pub(super) async fn check_key(
        &self,
        pending: &Token,
        challenge: &Token,
        credential: &str,
        browser: Browser,
        now: Time,
    ) -> Result<SignedIn, Denied> {
        let account = self.pending(pending, now).await?;
        let answer = Answer { challenge, binding: pending.hash(), purpose: Purpose::SignIn, credential };
        let right = match self.ceremonies.key(&answer, account.id, now).await {
            Ok(right) => right,
            Err(CeremonyError::Key(error)) if counts(&error) => return Err(self.failed(account, pending, error, now).await),
            Err(error) => return Err(refused(error, Some(account))),
        };
        let spent = self.store.spend_step(pending.hash(), StepKind::PasswordWasRight, now).await.map_err(Denied::broken)?;
        if spent.is_none() {
            return Err(Denied::new(Why::NothingPending, Some(account)));
        }
        self.open(account.id, right.key, Factor::PasswordAndSecurityKey, browser, now).await
    }

    /// The second factor as a code of an OATH token, which it spends. A wrong one counts.
    pub(super) async fn check_code(
        &self,
        pending: &Token,
        typed: &str,
        browser: Browser,
        (now, wall): (Time, Time),
    ) -> Result<SignedIn, Denied> {
        let account = self.pending(pending, now).await?;
        if account.role != Role::Member {
            return Err(Denied::new(Why::CodeForStaff, Some(account)));
        }
        let looked = (&self.codes, typed, wall);
        let (token, kind) = match self.guesses.look_beyond(&account, looked, self.codes.take(account.id, typed, wall)).await {
            Ok(shown) => shown,
            Err(denied) => return Err(self.wrong_code(account, denied, pending, now).await),
        };
        let spent = self.store.spend_step(pending.hash(), StepKind::PasswordWasRight, now).await.map_err(Denied::broken)?;
        if spent.is_none() {
            return Err(Denied::new(Why::NothingPending, Some(account)));
        }
        self.open(account.id, token, Factor::by_code_of(kind), browser, now).await
    }

    async fn wrong_code(&self, account: Account, denied: CodeDenied, pending: &Token, now: Time) -> Denied {
        let (why, denied) = match denied {
            CodeDenied::Withdrawn { token, told } => (Why::WithdrawnCode(token), *told),
            denied => (Why::WrongCode, denied),
        };
        match denied {
            CodeDenied::Wrong | CodeDenied::NoToken => Denied::new(why, Some(account)),
            CodeDenied::Stopped { serials, .. } => {
                let counted = Counted::CodesSuspended(serials);
                self.end_step_unless_may_try_again(&counted, pending, now).await;
                Denied::new(why, Some(account)).counted(counted)
            }
            error => Denied::broken(error),
        }
    }

    /// Asks for whatever key the browser has; `browser` is the random token that its cookie holds.
    pub async fn key_first_options(&self, browser: &Token, now: Time) -> Result<Challenge, Denied> {
        self.ceremonies.ask_any_key(browser.hash(), now).await.map_err(|error| refused(error, None))
    }

    /// A key alone. A stranger's failures count for nobody.
    pub(super) async fn check_key_alone(
        &self,
        browser_token: &Token,
        challenge: &Token,
        credential: &str,
        browser: Browser,
        now: Time,
    ) -> Result<SignedIn, Denied> {
        let answer = Answer { challenge, binding: browser_token.hash(), purpose: Purpose::KeyFirst, credential };
        let right = match self.ceremonies.any_key(&answer, now).await {
            Ok(right) => right,
            Err(CeremonyError::Key(KeyError::CounterWentBack(copied))) => {
                // Whoever answered holds the key or a copy, and is no stranger.
                let account = self.store.account(copied.account).await.map_err(Denied::broken)?;
                return Err(Denied::new(Why::Key(KeyError::CounterWentBack(copied)), account).counted(Counted::KeySuspended));
            }
            Err(CeremonyError::Key(KeyError::Withdrawn(token))) => {
                let account = self.store.account(token.account).await.map_err(Denied::broken)?;
                return Err(Denied::new(Why::Key(KeyError::Withdrawn(token)), account));
            }
            Err(error) => return Err(refused(error, None)),
        };
        self.open(right.account, right.key, Factor::SecurityKey, browser, now).await
    }

    pub(super) async fn open(&self, id: AccountId, key: TokenId, factor: Factor, browser: Browser, now: Time) -> Result<SignedIn, Denied> {
        let account = self.active(id).await?;
        match self.sessions.create(&account, key, factor, browser, now).await.map_err(Denied::broken)? {
            Some((token, identity)) => {
                self.store.note_sign_in(id, now).await.map_err(Denied::broken)?;
                Ok(SignedIn { token, identity, key })
            }
            // The store found that the account or the key had gone between two statements.
            None => {
                let account = self.active(id).await?;
                Err(Denied::new(Why::Key(KeyError::UnknownKey), Some(account)))
            }
        }
    }

    pub(super) async fn pending(&self, pending: &Token, now: Time) -> Result<Account, Denied> {
        let step = self.store.step(pending.hash(), StepKind::PasswordWasRight, now).await.map_err(Denied::broken)?;
        let step = step.ok_or_else(|| Denied::new(Why::NothingPending, None))?;
        self.active(step.account).await
    }

    /// The account as it is now, if it may sign in.
    pub(super) async fn active(&self, id: AccountId) -> Result<Account, Denied> {
        let account = self.store.account(id).await.map_err(Denied::broken)?;
        let account = account.ok_or_else(|| Denied::new(Why::UnknownName, None))?;
        let why = match account.state {
            AccountState::Active => return Ok(account),
            AccountState::Invited => Why::NotEnrolled,
            AccountState::Disabled => Why::Disabled,
            AccountState::Suspended => Why::Suspended,
        };
        Err(Denied::new(why, Some(account)))
    }

    async fn failed(&self, account: Account, pending: &Token, error: KeyError, now: Time) -> Denied {
        match self.count_failure(&account, pending, &error, now).await {
            Ok(counted) => Denied::new(Why::Key(error), Some(account)).counted(counted),
            // A failure that could not be counted is the gateway's problem.
            Err(broken) => Denied::broken(broken),
        }
    }

    /// Counts; after one too many the password must be given again.
    async fn count_failure(&self, account: &Account, pending: &Token, error: &KeyError, now: Time) -> Result<Counted, StoreError> {
        let counted = self.failures.count(account, error).await?;
        self.end_step_unless_may_try_again(&counted, pending, now).await;
        Ok(counted)
    }

    async fn end_step_unless_may_try_again(&self, counted: &Counted, pending: &Token, now: Time) {
        self.end_binding_unless_may_try_again(counted, pending.hash(), now).await;
    }

    /// `step`: what the browser holds, by its hash.
    pub(super) async fn end_binding_unless_may_try_again(&self, counted: &Counted, step: TokenHash, now: Time) {
        if !counted.may_try_again()
            && let Err(error) = self.store.spend_step(step, StepKind::PasswordWasRight, now).await
        {
            // It ends by itself within minutes; what was counted must still go on record.
            tracing::warn!(%error, "a step that was tried too often could not be removed");
        }
    }
}

fn refused(error: CeremonyError, account: Option<Account>) -> Denied {
    match error {
        CeremonyError::NoChallenge => Denied::new(Why::NoChallenge, account),
        CeremonyError::Key(KeyError::Settings(what)) => Denied::broken(KeyError::Settings(what)),
        CeremonyError::Key(error) => Denied::new(Why::Key(error), account),
        CeremonyError::Store(error) => Denied::broken(error),
        CeremonyError::NoRandomness(error) => Denied::broken(error),
    }
}
