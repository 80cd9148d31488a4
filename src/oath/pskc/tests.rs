use crate::clock::Time;
use crate::crypto::Hash;
use crate::oath::{Delivered, Kind, Problem, Scheme, TransportKey, read};

const KEY: &str = "12345678901234567890123456789012";

fn container(inner: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<pskc:KeyContainer Version=\"1.0\" xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
         xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n{inner}\n</pskc:KeyContainer>"
    )
}

/// One package on a line of its own.
fn package(serial: &str, algorithm: &str, format: &str, data: &str) -> String {
    format!(
        "<pskc:KeyPackage><pskc:DeviceInfo><pskc:SerialNo>{serial}</pskc:SerialNo></pskc:DeviceInfo><pskc:Key Id=\"1\" \
         Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}\"><pskc:AlgorithmParameters>{format}</pskc:AlgorithmParameters>\
         <pskc:Data>{data}</pskc:Data></pskc:Key></pskc:KeyPackage>\n"
    )
}

const SIX: &str = "<pskc:ResponseFormat Encoding=\"DECIMAL\" Length=\"6\"/>";
const PLAIN: &str = "<pskc:Secret><pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue></pskc:Secret>";

/// RFC 6030, section 6.1.
fn of_the_rfc() -> String {
    let encrypted = "<pskc:Secret><pskc:EncryptedValue><xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
                     <xenc:CipherData><xenc:CipherValue>AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv</xenc:CipherValue>\
                     </xenc:CipherData></pskc:EncryptedValue><pskc:ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=</pskc:ValueMAC></pskc:Secret>\
                     <pskc:Counter><pskc:PlainValue>0</pskc:PlainValue></pskc:Counter>";
    let eight = "<pskc:ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/>";
    container(&format!(
        "<pskc:EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></pskc:EncryptionKey>\n\
         <pskc:MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><pskc:MACKey>\
         <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>\
         ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX</xenc:CipherValue></xenc:CipherData></pskc:MACKey></pskc:MACMethod>\n{}",
        package("987654321", "hotp", eight, encrypted)
    ))
}

fn read_with(file: &str, key: Option<&str>) -> Result<Vec<Delivered>, Vec<Problem>> {
    read(file.as_bytes(), key.map(|key| TransportKey::parse(key).unwrap()).as_ref())
}

fn said(file: &str, key: Option<&str>) -> String {
    read_with(file, key).unwrap_err().iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn the_encrypted_seed_of_the_rfc_is_opened() {
    let tokens = read_with(&of_the_rfc(), Some(KEY)).unwrap();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].serial.as_str(), "987654321");
    assert_eq!(tokens[0].seed.bytes(), b"12345678901234567890");
    assert_eq!(tokens[0].scheme, Scheme::new(Kind::Hotp, Hash::Sha1, 8).unwrap());
}

#[test]
fn an_encrypted_seed_that_was_changed_or_has_another_key_is_refused() {
    let file = of_the_rfc();
    assert!(said(&file, None).contains("give the transport key"));
    assert!(said(&file, Some("12345678901234567890123456789013")).contains("the keyed hash of an encrypted seed is wrong"));
    assert!(said(&file, Some(&KEY.repeat(2))).contains("a key of 16 bytes, and the transport key has 32"));
    for (from, to, words) in [
        ("AAECAwQF", "AAECAwQG", "the keyed hash of an encrypted seed is wrong"),
        ("Su+NvtQf", "Su+NvtQg", "the keyed hash of an encrypted seed is wrong"),
        ("ESIzRFVm", "ESIzRFVn", "the keyed hash of an encrypted seed is wrong"),
        ("<pskc:ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=</pskc:ValueMAC>", "", "has no keyed hash"),
        ("xmldsig#hmac-sha1", "xmldsig#hmac-md5", "hmac-md5\" is not known"),
        (
            "xmlenc#aes128-cbc\"/><xenc:CipherData><xenc:CipherValue>AAEC",
            "xmlenc#tripledes-cbc\"/><xenc:CipherData><xenc:CipherValue>AAEC",
            "tripledes-cbc\" is not known",
        ),
        ("<ds:KeyName>Pre-shared-key</ds:KeyName>", "<ds:X509Data/>", "a password or a certificate"),
    ] {
        let changed = file.replacen(from, to, 1);
        assert_ne!(changed, file, "{from}");
        let said = said(&changed, Some(KEY));
        assert!(said.contains(words), "{from}: {said}");
    }
}

#[test]
fn a_seed_with_no_keyed_hash_at_all_is_refused() {
    let file = of_the_rfc();
    let (before, rest) = file.split_once("<pskc:MACMethod").unwrap();
    let (_, after) = rest.split_once("</pskc:MACMethod>").unwrap();
    assert!(said(&format!("{before}{after}"), Some(KEY)).contains("has no keyed hash"));
}

