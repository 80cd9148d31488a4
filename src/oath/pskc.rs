//! Seeds as a Portable Symmetric Key Container (RFC 6030), plain or with a pre-shared AES key.
//!
//! Not read: containers under a password or a certificate, check digits, and a container's signature, which says nothing about who may
//! have sent the file unless its key came by another way, as the transport key does.

use data_encoding::BASE64;
use roxmltree::{Document, Node, ParsingOptions};

use super::code::{Kind, Scheme};
use super::delivery::{Delivered, Lines, Problem, Reason, seed, serial};
use super::seed_csv;
use super::xml_encryption::{Ciphered, Mac, TransportKey, Undecipherable};
use crate::clock::Time;
use crate::crypto::Hash;

const PSKC: &str = "urn:ietf:params:xml:ns:keyprov:pskc";
const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const HOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:hotp";
const TOTP: &str = "urn:ietf:params:xml:ns:keyprov:pskc:totp";
/// Elements and texts: some 60 for each token.
const MOST_NODES: u32 = 5_000_000;

/// How the container's values are opened.
struct Opening<'k> {
    transport: Option<&'k TransportKey>,
    mac: Option<Result<Mac, Undecipherable>>,
    is_pre_shared: bool,
}

pub(super) fn read(text: &str, transport: Option<&TransportKey>) -> Vec<Result<Delivered, Problem>> {
    // A document type could name entities that grow or point elsewhere; there is none in a container.
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(text, options) {
        Ok(document) => document,
        Err(error) => {
            let line = u64::from(error.pos().row);
            return vec![Err(Problem { line, reason: Reason::NotXml(error.to_string()) })];
        }
    };
    let container = document.root_element();
    let lines = Lines::of(text);
    let opening = match opening(container, transport) {
        Ok(opening) => opening,
        Err(reason) => return vec![Err(Problem { line: lines.at(container.range().start), reason })],
    };
    let packages = container.children().filter(|node| node.has_tag_name((PSKC, "KeyPackage")));
    packages
        .map(|package| {
            let line = lines.at(package.range().start);
            token(package, &opening, line).map_err(|reason| Problem { line, reason })
        })
        .collect()
}

fn opening<'k>(container: Node<'_, '_>, transport: Option<&'k TransportKey>) -> Result<Opening<'k>, Reason> {
    if !container.has_tag_name((PSKC, "KeyContainer")) {
        return Err(Reason::Missing("KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\""));
    }
    let version = container.attribute("Version").unwrap_or_default();
    if version != "1.0" {
        return Err(Reason::Version(version.chars().take(20).collect()));
    }
    let is_pre_shared = child(container, "EncryptionKey").is_none_or(|key| key.children().any(|node| node.tag_name().name() == "KeyName"));
    let mac = child(container, "MACMethod").zip(transport).map(|(method, transport)| {
        let key = child(method, "MACKey").map(ciphered).transpose().map_err(|_| Undecipherable::Damaged)?;
        Mac::new(method.attribute("Algorithm").unwrap_or_default(), key.as_ref(), transport)
    });
    Ok(Opening { transport, mac, is_pre_shared })
}

fn token(package: Node<'_, '_>, opening: &Opening<'_>, line: u64) -> Result<Delivered, Reason> {
    let key = child(package, "Key").ok_or(Reason::Missing("Key"))?;
    let device = child(package, "DeviceInfo");
    let name =
        device.and_then(|device| child_text(device, "SerialNo")).or_else(|| key.attribute("Id")).ok_or(Reason::Missing("SerialNo"))?;
    let data = child(key, "Data").ok_or(Reason::Missing("Data"))?;
    let policy = child(key, "Policy");
    let dates = [device, policy].into_iter().flatten().filter_map(|node| child_text(node, "ExpiryDate"));
    let expires = dates.map(time).collect::<Result<Vec<Time>, Reason>>()?.into_iter().min();
    Ok(Delivered {
        serial: serial(name)?,
        scheme: scheme(key, data)?,
        seed: seed(secret(data, opening)?.to_vec())?,
        counter: plain_number(data, "Counter")?.unwrap_or(0),
        expires,
        line,
    })
}

