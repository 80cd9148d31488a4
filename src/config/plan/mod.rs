//! The file of the emergency plan -> checked [`Plan`], with errors of the same kind as the config's.
//!
//! Invariant: a plan that is taken has all four levels, somebody who commands and somebody who handles, and no report that is later than the
//! measures allow.

mod channels;
mod pages;
mod policy;
mod roster;
mod triggers;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

pub use self::roster::{plan_warnings, warnings};

use self::channels::Secret;
use self::policy::Graver;
use super::files::{Files, check_authority};
use super::general::path;
use super::problem::{FileKind, Problems};
use super::read::{Reader, Section, Span, Value};
use super::value::show_duration;
use super::{base_of, read_text, rule, syntax};
use crate::incident::{Colour, Duty, LevelTerms, Operator, Plan, Report, ReportRule, Shift, Task, Texts, Thresholds};
use crate::model::{AccountName, AppId, Level, is_email};

const WITHIN: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(24 * 366);
const MOST: u64 = 10_000_000_000_000;
/// 国家网络安全事件报告管理办法 (2025): a summary within 30 days after the handling ended.
const SUMMARY_WITHIN: Duration = Duration::from_hours(24 * 30);
const TEXTS: &str = "write { zh = \"…\", en = \"…\" }";

/// What a plan has to fit.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub apps: &'a [AppId],
    /// Whether the config says whose USB-KEYs are believed.
    pub usb_keys: bool,
}

/// Reads and checks the file with the certificates that it names, for such a config; `None`: it is not known.
pub fn load_plan(path: &Path, known: Option<Known<'_>>) -> Result<Arc<Plan>, Problems> {
    load_with_text(path, known).map(|(plan, _)| plan)
}

/// The same, with the file as it was written.
pub fn load_with_text(path: &Path, known: Option<Known<'_>>) -> Result<(Arc<Plan>, String), Problems> {
    let (text, name) = read_text(path, FileKind::Plan)?;
    let mut around = Around { base: base_of(path), known, authorities: Vec::new(), secrets: Vec::new() };
    let plan = parse(&text, &name, &mut around)?;
    let unread = around.authorities.iter().filter_map(|(path, span)| check_authority(path, span).err());
    let unread = unread.chain(around.secrets.iter().filter_map(channels::check)).collect();
    let problems = Problems::new(&name, &text, unread);
    if problems.is_empty() { Ok((plan, text)) } else { Err(problems) }
}

/// Checks the text, but not the files that it names.
pub fn parse_plan(text: &str, file_name: &str) -> Result<Arc<Plan>, Problems> {
    parse(text, file_name, &mut Around { base: Path::new(""), known: None, authorities: Vec::new(), secrets: Vec::new() })
}

/// What a plan is read with, and what else is to be read for it.
struct Around<'a> {
    /// Where relative paths start.
    base: &'a Path,
    known: Option<Known<'a>>,
    /// Certificates of those whom the gateway speaks to.
    authorities: Vec<(PathBuf, Span)>,
    secrets: Vec<Secret>,
}

fn parse(text: &str, file_name: &str, around: &mut Around<'_>) -> Result<Arc<Plan>, Problems> {
    let (document, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return Err(Problems::new(file_name, text, syntax::problems(text, &errors)));
    }
    let reader = Reader::default();
    let plan = read(&reader.root(&document), around);
    let (problems, _) = reader.into_problems();
    match plan {
        Some(plan) if problems.is_empty() => Ok(Arc::new(plan)),
        _ => Err(Problems::new(file_name, text, problems)),
    }
}

/// `[incident] plan`: where it is; it is read with the files that a config names.
pub fn named(section: &Section<'_>, base: &Path, files: &mut Files) -> Option<Arc<Plan>> {
    let value = section.get("plan")?;
    files.plan = Some(path(&value, base)?);
    None
}

fn read(root: &Section<'_>, around: &mut Around<'_>) -> Option<Plan> {
    let names = root.need("name", "what the plan is called").and_then(|value| texts(&value));
    let operator = root.need("operator", "who runs the systems: it says how soon incidents are reported");
    let operator = operator.and_then(|value| value.word(&Operator::WORDS));
    let zone = root.need("zone", "the time zone of the plan's days, such as \"Asia/Shanghai\"").and_then(|value| zone(&value));
    let (reports, all_read) = reports(root, operator);
    let levels = levels(&root.section("levels"), all_read.then_some(&reports), around);
    let shifts = shifts(root);
    let triggers = triggers::read(root);
    let pages = pages::read(root, &triggers, around);
    let (channels, escalation) = channels::read(root, &shifts, !reports.is_empty(), around);
    Some(Plan { names: names?, operator: operator?, zone: zone?, levels, shifts, triggers, reports, pages, channels, escalation })
}

