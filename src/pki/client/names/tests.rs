//! Names in certificates that are written here byte by byte, because no honest tool writes such ones.

use proptest::prelude::*;

use super::*;

const CN: &[u8] = &[0x55, 4, 3];
const SERIAL: &[u8] = &[0x55, 4, 5];
const UID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1];
const UPN: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 20, 2, 3];
const UTF8: u8 = 0x0c;

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x82], length.as_slice(), content].concat()
}

fn attribute_of(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    der(0x30, &[der(0x06, kind), der(tag, value)].concat())
}

/// A name whose places have these attributes.
fn subject(places: &[&[Vec<u8>]]) -> Vec<u8> {
    der(0x30, &places.iter().flat_map(|attributes| der(0x31, &attributes.concat())).collect::<Vec<_>>())
}

fn alone(kind: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    subject(&[&[attribute_of(kind, tag, value)]])
}

fn upn(tag: u8, value: &[u8]) -> Vec<u8> {
    der(0xa0, &[der(0x06, UPN), der(0xa0, &der(tag, value))].concat())
}

/// A certificate with this subject and these alternative names; nobody signed it.
fn certificate(subject: &[u8], alternative: Option<&[Vec<u8>]>) -> CertificateDer<'static> {
    let algorithm = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    let time = der(0x17, b"260101000000Z");
    let curve =
        der(0x30, &[der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1]), der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])].concat());
    let key = der(0x30, &[curve, der(0x03, &[0; 66])].concat());
    let extensions = alternative.map(|names| {
        let extension = der(0x30, &[der(0x06, &[0x55, 0x1d, 17]), der(0x04, &der(0x30, &names.concat()))].concat());
        der(0xa3, &der(0x30, &extension))
    });
    let parts = [
        der(0xa0, &der(0x02, &[2])),
        der(0x02, &[1]),
        algorithm.clone(),
        alone(CN, UTF8, b"city"),
        der(0x30, &[time.clone(), time].concat()),
        subject.to_vec(),
        key,
        extensions.unwrap_or_default(),
    ];
    CertificateDer::from(der(0x30, &[der(0x30, &parts.concat()), algorithm, der(0x03, &[0; 9])].concat()))
}

fn in_subject(rule: MatchingRule, subject: &[u8]) -> Result<Option<String>, CertificateRefusal> {
    Ok(rule.find(&certificate(subject, None))?.map(|name| name.as_str().to_owned()))
}

fn in_alternative(rule: MatchingRule, names: &[Vec<u8>]) -> Result<Option<String>, CertificateRefusal> {
    Ok(rule.find(&certificate(&alone(CN, UTF8, b"somebody"), Some(names)))?.map(|name| name.as_str().to_owned()))
}

const UNUSABLE: Result<Option<String>, CertificateRefusal> = Err(CertificateRefusal::UnusableName);

#[test]
fn each_rule_reads_its_own_place_and_no_other() {
    let found = Ok(Some("wang li".to_owned()));
    for (rule, kind) in [(MatchingRule::CommonName, CN), (MatchingRule::UserId, UID), (MatchingRule::SerialNumber, SERIAL)] {
        for tag in [UTF8, 0x13, 0x16] {
            assert_eq!(in_subject(rule, &alone(kind, tag, b"wang li")), found, "{rule:?}");
        }
        let others: Vec<_> = [CN, UID, SERIAL].into_iter().filter(|other| *other != kind).collect();
        assert_eq!(in_subject(rule, &alone(others[0], UTF8, b"wang li")), Ok(None), "{rule:?}");
    }
    assert_eq!(in_alternative(MatchingRule::Email, &[der(0x81, b"wang@city.example")]), Ok(Some("wang@city.example".to_owned())));
    assert_eq!(in_alternative(MatchingRule::PrincipalName, &[upn(UTF8, "王丽".as_bytes())]), Ok(Some("王丽".to_owned())));
    // A DNS name is no person's, and an e-mail address no principal's.
    assert_eq!(in_alternative(MatchingRule::Email, &[der(0x82, b"wang.city.example")]), Ok(None));
    assert_eq!(in_alternative(MatchingRule::PrincipalName, &[der(0x81, b"wang@city.example")]), Ok(None));
    assert_eq!(in_alternative(MatchingRule::CommonName, &[upn(UTF8, b"wang")]), Ok(Some("somebody".to_owned())));
    assert_eq!(MatchingRule::Email.find(&certificate(&alone(CN, UTF8, b"x"), None)), Ok(None));
}

