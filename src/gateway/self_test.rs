//! The self-test at the start (GM/T 0025): what the gateway relies on is tried before anybody is let in.
//!
//! Invariant: whoever is served is served by a process whose hashes, signatures, ciphers and random bytes were right when it began, whose store
//! answered, and whose newest records led to the head that its own key had signed.

use std::time::Duration;

use data_encoding::HEXLOWER;

use crate::audit::{Journal, NoRecord, VerifyError, verify_newest};
use crate::auth::Passwords;
use crate::crypto::ed25519::{self, SigningKey};
use crate::crypto::{self, Hash, MacKey, SealingKey, same_bytes};
use crate::model::{Action, Event};
use crate::tlog::Verifier;

use super::house::{House, StartError};

/// So many full bundles of the log's newest records, 256 each, are looked at besides those of the bundle that is not full.
const BUNDLES: u64 = 4;
/// A store that takes longer does not answer.
const STORE_PATIENCE: Duration = Duration::from_secs(10);
const LOG: &str = "log";

/// What was tried and was not right.
#[derive(Debug, thiserror::Error)]
pub enum SelfTestError {
    #[error(
        "{0} does not give the answer that is known for it: the program is damaged, or this machine computes wrongly; install Yumen anew, or take \
         another machine"
    )]
    KnownAnswer(&'static str),
    #[error("the operating system's random bytes are not random: repair it, or take another machine")]
    NotRandom,
    #[error(transparent)]
    NoRandomness(#[from] crypto::NoRandomness),
    #[error("the store does not answer: {0}; look at the disk that it is on")]
    Store(String),
    #[error("the log's newest records and its head do not belong together: {0}; keep the audit directory as evidence and restore a copy")]
    Log(#[from] VerifyError),
    #[error("the log cannot be looked at: {0}; start the gateway again")]
    NotLookedAt(String),
}

impl SelfTestError {
    /// Which part it was, as it stands on record.
    fn what(&self) -> &'static str {
        match self {
            Self::KnownAnswer(what) => what,
            Self::NotRandom | Self::NoRandomness(_) => "randomness",
            Self::Store(_) => "store",
            Self::Log(_) | Self::NotLookedAt(_) => LOG,
        }
    }
}

impl House {
    /// Tries everything and puts the result on record; an error ends the start.
    pub async fn test_itself(&self) -> Result<(), StartError> {
        match self.tried().await {
            Ok(event) => match self.journal.event(event.clone()).await {
                // A log that is only full lets people out and closes apps; the record follows once there is room.
                Err(NoRecord) if self.journal.is_full() => {
                    self.journal.note(event);
                    Ok(())
                }
                recorded => Ok(recorded?),
            },
            Err(error) => {
                record_failure(&self.journal, error.what(), &error).await;
                self.sealer.shut_down().await;
                Err(error.into())
            }
        }
    }

    async fn tried(&self) -> Result<Event, SelfTestError> {
        let answers = KNOWN.tried()?;
        must_be_random(crypto::random()?, crypto::random()?)?;
        match tokio::time::timeout(STORE_PATIENCE, self.store.ping()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(SelfTestError::Store(error.to_string())),
            Err(_) => return Err(SelfTestError::Store(format!("nothing came within {} s", STORE_PATIENCE.as_secs()))),
        }
        let (sealed, key) = (self.sealer.sealed(), self.sealer.verifier_key());
        let key = Verifier::parse(&key).map_err(|why| SelfTestError::NotLookedAt(why.to_string()))?;
        let looked = tokio::task::spawn_blocking(move || verify_newest(&sealed, &key, BUNDLES)).await;
        let up_to = match looked.map_err(|why| SelfTestError::NotLookedAt(why.to_string()))? {
            Ok(head) => head.size,
            // Its hash is right: a later version of the program wrote it.
            Err(VerifyError::NotRecord { sequence, .. }) => {
                tracing::warn!(sequence, "a record of the log is of a kind that this version does not know");
                sequence
            }
            Err(error) => return Err(error.into()),
        };
        let what = [&answers[..], &["randomness", "store", LOG]].concat().join(", ");
        Ok(Event::done(Action::SelfTest).with("what", what).with("up-to", up_to))
    }
}

/// The log could not be gone on with: on record, as far as it takes any.
pub async fn record_broken_log(journal: &Journal, why: &crate::audit::SealError) {
    record_failure(journal, LOG, why).await;
}

async fn record_failure(journal: &Journal, what: &str, why: &(impl std::error::Error + Sync)) {
    let event = Event::failed(Action::SelfTest).with("what", what).with("why", why);
    if journal.event(event).await.is_err() {
        tracing::error!("the audit log does not take the record that the self-test failed");
    }
    journal.shut_down().await;
}

fn must_be_random(first: [u8; 32], second: [u8; 32]) -> Result<(), SelfTestError> {
    if first == second || first == [0; 32] || second == [0; 32] { Err(SelfTestError::NotRandom) } else { Ok(()) }
}

/// Questions whose answers are published. Bytes are in hexadecimal digits.
#[derive(Clone)]
struct Known {
    /// FIPS 180-4: message and digest.
    sha256: (&'static str, &'static str),
    /// Key, message and tag: RFC 2202, section 3, case 2, as OATH tokens use it; RFC 4231, section 4.3.
    hmac_sha1: (&'static str, &'static str, &'static str),
    hmac_sha256: (&'static str, &'static str, &'static str),
    sealed: KnownSeal,
    signature: KnownSignature,
    /// The password and its PHC string, of argon2's reference implementation; a cheap one.
    argon2id: (&'static str, &'static str),
}

/// AES-256-GCM: the specification of GCM (McGrew and Viega), test case 16.
#[derive(Clone)]
struct KnownSeal {
    key: &'static str,
    about: &'static str,
    /// Nonce, what was encrypted, tag.
    sealed: [&'static str; 3],
    secret: &'static str,
}

/// Ed25519: RFC 8032, section 7.1, test 2.
#[derive(Clone)]
struct KnownSignature {
    seed: &'static str,
    public: &'static str,
    message: &'static str,
    signature: &'static str,
}

const KNOWN: Known = Known {
    sha256: ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    hmac_sha1: ("Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    hmac_sha256: ("Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    sealed: KnownSeal {
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        about: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        sealed: [
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ],
        secret: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
    },
    signature: KnownSignature {
        seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        public: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        message: "72",
        signature: "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
    argon2id: ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
};

impl Known {
    /// Names what gave the right answers.
    fn tried(&self) -> Result<[&'static str; 6], SelfTestError> {
        let (message, digest) = self.sha256;
        let (key, text, tag) = self.hmac_sha1;
        let sha1 = HEXLOWER.encode(&crypto::hmac(Hash::Sha1, key.as_bytes(), text.as_bytes())) == tag;
        let (key, text, tag) = self.hmac_sha256;
        let sha256 = HEXLOWER.encode(&crypto::hmac(Hash::Sha256, key.as_bytes(), text.as_bytes())) == tag;
        let (password, phc) = self.argon2id;
        let results = [
            ("sha-256", HEXLOWER.encode(&crypto::sha256(message.as_bytes())) == digest),
            ("hmac-sha-1", sha1),
            ("hmac-sha-256", sha256 && own_tags_are_hmacs()),
            ("aes-256-gcm", self.sealed.opens().unwrap_or(false)),
            ("ed25519", self.signature.is_made().unwrap_or(false)),
            ("argon2id", Passwords::known_answer(password, phc) && !Passwords::known_answer(&format!("{password}."), phc)),
        ];
        match results.iter().find(|(_, is_right)| !is_right) {
            Some((what, _)) => Err(SelfTestError::KnownAnswer(what)),
            None => Ok(results.map(|(what, _)| what)),
        }
    }
}

/// The gateway's own tags are HMACs over the purpose's length, the purpose and the message.
fn own_tags_are_hmacs() -> bool {
    let key = [0x0b; 32];
    let message = [&[0, 0, 0, 0, 0, 0, 0, 4][..], b"test", b"Hi There"].concat();
    same_bytes(&MacKey::new(&key).tag("test", b"Hi There"), &crypto::hmac(Hash::Sha256, &key, &message))
}

impl KnownSeal {
    /// `None`: a step of it failed.
    fn opens(&self) -> Option<bool> {
        let key = SealingKey::new(&bytes(self.key)?.try_into().ok()?).ok()?;
        let (about, secret) = (bytes(self.about)?, bytes(self.secret)?);
        let sealed = bytes(&self.sealed.concat())?;
        let known = key.open(&about, &sealed).ok()?;
        let own = key.open(&about, &key.seal(&about, &secret).ok()?).ok()?;
        // A tag that is never looked at would open everything.
        let changed = key.open(b"", &sealed).is_ok();
        Some(*known == secret && *own == secret && !changed)
    }
}

impl KnownSignature {
    fn is_made(&self) -> Option<bool> {
        let key = SigningKey::from_seed(bytes(self.seed)?.try_into().ok()?).ok()?;
        let public: [u8; 32] = bytes(self.public)?.try_into().ok()?;
        let (message, signature) = (bytes(self.message)?, bytes(self.signature)?);
        let is_signed = key.public() == public && key.sign(&message) == signature;
        // A check that takes everything would be worse than none.
        let takes_all = ed25519::is_signed(&public, b"", &signature);
        Some(is_signed && ed25519::is_signed(&public, &message, &signature) && !takes_all)
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(hex.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(change: impl FnOnce(&mut Known)) -> &'static str {
        let mut known = KNOWN;
        change(&mut known);
        known.tried().unwrap_err().what()
    }

    #[test]
    fn every_known_answer_is_given_and_one_that_is_not_is_named() {
        assert_eq!(KNOWN.tried().unwrap(), ["sha-256", "hmac-sha-1", "hmac-sha-256", "aes-256-gcm", "ed25519", "argon2id"]);
        assert_eq!(wrong(|known| known.sha256.0 = "abd"), "sha-256");
        assert_eq!(wrong(|known| known.hmac_sha1.0 = "Jeff"), "hmac-sha-1");
        assert_eq!(wrong(|known| known.hmac_sha256.1 = "nothing"), "hmac-sha-256");
        assert_eq!(wrong(|known| known.argon2id.0 = "passwort"), "argon2id");
        assert_eq!(wrong(|known| known.argon2id.1 = ""), "argon2id");
    }

    #[test]
    fn every_part_of_a_seal_and_of_a_signature_counts() {
        for change in [
            |seal: &mut KnownSeal| seal.key = KNOWN.signature.seed,
            |seal: &mut KnownSeal| seal.about = "feed",
            |seal: &mut KnownSeal| seal.sealed[0] = "cafebabefacedbaddecaf889",
            |seal: &mut KnownSeal| seal.sealed[1] = "522d",
            |seal: &mut KnownSeal| seal.sealed[2] = "76fc6ece0f4e1768cddf8853bb2d551c",
            |seal: &mut KnownSeal| seal.secret = "d931",
            |seal: &mut KnownSeal| seal.secret = "not hexadecimal",
        ] {
            assert_eq!(wrong(|known| change(&mut known.sealed)), "aes-256-gcm");
        }
        for change in [
            |signed: &mut KnownSignature| signed.seed = KNOWN.sealed.key,
            |signed: &mut KnownSignature| signed.public = KNOWN.sealed.key,
            |signed: &mut KnownSignature| signed.message = "73",
            |signed: &mut KnownSignature| signed.signature = "92a0",
        ] {
            assert_eq!(wrong(|known| change(&mut known.signature)), "ed25519");
        }
    }

    #[test]
    fn random_bytes_that_come_again_or_are_nothing_are_not_random() {
        assert!(must_be_random([1; 32], [2; 32]).is_ok());
        for (first, second) in [([1; 32], [1; 32]), ([0; 32], [1; 32]), ([1; 32], [0; 32])] {
            assert_eq!(must_be_random(first, second).unwrap_err().what(), "randomness");
        }
    }
}
