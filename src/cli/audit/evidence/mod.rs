//! `yumen audit evidence` and `yumen audit verify-evidence`: what a span of the log or the records of an incident say, in one file that a stranger
//! can check.
//!
//! A pack is a tar, compressed with zstd. It has the records as they were hashed, each with the proof that it is in the log, the signed head, the
//! configs that were in force, the accounts that are concerned, a summary in three languages, and a manifest that the log's key signs.

mod archive;
mod asked;
mod check;
mod choice;
mod configs;
mod facts;
mod incident;
mod line;
mod make;
mod people;
mod place;
mod plan;
mod range;
mod records;
#[cfg(test)]
mod samples;
mod summary;
mod survey;
#[cfg(test)]
mod tests;
mod told;
mod vouching;
mod whose;

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};

use self::check::{EvidenceError, Signed, With, check as check_pack};
use self::choice::Filter;
use self::facts::Maker;
use self::make::{Made, Making};
use self::plan::Wanted;
use self::range::Span;
use self::whose::Whose;
use super::put_on_record;
use super::since;
use super::verify::{log_key, text_or_file};
use crate::audit::{LogKeyError, read_log_key};
use crate::cli::control::Which;
use crate::cli::print;
use crate::cli::progress::Progress;
use crate::clock::{Clock, Time};
use crate::model::{LogAccount, LogApp, visible};
use crate::tlog::Witness;

/// For scripts: nothing is wrong, but without the key, or in a pack that nobody signed, that says little.
const NOT_VOUCHED_FOR: u8 = 3;

/// The gateway seals at least each second; longer than that only if the disk is slow.
const PATIENCE: Duration = Duration::from_secs(15);

const TAMPERED: &str = "yumen: THE PACK IS NOT AS IT WAS MADE, or was damaged on the way. Change nothing in it, note where it came from, and ask for it \
    again from there.";

#[derive(clap::Args)]
pub struct Arguments {
    /// Not before then: a time (2026-11-22T08:00:00Z) or a length back from now (30m, 24h)
    #[arg(long, value_parser = since, required_unless_present = "incident")]
    from: Option<Time>,
    /// Before then
    #[arg(long, value_parser = since, required_unless_present = "incident")]
    to: Option<Time>,
    /// Exactly the records of this incident, with its review and reports as the gateway fills them in now
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["from", "to", "app", "account"])]
    incident: Option<u64>,
    /// Only accesses to this app (`portal`: to the gateway's own pages), and what concerns it
    #[arg(long, value_parser = |text: &str| LogApp::parse(text).ok_or("is not the id of an app, such as sites"))]
    app: Option<LogApp>,
    /// Only what this account did, or what was done to it (its name or id, as records have it)
    #[arg(long, value_parser = |text: &str| LogAccount::parse(text).ok_or("is neither a name nor an id of an account"))]
    account: Option<LogAccount>,
    /// The pack, such as incident.tar.zst; it must not be there yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave the manifest unsigned, where the log's key is not at hand
    #[arg(long)]
    unsigned: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
pub struct CheckArguments {
    /// What `yumen audit evidence` made
    file: PathBuf,
    /// The log's verifier key, or a file that holds it; get it from elsewhere than the pack
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The key of a witness that must have cosigned, or a file that holds it; may be given several times
    #[arg(long, value_name = "KEY")]
    witness: Vec<String>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { app, account, out, unsigned, which, .. } = arguments;
    let span = arguments.span()?;
    let data = which.data()?;
    let key = data.join("log.key");
    let signer = match read_log_key(&key) {
        _ if *unsigned => None,
        Ok(signer) => Some(signer),
        Err(LogKeyError::File { source, .. }) => bail!(
            "cannot read the log's key {} ({source}), which signs the pack: run this on the gateway's machine as the gateway's user, or take \
             --unsigned; such a pack proves its records, but nobody vouches for the accounts and the summary in it",
            key.display()
        ),
        Err(error) => return Err(error.into()),
    };
    let filter = Filter { app: app.clone(), account: account.as_ref().map(Whose::asked) };
    let incident = arguments.incident.map(|number| asked::incident(which, number)).transpose()?;
    let wanted = match &incident {
        Some(incident) => Wanted::Incident(incident),
        None => Wanted::Span(span),
    };
    let asked = arguments.on_record();
    let is_on_record = put_on_record(which, &asked);
    let maker = maker();
    // The question itself is sealed then, and with it all that was written before.
    let patience = if is_on_record { PATIENCE } else { Duration::ZERO };
    let now = Clock::machine().wall();
    let making = Making { data: &data, wanted, filter, signer: signer.as_ref(), now, maker, patience };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let made = runtime.block_on(making.make(out))?;
    // Where the question could not be put on record, that was said.
    let _ = is_on_record && put_on_record(which, &format!("evidence made sha256={} records={}", made.sha256, made.facts.records));
    tell(arguments, &made)?;
    Ok(ExitCode::SUCCESS)
}

