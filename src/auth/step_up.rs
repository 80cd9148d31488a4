//! Proving more, or proving it again, in a session that is open: by a key, or by a code where that is enough.
//!
//! Invariant: whatever is shown here belongs to the account of the session. What is wrong counts as at sign-in, and at the limit it does
//! the same.

use std::sync::Arc;

use super::add_key::{KeyChangeError, KeyChanges};
use super::ceremony::{Answer, CeremonyError, Challenge};
use super::failures::counts;
use super::identity::Identity;
use super::keys::KeyError;
use super::session::SessionError;
use super::usb_key::{ShownFor, ShownUsbKey};
use super::usb_key_proof::holds_usb_key;
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Factor, Proof, Role, TokenId};
use crate::store::Purpose;

/// Which of her tokens would do.
#[derive(Debug)]
pub struct StepUpMeans {
    /// `None`: no security key of hers would.
    pub key: Option<Challenge>,
    /// A code of one of her tokens would.
    pub code: bool,
    /// A certificate on a USB-KEY of hers would.
    pub usb_key: bool,
}

/// Proved. `token` is for the portal's cookie, and new.
#[derive(Debug)]
pub struct SteppedUp {
    pub token: Token,
    pub identity: Arc<Identity>,
    pub proof: Proof,
}

impl KeyChanges {
    /// What could be asked for where only some factors will do, and of keys only some `makes`.
    pub async fn step_up_means(
        &self,
        identity: &Identity,
        fits: impl Fn(Factor) -> bool,
        makes: Option<&[Arc<str>]>,
        now: Time,
        wall: Time,
    ) -> Result<StepUpMeans, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let key = if fits(Factor::SecurityKey) {
            match self.ceremonies.ask_key_of_make(identity.token_hash(), account.id, makes, Purpose::StepUp, now).await {
                Ok(challenge) => Some(challenge),
                Err(CeremonyError::Key(KeyError::UnknownKey)) => None,
                Err(error) => return Err(error.into()),
            }
        } else {
            None
        };
        // Staff do not sign in by code, and so prove nothing more by one.
        let code = account.role == Role::Member && self.codes.has_active(account.id, |kind| fits(Factor::by_code_of(kind)), wall).await?;
        let usb_key = (fits(Factor::UsbKey) || fits(Factor::PasswordAndUsbKey)) && holds_usb_key(&self.store, account.id, wall).await?;
        Ok(StepUpMeans { key, code, usb_key })
    }

    pub async fn step_up_by_key(
        &self,
        identity: &Identity,
        challenge: &Token,
        credential: &str,
        now: Time,
    ) -> Result<SteppedUp, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let answer = Answer { challenge, binding: identity.token_hash(), purpose: Purpose::StepUp, credential };
        let key = match self.ceremonies.key(&answer, account.id, now).await {
            Ok(right) => right.key,
            Err(CeremonyError::Key(error)) if counts(&error) => return Err(self.wrong_proof(identity, account, error).await?),
            Err(error) => return Err(error.into()),
        };
        self.store.clear_failures(account.id).await?;
        self.step_up(identity, key, Factor::SecurityKey, now).await
    }

    /// The code is spent. With the session, which took a factor to open, it stands for a password and a code.
    pub async fn step_up_by_code(&self, identity: &Identity, typed: &str, now: Time, wall: Time) -> Result<SteppedUp, KeyChangeError> {
        let account = self.account(identity, now).await?;
        if account.role != Role::Member {
            return Err(KeyChangeError::NoProof);
        }
        let look = self.codes.take(account.id, typed, wall);
        let (token, kind) = self.guesses.look_beyond(&account, (&self.codes, typed, wall), look).await?;
        self.step_up(identity, token, Factor::by_code_of(kind), now).await
    }

    /// The answer of the host that asks for certificates. Where its authority does not certify hardware alone, it stands with the session,
    /// which took a factor to open, for a password and a certificate.
    pub async fn step_up_by_usb_key(&self, identity: &Identity, shown: ShownUsbKey, now: Time) -> Result<SteppedUp, KeyChangeError> {
        let account = self.account(identity, now).await?;
        if shown.account != account.id || shown.shown_for != ShownFor::StepUp {
            return Err(KeyChangeError::NoProof);
        }
        self.store.clear_failures(account.id).await?;
        let factor = Factor::by_certificate(shown.is_hardware_only);
        self.step_up(identity, shown.certificate.token, factor, now).await
    }

    async fn step_up(&self, identity: &Identity, token: TokenId, factor: Factor, now: Time) -> Result<SteppedUp, KeyChangeError> {
        let proof = Proof { token, factor, at: now };
        match self.sessions.step_up(identity.session_id(), proof, now).await {
            Ok(Some((token, identity))) => Ok(SteppedUp { token, identity, proof }),
            // Her session, her account or the token ended between two statements.
            Ok(None) => Err(KeyChangeError::NotSignedIn),
            Err(SessionError::Store(error)) => Err(error.into()),
            Err(SessionError::NoRandomness(error)) => Err(error.into()),
        }
    }
}
