//! Reads the apps: what policy knows of them and how they are reached.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::files::{Files, Pair};
use super::general::{certificate_files, names, origin_of, path, rate_of};
use super::read::{Section, Value};
use super::rule::{self, Bounds};
use super::settings::{AppSettings, CertificateFiles, Labels, Rate, Upstream, UpstreamAddress, UpstreamHost};
use crate::access::{App, Binding, Demand, PathPattern, Rule};
use crate::model::{AppId, FactorDemand, Host, Label, PathAllowance};

/// What the reader of an app must know of the rest of the file.
pub struct Surroundings<'s> {
    pub base: &'s Path,
    pub public_port: u16,
    pub labels: &'s Labels,
    pub portal: Option<&'s Host>,
    /// The file says whose USB-KEYs are believed.
    pub usb_keys: bool,
}

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);

pub fn read_all(root: &Section<'_>, surroundings: &Surroundings<'_>, files: &mut Files) -> Vec<AppSettings> {
    let mut taken = Taken::default();
    root.sections("app").iter().filter_map(|section| read(section, surroundings, &mut taken, files)).collect()
}

/// The ids and hosts of the apps so far.
#[derive(Default)]
struct Taken {
    ids: BTreeMap<AppId, ()>,
    hosts: BTreeMap<Host, AppId>,
}

fn read(section: &Section<'_>, surroundings: &Surroundings<'_>, taken: &mut Taken, files: &mut Files) -> Option<AppSettings> {
    let id = id(section, taken);
    let names = section.need("name", "what people read, as text or { zh = …, ug = …, en = … }").and_then(|value| names(&value));
    let host = host(section, id.as_ref(), surroundings.portal, taken, files);
    let label = section.need("label", "\"public\", \"internal\" or \"sensitive\"").and_then(|value| label(&value));
    let upstream = upstream(section, surroundings.base, files);
    let paths = section.or("paths", PathAllowance::default(), |value| Some(allowance(&value)));
    let redact = section.or("redact", Vec::new(), |value| Some(value.list(|item| redacted(item, paths))));
    let log_query = section.or("log_query", Vec::new(), |value| Some(value.list(parameter)));
    let origins = section.or("origins", Vec::new(), |value| Some(value.list(origin)));
    let session = label.map(|label| (label, surroundings.labels.of(label).limits.overall));
    let bounds = Bounds { session, usb_keys: surroundings.usb_keys, app: Demand::default() };
    let demand = rule::demand(section, bounds);
    let rules = rule::read_all(section, paths, Bounds { app: demand, ..bounds });
    let websocket = section.or("websocket", false, |value| value.boolean());
    let max_body = section.or("max_body", AppSettings::DEFAULT_MAX_BODY, |value| value.size(1 << 10..=1 << 40));
    let allow_underscores = section.or("allow_underscores", false, |value| value.boolean());
    let rate = section.get("rate").and_then(|value| rate(&value));
    let asked = section.get("factor").and_then(|value| value.as_text());
    let binding = section.or("binding", Binding::Nothing, |value| binding(&value, demand, asked, &rules, surroundings.usb_keys));
    let default = if binding == Binding::Certificate { FactorDemand::UsbKey } else { FactorDemand::default() };
    let demand = Demand { factor: demand.factor.or(Some(default)), ..demand };
    let (host, label) = (host?, label?);
    let terms = surroundings.labels.of(label);
    let origin = origin_of(&host, surroundings.public_port);
    let (idle, overall) = (terms.limits.idle, terms.limits.overall);
    let (makes, phone_app) = (terms.keys.makes.clone(), terms.keys.phone_app);
    let policy = App {
        id: id?,
        names: names?,
        host,
        label,
        rules,
        paths,
        redact,
        log_query,
        origins,
        origin,
        allow_underscores,
        idle,
        overall,
        demand,
        makes,
        phone_app,
        binding,
        lockdown: Arc::default(),
        emergency: Arc::default(),
    };
    Some(AppSettings { policy: Arc::new(policy), upstream: upstream?, websocket, max_body, rate })
}

fn id(section: &Section<'_>, taken: &mut Taken) -> Option<AppId> {
    let value = section.need("id", "a short name for the log, such as \"sites\"")?;
    let expected = "write 1 to 32 lower-case letters, digits and hyphens, not a hyphen first; the log calls the app so";
    let id = value.meaning(expected, |text| AppId::parse(text).ok_or("is not an id"))?;
    if taken.ids.insert(id.clone(), ()).is_some() {
        return value.wrong("is another app's too", "give every app an id of its own");
    }
    Some(id)
}

