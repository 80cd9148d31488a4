//! The fresh proof of a security administrator for one change that needs two: by her own key, for this change and this step of it.
//!
//! Invariant: the challenge is bound to her session, her account, the step and the petition, and whoever takes a [`PetitionProof`] uses it
//! up; so a touch for one change never pays for another, and what proposed does not confirm.

use super::add_key::{KeyChangeError, KeyChanges};
use super::ceremony::{Answer, CeremonyError, Challenge};
use super::failures::counts;
use super::identity::Identity;
use crate::clock::Time;
use crate::crypto::{Token, TokenHash, sha256};
use crate::model::{AccountId, PetitionId, SessionId, TokenId};
use crate::store::Purpose;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PetitionStep {
    Propose,
    Confirm,
}

impl PetitionStep {
    /// As addresses call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Propose => "propose",
            Self::Confirm => "confirm",
        }
    }

    const fn purpose(self) -> Purpose {
        match self {
            Self::Propose => Purpose::Propose,
            Self::Confirm => Purpose::Confirm,
        }
    }
}

/// That she has just shown her key for this step of this petition, in this session. It is spent by being handed over.
#[derive(Debug)]
pub struct PetitionProof {
    account: AccountId,
    session: SessionId,
    petition: PetitionId,
    step: PetitionStep,
    token: TokenId,
}

impl PetitionProof {
    pub(super) fn new(identity: &Identity, (petition, step): (PetitionId, PetitionStep), token: TokenId) -> Self {
        Self { account: identity.account(), session: identity.session_id(), petition, step, token }
    }

    /// The token that was shown, if the proof is hers and for this.
    pub fn spend(self, identity: &Identity, petition: PetitionId, step: PetitionStep) -> Option<TokenId> {
        let Self { account, session, petition: about, step: made_for, token } = self;
        let fits = account == identity.account() && session == identity.session_id() && about == petition && made_for == step;
        fits.then_some(token)
    }
}

impl KeyChanges {
    pub async fn petition_options(
        &self,
        identity: &Identity,
        petition: PetitionId,
        step: PetitionStep,
        now: Time,
    ) -> Result<Challenge, KeyChangeError> {
        let account = self.account(identity, now).await?;
        Ok(self.ceremonies.ask_key(binding(identity, petition), account.id, step.purpose(), now).await?)
    }

    /// What is wrong here is wrong as at sign-in.
    pub async fn prove_for_petition(
        &self,
        identity: &Identity,
        (petition, step): (PetitionId, PetitionStep),
        challenge: &Token,
        credential: &str,
        now: Time,
    ) -> Result<PetitionProof, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let answer = Answer { challenge, binding: binding(identity, petition), purpose: step.purpose(), credential };
        let token = match self.ceremonies.key(&answer, account.id, now).await {
            Ok(right) => right.key,
            Err(CeremonyError::Key(error)) if counts(&error) => return Err(self.wrong_proof(identity, account, error).await?),
            Err(error) => return Err(error.into()),
        };
        self.store.clear_failures(account.id).await?;
        Ok(PetitionProof::new(identity, (petition, step), token))
    }
}

fn binding(identity: &Identity, petition: PetitionId) -> TokenHash {
    let mut about = identity.token_hash().0.to_vec();
    about.extend(petition.0.as_bytes());
    TokenHash(sha256(&about))
}

#[cfg(test)]
impl PetitionProof {
    pub fn sample(identity: &Identity, petition: PetitionId, step: PetitionStep, token: TokenId) -> Self {
        Self::new(identity, (petition, step), token)
    }
}
