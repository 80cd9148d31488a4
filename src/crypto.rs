//! Hashing, random tokens, keyed hashes, and the TLS provider. The only module that names `ring`.
//!
//! Invariant: a [`Token`] never prints itself; only its hash is stored or logged.

pub mod ed25519;

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use rustls::crypto::CryptoProvider;

/// The operating system gave no random bytes. Whatever needed them must be denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// Random bytes, taken from the operating system many at a time: each is given out once. Not for keys and tokens, which nothing
/// but themselves should hold.
#[derive(Default)]
pub struct Draws(Vec<u8>);

impl Draws {
    const MANY: usize = 4096;

    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn take<const N: usize>(&mut self) -> Result<[u8; N], NoRandomness> {
        if self.0.len() < N {
            self.0 = random::<{ Self::MANY }>()?.to_vec();
        }
        let rest = self.0.len().checked_sub(N).ok_or(NoRandomness)?;
        let drawn = self.0.get(rest..).and_then(|drawn| drawn.try_into().ok()).ok_or(NoRandomness)?;
        self.0.truncate(rest);
        Ok(drawn)
    }
}

impl fmt::Debug for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draws(…)")
    }
}

pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, data).as_ref());
    hash
}

/// SHA-256 of what comes in parts.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    pub fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

/// A secret of 256 random bits: a session token, an invitation, a one-time code.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    pub fn random() -> Result<Self, NoRandomness> {
        Ok(Self(random()?))
    }

    /// Reads the form that [`Token::reveal`] writes; anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The secret itself, 43 characters of base64url, for the one who shall hold it.
    pub fn reveal(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(&self.0))
    }

    /// What this half and the other one make together; whoever holds one alone has nothing.
    #[must_use]
    pub fn joined(&self, other: &HalfHash) -> Self {
        let mut both = self.0.to_vec();
        both.extend(other.0);
        let joined = Self(sha256(&both));
        zeroize::Zeroize::zeroize(&mut both);
        joined
    }
}

/// The half of a secret that a person reads out or types: ten characters, 48 random bits. It opens nothing without the [`Token`] that it
/// belongs to.
pub struct Half(String);

/// What is stored of a [`Half`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfHash(pub [u8; 32]);

impl Half {
    pub fn random() -> Result<Self, NoRandomness> {
        Ok(Self(BASE32_NOPAD.encode(&random::<6>()?)))
    }

    /// As somebody typed it: without regard to case, spaces and hyphens.
    pub fn parse(typed: &str) -> Self {
        Self(typed.chars().filter(char::is_ascii_alphanumeric).take(64).map(|c| c.to_ascii_uppercase()).collect())
    }

    /// For the one who shall hold it, in two groups.
    pub fn reveal(&self) -> String {
        match self.0.split_at_checked(5) {
            Some((first, second)) => format!("{first}-{second}"),
            None => self.0.clone(),
        }
    }

    pub fn hash(&self) -> HalfHash {
        HalfHash(sha256(self.0.as_bytes()))
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Half(…)")
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a [`Token`]: what is stored. A token is random, so a plain hash is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }

