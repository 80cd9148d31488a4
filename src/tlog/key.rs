//! Keys of signed notes (C2SP signed-note): the public one as `name+id+base64`, the private one as Go's `note` package writes it.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use zeroize::Zeroizing;

use super::{Signature, SignedNote, unbase64};
use crate::crypto::ed25519::{self, SigningKey};
use crate::crypto::{self, NoRandomness};

/// What a key's signatures are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The note's text.
    Note = 1,
    /// A time and the note's text (C2SP tlog-cosignature).
    Cosignature = 4,
}

/// What checks signatures of one key; its text is what auditors are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    kind: Kind,
    public: [u8; 32],
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("it is no verifier key: one looks like gate.city.example/audit/k3f9x2+8a1b2c3d+AR…, on one line")]
    Malformed,
    #[error("the key's name and its number do not belong together: a character was lost or changed on the way")]
    WrongId,
    #[error("it is a key of another kind: a log's begins with A after its number, a witness's with B, and both are Ed25519")]
    UnknownKind,
    #[error("it is no private key of a log: one begins with PRIVATE+KEY+")]
    NotPrivate,
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl Verifier {
    pub(super) fn new(name: &str, kind: Kind, public: [u8; 32]) -> Self {
        let hashed = crypto::sha256(&[name.as_bytes(), b"\n", &[kind as u8], &public].concat());
        let mut id = [0; 4];
        id.iter_mut().zip(hashed).for_each(|(place, byte)| *place = byte);
        Self { name: name.to_owned(), id, kind, public }
    }

    /// A log's key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_as(text, Kind::Note)
    }

    pub(super) fn parse_as(text: &str, wanted: Kind) -> Result<Self, KeyError> {
        let (name, id, key) = parts(text.trim()).ok_or(KeyError::Malformed)?;
        let (kind, public) = key.split_first().ok_or(KeyError::Malformed)?;
        if *kind != wanted as u8 {
            return Err(KeyError::UnknownKind);
        }
        let verifier = Self::new(name, wanted, public.try_into().map_err(|_| KeyError::Malformed)?);
        if verifier.id != id { Err(KeyError::WrongId) } else { Ok(verifier) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the note bears a right signature of this key. One with its name and number that is wrong is none.
    pub fn has_signed(&self, note: &SignedNote) -> bool {
        self.find(note).any(|signature| self.is_signed(note.text.as_bytes(), &signature.bytes))
    }

    /// Whether the note bears a signature that says it is of this key, right or wrong.
    pub fn is_named_by(&self, note: &SignedNote) -> bool {
        self.find(note).next().is_some()
    }

    /// The signatures that say they are of this key; a wrong one beside a right one takes nothing from it.
    pub(super) fn find<'a>(&self, note: &'a SignedNote) -> impl Iterator<Item = &'a Signature> {
        note.signatures.iter().filter(|signature| signature.name == self.name && signature.id == self.id)
    }

    pub(super) fn is_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        ed25519::is_signed(&self.public, message, signature)
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind as u8][..], &self.public].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id), BASE64.encode(&key))
    }
}

pub struct Signer {
    key: SigningKey,
    verifier: Verifier,
}

impl Signer {
    /// Of a log.
    pub fn generate(name: &str) -> Result<Self, KeyError> {
        Self::new(name, Kind::Note, SigningKey::random()?)
    }

    pub(super) fn new(name: &str, kind: Kind, key: SigningKey) -> Result<Self, KeyError> {
        if !is_name(name) {
            return Err(KeyError::Malformed);
        }
        let verifier = Verifier::new(name, kind, key.public());
        Ok(Self { key, verifier })
    }

    /// What [`Signer::reveal`] gave.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        Self::parse_as(text, Kind::Note)
    }

    pub(super) fn parse_as(text: &str, wanted: Kind) -> Result<Self, KeyError> {
        let rest = text.trim().strip_prefix("PRIVATE+KEY+").ok_or(KeyError::NotPrivate)?;
        let (name, id, key) = parts(rest).ok_or(KeyError::NotPrivate)?;
        let key = Zeroizing::new(key);
        let (kind, seed) = key.split_first().ok_or(KeyError::NotPrivate)?;
        if *kind != wanted as u8 {
            return Err(KeyError::UnknownKind);
        }
        let signer = Self::new(name, wanted, SigningKey::from_seed(seed.try_into().map_err(|_| KeyError::NotPrivate)?)?)?;
        if signer.verifier.id != id { Err(KeyError::WrongId) } else { Ok(signer) }
    }

    /// The private key as text, for the file that keeps it.
    pub fn reveal(&self) -> Zeroizing<String> {
        let key = Zeroizing::new([&[self.verifier.kind as u8][..], self.key.seed()].concat());
        let id = HEXLOWER.encode(&self.verifier.id);
        Zeroizing::new(format!("PRIVATE+KEY+{}+{id}+{}", self.verifier.name, BASE64.encode(&key)))
    }

    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// `text` must end with a newline.
    pub fn sign(&self, text: &str) -> Signature {
        self.signature(self.key.sign(text.as_bytes()))
    }

    pub(super) fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message)
    }

    /// A line of this key with these bytes.
    pub(super) fn signature(&self, bytes: Vec<u8>) -> Signature {
        Signature { name: self.verifier.name.clone(), id: self.verifier.id, bytes }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("verifier", &self.verifier.to_string()).finish_non_exhaustive()
    }
}

/// Name, number and key with its kind before it.
fn parts(text: &str) -> Option<(&str, [u8; 4], Vec<u8>)> {
    let (name, rest) = text.split_once('+')?;
    let (id, key) = rest.split_once('+')?;
    let id = HEXLOWER.decode(id.as_bytes()).ok()?.try_into().ok()?;
    is_name(name).then_some((name, id, unbase64(key)?))
}

/// What a key, and so a log, may be called.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 256 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}
