//! Drills as the control socket is asked for them.

use serde::{Deserialize, Serialize};

use super::{ControlAnswer, done, told};
use crate::admin::{Actor, Change};
use crate::gateway::house::House;
use crate::incident::{self, Drill, Plan, Scenario};
use crate::model::{AppId, Level};

/// The names of the fields are promised to scripts.
#[derive(Debug, Serialize, Deserialize)]
pub struct DrillFacts {
    pub number: u64,
    pub scenario: String,
    pub by: Option<String>,
    pub at: String,
    /// What triggers found, a line each.
    pub found: Vec<String>,
    /// The incidents that came of it.
    pub incidents: Vec<u64>,
}

pub(super) async fn run(house: &House, actor: &Actor, scenario: Scenario) -> Result<ControlAnswer, String> {
    let app = app(house).ok_or("the config has no app to play it in")?;
    let (number, found) = house.desk.begin_drill(actor, scenario, &app, house.clock.wall()).await.map_err(|error| told(&error))?;
    let book = house.desk.incidents().book();
    let mut facts = book.drills().find(|drill| drill.number == number).map(|drill| facts(house, drill)).ok_or("it is not read back yet")?;
    facts.found = found.iter().map(|signal| format!("{} of {}, level {}", signal.trigger, signal.subject, signal.level)).collect();
    Ok(ControlAnswer::Drill { drill: Box::new(facts) })
}

pub(super) fn list(house: &House, actor: &Actor) -> Result<ControlAnswer, String> {
    let book = house.desk.read_incidents(actor).map_err(|error| told(&error))?;
    Ok(ControlAnswer::Drills { drills: book.drills().map(|drill| facts(house, drill)).collect() })
}

fn facts(house: &House, drill: &Drill) -> DrillFacts {
    let book = house.desk.incidents().book();
    let of_it = book.cases().filter(|case| case.drill == Some(drill.number));
    let mut incidents: Vec<u64> = of_it.map(|case| case.number).collect();
    incidents.sort_unstable();
    DrillFacts {
        number: drill.number,
        scenario: drill.scenario.clone(),
        by: drill.by.as_ref().map(ToString::to_string),
        at: drill.at.to_string(),
        found: Vec::new(),
        incidents,
    }
}

/// The first one is as good as any: nothing reaches it.
fn app(house: &House) -> Option<AppId> {
    house.map.load().sites.values().map(|site| site.app.id.clone()).min()
}

/// The scenario with what the plan says to it.
pub(super) fn tabletop(house: &House, actor: &Actor, scenario: Scenario) -> Result<ControlAnswer, String> {
    house.desk.permit(actor, Change::RunDrill).map_err(|error| told(&error))?;
    let plan = house.desk.incidents().plan().ok_or("there is no emergency plan: name one with `plan` under [incident] in the config")?;
    let app = app(house).ok_or("the config has no app to play it in")?;
    let now = house.clock.wall();
    let found = incident::found_in_drill(scenario, &plan, &app, 0, now);
    let mut text = format!("TABLE-TOP DRILL 桌面演练: {scenario}\n{} / {}\n\nWhat happens\n", plan.names.zh, plan.names.en);
    for (n, line) in (1..).zip(scenario.script()) {
        text.push_str(&format!("  {n}. {line}\n"));
    }
    text.push_str("\nWhat the triggers of the plan would have found\n");
    let lines = found.iter().map(|signal| format!("  {} (level {})\n", signal.trigger, signal.level));
    text.extend(lines);
    if found.is_empty() {
        text.push_str("  nothing: how would you have noticed?\n");
    }
    text.push_str("\nWho is on duty now\n");
    text.extend(incident::on_duty(&plan, now).map(|shift| format!("  {}: {}, {}\n", shift.duty.word(), shift.name, shift.phone)));
    let level = found.iter().map(|signal| signal.level).max().unwrap_or(Level::IV);
    text.push_str(&asked(&plan, level));
    text.push_str(
        "\nTo talk about\n  Who notices first, and who is told? Which level, and why? What is closed, for whom, and who must go on working?\n  \
         What has to be reported, by whom, until when? What would have been different at three in the morning?\n",
    );
    Ok(done(text))
}

/// What the plan asks for at a level.
fn asked(plan: &Plan, level: Level) -> String {
    let mut text = format!("\nWhat the plan asks for at level {level}\n");
    for terms in plan.levels.iter().filter(|terms| terms.level <= level) {
        for task in &terms.checklist {
            let within = match (task.report, task.within) {
                (Some(report), _) => format!(", when the {} report is due", report.word()),
                (None, Some(within)) => format!(", within {} min of the level", within.as_secs() / 60),
                (None, None) => String::new(),
            };
            text.push_str(&format!("  {} / {} ({}{within})\n", task.what.zh, task.what.en, task.duty.word()));
        }
    }
    for rule in plan.reports(level) {
        let hours = rule.within.as_secs() / 3_600;
        text.push_str(&format!(
            "  {} report to {} / {} within {hours} h ({})\n",
            rule.report.word(),
            rule.to.zh,
            rule.to.en,
            rule.source.en
        ));
    }
    text
}
