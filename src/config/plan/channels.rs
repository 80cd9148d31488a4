//! By which people are told of incidents, and what follows when nobody acknowledges one: `[[channels]]` and `[escalation]`.
//!
//! Invariant: a plan holds no secret; where a notice or a password would go in the clear beyond this machine, somebody wrote so. Whoever shall
//! get mail has an address, whatever the hour.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::super::general::path;
use super::super::problem::Problem;
use super::super::read::{Section, Span, Value};
use super::super::sinks::destination;
use super::Around;
use crate::incident::notice::{Channel, Escalation, Login, Mail, MailTls, Syslog, To, Way, Webhook};
use crate::incident::{Duty, Shift};
use crate::model::{AppId, Level};
use crate::outbound::{Destination, is_mailbox, read_key, read_secret};

const MOST: usize = 16;
const MOST_TO: usize = 32;
const WITHIN: RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(48);
const DEFAULT_REPEAT: Duration = Duration::from_mins(15);
const DEFAULT_AT_MOST: u32 = 8;
const LONGEST_URL: usize = 500;
const TO: &str = "write duties (commander, handler, recorder, liaison), and for mail also addresses such as \"duty@city.example\"";
const SERVER: &str = "write \"host:port\"; mail servers take mail at 587 (starttls) or 465 (tls)";
const URL: &str = "write \"https://host/path\"; \"http://\" only to this machine itself";
const SYSLOG: &str = "write \"tls://host:port\", or \"tcp://host:port\" for a receiver on this machine";

/// A file with a secret that a channel names.
#[derive(Clone, Debug)]
pub struct Secret {
    pub path: PathBuf,
    pub span: Span,
    pub kind: SecretKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    Password,
    /// Of signatures.
    Key,
}

pub fn read(root: &Section<'_>, shifts: &[Shift], has_reports: bool, around: &mut Around<'_>) -> (Vec<Channel>, Option<Escalation>) {
    let tables = root.sections("channels");
    if let Some(table) = tables.get(MOST) {
        root.reader().report(&table.span, format!("there are more than {MOST} channels"), String::new(), "name fewer of them".to_owned());
    }
    let mut channels: Vec<Channel> = Vec::new();
    let mut mail = None;
    for table in &tables {
        if let Some(channel) = channel(table, &channels, shifts, around) {
            if matches!(channel.way, Way::Mail(_)) {
                mail = mail.or_else(|| table.get("kind"));
            }
            channels.push(channel);
        }
    }
    let writes_mail = mail.is_some();
    // Who is reminded of reports is not said in the plan.
    if let Some(place) = mail.filter(|_| has_reports) {
        for duty in [Duty::Liaison, Duty::Commander].into_iter().filter(|duty| shifts.iter().any(|shift| shift.duty == *duty)) {
            addressed(&place, duty, shifts);
        }
    }
    let table = root.section("escalation");
    if table.is_there() && tables.is_empty() {
        let help = "add `[[channels]]`: nobody is reminded of anything without".to_owned();
        root.reader().report(&table.span, "`escalation` has no use without `channels`".to_owned(), String::new(), help);
    }
    let escalation = escalation(&table, shifts, writes_mail);
    (channels, escalation)
}

fn escalation(table: &Section<'_>, shifts: &[Shift], writes_mail: bool) -> Option<Escalation> {
    let within = if table.is_there() {
        table.need("acknowledge_within", "how soon somebody acknowledges an incident, such as \"15m\", or { I = \"5m\", IV = \"2h\" }")
    } else {
        table.get("acknowledge_within")
    };
    let then = table.or("then", Vec::new(), |value| {
        let (addressed, place) = (|duty| addressed(&value, duty, shifts), value.clone());
        Some(place.list(|item| item.word(&Duty::WORDS).filter(|duty| !writes_mail || addressed(*duty).is_some())))
    });
    let repeat = table.or("repeat", DEFAULT_REPEAT, |value| value.duration(WITHIN));
    let at_most = table.or("at_most", DEFAULT_AT_MOST, |value| value.whole(1..=100));
    Some(Escalation { within: levels(&within?)?, then, repeat, at_most })
}

