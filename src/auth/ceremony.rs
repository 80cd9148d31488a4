//! WebAuthn with the store behind it: a challenge is made for one browser, account and purpose, lives five minutes, and
//! is taken away by the first answer, right or wrong.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::keys::{Authenticators, Copied, KeyError, RightAnswer};
use super::makes::Makes;
use super::session::Sessions;
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token, TokenHash};
use crate::model::{Account, AccountId, TokenId, TokenState};
use crate::store::{NewChallenge, NewKey, Purpose, Store, StoreError, StoredKey};

/// How long an answer is waited for.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, thiserror::Error)]
pub enum CeremonyError {
    /// None of that id for this browser, account and purpose; taken already; or expired.
    #[error("the challenge is not there (any more); begin again")]
    NoChallenge,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What the page needs: the options for the browser, and what the challenge is called when the answer comes.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub id: Token,
    pub options: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Ceremonies {
    pub(super) store: Store,
    pub(super) authenticators: Authenticators,
    sessions: Arc<Sessions>,
}

impl Ceremonies {
    pub(super) fn new(store: Store, authenticators: Authenticators, sessions: Arc<Sessions>) -> Self {
        Self { store, authenticators, sessions }
    }

    /// Asks for a new key for the account.
    pub(super) async fn ask_new_key(
        &self,
        binding: TokenHash,
        account: &Account,
        known: &[Vec<u8>],
        purpose: Purpose,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        let (options, state) = self.authenticators.registration(account, known)?;
        self.put(binding, Some(account.id), purpose, state, options, now).await
    }

    pub(super) async fn new_key(&self, answer: &Answer<'_>, account: AccountId, label: &str, now: Time) -> Result<NewKey, CeremonyError> {
        let state = self.take(answer, Some(account), now).await?;
        Ok(self.authenticators.register(&state, answer.credential, label, now)?)
    }

    /// Asks for one of the account's keys.
    pub(super) async fn ask_key(
        &self,
        binding: TokenHash,
        account: AccountId,
        purpose: Purpose,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        self.ask_key_of(binding, account, |_| true, purpose, now).await
    }

    /// Asks for one of the account's keys, but not for that one.
    pub(super) async fn ask_key_except(
        &self,
        binding: TokenHash,
        account: AccountId,
        except: Option<TokenId>,
        purpose: Purpose,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        self.ask_key_of(binding, account, |key| Some(key.id) != except, purpose, now).await
    }

    /// Asks for one of the account's keys of the listed makes; `None`: of any.
    pub(super) async fn ask_key_of_make(
        &self,
        binding: TokenHash,
        account: AccountId,
        makes: Option<&[Arc<str>]>,
        purpose: Purpose,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        let is_one = |key: &StoredKey, makes: &[Arc<str>]| self.makes_of(key).iter().any(|make| makes.contains(make));
        self.ask_key_of(binding, account, |key| makes.is_none_or(|makes| is_one(key, makes)), purpose, now).await
    }

    async fn ask_key_of(
        &self,
        binding: TokenHash,
        account: AccountId,
        which: impl Fn(&StoredKey) -> bool,
        purpose: Purpose,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        let mut keys = self.store.keys(account).await?;
        keys.retain(which);
        let (options, state) = self.authenticators.authentication(&keys)?;
        self.put(binding, Some(account), purpose, state, options, now).await
    }

    pub(super) async fn key(&self, answer: &Answer<'_>, account: AccountId, now: Time) -> Result<RightAnswer, CeremonyError> {
        let state = self.take(answer, Some(account), now).await?;
        let keys = self.store.keys(account).await?;
        let checked = match self.authenticators.authenticate(&state, answer.credential, account, &keys) {
            Err(KeyError::UnknownKey) => Err(self.unknown_key(&state, answer.credential, Some(account)).await?),
            checked => checked,
        };
        self.judge(checked, now).await
    }

    /// Asks for whatever key the browser finds.
    pub(super) async fn ask_any_key(&self, binding: TokenHash, now: Time) -> Result<Challenge, CeremonyError> {
        let (options, state) = self.authenticators.discovery()?;
        self.put(binding, None, Purpose::KeyFirst, state, options, now).await
    }

