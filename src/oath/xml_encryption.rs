//! Values that a pre-shared key has made unreadable (RFC 6030, section 6; XML Encryption 1.1, section 5.2).
//!
//! Invariant: nothing is deciphered whose keyed hash was not found right before, so padding tells nobody anything.

use std::fmt;

use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::NoPadding};
use aes::{Aes128, Aes192, Aes256};
use data_encoding::HEXLOWER_PERMISSIVE;
use zeroize::Zeroizing;

use crate::crypto::{Hash, hmac, same_bytes};

const BLOCK_BYTES: usize = 16;

/// The AES key that the maker sent by another way.
#[derive(Clone, PartialEq, Eq)]
pub struct TransportKey(Zeroizing<Vec<u8>>);

impl TransportKey {
    /// 32, 48 or 64 hexadecimal digits, as makers send it on paper.
    pub fn parse(text: &str) -> Option<Self> {
        let packed: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect());
        let bytes = HEXLOWER_PERMISSIVE.decode(packed.as_bytes()).ok()?;
        matches!(bytes.len(), 16 | 24 | 32).then(|| Self(Zeroizing::new(bytes)))
    }
}

impl fmt::Debug for TransportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransportKey(…)")
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecipherable {
    #[error("the seeds are encrypted; give the transport key that the maker sent with them")]
    NoKey,
    #[error(
        "the container is encrypted in a way that is not known here (a password or a certificate); ask its maker for a pre-shared AES key"
    )]
    NotPreShared,
    #[error("the encryption {0:?} is not known here; expected AES in CBC mode (aes128-cbc, aes192-cbc or aes256-cbc)")]
    Cipher(String),
    #[error("the file is encrypted for a key of {expected} bytes, and the transport key has {found}")]
    KeyLength { expected: usize, found: usize },
    #[error("the keyed hash {0:?} is not known here; expected hmac-sha1, hmac-sha256 or hmac-sha512")]
    Mac(String),
    #[error("an encrypted seed has no keyed hash (<ValueMAC>), so it could have been changed on its way (RFC 6030, section 6.1.1)")]
    NoMac,
    #[error("the keyed hash of an encrypted seed is wrong: the transport key is another one, or the file was changed")]
    WrongMac,
    #[error("what is encrypted has a length that cannot be")]
    Damaged,
}

/// A value as the file holds it: the initialisation vector, then the blocks.
pub(super) struct Ciphered {
    /// The name of the algorithm, a URI.
    pub algorithm: String,
    pub bytes: Vec<u8>,
}

/// The key of the hashes, and which hash it is.
pub(super) struct Mac {
    hash: Hash,
    key: Zeroizing<Vec<u8>>,
}

impl Mac {
    /// `key`: as the file holds it, itself encrypted. Where there is none, the transport key stands for it (RFC 6030, section 6.1.1).
    pub fn new(algorithm: &str, key: Option<&Ciphered>, transport: &TransportKey) -> Result<Self, Undecipherable> {
        let hash = match algorithm.rsplit_once('#').map(|(_, name)| name) {
            Some("hmac-sha1") => Hash::Sha1,
            Some("hmac-sha256") => Hash::Sha256,
            Some("hmac-sha512") => Hash::Sha512,
            _ => return Err(Undecipherable::Mac(algorithm.chars().take(80).collect())),
        };
        // The key of the hashes has no hash of its own; a wrong one makes every hash wrong.
        let key = match key.map_or_else(|| Ok(transport.0.clone()), |key| decipher(key, transport)) {
            Err(Undecipherable::Damaged) => return Err(Undecipherable::WrongMac),
            key => key?,
        };
        Ok(Self { hash, key })
    }

    pub fn open(&self, value: &Ciphered, tag: &[u8], transport: &TransportKey) -> Result<Zeroizing<Vec<u8>>, Undecipherable> {
        if !same_bytes(&hmac(self.hash, &self.key, &value.bytes), tag) {
            return Err(Undecipherable::WrongMac);
        }
        decipher(value, transport)
    }
}

fn decipher(value: &Ciphered, TransportKey(key): &TransportKey) -> Result<Zeroizing<Vec<u8>>, Undecipherable> {
    let expected = match value.algorithm.rsplit_once('#').map(|(_, name)| name) {
        Some("aes128-cbc") => 16,
        Some("aes192-cbc") => 24,
        Some("aes256-cbc") => 32,
        _ => return Err(Undecipherable::Cipher(value.algorithm.chars().take(80).collect())),
    };
    if key.len() != expected {
        return Err(Undecipherable::KeyLength { expected, found: key.len() });
    }
    let (vector, blocks) = value.bytes.split_at_checked(BLOCK_BYTES).ok_or(Undecipherable::Damaged)?;
    let mut plain = Zeroizing::new(blocks.to_vec());
    match expected {
        16 => blocks_of::<cbc::Decryptor<Aes128>>(key, vector, &mut plain),
        24 => blocks_of::<cbc::Decryptor<Aes192>>(key, vector, &mut plain),
        _ => blocks_of::<cbc::Decryptor<Aes256>>(key, vector, &mut plain),
    }
    .ok_or(Undecipherable::Damaged)?;
    // The last byte says how long the padding is; what else stands in it is left open (XML Encryption 1.1, section 5.2).
    let padding = plain.last().map(|last| usize::from(*last)).filter(|padding| (1..=BLOCK_BYTES).contains(padding));
    let length = padding.and_then(|padding| plain.len().checked_sub(padding)).ok_or(Undecipherable::Damaged)?;
    plain.truncate(length);
    Ok(plain)
}

fn blocks_of<C: KeyIvInit + BlockModeDecrypt>(key: &[u8], vector: &[u8], blocks: &mut [u8]) -> Option<()> {
    let cipher = C::new_from_slices(key, vector).ok()?;
    cipher.decrypt_padded::<NoPadding>(blocks).ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_key_is_read_as_paper_shows_it() {
        for text in ["12345678901234567890123456789012", "12 34 56 78 90 12 34 56 78 90 12 34 56 78 90 12", "AB:cd:".repeat(8).as_str()] {
            assert!(TransportKey::parse(text).is_some(), "{text}");
        }
        for text in ["", "1234567890123456789012345678901", "1234567890123456789012345678901g", &"00".repeat(20)] {
            assert!(TransportKey::parse(text).is_none(), "{text}");
        }
        assert_eq!(format!("{:?}", TransportKey::parse(&"00".repeat(16)).unwrap()), "TransportKey(…)");
    }
}