/// One length for all levels, or one for each; a graver one that is not named has that of the next less grave one, and the least that of the next graver.
fn levels(value: &Value<'_>) -> Option<Vec<(Level, Duration)>> {
    if value.is_text() {
        let within = value.duration(WITHIN)?;
        return Some(Level::ALL.iter().map(|level| (*level, within)).collect());
    }
    let table = value.table()?;
    let keys = [("IV", Level::IV), ("III", Level::III), ("II", Level::II), ("I", Level::I)];
    let read = keys.map(|(key, level)| (level, table.get(key).map(|value| (value.duration(WITHIN), value))));
    let mut last = None;
    let mut all = Vec::new();
    for (level, one) in read {
        let within = match one {
            None => last,
            Some((within, value)) => {
                let within = within?;
                if last.is_some_and(|last| within > last) {
                    return value
                        .wrong("is longer than that of a less grave level", "write as much or less: graver incidents wait no longer");
                }
                Some(within)
            }
        };
        last = within.or(last);
        all.push((level, within));
    }
    let longest = all.iter().find_map(|(_, within)| *within);
    match longest {
        None => value.wrong("says nothing", "write \"15m\", or { I = \"5m\", II = \"10m\", III = \"15m\", IV = \"2h\" }"),
        Some(longest) => Some(all.into_iter().map(|(level, within)| (level, within.unwrap_or(longest))).collect()),
    }
}

fn channel(table: &Section<'_>, before: &[Channel], shifts: &[Shift], around: &mut Around<'_>) -> Option<Channel> {
    let name = table.need("name", "what it is called on record, such as \"duty-mail\"").and_then(|value| name(&value, before));
    let kind = table.need("kind", "\"mail\", \"webhook\" or \"syslog\"");
    let kind = kind.and_then(|value| value.word(&[("mail", "mail"), ("webhook", "webhook"), ("syslog", "syslog")]));
    let levels: Vec<(&str, Level)> = Level::ALL.iter().map(|level| (level.word(), *level)).collect();
    let from_level = table.or("from_level", Level::IV, |value| value.word(&levels));
    let Some(kind) = kind else {
        // What it may hold is not known then.
        for key in ["to", "server", "tls", "from", "user", "password_file", "url", "secret_file", "address", "ca"] {
            table.get(key);
        }
        return None;
    };
    let writes_mail = kind == "mail";
    let to = if writes_mail { table.need("to", TO) } else { table.get("to") };
    let to = to.map(|value| recipients(&value, writes_mail, shifts));
    let way = match kind {
        "mail" => mail(table, around).map(Way::Mail),
        "webhook" => webhook(table, around).map(Way::Webhook),
        _ => syslog(table, around).map(Way::Syslog),
    };
    let to = match to {
        None if writes_mail => return None,
        None => Vec::new(),
        Some(to) => to,
    };
    Some(Channel { name: name?, way: way?, to, from_level })
}

/// As ids of apps are.
fn name(value: &Value<'_>, before: &[Channel]) -> Option<String> {
    let expected = "write lower-case letters, digits and hyphens, such as \"duty-mail\"";
    let name = value.meaning(expected, |text| AppId::parse(text).map(|id| id.to_string()).ok_or("is not a name"))?;
    match before.iter().any(|channel| channel.name == name) {
        true => value.wrong("is another channel's too", "give every channel a name of its own, so that the log is clear"),
        false => Some(name),
    }
}

fn recipients(value: &Value<'_>, writes_mail: bool, shifts: &[Shift]) -> Vec<To> {
    let all = value.list(|item| {
        let text = item.text(TO)?;
        if text.contains('@') {
            return match (writes_mail, is_mailbox(text)) {
                (true, true) => Some(To::Address(text.to_owned())),
                (true, false) => item.wrong("is no mail address", TO),
                (false, _) => item.wrong("is an address, and this channel writes no mail", "name duties, or leave `to` out"),
            };
        }
        let duty = item.word(&Duty::WORDS)?;
        let is_known = if writes_mail { addressed(item, duty, shifts).is_some() } else { true };
        is_known.then_some(To::Duty(duty))
    });
    if all.len() > MOST_TO {
        value.wrong::<()>("names too many", &format!("name at most {MOST_TO}; a list of the mail server takes more"));
    }
    all
}

