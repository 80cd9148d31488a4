//! A USB-KEY as the fresh proof of somebody who is signed in, or who has forgotten her password: as good as a security key, where her
//! authority vouches for its hardware.
//!
//! Invariant: what was shown serves for the one thing that it was asked for, once. A certificate whose key may be a file stands in for
//! no hardware: staff prove nothing by it, a new password takes more, and others prove by it only what they have no security key for.

use super::add_key::{KeyChangeError, KeyChanges, Proven};
use super::identity::Identity;
use super::petition_proof::{PetitionProof, PetitionStep};
use super::recovery::{Recovering, RecoveryError};
use super::usb_key::{ShownFor, ShownUsbKey};
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{Account, AccountId, Factor, PetitionId, RecoveryKind, Role, Serial, TokenId, TokenKind};
use crate::store::{Store, StoreError};

impl PetitionStep {
    /// What a USB-KEY is asked for.
    pub fn shown_for(self, petition: PetitionId) -> ShownFor {
        match self {
            Self::Propose => ShownFor::Propose(petition.to_string()),
            Self::Confirm => ShownFor::Confirm(petition.to_string()),
        }
    }
}

/// Whether she has a USB-KEY that opens something.
pub(super) async fn holds_usb_key(store: &Store, account: AccountId, now: Time) -> Result<bool, StoreError> {
    Ok(store.tokens_of(account).await?.iter().any(|token| token.kind == TokenKind::UsbKey && token.opens(now)))
}

impl KeyChanges {
    pub async fn holds_usb_key(&self, identity: &Identity, now: Time) -> Result<bool, StoreError> {
        holds_usb_key(&self.store, identity.account(), now).await
    }

    /// For a change of her own tokens, or a terminal. `about`: the token that she says is lost, which proves nothing.
    pub async fn prove_by_usb_key(
        &self,
        identity: &Identity,
        about: Option<&Serial>,
        shown: ShownUsbKey,
        now: Time,
    ) -> Result<Proven, KeyChangeError> {
        let account = self.account(identity, now).await?;
        if !matches!(shown.shown_for, ShownFor::OwnTokens(_) | ShownFor::Terminal(_)) {
            return Err(KeyChangeError::NoProof);
        }
        let token = self.shown(&account, about, &shown, now).await?;
        self.proven(identity, token, now).await
    }

    /// For one step of a change that needs two.
    pub async fn prove_for_petition_by_usb_key(
        &self,
        identity: &Identity,
        (petition, step): (PetitionId, PetitionStep),
        shown: ShownUsbKey,
        now: Time,
    ) -> Result<PetitionProof, KeyChangeError> {
        let account = self.account(identity, now).await?;
        if shown.shown_for != step.shown_for(petition) {
            return Err(KeyChangeError::NoProof);
        }
        let token = self.shown(&account, None, &shown, now).await?;
        Ok(PetitionProof::new(identity, (petition, step), token))
    }

    /// The token, if it is hers, opens something now, and is good enough for her.
    async fn shown(&self, account: &Account, about: Option<&Serial>, shown: &ShownUsbKey, now: Time) -> Result<TokenId, KeyChangeError> {
        if shown.account != account.id {
            return Err(KeyChangeError::NoProof);
        }
        let tokens = self.store.tokens_of(account.id).await?;
        let others = || tokens.iter().filter(|token| token.opens(now) && Some(&token.serial) != about);
        let token = others().find(|token| token.id == shown.certificate.token).ok_or(KeyChangeError::NoProof)?;
        let has_key = others().any(|token| token.kind == TokenKind::WebAuthn);
        if !Factor::by_certificate(shown.is_hardware_only).is_hardware() && (account.role != Role::Member || has_key) {
            return Err(KeyChangeError::NotHardware);
        }
        self.store.clear_failures(account.id).await?;
        Ok(token.id)
    }
}

impl Recovering {
    /// That she has her token, before a new password.
    pub async fn show_usb_key(&self, browser: &Token, shown: ShownUsbKey, now: Time) -> Result<(), RecoveryError> {
        let account = self.of_kind(browser, &[RecoveryKind::Password], now).await?.account;
        if shown.account != account.id || shown.shown_for != ShownFor::Recovery {
            return Err(RecoveryError::Gone);
        }
        if !Factor::by_certificate(shown.is_hardware_only).is_hardware() {
            return Err(RecoveryError::NotHardware);
        }
        self.proved(browser, now).await
    }
}
