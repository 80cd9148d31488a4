//! Passwords: which ones may be chosen, and argon2id.
//!
//! Invariant: checking a password is exactly one run of argon2, whoever it is for and whatever was typed, so that its
//! duration tells nothing; and never more runs go at once than there are slots for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::weak::is_weak;
use crate::crypto;
use crate::model::AccountName;

/// 19 MiB, two passes, one lane: the least that OWASP's password storage cheat sheet gives for argon2id.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

const SHORTEST: usize = 12;
const LONGEST: usize = 256;
const LONGEST_BYTES: usize = 1024;

/// Why a password cannot be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPassword {
    #[error("is shorter than 12 characters")]
    TooShort,
    #[error("is longer than 256 characters")]
    TooLong,
    #[error("is one that many people choose, a simple pattern, or made from the account's name")]
    Common,
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// As many as can wait are waiting.
    #[error("too many passwords are being checked at once; try again in a moment")]
    Busy,
    #[error("argon2 failed: {0}")]
    Argon2(String),
}

/// A password as it was chosen: normalised (NFC), long enough, not a common one.
pub struct ChosenPassword(Zeroizing<String>);

impl ChosenPassword {
    pub fn parse(typed: &str, account: &AccountName) -> Result<Self, NotAPassword> {
        let password = normalised(typed).ok_or(NotAPassword::TooLong)?;
        let length = password.chars().count();
        if length < SHORTEST {
            return Err(NotAPassword::TooShort);
        }
        if length > LONGEST {
            return Err(NotAPassword::TooLong);
        }
        if is_weak(&password, account) {
            return Err(NotAPassword::Common);
        }
        Ok(Self(password))
    }
}

/// `None`: more bytes than any password that can be chosen.
fn normalised(typed: &str) -> Option<Zeroizing<String>> {
    if typed.len() > LONGEST_BYTES {
        return None;
    }
    let normal = Zeroizing::new(typed.nfc().collect::<String>());
    (normal.len() <= LONGEST_BYTES).then_some(normal)
}

/// Makes and checks password hashes on threads of their own, so many at once and so many waiting. Clones share both.
#[derive(Clone, Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    runs: Arc<AtomicU64>,
    /// What stands in for the hash of an account that is not there.
    dummy: Arc<str>,
}

impl Passwords {
    /// One run for each core at once; those who wait at most do so for about a second.
    pub async fn new() -> Result<Self, PasswordError> {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_capacity(cores, cores.saturating_mul(32)).await
    }

    pub async fn with_capacity(running: usize, waiting: usize) -> Result<Self, PasswordError> {
        let secret: [u8; 32] = crypto::random().map_err(|error| PasswordError::Argon2(error.to_string()))?;
        let dummy = tokio::task::spawn_blocking(move || hash(&secret)).await.map_err(stopped)??;
        Ok(Self {
            running: Arc::new(Semaphore::new(running)),
            waiting: Arc::new(Semaphore::new(running.saturating_add(waiting))),
            runs: Arc::default(),
            dummy: dummy.into(),
        })
    }

    /// The hash of a password, as a PHC string.
    pub async fn hash(&self, password: ChosenPassword) -> Result<String, PasswordError> {
        self.run(move || hash(password.0.as_bytes())).await?
    }

    /// Whether `typed` is the password with this hash (PHC). Where there is no hash the same work is done in vain.
    pub async fn verify(&self, typed: &str, phc: Option<&str>) -> Result<bool, PasswordError> {
        let password = normalised(typed);
        let parsed = phc.filter(|_| password.is_some()).and_then(|phc| PasswordHash::new(phc).ok());
        let real = parsed.is_some();
        let password = password.unwrap_or_default();
        let hash = match parsed {
            Some(hash) => hash,
            None => PasswordHash::new(&self.dummy).map_err(|error| PasswordError::Argon2(error.to_string()))?,
        };
        let right = self.run(move || argon2().verify_password(password.as_bytes(), &hash).is_ok()).await?;
        Ok(right && real)
    }

