//! Wrong codes in a row, and their end.
//!
//! Invariant: a guess is counted before it is looked at, so of any number at once no more are looked at than are allowed; past that the
//! account's code tokens are suspended, and only the security administrator brings them back. What could not be judged was no guess, and is
//! taken back afterwards.

use std::sync::Arc;

use super::codes::CodeError;
use super::failures::FailureLimit;
use super::session::Sessions;
use super::withdrawn::WithdrawnToken;
use crate::model::{Account, Serial};
use crate::store::{Store, StoreError};

/// Whatever the config allows for keys: a code has six digits, and several steps are right at a time.
const MOST: u32 = 10;

#[derive(Debug, thiserror::Error)]
pub enum CodeDenied {
    #[error("the code is wrong or was used already")]
    Wrong,
    #[error("the account holds no code token that could be asked")]
    NoToken,
    #[error("there were too many wrong codes, so the account's code tokens are suspended")]
    Stopped {
        /// Empty: another guess had stopped them.
        serials: Vec<Serial>,
        sessions_ended: usize,
    },
    /// It is a code of a token that was taken out of use: for the log alone. It counts, and is told, as what is in `told`.
    #[error("{}", token.word())]
    Withdrawn { token: WithdrawnToken, told: Box<CodeDenied> },
    #[error(transparent)]
    Broken(CodeError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CodeDenied {
    /// Whether it makes the next attempt wait; what could not be judged does not.
    pub fn is_wrong(&self) -> bool {
        matches!(self.told(), Self::Wrong | Self::Stopped { .. })
    }

    /// What the person may be told of it.
    pub fn told(&self) -> &Self {
        match self {
            Self::Withdrawn { told, .. } => told,
            other => other,
        }
    }

    /// The token that it was a code of, where that is one that was taken out of use.
    pub fn withdrawn(&self) -> Option<&WithdrawnToken> {
        match self {
            Self::Withdrawn { token, .. } => Some(token),
            _ => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Guesses {
    pub(super) store: Store,
    pub(super) sessions: Arc<Sessions>,
    pub(super) limit: FailureLimit,
}

impl Guesses {
    /// Looks at a code, if there are guesses left; a right one forgets those before.
    pub(super) async fn look<T>(&self, account: &Account, look: impl Future<Output = Result<T, CodeError>>) -> Result<T, CodeDenied> {
        let limit = self.limit.of(account.role).min(MOST);
        let count = self.store.count_code_failure(account.id).await?;
        if count > limit {
            return Err(self.stop(account).await?);
        }
        match look.await {
            Ok(found) => {
                self.store.clear_code_failures(account.id).await?;
                Ok(found)
            }
            Err(CodeError::Wrong) if count == limit => Err(self.stop(account).await?),
            Err(CodeError::Wrong) => Err(CodeDenied::Wrong),
            Err(CodeError::NoToken) => {
                self.store.take_back_code_failure(account.id).await?;
                Err(CodeDenied::NoToken)
            }
            Err(error) => {
                self.store.take_back_code_failure(account.id).await?;
                Err(CodeDenied::Broken(error))
            }
        }
    }

    async fn stop(&self, account: &Account) -> Result<CodeDenied, StoreError> {
        let serials = self.store.suspend_code_tokens(account.id).await?;
        let tokens = self.store.tokens_of(account.id).await?;
        let stopped = tokens.iter().filter(|token| serials.contains(&token.serial));
        let sessions_ended = stopped.map(|token| self.sessions.revoke_all_by(token.id).len()).sum();
        Ok(CodeDenied::Stopped { serials, sessions_ended })
    }
}