    pub fn base64url(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    pub fn parse_base64url(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

/// A key for keyed hashes (HMAC-SHA-256, RFC 2104).
#[derive(Clone)]
pub struct MacKey(hmac::Key);

impl MacKey {
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The keyed hash of `message` under a purpose, so that a hash made for one use says nothing in another.
    pub fn tag(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(message);
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// The hash functions that OATH tokens and their files name (RFC 6238, section 1.2; RFC 6030, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// A keyed hash as others define it; our own are made by [`MacKey::tag`].
pub fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::sign(&hmac::Key::new(algorithm, key), message).as_ref().to_vec()
}

/// Keeps secrets that the gateway must be able to read again, such as the seeds of OATH tokens (AES-256-GCM, RFC 5116).
#[derive(Clone)]
pub struct SealingKey(Arc<LessSafeKey>);

/// What was sealed is not what is opened now, or was sealed under another key or for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed secret cannot be opened: it is damaged, or the sealing key is not the one that it was sealed with")]
pub struct NotSealedHere;

const NONCE_BYTES: usize = 12;

impl SealingKey {
    pub fn new(secret: &[u8; 32]) -> Result<Self, NotSealedHere> {
        let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| NotSealedHere)?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// `about` says whose secret it is; it cannot be opened as somebody else's. A nonce is random: a key seals far fewer than the 2³²
    /// secrets for which that is safe (NIST SP 800-38D, section 8.3).
    pub fn seal(&self, about: &[u8], secret: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let nonce: [u8; NONCE_BYTES] = random()?;
        let mut sealed = secret.to_vec();
        let tag = self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(about), &mut sealed);
        // Only a secret of many gigabytes is too long to seal.
        let tag = tag.map_err(|_| NoRandomness)?;
        Ok([nonce.as_slice(), &sealed, tag.as_ref()].concat())
    }

    pub fn open(&self, about: &[u8], sealed: &[u8]) -> Result<zeroize::Zeroizing<Vec<u8>>, NotSealedHere> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(NotSealedHere)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| NotSealedHere)?;
        let mut secret = zeroize::Zeroizing::new(sealed.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(about), &mut secret).map_err(|_| NotSealedHere)?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

/// Compares without telling by its duration where the two differ.
pub fn same_bytes(left: &[u8], right: &[u8]) -> bool {
    use std::hint::black_box;
    if left.len() != right.len() {
        return false;
    }
    black_box(left.iter().zip(right).fold(0, |acc, (l, r)| acc | (l ^ r))) == 0
}

/// What TLS is made of: ring, whose suites are all AEAD with ephemeral elliptic-curve keys.
pub fn tls_provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_secret_opens_for_what_it_was_sealed_for_and_for_nothing_else() {
        let key = SealingKey::new(&[7; 32]).unwrap();
        let sealed = key.seal(b"token 1", b"12345678901234567890").unwrap();
        assert_eq!(key.open(b"token 1", &sealed).unwrap().as_slice(), b"12345678901234567890");
        assert_ne!(key.seal(b"token 1", b"12345678901234567890").unwrap(), sealed, "no two look alike");
        assert_eq!(key.open(b"token 2", &sealed).unwrap_err(), NotSealedHere);
        assert_eq!(SealingKey::new(&[8; 32]).unwrap().open(b"token 1", &sealed).unwrap_err(), NotSealedHere);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"token 1", &changed).unwrap_err(), NotSealedHere, "{at}");
            assert_eq!(key.open(b"token 1", &sealed[..at]).unwrap_err(), NotSealedHere, "{at}");
        }
    }

    #[test]
    fn keyed_hashes_are_those_of_the_rfcs() {
        // RFC 2202, section 3, case 2; RFC 4231, section 4.3.
        let hex = |hash| HEXLOWER.encode(&hmac(hash, b"Jefe", b"what do ya want for nothing?"));
        assert_eq!(hex(Hash::Sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        assert_eq!(hex(Hash::Sha256), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(hex(Hash::Sha512).starts_with("164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"));
    }

    #[test]
    fn a_token_reads_back_what_it_reveals_and_nothing_else() {
        let token = Token::random().unwrap();
        assert_eq!(Token::parse(&token.reveal()), Some(token.clone()));
        assert_eq!(Token::parse(""), None);
        assert_eq!(Token::parse(&format!("{}=", token.reveal())), None);
        assert_eq!(Token::parse(&"!".repeat(43)), None);
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = Token::random().unwrap();
        assert!(!format!("{token:?}").contains(&token.reveal()));
    }

    #[test]
    fn no_draw_comes_twice() {
        let mut draws = Draws::new();
        let mut drawn: Vec<[u8; 10]> = (0..3_000).map(|_| draws.take().unwrap()).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 3_000);
    }

    #[test]
    fn more_than_is_drawn_at_once_is_not_given() {
        assert!(Draws::new().take::<5_000>().is_err());
    }

    #[test]
    fn a_tag_for_one_purpose_is_worthless_for_another() {
        let key = MacKey::new(&[7; 32]);
        assert_eq!(key.tag("csrf", b"x"), key.tag("csrf", b"x"));
        assert_ne!(key.tag("csrf", b"x"), key.tag("name", b"x"));
    }

    #[test]
    fn same_bytes_tells_equal_from_unequal() {
        assert!(same_bytes(b"abc", b"abc"));
        assert!(!same_bytes(b"abc", b"abd"));
        assert!(!same_bytes(b"abc", b"abcd"));
    }

    #[test]
    fn every_cipher_suite_has_an_ephemeral_key_and_authenticated_encryption() {
        for suite in &tls_provider().cipher_suites {
            let name = format!("{:?}", suite.suite());
            let ephemeral = name.starts_with("TLS13_") || name.starts_with("TLS_ECDHE_");
            let aead = name.contains("_GCM_") || name.contains("CHACHA20_POLY1305");
            assert!(ephemeral && aead, "{name}");
        }
    }
}
