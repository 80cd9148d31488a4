//! "My tokens", the code tokens among them: activating one, bringing one back that went astray, reporting one lost.
//!
//! Invariant: activating takes a fresh proof by the best that she has, so a code never stands in where she has a key; a token is never
//! reported lost by itself, and one that was is lost for ever.

use super::add_key::{By, KeyChangeError, KeyChanges, Proven};
use super::codes::Found;
use super::guesses::CodeDenied;
use super::identity::Identity;
use super::session::Ended;
use crate::clock::Time;
use crate::crypto::Token;
use crate::model::{AccountId, Role, Serial, TokenKind, TokenState};
use crate::oath::Seed;
use crate::store::{StoreError, StoredSeed, StoredToken, TokenChange};

/// By what she has to prove that it is she.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofNeeded {
    /// Whichever she holds of a security key and a USB-KEY.
    Key { security_key: bool, usb_key: bool },
    /// She has neither: a code of another of her tokens.
    Code,
    /// It is about her last token.
    Password,
}

/// A token whose code was right; the code is not spent yet.
#[derive(Debug)]
pub struct ShownToken(Found);

/// A token that two codes in a row have found; they are not spent yet.
#[derive(Debug)]
pub struct AstrayToken(Found);

/// A token that may be reported lost; it is not yet.
#[derive(Debug)]
pub struct LostToken(StoredToken);

impl LostToken {
    pub fn token(&self) -> &StoredToken {
        &self.0
    }
}

impl KeyChanges {
    /// Keys and code tokens that she holds or held, the oldest first.
    pub async fn tokens(&self, account: AccountId) -> Result<Vec<StoredToken>, StoreError> {
        self.store.tokens_of(account).await
    }

