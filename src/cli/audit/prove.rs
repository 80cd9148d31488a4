//! `yumen audit prove` and `yumen audit verify-proof`: one record, and what convinces a stranger that it is in the log.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use jiff::Timestamp;

use super::verify::{log_key, text_or_file};
use super::{put_on_record, write};
use crate::audit::{Sealed, prove as make_proof};
use crate::cli::control::Which;
use crate::cli::print;
use crate::model::{Entry, visible};
use crate::tlog::{ProofFile, Witness};

#[derive(clap::Args)]
pub struct Arguments {
    /// The record's number
    sequence: u64,
    /// Where the proof goes, such as 4711.tlog-proof; without it, to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
pub struct CheckArguments {
    /// What `yumen audit prove` made
    file: PathBuf,
    /// The log's verifier key, or a file that holds it
    #[arg(long, value_name = "KEY")]
    key: String,
    /// The key of a witness that must have cosigned, or a file that holds it; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let sealed = Sealed::new(arguments.which.data()?.join("audit"));
    let proof = make_proof(&sealed, arguments.sequence)?;
    put_on_record(&arguments.which, &format!("proof of record {}", arguments.sequence));
    match &arguments.out {
        Some(path) => write(path, &proof.to_string())?,
        None => print::results(proof)?,
    }
    Ok(ExitCode::SUCCESS)
}

pub fn check(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let key = log_key(&arguments.key)?;
    let named = |given: &String| Witness::parse(&text_or_file(given)?).with_context(|| format!("the witness's key {given:?}"));
    let witnesses = arguments.witness.iter().map(named).collect::<anyhow::Result<Vec<_>>>()?;
    let path = arguments.file.display();
    let text = fs::read_to_string(&arguments.file).with_context(|| format!("cannot read {path}"))?;
    let proof = ProofFile::parse(&text).with_context(|| format!("{path} is refused"))?;
    let checkpoint = proof.check(&key).with_context(|| format!("{path} is refused"))?;
    let sequence = proof.index.saturating_add(1);
    let mut cosigned = Vec::new();
    for witness in &witnesses {
        match witness.cosigned_at(&proof.checkpoint) {
            Some(time_s) => cosigned.push(format!("cosigned at {} by {}", time(time_s), witness.name())),
            None => bail!("{path} is refused: the witness {} has not cosigned its checkpoint", witness.name()),
        }
    }
    print::result(record(&proof.record, sequence)?)?;
    print::result(format_args!("this is record number {sequence} of the log {}", checkpoint.origin))?;
    print::result(format_args!("signed by {} in a checkpoint of {} records", key.name(), checkpoint.size))?;
    cosigned.iter().try_for_each(print::result)?;
    Ok(ExitCode::SUCCESS)
}

/// For people, where this version knows the record; its exact bytes in any case.
fn record(json: &[u8], sequence: u64) -> anyhow::Result<String> {
    let exact = visible(&String::from_utf8_lossy(json));
    let Ok(entry) = serde_json::from_slice::<Entry>(json) else {
        return Ok(format!("(a record that this version does not know)\n{exact}"));
    };
    if entry.sequence != sequence {
        bail!(
            "the proof is of record {sequence}, and the record says that it is number {}: the gateway did not write it so",
            entry.sequence
        );
    }
    Ok(format!("{}\n{exact}", super::told::told(&entry)))
}

fn time(seconds: u64) -> String {
    let instant = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    instant.map_or_else(|| format!("{seconds} s after 1970"), |instant| instant.to_string())
}