#[test]
fn plain_seeds_need_no_key_and_every_parameter_is_read() {
    let timed = "<pskc:Time><pskc:PlainValue>0</pskc:PlainValue></pskc:Time><pskc:TimeInterval><pskc:PlainValue>60</pskc:PlainValue></pskc:TimeInterval>";
    let suite = "<pskc:ResponseFormat Encoding=\"DECIMAL\" Length=\"8\"/><pskc:Suite>HMAC-SHA256</pskc:Suite>";
    let counted = "<pskc:Counter><pskc:PlainValue>42</pskc:PlainValue></pskc:Counter>";
    let expires = package("C-3", "totp", SIX, PLAIN)
        .replace("</pskc:SerialNo>", "</pskc:SerialNo><pskc:ExpiryDate>2030-01-01T00:00:00Z</pskc:ExpiryDate>");
    let file = container(
        &[package("A-1", "totp", suite, &format!("{PLAIN}{timed}")), package("B-2", "hotp", SIX, &format!("{PLAIN}{counted}")), expires]
            .concat(),
    );
    let tokens = read_with(&file, None).unwrap();
    let shown: Vec<_> = tokens.iter().map(|token| (token.serial.as_str(), token.scheme, token.counter, token.expires)).collect();
    let scheme = |kind, hash, digits| Scheme::new(kind, hash, digits).unwrap();
    assert_eq!(
        shown,
        [
            ("A-1", scheme(Kind::Totp { period: 60 }, Hash::Sha256, 8), 0, None),
            ("B-2", scheme(Kind::Hotp, Hash::Sha1, 6), 42, None),
            ("C-3", scheme(Kind::Totp { period: 30 }, Hash::Sha1, 6), 0, Some(Time::from_millis(1_893_456_000_000))),
        ]
    );
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let number = |name: &str, value: &str| format!("{PLAIN}<pskc:{name}><pskc:PlainValue>{value}</pskc:PlainValue></pskc:{name}>");
    let file = container(
        &[
            package("A-1", "pin", SIX, PLAIN),
            package("A-2", "hotp", "<pskc:ResponseFormat Encoding=\"HEXADECIMAL\" Length=\"6\"/>", PLAIN),
            package("A-3", "hotp", "<pskc:ResponseFormat Encoding=\"DECIMAL\" Length=\"9\"/>", PLAIN),
            package("A-4", "totp", SIX, &number("TimeInterval", "45")),
            package("A-5", "totp", SIX, &number("Time", "1000")),
            package("A-6", "hotp", SIX, &number("Counter", "-1")),
            package("A-7", "hotp", SIX, &PLAIN.replace("MTIz", "M?Iz")),
            package("A-8", "hotp", SIX, &PLAIN.replace("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", "MTIz")),
            package("A 9", "hotp", SIX, PLAIN),
            package("B-1", "hotp", SIX, ""),
            package("B-2", "hotp", SIX, PLAIN).replace("</pskc:SerialNo>", "</pskc:SerialNo><pskc:ExpiryDate>soon</pskc:ExpiryDate>"),
            package("B-3", "hotp", SIX, PLAIN),
            package("B-3", "hotp", SIX, PLAIN),
        ]
        .concat(),
    );
    let said = said(&file, None);
    for words in [
        "line 3: the algorithm \"urn:ietf:params:xml:ns:keyprov:pskc:pin\" is not known",
        "line 4: <ResponseFormat> holds \"HEXADECIMAL\"",
        "line 5: a code has 6 to 8 digits, not 9",
        "line 6: a code changes every 30 or 60 seconds, not every 45",
        "line 7: <Time> holds",
        "line 8: <Counter> holds \"-1\"",
        "line 9: <PlainValue> holds what is no base64".replace("what", "\"what").replace("base64", "base64\"").as_str(),
        "line 10: the seed has 3 bytes",
        "line 11: the serial number \"A 9\"",
        "line 12: <Secret> is missing",
        "line 13: <ExpiryDate> holds \"soon\"",
        "line 15: the serial number B-3 stands in line 14 already",
    ] {
        assert!(said.contains(words), "{words} in\n{said}");
    }
    assert_eq!(said.lines().count(), 12);
}

#[test]
fn what_is_no_container_is_refused() {
    for (file, words) in [
        ("<a", "line 1: this is not well-formed XML"),
        ("<KeyContainer Version=\"1.0\"/>", "<KeyContainer xmlns"),
        ("<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"2.0\"/>", "version \"2.0\""),
        ("<KeyContainer xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" Version=\"1.0\"/>", "the file holds no token"),
        ("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>", "this is not well-formed XML"),
    ] {
        assert!(said(file, None).contains(words), "{file}: {}", said(file, None));
    }
}
