//! The code of an enrolment letter: 100 random bits as people read and type them, twenty characters in groups of four.
//!
//! Invariant: it never prints itself, and only its hash is stored. Letters that look like digits are left out (Crockford's base32), and read
//! as those digits where somebody types them all the same.

use std::fmt;

use crate::crypto::{self, NoRandomness, TokenHash, sha256};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 20;
const GROUP: usize = 4;

#[derive(Clone, PartialEq, Eq)]
pub struct LetterCode(String);

impl LetterCode {
    pub fn random() -> Result<Self, NoRandomness> {
        let bytes: [u8; LENGTH] = crypto::random()?;
        // 256 is a multiple of 32, so that every character is as likely as every other.
        let code = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31)));
        Ok(Self(code.map(|byte| char::from(*byte)).collect()))
    }

    /// Reads what was typed: whatever its case, its hyphens and its spaces are.
    pub fn parse(typed: &str) -> Option<Self> {
        // So that nothing long is worked on.
        if typed.len() > 100 {
            return None;
        }
        let parts = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
        let code: String = parts.collect();
        let fits = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
        fits.then_some(Self(code))
    }

    /// The code itself, in groups, for the letter.
    pub fn reveal(&self) -> String {
        self.0.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
    }

    /// What is stored. The code is random, so a plain hash is enough; the words keep it apart from hashes of other tokens.
    pub fn hash(&self) -> TokenHash {
        TokenHash(sha256(format!("enrolment letter {}", self.0).as_bytes()))
    }
}

impl Drop for LetterCode {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl fmt::Debug for LetterCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LetterCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_reads_back_as_it_stands_in_the_letter_and_shows_itself_nowhere_else() {
        let (code, other) = (LetterCode::random().unwrap(), LetterCode::random().unwrap());
        assert_ne!(code, other);
        let shown = code.reveal();
        assert_eq!((shown.len(), shown.matches('-').count()), (24, 4));
        assert_eq!(LetterCode::parse(&shown), Some(code.clone()));
        assert_eq!(LetterCode::parse(&shown.to_lowercase().replace('-', " ")).unwrap().hash(), code.hash());
        assert_ne!(code.hash(), other.hash());
        assert_eq!(format!("{code:?}"), "LetterCode(…)");
    }

    #[test]
    fn what_is_mistaken_for_a_digit_is_read_as_one_and_nothing_else_is_guessed() {
        assert_eq!(LetterCode::parse("OIL0-1111-2222-3333-4444"), LetterCode::parse("0110-1111-2222-3333-4444"));
        for text in ["", "0110-1111-2222-3333-444", "0110-1111-2222-3333-4444-5", "U110-1111-2222-3333-4444", "٠110-1111-2222-3333-4444"] {
            assert_eq!(LetterCode::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_a_code_in_its_one_form_or_none(typed in any::<String>()) {
            if let Some(code) = LetterCode::parse(&typed) {
                prop_assert_eq!(LetterCode::parse(&code.reveal()), Some(code));
            }
        }
    }
}
