//! Which USB-KEYs are believed, and the host where they are shown.
//!
//! Invariant: that nobody keeps a list of revoked certificates is said in a word of its own; leaving it out is a problem.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::general::{origin_of, path};
use super::read::{Section, Span, Value};
use super::settings::AppSettings;
use super::trusted::Trusted;
use super::value::did_you_mean;
use crate::model::{Host, UnitName, capped};
use crate::pki::{AuthoritySource, Crls, IssuingFiles, Keeper, MatchingRule};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsbKeys {
    /// Where they are shown: it asks every browser for a certificate.
    pub host: Host,
    /// As browsers write it: `https://host` or `https://host:port`.
    pub origin: String,
    pub authorities: Vec<AuthoritySource>,
}

/// What has to be known of the rest of the file.
pub struct Around<'s> {
    pub base: &'s Path,
    pub data: Option<&'s Path>,
    pub public_port: u16,
    pub portal: Option<&'s Host>,
    pub apps: &'s [AppSettings],
}

/// `None`: no USB-KEYs, or something is wrong and was reported.
pub fn read(root: &Section<'_>, around: &Around<'_>, files: &mut Files) -> Option<UsbKeys> {
    let is_there = root.has("usb_keys");
    let section = root.section("usb_keys");
    let host = section.get("host");
    let tables = section.sections("authorities");
    let mut authorities: Vec<AuthoritySource> = Vec::new();
    for table in &tables {
        let before = authorities.as_slice();
        let authority = authority(table, before, around, files);
        authorities.extend(authority);
    }
    if !is_there || section.is_spoilt() {
        return None;
    }
    if host.is_none() {
        section.need("host", "the name of the host where USB-KEYs are shown, such as \"key.example.cn\"");
    }
    if tables.is_empty() {
        let help = "add `[[usb_keys.authorities]]` for each authority whose certificates are believed, or take `[usb_keys]` out";
        section.reader().report(&section.span, "`usb_keys.authorities` is missing".to_owned(), String::new(), help.to_owned());
    }
    let host = host.and_then(|value| place(&value, around, files))?;
    Some(UsbKeys { origin: origin_of(&host, around.public_port), host, authorities })
}

/// A host of its own: no app's and not the portal's, and neither above nor beneath the portal.
fn place(value: &Value<'_>, around: &Around<'_>, files: &mut Files) -> Option<Host> {
    let host = value.meaning("write a host name without port, such as \"key.example.cn\"", Host::parse)?;
    files.hosts.push((host.clone(), value.span.clone()));
    let own = "give it a host of its own: a browser that opens it is asked for a certificate";
    if around.portal == Some(&host) {
        return value.wrong("is the portal's", own);
    }
    if around.portal.is_some_and(|portal| host.is_below(portal) || portal.is_below(&host)) {
        return value.wrong("is above or beneath the portal's host", "take a name beside the portal's: cookies and keys reach down");
    }
    let near = |app: &&AppSettings| app.policy.host == host || app.policy.host.is_below(&host) || host.is_below(&app.policy.host);
    if let Some(app) = around.apps.iter().find(near) {
        return value.wrong(format!("is the host of the app `{}`, or above or beneath it", app.policy.id), own);
    }
    Some(host)
}

fn authority(section: &Section<'_>, before: &[AuthoritySource], around: &Around<'_>, files: &mut Files) -> Option<AuthoritySource> {
    let name = section.need("name", "what the log calls it, such as \"city\"").and_then(|value| name(&value, before));
    let issued_here = section.or("issued_here", false, |value| value.boolean());
    let units = section.get("units").map(|value| value.list(unit));
    let hardware_only = section.or("hardware_only", false, |value| value.boolean());
    let words = MatchingRule::ALL.map(|rule| (rule.word(), rule));
    let rule = section.get("match").and_then(|value| value.word(&words));
    let keeper = if issued_here { Keeper::Gateway } else { Keeper::Others };
    let found = if issued_here { own(section, before, around) } else { others(section, around) };
    let named = name.clone().unwrap_or_default();
    let (certificates, place) = found.certificates?;
    let (crls, lists) = found.crls.unzip();
    let source =
        AuthoritySource { name: named, certificates, crls: crls.clone().unwrap_or(Crls::NoneKept), units, hardware_only, rule, keeper };
    // Its files are looked at whatever else is wrong with it.
    files.trusted.push(Trusted { source: source.clone(), certificates: place, lists: lists.unwrap_or_default() });
    Some(AuthoritySource { name: name?, crls: crls?, ..source })
}

/// The files of an authority, with the places where they are named.
struct Found {
    certificates: Option<(PathBuf, Span)>,
    crls: Option<(Crls, Vec<Span>)>,
}

/// Its files are where the gateway keeps them.
fn own(section: &Section<'_>, before: &[AuthoritySource], around: &Around<'_>) -> Found {
    for key in ["certificates", "crls"] {
        if let Some(value) = section.get(key) {
            value.wrong::<()>("is not for the gateway's own authority", "take it out: the gateway keeps these files in `data` itself");
        }
    }
    let place = section.get("issued_here").map_or(section.span.clone(), |value| {
        if before.iter().any(|other| other.keeper == Keeper::Gateway) {
            value.wrong::<()>("is there twice", "the gateway has one authority of its own");
        }
        value.span
    });
    let files = around.data.map(IssuingFiles::new);
    Found {
        certificates: files.as_ref().map(|files| (files.certificate(), place.clone())),
        crls: files.map(|files| (Crls::Files(vec![files.list()]), vec![place])),
    }
}

fn others(section: &Section<'_>, around: &Around<'_>) -> Found {
    let expected = "the file with the authority's certificate, and those between it and people's own (PEM)";
    let certificates = section.need("certificates", expected).and_then(|value| Some((path(&value, around.base)?, value.span)));
    let expected = "[\"FILE\"] with its lists of revoked certificates (PEM or DER), or \"none\" if it publishes none";
    Found { certificates, crls: section.need("crls", expected).and_then(|value| lists(&value, around.base)) }
}

fn lists(value: &Value<'_>, base: &Path) -> Option<(Crls, Vec<Span>)> {
    if let Some(text) = value.as_text() {
        let help = format!("write [{:?}], or \"none\" if the authority publishes no list", capped(text, 60));
        return match text {
            "none" => Some((Crls::NoneKept, Vec::new())),
            _ if did_you_mean(text, ["none"]).is_some() => value.wrong("is not a known word", "did you mean \"none\"?"),
            _ => value.wrong("must be a list", &help),
        };
    }
    if value.is_empty_list() {
        return value.wrong("is empty", "write [\"FILE\"], or \"none\" if the authority publishes no list");
    }
    let (paths, places): (Vec<_>, Vec<_>) = value.list_with_places(|item| path(item, base)).into_iter().unzip();
    (!paths.is_empty()).then_some((Crls::Files(paths), places))
}

fn name(value: &Value<'_>, before: &[AuthoritySource]) -> Option<String> {
    let expected = "write 1 to 32 lower-case letters, digits and hyphens";
    let text = value.text(expected)?;
    let fits =
        (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return value.wrong("is not a name for the log", expected);
    }
    if before.iter().any(|other| other.name == text) {
        return value.wrong("is another authority's too", "give every authority a name of its own");
    }
    Some(text.to_owned())
}

fn unit(value: &Value<'_>) -> Option<UnitName> {
    value.meaning("write the unit as it is spelled in the accounts", UnitName::parse)
}