/// One text for each language of the plan; where one is missing, the other stands in.
fn texts(value: &Value<'_>) -> Option<Texts> {
    let table = value.table()?;
    let of = |key| table.get(key).and_then(|value| line(&value));
    let (zh, en) = (of("zh"), of("en"));
    match (zh.clone().or(en.clone()), en.or(zh)) {
        (Some(zh), Some(en)) => Some(Texts { zh, en }),
        _ if table.has("zh") || table.has("en") => None,
        _ => value.wrong("says nothing", TEXTS),
    }
}

/// In each language of the plan, or one text for all.
fn one_or_both(value: &Value<'_>) -> Option<Texts> {
    if value.is_text() { line(value).map(|text| Texts { zh: text.clone(), en: text }) } else { texts(value) }
}

fn line(value: &Value<'_>) -> Option<String> {
    let help = "write 1 to 500 characters, on one line";
    let text = value.text(help)?.trim();
    let fits = (1..=500).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Some(text.to_owned()) } else { value.wrong("is not such a text", help) }
}

fn zone(value: &Value<'_>) -> Option<TimeZone> {
    value.meaning("write a name of the IANA time zone database, such as \"Asia/Shanghai\"", |text| {
        TimeZone::get(text).map_err(|_| "is not a time zone")
    })
}

fn levels(section: &Section<'_>, reports: Option<&Vec<ReportRule>>, around: &Around<'_>) -> Vec<LevelTerms> {
    let keys = [("I", Level::I), ("II", Level::II), ("III", Level::III), ("IV", Level::IV)];
    let read = keys.map(|(key, level)| {
        section
            .need(key, "a table with `name`, `colour`, `thresholds` and a checklist")
            .and_then(|value| value.table())
            .map(|table| (level, table))
    });
    let mut graver = Thresholds::default();
    let mut above: Option<Graver> = None;
    let mut all = Vec::new();
    for (level, table) in read.into_iter().flatten() {
        let terms = self::level(level, &table, &graver, reports, around);
        if let Some(terms) = terms {
            graver = terms.thresholds.clone().or(graver);
            let measures = terms.policy.clone().unwrap_or_default();
            if let Some(above) = &above {
                policy::compare(section.reader(), above, level, &measures);
            }
            let span = table.get("policy").map_or(table.span.clone(), |value| value.span.clone());
            above = Some(Graver { level, measures, span });
            all.push(terms);
        }
    }
    all
}

fn level(
    level: Level,
    table: &Section<'_>,
    graver: &Thresholds,
    reports: Option<&Vec<ReportRule>>,
    around: &Around<'_>,
) -> Option<LevelTerms> {
    let names = table.need("name", "what the level is called").and_then(|value| texts(&value));
    let colour = table.need("colour", "the colour by which it is called").and_then(|value| {
        let due = Colour::of(level);
        match value.word(&Colour::WORDS)? {
            colour if colour == due => Some(colour),
            _ => value.wrong(
                format!("is not the colour of level {level}"),
                &format!(
                    "write \"{}\": the national plan (国家网络安全事件应急预案, 3.1) has red, orange, yellow and blue for I to IV",
                    due.word()
                ),
            ),
        }
    });
    let thresholds = thresholds(&table.section("thresholds"), graver);
    let checklist = table.sections("checklist").iter().filter_map(|table| task(table, level, reports)).collect();
    let (policy, once) = (policy::policy(table, around), policy::once(table));
    Some(LevelTerms { level, names: names?, colour: colour?, thresholds, checklist, policy, once })
}

/// None may be above what a graver level has: then the graver one would be proposed first.
fn thresholds(table: &Section<'_>, graver: &Thresholds) -> Thresholds {
    let count = |key: &'static str, graver: Option<u64>| {
        table.get(key).and_then(|value| {
            let count = value.whole(1..=MOST)?;
            if graver.is_some_and(|graver| count >= graver) { too_grave(&value) } else { Some(count) }
        })
    };
    let length = |key: &'static str, graver: Option<Duration>| {
        table.get(key).and_then(|value| {
            let length = value.duration(WITHIN)?;
            if graver.is_some_and(|graver| length >= graver) { too_grave(&value) } else { Some(length) }
        })
    };
    Thresholds {
        accounts: count("accounts", graver.accounts),
        units: count("units", graver.units),
        apps: count("apps", graver.apps),
        people: count("people", graver.people),
        loss: count("loss", graver.loss),
        outage: length("outage", graver.outage),
        defaced: length("defaced", graver.defaced),
    }
}

fn too_grave<T>(value: &Value<'_>) -> Option<T> {
    value.wrong(
        "is not less than that of the level above",
        "write less here, or more there: the graver level would always be proposed instead",
    )
}

