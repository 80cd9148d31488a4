//! Languages and translations: which one a person reads, and what is said to her in it.
//!
//! Invariant: asking for a text never fails. What a language lacks is said in English, what English lacks is the key.

mod texts;

pub use texts::{Value, text, text_with};

use fluent_langneg::{LanguageIdentifier, NegotiationStrategy, negotiate_languages, parse_accepted_languages};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    Chinese,
    Uyghur,
    English,
}

/// The way a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    LeftToRight,
    RightToLeft,
}

impl Direction {
    /// The word of HTML's `dir` attribute.
    pub const fn word(self) -> &'static str {
        match self {
            Self::LeftToRight => "ltr",
            Self::RightToLeft => "rtl",
        }
    }
}

/// No browser asks for more languages than this; what comes after them is not read.
const MOST_ACCEPTED: usize = 32;

impl Language {
    pub const ALL: &[Language] = &[Language::Chinese, Language::Uyghur, Language::English];

    /// The language's tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-Hans",
            Self::Uyghur => "ug",
            Self::English => "en",
        }
    }

    /// Reads what [`Language::tag`] writes; anything else is `None`.
    pub fn parse(tag: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|language| language.tag() == tag)
    }

    pub const fn direction(self) -> Direction {
        match self {
            Self::Uyghur => Direction::RightToLeft,
            Self::Chinese | Self::English => Direction::LeftToRight,
        }
    }

    /// What those who speak it call it.
    pub const fn own_name(self) -> &'static str {
        match self {
            Self::Chinese => "简体中文",
            Self::Uyghur => "ئۇيغۇرچە",
            Self::English => "English",
        }
    }

    /// The best match for a browser's `Accept-Language` (RFC 9110, section 12.5.4), or `default`.
    pub fn negotiate(accept_language: Option<&str>, default: Language) -> Language {
        let Some(accepted) = accept_language else { return default };
        let wanted = parse_accepted_languages(&by_weight(accepted));
        // Simplified Chinese stands here as `zh`, so that every kind of Chinese finds it.
        let offered: Vec<(LanguageIdentifier, Language)> = Self::ALL
            .iter()
            .filter_map(|language| {
                let tag = if *language == Self::Chinese { "zh" } else { language.tag() };
                Some((tag.parse().ok()?, *language))
            })
            .collect();
        let tags: Vec<&LanguageIdentifier> = offered.iter().map(|(tag, _)| tag).collect();
        let best = negotiate_languages(&wanted, &tags, None, NegotiationStrategy::Lookup);
        let found = best.first().and_then(|best| offered.iter().find(|(tag, _)| *best == &tag));
        found.map_or(default, |(_, language)| *language)
    }
}

/// The accepted languages, the most wanted first, without weights: the negotiation goes by their order alone.
fn by_weight(accepted: &str) -> String {
    let mut ranges: Vec<(u16, &str)> = accepted
        .split(',')
        .take(MOST_ACCEPTED)
        .filter_map(|range| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = match parameters.trim().strip_prefix("q=") {
                Some(weight) => thousandths(weight.trim())?,
                None => 1000,
            };
            (weight > 0).then(|| (weight, tag.trim()))
        })
        .collect();
    ranges.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(_, tag)| tag).collect::<Vec<_>>().join(",")
}

/// A weight between 0 and 1 with at most three decimals (RFC 9110, section 12.4.2), in thousandths.
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, decimals) = weight.split_once('.').unwrap_or((weight, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{decimals:0<3}").parse().ok(),
        "1" => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept_language: &str) -> Language {
        Language::negotiate(Some(accept_language), Language::Chinese)
    }

    #[test]
    fn the_browser_gets_the_language_that_it_wants_most() {
        for (accepted, language) in [
            ("en", Language::English),
            ("en-GB,en;q=0.9", Language::English),
            ("ug", Language::Uyghur),
            ("ug-CN,zh-CN;q=0.8", Language::Uyghur),
            ("ug-Arab", Language::Uyghur),
            ("de,fr;q=0.9,en;q=0.5", Language::English),
            ("en;q=0.5,ug;q=0.8", Language::Uyghur),
            ("ug;q=0,en;q=0.1", Language::English),
        ] {
            assert_eq!(negotiated(accepted), language, "{accepted}");
        }
    }

    #[test]
    fn every_kind_of_chinese_is_answered_in_simplified_chinese() {
        for accepted in ["zh", "zh-CN", "zh-TW", "zh-HK", "zh-Hant", "zh-Hans", "zh-Hans-CN", "ZH-cn"] {
            assert_eq!(Language::negotiate(Some(accepted), Language::English), Language::Chinese, "{accepted}");
        }
    }

    #[test]
    fn who_asks_for_nothing_known_gets_the_default() {
        for accepted in ["", "de", "*;q=0", ",,;", "en;q=x", "en;q=0.1234", "ünïcode", "x;q=1;q=2"] {
            assert_eq!(Language::negotiate(Some(accepted), Language::Uyghur), Language::Uyghur, "{accepted}");
        }
        assert_eq!(Language::negotiate(None, Language::Uyghur), Language::Uyghur);
    }

    #[test]
    fn a_tag_reads_back_as_its_language() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.tag()), Some(*language));
        }
        assert_eq!(Language::parse("de"), None);
    }
}
