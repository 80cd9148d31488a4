//! Tokens that were taken out of use, and are used all the same.
//!
//! Invariant: whoever shows one is told what anybody is told of a wrong one, and it counts as a wrong one; only the log says more. It is said only
//! of what the token itself has made: a code of its own, or an answer with its own signature to this very challenge.

use super::ceremony::Ceremonies;
use super::codes::Codes;
use super::guesses::{CodeDenied, Guesses};
use super::keys::KeyError;
use crate::clock::Time;
use crate::model::{Account, AccountId, Event, Serial, TokenKind, TokenState};
use crate::oath::TypedCode;
use crate::store::StoreError;

/// A token that opened something once and does not any more, and that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithdrawnToken {
    pub account: AccountId,
    pub serial: Serial,
    pub kind: TokenKind,
    pub state: TokenState,
}

impl WithdrawnToken {
    /// A word for records.
    pub fn word(&self) -> &'static str {
        withdrawn(self.state).unwrap_or("revoked")
    }

    /// An event with which token it was.
    #[must_use]
    pub fn on(&self, event: Event) -> Event {
        event.with("serial", &self.serial).with("kind", self.kind).with("state", self.state)
    }
}

/// The word for records of a state out of which nothing is opened any more: one that is merely too old is no sign of a thief. `None`: it is
/// none of those.
pub fn withdrawn(state: TokenState) -> Option<&'static str> {
    match state {
        TokenState::Suspended | TokenState::Lost | TokenState::Revoked => Some("revoked"),
        TokenState::Expired => Some("expired"),
        TokenState::InStock | TokenState::Issued | TokenState::Active => None,
    }
}

impl Codes {
    /// The token of the account that shows this code now, of those that open nothing any more. Nothing is spent.
    async fn withdrawn(&self, account: AccountId, typed: &str, wall: Time) -> Result<Option<WithdrawnToken>, StoreError> {
        let seeds = self.store.withdrawn_seeds_of(account, wall).await?;
        let Some(typed) = TypedCode::parse(typed) else { return Ok(None) };
        let mut shown = None;
        for stored in seeds {
            match self.shows(&stored, &typed, wall) {
                Ok(true) if shown.is_none() => {
                    shown = Some(WithdrawnToken { account, serial: stored.serial, kind: stored.kind, state: stored.state });
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(serial = %stored.serial, %error, "a seed cannot be opened"),
            }
        }
        Ok(shown)
    }
}

impl Guesses {
    /// Looks at a code as [`Guesses::look`] does; where it was wrong, the log may learn which withdrawn token shows it. That is looked up before,
    /// and for right codes too: so it takes everybody's time alike, and what this very guess suspends is not among them.
    pub(super) async fn look_beyond<T>(
        &self,
        account: &Account,
        (codes, typed, wall): (&Codes, &str, Time),
        look: impl Future<Output = Result<T, super::codes::CodeError>>,
    ) -> Result<T, CodeDenied> {
        let withdrawn = codes.withdrawn(account.id, typed, wall).await?;
        let denied = match self.look(account, look).await {
            Err(denied @ (CodeDenied::Wrong | CodeDenied::NoToken | CodeDenied::Stopped { .. })) => denied,
            other => return other,
        };
        Err(match withdrawn {
            Some(token) => CodeDenied::Withdrawn { token, told: Box::new(denied) },
            None => denied,
        })
    }
}

impl Ceremonies {
    /// What is to be said of a key that opens nothing: that it is withdrawn, where this is what gave the answer. `account`: whose key was asked
    /// for.
    pub(super) async fn unknown_key(&self, state: &str, credential: &str, account: Option<AccountId>) -> Result<KeyError, StoreError> {
        let Ok(claimed) = super::keys::Authenticators::claimed_credential(credential) else { return Ok(KeyError::UnknownKey) };
        let Some((key, token_state)) = self.store.withdrawn_key(&claimed).await? else { return Ok(KeyError::UnknownKey) };
        let is_hers = account.is_none_or(|account| account == key.account);
        if !is_hers || !self.authenticators.is_answer_of(&key, state, credential).unwrap_or(false) {
            return Ok(KeyError::UnknownKey);
        }
        Ok(KeyError::Withdrawn(WithdrawnToken { account: key.account, serial: key.serial, kind: TokenKind::WebAuthn, state: token_state }))
    }
}
