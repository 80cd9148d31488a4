//! Reads everything but the apps, and checks what concerns all of them.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::app::{self, Surroundings};
use super::files::Files;
use super::makes::{self, KeyMake, PhoneApp};
use super::read::{Section, Span, Value};
use super::rule::network;
use super::settings::{
    Activity, AppSettings, Caps, CertificateFiles, Enrolment, KeptForms, LabelTerms, Labels, Limits, LogSettings, MemoryCap, Portal, Rate,
    Session, Settings, SignIn, Timeouts, default_listen,
};
use super::usb_keys::Around;
use super::value::{parse_address, parse_size, show_size};
use crate::access::Names;
use crate::model::{FactorDemand, Host, Label};

const fn seconds(range: RangeInclusive<u64>) -> RangeInclusive<Duration> {
    Duration::from_secs(*range.start())..=Duration::from_secs(*range.end())
}

/// A day's overall limit at most half: NIST SP 800-63B-4, AAL3.
const OVERALL: RangeInclusive<Duration> = seconds(60..=12 * 3600);
const IDLE: RangeInclusive<Duration> = seconds(60..=2 * 3600);

pub fn read(root: &Section<'_>, base: &Path, files: &mut Files) -> Option<Settings> {
    let listen = root.or("listen", default_listen(), |value| Some(addresses(&value)));
    let proxy_protocol_from = root.or("proxy_protocol_from", Vec::new(), |value| Some(value.list_or_none(proxy)));
    let workers = root.or("workers", 0, |value| value.whole(0..=1024));
    let public_port = root.or("public_port", 443, |value| value.whole(1..=65535));
    let hsts = root.or("hsts", true, |value| value.boolean());
    let data = root.need("data", "the directory for accounts, sessions and the log").and_then(|value| path(&value, base));
    let portal = portal(&root.section("portal"), public_port, files);
    let certificates = certificates(&root.section("tls"), base, files);
    let session = session(&root.section("session"));
    let makes = makes::read(&root.section("webauthn"), base, files);
    let (labels, phone_apps) = labels(&root.section("labels"), session.limits, &makes);
    let rates = root.section("rates");
    let log_section = root.section("log");
    let surroundings = Surroundings {
        base,
        public_port,
        labels: &labels,
        portal: portal.as_ref().map(|portal| &portal.host),
        usb_keys: root.has("usb_keys"),
    };
    let apps = app::read_all(root, &surroundings, files);
    for (label, value) in phone_apps.iter().filter(|(label, _)| !opens_by_phone(&apps, *label)) {
        let what = format!("opens nothing: no app of the label \"{}\" has `factor = \"any\"`", label.word());
        value.doubt(what, "write `factor = \"any\"` in the apps or rules that it shall open, or take this out");
    }
    let around = Around { base, data: data.as_deref(), public_port, portal: surroundings.portal, apps: &apps };
    let usb_keys = super::usb_keys::read(root, &around, files);
    Some(Settings {
        listen,
        proxy_protocol_from,
        workers: if workers == 0 { processors() } else { workers },
        public_port,
        hsts,
        certificates,
        timeouts: timeouts(&root.section("timeouts")),
        caps: caps(&root.section("caps")),
        sign_in: sign_in(&root.section("sign_in")),
        enrolment: enrolment(&root.section("enrolment")),
        staff_addresses: root.section("staff").or("addresses", Vec::new(), |value| Some(value.list_or_none(network))),
        kept_forms: kept_forms(&root.section("kept_forms")),
        per_person: rate_of(&rates, "per_person_per_second", Rate::PER_PERSON),
        per_person_at_once: rates.or("per_person_at_once", 100, |value| value.whole(1..=100_000)),
        sinks: super::sinks::read(&log_section, base, files),
        log: log(&log_section),
        keeping: super::keeping::read(&log_section, base, data.as_deref(), files),
        monitoring: super::monitoring::read(&root.section("monitoring")),
        plan: super::plan::named(&root.section("incident"), base, files),
        apps,
        usb_keys,
        session,
        labels: labels.clone(),
        makes,
        suspend_unused_after: makes::unused(&root.section("accounts")),
        // Last, so that what is missing here does not hide what is wrong above.
        data: data?,
        portal: portal?,
        files: Files::default(),
    })
}

