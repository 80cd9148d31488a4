//! `yumen drill`: practises the emergency plan.

use std::process::ExitCode;

use clap::Subcommand;

use super::control::Which;
use super::paint::{Cell, Paint, Tint, columns};
use super::print;
use crate::gateway::{Ask, ControlAnswer, DrillFacts};
use crate::incident::{FormLanguage, Scenario};
use crate::model::visible;

#[derive(clap::Args)]
#[command(after_long_help = "\
A drill (演练) plays what would stand in the log through the triggers of the plan. What they find is on record, in the console and in notices as \
it would be, marked as a drill everywhere; people handle it like a real incident, and nobody is kept from work by it. Scenarios: \
password-spraying, lost-administrator-token, defaced-page, bulk-download.")]
pub struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Begin a drill on the running gateway
    Run {
        #[arg(value_parser = scenario)]
        scenario: Scenario,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Print a scenario to talk through around a table: what happens, who is on duty, what the plan asks for; nothing goes on record
    Tabletop {
        #[arg(value_parser = scenario)]
        scenario: Scenario,
        #[arg(long, value_parser = super::incident::language, default_value = "zh", help = "zh or en")]
        language: FormLanguage,
        #[command(flatten)]
        which: Which,
    },
    /// List the drills that there were
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: Which,
    },
}

fn scenario(word: &str) -> Result<Scenario, String> {
    Scenario::parse(word).ok_or_else(|| {
        let all: Vec<&str> = Scenario::WORDS.iter().map(|(word, _)| *word).collect();
        format!("a scenario is one of {}", all.join(", "))
    })
}

pub fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (answer, json) = match arguments.verb {
        Verb::Run { scenario, json, which } => (which.ask(Ask::RunDrill { scenario })?, json),
        Verb::Tabletop { scenario, language, which } => (which.ask(Ask::Tabletop { scenario, language })?, false),
        Verb::List { json, which } => (which.ask(Ask::Drills)?, json),
    };
    match answer {
        ControlAnswer::Drill { drill } if json => print::result(serde_json::to_string_pretty(&drill)?)?,
        ControlAnswer::Drill { drill } => print::results(told(&drill))?,
        ControlAnswer::Drills { drills } if json => print::result(serde_json::to_string_pretty(&drills)?)?,
        ControlAnswer::Drills { drills } if drills.is_empty() => print::remark("yumen: there was no drill yet"),
        ControlAnswer::Drills { drills } => {
            let row = |drill: &DrillFacts| {
                let incidents: Vec<String> = drill.incidents.iter().map(u64::to_string).collect();
                let by = drill.by.clone().unwrap_or_else(|| "the machine's owner".to_owned());
                let incidents =
                    if incidents.is_empty() { "nothing was found".to_owned() } else { format!("incidents {}", incidents.join(", ")) };
                [super::account::minute(&drill.at), drill.scenario.clone(), visible(&by), incidents].map(Cell::plain).to_vec()
            };
            let rows: Vec<Vec<Cell>> = drills.iter().map(row).collect();
            print::results(columns(&rows, Paint::of_stdout()))?;
        }
        ControlAnswer::Done { message } => print::results(message)?,
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn told(drill: &DrillFacts) -> String {
    let paint = Paint::of_stdout();
    let mut text = format!("{} {} (record {})\n", paint.on(Tint::Strong, "DRILL 演练"), drill.scenario, drill.number);
    for found in &drill.found {
        text.push_str(&format!("  found {found}\n"));
    }
    if drill.found.is_empty() {
        text.push_str("  No trigger of the plan found anything: it would not have noticed. Add a trigger, or take an exception out.\n");
    }
    for incident in &drill.incidents {
        text.push_str(&format!(
            "  incident {incident}: handle it as if it were real; `yumen incident show {incident}` tells how it stands\n"
        ));
    }
    text
}
