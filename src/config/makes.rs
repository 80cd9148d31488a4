//! Reads which makes of security keys the config lists, and what each label asks for: of which make a key must be, and whether an app on a
//! phone is enough.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use webauthn_rs::prelude::Uuid;

use super::files::Files;
use super::general::path;
use super::read::{Section, Value};

/// A make of security keys; an authority of its maker signs what such a key says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMake {
    pub name: Arc<str>,
    /// PEM.
    pub ca: PathBuf,
    /// Models (AAGUID); empty: all that the authority vouches for.
    pub models: Vec<Uuid>,
}

/// What a label asks for beyond its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDemand {
    /// A security key must be of one of these makes; `None`: of any.
    pub makes: Option<Arc<[Arc<str>]>>,
    /// Whether apps that let in by any factor let in by an app on a phone.
    pub phone_app: bool,
}

/// Since when an account must not have been used to be suspended: a quarter of a year, as long as holidays and postings last; the regular
/// cleaning of accounts that MLPS (GB/T 22239, 8.1.4.2) asks for names no time. `None`: never.
pub const UNUSED: Option<Duration> = Some(Duration::from_hours(90 * 24));

pub fn read(section: &Section<'_>, base: &Path, files: &mut Files) -> Vec<KeyMake> {
    let mut makes: Vec<KeyMake> = Vec::new();
    for table in section.sections("authenticators") {
        let name = table.need("name", "what people call such keys, such as \"YubiKey 5\"").and_then(|value| name(&value, &makes));
        let ca = table.need("ca", "the file with the authority that signs for such keys (PEM), from their maker");
        let models = table.or("aaguids", Vec::new(), |value| Some(value.list(model)));
        if let (Some(name), Some((ca, span))) = (name, ca.and_then(|value| Some((path(&value, base)?, value.span.clone())))) {
            files.authorities.push((ca.clone(), span));
            makes.push(KeyMake { name, ca, models });
        }
    }
    makes
}

fn name(value: &Value<'_>, before: &[KeyMake]) -> Option<Arc<str>> {
    let name = value.text("write the name that people read")?.trim();
    match name {
        _ if !(1..=64).contains(&name.chars().count()) || name.chars().any(char::is_control) => {
            value.wrong("is not a name", "write 1 to 64 characters, no control characters")
        }
        "any" | "attested" => value.wrong("means something else where labels name makes", "call it otherwise"),
        _ if before.iter().any(|make| *make.name == *name) => value.wrong("is another make's too", "give every make a name of its own"),
        _ => Some(name.into()),
    }
}

fn model(value: &Value<'_>) -> Option<Uuid> {
    value.meaning("write an AAGUID, such as \"cb69481e-8ff7-4039-93ec-0a2729a154a8\"", |text| {
        Uuid::parse_str(text).map_err(|_| "is not an AAGUID")
    })
}

/// Of a label's section.
pub fn demand(section: &Section<'_>, makes: &[KeyMake], phone_app: PhoneApp) -> KeyDemand {
    let makes = section.get("attestation").and_then(|value| wanted(&value, makes)).flatten();
    let phone_app = section.or("phone_app", false, |value| {
        let allowed = value.boolean()?;
        if allowed && phone_app == PhoneApp::Never {
            let help = "what an app on a phone shows can be copied and read out; take it out, or give the app another label";
            return value.wrong("is not possible for this label", help);
        }
        Some(allowed)
    });
    KeyDemand { makes, phone_app }
}

/// Whether a label may let phone apps in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneApp {
    IfWritten,
    Never,
}

fn wanted(value: &Value<'_>, makes: &[KeyMake]) -> Option<Option<Arc<[Arc<str>]>>> {
    let listed = || makes.iter().map(|make| make.name.clone());
    let wanted: Arc<[Arc<str>]> = if value.is_text() {
        if value.word(&[("any", false), ("attested", true)])? {
            listed().collect()
        } else {
            return Some(None);
        }
    } else {
        let one = |item: &Value<'_>| {
            let name = item.text("write the name of a make")?.trim();
            let help = "name one of `[[webauthn.authenticators]]`";
            listed().find(|make| **make == *name).or_else(|| item.wrong("is a make that is not listed", help))
        };
        value.list(one).into()
    };
    if wanted.is_empty() {
        let help = "list the makes of keys that you trust, each with its authority, as `[[webauthn.authenticators]]`";
        return value.wrong("trusts no make: no key would do", help);
    }
    Some(Some(wanted))
}

/// `[accounts]`.
pub fn unused(section: &Section<'_>) -> Option<Duration> {
    const RANGE: std::ops::RangeInclusive<Duration> = Duration::from_hours(7 * 24)..=Duration::from_hours(730 * 24);
    section.or("suspend_unused_after", UNUSED, |value| match value.text("write a length of time, such as \"90d\", or \"never\"")? {
        "never" => Some(None),
        _ => value.duration(RANGE).map(Some),
    })
}
