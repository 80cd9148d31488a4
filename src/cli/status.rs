//! `yumen status`: how the running gateway stands.

use std::io::Write;
use std::process::ExitCode;

use crate::gateway::{Ask, ControlAnswer};

use super::control::{NotRunning, Which};
use super::paint::Paint;
use super::print;

mod told;

#[derive(clap::Args)]
#[command(after_long_help = "\
Exit code: 0 when people are let through, 1 when they are not, 2 when no gateway runs, 3 when it could not be asked.

The JSON object has the keys version, since, up_seconds, ready, not_ready[], warnings[], portal, listeners[], monitoring,
apps[] (id, name, label, address, upstreams[] (address, state: unused | up | failing, answered, failed, last_failure)),
sessions (open, accounts), connections (open, accepted, over_cap, handshakes_failed, too_slow, turned_away, relieved),
memory (resident, cap, short), log (ready, sequence, last_sync, queued, free, reserve), sinks[] (name, to, connected, sent, sequence,
safe, missed, lag_records, lag_seconds, reconnects, trouble),
retention (null, or keep_days, reason, archive, oldest, oldest_time, last_archived, last_archived_sequence, last_archived_object,
archived, dropped, failures, trouble), plan (null, or name, triggers, sequence, fired, trouble),
closed[] (scope: all | app:ID | unit:NAME, until, by[], null for the machine's owner), certificates[] (host, expires, days_left), waiting_for_restart[].
Times are RFC 3339 in UTC, memory and room on the disk are bytes. Later versions may add keys and never change these.")]
pub struct Arguments {
    /// As one JSON object, for scripts; --help names its keys
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

const NOT_READY: u8 = 1;
const NOT_RUNNING: u8 = 2;
const NOT_ASKED: u8 = 3;

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let status = match arguments.which.ask(Ask::Status) {
        Ok(ControlAnswer::Status { status }) => status,
        Ok(_) => anyhow::bail!("the gateway's answer is not understood; is it of another version?"),
        Err(error) if error.is::<NotRunning>() => {
            print::remark(format_args!("yumen: {error}"));
            return Ok(ExitCode::from(NOT_RUNNING));
        }
        Err(error) => {
            super::say(&error);
            return Ok(ExitCode::from(NOT_ASKED));
        }
    };
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &status)?;
        writeln!(out)?;
    } else {
        out.write_all(told::told(&status, Paint::of_stdout()).as_bytes())?;
    }
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::from(NOT_READY) })
}