/// `None`, and told: somebody who has the duty would get no mail.
fn addressed(value: &Value<'_>, duty: Duty, shifts: &[Shift]) -> Option<()> {
    let word = duty.word();
    let mut all = shifts.iter().filter(|shift| shift.duty == duty).peekable();
    if all.peek().is_none() {
        let help = format!("add `[[duties]]` with `duty = \"{word}\"` and `email`, or take it out here");
        return value.wrong(format!("names a duty that nobody has ({word})"), &help);
    }
    match all.find(|shift| !shift.email.as_deref().is_some_and(is_mailbox)) {
        Some(shift) => {
            let what = format!("writes to whoever is {word}, and {} has no address", shift.account);
            value.wrong(
                what,
                &format!("add `email = \"…\"` to the `[[duties]]` of {}: who is on duty must be reached at her hours", shift.account),
            )
        }
        None => Some(()),
    }
}

fn mail(table: &Section<'_>, around: &mut Around<'_>) -> Option<Mail> {
    let server_value = table.need("server", "the mail server that takes notices, such as \"mail.city.example:587\"");
    let server = server_value.as_ref().and_then(server);
    let words =
        [("starttls", Some(MailTls::Starttls)), ("tls", Some(MailTls::Tls)), ("none", None), ("in-the-clear", Some(MailTls::Clear))];
    let tls_value = table.need("tls", "\"starttls\" or \"tls\"; \"none\" only to this machine itself");
    let tls = tls_value.as_ref().and_then(|value| value.word(&words));
    let from = table.need("from", "who the notices are from, such as \"yumen@city.example\"").and_then(|value| {
        match value.text("write a mail address")? {
            text if is_mailbox(text) => Some(text.to_owned()),
            _ => value.wrong("is no mail address", "write one such as \"yumen@city.example\", without a name before it"),
        }
    });
    let (user, password) = (table.get("user"), table.get("password_file"));
    let ca = table.get("ca");
    let (host, port) = server?;
    let place = tls_value?;
    let tls = match tls? {
        None if !is_here(&host) => {
            return place.wrong(
                "would send notices and passwords in the clear to another machine",
                "write \"starttls\" or \"tls\"; where no server of yours can, \"in-the-clear\" (without `user`)",
            );
        }
        chosen => chosen.unwrap_or(MailTls::Clear),
    };
    if let (MailTls::Clear, Some(user)) = (tls, &user)
        && !is_here(&host)
    {
        return user.wrong("would be sent with its password in the clear", "take it out, or write `tls = \"starttls\"`");
    }
    let login = match (user, password) {
        (None, None) => None,
        (Some(user), Some(file)) => Some(Login { user: word(&user)?, password_file: secret(&file, SecretKind::Password, around)? }),
        (Some(_), None) => {
            table.need("password_file", "the file that holds its password and nothing else, readable by its owner alone");
            return None;
        }
        (None, Some(file)) => return file.wrong("has no use without `user`", "add `user = \"…\"`, or take it out"),
    };
    let ca = authority(table, tls != MailTls::Clear, ca, "tls", around)?;
    Some(Mail { host, port, tls, from: from?, login, ca })
}

fn server(value: &Value<'_>) -> Option<(String, u16)> {
    let text = value.text(SERVER)?;
    // With another scheme the port that is meant would be left out.
    let Some(Destination::Tcp { host, port }) = destination_of(value, &format!("tcp://{text}"), SERVER) else { return None };
    Some((host, port))
}

fn destination_of(value: &Value<'_>, text: &str, expected: &str) -> Option<Destination> {
    match destination(text, std::path::Path::new("")) {
        Ok(Destination::File(_)) => value.wrong("is a file", expected),
        Ok(there) => Some(there),
        Err(why) => value.wrong(why, expected),
    }
}

