//! Who watches while a pack is made.

use std::fmt::Display;

use crate::cli::print;
use crate::cli::progress::Progress;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    AtATerminal,
    /// Nobody but whoever reads the gateway's own log.
    InTheGateway,
}

impl Watched {
    pub fn remark(self, line: impl Display) {
        match self {
            Self::AtATerminal => print::remark(format_args!("yumen: {line}")),
            Self::InTheGateway => tracing::warn!("a pack of evidence is made: {line}"),
        }
    }

    /// Of a part of it.
    pub fn part(self, what: &'static str) -> Part {
        Part { watched: self, what, shown: None }
    }
}

/// How far a part has come; its line goes when it is dropped.
pub struct Part {
    watched: Watched,
    what: &'static str,
    shown: Option<Progress>,
}

impl Part {
    pub fn show(&mut self, done: u64, all: u64) {
        if self.watched == Watched::AtATerminal {
            self.shown.get_or_insert_with(|| Progress::of(number(all), self.what)).show(number(done));
        }
    }
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
