//! `[levels.….policy]` and `[levels.….once]`: what a level does while it is in force, and what is done once.
//!
//! Invariant: no graver level lets through what a less grave one does not.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::super::read::{Reader, Section, Span, Value};
use super::super::rule::network;
use super::Around;
use super::pages::app;
use crate::incident::{Apps, Measures, Narrowed, Once, Whose};
use crate::model::{AccountName, FactorDemand, Level};

const LASTS: RangeInclusive<Duration> = Duration::from_mins(10)..=Duration::from_hours(72);
const IDLE: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(2);
const OVERALL: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(12);
const APPS: &str = "write \"all\", or a list of apps such as [\"sites\"]";

/// `None`: the plan says nothing of it.
pub fn policy(level: &Section<'_>, around: &Around<'_>) -> Option<Measures> {
    let table = level.get("policy")?.table()?;
    let closed = table.get("closed").and_then(|value| apps(&value, around));
    let accounts = |value: &Value<'_>| value.list(|item| item.meaning("write the name of an account", AccountName::parse));
    let break_glass = match table.has("closed") {
        true => table.need("break_glass", "who enters all the same, such as [\"zhao\"]").map(|value| accounts(&value)),
        false => table.get("break_glass").and_then(|value| value.wrong("has no use", "say what is `closed` too, or take it out")),
    };
    Some(Measures {
        lasts: table.or("for", Measures::default().lasts, |value| value.duration(LASTS)),
        idle: table.get("idle").and_then(|value| value.duration(IDLE)),
        overall: table.get("overall").and_then(|value| value.duration(OVERALL)),
        factor: table.get("factor").and_then(|value| factor(&value, around)),
        fresh: table.get("fresh").and_then(|value| value.duration(OVERALL)),
        read_only: table.get("read_only").and_then(|value| apps(&value, around)),
        from: table.get("from").and_then(|value| narrowed(&value, around)),
        closed,
        break_glass: break_glass.unwrap_or_default(),
        freeze_enrolment: table.or("freeze_enrolment", false, |value| value.boolean()),
    })
}

fn apps(value: &Value<'_>, around: &Around<'_>) -> Option<Apps> {
    if value.is_list() {
        return Some(Apps::These(value.list(|item| app(item, around))));
    }
    match value.text(APPS)? {
        "all" => Some(Apps::All),
        _ => value.wrong("is neither \"all\" nor a list of apps", APPS),
    }
}

fn factor(value: &Value<'_>, around: &Around<'_>) -> Option<FactorDemand> {
    let factor = value.word(&FactorDemand::WORDS)?;
    if factor == FactorDemand::UsbKey && around.known.is_some_and(|known| !known.usb_keys) {
        let help = "add `[usb_keys]` to the config with the authorities whose certificates are, or ask for another factor";
        return value.wrong("asks for USB-KEYs, but nobody's are believed, so nobody could enter", help);
    }
    Some(factor)
}

/// A list of networks, or a table that says for which apps.
fn narrowed(value: &Value<'_>, around: &Around<'_>) -> Option<Narrowed> {
    if value.is_list() {
        return Some(Narrowed { networks: value.list(network), apps: Apps::All });
    }
    let table = value.table()?;
    let networks = table.need("networks", "from where somebody may enter, such as [\"10.0.0.0/8\"]").map(|value| value.list(network));
    let apps = table.need("apps", "for which apps: \"all\", or a list such as [\"sites\"]").and_then(|value| apps(&value, around));
    Some(Narrowed { networks: networks?, apps: apps? })
}

pub fn once(level: &Section<'_>) -> Once {
    let table = level.section("once");
    Once {
        end_sessions: table.get("end_sessions").and_then(|value| value.word(&Whose::WORDS)),
        suspend_tokens: table.or("suspend_tokens", false, |value| value.word(&[("concerned", true)])),
    }
}

/// What the level above holds, as far as it was read.
pub struct Graver {
    pub level: Level,
    pub measures: Measures,
    /// Where its policy stands, or would.
    pub span: Span,
}

/// What holds at a level must hold at the next graver one.
pub fn compare(reader: &Reader, graver: &Graver, level: Level, measures: &Measures) {
    let Graver { level: graver_level, measures: own, span } = graver;
    let laxer = own.laxer_than(measures);
    if !laxer.is_empty() {
        let parts = laxer.iter().map(|part| format!("`{part}`")).collect::<Vec<_>>().join(", ");
        let what = format!("`levels.{graver_level}.policy` is laxer than that of level {level} in {parts}");
        let help = format!("what holds at {level} must hold at {graver_level}: write there as much as below, or more");
        reader.report(span, what, String::new(), help);
    }
}

#[cfg(test)]
mod tests;