/// A path of the file; a relative one starts at the directory that holds the config.
pub fn path(value: &Value<'_>, base: &Path) -> Option<PathBuf> {
    let help = "write a path; a relative one starts at the directory of this file";
    match value.text(help)? {
        "" => value.wrong("is empty", help),
        text if text.chars().any(char::is_control) => value.wrong("has a control character", help),
        text => Some(base.join(text)),
    }
}

/// One text for all languages, or a table with some of them.
pub fn names(value: &Value<'_>) -> Option<Names> {
    let check = |value: Value<'_>| {
        let text = value.text("write the name that people read")?.trim();
        let fits = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Some(text.to_owned()) } else { value.wrong("is not a name", "write 1 to 64 characters, no control characters") }
    };
    if value.is_text() {
        let name = check(value.clone())?;
        return Some(Names { zh: name.clone(), ug: name.clone(), en: name });
    }
    let table = value.table()?;
    let (zh, ug, en) = (table.get("zh").and_then(check), table.get("ug").and_then(check), table.get("en").and_then(check));
    let Some(any) = zh.as_ref().or(en.as_ref()).or(ug.as_ref()).cloned() else {
        return value.wrong("has no name", "write at least one of zh, ug, en; the others take it over");
    };
    Some(Names { zh: zh.unwrap_or_else(|| any.clone()), ug: ug.unwrap_or_else(|| any.clone()), en: en.unwrap_or(any) })
}

/// What browsers call the origin of a host (RFC 6454, section 6.2).
pub fn origin_of(host: &Host, public_port: u16) -> String {
    if public_port == 443 { format!("https://{host}") } else { format!("https://{host}:{public_port}") }
}

/// `{ per_second = …, burst = … }`, or the section `[rates]` with its longer key.
pub fn rate_of(section: &Section<'_>, per_second: &'static str, default: Rate) -> Rate {
    Rate {
        per_second: section.or(per_second, default.per_second, |value| value.whole(1..=1_000_000)),
        burst: section.or("burst", default.burst, |value| value.whole(1..=1_000_000)),
    }
}

pub fn certificate_files(section: &Section<'_>, base: &Path) -> Option<(CertificateFiles, Span, Span)> {
    let chain = section.need("chain", "the file with the certificate and those that lead to its authority (PEM)");
    let key = section.need("key", "the file with its private key (PEM), readable by its owner alone");
    let (chain, key) = (chain?, key?);
    Some((CertificateFiles { chain: path(&chain, base)?, key: path(&key, base)? }, chain.span, key.span))
}

fn addresses(value: &Value<'_>) -> Vec<SocketAddr> {
    let expected = "write an address with its port, such as \"0.0.0.0:443\" or \"[::]:443\"";
    value.list(|item| item.meaning(expected, parse_address))
}

