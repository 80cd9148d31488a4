//! `yumen incident`: what the triggers of an emergency plan find in a log, and whether its channels reach people.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::audit::{put_on_record, since};
use super::check::BadConfig;
use super::control::Which;
use super::print;
use crate::audit::{Filter, Sealed, Tail};
use crate::clock::Time;
use crate::config;
use crate::gateway::{Ask, ControlAnswer};
use crate::incident::{Engine, Signal};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Say what a plan, changed or not, would have raised from the log as it is; nothing is put in force
    Replay(Replay),
    /// Try a channel by which people are told of incidents
    Notice(Notice),
}

#[derive(clap::Args)]
struct Notice {
    /// Send a test notice over this channel of the emergency plan in force, to each whom it tells now, and say what comes of it
    #[arg(long, value_name = "CHANNEL")]
    test: String,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
struct Replay {
    /// The plan
    #[arg(long, value_name = "FILE", default_value = "config/plan.toml")]
    plan: PathBuf,
    /// Only what it would have raised since then: a time (2026-11-22T08:00:00Z) or a length back from now (30m, 24h)
    #[arg(long, value_parser = since)]
    from: Option<Time>,
    /// And before then
    #[arg(long, value_parser = since)]
    to: Option<Time>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.verb {
        Verb::Replay(replay) => replay.run(),
        Verb::Notice(notice) => notice.run(),
    }
}

impl Notice {
    fn run(self) -> anyhow::Result<ExitCode> {
        if let ControlAnswer::Done { message } = self.which.ask(Ask::TestNotice { channel: self.test })? {
            print::result(message)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Replay {
    fn run(self) -> anyhow::Result<ExitCode> {
        let plan = config::load_plan(&self.plan, None).map_err(|problems| BadConfig::new(problems, &self.plan))?;
        let log = Sealed::new(self.which.data()?.join("audit"));
        if log.directory().join("journal").is_dir() {
            put_on_record(&self.which, &format!("replay of the plan {}", self.plan.display()));
        }
        // All that the log has is read: what somebody did before says whether what she does is strange.
        let mut tail = Tail::of_log(log, Filter::default());
        let mut engine = Engine::new(plan, 0);
        let mut out = std::io::stdout().lock();
        let (mut records, mut raised) = (0_u64, 0_u64);
        loop {
            let batch = tail.next_batch()?;
            if batch.is_empty() {
                break;
            }
            for entry in batch {
                records = records.saturating_add(1);
                for signal in engine.read(&entry).iter().filter(|signal| self.is_asked_for(signal)) {
                    raised = raised.saturating_add(1);
                    if self.json {
                        writeln!(out, "{}", serde_json::to_string(signal)?)?;
                    } else {
                        writeln!(out, "{}", told(signal))?;
                    }
                }
                engine.forget_unrecorded();
            }
        }
        print::remark(format_args!("yumen: {raised} alarms from {records} records"));
        Ok(ExitCode::SUCCESS)
    }

    fn is_asked_for(&self, signal: &Signal) -> bool {
        self.from.is_none_or(|from| signal.time >= from) && self.to.is_none_or(|to| signal.time < to)
    }
}

fn told(signal: &Signal) -> String {
    let Signal { trigger, level, category, subject, time, first, last, amount, what } = signal;
    let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
    let text = format!("{time}  level {level:<3}  {trigger}  {subject}  {amount}{what}  {category}, records {first} to {last}");
    crate::model::visible(&text)
}
