//! Drills as the control socket is asked for them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ControlAnswer, done, told};
use crate::admin::{Actor, Change};
use crate::clock::Time;
use crate::gateway::house::House;
use crate::incident::{self, Drill, Duty, FormLanguage, Plan, Scenario};
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
pub(super) fn tabletop(house: &House, actor: &Actor, scenario: Scenario, language: FormLanguage) -> Result<ControlAnswer, String> {
    house.desk.permit(actor, Change::RunDrill).map_err(|error| told(&error))?;
    let plan = house.desk.incidents().plan().ok_or("there is no emergency plan: name one with `plan` under [incident] in the config")?;
    let app = app(house).ok_or("the config has no app to play it in")?;
    Ok(done(around_the_table(scenario, &plan, &app, language, house.clock.wall())))
}

fn around_the_table(scenario: Scenario, plan: &Arc<Plan>, app: &AppId, language: FormLanguage, now: Time) -> String {
    let say = |zh, en| language.of(zh, en);
    let found = incident::found_in_drill(scenario, plan, app, 0, now);
    let mut text = format!("{}: {scenario}\n{}\n", say("桌面演练", "TABLE-TOP DRILL"), language.text(&plan.names));
    text.push_str(say("\n发生了什么\n", "\nWhat happens\n"));
    for (n, line) in (1..).zip(scenario.script(language)) {
        text.push_str(&format!("  {n}. {line}\n"));
    }
    text.push_str(say("\n预案的触发条件会发现\n", "\nWhat the triggers of the plan would have found\n"));
    text.extend(found.iter().map(|signal| match language {
        FormLanguage::Chinese => format!("  {}（{} 级）\n", signal.trigger, signal.level),
        FormLanguage::English => format!("  {} (level {})\n", signal.trigger, signal.level),
    }));
    if found.is_empty() {
        text.push_str(say("  什么也没有：你们会怎样发觉？\n", "  nothing: how would you have noticed?\n"));
    }
    text.push_str(say("\n现在谁值班\n", "\nWho is on duty now\n"));
    let on_duty = incident::on_duty(plan, now);
    text.extend(on_duty.map(|shift| format!("  {}: {}, {}\n", duty(shift.duty, language), shift.name, shift.phone)));
    let level = found.iter().map(|signal| signal.level).max().unwrap_or(Level::IV);
    text.push_str(&asked(plan, level, language));
    text.push_str(say(
        "\n供讨论\n  谁最先发觉，通知谁？定哪一级，为什么？对谁关闭什么，谁必须能继续工作？\n  \
         什么要在何时之前由谁上报？如果发生在凌晨三点，会有什么不同？\n",
        "\nTo talk about\n  Who notices first, and who is told? Which level, and why? What is closed, for whom, and who must go on working?\n  \
         What has to be reported, by whom, until when? What would have been different at three in the morning?\n",
    ));
    text
}

/// What the plan asks for at a level.
fn asked(plan: &Plan, level: Level, language: FormLanguage) -> String {
    let mut text = match language {
        FormLanguage::Chinese => format!("\n预案在 {level} 级的要求\n"),
        FormLanguage::English => format!("\nWhat the plan asks for at level {level}\n"),
    };
    let length = |length| incident::length(length, language);
    for task in plan.levels.iter().filter(|terms| terms.level <= level).flat_map(|terms| &terms.checklist) {
        let (what, duty) = (language.text(&task.what), duty(task.duty, language));
        let when = match (task.report.map(|report| language.report(report)), task.within.map(length), language) {
            (Some(report), _, FormLanguage::Chinese) => format!("，与{report}同时限"),
            (Some(report), _, FormLanguage::English) => format!(", when the {report} is due"),
            (None, Some(within), FormLanguage::Chinese) => format!("，定级后 {within}内"),
            (None, Some(within), FormLanguage::English) => format!(", within {within} of the level"),
            (None, None, _) => String::new(),
        };
        text.push_str(&match language {
            FormLanguage::Chinese => format!("  {what}（{duty}{when}）\n"),
            FormLanguage::English => format!("  {what} ({duty}{when})\n"),
        });
    }
    for rule in plan.reports(level) {
        let (to, within, source) = (language.text(&rule.to), length(rule.within), language.text(&rule.source));
        text.push_str(&match language {
            FormLanguage::Chinese => format!("  {within}内向{to}作{}（{source}）\n", language.report(rule.report)),
            FormLanguage::English => format!("  {} to {to} within {within} ({source})\n", language.report(rule.report)),
        });
    }
    text
}

fn duty(duty: Duty, language: FormLanguage) -> &'static str {
    let chinese = match duty {
        Duty::Commander => "指挥",
        Duty::Handler => "处置",
        Duty::Recorder => "记录",
        Duty::Liaison => "联络",
    };
    language.of(chinese, duty.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_top_is_in_one_language_and_says_lengths_as_people_do() {
        let plan = crate::config::parse_plan(include_str!("../../../config/plan.toml"), "plan.toml").unwrap();
        let app = AppId::parse("sites").unwrap();
        for (scenario, word) in Scenario::WORDS.map(|(word, scenario)| (scenario, word)) {
            let told = |language| around_the_table(scenario, &plan, &app, language, Time::from_millis(1_795_316_645_678));
            let (chinese, english) = (told(FormLanguage::Chinese), told(FormLanguage::English));
            assert!(chinese.contains(word) && chinese.contains("供讨论") && !chinese.contains("level "), "{chinese}");
            assert!(english.contains(word) && english.contains("To talk about") && !english.contains("供讨论"), "{english}");
            if scenario == Scenario::PasswordSpraying {
                assert!(
                    chinese.contains("定级后 1 小时内") && chinese.contains("4 小时内向") && chinese.contains("30 天内向"),
                    "{chinese}"
                );
                assert!(
                    english.contains("within 1 h of the level") && english.contains("within 4 h (") && english.contains("within 30 d ("),
                    "{english}"
                );
            }
        }
    }
}
