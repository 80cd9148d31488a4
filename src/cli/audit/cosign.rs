//! `yumen audit witness-key` and `yumen audit cosign`: a second role on a second machine, which sees that the log only grows.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use super::verify::log_key;
use super::write;
use crate::audit::{Sealed, cosign};
use crate::cli::print;
use crate::clock::Clock;
use crate::tlog::Cosigner;

#[derive(clap::Args)]
pub struct KeyArguments {
    /// What the witness is called, such as witness.city.example; no spaces and no plus sign
    name: String,
    /// The file that is to keep the private key; it must not be there yet
    file: PathBuf,
}

#[derive(clap::Args)]
pub struct Arguments {
    /// The audit directory of a gateway (data/audit), or a copy of its `checkpoint` and `tile`
    directory: PathBuf,
    /// The log's verifier key, or a file that holds it; get it from elsewhere than the directory
    #[arg(long, value_name = "KEY")]
    key: String,
    /// Where the witness remembers what it has signed; whoever loses it lets the log be rolled back once
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// What `yumen audit witness-key` made
    #[arg(long, value_name = "FILE")]
    witness_key: PathBuf,
    /// Where the cosigned checkpoint goes; without it, to standard output. In data/audit/witnessed/ it becomes part of proofs
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn make_key(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let cosigner = Cosigner::generate(&arguments.name).context("a witness cannot be called so")?;
    let path = arguments.file.display();
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&arguments.file) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{path} is there already, and a key is not overwritten: name another file")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot write {path}")),
    };
    let written = file.write_all(format!("{}\n", *cosigner.reveal()).as_bytes()).and_then(|()| file.sync_all());
    written.with_context(|| format!("cannot write {path}"))?;
    print::result(cosigner.witness())?;
    print::remark(format_args!(
        "yumen: the line above is the witness's verifier key, for auditors; {path} stays here and is nobody else's"
    ));
    Ok(ExitCode::SUCCESS)
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let key = log_key(&arguments.key)?;
    let cosigner = private_key(&arguments.witness_key)?;
    let cosigned = cosign(&Sealed::new(&arguments.directory), &key, &arguments.state, &cosigner, Clock::machine().wall())?;
    match &arguments.out {
        Some(path) => write(path, &cosigned.note.to_string())?,
        None => print::results(&cosigned.note)?,
    }
    print::remark(match cosigned.seen {
        Some(seen) => format!("yumen: cosigned {} records; the log begins with the {seen} that this witness had seen", cosigned.size),
        None => format!("yumen: cosigned {} records. This is the first checkpoint of this log that the witness sees", cosigned.size),
    });
    Ok(ExitCode::SUCCESS)
}

fn private_key(path: &Path) -> anyhow::Result<Cosigner> {
    let cannot = || format!("cannot use the witness's key {}", path.display());
    let mode = fs::metadata(path).with_context(cannot)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("{} may be read by others (mode {mode:03o}): make it 600, and if others may have read it, make a new key", path.display());
    }
    Cosigner::parse(&fs::read_to_string(path).with_context(cannot)?).with_context(cannot)
}
