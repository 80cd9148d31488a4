//! Certificates that strangers show: no bytes break the reading of their names, and what is found is in them byte for byte. The bytes are a
//! whole certificate, or a subject and alternative names in one whose rest is good.

use rustls::pki_types::CertificateDer;
use yumen::clock::Time;
use yumen::pki::{ClientTrust, MatchingRule};

pub fn run(bytes: &[u8]) {
    let alone = CertificateDer::from(bytes);
    assert!(ClientTrust::nobody().check(std::slice::from_ref(&alone), Time::from_millis(1_800_000_000_000)).is_err());
    let whole = [alone, CertificateDer::from(certificate(bytes, None)), CertificateDer::from(certificate(&name(), Some(bytes)))];
    for certificate in &whole {
        for rule in MatchingRule::ALL {
            let Ok(Some(found)) = rule.find(certificate) else { continue };
            let text = found.as_str().as_bytes();
            assert!((1..=256).contains(&text.len()) && !found.as_str().chars().any(char::is_control));
            assert!(certificate.windows(text.len()).any(|part| part == text), "{found} is not in it");
        }
    }
}

/// A certificate that nobody signed, with this subject and this list of alternative names.
fn certificate(subject: &[u8], names: Option<&[u8]>) -> Vec<u8> {
    let algorithm = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let time = der(0x17, b"260101000000Z");
    let curve = [der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])].concat();
    let key = [der(0x30, &curve), der(0x03, &[0; 66])].concat();
    let extension = |names: &[u8]| der(0x30, &[der(0x06, &[0x55, 0x1d, 17]), der(0x04, &der(0x30, names))].concat());
    let parts = [
        der(0xa0, &der(0x02, &[2])),
        der(0x02, &[1]),
        algorithm.clone(),
        name(),
        der(0x30, &[time.clone(), time].concat()),
        subject.to_vec(),
        der(0x30, &key),
        names.map(|names| der(0xa3, &der(0x30, &extension(names)))).unwrap_or_default(),
    ];
    der(0x30, &[der(0x30, &parts.concat()), algorithm, der(0x03, &[0; 9])].concat())
}

fn name() -> Vec<u8> {
    der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0x55, 4, 3]), der(0x0c, b"city")].concat())))
}

/// Tag, length in four bytes, content.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    [&[tag, 0x84], length.as_slice(), content].concat()
}
