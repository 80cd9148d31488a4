//! Reads which makes of security keys the config lists, and what each label asks for: of which make a key must be, and whether an app on a
//! phone is enough.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use webauthn_rs::prelude::Uuid;

use super::files::Files;
use super::general::path;
use super::read::{Section, Value};
use super::value::did_you_mean;

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
            files.makers.push((ca.clone(), span));
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

/// Of a label's section; with it, where phone apps are let in.
pub fn demand<'r>(section: &Section<'r>, makes: &[KeyMake], phone_app: PhoneApp) -> (KeyDemand, Option<Value<'r>>) {
    let makes = section.get("attestation").and_then(|value| wanted(&value, makes)).flatten();
    let allowed = section.get("phone_app").filter(|value| value.boolean() == Some(true));
    if let Some(value) = allowed.as_ref().filter(|_| phone_app == PhoneApp::Never) {
        let help = "what an app on a phone shows can be copied and read out; take it out, or give the app another label";
        value.wrong::<()>("is not possible for this label", help);
        return (KeyDemand { makes, phone_app: false }, None);
    }
    (KeyDemand { makes, phone_app: allowed.is_some() }, allowed)
}

/// Whether a label may let phone apps in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneApp {
    IfWritten,
    Never,
}

fn wanted(value: &Value<'_>, makes: &[KeyMake]) -> Option<Option<Arc<[Arc<str>]>>> {
    let named = |name: &str| makes.iter().find(|make| *make.name == *name).map(|make| make.name.clone());
    if let Some(word) = value.as_text() {
        if named(word.trim()).is_some() {
            return value.wrong("must be a list, where it names makes", &format!("write [{:?}]", word.trim()));
        }
        if !value.word(&[("any", false), ("attested", true)])? {
            return Some(None);
        }
        if makes.is_empty() {
            let help = "list the makes of keys that you trust, each with its authority, as `[[webauthn.authenticators]]`";
            return value.wrong("trusts no make: no key would do", help);
        }
        return Some(Some(makes.iter().map(|make| make.name.clone()).collect()));
    }
    let one = |item: &Value<'_>| {
        let name = item.text("write the name of a make")?.trim();
        named(name).or_else(|| item.wrong("is a make that is not listed", &instead_of(name, makes)))
    };
    let wanted: Arc<[Arc<str>]> = value.list(one).into();
    // Why there is none is told already.
    (!wanted.is_empty()).then_some(Some(wanted))
}

/// What to do about the name of a make that nobody knows.
fn instead_of(name: &str, makes: &[KeyMake]) -> String {
    match did_you_mean(name, makes.iter().map(|make| &*make.name)) {
        _ if matches!(name, "any" | "attested") => format!("write `attestation = {name:?}`, without brackets"),
        Some(meant) => format!("did you mean {meant:?}? name one of `[[webauthn.authenticators]]`"),
        None => "name one of `[[webauthn.authenticators]]`".to_owned(),
    }
}

