//! Notes, heads, keys and proofs of a log that somebody else brings: what is read has one spelling, and nothing that was made up is believed.

use yumen::tlog::{Checkpoint, Cosigner, ProofFile, SignedNote, Signer, Verifier, Witness, unbundle};

/// The key of the documentation of Go's `note` package.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

pub fn run(bytes: &[u8]) {
    if let Ok(entries) = unbundle(bytes) {
        assert_eq!(entries.iter().map(|entry| entry.len() + 2).sum::<usize>(), bytes.len());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let key = Verifier::parse(KEY).expect("a key");
    if let Ok(note) = SignedNote::parse(text) {
        assert_eq!(note.to_string(), text);
        if let Ok(checkpoint) = Checkpoint::parse(&note.text) {
            assert!(note.text.starts_with(&checkpoint.text()));
            assert!(!key.has_signed(&note), "its holder never signed a head");
        }
    }
    if let Ok(proof) = ProofFile::parse(text) {
        assert_eq!(proof.to_string(), text);
        assert!(proof.check(&key).is_err());
    }
    let text = text.trim();
    if let Ok(key) = Verifier::parse(text) {
        assert_eq!(key.to_string(), text);
        assert!(Witness::parse(text).is_err());
    }
    if let Ok(witness) = Witness::parse(text) {
        assert_eq!(witness.to_string(), text);
    }
    if let Ok(signer) = Signer::parse(text) {
        assert_eq!(*signer.reveal(), text);
    }
    if let Ok(cosigner) = Cosigner::parse(text) {
        assert_eq!(*cosigner.reveal(), text);
    }
}