#[test]
fn a_name_that_can_be_read_in_two_ways_is_refused() {
    let rule = MatchingRule::CommonName;
    let (wang, li) = ([attribute_of(CN, UTF8, b"wang")], [attribute_of(CN, UTF8, b"li")]);
    let office = [attribute_of(&[0x55, 4, 11], UTF8, b"office")];
    assert_eq!(in_subject(rule, &subject(&[&office, &wang])), Ok(Some("wang".to_owned())));
    assert_eq!(in_subject(rule, &subject(&[&wang, &li])), UNUSABLE, "twice");
    assert_eq!(in_subject(rule, &subject(&[&[&wang[..], &office].concat()])), UNUSABLE, "two in one place");
    assert_eq!(in_subject(rule, &subject(&[&wang, &[&office[..], &office].concat()])), UNUSABLE, "two in another place");
    for (tag, value) in [(0x14, b"wang".as_slice()), (0x1e, b"\0w\0a"), (0x1c, b"\0\0\0w"), (0x13, b"w\xe4ng"), (UTF8, b"w\xe4ng")] {
        assert_eq!(in_subject(rule, &alone(CN, tag, value)), UNUSABLE, "{tag:#x}");
    }
    let twice = [der(0x81, b"wang@city.example"), der(0x81, b"li@city.example")];
    assert_eq!(in_alternative(MatchingRule::Email, &twice), UNUSABLE);
    assert_eq!(in_alternative(MatchingRule::PrincipalName, &[upn(UTF8, b"wang"), upn(UTF8, b"wang")]), UNUSABLE);
    assert_eq!(in_alternative(MatchingRule::PrincipalName, &[upn(0x16, b"wang")]), UNUSABLE, "not UTF-8");
    let bare = der(0xa0, &[der(0x06, UPN), der(UTF8, b"wang")].concat());
    assert_eq!(in_alternative(MatchingRule::PrincipalName, &[bare]), UNUSABLE, "not wrapped");
    assert_eq!(in_alternative(MatchingRule::Email, &[der(0x81, "王@city.example".as_bytes())]), UNUSABLE);
}

#[test]
fn a_name_with_something_hidden_or_of_no_sensible_length_is_refused_and_another_spelling_is_nobodys() {
    for hidden in ["wang\0", "\0", "wang\0li", "wang\n", "wa\tng", "wang\u{202e}", "wang\u{200b}", "wang\u{7f}", "", " ", &"w".repeat(257)]
    {
        for rule in [MatchingRule::CommonName, MatchingRule::PrincipalName] {
            let found = match rule {
                MatchingRule::PrincipalName => in_alternative(rule, &[upn(UTF8, hidden.as_bytes())]),
                _ => in_subject(rule, &alone(CN, UTF8, hidden.as_bytes())),
            };
            assert_eq!(found, UNUSABLE, "{hidden:?}");
        }
    }
    for other in ["Wang", "ｗａｎｇ", " wang", "wang ", "wang  li"] {
        assert_eq!(in_subject(MatchingRule::CommonName, &alone(CN, UTF8, other.as_bytes())), Ok(None), "{other:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_found_is_the_one_value_byte_for_byte(value in ".{0,80}", rule in prop::sample::select(MatchingRule::ALL.to_vec())) {
        let found = match rule {
            MatchingRule::Email => in_alternative(rule, &[der(0x81, value.as_bytes())]),
            MatchingRule::PrincipalName => in_alternative(rule, &[upn(UTF8, value.as_bytes())]),
            MatchingRule::CommonName => in_subject(rule, &alone(CN, UTF8, value.as_bytes())),
            MatchingRule::UserId => in_subject(rule, &alone(UID, UTF8, value.as_bytes())),
            MatchingRule::SerialNumber => in_subject(rule, &alone(SERIAL, UTF8, value.as_bytes())),
        };
        if let Ok(Some(name)) = found {
            prop_assert_eq!(&name, &value);
            let parsed = AccountName::parse(&value).unwrap();
            prop_assert_eq!(parsed.as_str(), &value);
        }
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..400), rule in prop::sample::select(MatchingRule::ALL.to_vec())) {
        let _ = rule.find(&CertificateDer::from(bytes.clone()));
        let _ = in_subject(rule, &bytes);
        let _ = in_alternative(rule, &[bytes]);
    }
}
