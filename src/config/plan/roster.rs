//! What is doubtful in the roster of a plan that is good otherwise: hours in which nobody handles incidents.

use std::collections::BTreeMap;

use jiff::civil::Weekday;

use super::super::problem::{Problem, Problems};
use crate::clock::Time;
use crate::incident::{Duty, Plan, gaps};

const MOST_NAMED: usize = 5;

/// The same for a plan that is looked at by itself.
pub fn plan_warnings(plan: &Plan, file_name: &str, now: Time) -> Problems {
    Problems::warnings(file_name, "", warnings(plan, now))
}

pub fn warnings(plan: &Plan, now: Time) -> Vec<Problem> {
    let gaps = told(plan, now);
    if gaps.is_empty() {
        return Vec::new();
    }
    let (named, more) = gaps.split_at(gaps.len().min(MOST_NAMED));
    let more = if more.is_empty() { String::new() } else { format!(", and {} more times", more.len()) };
    vec![Problem {
        span: None,
        what: format!("by the emergency plan nobody has the duty `handler` at these times: {}{more}", named.join(", ")),
        found: String::new(),
        help: "let the `hours` of a shift under `[[duties]]` cover them, or leave `hours` out of one".to_owned(),
    }]
}

/// Gaps as the clocks of the plan's zone show them; those at the same hours of several days are one.
fn told(plan: &Plan, now: Time) -> Vec<String> {
    let local = |time: Time| time.timestamp().to_zoned(plan.zone.clone());
    let mut days: BTreeMap<(String, String), Vec<Weekday>> = BTreeMap::new();
    for (from, to) in gaps(plan, Duty::Handler, now) {
        let (from, to) = (local(from), local(to));
        let nights = from.date().until(to.date()).map_or(0, |span| span.get_days());
        let end = match nights {
            0 => to.strftime("%H:%M").to_string(),
            1 => to.strftime("%H:%M on the next day").to_string(),
            _ => to.strftime("%a %H:%M").to_string(),
        };
        let days = days.entry((from.strftime("%H:%M").to_string(), end)).or_default();
        if !days.contains(&from.weekday()) {
            days.push(from.weekday());
        }
    }
    days.into_iter()
        .map(|((from, to), mut days)| {
            days.sort_by_key(|day| day.to_monday_zero_offset());
            let days: Vec<&str> = days.into_iter().map(name).collect();
            let days = if days.len() == 7 { "every day".to_owned() } else { days.join(" ") };
            format!("{days} {from} to {to}")
        })
        .collect()
}

fn name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "mon",
        Weekday::Tuesday => "tue",
        Weekday::Wednesday => "wed",
        Weekday::Thursday => "thu",
        Weekday::Friday => "fri",
        Weekday::Saturday => "sat",
        Weekday::Sunday => "sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../config/plan.toml");
    const DAY: &str = "hours = { from = \"08:00\", to = \"20:00\", zone = \"Asia/Shanghai\" }";
    const NIGHT: &str = "hours = { from = \"20:00\", to = \"08:00\", zone = \"Asia/Shanghai\" }";
    const NOW: Time = Time::from_millis(1_795_316_645_678);

    #[track_caller]
    fn found(day: &str, night: &str) -> Vec<String> {
        assert!(EXAMPLE.contains(DAY) && EXAMPLE.contains(NIGHT));
        let plan = super::super::parse_plan(&EXAMPLE.replace(DAY, day).replace(NIGHT, night), "plan.toml");
        told(&plan.unwrap_or_else(|problems| panic!("{problems}")), NOW)
    }

    #[test]
    fn hours_in_which_nobody_handles_incidents_are_a_warning() {
        assert!(found(DAY, NIGHT).is_empty() && found(DAY, "").is_empty());
        assert_eq!(found(DAY, &NIGHT.replace("20:00", "21:00")), ["every day 20:00 to 21:00"]);
        assert_eq!(found(DAY, DAY), ["every day 20:00 to 08:00 on the next day"]);
        let weekdays = DAY.replace("{ ", "{ days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], ");
        assert_eq!(found(&weekdays, NIGHT), ["sat sun 08:00 to 20:00"]);
        assert_eq!(found(&weekdays, &weekdays), ["mon tue wed thu 20:00 to 08:00 on the next day", "fri 20:00 to Mon 08:00"]);
        let plan = super::super::parse_plan(&EXAMPLE.replace(NIGHT, DAY), "plan.toml").unwrap();
        let warned = plan_warnings(&plan, "plan.toml", NOW).to_string();
        assert!(warned.contains("warning: ") && warned.contains("`handler`") && warned.contains("[[duties]]"), "{warned}");
    }
}
