//! `yumen incident replay`: what the triggers of an emergency plan find in a log.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::super::audit::{put_on_record, since};
use super::super::check::{BadConfig, counted};
use super::super::control::Which;
use super::super::print;
use crate::audit::{Filter, Sealed, Tail};
use crate::clock::Time;
use crate::config;
use crate::gateway::kept_plan;
use crate::incident::{Engine, Plan, Signal};
use crate::model::{Action, Outcome, Record};

#[derive(clap::Args)]
pub struct Replay {
    /// The plan; without it the one that the config named with --config names, or else the one that was in force last, by the log
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
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

impl Replay {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let data = self.which.data()?;
        let (plan, name) = self.plan(&data)?;
        let log = Sealed::new(data.join("audit"));
        if log.directory().join("journal").is_dir() {
            put_on_record(&self.which, &format!("replay of {name}"));
        }
        // All that the log has is read: what somebody did before says whether what she does is strange.
        let mut tail = Tail::of_log(log, Filter::default());
        let mut engine = Engine::new(plan, 0);
        let mut out = std::io::stdout().lock();
        let (mut records, mut raised) = (0_usize, 0_usize);
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
        print::remark(format_args!("yumen: {} from {}", counted(raised, "alarm"), counted(records, "record")));
        Ok(ExitCode::SUCCESS)
    }

    /// The plan, and what it is called on record.
    fn plan(&self, data: &Path) -> anyhow::Result<(Arc<Plan>, String)> {
        let named = match (&self.plan, self.which.config()) {
            (Some(path), _) => Some(path.clone()),
            (None, Some(config)) => {
                let named = config::plan_file(config).map_err(|problems| BadConfig::new(problems, config))?;
                let why = || format!("{} names no emergency plan (`plan` under [incident]): name one with --plan FILE", config.display());
                Some(named.with_context(why)?)
            }
            (None, None) => None,
        };
        match named {
            Some(path) => {
                let plan = config::load_plan(&path, None).map_err(|problems| BadConfig::new(problems, &path))?;
                Ok((plan, format!("the plan {}", path.display())))
            }
            None => last_in_force(data),
        }
    }

    fn is_asked_for(&self, signal: &Signal) -> bool {
        self.from.is_none_or(|from| signal.time >= from) && self.to.is_none_or(|to| signal.time < to)
    }
}

/// As the gateway keeps it, since the file that it was read from may be another by now.
fn last_in_force(data: &Path) -> anyhow::Result<(Arc<Plan>, String)> {
    let mut tail = Tail::of_log(Sealed::new(data.join("audit")), Filter::default());
    let mut last = None;
    loop {
        let batch = tail.next_batch()?;
        if batch.is_empty() {
            break;
        }
        for entry in &batch {
            if let Record::Event(event) = &entry.record
                && event.outcome == Outcome::Done
                && matches!(event.action, Action::Start | Action::ConfigReloaded)
            {
                last = event.details.get("plan").cloned();
            }
        }
    }
    let hash = last.with_context(|| {
        format!(
            "no emergency plan was in force last by the log in {}: name one with --plan FILE, or a config with --config FILE",
            data.display()
        )
    })?;
    let path = kept_plan(data, &hash);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("the plan that was in force last is not kept as {}: name one with --plan FILE", path.display()))?;
    let name = path.display().to_string();
    let plan = config::parse_plan(&text, &name).map_err(|problems| BadConfig::new(problems, &path))?;
    Ok((plan, "the plan that was in force last".to_owned()))
}

fn told(signal: &Signal) -> String {
    let Signal { trigger, level, category, subject, time, first, last, amount, what } = signal;
    let what = if what.is_empty() { String::new() } else { format!(" ({})", what.join(", ")) };
    let text = format!("{time}  level {level:<3}  {trigger}  {subject}  {amount}{what}  {category}, records {first} to {last}");
    crate::model::visible(&text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        replay: Replay,
    }

    fn plan(words: &[&str]) -> Result<String, String> {
        let replay = Line::try_parse_from(std::iter::once("replay").chain(words.iter().copied())).unwrap().replay;
        let plan = replay.which.data().and_then(|data| replay.plan(&data));
        plan.map(|(_, name)| name).map_err(|error| crate::gateway::told(error.as_ref()))
    }

    #[test]
    fn the_plan_is_the_one_that_is_named_or_that_the_config_names_and_else_it_is_said_what_to_give() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        std::fs::write(path("ours.toml"), include_str!("../../../config/plan.toml")).unwrap();
        std::fs::write(path("yumen.toml"), "data = \"data\"\n[incident]\nplan = \"ours.toml\"\n").unwrap();
        std::fs::write(path("none.toml"), "data = \"data\"\n").unwrap();
        let ours = Ok(format!("the plan {}", path("ours.toml")));
        assert_eq!(plan(&["--plan", &path("ours.toml")]), ours);
        assert_eq!(plan(&["--config", &path("yumen.toml")]), ours);
        assert!(plan(&["--config", &path("none.toml")]).unwrap_err().contains("--plan FILE"));
        let missing = plan(&["--plan", &path("theirs.toml")]).unwrap_err();
        assert!(missing.contains("the emergency plan ") && missing.contains("cannot be read"), "{missing}");
    }
}
