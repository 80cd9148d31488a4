//! `[[triggers]]` of the plan.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::super::read::{Section, Value};
use super::super::rule::{hours, level, network};
use crate::incident::{Category, Exceptions, Kind, Per, Trigger};
use crate::model::{AccountName, AppId, UnitName};

const WINDOW: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_hours(24 * 7);
const AWAY: RangeInclusive<Duration> = Duration::from_hours(24)..=Duration::from_hours(24 * 730);
const COUNT: RangeInclusive<u64> = 2..=200;
/// Keys that some kinds have and others have not.
const OF_KINDS: [&str; 9] = ["per", "count", "window", "places", "hours", "bytes", "after", "from", "percent"];
const EXPECTED: &str = "what it watches for";

pub fn read(root: &Section<'_>) -> Vec<Trigger> {
    let mut names = BTreeSet::new();
    root.sections("triggers").iter().filter_map(|table| trigger(table, &mut names)).collect()
}

fn trigger(table: &Section<'_>, names: &mut BTreeSet<String>) -> Option<Trigger> {
    let name = table.need("name", "a short name, which stands on record").and_then(|value| name(&value, names));
    let level = table.need("level", "the level that it proposes").and_then(|value| level(&value));
    let category = table.need("category", "what kind of incident it would be (GB/T 20986-2023)");
    let category = category.and_then(|value| value.word(&Category::WORDS));
    let kind = table.need("kind", EXPECTED);
    if !kind.as_ref().and_then(Value::as_text).is_some_and(|kind| Kind::WORDS.contains(&kind)) {
        // What it may hold is not known then.
        for key in OF_KINDS {
            table.get(key);
        }
    }
    let kind = kind.and_then(|value| self::kind(&value, table));
    let except = exceptions(&table.section("except"), kind.as_ref());
    Some(Trigger { name: name?, level: level?, category: category?, except, kind: kind? })
}

fn name(value: &Value<'_>, names: &mut BTreeSet<String>) -> Option<String> {
    let help = "write 1 to 48 lower-case letters, digits and hyphens";
    let text = value.text(help)?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=48).contains(&text.len()) || !text.bytes().all(is_name) {
        return value.wrong("is not a name", help);
    }
    if !names.insert(text.to_owned()) {
        return value.wrong("is another trigger's too", "give every trigger a name of its own, so that the log is clear");
    }
    Some(text.to_owned())
}

fn exceptions(table: &Section<'_>, kind: Option<&Kind>) -> Exceptions {
    Exceptions {
        accounts: exception(table, "accounts", kind, |item| item.meaning("write the name of an account", AccountName::parse)),
        units: exception(table, "units", kind, |item| item.meaning("write the name of a unit", UnitName::parse)),
        apps: exception(table, "apps", kind, |item| {
            item.meaning("write the `id` of an app", |text| AppId::parse(text).ok_or("is not an id"))
        }),
        from: exception(table, "from", kind, network),
    }
}

/// What a kind of trigger never looks at, it could not leave out either; whoever wrote it would rely on it.
fn exception<T: PartialEq>(table: &Section<'_>, key: &'static str, kind: Option<&Kind>, read: impl Fn(&Value<'_>) -> Option<T>) -> Vec<T> {
    let Some(value) = table.get(key) else { return Vec::new() };
    let Some(kind) = kind.filter(|kind| !kind.exceptions().contains(&key)) else { return value.list(read) };
    let help = match kind.exceptions() {
        [] => "take `except` out: what it watches for is the gateway's own".to_owned(),
        some => format!("take it out; what it can leave out: {}", some.join(", ")),
    };
    value.wrong::<()>(format!("leaves nothing out of a trigger of the kind {:?}", kind.word()), &help);
    Vec::new()
}

fn kind(value: &Value<'_>, table: &Section<'_>) -> Option<Kind> {
    let words: Vec<(&str, &str)> = Kind::WORDS.iter().map(|word| (*word, *word)).collect();
    let count = || table.need("count", "how many").and_then(|value| value.whole::<usize>(COUNT));
    let window = || table.need("window", "within how long, such as \"10m\"").and_then(|value| value.duration(WINDOW));
    Some(match value.word(&words)? {
        "failures" => {
            let per = table.need("per", "whose: \"account\", \"address\" or \"unit\"").and_then(|value| value.word(&Per::WORDS));
            let (count, window) = (count(), window());
            Kind::Failures { per: per?, count: count?, window: window? }
        }
        "many-accounts" => {
            let (count, window) = (count(), window());
            Kind::ManyAccounts { count: count?, window: window? }
        }
        "second-factor" => {
            let (count, window) = (count(), window());
            Kind::SecondFactor { count: count?, window: window? }
        }
        "token-misused" => Kind::TokenMisused,
        "two-places" => {
            let places = table.or("places", Vec::new(), |value| Some(value.list(place)));
            Kind::TwoPlaces { window: window()?, places }
        }
        "outside-hours" => {
            let hours_of =
                table.need("hours", "when people work: { days = […], from = \"08:00\", to = \"20:00\", zone = \"Asia/Shanghai\" }");
            Kind::OutsideHours { hours: hours_of.and_then(|value| hours(&value))? }
        }
        "bulk-download" => {
            let bytes = table.need("bytes", "how much, such as \"500MiB\"").and_then(|value| value.size(1 << 10..=1 << 50));
            let window = window();
            Kind::BulkDownload { bytes: bytes?, window: window? }
        }
        "dormant" => {
            Kind::Dormant { after: table.need("after", "after how long, such as \"60d\"").and_then(|value| value.duration(AWAY))? }
        }
        "staff-address" => {
            let from = table.need("from", "the networks from which staff sign in");
            Kind::StaffAddress { from: from.map(|value| value.list(network)).filter(|from| !from.is_empty())? }
        }
        "policy-loosened" => Kind::PolicyLoosened,
        "log-broken" => Kind::LogBroken,
        "self-test-failed" => Kind::SelfTestFailed,
        "upstream-errors" => {
            let count = table.need("count", "how many").and_then(|value| value.whole::<u64>(COUNT));
            let percent = table.need("percent", "how many out of a hundred").and_then(|value| value.whole::<u64>(1..=100));
            let window = window();
            Kind::UpstreamErrors { count: count?, percent: percent?, window: window? }
        }
        _ => {
            let after = table.need("after", "how long ago somebody who may must have worked there at most, such as \"10m\"");
            Kind::PageChanged { after: after.and_then(|value| value.duration(WINDOW))? }
        }
    })
}

/// A list of networks that are one place.
fn place(value: &Value<'_>) -> Option<Vec<IpNet>> {
    Some(value.list(network)).filter(|networks| !networks.is_empty())
}
