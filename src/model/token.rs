//! A token that somebody holds, from the drawer to its end.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Factor, TokenId};
use crate::clock::Time;

/// Somebody showed one of her tokens in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub token: TokenId,
    pub factor: Factor,
    /// Steady, as sessions count.
    pub at: Time,
}

/// What stands on a token, or was given to it. Written in capitals, so that it is found however it was typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("has to be 1 to 64 letters, digits, hyphens, dots or underscores")]
pub struct NotASerial;

impl Serial {
    pub fn parse(text: &str) -> Result<Self, NotASerial> {
        let text = text.trim();
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if fits { Ok(Self(text.to_ascii_uppercase().into())) } else { Err(NotASerial) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the maker of a security key says of it (WebAuthn, section 6.5.3), as far as the key's answer shows it: who may be believed is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Attestation {
    /// Nothing; or nobody was asked.
    #[default]
    None,
    /// Signed by the key that it is about, which proves nothing of where that is kept.
    Own,
    /// Signed by a certificate that came with it, for keys of this model (AAGUID).
    Certified { model: uuid::Uuid },
}

impl Attestation {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "self" => Some(Self::Own),
            _ => Some(Self::Certified { model: text.strip_prefix("attested ")?.parse().ok()? }),
        }
    }
}

impl fmt::Display for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Own => f.write_str("self"),
            Self::Certified { model } => write!(f, "attested {model}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_found_however_it_was_typed() {
        assert_eq!(Serial::parse(" ft-0042a ").unwrap().as_str(), "FT-0042A");
        assert_eq!(Serial::parse("FT-0042A"), Serial::parse("ft-0042a"));
        for text in ["", "  ", "a b", "a/b", "号", "a\nb", &"9".repeat(65)] {
            assert!(Serial::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_a_maker_says_reads_back_as_it_was_written() {
        let model = uuid::Uuid::from_u128(0x0102_0304);
        for attestation in [Attestation::None, Attestation::Own, Attestation::Certified { model }] {
            assert_eq!(Attestation::parse(&attestation.to_string()), Some(attestation));
        }
        for text in ["", "attested", "attested x", "Self"] {
            assert_eq!(Attestation::parse(text), None, "{text:?}");
        }
    }
}