fn webhook(table: &Section<'_>, around: &mut Around<'_>) -> Option<Webhook> {
    let value = table.need("url", "where notices are sent to, such as \"https://alarm.city.example/yumen\"");
    let url = value.as_ref().and_then(url_of);
    let secret_file = table.need("secret_file", "the file that holds `whsec_` and the key of signatures, readable by its owner alone");
    let secret_file = secret_file.and_then(|value| secret(&value, SecretKind::Key, around));
    let ca = table.get("ca");
    let url = url?;
    let ca = authority(table, url.scheme() == "https", ca, "url", around)?;
    Some(Webhook { url: url.into(), secret_file: secret_file?, ca })
}

fn url_of(value: &Value<'_>) -> Option<Url> {
    let text = value.text(URL)?;
    let url = match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "https" | "http") && url.has_host() && url.port() != Some(0) => url,
        _ => return value.wrong("is no address that notices can be sent to", URL),
    };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        let help = "leave out names, passwords, and what follows \"?\" or \"#\": a plan holds no secrets, and receivers know notices by their signature";
        return value.wrong("has more than a host and a path", help);
    }
    if url.as_str().len() > LONGEST_URL {
        return value.wrong("is too long", &format!("write at most {LONGEST_URL} bytes"));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match url.scheme() == "https" || is_here(host) {
        true => Some(url),
        false => value.wrong("would send notices in the clear to another machine", "write \"https://…\" with `ca`"),
    }
}

fn syslog(table: &Section<'_>, around: &mut Around<'_>) -> Option<Syslog> {
    let value = table.need("address", SYSLOG);
    let there = value.as_ref().and_then(|value| destination_of(value, value.text(SYSLOG)?, SYSLOG));
    let ca = table.get("ca");
    let (value, there) = (value?, there?);
    let (host, port, is_tls) = match there {
        Destination::Tls { host, port } => (host, port, true),
        Destination::Tcp { host, port } => (host, port, false),
        Destination::File(_) => return None,
    };
    if !is_tls && !is_here(&host) {
        return value.wrong("would send notices in the clear to another machine", "write \"tls://host:port\" with `ca`");
    }
    let ca = authority(table, is_tls, ca, "address", around)?;
    Some(Syslog { host, port, ca })
}

/// There for TLS and only for it; `None` where something was wrong.
fn authority(table: &Section<'_>, is_tls: bool, ca: Option<Value<'_>>, says: &str, around: &mut Around<'_>) -> Option<Option<PathBuf>> {
    match ca {
        Some(value) if is_tls => {
            let file = path(&value, around.base)?;
            around.authorities.push((file.clone(), value.span.clone()));
            Some(Some(file))
        }
        Some(value) => value.wrong("has no use", &format!("take it out, or say in `{says}` that it is TLS")),
        None if is_tls => {
            table.need("ca", "who must have signed the server's certificate (PEM); no public authority is trusted by itself");
            None
        }
        None => Some(None),
    }
}

fn secret(value: &Value<'_>, kind: SecretKind, around: &mut Around<'_>) -> Option<PathBuf> {
    let file = path(value, around.base)?;
    around.secrets.push(Secret { path: file.clone(), span: value.span.clone(), kind });
    Some(file)
}

fn word(value: &Value<'_>) -> Option<String> {
    let expected = "write it as the mail server names it, without spaces";
    let text = value.text(expected)?;
    let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Some(text.to_owned()) } else { value.wrong("is not one word", expected) }
}

/// Whether it stays on this machine.
fn is_here(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        _ => host.parse::<std::net::Ipv6Addr>().is_ok_and(|address| address.is_loopback()),
    }
}

/// A secret that cannot be used.
pub fn check(secret: &Secret) -> Option<Problem> {
    let shown = secret.path.display();
    let (why, help) = match secret.kind {
        SecretKind::Password => (read_secret(&secret.path).err()?, "it holds the password of `user` on one line"),
        SecretKind::Key => (
            read_key(&secret.path).err()?,
            "it holds `whsec_` and 24 to 64 random bytes in base64: printf 'whsec_%s\\n' \"$(openssl rand -base64 32)\"",
        ),
    };
    let help = format!("{help}, and is readable by its owner alone: chmod 600 {shown}");
    Some(Problem { span: Some(secret.span.clone()), what: format!("the file {shown} {why}"), found: String::new(), help })
}

#[cfg(test)]
mod tests;
