//! "My tokens", the keys among them: adding and removing one takes a fresh proof by a token that the account has.
//!
//! Invariant: a proof belongs to one session, lives five minutes, and pays for one change. What is wrong here is
//! wrong as at sign-in: whoever sits before an open session without its key gets no more tries than one with the password.

use std::sync::Arc;
use std::time::Duration;

use super::ceremony::{Answer, Ceremonies, CeremonyError, Challenge};
use super::codes::{Codes, PhoneAppError};
use super::denied::{Denied, Why};
use super::failures::{Counted, Failures, counts};
use super::guesses::{CodeDenied, Guesses};
use super::identity::Identity;
use super::keys::KeyError;
use super::password::{PasswordError, Passwords};
use super::session::{Ended, Sessions};
use super::withdrawn::WithdrawnToken;
use crate::clock::Time;
use crate::crypto::{NoRandomness, Token};
use crate::model::{Account, AccountId, AccountState, SessionId, TokenId, TokenKind};
use crate::store::{KeyAddition, KeyRemoval, NewKey, Purpose, Step, StepKind, Store, StoreError, StoredKey};

const PROOF_LIFE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    #[error("the session is over, or the account is not active")]
    NotSignedIn,
    /// The key that should prove it was wrong; counted, and perhaps once too often.
    #[error(transparent)]
    WrongProof(Box<Denied>),
    #[error("a fresh proof by one of the account's tokens is needed")]
    NoProof,
    #[error("nobody vouches that the key of this certificate lies in hardware")]
    NotHardware,
    #[error("this key is registered already")]
    KeyTaken,
    #[error("the account has as many keys as it may have; remove one first")]
    TooManyKeys,
    #[error("the last token cannot be removed; add another one first")]
    LastOne,
    #[error("the account has no such key or token")]
    NoSuchKey,
    #[error(transparent)]
    Code(#[from] CodeDenied),
    #[error(transparent)]
    PhoneApp(#[from] PhoneAppError),
    #[error("the password is wrong")]
    WrongPassword,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// What was just proved in a session, and by what; its token may be kept by the browser and pays for one change.
#[derive(Debug)]
pub struct Proven {
    pub(super) token: Token,
    pub(super) session: SessionId,
    pub(super) by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Token(TokenId),
    /// Where no other token is left to prove anything with: good for reporting the last one lost, and no more.
    Password,
}

impl Proven {
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The token that answered in this very session.
    pub fn by_token_in(&self, identity: &Identity) -> Option<TokenId> {
        match self.by {
            By::Token(token) if self.session == identity.session_id() => Some(token),
            By::Token(_) | By::Password => None,
        }
    }

    /// Somebody for tests just proved it with this token.
    #[cfg(test)]
    pub fn sample(identity: &Identity, token: TokenId) -> Option<Self> {
        Some(Self { token: Token::random().ok()?, session: identity.session_id(), by: By::Token(token) })
    }
}

/// A new key that answered rightly and may be added; it is not added yet.
#[derive(Debug)]
pub struct CheckedKey(NewKey);

/// A key that may be removed; it is still there.
#[derive(Debug)]
pub struct RemovableKey(TokenId);

impl KeyChangeError {
    /// Whether something was shown and found wrong, so that the next attempt waits.
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::WrongProof(denied) => denied.told().is_failure(),
            Self::Code(denied) => denied.is_wrong(),
            Self::WrongPassword => true,
            _ => false,
        }
    }

    /// The token that was shown by its code, where that is one that was taken out of use.
    pub fn withdrawn(&self) -> Option<&WithdrawnToken> {
        match self {
            Self::Code(denied) => denied.withdrawn(),
            _ => None,
        }
    }

    /// There if a key was shown and found wrong.
    pub fn denied(&self) -> Option<&Denied> {
        match self {
            Self::WrongProof(denied) => Some(denied),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct KeyChanges {
    pub(super) store: Store,
    pub(super) ceremonies: Ceremonies,
    pub(super) sessions: Arc<Sessions>,
    pub(super) failures: Failures,
    pub(super) passwords: Passwords,
    pub(super) codes: Codes,
    pub(super) guesses: Guesses,
}

impl KeyChanges {
    /// The account's keys, the oldest first.
    pub async fn list(&self, account: AccountId) -> Result<Vec<StoredKey>, StoreError> {
        self.store.keys(account).await
    }

    /// Asks for a proof by a key, other than the one that the proof is about.
    pub async fn proof_options(&self, identity: &Identity, except: Option<TokenId>, now: Time) -> Result<Challenge, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let binding = identity.token_hash();
        Ok(self.ceremonies.ask_key_except(binding, account.id, except, Purpose::FreshProof, now).await?)
    }

    /// A key answered: the proof stands for that, in this session, for one change.
    pub async fn prove(&self, identity: &Identity, challenge: &Token, credential: &str, now: Time) -> Result<Proven, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let answer = Answer { challenge, binding: identity.token_hash(), purpose: Purpose::FreshProof, credential };
        let key = match self.ceremonies.key(&answer, account.id, now).await {
            Ok(right) => right.key,
            Err(CeremonyError::Key(error)) if counts(&error) => return Err(self.wrong_proof(identity, account, error).await?),
            Err(error) => return Err(error.into()),
        };
        self.store.clear_failures(account.id).await?;
        self.proven(identity, key, now).await
    }

    /// Asks for a new key, other than those that the account has.
    pub async fn new_key_options(&self, identity: &Identity, proof: &Token, now: Time) -> Result<Challenge, KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        let known: Vec<Vec<u8>> = self.store.keys(account.id).await?.into_iter().map(|key| key.credential).collect();
        Ok(self.ceremonies.ask_new_key(proof.hash(), &account, &known, Purpose::AddKey, now).await?)
    }

    /// Whatever can refuse a new key, refuses it here: so what is put on record before it is done will be done, unless somebody
    /// else was first or the store fails meanwhile.
    pub async fn check(
        &self,
        identity: &Identity,
        proof: &Token,
        challenge: &Token,
        credential: &str,
        label: &str,
        now: Time,
    ) -> Result<CheckedKey, KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        let answer = Answer { challenge, binding: proof.hash(), purpose: Purpose::AddKey, credential };
        let key = self.ceremonies.new_key(&answer, account.id, label, now).await?;
        added(self.store.could_add_key(account.id, &key.credential).await?)?;
        Ok(CheckedKey(key))
    }

    pub async fn add(&self, identity: &Identity, proof: &Token, key: CheckedKey, now: Time) -> Result<NewKey, KeyChangeError> {
        let (account, CheckedKey(key)) = (self.account(identity, now).await?, key);
        self.spend(identity, proof, now).await?;
        added(self.store.add_key(account.id, &key, now).await?)?;
        Ok(key)
    }

    /// Whatever can refuse to remove a key, refuses it here, as with a new one.
    pub async fn check_removal(&self, identity: &Identity, proof: &Token, key: TokenId, now: Time) -> Result<RemovableKey, KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        let known = self.store.keys(account.id).await?.iter().any(|known| known.id == key);
        let others = self
            .store
            .tokens_of(account.id)
            .await?
            .iter()
            .any(|token| token.id != key && token.kind != TokenKind::PhoneApp && token.opens(now));
        match (known, others) {
            (false, _) => Err(KeyChangeError::NoSuchKey),
            (true, false) => Err(KeyChangeError::LastOne),
            (true, true) => Ok(RemovableKey(key)),
        }
    }

    /// Removes a key and ends the sessions that it opened, perhaps this one too.
    pub async fn remove(&self, identity: &Identity, proof: &Token, key: RemovableKey, now: Time) -> Result<Vec<Ended>, KeyChangeError> {
        let (account, RemovableKey(key)) = (self.account(identity, now).await?, key);
        self.spend(identity, proof, now).await?;
        match self.store.remove_key(account.id, key, now).await? {
            KeyRemoval::Removed => Ok(self.sessions.end_of_key(key).await?),
            KeyRemoval::LastOne => Err(KeyChangeError::LastOne),
            KeyRemoval::NoSuch => Err(KeyChangeError::NoSuchKey),
        }
    }

    pub(super) async fn wrong_proof(&self, identity: &Identity, account: Account, error: KeyError) -> Result<KeyChangeError, StoreError> {
        let counted = self.failures.count(&account, &error).await?;
        if matches!(counted, Counted::Alarm(_)) {
            // Whoever sits before this session has no key: the owner, who has one, can sign in anew.
            self.sessions.end(identity.session_id()).await?;
        }
        Ok(KeyChangeError::WrongProof(Box::new(Denied::new(Why::Key(error), Some(account)).counted(counted))))
    }

    pub(super) async fn proven(&self, identity: &Identity, by: TokenId, now: Time) -> Result<Proven, KeyChangeError> {
        let (token, session) = (Token::random()?, identity.session_id());
        let step = Step { account: identity.account(), session: Some(session), expires: now.plus(PROOF_LIFE) };
        self.store.put_step(token.hash(), StepKind::KeyAnswered, &step, now).await?;
        Ok(Proven { token, session, by: By::Token(by) })
    }

    pub(super) async fn holds(&self, identity: &Identity, proof: &Token, now: Time) -> Result<(), KeyChangeError> {
        proves(self.store.step(proof.hash(), StepKind::KeyAnswered, now).await?, identity)
    }

    pub(super) async fn spend(&self, identity: &Identity, proof: &Token, now: Time) -> Result<(), KeyChangeError> {
        // Looked at first, so that showing another session's proof does not use it up.
        self.holds(identity, proof, now).await?;
        proves(self.store.spend_step(proof.hash(), StepKind::KeyAnswered, now).await?, identity)
    }

    pub(super) async fn account(&self, identity: &Identity, now: Time) -> Result<Account, KeyChangeError> {
        let open = self.sessions.is_open(identity.session_id(), now);
        let account = self.store.account(identity.account()).await?;
        account.filter(|account| open && account.state == AccountState::Active).ok_or(KeyChangeError::NotSignedIn)
    }
}

fn added(addition: KeyAddition) -> Result<(), KeyChangeError> {
    match addition {
        KeyAddition::Added => Ok(()),
        KeyAddition::Taken => Err(KeyChangeError::KeyTaken),
        KeyAddition::TooMany => Err(KeyChangeError::TooManyKeys),
    }
}

fn proves(step: Option<Step>, identity: &Identity) -> Result<(), KeyChangeError> {
    let fits = |step: &Step| step.account == identity.account() && step.session == Some(identity.session_id());
    step.filter(fits).map(drop).ok_or(KeyChangeError::NoProof)
}