    /// `about`: the token that she says is lost, which proves nothing; `None`: any other change.
    pub async fn proof_needed(&self, identity: &Identity, about: Option<&Serial>, now: Time) -> Result<ProofNeeded, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let tokens = self.store.tokens_of(account.id).await?;
        let holds = |kind| tokens.iter().any(|token| token.kind == kind && token.opens(now) && Some(&token.serial) != about);
        let (security_key, usb_key) = (holds(TokenKind::WebAuthn), holds(TokenKind::UsbKey));
        match about {
            _ if security_key || usb_key => Ok(ProofNeeded::Key { security_key, usb_key }),
            _ if holds(TokenKind::Oath) => Ok(ProofNeeded::Code),
            Some(_) => Ok(ProofNeeded::Password),
            None => Err(KeyChangeError::NoProof),
        }
    }

    /// Proves by a code, where no key could.
    pub async fn prove_by_code(
        &self,
        identity: &Identity,
        about: Option<&Serial>,
        typed: &str,
        now: Time,
        wall: Time,
    ) -> Result<Proven, KeyChangeError> {
        let account = self.account(identity, now).await?;
        // Staff do not sign in by code, and so prove nothing by one.
        if account.role != Role::Member || self.proof_needed(identity, about, now).await? != ProofNeeded::Code {
            return Err(KeyChangeError::NoProof);
        }
        // An app on a phone can be copied: it proves nothing about tokens that cannot.
        let other = |stored: &StoredSeed| stored.kind == TokenKind::Oath && Some(&stored.serial) != about;
        let look = self.codes.find(account.id, TokenState::Active, other, typed, wall);
        let found = self.guesses.look_beyond(&account, (&self.codes, typed, wall), look).await?;
        if !self.store.spend_oath(&found.spending, now).await? {
            return Err(CodeDenied::Wrong.into());
        }
        self.proven(identity, found.spending.token, now).await
    }

    /// Proves by the password that the last token is lost.
    pub async fn prove_by_password(&self, identity: &Identity, about: &Serial, typed: &str, now: Time) -> Result<Proven, KeyChangeError> {
        let account = self.account(identity, now).await?;
        if self.proof_needed(identity, Some(about), now).await? != ProofNeeded::Password {
            return Err(KeyChangeError::NoProof);
        }
        let phc = self.store.account_and_password(&account.name).await?.and_then(|(_, phc)| phc);
        if !self.passwords.verify(typed, phc.as_deref()).await? {
            return Err(KeyChangeError::WrongPassword);
        }
        Ok(Proven { token: Token::random()?, session: identity.session_id(), by: By::Password })
    }

    /// Whether a token is hers to activate, and whether the proof for it is there.
    pub async fn may_activate(&self, identity: &Identity, proof: &Token, serial: &Serial, now: Time) -> Result<(), KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        let tokens = self.store.tokens_of(account.id).await?;
        let there = tokens.iter().any(|token| token.serial == *serial && token.state == TokenState::Issued);
        if there { Ok(()) } else { Err(KeyChangeError::NoSuchKey) }
    }

    /// She shows a token that was issued to her. Whatever can refuse it, refuses it here.
    pub async fn check_activation(
        &self,
        identity: &Identity,
        proof: &Token,
        serial: &Serial,
        typed: &str,
        now: Time,
        wall: Time,
    ) -> Result<ShownToken, KeyChangeError> {
        self.may_activate(identity, proof, serial, now).await?;
        let account = self.account(identity, now).await?;
        let this = |issued: &StoredSeed| issued.serial == *serial;
        Ok(ShownToken(self.guesses.look(&account, self.codes.find(account.id, TokenState::Issued, this, typed, wall)).await?))
    }

    pub async fn activate(&self, identity: &Identity, proof: &Token, shown: ShownToken, now: Time) -> Result<(), KeyChangeError> {
        self.spend(identity, proof, now).await?;
        right(self.store.activate_oath(&shown.0.spending, now).await?)
    }

    /// Makes what an app on her phone is to hold; a first code confirms it, as with a token that was issued to her.
    pub async fn begin_phone_app(&self, identity: &Identity, proof: &Token, now: Time) -> Result<Serial, KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        if account.role != Role::Member {
            return Err(KeyChangeError::NoProof);
        }
        Ok(self.codes.begin_phone_app(account.id, now).await?)
    }

    /// What the app on her phone is to hold; `None`: it is another token, or is confirmed.
    pub async fn phone_seed(
        &self,
        identity: &Identity,
        proof: &Token,
        serial: &Serial,
        now: Time,
        wall: Time,
    ) -> Result<Option<Seed>, KeyChangeError> {
        let account = self.account(identity, now).await?;
        self.holds(identity, proof, now).await?;
        Ok(self.codes.phone_seed(account.id, serial, wall).await.map_err(CodeDenied::Broken)?)
    }

    /// Two codes in a row of one of her tokens. It takes no proof: a token that went astray can give none, and it opens nothing.
    pub async fn check_astray(
        &self,
        identity: &Identity,
        serial: &Serial,
        codes: (&str, &str),
        now: Time,
        wall: Time,
    ) -> Result<AstrayToken, KeyChangeError> {
        let account = self.account(identity, now).await?;
        Ok(AstrayToken(self.guesses.look(&account, self.codes.find_in_a_row(account.id, serial, codes, wall)).await?))
    }

    pub async fn resynchronise(&self, identity: &Identity, astray: AstrayToken, now: Time) -> Result<(), KeyChangeError> {
        self.account(identity, now).await?;
        right(self.codes.bring_back(&astray.0, now).await?)
    }

    /// Whether she may report this token lost, with what she proved.
    pub async fn check_loss(&self, identity: &Identity, proven: &Proven, serial: &Serial, now: Time) -> Result<LostToken, KeyChangeError> {
        let account = self.account(identity, now).await?;
        let tokens = self.store.tokens_of(account.id).await?;
        let hers = |token: &&StoredToken| token.serial == *serial && may_be_lost(token.state);
        let token = tokens.iter().find(hers).ok_or(KeyChangeError::NoSuchKey)?;
        let proves = match proven.by {
            By::Token(other) => other != token.id,
            By::Password => !tokens.iter().any(|other| other.id != token.id && other.opens(now) && other.kind != TokenKind::PhoneApp),
        };
        if proves && proven.session == identity.session_id() { Ok(LostToken(token.clone())) } else { Err(KeyChangeError::NoProof) }
    }

    /// Ends a token for ever, and the sessions that it opened, perhaps this one too.
    pub async fn report_lost(&self, lost: LostToken, now: Time) -> Result<Vec<Ended>, KeyChangeError> {
        let LostToken(token) = lost;
        let mut ended = self.sessions.revoke_all_by(token.id);
        let change = self.store.change_token(&token.serial, TokenState::Lost, now).await?;
        // Whoever signed in with it meanwhile came before it was lost.
        ended.extend(self.sessions.revoke_all_by(token.id));
        if matches!(change, TokenChange::Done { .. }) { Ok(ended) } else { Err(KeyChangeError::NoSuchKey) }
    }
}

/// What she can still report: whatever has not ended.
pub fn may_be_lost(state: TokenState) -> bool {
    matches!(state, TokenState::Issued | TokenState::Active | TokenState::Suspended)
}

fn right(spent: bool) -> Result<(), KeyChangeError> {
    if spent { Ok(()) } else { Err(CodeDenied::Wrong.into()) }
}
