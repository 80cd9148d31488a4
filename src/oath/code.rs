//! Codes of one seed: by a counter (HOTP, RFC 4226) or by the time (TOTP, RFC 6238).

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::crypto::{Hash, hmac, same_bytes};

/// What makes a code move on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each press of the button.
    Hotp,
    /// The clock, every `period` seconds.
    Totp { period: u32 },
}

/// How codes are made from a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    kind: Kind,
    hash: Hash,
    digits: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongScheme {
    #[error("a code has 6 to 8 digits, not {0}")]
    Digits(u64),
    #[error("a code changes every 30 or 60 seconds, not every {0}")]
    Period(u64),
}

impl Scheme {
    pub fn new(kind: Kind, hash: Hash, digits: u64) -> Result<Self, WrongScheme> {
        if let Kind::Totp { period } = kind
            && !matches!(period, 30 | 60)
        {
            return Err(WrongScheme::Period(period.into()));
        }
        match u8::try_from(digits) {
            Ok(digits @ 6..=8) => Ok(Self { kind, hash, digits }),
            _ => Err(WrongScheme::Digits(digits)),
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn hash(&self) -> Hash {
        self.hash
    }

    pub fn digits(&self) -> u8 {
        self.digits
    }
}

/// The secret that a token shares with the gateway. It does not print itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed(Zeroizing<Vec<u8>>);

impl Seed {
    /// 128 bits at least (RFC 4226, section 4, R6), and no more than the block of the longest hash, past which it would be hashed first.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes);
        (16..=128).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code number `counter` (RFC 4226, section 5.3).
    pub fn code(&self, scheme: Scheme, counter: u64) -> String {
        let tag = hmac(scheme.hash, &self.0, &counter.to_be_bytes());
        let offset = tag.last().map_or(0, |last| usize::from(last & 0xf));
        let four = tag.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
        let number = u32::from_be_bytes(four) & 0x7fff_ffff;
        let digits = usize::from(scheme.digits);
        let modulus = 10_u32.saturating_pow(u32::from(scheme.digits));
        format!("{:0digits$}", number.checked_rem(modulus).unwrap_or(0))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// What somebody typed, as digits: spaces are dropped, and digits of other widths and scripts' keyboards (１２３) are read.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode(Zeroizing<String>);

impl TypedCode {
    /// `None`: it cannot be a code of any token.
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let digits: Zeroizing<String> = Zeroizing::new(typed.nfkc().filter(|c| !c.is_whitespace()).collect());
        let is_code = (6..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_code.then_some(Self(digits))
    }

    pub(super) fn is(&self, code: &str) -> bool {
        same_bytes(self.0.as_bytes(), code.as_bytes())
    }
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(length: usize) -> Seed {
        Seed::new(b"1234567890".iter().copied().cycle().take(length).collect()).unwrap()
    }

    #[test]
    fn counted_codes_are_those_of_rfc_4226() {
        let scheme = Scheme::new(Kind::Hotp, Hash::Sha1, 6).unwrap();
        let codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        for (counter, code) in (0..).zip(codes) {
            assert_eq!(seed(20).code(scheme, counter), code, "RFC 4226, appendix D, {counter}");
        }
    }

    #[test]
    fn timed_codes_are_those_of_rfc_6238() {
        for (hash, length, codes) in [
            (Hash::Sha1, 20, ["94287082", "07081804", "14050471", "89005924", "69279037", "65353130"]),
            (Hash::Sha256, 32, ["46119246", "68084774", "67062674", "91819424", "90698825", "77737706"]),
            (Hash::Sha512, 64, ["90693936", "25091201", "99943326", "93441116", "38618901", "47863826"]),
        ] {
            let scheme = Scheme::new(Kind::Totp { period: 30 }, hash, 8).unwrap();
            let times = [59, 1_111_111_109, 1_111_111_111, 1_234_567_890, 2_000_000_000, 20_000_000_000_u64];
            for (time, code) in times.into_iter().zip(codes) {
                assert_eq!(seed(length).code(scheme, time / 30), code, "RFC 6238, appendix B, {hash:?} at {time}");
            }
        }
    }

    #[test]
    fn what_no_token_shows_is_no_scheme() {
        for digits in [0, 5, 9, 262] {
            assert_eq!(Scheme::new(Kind::Hotp, Hash::Sha1, digits), Err(WrongScheme::Digits(digits)));
        }
        for period in [0, 1, 31, 3_600] {
            assert_eq!(Scheme::new(Kind::Totp { period }, Hash::Sha1, 6), Err(WrongScheme::Period(period.into())));
        }
        assert!(Seed::new(vec![1; 15]).is_none() && Seed::new(vec![1; 129]).is_none());
        assert!(Seed::new(vec![1; 16]).is_some() && Seed::new(vec![1; 128]).is_some());
    }

    #[test]
    fn a_typed_code_is_read_as_people_type_it() {
        for typed in ["755224", " 755 224 ", "７５５２２４", "755\u{3000}224\t"] {
            assert!(TypedCode::parse(typed).is_some_and(|code| code.is("755224")), "{typed:?}");
        }
        for typed in ["", "75522", "755224755", "75522a", "-755224", "+755224", "755.224", "七五五二二四", &"7".repeat(65)] {
            assert!(TypedCode::parse(typed).is_none(), "{typed:?}");
        }
        assert!(!TypedCode::parse("755224").unwrap().is("0755224"));
    }

    #[test]
    fn neither_a_seed_nor_a_code_prints_itself() {
        assert_eq!(format!("{:?} {:?}", seed(20), TypedCode::parse("755224").unwrap()), "Seed(…) TypedCode(…)");
    }
}
