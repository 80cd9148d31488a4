//! `yumen incident`: the incidents that the gateway knows, the steps of handling them, and what the triggers of a plan find in a log.

mod papers;
mod replay;
mod told;

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;

use crate::gateway::{Ask, ControlAnswer};
use crate::incident::{Category, Extent, FormLanguage, MOST_WORDS, Opening, Report, Step, Subject};
use crate::model::{AccountName, AppId, Level, Stage};

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
    /// Open an incident that you found yourself
    Open(Open),
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
    /// Hand it over to somebody else on the duty list
    HandOver {
        number: u64,
        #[arg(value_parser = account)]
        account: AccountName,
        #[command(flatten)]
        which: Which,
    },
    /// Say how much is concerned, as far as you know; what you leave out stays as it is
    Extent(Size),
    /// Tick a task of the checklist off
    Task {
        number: u64,
        /// Its number as `yumen incident show` lists it, or what it is called on record
        #[arg(value_parser = words)]
        task: String,
        /// It is not done after all
        #[arg(long)]
        undo: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Say that a report was sent, or was not after all
    Sent {
        number: u64,
        #[arg(value_parser = report, help = "first, supplement, situation or summary")]
        kind: Report,
        /// To whom, as the plan calls her; where it names one only, that one
        #[arg(long, value_name = "WHOM", value_parser = words)]
        to: Option<String>,
        /// It was not sent after all
        #[arg(long)]
        undo: bool,
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

#[derive(clap::Args)]
struct Open {
    /// What happened, in a line
    #[arg(value_parser = words)]
    title: String,
    #[arg(long, value_parser = level, help = "IV, III, II or I, as you think it is")]
    level: Level,
    /// What kind it is (GB/T 20986), such as attack or data
    #[arg(long, value_parser = category)]
    category: Category,
    /// Whom or what it is about, such as account:wang, address:203.0.113.7, unit:新闻办 or app:sites
    #[arg(long, value_parser = subject)]
    about: Option<Subject>,
    #[command(flatten)]
    which: Which,
}

#[derive(clap::Args)]
struct Size {
    number: u64,
    /// How many accounts
    #[arg(long)]
    accounts: Option<u64>,
    /// How many units
    #[arg(long)]
    units: Option<u64>,
    /// An app, by its id in the config; may be repeated
    #[arg(long = "app", value_name = "APP", value_parser = app)]
    apps: Vec<AppId>,
    /// Of how many people personal information was leaked
    #[arg(long)]
    people: Option<u64>,
    /// The direct loss, in yuan
    #[arg(long)]
    loss: Option<u64>,
    /// For how many minutes nobody could work
    #[arg(long)]
    outage: Option<u64>,
    /// For how many minutes something else stood on a public page
    #[arg(long)]
    defaced: Option<u64>,
    #[command(flatten)]
    which: Which,
}

impl Size {
    fn extent(self) -> Extent {
        let Self { accounts, units, apps, people, loss, outage, defaced, .. } = self;
        Extent { accounts, units, apps, people, loss, outage, defaced }
    }
}

fn subject(text: &str) -> Result<Subject, &'static str> {
    Subject::try_from(text.to_owned()).map_err(|_| "is written as account:NAME, address:ADDRESS, unit:NAME, app:ID or gateway")
}

fn account(name: &str) -> Result<AccountName, String> {
    AccountName::parse(name).map_err(|why| why.to_string())
}

fn app(id: &str) -> Result<AppId, &'static str> {
    AppId::parse(id).ok_or("ids of apps are in small letters, digits and hyphens")
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

pub(super) fn language(word: &str) -> Result<FormLanguage, &'static str> {
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
        Verb::Open(Open { title, level, category, about, which }) => {
            let opening = Opening { title, level, category, subject: about };
            return done(&which.ask(Ask::OpenIncident { opening })?);
        }
        Verb::HandOver { number, account, which } => (number, Step::HandedTo { account }, which),
        Verb::Extent(size) => {
            let (number, which) = (size.number, size.which.clone());
            (number, Step::Extent(size.extent()), which)
        }
        Verb::Task { number, task, undo, which } => (number, Step::Task { task, done: !undo }, which),
        Verb::Sent { number, kind, to, undo, which } => {
            let (report, to) = (kind, to.unwrap_or_default());
            (number, if undo { Step::NotReported { report, to } } else { Step::Reported { report, to } }, which)
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn read(words: &str) -> Result<Verb, clap::Error> {
        Line::try_parse_from(std::iter::once("incident").chain(words.split(' '))).map(|line| line.arguments.verb)
    }

    #[test]
    fn a_report_that_was_sent_names_whom_it_went_to_or_leaves_that_to_the_plan() {
        assert!(matches!(read("sent 68 first"), Ok(Verb::Sent { number: 68, kind: Report::First, to: None, .. })));
        assert!(matches!(read("sent 68 first --to 网信办"), Ok(Verb::Sent { to: Some(to), .. }) if to == "网信办"));
        assert!(read("sent 68 first --to ").is_err());
    }
}