fn host(section: &Section<'_>, id: Option<&AppId>, portal: Option<&Host>, taken: &mut Taken, files: &mut Files) -> Option<Host> {
    let value = section.need("host", "the name under which browsers reach the app, such as \"sites.example.cn\"")?;
    let host = value.meaning("write a host name without port, such as \"sites.example.cn\"", Host::parse)?;
    files.hosts.push((host.clone(), value.span.clone()));
    if portal == Some(&host) {
        return value.wrong("is the portal's", "give every app a host of its own");
    }
    if portal.is_some_and(|portal| host.is_below(portal)) {
        let help = "security keys of the portal would work there too (WebAuthn, RP id): take a name beside the portal's, not beneath it";
        return value.wrong("is beneath the portal's host", help);
    }
    if let Some(other) = taken.hosts.get(&host) {
        return value.wrong(format!("is also the host of the app `{other}`"), "give every app a host of its own");
    }
    if let Some(id) = id {
        taken.hosts.insert(host.clone(), id.clone());
    }
    Some(host)
}

/// What each connection must have of its own. One that must have the certificate of a USB-KEY takes a session that has it too.
fn binding(value: &Value<'_>, app: Demand, asked: Option<&str>, rules: &[Rule], usb_keys: bool) -> Option<Binding> {
    let binding = value.word(&[("none", Binding::Nothing), ("certificate", Binding::Certificate)])?;
    if binding == Binding::Nothing {
        return Some(binding);
    }
    if !usb_keys && asked == Some("usb-key") {
        // That is told at `factor`.
        return None;
    }
    if !usb_keys {
        return value
            .wrong("asks for certificates, but nobody's are believed", "add `[usb_keys]` with the authorities whose certificates are");
    }
    let other = |demand: Demand| demand.factor.is_some_and(|factor| factor != FactorDemand::UsbKey);
    if other(app) {
        return value.wrong("is at odds with `factor`", "take `factor` out, or write \"usb-key\": the certificate is one in any case");
    }
    if let Some(rule) = rules.iter().find(|rule| other(rule.demand)) {
        let help = "take its `factor` out, or write \"usb-key\": the certificate is one in any case";
        return value.wrong(format!("is at odds with `factor` of the rule `{}`", rule.name), help);
    }
    Some(binding)
}

/// How people write the levels of state secrets.
const STATE_SECRETS: [&str; 12] =
    ["secret", "topsecret", "confidential", "statesecret", "classified", "机密", "秘密", "绝密", "国家秘密", "机密级", "秘密级", "绝密级"];

fn label(value: &Value<'_>) -> Option<Label> {
    let text = value.text("write \"public\", \"internal\" or \"sensitive\"")?;
    let plain: String = text.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect();
    if STATE_SECRETS.contains(&plain.as_str()) {
        let help = "a system that holds state secrets may not be connected to a public network at all, whatever stands before it: take this app out";
        return value.wrong("is a state-secret label", help);
    }
    let words: Vec<(&str, Label)> = Label::ALL.iter().map(|label| (label.word(), *label)).collect();
    value.word(&words)
}

fn allowance(value: &Value<'_>) -> PathAllowance {
    let words = [("encoded-slash", 0), ("backslash", 1), ("empty-segment", 2), ("semicolon", 3), ("not-utf8", 4)];
    let named = value.list(|item| item.word(&words));
    PathAllowance {
        encoded_slash: named.contains(&0),
        backslash: named.contains(&1),
        empty_segment: named.contains(&2),
        semicolon: named.contains(&3),
        not_utf8: named.contains(&4),
    }
}

fn redacted(value: &Value<'_>, paths: PathAllowance) -> Option<PathPattern> {
    let pattern = rule::pattern(value, paths)?;
    if !pattern.has_wildcard() {
        return value.wrong("hides nothing", "put `*` or `/**` where the secret begins: the log keeps what stands before it");
    }
    Some(pattern)
}

fn parameter(value: &Value<'_>) -> Option<String> {
    let expected = "write the name of a parameter as servers read it, decoded, such as \"page\"";
    let name = value.text(expected)?;
    let is_name = !name.is_empty() && !name.contains(['=', '&', ';', '?', '*', '%']) && !name.chars().any(char::is_control);
    if is_name { Some(name.to_owned()) } else { value.wrong("is no name of a parameter", expected) }
}

