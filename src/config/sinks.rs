//! Who keeps a copy of the log: `[[log.sinks]]`.
//!
//! Invariant: what is sent in the clear is sent so because somebody wrote `tcp://`, and is warned of.

use std::path::{Path, PathBuf};

use url::{Host, Url};

use super::files::{Files, Pair};
use super::general::path;
use super::problem::Problem;
use super::read::{Section, Span, Value};
use super::settings::CertificateFiles;
use crate::model::AppId;
use crate::outbound::{Destination, Format, Identity, Kind, SinkSettings};
use crate::pki::reason;

const EXPECTED: &str = "write \"tls://host:port\", \"tcp://host:port\" or \"file:/path\"";
const NO_PORT: &str = "has no port";
const NO_FILE: &str = "names no file";

pub fn read(section: &Section<'_>, base: &Path, files: &mut Files) -> Vec<SinkSettings> {
    let mut sinks: Vec<SinkSettings> = Vec::new();
    for table in section.sections("sinks") {
        if let Some(sink) = sink(&table, base, &sinks, files) {
            sinks.push(sink);
        }
    }
    sinks
}

fn sink(table: &Section<'_>, base: &Path, before: &[SinkSettings], files: &mut Files) -> Option<SinkSettings> {
    let name = table.need("name", "what its place in the log is kept under, such as \"siem\"").and_then(|value| name(&value, before));
    let kinds = [("syslog", Kind::Syslog), ("json-lines", Kind::JsonLines)];
    let kind = table.need("kind", "\"syslog\" or \"json-lines\"").and_then(|value| value.word(&kinds));
    let format = table.or("format", Format::Yumen, |value| value.word(&[("yumen", Format::Yumen), ("ocsf", Format::Ocsf)]));
    let to_value = table.need("to", "where the receiver is, such as \"tls://logs.example.cn:6514\"");
    let to = to_value.as_ref().and_then(|value| destination_of(value, base));
    let (ca, certificate, key) = (table.get("ca"), table.get("certificate"), table.get("key"));
    let place = to_value?;
    let tls = match to.as_ref()? {
        Destination::Tls { .. } => true,
        Destination::Tcp { .. } => {
            place.doubt(
                "sends the log in the clear",
                "write \"tls://…\" with `ca`: whoever is between sees who does what, and can change it",
            );
            false
        }
        Destination::File(file) => {
            if kind == Some(Kind::Syslog) {
                return place.wrong("is a file, and syslog goes to a server", "write `kind = \"json-lines\"`, or name a server");
            }
            files.sinks.push((file.clone(), place.span.clone()));
            false
        }
    };
    if !tls {
        let without = "take it out, or write \"tls://…\" in `to`";
        for value in [&ca, &certificate, &key].into_iter().flatten() {
            value.wrong::<()>("has no use", without);
        }
        return Some(SinkSettings { name: name?, kind: kind?, to: to?, ca: None, identity: None, format });
    }
    let identity = identity(table, certificate, key, base, files);
    if ca.is_none() {
        table.need("ca", "who must have signed the receiver's certificate (PEM); no public authority is trusted by itself");
    }
    let ca = ca.and_then(|value| Some((path(&value, base)?, value.span.clone())))?;
    files.authorities.push(ca.clone());
    Some(SinkSettings { name: name?, kind: kind?, to: to?, ca: Some(ca.0), identity: identity?, format })
}

/// As ids of apps are: it is the name of a file too.
fn name(value: &Value<'_>, before: &[SinkSettings]) -> Option<String> {
    let expected = "write lower-case letters, digits and hyphens, such as \"siem\"";
    let name = value.meaning(expected, |text| AppId::parse(text).map(|id| id.to_string()).ok_or("is not a name"))?;
    match before.iter().any(|sink| sink.name == name) {
        true => value.wrong("is another sink's too", "give every sink a name of its own: its place in the log is kept under it"),
        false => Some(name),
    }
}

fn destination_of(value: &Value<'_>, base: &Path) -> Option<Destination> {
    destination(value.text(EXPECTED)?, base)
        .map_err(|why| {
            let more = if why == NO_PORT { "; syslog over TLS has the port 6514 (RFC 5425)" } else { "" };
            let help = if why == NO_FILE { "write \"file:/path\", with one slash".to_owned() } else { format!("{EXPECTED}{more}") };
            value.wrong::<()>(why, &help)
        })
        .ok()
}

/// What is wrong with it reads on after its name.
pub fn destination(text: &str, base: &Path) -> Result<Destination, &'static str> {
    if let Some(file) = text.strip_prefix("file:") {
        let is_path = !file.is_empty() && !file.starts_with("//") && !file.chars().any(char::is_control);
        return if is_path { Ok(Destination::File(base.join(file))) } else { Err(NO_FILE) };
    }
    let tls = match text.split_once("://") {
        Some(("tls", _)) => true,
        Some(("tcp", _)) => false,
        _ => return Err("is no destination"),
    };
    let url = Url::parse(text).map_err(|_| "is no destination")?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if !is_bare {
        return Err("has more than a host and a port");
    }
    let port = url.port().filter(|port| *port != 0).ok_or(NO_PORT)?;
    let host = match url.host() {
        Some(Host::Domain(name)) if name.is_ascii() && !name.contains('%') => name.to_ascii_lowercase(),
        Some(Host::Ipv4(address)) => address.to_string(),
        Some(Host::Ipv6(address)) => address.to_string(),
        _ => return Err("has no host"),
    };
    Ok(if tls { Destination::Tls { host, port } } else { Destination::Tcp { host, port } })
}

/// Both files or none; `None` where something was wrong.
fn identity<'r>(
    table: &Section<'r>,
    certificate: Option<Value<'r>>,
    key: Option<Value<'r>>,
    base: &Path,
    files: &mut Files,
) -> Option<Option<Identity>> {
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Some(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            table.need("key", "the file with the private key of `certificate` (PEM), readable by its owner alone");
            return None;
        }
        (None, Some(_)) => {
            table.need("certificate", "the file with the certificate of `key` and those that lead to its authority (PEM)");
            return None;
        }
    };
    let identity = Identity { certificate: path(&certificate, base)?, key: path(&key, base)? };
    files.pairs.push(Pair {
        files: CertificateFiles { chain: identity.certificate.clone(), key: identity.key.clone() },
        chain_span: certificate.span,
        key_span: key.span,
        serves: false,
    });
    Some(Some(identity))
}

/// A file that lines cannot be added to.
pub fn check(sinks: &[(PathBuf, Span)]) -> Vec<Problem> {
    sinks.iter().filter_map(|(path, span)| unwritable(path, span)).collect()
}

fn unwritable(path: &Path, span: &Span) -> Option<Problem> {
    let shown = path.display();
    let directory = path.parent().unwrap_or(Path::new("/"));
    let what = match std::fs::metadata(path) {
        Ok(there) if there.is_dir() => format!("{shown} is a directory"),
        Ok(_) => match std::fs::OpenOptions::new().append(true).open(path) {
            Ok(_) => return None,
            Err(error) => format!("the file {shown} cannot be written: {}", reason(&error)),
        },
        Err(_) if directory.is_dir() => return None,
        Err(_) => format!("there is no directory {}", directory.display()),
    };
    let help = "name a file in a directory that is there; the gateway's own user must be able to write it".to_owned();
    Some(Problem { span: Some(span.clone()), what, found: String::new(), help })
}

#[cfg(test)]
mod tests;
