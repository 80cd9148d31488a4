//! `yumen audit`: reads the log as it lies on disk, whether the gateway is running or not.

use std::collections::VecDeque;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use crate::audit::{Filter, Tail};
use crate::clock::{Clock, Time};
use crate::model::{AccountName, AppId, Closed, Entry, Event, Opened, Record, Who, visible};

use super::control::Which;
use super::print;

mod cosign;
mod prove;
mod verify;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print records, the newest last
    Tail {
        /// Only accesses to this app
        #[arg(long, value_parser = |text: &str| AppId::parse(text).ok_or("is not the id of an app, such as sites"))]
        app: Option<AppId>,
        /// Only what this account did (its name or id)
        #[arg(long)]
        account: Option<String>,
        /// Only records since then: a time (2026-11-22T08:00:00Z) or a length back from now (30m, 24h)
        #[arg(long, value_parser = since)]
        since: Option<Time>,
        /// One JSON object a line, as it stands in the log
        #[arg(long)]
        json: bool,
        /// At most so many; without it, all that --since names, or the last 100
        #[arg(short = 'n', long, value_name = "COUNT", value_parser = count)]
        lines: Option<usize>,
        /// Go on and print records as they come
        #[arg(short, long)]
        follow: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Check a log as it lies on disk, or a copy of it: every record, every hash, the signature
    Verify(verify::Arguments),
    /// Write the proof that a record is in the log
    Prove(prove::Arguments),
    /// Check what `prove` wrote, with nothing but the log's verifier key
    VerifyProof(prove::CheckArguments),
    /// As a witness, sign that the log only grew since the last time
    Cosign(cosign::Arguments),
    /// Make the key of a witness
    WitnessKey(cosign::KeyArguments),
}

fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "is not a whole number, such as 100")
}

fn since(text: &str) -> Result<Time, String> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(Time::from_millis(instant.as_millisecond()));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| "is neither a time (2026-11-22T08:00:00Z) nor a length (30m, 24h)")?;
    let back: Duration = span.try_into().map_err(|_| "a length back from now is not negative")?;
    Ok(Clock::machine().wall().minus(back))
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (app, account, since, json, lines, follow, which) = match arguments.verb {
        Verb::Tail { app, account, since, json, lines, follow, which } => (app, account, since, json, lines, follow, which),
        Verb::Verify(arguments) => return verify::run(&arguments),
        Verb::Prove(arguments) => return prove::run(&arguments),
        Verb::VerifyProof(arguments) => return prove::check(&arguments),
        Verb::Cosign(arguments) => return cosign::run(&arguments),
        Verb::WitnessKey(arguments) => return cosign::make_key(&arguments),
    };
    let directory = which.data()?.join("audit/journal");
    let account = account.map(|typed| AccountName::parse(&typed).map_or(typed, |name| name.to_string()));
    let filter = Filter { app, account, since };
    let keep = lines.unwrap_or(if since.is_some() { usize::MAX } else { 100 });
    let mut tail = Tail::new(directory, filter);
    let mut out = std::io::stdout().lock();
    print_last(&mut tail, keep, &mut out, json)?;
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        out.flush()?;
        #[expect(clippy::disallowed_methods, reason = "no runtime runs here; there is nothing else to do")]
        std::thread::sleep(Duration::from_millis(300));
        print_new(&mut tail, &mut out, json)?;
    }
}

/// Reads all that there is and prints the last of it.
fn print_last(tail: &mut Tail, keep: usize, out: &mut impl Write, json: bool) -> anyhow::Result<()> {
    let mut last = VecDeque::new();
    loop {
        let batch = tail.next_batch()?;
        if batch.is_empty() {
            break;
        }
        for entry in batch {
            last.push_back(entry);
            if last.len() > keep {
                last.pop_front();
            }
        }
    }
    if last.is_empty() {
        print::remark("yumen: no record fits");
    }
    last.iter().try_for_each(|entry| line(out, entry, json))
}

/// Prints what has come since the last look.
fn print_new(tail: &mut Tail, out: &mut impl Write, json: bool) -> anyhow::Result<()> {
    tail.next_batch()?.iter().try_for_each(|entry| line(out, entry, json))
}

fn line(out: &mut impl Write, entry: &Entry, json: bool) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, entry)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "{}", told(entry))?;
    Ok(())
}

/// An entry as people read it, in one line.
fn told(entry: &Entry) -> String {
    let told = match &entry.record {
        Record::Opened(opened) => told_opened(opened),
        Record::Closed(closed) => told_closed(closed),
        Record::Event(event) => told_event(event),
        Record::StillOpen { references } => format!("still open: {} accesses", references.len()),
    };
    format!("{:>8} {} {}", entry.sequence, entry.time, visible(&told))
}

fn told_opened(opened: &Opened) -> String {
    let app = opened.app.as_ref().map_or("portal", |app| app.as_str());
    let decision = match opened.decision {
        crate::model::Decision::Allowed => "allowed",
        crate::model::Decision::Refused => "REFUSED",
    };
    let who = opened.who.as_deref().map_or("stranger".to_owned(), told_who);
    format!(
        "{} opened  {decision} {who} from {} {app} {} {} ({})",
        opened.reference, opened.address, opened.method, opened.path, opened.rule
    )
}

fn told_closed(closed: &Closed) -> String {
    let end = word(&closed.end);
    format!(
        "{} closed  {} up {} down {} bytes in {} ms, {end}",
        closed.reference, closed.status, closed.bytes_up, closed.bytes_down, closed.duration_ms
    )
}

fn told_event(event: &Event) -> String {
    let who = event.who.as_deref().map(|who| format!(" by {}", told_who(who))).unwrap_or_default();
    let from = event.address.map(|address| format!(" from {address}")).unwrap_or_default();
    let details: Vec<String> = event.details.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let outcome = match event.outcome {
        crate::model::Outcome::Done => "",
        crate::model::Outcome::Failed => " FAILED",
    };
    format!("{}{outcome}{who}{from} {}", word(&event.action), details.join(" "))
}

fn told_who(who: &Who) -> String {
    format!("{} [{}, {}]", who.name, who.unit, who.role)
}

/// The word that stands in the log for a value of a closed list.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests;
