//! Signatures of the log (RFC 8032, Ed25519).

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::{NoRandomness, random};

/// A private key, with the seed that it came from, so that it can be kept.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    pub fn random() -> Result<Self, NoRandomness> {
        Self::from_seed(random()?)
    }

    pub fn from_seed(seed: [u8; 32]) -> Result<Self, NoRandomness> {
        let seed = Zeroizing::new(seed);
        // Every seed of 32 bytes is one (RFC 8032, section 5.1.5); ring's interface says "perhaps not".
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| NoRandomness)?;
        Ok(Self { seed, pair })
    }

    pub fn seed(&self) -> &[u8; 32] {
        &self.seed
    }

    pub fn public(&self) -> [u8; 32] {
        let mut public = [0; 32];
        public.iter_mut().zip(self.pair.public_key().as_ref()).for_each(|(place, byte)| *place = *byte);
        public
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// Whether the holder of the key that belongs to `public` signed the message.
pub fn is_signed(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public).verify(message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_test_vector_of_rfc_8032_signs_and_checks() {
        let bytes = |hex: &str| data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let seed = bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = SigningKey::from_seed(seed.try_into().unwrap()).unwrap();
        assert_eq!(key.public().to_vec(), bytes("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
        let signature = key.sign(b"");
        let expected = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(signature, bytes(expected));
        assert!(is_signed(&key.public(), b"", &signature));
        assert!(!is_signed(&key.public(), b"x", &signature));
        assert!(!is_signed(&SigningKey::random().unwrap().public(), b"", &signature));
        assert_eq!(format!("{key:?}"), "SigningKey(…)");
    }
}
