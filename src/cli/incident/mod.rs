//! `yumen incident`: the incidents that the gateway knows, the steps of handling them, and what the triggers of a plan find in a log.

mod papers;
mod replay;
mod told;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::gateway::{Ask, ControlAnswer};
use crate::incident::{Category, FormLanguage, MOST_WORDS, Report, Step};
use crate::model::{Level, Stage};

use super::control::Which;
use super::paint::Paint;
use super::print;
use replay::Replay;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the incidents that are open
    List {
        /// Also those that are over
        #[arg(long)]
        all: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Tell all that is known of an incident: what is to be done until when, and its story
    Show {
        number: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Say that you have seen an incident and see to it (on the duty list; `yumen login` first, as for all that follows)
    Acknowledge {
        number: u64,
        #[command(flatten)]
        which: Which,
    },
    /// Confirm that it is an incident, with its level
    Assess {
        number: u64,
        #[arg(long, value_parser = level, help = "IV, III, II or I")]
        level: Level,
        /// What kind it is (GB/T 20986), such as attack or data
        #[arg(long, value_parser = category)]
        category: Category,
        /// Why, on record
        #[arg(long, value_parser = words)]
        why: String,
        #[command(flatten)]
        which: Which,
    },
    /// Raise or lower its level, or renew what holds for a time only by naming the same
    Level {
        number: u64,
        #[arg(value_parser = level, help = "IV, III, II or I")]
        level: Level,
        /// Why, on record
        #[arg(long, value_parser = words)]
        why: String,
        #[command(flatten)]
        which: Which,
    },
    /// Take it to its next stage
    Move {
        number: u64,
        #[arg(value_parser = stage, help = "responding, contained, recovering, closed, reviewed, dismissed, or detected for a false alarm that was none")]
        stage: Stage,
        /// Why, on record
        #[arg(long, value_parser = words)]
        why: String,
        #[command(flatten)]
        which: Which,
    },
    /// Make it part of another incident
    Merge {
        number: u64,
        into: u64,
        /// Why, on record
        #[arg(long, value_parser = words)]
        why: String,
        #[command(flatten)]
        which: Which,
    },
    /// Write a note into its story
    Note {
        number: u64,
        #[arg(value_parser = words)]
        text: String,
        #[command(flatten)]
        which: Which,
    },
    /// Try a channel by which people are told of incidents
    Notice {
        /// Send a test notice over this channel of the emergency plan in force, to each whom it tells now, and say what comes of it
        #[arg(long, value_name = "CHANNEL")]
        test: String,
        #[command(flatten)]
        which: Which,
    },
    /// Print a report about it, filled in as far as the gateway knows; lines of underscores are to be filled in by hand
    Report {
        number: u64,
        #[arg(value_parser = report, help = "first, supplement, situation or summary")]
        kind: Report,
        #[arg(long, value_parser = language, default_value = "zh", help = "zh or en")]
        language: FormLanguage,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Print the review of it: what happened when, how long each part took, and what the plan asked for
    Review {
        number: u64,
        #[arg(long, value_parser = language, default_value = "zh", help = "zh or en")]
        language: FormLanguage,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Say what a plan, changed or not, would have raised from the log as it is; nothing is put in force
    Replay(Replay),
}

fn level(word: &str) -> Result<Level, &'static str> {
    Level::parse(word).ok_or("a level is one of IV, III, II, I")
}

fn category(word: &str) -> Result<Category, String> {
    Category::parse(word).ok_or_else(|| {
        let all: Vec<&str> = Category::WORDS.iter().map(|(word, _)| *word).collect();
        format!("a category is one of {}", all.join(", "))
    })
}

fn stage(word: &str) -> Result<Stage, &'static str> {
    match Stage::parse(word) {
        Some(Stage::Assessed) => Err("that is what `yumen incident assess` is for"),
        Some(Stage::Merged) => Err("that is what `yumen incident merge` is for"),
        Some(stage) => Ok(stage),
        None => Err("a stage is one of responding, contained, recovering, closed, reviewed, dismissed, detected"),
    }
}

fn report(word: &str) -> Result<Report, &'static str> {
    Report::parse(word).ok_or("a report is one of first, supplement, situation, summary")
}

fn language(word: &str) -> Result<FormLanguage, &'static str> {
    FormLanguage::parse(word).ok_or("reports are in zh or en")
}

fn words(text: &str) -> Result<String, String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Err("says nothing".to_owned()),
        count if count > MOST_WORDS => Err(format!("has {count} characters; {MOST_WORDS} go on record")),
        _ => Ok(text),
    }
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (number, step, which) = match arguments.verb {
        Verb::Replay(replay) => return replay.run(),
        Verb::Notice { test, which } => return done(&which.ask(Ask::TestNotice { channel: test })?),
        Verb::List { all, json, which } => return list(&which.ask(Ask::Incidents { all })?, json),
        Verb::Show { number, json, which } => return show(&which.ask(Ask::Incident { number })?, json),
        Verb::Report { number, kind, language, json, which } => {
            return papers::report(&which.ask(Ask::IncidentReport { number, report: kind, language })?, json);
        }
        Verb::Review { number, language, json, which } => {
            return papers::review(&which.ask(Ask::IncidentReview { number, language })?, json);
        }
        Verb::Acknowledge { number, which } => (number, Step::Acknowledged, which),
        Verb::Assess { number, level, category, why, which } => (number, Step::Assessed { level, category, why }, which),
        Verb::Level { number, level, why, which } => (number, Step::Level { level, why }, which),
        Verb::Move { number, stage, why, which } => (number, Step::Moved { to: stage, why }, which),
        Verb::Merge { number, into, why, which } => (number, Step::Merged { into, why }, which),
        Verb::Note { number, text, which } => (number, Step::Noted { text }, which),
    };
    done(&which.ask(Ask::TakeStep { number, step })?)
}

fn done(answer: &ControlAnswer) -> anyhow::Result<ExitCode> {
    if let ControlAnswer::Done { message } = answer {
        print::result(message)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::Incidents { incidents } = answer else { return Ok(ExitCode::SUCCESS) };
    if json {
        return as_json(incidents);
    }
    if incidents.is_empty() {
        print::remark("yumen: no incident is open");
    } else {
        std::io::stdout().lock().write_all(told::list(incidents, Paint::of_stdout()).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(answer: &ControlAnswer, json: bool) -> anyhow::Result<ExitCode> {
    let ControlAnswer::Incident { incident } = answer else { return Ok(ExitCode::SUCCESS) };
    if json {
        return as_json(incident);
    }
    std::io::stdout().lock().write_all(told::incident(incident, Paint::of_stdout()).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn as_json(answer: &impl serde::Serialize) -> anyhow::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, answer)?;
    writeln!(out)?;
    Ok(ExitCode::SUCCESS)
}