/// Whoever is on the list is believed, so it cannot be everybody.
fn proxy(value: &Value<'_>) -> Option<IpNet> {
    let network = network(value)?;
    if network.prefix_len() == 0 {
        return value.wrong("is everybody", "name the proxies alone: whoever is on this list can say that he is anybody");
    }
    Some(network)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn portal(section: &Section<'_>, public_port: u16, files: &mut Files) -> Option<Portal> {
    let names = section.or("name", Portal::default_names(), |value| names(&value));
    let host = section.need("host", "the name of the portal's own host, such as \"gate.example.cn\"")?;
    let name = host.meaning("write a host name without port, such as \"gate.example.cn\"", Host::parse)?;
    files.hosts.push((name.clone(), host.span));
    Some(Portal { names, origin: origin_of(&name, public_port), host: name })
}

fn certificates(section: &Section<'_>, base: &Path, files: &mut Files) -> Vec<CertificateFiles> {
    let tables = section.sections("certificates");
    if tables.is_empty() && !section.has("certificates") && !section.is_spoilt() {
        let help = "add `[[tls.certificates]]` with `chain` and `key` for the portal's host and every app's".to_owned();
        section.reader().report(&section.span, "`tls.certificates` is missing".to_owned(), String::new(), help);
    }
    let mut certificates = Vec::new();
    for table in &tables {
        if let Some((pair, chain_span, key_span)) = certificate_files(table, base) {
            files.pairs.push(super::files::Pair { files: pair.clone(), chain_span, key_span, serves: true });
            certificates.push(pair);
        }
    }
    certificates
}

fn timeouts(section: &Section<'_>) -> Timeouts {
    let default = Timeouts::default();
    let length = |key, default, range| section.or(key, default, |value| value.duration(range));
    Timeouts {
        handshake: length("handshake", default.handshake, seconds(1..=60)),
        first_byte: length("first_byte", default.first_byte, seconds(1..=60)),
        head: length("head", default.head, seconds(1..=60)),
        idle: length("idle", default.idle, seconds(1..=600)),
        write_stall: length("write_stall", default.write_stall, seconds(1..=600)),
        least_body_rate: section.or("least_body_rate", default.least_body_rate, |value| value.whole(1..=1 << 20)),
        certificate_age: length("certificate_age", default.certificate_age, seconds(2..=300)),
        drain: length("drain", default.drain, seconds(1..=300)),
    }
}

fn caps(section: &Section<'_>) -> Caps {
    let default = Caps::default();
    let connections = section.or("connections", default.connections, |value| value.whole(16..=1_000_000));
    let per_address = section.get("connections_per_address").and_then(|value| {
        let count: usize = value.whole(1..=1_000_000)?;
        if count > connections {
            return value.wrong("is more than `caps.connections`", &format!("write at most {connections}"));
        }
        Some(count)
    });
    Caps {
        connections,
        connections_per_address: per_address.unwrap_or(default.connections_per_address.min(connections)),
        streams: section.or("streams", default.streams, |value| value.whole(1..=1000)),
        memory: section.or("memory", default.memory, |value| memory(&value)),
    }
}

/// Less than that would be full of what the gateway needs for itself.
const MEMORY: RangeInclusive<u64> = 128 << 20..=1 << 50;
const SHARE: RangeInclusive<u8> = 5..=90;

fn memory(value: &Value<'_>) -> Option<MemoryCap> {
    let help = format!(
        "write a size from \"{}\" to \"{}\", or a share of the memory that there is, from \"{}%\" to \"{}%\"",
        show_size(*MEMORY.start()),
        show_size(*MEMORY.end()),
        SHARE.start(),
        SHARE.end()
    );
    let text = value.text(&help)?;
    let (cap, fits) = match text.strip_suffix('%') {
        Some(share) => {
            let share = share.bytes().all(|byte| byte.is_ascii_digit()).then(|| share.parse::<u8>().ok()).flatten();
            (share.map(MemoryCap::Share), share.is_some_and(|share| SHARE.contains(&share)))
        }
        None => {
            let size = parse_size(text);
            (size.map(MemoryCap::Bytes), size.is_some_and(|size| MEMORY.contains(&size)))
        }
    };
    match cap {
        None => value.wrong("is neither a size nor a share", &help),
        Some(_) if !fits => value.wrong("is out of range", &help),
        cap => cap,
    }
}

fn session(section: &Section<'_>) -> Session {
    let default = Session::default();
    let activity = section.or("activity", default.activity, |value| value.word(&[("person", Activity::Person), ("any", Activity::Any)]));
    Session { limits: limits(section, default.limits, None), activity }
}

/// With them, the labels that let phone apps in, and where they say so.
fn labels<'r>(section: &Section<'r>, session: Limits, makes: &[KeyMake]) -> (Labels, Vec<(Label, Value<'r>)>) {
    let default = Labels::default_within(session);
    let mut phone_apps = Vec::new();
    let mut terms = |key, label, phone_app| {
        let section = section.section(key);
        let limits = limits(&section, default.of(label).limits, Some(session));
        let (keys, place) = makes::demand(&section, makes, phone_app);
        phone_apps.extend(place.map(|value| (label, value)));
        LabelTerms { limits, keys }
    };
    let labels = Labels {
        public: terms("public", Label::Public, PhoneApp::IfWritten),
        internal: terms("internal", Label::Internal, PhoneApp::IfWritten),
        sensitive: terms("sensitive", Label::Sensitive, PhoneApp::Never),
    };
    (labels, phone_apps)
}

/// Whether anything of the label takes whatever opens a session.
fn opens_by_phone(apps: &[AppSettings], label: Label) -> bool {
    let takes_any = |app: &AppSettings| {
        let demands = std::iter::once(app.policy.demand).chain(app.policy.rules.iter().map(|rule| rule.demand));
        app.policy.label == label && demands.into_iter().any(|demand| demand.factor == Some(FactorDemand::Any))
    };
    apps.iter().any(takes_any)
}

/// Reads `idle` and `overall`; those of a label may not be longer than the `session`'s, which would end first.
fn limits(section: &Section<'_>, default: Limits, session: Option<Limits>) -> Limits {
    let read = |key: &'static str, range, default: Duration, most: Option<Duration>| {
        section.or(key, default, |value: Value<'_>| {
            let length = value.duration(range)?;
            if most.is_some_and(|most| length > most) {
                return value.wrong(
                    format!("is longer than `session.{key}`"),
                    "a label can only shorten the session: write less, or raise the session's",
                );
            }
            Some(length)
        })
    };
    let overall = read("overall", OVERALL, default.overall, session.map(|session| session.overall));
    let idle = read("idle", IDLE, default.idle, session.map(|session| session.idle));
    if let Some(value) = section.get("idle").filter(|_| idle > overall) {
        value.wrong::<()>("is longer than `overall`", "write less: the session ends then in any case");
    }
    Limits { idle: idle.min(overall), overall }
}

