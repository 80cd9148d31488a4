//! `yumen audit tail`: the newest records, and those that come.

use std::collections::VecDeque;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::told::line;
use super::{count, put_on_record, since};
use crate::audit::{Filter, Sealed, Tail};
use crate::cli::control::Which;
use crate::cli::print;
use crate::clock::Time;
use crate::model::{AccountName, AppId};

#[derive(clap::Args)]
pub struct Arguments {
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
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { app, account, since, json, lines, follow, which } = arguments;
    let log = Sealed::new(which.data()?.join("audit"));
    // Where there is no log, there is nothing to read.
    if log.directory().join("journal").is_dir() {
        put_on_record(&which, &told(app.as_ref(), account.as_deref(), since, follow));
    }
    let account = account.map(|typed| AccountName::parse(&typed).map_or(typed, |name| name.to_string()));
    let filter = Filter { app, account, since };
    let keep = lines.unwrap_or(if since.is_some() { usize::MAX } else { 100 });
    let mut tail = Tail::of_log(log, filter);
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

fn told(app: Option<&AppId>, account: Option<&str>, since: Option<Time>, follow: bool) -> String {
    let mut told = if follow { "tail, and what comes".to_owned() } else { "tail".to_owned() };
    let given = [
        ("app", app.map(ToString::to_string)),
        ("account", account.map(ToOwned::to_owned)),
        ("since", since.map(|since| since.to_string())),
    ];
    for (name, value) in given {
        told.extend(value.map(|value| format!(" {name}={value}")));
    }
    told
}

/// Reads all that there is and prints the last of it.
pub(super) fn print_last(tail: &mut Tail, keep: usize, out: &mut impl Write, json: bool) -> anyhow::Result<()> {
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
pub(super) fn print_new(tail: &mut Tail, out: &mut impl Write, json: bool) -> anyhow::Result<()> {
    tail.next_batch()?.iter().try_for_each(|entry| line(out, entry, json))
}
