//! Who somebody is: passwords, security keys, enrolment, sign-in, sessions, and how a session enters an app's host.
//!
//! Invariant: a missing enrolment or an error denies, it never skips a step; one right factor is not a session; a
//! challenge, a code, a proof and an invitation are each spent once, by the browser that they were made for.

mod add_key;
mod ceremony;
mod codes;
pub mod cookies;
mod csrf;
mod denied;
mod enrolment;
mod failures;
mod guesses;
mod handover;
mod identity;
mod introduction;
mod keys;
mod letter_code;
mod limits;
mod makes;
mod noted;
mod own_tokens;
mod password;
mod petition_proof;
mod proving;
mod recovery;
mod return_to;
mod session;
mod session_list;
mod sign_in;
mod step_up;
mod tally;
mod tokens;
mod usb_key;
mod usb_key_proof;
mod usb_key_sign_in;
mod visits;
mod weak;
mod withdrawn;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::crypto::SealingKey;
use crate::store::Store;

pub use add_key::{CheckedKey, KeyChangeError, KeyChanges, Proven, RemovableKey};
pub use ceremony::{CHALLENGE_LIFE, CeremonyError, Challenge};
pub use codes::{CodeError, Codes};
pub use csrf::Csrf;
pub use denied::{Denied, Told, Why};
pub use enrolment::{Enrolling, EnrolmentError, LetterDenied};
pub use failures::FailureLimit;
pub use guesses::CodeDenied;
pub use handover::{Entry, Handover, IssueError, NoEntry};
pub use identity::{Identity, Visitor};
pub use introduction::Introduction;
pub use keys::{Authenticators, Copied, KeyError};
pub use letter_code::LetterCode;
pub use limits::{SessionLimits, Tightened};
pub use makes::{Make, Makes, MakesOfKeys, NotAMake};
pub use own_tokens::{AstrayToken, LostToken, ProofNeeded, ShownToken, may_be_lost};
pub use password::{ChosenPassword, NotAPassword, PasswordError, Passwords};
pub use petition_proof::{PetitionProof, PetitionStep};
pub use recovery::{CheckedCode, Means, Recovering, RecoveryError};
pub use return_to::ReturnPath;
pub use session::{Browser, Ended, SessionError, Sessions};
pub use session_list::{CertificateInUse, SessionCounts, SessionRow};
pub use sign_in::{Pending, SecondFactors, SignIn, SignedIn};
pub use step_up::{StepUpMeans, SteppedUp};
pub use tally::{SignInCounts, SignInTally};
pub use usb_key::{HeldUsbKey, NotHers, ShownFor, ShownUsbKey, UsbKeyError, UsbKeyRequest, UsbKeys};
pub use usb_key_sign_in::{AfterUsbKey, WrongUsbKey};
pub use withdrawn::{WithdrawnToken, withdrawn};

use ceremony::Ceremonies;
use failures::Failures;
use guesses::Guesses;

/// Everything that pages about people and their keys call. Clones share it.
#[derive(Clone, Debug)]
pub struct Auth {
    pub sessions: Arc<Sessions>,
    pub sign_in: SignIn,
    pub enrolment: Enrolling,
    pub recovery: Recovering,
    pub keys: KeyChanges,
    pub handover: Handover,
    pub codes: Codes,
    pub usb_keys: UsbKeys,
}

impl Auth {
    /// The listed makes that a key is of.
    pub fn makes_of(&self, key: &crate::store::StoredKey) -> Arc<[Arc<str>]> {
        self.keys.ceremonies.makes_of(key)
    }

    /// The makes of security keys that the config lists, from now on and for all keys that there are.
    pub async fn list_makes(&self, makes: Makes) -> Result<(), CeremonyError> {
        self.keys.ceremonies.list_makes(makes).await
    }

    pub fn new(
        store: &Store,
        sessions: Arc<Sessions>,
        passwords: Passwords,
        authenticators: Authenticators,
        sealing: SealingKey,
        failure_limit: FailureLimit,
    ) -> Self {
        let store = store.clone();
        let codes = Codes::new(store.clone(), sealing);
        let ceremonies = Ceremonies::new(store.clone(), authenticators, Arc::clone(&sessions));
        let failures = Failures { store: store.clone(), sessions: Arc::clone(&sessions), limit: failure_limit };
        let guesses = Guesses { store: store.clone(), sessions: Arc::clone(&sessions), limit: failure_limit };
        let keys = KeyChanges {
            store: store.clone(),
            ceremonies: ceremonies.clone(),
            sessions: Arc::clone(&sessions),
            failures: failures.clone(),
            passwords: passwords.clone(),
            codes: codes.clone(),
            guesses: guesses.clone(),
        };
        let recovery = Recovering {
            store: store.clone(),
            passwords: passwords.clone(),
            ceremonies: ceremonies.clone(),
            sessions: Arc::clone(&sessions),
            failures: failures.clone(),
            codes: codes.clone(),
            guesses: guesses.clone(),
        };
        Self {
            recovery,
            sign_in: SignIn {
                store: store.clone(),
                passwords: passwords.clone(),
                ceremonies: ceremonies.clone(),
                sessions: Arc::clone(&sessions),
                failures,
                codes: codes.clone(),
                guesses: guesses.clone(),
                tally: Arc::default(),
            },
            enrolment: Enrolling { store: store.clone(), passwords, ceremonies, codes: codes.clone(), guesses },
            keys,
            usb_keys: UsbKeys { store: store.clone() },
            handover: Handover { store, sessions: Arc::clone(&sessions) },
            sessions,
            codes,
        }
    }
}