    /// How many times argon2 has run.
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Whether argon2 finds that the password has this hash (PHC), of whatever cost that says. It waits for no slot: for answers that are known,
    /// never for what somebody typed.
    pub fn known_answer(password: &str, phc: &str) -> bool {
        PasswordHash::new(phc).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let slot = Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let runs = Arc::clone(&self.runs);
        // Both permits go along: a caller that gives up does not stop the work that it began.
        let work = move || {
            runs.fetch_add(1, Ordering::Relaxed);
            let done = work();
            drop((slot, place));
            done
        };
        tokio::task::spawn_blocking(work).await.map_err(stopped)
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let salt: [u8; 16] = crypto::random().map_err(|error| PasswordError::Argon2(error.to_string()))?;
    let hash: PasswordHash = argon2().hash_password_with_salt(password, &salt).map_err(|error| PasswordError::Argon2(error.to_string()))?;
    Ok(hash.to_string())
}

fn stopped(error: tokio::task::JoinError) -> PasswordError {
    PasswordError::Argon2(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> ChosenPassword {
        ChosenPassword::parse(text, &AccountName::parse("li na").unwrap()).map_err(|why| panic!("{text}: {why}")).unwrap()
    }

    fn refused(text: &str) -> Option<NotAPassword> {
        ChosenPassword::parse(text, &AccountName::parse("li na").unwrap()).err()
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_of_the_promised_cost_and_verifies_the_right_password_only() {
        let passwords = Passwords::with_capacity(2, 2).await.unwrap();
        let phc = passwords.hash(chosen("six quiet camels")).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert_ne!(phc, passwords.hash(chosen("six quiet camels")).await.unwrap());
        assert!(passwords.verify("six quiet camels", Some(&phc)).await.unwrap());
        assert!(!passwords.verify("six quiet camel", Some(&phc)).await.unwrap());
        assert!(!passwords.verify("", Some(&phc)).await.unwrap());
    }

    #[tokio::test]
    async fn every_check_is_exactly_one_run_of_argon2() {
        let passwords = Passwords::with_capacity(2, 2).await.unwrap();
        let phc = passwords.hash(chosen("six quiet camels")).await.unwrap();
        let too_long = "x".repeat(5000);
        let cases = [
            ("six quiet camels", Some(&*phc)),
            ("wrong", Some(&*phc)),
            ("wrong", None),
            (&*too_long, Some(&*phc)),
            (&*too_long, None),
            ("wrong", Some("garbage")),
        ];
        for (typed, phc) in cases {
            let before = passwords.runs();
            passwords.verify(typed, phc).await.unwrap();
            assert_eq!(passwords.runs() - before, 1);
        }
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_its_characters_were_composed() {
        let passwords = Passwords::with_capacity(2, 2).await.unwrap();
        let phc = passwords.hash(chosen("cre\u{300}me bru\u{302}le\u{301}e")).await.unwrap();
        assert!(passwords.verify("cr\u{e8}me br\u{fb}l\u{e9}e", Some(&phc)).await.unwrap());
    }

    #[tokio::test]
    async fn who_finds_no_room_to_wait_is_told_so_and_runs_nothing() {
        let passwords = Passwords::with_capacity(1, 0).await.unwrap();
        let slot = Arc::clone(&passwords.running).acquire_owned().await.unwrap();
        let first = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.verify("first", None).await }
        });
        while passwords.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.verify("second", None).await, Err(PasswordError::Busy)));
        drop(slot);
        assert!(!first.await.unwrap().unwrap());
        assert_eq!(passwords.runs(), 1);
        assert!(!passwords.verify("third", None).await.unwrap());
    }

    #[test]
    fn length_is_counted_in_characters_and_there_are_no_rules_of_composition() {
        assert_eq!(refused("short one"), Some(NotAPassword::TooShort));
        assert_eq!(refused("elevenchars"), Some(NotAPassword::TooShort));
        assert_eq!(refused("只有十一个汉字的密码呀"), Some(NotAPassword::TooShort));
        assert_eq!(refused("骆驼慢慢走过安静的沙漠呀"), None);
        assert_eq!(refused("cabbages and kings"), None);
        assert_eq!(refused(&"camel soup ".repeat(23)), Some(NotAPassword::Common));
        assert_eq!(refused(&format!("{}x", "camel soup ".repeat(30))), Some(NotAPassword::TooLong));
        assert_eq!(refused(&"é".repeat(600)), Some(NotAPassword::TooLong));
    }
}
