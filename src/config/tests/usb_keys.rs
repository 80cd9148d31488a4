//! USB-KEYs: the host where they are shown, and whose certificates are believed.

use super::*;
use crate::pki::{Crls, Keeper, MatchingRule};

const USB_KEYS: &str = "[usb_keys]\nhost = \"key.example.cn\"\n";

/// An authority in which all is well but what is changed in it.
fn authority(from: &str, to: &str) -> String {
    let table = "[[usb_keys.authorities]]\nname = \"city\"\ncertificates = \"ca.pem\"\ncrls = [\"ca.crl\"]\n";
    assert!(table.contains(from), "{from}");
    format!("{USB_KEYS}{}", table.replace(from, to))
}

#[test]
fn usb_keys_are_shown_on_a_host_of_their_own() {
    assert_eq!(read(&with("", "")).unwrap().usb_keys, None);
    let keys = read(&with("", &authority("ca.pem", "ca.pem"))).unwrap().usb_keys.unwrap();
    assert_eq!((keys.host.as_str(), keys.origin.as_str()), ("key.example.cn", "https://key.example.cn"));
    assert_eq!(keys.authorities[0].certificates, Path::new("/etc/yumen/ca.pem"));
    assert_eq!(keys.authorities[0].crls, Crls::Files(vec!["/etc/yumen/ca.crl".into()]));
    for (host, why) in [
        ("gate.example.cn", "is the portal's"),
        ("key.gate.example.cn", "is above or beneath the portal's host"),
        ("example.cn", "is above or beneath the portal's host"),
        ("a.example.cn", "is the host of the app `a`"),
        ("key.a.example.cn", "is the host of the app `a`, or above or beneath it"),
        ("key example", "is not a host name"),
    ] {
        let said = refuse(&with("", &authority("ca.pem", "ca.pem").replace("key.example.cn", host)));
        assert!(said.contains("`usb_keys.host`") && (said.contains(why) || host.contains(' ')), "{said}");
    }
    assert!(refuse(&with("", USB_KEYS)).contains("`usb_keys.authorities` is missing"));
    let nowhere = authority("ca.pem", "ca.pem").replace("host = \"key.example.cn\"\n", "");
    assert!(refuse(&with("", &nowhere)).contains("`usb_keys.host` is missing"));
}

#[test]
fn an_authority_says_in_so_many_words_what_it_is_trusted_with() {
    let one = |from, to| read(&with("", &authority(from, to))).map(|settings| settings.usb_keys.unwrap().authorities.remove(0));
    assert_eq!(one("[\"ca.crl\"]", "\"none\"").unwrap().crls, Crls::NoneKept);
    let all = "crls = \"none\"\nunits = [\"A\"]\nhardware_only = true\nmatch = \"user-id\"";
    let all = one("crls = [\"ca.crl\"]", all).unwrap();
    assert!(all.hardware_only && all.units.is_some_and(|units| units.len() == 1) && all.rule == Some(MatchingRule::UserId));
    let plain = one("ca.pem", "ca.pem").unwrap();
    assert_eq!((plain.hardware_only, plain.units, plain.rule, plain.keeper), (false, None, None, Keeper::Others));
    for (from, to, why) in [
        ("crls = [\"ca.crl\"]", "", "`usb_keys.authorities.crls` is missing"),
        ("crls = [\"ca.crl\"]", "", "add `crls = …`: [\"FILE\"] with its lists of revoked certificates (PEM or DER), or \"none\""),
        ("[\"ca.crl\"]", "[]", "write [\"FILE\"], or \"none\" if the authority publishes no list"),
        ("[\"ca.crl\"]", "\"ca.crl\"", "write [\"ca.crl\"], or \"none\" if the authority publishes no list"),
        ("[\"ca.crl\"]", "\"None\"", "did you mean \"none\"?"),
        ("[\"ca.crl\"]", "[\"ca.crl\", \"ca.crl\"]", "is there twice"),
        ("name = \"city\"", "name = \"city\"\nunits = [\"A\", \" A \"]", "is there twice"),
        ("certificates = \"ca.pem\"", "", "`usb_keys.authorities.certificates` is missing"),
        ("name = \"city\"", "name = \"The City\"", "is not a name for the log"),
        ("name = \"city\"", "name = \"city\"\nmatch = \"dns\"", "is not a known word"),
        ("name = \"city\"", "name = \"city\"\nunits = []", "is empty"),
    ] {
        let said = one(from, to).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_gateways_own_authority_keeps_its_files_itself_and_is_one() {
    let own = |more: &str| format!("{USB_KEYS}[[usb_keys.authorities]]\nname = \"own\"\nissued_here = true\n{more}");
    let settings = read(&with("", &own(""))).unwrap();
    let authority = &settings.usb_keys.as_ref().unwrap().authorities[0];
    assert_eq!(authority.certificates, Path::new("/etc/yumen/d/issuing-ca.pem"));
    assert_eq!((&authority.crls, authority.keeper), (&Crls::Files(vec!["/etc/yumen/d/issuing-ca.crl".into()]), Keeper::Gateway));
    assert!(refuse(&with("", &own("crls = \"none\"\n"))).contains("is not for the gateway's own authority"));
    assert!(refuse(&with("", &own("[[usb_keys.authorities]]\nname = \"two\"\nissued_here = true\n"))).contains("is there twice"));
}

#[test]
fn a_unit_is_read_without_the_spaces_around_it() {
    let spaced = authority("name = \"city\"", "name = \"city\"\nunits = [\" 信息中心 \"]");
    let units = read(&with("", &spaced)).unwrap().usb_keys.unwrap().authorities.remove(0).units.unwrap();
    assert_eq!(units.iter().map(ToString::to_string).collect::<Vec<_>>(), ["信息中心"]);
}

#[test]
fn a_table_that_is_written_as_a_list_is_one_problem_at_its_own_line() {
    let list = authority("ca.pem", "ca.pem").replace("[usb_keys]", "[[usb_keys]]");
    let problems = read(&with("", &list)).unwrap_err();
    assert_eq!(told(&problems), ["14: `usb_keys` is one table, not a list of them"]);
    assert!(problems.to_string().contains("write `[usb_keys]`, in single brackets and once"), "{problems}");
}

#[test]
fn what_asks_for_a_usb_key_needs_somebody_whose_usb_keys_are_believed() {
    let believed = authority("ca.pem", "ca.pem");
    for (app, line) in [
        ("factor = \"usb-key\"", "14: `app.factor`"),
        ("factor = \"usb-key\"\nbinding = \"certificate\"", "14: `app.factor`"),
        ("[[app.rule]]\nname = \"r\"\nroles = [\"member\"]\nfactor = \"usb-key\"", "17: `app.rule.factor`"),
    ] {
        let problems = read(&with("", app)).unwrap_err();
        assert_eq!(told(&problems), [format!("{line} asks for USB-KEYs, but nobody's are believed, so nobody could enter")]);
        read(&with("", &format!("{app}\n{believed}"))).unwrap();
    }
    let bound = refuse(&with("", "binding = \"certificate\""));
    assert!(bound.contains("`app.binding` asks for certificates, but nobody's are believed"), "{bound}");
}