fn scheme(key: Node<'_, '_>, data: Node<'_, '_>) -> Result<Scheme, Reason> {
    let parameters = child(key, "AlgorithmParameters").ok_or(Reason::Missing("AlgorithmParameters"))?;
    let format = child(parameters, "ResponseFormat").ok_or(Reason::Missing("ResponseFormat"))?;
    if format.attribute("Encoding") != Some("DECIMAL") {
        return Err(value("ResponseFormat", format.attribute("Encoding").unwrap_or_default(), "Encoding=\"DECIMAL\""));
    }
    if matches!(format.attribute("CheckDigits"), Some("true" | "1")) {
        return Err(value("ResponseFormat", "CheckDigits", "no check digits"));
    }
    let digits = format.attribute("Length").unwrap_or_default();
    let digits = digits.parse().map_err(|_| value("ResponseFormat", digits, "a Length of 6 to 8"))?;
    let hash = match child_text(parameters, "Suite") {
        None => Hash::Sha1,
        Some(suite) => seed_csv::hash(suite).ok_or_else(|| value("Suite", suite, "HMAC-SHA1, HMAC-SHA256 or HMAC-SHA512"))?,
    };
    let kind = match key.attribute("Algorithm") {
        Some(HOTP) => Kind::Hotp,
        Some(TOTP) => {
            if plain_number(data, "Time")?.unwrap_or(0) != 0 {
                return Err(value("Time", "another beginning", "0, the beginning of 1970"));
            }
            let period = plain_number(data, "TimeInterval")?.unwrap_or(30);
            Kind::Totp { period: u32::try_from(period).unwrap_or(u32::MAX) }
        }
        other => {
            let found = other.unwrap_or_default().chars().take(80).collect();
            return Err(Reason::Algorithm { found, expected: "urn:ietf:params:xml:ns:keyprov:pskc:hotp or …:totp" });
        }
    };
    Ok(Scheme::new(kind, hash, digits)?)
}

fn secret(data: Node<'_, '_>, opening: &Opening<'_>) -> Result<zeroize::Zeroizing<Vec<u8>>, Reason> {
    let secret = child(data, "Secret").ok_or(Reason::Missing("Secret"))?;
    if let Some(plain) = child_text(secret, "PlainValue") {
        return Ok(zeroize::Zeroizing::new(base64("PlainValue", plain)?));
    }
    let encrypted = child(secret, "EncryptedValue").ok_or(Reason::Missing("PlainValue"))?;
    if !opening.is_pre_shared {
        return Err(Undecipherable::NotPreShared.into());
    }
    let transport = opening.transport.ok_or(Undecipherable::NoKey)?;
    let mac = opening.mac.as_ref().ok_or(Undecipherable::NoMac)?.as_ref().map_err(Clone::clone)?;
    let tag = child_text(secret, "ValueMAC").ok_or(Undecipherable::NoMac)?;
    Ok(mac.open(&ciphered(encrypted)?, &base64("ValueMAC", tag)?, transport)?)
}

/// `<EncryptedValue>` and `<MACKey>` are both of the type that XML Encryption calls EncryptedData.
fn ciphered(node: Node<'_, '_>) -> Result<Ciphered, Reason> {
    let of = |parent: Node<'_, '_>, name| parent.children().find(|node| node.has_tag_name((XENC, name))).map(|found| found.id());
    let find = |parent, name: &'static str| of(parent, name).and_then(|id| node.document().get_node(id)).ok_or(Reason::Missing(name));
    let method = find(node, "EncryptionMethod")?;
    let value = find(find(node, "CipherData")?, "CipherValue")?;
    let algorithm = method.attribute("Algorithm").unwrap_or_default().to_owned();
    Ok(Ciphered { algorithm, bytes: base64("CipherValue", value.text().unwrap_or_default())? })
}

fn plain_number(data: Node<'_, '_>, name: &'static str) -> Result<Option<u64>, Reason> {
    let Some(node) = child(data, name) else { return Ok(None) };
    let text = child_text(node, "PlainValue").ok_or(Reason::Value {
        element: name,
        found: "an encrypted value".into(),
        expected: "a plain one",
    })?;
    text.parse().map(Some).map_err(|_| value(name, text, "a number"))
}

fn time(text: &str) -> Result<Time, Reason> {
    let instant: jiff::Timestamp =
        text.parse().map_err(|_| value("ExpiryDate", text, "a date and time with its zone, as 2030-12-31T00:00:00Z"))?;
    Ok(Time::from_millis(instant.as_millisecond()))
}

fn base64(element: &'static str, text: &str) -> Result<Vec<u8>, Reason> {
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    BASE64.decode(packed.as_bytes()).map_err(|_| Reason::Value { element, found: "what is no base64".into(), expected: "base64" })
}

fn value(element: &'static str, found: &str, expected: &'static str) -> Reason {
    Reason::Value { element, found: found.chars().take(40).collect(), expected }
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name((PSKC, name)))
}

fn child_text<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    child(node, name).and_then(|child| child.text()).map(str::trim)
}

#[cfg(test)]
mod tests;
