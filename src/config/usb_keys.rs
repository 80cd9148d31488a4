//! Which USB-KEYs are believed, and the host where they are shown.
//!
//! Invariant: that nobody keeps a list of revoked certificates is said in a word of its own; leaving it out is a problem.

use std::path::{Path, PathBuf};

use super::files::Files;
use super::general::{origin_of, path};
use super::read::{Section, Value};
use super::settings::AppSettings;
use crate::model::{Host, UnitName};
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
    if !is_there {
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
    let (certificates, crls) = if issued_here { own(section, before, around) } else { others(section, around, files) };
    let keeper = if issued_here { Keeper::Gateway } else { Keeper::Others };
    Some(AuthoritySource { name: name?, certificates: certificates?, crls: crls?, units, hardware_only, rule, keeper })
}

/// Its files are where the gateway keeps them.
fn own(section: &Section<'_>, before: &[AuthoritySource], around: &Around<'_>) -> (Option<PathBuf>, Option<Crls>) {
    for key in ["certificates", "crls"] {
        if let Some(value) = section.get(key) {
            value.wrong::<()>("is not for the gateway's own authority", "take it out: the gateway keeps these files in `data` itself");
        }
    }
    if let Some(value) = section.get("issued_here").filter(|_| before.iter().any(|other| other.keeper == Keeper::Gateway)) {
        value.wrong::<()>("is there twice", "the gateway has one authority of its own");
    }
    let files = around.data.map(IssuingFiles::new);
    (files.as_ref().map(IssuingFiles::certificate), files.map(|files| Crls::Files(vec![files.list()])))
}

fn others(section: &Section<'_>, around: &Around<'_>, files: &mut Files) -> (Option<PathBuf>, Option<Crls>) {
    let expected = "the file with the authority's certificate, and those between it and people's own (PEM)";
    let certificates = section.need("certificates", expected).and_then(|value| {
        let file = path(&value, around.base)?;
        files.trusted.push((file.clone(), value.span));
        Some(file)
    });
    let expected = "the files with its lists of revoked certificates (PEM or DER), or \"none\" if it keeps none";
    let crls = section.need("crls", expected).and_then(|value| {
        if value.is_text() {
            return value.word(&[("none", ())]).map(|()| Crls::NoneKept);
        }
        let paths = value.list(|item| path(item, around.base));
        (!paths.is_empty()).then_some(Crls::Files(paths))
    });
    (certificates, crls)
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
