//! How grave an incident is, by the national plan's four words (国家网络安全事件应急预案, section 1.4).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::account::words;

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