/// `[accounts]`.
pub fn unused(section: &Section<'_>) -> Option<Duration> {
    const RANGE: std::ops::RangeInclusive<Duration> = Duration::from_hours(7 * 24)..=Duration::from_hours(730 * 24);
    section.or("suspend_unused_after", UNUSED, |value| match value.text("write a length of time, such as \"90d\", or \"never\"")? {
        "never" => Some(None),
        _ => value.duration_or("never", RANGE).map(Some),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Time;
    use crate::config::{Settings, parse};
    use crate::model::Label;

    const MAKE: &str =
        "[[webauthn.authenticators]]\nname = \"blue\"\nca = \"blue.pem\"\naaguids = [\"cb69481e-8ff7-4039-93ec-0a2729a154a8\"]\n";

    fn read(top: &str) -> Result<Settings, String> {
        let text = format!(
            "data = \"d\"\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"c\"\nkey = \"k\"\n{top}\n\
             [[app]]\nid = \"a\"\nname = \"A\"\nhost = \"a.example.cn\"\nupstreams = [\"http://127.0.0.1:1\"]\nlabel = \"public\"\n"
        );
        parse(&text, "test.toml", Path::new("/etc")).map_err(|problems| problems.render(false))
    }

    #[test]
    fn a_label_names_makes_that_are_listed_or_all_of_them_or_none() {
        let wanted = |attestation: &str| {
            let settings = read(&format!("{MAKE}{}[labels.public]\n{attestation}", MAKE.replace("blue", "red")))?;
            let makes = settings.apps[0].policy.makes.clone();
            Ok::<_, String>(makes.map(|makes| makes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
        };
        assert_eq!(wanted("").unwrap(), None);
        assert_eq!(wanted("attestation = \"any\"").unwrap(), None);
        assert_eq!(wanted("attestation = \"attested\"").unwrap().as_deref(), Some("blue red"));
        assert_eq!(wanted("attestation = [\"red\"]").unwrap().as_deref(), Some("red"));
        for (attestation, told) in [
            ("[\"green\"]", "is a make that is not listed"),
            ("[\"bleu\"]", "did you mean \"blue\"? name one of"),
            ("[\"any\"]", "write `attestation = \"any\"`, without brackets"),
            ("\"blue\"", "write [\"blue\"]"),
            ("\"attestd\"", "did you mean \"attested\"?"),
            ("[]", "is empty"),
            ("[\"red\", \"red\"]", "is there twice"),
        ] {
            let problem = wanted(&format!("attestation = {attestation}")).unwrap_err();
            assert!(problem.contains(told) && problem.matches("error: ").count() == 1, "{attestation}: {problem}");
        }
        assert!(wanted("attestation = \"all\"").is_err());
        let problem = read("[labels.public]\nattestation = \"attested\"").unwrap_err();
        assert!(problem.contains("trusts no make: no key would do"), "{problem}");
        assert_eq!(read(MAKE).unwrap().makes[0].ca, Path::new("/etc/blue.pem"));
        for (wrong, told) in [
            (format!("{MAKE}{MAKE}"), "is another make's too"),
            (MAKE.replace("cb69481e-", ""), "is not an AAGUID"),
            (MAKE.replace("54a8\"", "54a8\", \"CB69481E-8FF7-4039-93EC-0A2729A154A8\""), "is there twice"),
            (MAKE.replace("\"blue\"", "\"attested\""), "means something else"),
            (MAKE.replace("ca = \"blue.pem\"\n", ""), "is missing"),
        ] {
            let problem = read(&wrong).unwrap_err();
            assert!(problem.contains(told), "{problem}");
        }
    }

    #[test]
    fn a_phone_app_is_let_in_where_a_label_says_so_and_never_where_it_is_sensitive() {
        assert!(Label::ALL.iter().all(|label| !read("").unwrap().labels.of(*label).keys.phone_app));
        assert!(read("[labels.public]\nphone_app = true").unwrap().apps[0].policy.phone_app);
        assert!(!read("[labels.internal]\nphone_app = true").unwrap().apps[0].policy.phone_app);
        assert!(read("[labels.sensitive]\nphone_app = false").is_ok());
        let problem = read("[labels.sensitive]\nphone_app = true").unwrap_err();
        assert!(problem.contains("`labels.sensitive.phone_app` is not possible for this label"), "{problem}");
    }

    #[test]
    fn a_phone_app_that_opens_nothing_is_warned_of() {
        let warned = |app: &str| {
            let settings = read(&format!("[labels.public]\nphone_app = true\n{app}")).unwrap();
            settings.warnings(Time::from_millis(0)).to_string()
        };
        let warning = warned("");
        assert!(warning.contains("`labels.public.phone_app` opens nothing: no app of the label \"public\""), "{warning}");
        assert!(warning.contains("test.toml:8:13"), "{warning}");
        let app = |label: &str, more: &str| {
            format!("[[app]]\nid = \"b\"\nname = \"B\"\nhost = \"b.example.cn\"\nupstreams = [\"http://[::1]\"]\nlabel = {label:?}\n{more}")
        };
        let rule = "[[app.rule]]\nname = \"r\"\nroles = [\"member\"]\nfactor = \"any\"";
        assert_eq!(warned(&app("public", "factor = \"any\"")), "");
        assert_eq!(warned(&app("public", rule)), "");
        assert!(warned(&app("internal", "factor = \"any\"")).contains("opens nothing"));
    }

    #[test]
    fn unused_accounts_are_suspended_after_a_quarter_of_a_year_or_as_it_is_written() {
        let after = |text: &str| read(&format!("[accounts]\n{text}")).map(|settings| settings.suspend_unused_after);
        assert_eq!(after("").unwrap(), Some(Duration::from_hours(90 * 24)));
        assert_eq!(after("suspend_unused_after = \"30d\"").unwrap(), Some(Duration::from_hours(30 * 24)));
        assert_eq!(after("suspend_unused_after = \"never\"").unwrap(), None);
        for wrong in ["\"1d\"", "\"0d\"", "\"1000d\"", "90", "\"soon\"", "\"Never\"", "\"off\""] {
            let problem = after(&format!("suspend_unused_after = {wrong}")).unwrap_err();
            assert!(problem.contains("\"never\""), "{problem}");
        }
    }
}
