//! An account's name has one canonical form, made once, here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// Normalised to NFKC, lower case, inner white space as single spaces, none around. Two names that look
/// the same after that are the same account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountName(Arc<str>);

/// The unit (department) that an account belongs to: canonical as a name is, but keeping its case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnitName(Arc<str>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    #[error("is empty")]
    Empty,
    #[error("is longer than 64 characters")]
    TooLong,
    #[error("has a control or invisible character")]
    Invisible,
}

impl AccountName {
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        canonical(text, |text| text.nfkc().flat_map(char::to_lowercase).nfkc().collect()).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl UnitName {
    pub fn parse(text: &str) -> Result<Self, NotAName> {
        canonical(text, |text| text.nfkc().collect()).map(Self)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn canonical(text: &str, normalise: impl Fn(&str) -> String) -> Result<Arc<str>, NotAName> {
    // The longest compatibility decomposition of one character has 18; this bounds the work before it is done.
    if text.len() > 64 * 4 * 18 {
        return Err(NotAName::TooLong);
    }
    let normal = normalise(text);
    let words: Vec<&str> = normal.split(char::is_whitespace).filter(|word| !word.is_empty()).collect();
    let name = words.join(" ");
    if name.is_empty() {
        return Err(NotAName::Empty);
    }
    if name.chars().count() > 64 {
        return Err(NotAName::TooLong);
    }
    if name.chars().any(is_invisible) {
        return Err(NotAName::Invisible);
    }
    Ok(name.into())
}

/// Control characters, and the format characters with which one name can be made to look like another.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_one_name() {
        let plain = AccountName::parse("wang li").unwrap();
        for variant in ["Wang Li", "  wang   li ", "ＷＡＮＧ ＬＩ", "wang\u{a0}li", "WANG\u{3000}LI", "wang\tli"] {
            assert_eq!(AccountName::parse(variant), Ok(plain.clone()), "{variant:?}");
        }
        assert_eq!(AccountName::parse("İ"), AccountName::parse("i\u{307}"));
    }

    #[test]
    fn canonical_form_is_its_own_canonical_form() {
        for name in ["王丽", "ئادىل", "Ǆ", "ﬃ", "ẛ̣", "Ω", "İ"] {
            let once = AccountName::parse(name).unwrap();
            assert_eq!(AccountName::parse(once.as_str()), Ok(once.clone()), "{name}");
        }
    }

    #[test]
    fn names_that_hide_something_are_refused() {
        assert_eq!(AccountName::parse(""), Err(NotAName::Empty));
        assert_eq!(AccountName::parse(" \u{3000} "), Err(NotAName::Empty));
        assert_eq!(AccountName::parse(&"a".repeat(65)), Err(NotAName::TooLong));
        assert_eq!(AccountName::parse(&"\u{fdfa}".repeat(2_000)), Err(NotAName::TooLong));
        for hidden in ["a\u{0}b", "a\u{202e}b", "a\u{200b}b", "a\u{feff}", "a\u{7f}"] {
            assert_eq!(AccountName::parse(hidden), Err(NotAName::Invisible), "{hidden:?}");
        }
    }

    #[test]
    fn a_unit_keeps_its_case() {
        assert_eq!(UnitName::parse(" IT  Office ").unwrap().as_str(), "IT Office");
        assert_eq!(UnitName::parse("信息中心").unwrap().as_str(), "信息中心");
    }
}