/// `reports`: what is to be reported; `None`: that is wrong itself.
fn task(table: &Section<'_>, level: Level, reports: Option<&Vec<ReportRule>>) -> Option<Task> {
    let what = table.need("what", "what is to be done").and_then(|value| texts(&value));
    let duty = table.need("duty", "whose it is").and_then(|value| value.word(&Duty::WORDS));
    let report = table.get("report").and_then(|value| {
        let report = value.word(&[("first", Report::First), ("summary", Report::Summary)])?;
        let is_asked = |reports: &Vec<ReportRule>| reports.iter().any(|rule| rule.report == report && rule.from <= level);
        if reports.is_none_or(is_asked) {
            return Some(report);
        }
        let help = format!("take `report` out, or lower `from` of that report under `[[reports]]` to \"{level}\"");
        value.wrong(format!("is a report that is not due of level {level}"), &help)
    });
    let within = table.get("within").and_then(|value| match report {
        None => value.duration(WITHIN),
        Some(_) => value.wrong("stands beside `report`", "take it out: the task is due when that report is"),
    });
    Some(Task { what: what?, duty: duty?, within, report })
}

fn shifts(root: &Section<'_>) -> Vec<Shift> {
    let sections = root.sections("duties");
    let shifts: Vec<Shift> = sections.iter().filter_map(shift).collect();
    // Where one is wrong, it may be the one that is missing.
    if shifts.len() == sections.len() {
        for (word, duty) in Duty::WORDS.iter().filter(|(_, duty)| matches!(duty, Duty::Commander | Duty::Handler)) {
            if !shifts.iter().any(|shift| shift.duty == *duty) {
                let help = format!("add `[[duties]]` with `duty = \"{word}\"`, `account`, `name` and `phone`");
                root.reader().report(&root.span, format!("nobody is {word}"), String::new(), help);
            }
        }
    }
    shifts
}

fn shift(table: &Section<'_>) -> Option<Shift> {
    let duty = table.need("duty", "what she is").and_then(|value| value.word(&Duty::WORDS));
    let account = table.need("account", "the name of her account, by which she acts");
    let account = account.and_then(|value| value.meaning("write the name of an account", AccountName::parse));
    let name = table.need("name", "what she is called").and_then(|value| line(&value));
    let phone = table.need("phone", "where she is reached").and_then(|value| line(&value));
    let email = table.get("email").and_then(|value| match value.text("write an e-mail address")? {
        text if is_email(text) => Some(text.to_owned()),
        _ => value.wrong("is no e-mail address", "write one such as \"duty@city.example\""),
    });
    let hours = table.get("hours").and_then(|value| rule::hours(&value));
    Some(Shift { duty: duty?, account: account?, name: name?, phone: phone?, email, hours })
}

/// Whether each of them could be read stands beside them.
fn reports(root: &Section<'_>, operator: Option<Operator>) -> (Vec<ReportRule>, bool) {
    let mut rules: Vec<ReportRule> = Vec::new();
    let mut seen = BTreeMap::new();
    let tables = root.sections("reports");
    for table in &tables {
        let Some(rule) = report(table, operator) else { continue };
        if seen.insert((rule.report.word(), rule.from, rule.to.zh.clone()), ()).is_some() {
            let help = "take one of them out: they say the same report to the same place";
            root.reader().report(&table.span, "this report is there twice".to_owned(), String::new(), help.to_owned());
        }
        rules.push(rule);
    }
    // Where one is wrong, it may be the one that is missing.
    let all_read = rules.len() == tables.len();
    if all_read {
        for (word, report) in Report::WORDS.iter().filter(|(_, report)| matches!(report, Report::First | Report::Summary)) {
            if !rules.iter().any(|rule| rule.report == *report && rule.from <= Level::III) {
                let help = format!("add `[[reports]]` with `report = \"{word}\"`, `from = \"III\"`, `within`, `to` and `source`");
                root.reader().report(&root.span, format!("no {word} report is due of level III and above"), String::new(), help);
            }
        }
    }
    (rules, all_read)
}

fn report(table: &Section<'_>, operator: Option<Operator>) -> Option<ReportRule> {
    let report = table.need("report", "which it is").and_then(|value| value.word(&Report::WORDS));
    let from = table.need("from", "the lowest level for which it is due").and_then(|value| rule::level(&value));
    let within = table.need("within", "how soon").and_then(|value| {
        let within = value.duration(WITHIN)?;
        let latest = match report? {
            Report::First => operator.map(Operator::first_report_within),
            Report::Summary => Some(SUMMARY_WITHIN),
            Report::Supplement | Report::Situation => None,
        };
        match latest.filter(|latest| within > *latest) {
            Some(latest) => value.wrong(
                "is later than the measures allow this operator",
                &format!("write \"{}\" or less (国家网络安全事件报告管理办法, 2025)", show_duration(latest)),
            ),
            None => Some(within),
        }
    });
    let to = table.need("to", "who gets it").and_then(|value| texts(&value));
    let source = table.need("source", "which law or measure says so, with its article").and_then(|value| one_or_both(&value));
    Some(ReportRule { report: report?, from: from?, within: within?, to: to?, source: source? })
}
