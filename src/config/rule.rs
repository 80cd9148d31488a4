//! Reads the rules of an app.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use http::Method;
use ipnet::IpNet;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::read::{Section, Value};
use super::value::show_duration;
use crate::access::{Demand, Effect, PathPattern, Rule};
use crate::model::{AccountName, FactorDemand, Hours, Label, Level, PathAllowance, Role, UnitName};

/// Long enough to come back from signing in.
const FRESH: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(12 * 3600);

/// What bounds that which an app, or a rule of it, can ask for.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a session lasts in the app, where its label is known.
    pub session: Option<(Label, Duration)>,
    /// Whether the file says whose USB-KEYs are believed.
    pub usb_keys: bool,
    /// What the app asks for itself, which a rule may change.
    pub app: Demand,
}

pub fn read_all(app: &Section<'_>, paths: PathAllowance, bounds: Bounds) -> Vec<Rule> {
    let mut names = BTreeSet::new();
    app.sections("rule").iter().filter_map(|section| read(section, paths, bounds, &mut names)).collect()
}

pub fn pattern(value: &Value<'_>, paths: PathAllowance) -> Option<PathPattern> {
    let expected = "write a path such as \"/admin/**\" or \"/files/*.pdf\"; `*` stays within a segment, `/**` ends it";
    value.meaning(expected, |text| PathPattern::parse(text, paths))
}

fn read(section: &Section<'_>, paths: PathAllowance, bounds: Bounds, names: &mut BTreeSet<String>) -> Option<Rule> {
    let name = name(section, names);
    let deny = section.or("deny", false, |value| value.boolean());
    let rule = Rule {
        name: String::new(),
        effect: if deny { Effect::Deny } else { Effect::Allow },
        accounts: part(section, "accounts", |item| item.meaning("write the name of an account", AccountName::parse)),
        units: part(section, "units", |item| item.meaning("write the name of a unit, as its accounts have it", UnitName::parse)),
        roles: part(section, "roles", role),
        from: part(section, "from", network),
        when: section.get("hours").and_then(|value| hours(&value)),
        level: section.get("level").and_then(|value| level(&value)),
        below: section.get("below").and_then(|value| below(&value, section)),
        methods: part(section, "methods", method),
        paths: part(section, "paths", |item| pattern(item, paths)),
        demand: demand(section, bounds),
    };
    let says_who = ["accounts", "units", "roles"].iter().any(|key| section.has(key));
    if !deny && !says_who {
        let help = "add `accounts`, `units` or `roles`: there is no rule that lets everybody in";
        section.reader().report(&section.span, "this rule does not say whom it lets in".to_owned(), String::new(), help.to_owned());
    }
    if deny {
        for value in ["factor", "fresh"].into_iter().filter_map(|key| section.get(key)) {
            value.wrong::<()>("has no use in a rule that refuses", "put it into the rule that lets somebody in, or take it out");
        }
    }
    if deny && !says_who && !["from", "hours", "level", "below", "methods", "paths"].iter().any(|key| section.has(key)) {
        let help = "add what it is about; an app without rules lets nobody in already";
        section.reader().report(&section.span, "this rule denies everything".to_owned(), String::new(), help.to_owned());
    }
    Some(Rule { name: name?, ..rule })
}

/// An emergency level.
pub fn level(value: &Value<'_>) -> Option<Level> {
    let levels: Vec<(&str, Level)> = Level::ALL.iter().map(|level| (level.word(), *level)).collect();
    value.word(&levels)
}

fn below(value: &Value<'_>, section: &Section<'_>) -> Option<Level> {
    let below = level(value)?;
    let least = section.get("level").and_then(|value| Level::parse(value.as_text()?));
    match least.filter(|least| *least >= below) {
        Some(least) => value.wrong(
            format!("leaves no level, as `level` is \"{least}\""),
            "take one of them out, or write a graver level here: a rule holds from `level` on, and up to `below`",
        ),
        None => Some(below),
    }
}

/// `factor` and `fresh`, of an app or of a rule.
pub fn demand(section: &Section<'_>, bounds: Bounds) -> Demand {
    Demand {
        factor: section.get("factor").and_then(|value| factor(&value, bounds)),
        fresh: section.get("fresh").and_then(|value| fresh(&value, bounds)),
    }
}

fn factor(value: &Value<'_>, bounds: Bounds) -> Option<FactorDemand> {
    let factor = value.word(&FactorDemand::WORDS)?;
    if factor == FactorDemand::UsbKey && !bounds.usb_keys {
        let help = "add `[usb_keys]` with the authorities whose certificates are, or ask for another factor";
        return value.wrong("asks for USB-KEYs, but nobody's are believed, so nobody could enter", help);
    }
    if let Some(app) = bounds.app.factor.filter(|app| app.implies(factor) && !factor.implies(*app)) {
        value.doubt(
            format!("is weaker than the app's, \"{}\"", app.word()),
            "whoever this rule lets in needs no more than this: is it meant?",
        );
    }
    Some(factor)
}

fn fresh(value: &Value<'_>, bounds: Bounds) -> Option<Duration> {
    let fresh = value.duration(FRESH)?;
    if let Some((label, overall)) = bounds.session.filter(|(_, overall)| fresh > *overall) {
        let what = format!("is longer than a session lasts in this app, \"{}\"", show_duration(overall));
        let help = format!("nobody would ever be asked again: write less, or raise `labels.{}.overall`", label.word());
        return value.wrong(what, &help);
    }
    if let Some(app) = bounds.app.fresh.filter(|app| fresh > *app) {
        let what = format!("is longer than the app's, \"{}\"", show_duration(app));
        value.doubt(what, "whoever this rule lets in need not prove it as lately: is it meant?");
    }
    Some(fresh)
}

