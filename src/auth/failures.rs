//! Failures of the second factor in a row: too many suspend the account.
//!
//! Invariant: only somebody who has the password or a session can cause one, so strangers lock nobody out.

use std::sync::Arc;

use super::keys::KeyError;
use super::session::{Ended, Sessions};
use crate::model::{Account, AccountState, Role};
use crate::store::{Store, StoreError};

/// Staff may fail at most this often (GM/T 0025).
const STAFF_FAILURES: u32 = 8;

/// How many failures of the second factor in a row suspend an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit(pub u32);

impl Default for FailureLimit {
    fn default() -> Self {
        Self(10)
    }
}

impl FailureLimit {
    fn of(self, role: Role) -> u32 {
        match role {
            Role::Member => self.0,
            Role::SystemAdministrator | Role::SecurityAdministrator | Role::Auditor => self.0.min(STAFF_FAILURES),
        }
        .max(1)
    }
}

/// Whether it is the person's failure; wrong settings are not.
pub(super) fn counts(error: &KeyError) -> bool {
    !matches!(error, KeyError::Settings(_))
}

/// The one count of an account, wherever its key is asked for.
#[derive(Clone, Debug)]
pub(super) struct Failures {
    pub(super) store: Store,
    pub(super) sessions: Arc<Sessions>,
    pub(super) limit: FailureLimit,
}

/// What a failure led to.
#[derive(Debug)]
pub(super) enum Counted {
    MayTryAgain,
    /// The account is suspended: by this failure if there are sessions that ended with it, or else by another one meanwhile.
    Suspended(Option<Vec<Ended>>),
}

impl Failures {
    pub(super) async fn count(&self, account: &Account) -> Result<Counted, StoreError> {
        let count = self.store.count_failure(account.id).await?;
        if count < self.limit.of(account.role) {
            return Ok(Counted::MayTryAgain);
        }
        if self.store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await?.is_none() {
            return Ok(Counted::Suspended(None));
        }
        // The store ended them with the change of state, so nothing that can fail is left to do.
        Ok(Counted::Suspended(Some(self.sessions.revoke_all_of(account.id))))
    }
}
