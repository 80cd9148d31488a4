//! `yumen audit`: reads the log as it lies on disk, whether the gateway is running or not. One file a verb.

mod rotate_key;
mod search;
mod tail;
#[cfg(test)]
mod tests;
mod told;

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use super::control::Which;
use crate::clock::{Clock, Time};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print records, the newest last
    Tail(tail::Arguments),
    /// Find records with the index of the log, print them or export them
    Search(Box<search::Arguments>),
    /// Replace the key that signs the log's heads, on record; auditors need the new verifier key then
    RotateKey {
        #[command(flatten)]
        which: Which,
    },
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.verb {
        Verb::Tail(arguments) => tail::run(arguments),
        Verb::Search(arguments) => search::run(*arguments),
        Verb::RotateKey { which } => rotate_key::run(&which),
    }
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "is not a whole number, such as 100")
}

/// A time, or a length back from now.
fn since(text: &str) -> Result<Time, String> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Time::from_millis(instant.as_millisecond()));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| "is neither a time (2026-11-22T08:00:00Z) nor a length (30m, 24h)")?;
    let back: Duration = span.try_into().map_err(|_| "a length back from now is not negative")?;
    Ok(Clock::machine().wall().minus(back))
}
