//! What a file from a token's maker says, whichever of the two formats it has.
//!
//! Invariant: a file is taken whole or not at all, and everything that is wrong with it is said at once.

use std::collections::HashMap;

use super::code::{Scheme, Seed, WrongScheme};
use super::xml_encryption::{TransportKey, Undecipherable};
use super::{pskc, seed_csv};
use crate::clock::Time;
use crate::model::{NotASerial, Serial};

/// More than a city has; a file that is larger is not what it is taken for.
const LARGEST_BYTES: usize = 32 * 1024 * 1024;

/// A token as its maker describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub serial: Serial,
    pub scheme: Scheme,
    pub seed: Seed,
    /// Of a token that counts: the first code that it will show.
    pub counter: u64,
    pub expires: Option<Time>,
    pub line: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Problem {
    pub line: u64,
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("the file is larger than 32 MiB")]
    TooLarge,
    #[error("the file is not UTF-8 text")]
    NotText,
    #[error("the file holds no token")]
    Empty,
    #[error("this is not well-formed XML: {0}")]
    NotXml(String),
    #[error("the file is a PSKC container of version {0:?}; only 1.0 is known (RFC 6030, section 4.1)")]
    Version(String),
    #[error("<{0}> is missing")]
    Missing(&'static str),
    #[error("<{element}> holds {found:?}, expected {expected}")]
    Value { element: &'static str, found: String, expected: &'static str },
    #[error("the algorithm {found:?} is not known here; expected {expected}")]
    Algorithm { found: String, expected: &'static str },
    #[error("the serial number {0:?} {NotASerial}")]
    Serial(String),
    #[error("the serial number {serial} stands in line {first} already")]
    Twice { serial: Serial, first: u64 },
    #[error("the seed has {0} bytes; expected 16 to 128 (RFC 4226, section 4)")]
    SeedLength(usize),
    #[error("the seed is neither hexadecimal nor base32")]
    SeedText,
    #[error(transparent)]
    Scheme(#[from] WrongScheme),
    #[error(transparent)]
    Undecipherable(#[from] Undecipherable),
    #[error("there are {found} columns; expected serial, seed, type, digits, period and hash, of which the first two are needed")]
    Columns { found: usize },
}

/// Reads PSKC (RFC 6030) or comma-separated values, told apart by their first character; `key` is the pre-shared one, if there is one.
pub fn read(file: &[u8], key: Option<&TransportKey>) -> Result<Vec<Delivered>, Vec<Problem>> {
    let whole = |reason| vec![Problem { line: 1, reason }];
    if file.len() > LARGEST_BYTES {
        return Err(whole(Reason::TooLarge));
    }
    let text = std::str::from_utf8(file).map_err(|_| whole(Reason::NotText))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let read = if text.trim_start().starts_with('<') { pskc::read(text, key) } else { seed_csv::read(text) };
    let mut problems = Vec::new();
    let mut tokens: Vec<Delivered> = Vec::new();
    for token in read {
        match token {
            Ok(token) => tokens.push(token),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(twice(&tokens));
    problems.sort_by_key(|problem| problem.line);
    match (problems.is_empty(), tokens.is_empty()) {
        (true, false) => Ok(tokens),
        (true, true) => Err(whole(Reason::Empty)),
        (false, _) => Err(problems),
    }
}

fn twice(tokens: &[Delivered]) -> Vec<Problem> {
    let mut first = HashMap::new();
    let mut problems = Vec::new();
    for token in tokens {
        match first.get(&token.serial) {
            None => {
                first.insert(&token.serial, token.line);
            }
            Some(line) => {
                problems.push(Problem { line: token.line, reason: Reason::Twice { serial: token.serial.clone(), first: *line } });
            }
        }
    }
    problems
}

/// Where lines end; the formats' libraries count none, or others.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The number of the line in which the byte `at` stands.
    pub fn at(&self, at: usize) -> u64 {
        let before = self.0.partition_point(|end| *end < at);
        u64::try_from(before).unwrap_or(u64::MAX).saturating_add(1)
    }
}

pub(super) fn serial(text: &str) -> Result<Serial, Reason> {
    Serial::parse(text).map_err(|NotASerial| Reason::Serial(text.chars().take(64).collect()))
}

pub(super) fn seed(bytes: Vec<u8>) -> Result<Seed, Reason> {
    let length = bytes.len();
    Seed::new(bytes).ok_or(Reason::SeedLength(length))
}
