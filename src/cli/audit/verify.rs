//! `yumen audit verify`: whether a log is as it was sealed. It needs no gateway, and no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::audit::{Against, Sealed, Unsealed, Verified, verify};
use crate::cli::print;
use crate::cli::progress::Progress;
use crate::tlog::{SignedNote, Verifier};

/// For scripts: nothing is wrong, but without the key that says little.
const KEY_NOT_GIVEN: u8 = 3;

const EVIDENCE: &str = "yumen: THE LOG IS NOT AS IT WAS SEALED, or this copy of it is not. Change nothing in it, keep it as evidence, compare it with another \
    copy (a backup, the archive, what was sent to the log servers), and treat it as an incident.";

#[derive(clap::Args)]
pub struct Arguments {
    /// The audit directory of a gateway (data/audit), or a copy of it
    directory: PathBuf,
    /// The log's verifier key, or a file that holds it; get it from elsewhere than the directory
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A file with a checkpoint of this log that was remembered elsewhere: the log must begin with it
    #[arg(long, value_name = "CHECKPOINT")]
    since: Option<PathBuf>,
}

/// 0: a key was given and all is right. 1: something is wrong. 3: nothing is wrong, but no key was given.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let key = arguments.key.as_deref().map(log_key).transpose()?;
    let since = arguments.since.as_deref().map(checkpoint).transpose()?;
    let sealed = Sealed::new(&arguments.directory);
    let mut progress = None;
    let against = Against { key: key.as_ref(), since: since.as_ref() };
    let found = verify(&sealed, against, |done, all| {
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        progress.get_or_insert_with(|| Progress::of(all, "records")).show(usize::try_from(done).unwrap_or(usize::MAX));
    });
    drop(progress);
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            print::remark(format_args!("yumen: {error}"));
            if error.is_of_the_log() {
                print::remark(EVIDENCE);
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    print::results(told(&found, key.is_some(), since.is_some()))?;
    if key.is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    print::remark(
        "yumen: NO KEY WAS GIVEN: whoever can write the directory could have made a log that passes this. Give --key with the verifier \
         key, which you have from elsewhere.",
    );
    Ok(ExitCode::from(KEY_NOT_GIVEN))
}

/// A log's key, as it is or in a file.
pub fn log_key(given: &str) -> anyhow::Result<Verifier> {
    let text = text_or_file(given)?;
    Verifier::parse(&text).with_context(|| format!("the key {given:?}"))
}

/// What was given, if it looks like a key, or what stands in the file of that name.
pub fn text_or_file(given: &str) -> anyhow::Result<String> {
    if given.split('+').count() >= 3 && !Path::new(given).exists() {
        return Ok(given.to_owned());
    }
    fs::read_to_string(given)
        .with_context(|| format!("{given:?} is neither a verifier key (name+number+base64) nor a file that can be read"))
}

fn checkpoint(path: &Path) -> anyhow::Result<SignedNote> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    match SignedNote::parse(&text) {
        Ok(note) => Ok(note),
        Err(why) => bail!("{} is no checkpoint: {why}", path.display()),
    }
}

fn told(found: &Verified, with_key: bool, with_since: bool) -> String {
    let Verified { checkpoint, gone, gone_last, unsealed } = found;
    let mut text = format!("log        {}\nrecords    {}\nroot hash  {}\n", checkpoint.origin, checkpoint.size, checkpoint.root);
    let signature = if with_key { "right" } else { "NOT CHECKED: no key was given" };
    text.push_str(&format!("signature  {signature}\n"));
    if with_since {
        text.push_str("history    begins with the remembered checkpoint\n");
    }
    if *gone > 0 {
        text.push_str(&format!(
            "gone       {gone} records up to {gone_last} cannot be looked at any more: they were dropped by rule, as records of this log say; their hashes are part of the root\n"
        ));
    }
    match unsealed {
        Some(Unsealed { records, is_torn }) => {
            text.push_str(&format!("journal    {records} records are not sealed yet; they are in order\n"));
            if *is_torn {
                text.push_str("           its last line is not all there: it is being written, or the machine stopped meanwhile\n");
            }
        }
        None => text.push_str("journal    not here, so what was not sealed yet was not looked at\n"),
    }
    let looked = checkpoint.size.saturating_sub(*gone);
    text.push_str(&format!("right      {looked} records, every hash, and the root\n"));
    text
}
