//! How grave an incident is, by the national plan's four words (国家网络安全事件应急预案, section 1.4).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::words;

/// What a level in force keeps somebody from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// The app is closed but for break-glass accounts.
    Closed,
    /// It is not entered from her address.
    Address,
    /// It can only be read.
    ReadOnly,
    /// Nobody is given a way in that she did not have.
    Enrolment,
}

impl Bar {
    pub const ALL: &[Bar] = &[Self::Closed, Self::Address, Self::ReadOnly, Self::Enrolment];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Address => "address",
            Self::ReadOnly => "read-only",
            Self::Enrolment => "enrolment-frozen",
        }
    }
}

words! {
    /// In the order of their gravity, so that the graver one is the greater.
    Level {
        /// 一般.
        IV = "IV",
        /// 较大.
        III = "III",
        /// 重大.
        II = "II",
        /// 特别重大.
        I = "I",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_level_is_the_greater() {
        assert!(Level::IV < Level::III && Level::III < Level::II && Level::II < Level::I);
        assert_eq!(Level::parse("II"), Some(Level::II));
        assert_eq!(Level::parse("ii"), None);
    }
}
