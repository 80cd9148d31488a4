//! A text with signatures under it (C2SP signed-note).

use std::fmt;

use data_encoding::BASE64;

use super::key::is_name;
use super::unbase64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedNote {
    /// Ends with a newline.
    pub text: String,
    pub signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub name: String,
    pub id: [u8; 4],
    pub bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("it is no signed note: a text, an empty line, then lines that begin with a long dash (C2SP signed-note)")]
    Malformed,
    #[error("it is longer than any note of a log")]
    TooLong,
}

/// The longest note and the most signatures that are looked at.
const LONGEST: usize = 1024 * 1024;
const MOST_SIGNATURES: usize = 100;

impl SignedNote {
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > LONGEST {
            return Err(NoteError::TooLong);
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Malformed);
        }
        let split = note.rfind("\n\n").ok_or(NoteError::Malformed)?;
        let (text, lines) = note.split_at_checked(split.saturating_add(1)).ok_or(NoteError::Malformed)?;
        let lines = lines.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n')).ok_or(NoteError::Malformed)?;
        let signatures: Option<Vec<Signature>> = lines.split('\n').take(MOST_SIGNATURES.saturating_add(1)).map(Signature::parse).collect();
        let signatures = signatures.filter(|signatures| signatures.len() <= MOST_SIGNATURES).ok_or(NoteError::Malformed)?;
        Ok(Self { text: text.to_owned(), signatures })
    }
}

impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
        let decoded = unbase64(encoded)?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        (is_name(name) && !bytes.is_empty()).then(|| Self { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
    }
}

/// Its line, without the newline.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "— {} {}", self.name, BASE64.encode(&[&self.id[..], &self.bytes].concat()))
    }
}