fn origin(value: &Value<'_>) -> Option<String> {
    value.meaning("write an origin as browsers do, such as \"https://tools.example.cn\"", |text| {
        let url = Url::parse(text).map_err(|_| "is not an origin")?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        match url.scheme() {
            "https" if bare && url.password().is_none() => Ok(url.origin().ascii_serialization()),
            "https" => Err("is more than an origin"),
            _ => Err("is not an https origin"),
        }
    })
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    let table = value.table()?;
    table.need("per_second", "how many requests a second the app takes in the long run")?;
    table.need("burst", "how many requests may come at once")?;
    Some(rate_of(&table, "per_second", Rate::PER_PERSON))
}

fn upstream(section: &Section<'_>, base: &Path, files: &mut Files) -> Option<Upstream> {
    let listed = section.need("upstreams", "where the app is, such as [\"http://127.0.0.1:9001\"]");
    let addresses = listed.as_ref().map(|value| value.list(address)).unwrap_or_default();
    let host = section.or("upstream_host", UpstreamHost::Same, |value| upstream_host(&value));
    let connect_timeout = section.or("connect_timeout", Upstream::DEFAULT_CONNECT_TIMEOUT, |value| value.duration(TIMEOUT));
    let answer_timeout = section.or("answer_timeout", Upstream::DEFAULT_ANSWER_TIMEOUT, |value| value.duration(TIMEOUT));
    let ca = section.get("upstream_ca").and_then(|value| Some((path(&value, base)?, value)));
    let certificate = client_certificate(section, base);
    let (tls, plain): (Vec<_>, Vec<_>) = addresses.iter().partition(|(tls, _)| *tls);
    let (tls, mixed) = (!tls.is_empty(), !tls.is_empty() && !plain.is_empty());
    let value = listed?;
    if mixed {
        value.wrong::<()>("mixes http and https", "one app's upstreams are all reached in one way");
    } else if tls && !section.has("upstream_ca") {
        value.wrong::<()>(
            "are reached by https without `upstream_ca`",
            "name the file with the authority of their certificates (PEM); no other is trusted",
        );
    } else if !tls && !addresses.is_empty() {
        for value in ["upstream_ca", "upstream_certificate"].into_iter().filter_map(|key| section.get(key)) {
            value.wrong::<()>("has no use", "the upstreams are reached by http: write https, or take this out");
        }
    }
    if let Some((path, value)) = &ca {
        files.authorities.push((path.clone(), value.span.clone()));
    }
    if let Some(pair) = &certificate {
        files.pairs.push(pair.clone());
    }
    Some(Upstream {
        addresses: addresses.into_iter().map(|(_, address)| address).collect(),
        tls,
        host,
        ca: ca.map(|(path, _)| path),
        certificate: certificate.map(|pair| pair.files),
        connect_timeout,
        answer_timeout,
    })
}

/// `upstream_certificate = { chain = …, key = … }`.
fn client_certificate(section: &Section<'_>, base: &Path) -> Option<Pair> {
    let table = section.get("upstream_certificate")?.table()?;
    let (files, chain_span, key_span): (CertificateFiles, _, _) = certificate_files(&table, base)?;
    Some(Pair { files, chain_span, key_span, serves: false })
}

fn address(value: &Value<'_>) -> Option<(bool, UpstreamAddress)> {
    let expected = "write a scheme, a host and a port, such as \"http://127.0.0.1:9001\" or \"https://sites.internal\"";
    value.meaning(expected, |text| {
        let url = Url::parse(text).map_err(|error| match error {
            url::ParseError::InvalidPort => "has a port that is none, from 1 to 65535",
            _ => "is not an address of a server",
        })?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err("is neither http nor https"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name or a password in it");
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err("has a path: requests keep the path that the browser asked for");
        }
        let host = match url.host() {
            Some(url::Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => return Err("has no host"),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0).ok_or("has no port")?;
        Ok((tls, UpstreamAddress { host, port }))
    })
}

fn upstream_host(value: &Value<'_>) -> Option<UpstreamHost> {
    value.meaning("write \"same\" for what the browser asked for, or a host name, perhaps with a port", |text| match text {
        "same" => Ok(UpstreamHost::Same),
        name => Host::parse_authority(name).map(|_| UpstreamHost::Named(name.to_ascii_lowercase())),
    })
}
