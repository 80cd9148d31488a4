//! Failures of the second factor in a row: those that a key signed suspend the account, all others raise an alarm.
//!
//! Invariant: whoever has no key of an account cannot suspend it, though she has its password or sits before its open session;
//! so nobody is locked out by what anybody can make up.

use std::sync::Arc;

use super::keys::KeyError;
use super::session::{Ended, Sessions};
use crate::model::{Account, AccountState, Role, Serial};
use crate::store::{Store, StoreError, WrongAnswer};

/// Staff may fail at most this often (GM/T 0025).
const STAFF_FAILURES: u32 = 8;

/// How many failures of the second factor in a row suspend an account, or raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureLimit(pub u32);

impl Default for FailureLimit {
    fn default() -> Self {
        Self(10)
    }
}

impl FailureLimit {
    pub(super) fn of(self, role: Role) -> u32 {
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

/// What is said of verification, hardware and counter is said of an answer whose signature was right for this challenge and
/// origin: whoever gave it holds the key, or a copy. All else takes no key: made-up bytes, an old answer, one for another site.
fn kind(error: &KeyError) -> WrongAnswer {
    match error {
        KeyError::UserNotVerified | KeyError::NotHardware | KeyError::CounterWentBack(_) => WrongAnswer::Signed,
        KeyError::Malformed(_)
        | KeyError::WrongOrigin
        | KeyError::WrongChallenge
        | KeyError::UnknownKey
        // Whoever has one that was stolen and stopped must not be able to shut its owner out.
        | KeyError::Withdrawn(_)
        | KeyError::Wrong(_)
        | KeyError::OtherMake
        | KeyError::Settings(_) => WrongAnswer::Unsigned,
    }
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
    /// So many in a row that no key had signed: what had been proved before is worth nothing any more, and somebody is to be told.
    Alarm(u32),
    /// So many wrong codes in a row that somebody may be guessing: the code tokens are suspended, and what they had opened has ended. Keys
    /// go on working.
    CodesSuspended(Vec<Serial>),
    /// The key may have been copied, and is suspended with what it had opened; the account's other tokens are not.
    KeySuspended,
    /// The account is suspended: by this failure if there are sessions that ended with it, or else by another one meanwhile.
    Suspended(Option<Vec<Ended>>),
}

impl Failures {
    pub(super) async fn count(&self, account: &Account, error: &KeyError) -> Result<Counted, StoreError> {
        if let KeyError::CounterWentBack(_) = error {
            return Ok(Counted::KeySuspended);
        }
        self.count_as(account, kind(error)).await
    }

    pub(super) async fn count_as(&self, account: &Account, kind: WrongAnswer) -> Result<Counted, StoreError> {
        let limit = self.limit.of(account.role);
        let count = self.store.count_failure(account.id, kind).await?;
        match kind {
            WrongAnswer::Unsigned if count > 0 && count.is_multiple_of(limit) => return Ok(Counted::Alarm(count)),
            WrongAnswer::Signed if count >= limit => {}
            WrongAnswer::Signed | WrongAnswer::Unsigned => return Ok(Counted::MayTryAgain),
        }
        if self.store.set_state(account.id, &[AccountState::Active], AccountState::Suspended).await?.is_none() {
            return Ok(Counted::Suspended(None));
        }
        // The store ended them with the change of state, so nothing that can fail is left to do.
        Ok(Counted::Suspended(Some(self.sessions.revoke_all_of(account.id))))
    }
}

impl Counted {
    /// Whether the password, or the session, that came before still lets a key be asked for.
    pub(super) fn may_try_again(&self) -> bool {
        matches!(self, Self::MayTryAgain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_fail_eight_times_at_most_and_others_as_often_as_the_config_says() {
        for (config, staff, others) in [(10, 8, 10), (100, 8, 100), (3, 3, 3), (0, 1, 1)] {
            for role in Role::ALL {
                let expected = if *role == Role::Member { others } else { staff };
                assert_eq!(FailureLimit(config).of(*role), expected, "{role} {config}");
            }
        }
    }
}