    pub(super) async fn any_key(&self, answer: &Answer<'_>, now: Time) -> Result<RightAnswer, CeremonyError> {
        let state = self.take(answer, None, now).await?;
        let credential = Authenticators::claimed_credential(answer.credential)?;
        let key: Option<StoredKey> = self.store.key_by_credential(&credential).await?;
        let Some(key) = key else { return Err(self.unknown_key(&state, answer.credential, None).await?.into()) };
        self.judge(self.authenticators.discover(&state, answer.credential, &key), now).await
    }

    /// The listed makes that a key is of; one that cannot be read is of none.
    pub(super) fn makes_of(&self, key: &StoredKey) -> Arc<[Arc<str>]> {
        self.authenticators.makes_of(key).unwrap_or_default()
    }

    /// From now on these makes are listed, for keys that are registered already too.
    pub(super) async fn list_makes(&self, makes: Makes) -> Result<(), CeremonyError> {
        self.authenticators.list_makes(makes);
        let mut all = HashMap::new();
        for key in self.store.all_keys().await? {
            let makes = self.authenticators.makes_of(&key)?;
            if !makes.is_empty() {
                all.insert(key.id, makes);
            }
        }
        self.sessions.makes().replace(all);
        Ok(())
    }

    async fn put(
        &self,
        binding: TokenHash,
        account: Option<AccountId>,
        purpose: Purpose,
        state: String,
        options: Value,
        now: Time,
    ) -> Result<Challenge, CeremonyError> {
        let id = Token::random()?;
        let new = NewChallenge { id: id.hash(), binding, account, purpose, state, expires: now.plus(CHALLENGE_LIFE) };
        self.store.put_challenge(&new, now).await?;
        Ok(Challenge { id, options })
    }

    async fn take(&self, answer: &Answer<'_>, account: Option<AccountId>, now: Time) -> Result<String, CeremonyError> {
        let taken = self.store.take_challenge(answer.challenge.hash(), answer.binding, answer.purpose, now).await?;
        match taken {
            Some(taken) if taken.account == account => Ok(taken.state),
            _ => Err(CeremonyError::NoChallenge),
        }
    }

    async fn judge(&self, checked: Result<RightAnswer, KeyError>, now: Time) -> Result<RightAnswer, CeremonyError> {
        let judged = match checked {
            Ok(right) => self.write_down(right, now).await,
            Err(error) => Err(error.into()),
        };
        match judged {
            Err(CeremonyError::Key(KeyError::CounterWentBack(copied))) => Err(self.stop(copied, now).await?.into()),
            judged => judged,
        }
    }

    /// Suspends a key of which there may be two, and ends what it has opened.
    async fn stop(&self, mut copied: Copied, now: Time) -> Result<KeyError, StoreError> {
        let at_once = self.sessions.revoke_all_by(copied.key).len();
        self.store.change_token(&copied.serial, TokenState::Suspended, now).await?;
        // Whoever signed in with it meanwhile came before it was suspended.
        copied.sessions_ended = at_once.saturating_add(self.sessions.revoke_all_by(copied.key).len());
        Ok(KeyError::CounterWentBack(copied))
    }

    async fn write_down(&self, right: RightAnswer, now: Time) -> Result<RightAnswer, CeremonyError> {
        if self.store.record_use(right.key, right.counter, &right.passkey, now).await? {
            self.sessions.makes().note(right.key, &right.makes);
            return Ok(right);
        }
        // Two answers with one counter raced, or the key was removed meanwhile.
        let keys = self.store.keys(right.account).await?;
        let still_there = keys.iter().find(|key| key.id == right.key);
        Err(still_there.map_or(KeyError::UnknownKey, |key| KeyError::CounterWentBack(Copied::of(key, right.counter))).into())
    }
}

/// A browser's answer to a challenge.
pub(super) struct Answer<'a> {
    pub(super) challenge: &'a Token,
    /// The token of the browser or session that answers.
    pub(super) binding: TokenHash,
    pub(super) purpose: Purpose,
    /// The credential as JSON.
    pub(super) credential: &'a str,
}
