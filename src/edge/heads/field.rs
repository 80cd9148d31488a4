//! The one header field that is being read, as far as it matters: its name, and the value of a length or an encoding.

use super::Flaw;

/// The field that is being read, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Field {
    pub name: [u8; LONGEST_NAME],
    pub length: usize,
    pub kind: Kind,
}

/// `transfer-encoding` is the longest name that matters.
const LONGEST_NAME: usize = 17;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Other,
    ContentLength(Number),
    TransferEncoding(Word),
}

/// A field's value that must be one decimal number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Number {
    pub value: u64,
    pub seen: Seen,
}

/// A field's value that must be `chunked`: how much of it has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word {
    pub letters: usize,
    pub seen: Seen,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seen {
    #[default]
    Nothing,
    Some,
    /// White space after it: only more white space may follow.
    End,
}

pub const CHUNKED: &[u8] = b"chunked";
pub const NOT_CHUNKED: &str = "a Transfer-Encoding that is not chunked";

impl Field {
    /// Adds to the name; one that is too long to matter is only counted.
    pub fn spell(&mut self, run: &[u8]) {
        let end = self.length.saturating_add(run.len());
        match self.name.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(run);
                place.make_ascii_lowercase();
                self.length = end;
            }
            // One past the end: a longer name is no longer compared with anything.
            None => self.length = LONGEST_NAME.saturating_add(1),
        }
    }
}

impl Number {
    pub fn read(&mut self, run: &[u8]) -> Result<(), Flaw> {
        for (at, byte) in run.iter().enumerate() {
            let bad = Flaw { at, what: "a Content-Length that is not one decimal number" };
            match (byte, self.seen) {
                (b' ' | b'\t', Seen::Nothing) => {}
                (b' ' | b'\t', _) => self.seen = Seen::End,
                (b'0'..=b'9', Seen::Nothing | Seen::Some) => {
                    let digit = u64::from(byte.saturating_sub(b'0'));
                    self.value = self.value.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or(bad)?;
                    self.seen = Seen::Some;
                }
                _ => return Err(bad),
            }
        }
        Ok(())
    }
}

impl Word {
    pub fn read(&mut self, run: &[u8]) -> Result<(), Flaw> {
        for (at, byte) in run.iter().enumerate() {
            match (byte, self.seen) {
                (b' ' | b'\t', Seen::Nothing) => {}
                (b' ' | b'\t', _) => self.seen = Seen::End,
                (byte, Seen::Nothing | Seen::Some) if CHUNKED.get(self.letters) == Some(&byte.to_ascii_lowercase()) => {
                    self.letters = self.letters.saturating_add(1);
                    self.seen = Seen::Some;
                }
                _ => return Err(Flaw { at, what: NOT_CHUNKED }),
            }
        }
        Ok(())
    }
}