impl Arguments {
    /// Without one, where an incident was asked for: any.
    fn span(&self) -> anyhow::Result<Span> {
        let (from, to) = self.from.zip(self.to).unwrap_or_default();
        if from >= to && self.incident.is_none() {
            bail!("--to must be later than --from: the span goes from {from} to before {to}");
        }
        Ok(Span { from, to })
    }

    /// What was asked, as it stands on record.
    fn on_record(&self) -> String {
        if let Some(number) = self.incident {
            return format!("evidence incident={number}");
        }
        let app = self.app.as_ref().map(|app| format!(" app={}", app.word())).unwrap_or_default();
        let account = self.account.as_ref().map(|account| format!(" account={}", account.as_str())).unwrap_or_default();
        let time = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
        format!("evidence from={} to={}{app}{account}", time(self.from), time(self.to))
    }
}

fn tell(arguments: &Arguments, made: &Made) -> anyhow::Result<()> {
    let Made { facts, sha256 } = made;
    print::result(format_args!("{}: {} records of the log {}", arguments.out.display(), facts.records, facts.log))?;
    print::result(format_args!("SHA-256 {sha256}"))?;
    for doubt in told::doubts(facts) {
        print::remark(format_args!("yumen: {doubt}"));
    }
    if arguments.unsigned {
        print::remark("yumen: the manifest is not signed; verify-evidence says so");
    }
    print::remark("yumen: it holds personal data; hand it over encrypted, and tell its SHA-256 on another way");
    Ok(())
}

/// 0: a key was given and all is right. 1: something is wrong. 3: nothing is wrong, but no key was given or nobody signed the manifest.
pub fn check(arguments: &CheckArguments) -> anyhow::Result<ExitCode> {
    let key = arguments.key.as_deref().map(log_key).transpose()?;
    let named = |given: &String| Witness::parse(&text_or_file(given)?).with_context(|| format!("the witness's key {given:?}"));
    let witnesses = arguments.witness.iter().map(named).collect::<anyhow::Result<Vec<_>>>()?;
    let path = arguments.file.display();
    let file = File::open(&arguments.file).with_context(|| format!("cannot read {path}"))?;
    let mut progress = None;
    let checked = check_pack(file, With { key: key.as_ref(), witnesses: &witnesses }, |done, all| {
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        progress.get_or_insert_with(|| Progress::of(all, "records")).show(usize::try_from(done).unwrap_or(usize::MAX));
    });
    drop(progress);
    let checked = match checked {
        Ok(checked) => checked,
        Err(error) => {
            // What a pack says of itself stands in some of these sentences.
            print::remark(format_args!("yumen: {path} is refused: {}", visible(&error.to_string())));
            match error {
                EvidenceError::NotSigned => print::remark(
                    "yumen: whether the pack is as it was made cannot be told with this key. Ask for the log's verifier key of the day on which it was \
                     made, from elsewhere than the pack.",
                ),
                error if error.is_of_the_pack() => print::remark(TAMPERED),
                _ => {}
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    print::results(told::told(&checked))?;
    match checked.signed {
        Signed::ByTheLog => Ok(ExitCode::SUCCESS),
        Signed::Not => {
            print::remark(
                "yumen: THE MANIFEST IS NOT SIGNED: the records are proven, but anybody could have left some out, and could have written the accounts, \
                 the summary and what the pack says of itself, also which configs were in force.",
            );
            Ok(ExitCode::from(NOT_VOUCHED_FOR))
        }
        Signed::NotChecked => {
            print::remark(
                "yumen: NO KEY WAS GIVEN: anybody could have made a pack that passes this. Give --key with the log's verifier key, which you have \
                 from elsewhere.",
            );
            Ok(ExitCode::from(NOT_VOUCHED_FOR))
        }
    }
}

/// The machine's user, by the name that the machine has for her.
fn maker() -> Maker {
    let uid = rustix::process::getuid().as_raw();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid.to_string()).then(|| name.to_owned())
    };
    Maker { uid, user: users.lines().find_map(name) }
}
