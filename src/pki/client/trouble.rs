//! What is wrong with the files of authorities, for the operator.

use std::path::{Path, PathBuf};

use super::Keeper;
use crate::clock::Time;

/// What is wrong with one file of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The authority's name in the config.
    pub authority: String,
    pub keeper: Keeper,
    pub fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub part: Part,
    pub file: PathBuf,
    pub what: String,
    /// What to do.
    pub help: String,
    pub timing: Timing,
}

/// As what the file was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Certificates,
    List,
}

/// Whether time alone can bring it or take it away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// The file is missing, damaged or somebody else's, whatever the time is.
    Lasting,
    /// It was good once, or will be.
    Passing,
}

impl Fault {
    pub(super) fn new(part: Part, timing: Timing, file: &Path, what: String, help: &str) -> Self {
        Self { part, file: file.to_owned(), what, help: help.to_owned(), timing }
    }
}

impl Trouble {
    /// In one line.
    pub fn told(&self) -> String {
        let Fault { what, help, timing, .. } = &self.fault;
        let meanwhile = if *timing == Timing::Lasting { "; till then its certificates are refused" } else { "" };
        format!("usb_keys, authority \"{}\": {what}; {help}{meanwhile}", self.authority)
    }
}

/// One certificate that two authorities trust, each for something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// Which of the authorities, in their order.
    pub first: usize,
    pub second: usize,
    pub subject: String,
    /// The keys of the config in which they differ.
    pub keys: Vec<&'static str>,
}

pub(super) fn day(time: Time) -> String {
    time.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string()
}