fn name(section: &Section<'_>, names: &mut BTreeSet<String>) -> Option<String> {
    let value = section.need("name", "a few words; the log says which rule decided")?;
    let text = value.text("write a few words; the log says which rule decided")?.trim();
    if !(1..=64).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return value.wrong("is not a name", "write 1 to 64 characters, no control characters");
    }
    if !names.insert(text.to_owned()) {
        return value.wrong("is another rule's too", "give every rule of an app a name of its own, so that the log is clear");
    }
    Some(text.to_owned())
}

/// A part of a rule: everything where the file does not name it.
fn part<T: PartialEq>(section: &Section<'_>, key: &'static str, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    section.or(key, Vec::new(), |value| Some(value.list(read)))
}

fn role(value: &Value<'_>) -> Option<Role> {
    let words: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.word(), *role)).collect();
    value.word(&words)
}

pub fn network(value: &Value<'_>) -> Option<IpNet> {
    let expected = "write a network such as \"10.0.0.0/8\" or \"2001:db8::/32\", or one address";
    let network = value.meaning(expected, |text| {
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| "is not a network")
    })?;
    if matches!(network, IpNet::V6(v6) if v6.addr().to_ipv4_mapped().is_some()) {
        return value.wrong("is IPv4 in the dress of IPv6", "write it as IPv4: addresses are compared so");
    }
    if network.trunc() != network {
        return value.wrong("has bits beyond its length", &format!("did you mean \"{}\"?", network.trunc()));
    }
    Some(network)
}

fn method(value: &Value<'_>) -> Option<Method> {
    const KNOWN: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let text = value.text("write a method such as \"GET\"; GET stands for HEAD too")?;
    // RFC 4918 (WebDAV), RFC 3253, RFC 4791 and their like: back offices for files and calendars.
    const LESS_KNOWN: &[&str] = &[
        "PROPFIND",
        "PROPPATCH",
        "MKCOL",
        "COPY",
        "MOVE",
        "LOCK",
        "UNLOCK",
        "SEARCH",
        "REPORT",
        "ACL",
        "MKCALENDAR",
        "CHECKIN",
        "CHECKOUT",
        "UNCHECKOUT",
        "VERSION-CONTROL",
        "MKWORKSPACE",
        "UPDATE",
        "LABEL",
        "MERGE",
        "BASELINE-CONTROL",
        "MKACTIVITY",
        "BIND",
        "UNBIND",
        "REBIND",
        "ORDERPATCH",
        "QUERY",
    ];
    if let Some(known) = KNOWN.iter().find(|method| method.as_str().eq_ignore_ascii_case(text)) {
        return Some(known.clone());
    }
    match LESS_KNOWN.iter().find(|name| **name == text).and_then(|name| Method::from_bytes(name.as_bytes()).ok()) {
        Some(method) => Some(method),
        None => {
            let names = KNOWN.iter().map(Method::as_str).chain(LESS_KNOWN.iter().copied());
            let hint = super::value::did_you_mean(text, names).map(|name| format!("did you mean \"{name}\"?"));
            value.wrong("is not a method that can be allowed", hint.as_deref().unwrap_or("write a method such as \"GET\" or \"POST\""))
        }
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `HH:MM`, and 24:00 for the end of the day.
fn time_of_day(value: &Value<'_>) -> Option<String> {
    value.meaning("write a time of day such as \"08:00\", at most \"24:00\"", |text| {
        let (hour, minute) = text.split_once(':').ok_or("is not a time of day")?;
        let two = |digits: &str, most: u8| digits.len() == 2 && digits.parse().is_ok_and(|number: u8| number <= most);
        let fits = two(hour, 23) && two(minute, 59) || text == "24:00";
        if fits { Ok(text.to_owned()) } else { Err("is not a time of day") }
    })
}

/// `{ days = ["mon", …], from = "08:00", to = "18:30", zone = "Asia/Shanghai" }`.
pub fn hours(value: &Value<'_>) -> Option<Hours> {
    let table = value.table()?;
    let every_day = DAYS.iter().map(|(_, day)| *day).collect();
    let days = table.or("days", every_day, |value| Some(value.list(|item| item.word(&DAYS))));
    let from = table.need("from", "the time of day at which they begin, such as \"08:00\"");
    let to = table.need("to", "the time of day at which they end, such as \"18:30\" or \"24:00\"; earlier than `from` is the day after");
    let zone = table.need("zone", "the time zone in which they count, such as \"Asia/Shanghai\"").and_then(|value| {
        value.meaning("write a name of the IANA time zone database, such as \"Asia/Shanghai\"", |text| {
            TimeZone::get(text).map_err(|_| "is not a time zone")
        })
    });
    // Each at its own place, before any of them is needed: all that is wrong is said at once.
    let (from, to) = (from.and_then(|value| time_of_day(&value)), to.and_then(|value| time_of_day(&value)));
    let (from, to, zone) = (from?, to?, zone?);
    if days.is_empty() {
        return None;
    }
    match Hours::new(&days, &from, &to, zone) {
        Ok(hours) => Some(hours),
        Err(error) => value.wrong(error, "let `from` and `to` differ"),
    }
}
