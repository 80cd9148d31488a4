//! Hashing, random tokens, keyed hashes, and the TLS provider. The only module that names `ring`.
//!
//! Invariant: a [`Token`] never prints itself; only its hash is stored or logged.

use std::fmt;
use std::sync::Arc;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use rustls::crypto::CryptoProvider;

/// The operating system gave no random bytes. Whatever needed them must be denied.
#[derive(Debug, thiserror::Error)]
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
