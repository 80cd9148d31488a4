//! Reads the rules of an app.

use std::collections::BTreeSet;
use std::net::IpAddr;

use http::Method;
use ipnet::IpNet;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use super::read::{Section, Value};
use crate::access::{Effect, Hours, PathPattern, Rule};
use crate::model::{AccountName, PathAllowance, Role, UnitName};

pub fn read_all(app: &Section<'_>, paths: PathAllowance) -> Vec<Rule> {
    let mut names = BTreeSet::new();
    app.sections("rule").iter().filter_map(|section| read(section, paths, &mut names)).collect()
}

pub fn pattern(value: &Value<'_>, paths: PathAllowance) -> Option<PathPattern> {
    let expected = "write a path such as \"/admin/**\" or \"/files/*.pdf\"; `*` stays within a segment, `/**` ends it";
    value.meaning(expected, |text| PathPattern::parse(text, paths))
}

fn read(section: &Section<'_>, paths: PathAllowance, names: &mut BTreeSet<String>) -> Option<Rule> {
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
        methods: part(section, "methods", method),
        paths: part(section, "paths", |item| pattern(item, paths)),
    };
    let says_who = ["accounts", "units", "roles"].iter().any(|key| section.has(key));
    if !deny && !says_who {
        let help = "add `accounts`, `units` or `roles`: there is no rule that lets everybody in";
        section.reader().report(&section.span, "this rule does not say whom it lets in".to_owned(), String::new(), help.to_owned());
    }
    if deny && !says_who && !["from", "hours", "methods", "paths"].iter().any(|key| section.has(key)) {
        let help = "add what it is about; an app without rules lets nobody in already";
        section.reader().report(&section.span, "this rule denies everything".to_owned(), String::new(), help.to_owned());
    }
    Some(Rule { name: name?, ..rule })
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
fn part<T>(section: &Section<'_>, key: &'static str, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    section.or(key, Vec::new(), |value| Some(value.list(read)))
}

fn role(value: &Value<'_>) -> Option<Role> {
    let words: Vec<(&str, Role)> = Role::ALL.iter().map(|role| (role.word(), *role)).collect();
    value.word(&words)
}

fn network(value: &Value<'_>) -> Option<IpNet> {
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
    if let Some(known) = KNOWN.iter().find(|method| method.as_str().eq_ignore_ascii_case(text)) {
        return Some(known.clone());
    }
    // WebDAV and others; no method that is in use has lower-case letters.
    let fits = (1..=24).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') && text != "CONNECT";
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if fits => Some(method),
        _ => value.wrong("is not a method that can be allowed", "write a method such as \"GET\" or \"POST\""),
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

/// `{ days = ["mon", …], from = "08:00", to = "18:30", zone = "Asia/Shanghai" }`.
fn hours(value: &Value<'_>) -> Option<Hours> {
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
    let (from, to) = (from?.text("write a time of day such as \"08:00\"")?, to?.text("write a time of day such as \"18:30\"")?);
    if days.is_empty() {
        return None;
    }
    match Hours::new(&days, from, to, zone?) {
        Ok(hours) => Some(hours),
        Err(error) => value.wrong(error, "write `from` and `to` as \"HH:MM\""),
    }
}
