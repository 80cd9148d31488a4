//! What witnesses put under a head: that at this time it was the newest that they had seen of a log which only ever grew
//! (C2SP tlog-cosignature, cosignature/v1).
//!
//! Invariant: a log's key is none of a witness, and the other way round; neither signature passes for the other.

use std::fmt;

use zeroize::Zeroizing;

use super::key::Kind;
use super::{KeyError, Signature, SignedNote, Signer, Verifier};
use crate::crypto::ed25519::SigningKey;

/// What checks the cosignatures of one witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness(Verifier);

/// What makes them.
#[derive(Debug)]
pub struct Cosigner(Signer);

impl Witness {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Verifier::parse_as(text, Kind::Cosignature).map(Self)
    }

    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// When the witness cosigned the note, in seconds since 1970; `None`: it did not.
    pub fn cosigned_at(&self, note: &SignedNote) -> Option<u64> {
        let right = |signature: &Signature| {
            let (time, signature) = signature.bytes.split_first_chunk::<8>()?;
            let time_s = u64::from_be_bytes(*time);
            // Seconds past this are nobody's (the specification's bound).
            (i64::try_from(time_s).is_ok() && self.0.is_signed(&message(&note.text, time_s), signature)).then_some(time_s)
        };
        self.0.find(note).filter_map(right).max()
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Cosigner {
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        Signer::new(name, Kind::Cosignature, SigningKey::random()?).map(Self)
    }

    /// What [`Cosigner::reveal`] gave.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Signer::parse_as(text, Kind::Cosignature).map(Self)
    }

    /// The private key as text, for the file that keeps it.
    pub fn reveal(&self) -> Zeroizing<String> {
        self.0.reveal()
    }

    pub fn witness(&self) -> Witness {
        Witness(self.0.verifier().clone())
    }

    /// `text` is that of a checkpoint, `time_s` in seconds since 1970.
    pub fn cosign(&self, text: &str, time_s: u64) -> Signature {
        let signature = self.0.sign_bytes(&message(text, time_s));
        self.0.signature([&time_s.to_be_bytes()[..], &signature].concat())
    }
}

fn message(text: &str, time_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const TEXT: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";

    fn note(signatures: Vec<Signature>) -> SignedNote {
        SignedNote { text: TEXT.to_owned(), signatures }
    }

    #[test]
    fn a_cosignature_says_when_and_holds_for_that_text_that_time_and_that_key_alone() {
        let (cosigner, other) = (Cosigner::generate("witness.city.test").unwrap(), Cosigner::generate("witness.city.test").unwrap());
        let witness = Witness::parse(&cosigner.witness().to_string()).unwrap();
        let signature = cosigner.cosign(TEXT, 1_679_315_147);
        let signed = SignedNote::parse(&note(vec![other.cosign(TEXT, 5), signature.clone()]).to_string()).unwrap();
        assert_eq!((witness.cosigned_at(&signed), other.witness().cosigned_at(&signed)), (Some(1_679_315_147), Some(5)));
        assert_eq!(witness.cosigned_at(&note(vec![other.cosign(TEXT, 5)])), None);
        assert_eq!(witness.cosigned_at(&note(vec![cosigner.cosign("x\n", 1_679_315_147)])), None);
        for byte in 0..signature.bytes.len() {
            let mut forged = signature.clone();
            forged.bytes[byte] ^= 1;
            assert_eq!(witness.cosigned_at(&note(vec![forged])), None, "{byte}");
        }
        assert_eq!(witness.cosigned_at(&note(vec![cosigner.cosign(TEXT, u64::MAX)])), None);
        assert_eq!(message("a\n", 7), b"cosignature/v1\ntime 7\na\n");
    }

    #[test]
    fn the_keys_of_logs_and_of_witnesses_do_not_pass_for_each_other() {
        let (cosigner, signer) = (Cosigner::generate("w").unwrap(), Signer::generate("w").unwrap());
        assert_eq!(*Cosigner::parse(&cosigner.reveal()).unwrap().reveal(), *cosigner.reveal());
        assert_eq!(Cosigner::parse(&signer.reveal()).unwrap_err(), KeyError::UnknownKind);
        assert_eq!(Signer::parse(&cosigner.reveal()).unwrap_err(), KeyError::UnknownKind);
        assert_eq!(Witness::parse(&signer.verifier().to_string()).unwrap_err(), KeyError::UnknownKind);
        assert_eq!(Verifier::parse(&cosigner.witness().to_string()).unwrap_err(), KeyError::UnknownKind);
    }
}
