//! `yumen audit`: reads the log as it lies on disk, whether the gateway is running or not. One file a verb.

mod cosign;
mod evidence;
mod prove;
mod rotate_key;
mod search;
mod tail;
#[cfg(test)]
mod tests;
mod told;
mod verify;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;

use super::control::{NotRunning, Which};
use super::print;
use crate::clock::{Clock, Time};
use crate::gateway::Ask;

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
    /// Check a log as it lies on disk, or a copy of it: every record, every hash, the signature
    Verify(verify::Arguments),
    /// Write the proof that a record is in the log
    Prove(prove::Arguments),
    /// Check what `prove` wrote, with nothing but the log's verifier key
    VerifyProof(prove::CheckArguments),
    /// Make a pack of evidence of a span of time or of an incident, for whoever investigates: records, proofs, configs, accounts, a summary
    Evidence(Box<evidence::Arguments>),
    /// Check what `evidence` made, with nothing but the log's verifier key
    VerifyEvidence(evidence::CheckArguments),
    /// As a witness, sign that the log only grew since the last time
    Cosign(cosign::Arguments),
    /// Make the key of a witness
    WitnessKey(cosign::KeyArguments),
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
        Verb::Verify(arguments) => verify::run(&arguments),
        Verb::Prove(arguments) => prove::run(&arguments),
        Verb::VerifyProof(arguments) => prove::check(&arguments),
        Verb::Evidence(arguments) => evidence::run(&arguments),
        Verb::VerifyEvidence(arguments) => evidence::check(&arguments),
        Verb::Cosign(arguments) => cosign::run(&arguments),
        Verb::WitnessKey(arguments) => cosign::make_key(&arguments),
        Verb::RotateKey { which } => rotate_key::run(&which),
    }
}

/// Whoever may read the files needs nobody's leave; but a gateway that runs is told. Whether it is on record.
pub(super) fn put_on_record(which: &Which, asked: &str) -> bool {
    match which.ask(Ask::LogRead { asked: asked.to_owned() }) {
        Ok(_) => return true,
        Err(error) if error.is::<NotRunning>() => print::remark("yumen: no gateway is running, so this reading is not on record"),
        Err(error) => print::remark(format_args!("yumen: this reading is not on record: {error:#}")),
    }
    false
}

/// Writes what is given out, so that it outlives the power.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut file = File::create(path).with_context(cannot)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).with_context(cannot)
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "is not a whole number, such as 100")
}

/// A time, or a length back from now.
pub(super) fn since(text: &str) -> Result<Time, String> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Time::from_millis(instant.as_millisecond()));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| "is neither a time (2026-11-22T08:00:00Z) nor a length (30m, 24h)")?;
    let back: Duration = span.try_into().map_err(|_| "a length back from now is not negative")?;
    Ok(Clock::machine().wall().minus(back))
}