fn sign_in(section: &Section<'_>) -> SignIn {
    let default = SignIn::default();
    let count = |key, default, most| section.or(key, default, |value| value.whole(1..=most));
    SignIn {
        failures_until_suspended: count("failures_until_suspended", default.failures_until_suspended, 100),
        per_address_per_minute: count("per_address_per_minute", default.per_address_per_minute, 10_000),
        nameless_per_address_per_minute: count("nameless_per_address_per_minute", default.nameless_per_address_per_minute, 10_000),
        per_account_per_minute: count("per_account_per_minute", default.per_account_per_minute, 1_000),
        overall_per_minute: count("overall_per_minute", default.overall_per_minute, 100_000),
    }
}

/// A letter that lives for months lies about for months.
const LETTER_LIFE: RangeInclusive<Duration> = seconds(86_400..=30 * 86_400);

fn enrolment(section: &Section<'_>) -> Enrolment {
    let default = Enrolment::default();
    let contact = section.get("contact").and_then(|value| {
        let help = "write whom to ask, in at most 120 characters, such as \"Information centre, room 302, 0991-1234567\"";
        let text = value.text(help)?.trim();
        let fits = text.chars().count() <= 120 && !text.chars().any(char::is_control);
        if fits { Some(text.to_owned()).filter(|text| !text.is_empty()) } else { value.wrong("cannot be printed on a line", help) }
    });
    Enrolment { letter_life: section.or("letter_life", default.letter_life, |value| value.duration(LETTER_LIFE)), contact }
}

fn kept_forms(section: &Section<'_>) -> KeptForms {
    let default = KeptForms::default();
    let overall = section.or("overall", default.overall, |value| value.size(1 << 20..=16 << 30));
    let each = section.get("each").and_then(|value| {
        let each = value.size(1 << 10..=64 << 20)?;
        if each > overall {
            return value.wrong("is more than `kept_forms.overall`", "write less, or raise what all forms together may take");
        }
        Some(each)
    });
    KeptForms {
        each: each.unwrap_or(default.each.min(overall)),
        per_session: section.or("per_session", default.per_session, |value| value.whole(1..=100)),
        overall,
        life: section.or("life", default.life, |value| value.duration(Duration::from_mins(1)..=Duration::from_hours(1))),
    }
}

fn log(section: &Section<'_>) -> LogSettings {
    let default = LogSettings::default();
    LogSettings {
        segment: section.or("segment", default.segment, |value| value.size(1 << 20..=1 << 30)),
        strangers_per_minute: section.or("strangers_per_minute", default.strangers_per_minute, |value| value.whole(1..=10_000)),
        strangers_per_minute_overall: section
            .or("strangers_per_minute_overall", default.strangers_per_minute_overall, |value| value.whole(1..=100_000)),
        reserve: section.or("reserve", default.reserve, |value| value.size(16 << 20..=1 << 50)),
    }
}
