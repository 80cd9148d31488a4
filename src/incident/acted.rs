//! What the gateway did for a level that cannot be undone, as it stands on record.
//!
//! Invariant: what stands there reads back as it was written; what an older gateway wrote reads as well, and what cannot be read is nobody's to guess.

use std::fmt;

use super::policy::Once;
use crate::model::Level;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acted {
    pub level: Level,
    /// How many sessions it ended; `None`: the level ends none.
    pub sessions: Option<u64>,
    pub tokens: Option<u64>,
    pub beside: Vec<Beside>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside {
    /// So many more than are listed, about whom nothing was done.
    Unlisted(u64),
    /// The token was left as the last way in of a security administrator.
    LastWayIn(String),
    /// What failed, in the gateway's own words.
    Other(String),
}

const NOTHING: &str = "nothing is done once";
const UNLISTED: (&str, &str) = ("it is about ", " more than are listed, and nothing was done about those");
const LAST_WAY_IN: &str = " was left as the last way in of a security administrator";

impl Acted {
    pub fn new(level: Level, once: Once, ended: usize, suspended: usize) -> Self {
        let count = |asked: bool, count: usize| asked.then_some(count as u64);
        Self {
            level,
            sessions: count(once.end_sessions.is_some() || ended > 0, ended),
            tokens: count(once.suspend_tokens || suspended > 0, suspended),
            beside: Vec::new(),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (level, rest) = text.strip_prefix("level ")?.split_once(": ")?;
        let (done, beside) = rest.split_once("; ").map_or((rest, None), |(done, beside)| (done, Some(beside)));
        let mut acted = Self { level: Level::parse(level)?, sessions: None, tokens: None, beside: Vec::new() };
        for part in done.split(", ").filter(|part| *part != NOTHING) {
            let (count, of) = part.split_once(' ')?;
            let count = count.parse().ok()?;
            match of {
                "session ended" | "sessions ended" => acted.sessions = Some(count),
                "token suspended" | "tokens suspended" => acted.tokens = Some(count),
                _ => return None,
            }
        }
        acted.beside = beside.map(|beside| beside.split("; ").map(Beside::parse).collect()).unwrap_or_default();
        Some(acted)
    }
}

impl Beside {
    fn parse(text: &str) -> Self {
        let unlisted = text.strip_prefix(UNLISTED.0).and_then(|rest| rest.strip_suffix(UNLISTED.1)).and_then(|count| count.parse().ok());
        match (unlisted, text.strip_suffix(LAST_WAY_IN)) {
            (Some(count), _) => Self::Unlisted(count),
            (None, Some(token)) => Self::LastWayIn(token.to_owned()),
            (None, None) => Self::Other(text.to_owned()),
        }
    }
}

impl fmt::Display for Acted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told =
            |count: Option<u64>, one: &str, many: &str| count.map(|count| format!("{count} {}", if count == 1 { one } else { many }));
        let parts = [told(self.sessions, "session ended", "sessions ended"), told(self.tokens, "token suspended", "tokens suspended")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let done = if parts.is_empty() { NOTHING.to_owned() } else { parts.join(", ") };
        write!(f, "level {}: {done}", self.level)?;
        self.beside.iter().try_for_each(|beside| match beside {
            Beside::Unlisted(count) => write!(f, "; {}{count}{}", UNLISTED.0, UNLISTED.1),
            Beside::LastWayIn(token) => write!(f, "; {token}{LAST_WAY_IN}"),
            Beside::Other(text) => write!(f, "; {text}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_reads_back_and_says_only_what_the_level_does() {
        let ends = Once { end_sessions: Some(crate::incident::Whose::Concerned), suspend_tokens: false };
        let both = Once { suspend_tokens: true, ..ends };
        let mut full = Acted::new(Level::I, both, 1, 2);
        full.beside = vec![Beside::Unlisted(5), Beside::LastWayIn("T-1".to_owned()), Beside::Other("the store: it is locked".to_owned())];
        for (acted, told) in [
            (Acted::new(Level::III, ends, 0, 0), "level III: 0 sessions ended"),
            (Acted::new(Level::IV, Once::default(), 0, 0), "level IV: nothing is done once"),
            (
                full,
                "level I: 1 session ended, 2 tokens suspended; it is about 5 more than are listed, and nothing was done about those; \
                 T-1 was left as the last way in of a security administrator; the store: it is locked",
            ),
        ] {
            assert_eq!(acted.to_string(), told);
            assert_eq!(Acted::parse(told), Some(acted));
        }
    }

    #[test]
    fn what_an_older_gateway_wrote_is_read_and_anything_else_is_not() {
        let old = Acted::parse("level III: 1 sessions ended, 0 tokens suspended").unwrap();
        assert_eq!((old.level, old.sessions, old.tokens), (Level::III, Some(1), Some(0)));
        for other in ["", "level V: 1 sessions ended", "level I: all sessions ended", "3 sessions ended", "level I"] {
            assert_eq!(Acted::parse(other), None, "{other}");
        }
    }
}
