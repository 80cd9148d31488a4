//! Lists of revoked certificates: what they say, and what holds when they say nothing that can be believed.

use super::*;

const FROM: (i32, u8, u8) = (2027, 1, 10);
const NEXT: (i32, u8, u8) = (2027, 1, 20);

/// An authority whose list is in `city.crl`.
fn with_list(home: &Home, certificates: &[&City], lists: &[&str]) -> ClientTrust {
    let crls = Crls::Files(lists.iter().map(|name| home.path(name)).collect());
    ClientTrust::load(&[AuthoritySource { crls, ..home.source("city", certificates) }])
}

fn numbered(number: u64, mut params: CertificateParams) -> CertificateParams {
    params.serial_number = Some(SerialNumber::from(number));
    params
}

#[track_caller]
fn warned(trust: &ClientTrust, words: &str) {
    let warnings = trust.warnings(NOW);
    assert!(warnings.iter().any(|warning| warning.contains(words)), "{warnings:?}");
}

#[test]
fn what_is_on_the_list_is_refused_and_what_is_not_is_believed() {
    let (home, city) = (Home::new(), City::new("city"));
    home.put("city.crl", city.list(&[7], FROM, NEXT));
    let trust = with_list(&home, &[&city], &["city.crl"]);
    assert_eq!(refusal(&trust, &city.certify(&person("wang"))), CertificateRefusal::Revoked);
    let other = numbered(8, person("li"));
    trust.check(&[city.certify(&other)], NOW).unwrap();
    assert_eq!(trust.warnings(NOW), [""; 0]);
}

#[test]
fn a_list_that_cannot_be_believed_denies_says_why_and_recovers_when_it_is_replaced() {
    let (home, city, other) = (Home::new(), City::new("city"), City::new("other"));
    let leaf = city.certify(&person("wang"));
    let good = city.list(&[], FROM, NEXT);
    let pem = format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", data_encoding::BASE64.encode(&good));
    for (bad, words) in [
        (None, "cannot be read"),
        (Some(b"hello".to_vec()), "holds no list"),
        (Some(vec![0x30, 0x03, 1, 2, 3]), "is damaged"),
        (Some(version_1()), "is of version 1, which is not taken"),
        (Some(city.list(&[], (2027, 1, 1), (2027, 1, 8))), "is out of date since 2027-01-08"),
        (Some(other.list(&[], FROM, NEXT)), "is of \"CN=other\""),
        (Some(City::new("city").list(&[], FROM, NEXT)), "signed by none of"),
    ] {
        let _ = fs::remove_file(home.path("city.crl"));
        if let Some(bad) = bad {
            home.put("city.crl", bad);
        }
        let trust = with_list(&home, &[&city], &["city.crl"]);
        assert_eq!(refusal(&trust, &leaf), CertificateRefusal::RevocationUnknown, "{words}");
        warned(&trust, words);
        assert!(trust.refreshed().is_none(), "nothing changed");
        home.put("new", &pem);
        fs::rename(home.path("new"), home.path("city.crl")).unwrap();
        let trust = trust.refreshed().expect("the file was replaced");
        trust.check(std::slice::from_ref(&leaf), NOW).unwrap();
        assert_eq!(trust.warnings(NOW), [""; 0]);
    }
}

/// As a tool makes it that was told of no extensions (RFC 5280, section 5.1): algorithm, issuer, two dates.
fn version_1() -> Vec<u8> {
    // ecdsa-with-SHA256 (RFC 5758, section 3.2).
    let algorithm = der(0x30, &der(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]));
    let name = der(0x30, &der(0x31, &der(0x30, &[der(0x06, &[0x55, 0x04, 0x03]), der(0x0c, b"city")].concat())));
    let (made, next) = (der(0x17, b"270110000000Z"), der(0x17, b"270120000000Z"));
    let list = der(0x30, &[algorithm.clone(), name, made, next].concat());
    der(0x30, &[list, algorithm, der(0x03, &[0, 1])].concat())
}

#[test]
fn a_list_from_the_future_is_believed_and_warned_of() {
    let (home, city) = (Home::new(), City::new("city"));
    home.put("city.crl", city.list(&[7], (2027, 1, 16), NEXT));
    let trust = with_list(&home, &[&city], &["city.crl"]);
    assert_eq!(refusal(&trust, &city.certify(&person("wang"))), CertificateRefusal::Revoked);
    warned(&trust, "says that it was made on 2027-01-16 00:00 UTC, which is yet to come; look at this machine's clock");
    assert_eq!(trust.warnings(NOW.plus(DAY)), [""; 0]);
}

#[test]
fn a_list_of_one_between_is_this_authoritys_where_its_certificate_stands_in_the_file() {
    let (home, root) = (Home::new(), City::new("root"));
    let office = root.below(City::params("office"));
    home.put("root.crl", root.list(&[], FROM, NEXT));
    home.put("office.crl", office.list(&[], FROM, NEXT));
    let lists = ["root.crl", "office.crl"];
    assert_eq!(with_list(&home, &[&root, &office], &lists).warnings(NOW), [""; 0]);
    warned(&with_list(&home, &[&root], &lists), "where one between made it, add that one's certificate to `certificates`");
}

#[test]
fn a_list_becomes_stale_without_any_file_changing() {
    let (home, city) = (Home::new(), City::new("city"));
    home.put("city.crl", city.list(&[], FROM, NEXT));
    let trust = with_list(&home, &[&city], &["city.crl"]);
    let leaf = [city.certify(&person("wang"))];
    trust.check(&leaf, NOW).unwrap();
    let late = NOW.plus(DAY * 6);
    assert_eq!(trust.check(&leaf, late).unwrap_err(), CertificateRefusal::RevocationUnknown);
    assert!(trust.warnings(late)[0].contains("out of date"));
}

#[test]
fn every_authority_between_needs_a_list_and_one_that_was_revoked_takes_its_people_along() {
    let (home, root) = (Home::new(), City::new("root"));
    let below = |number: u64| root.below(numbered(number, City::params("office")));
    let office = below(21);
    let chain = [office.certify(&person("wang")), office.certificate.der().clone()];
    home.put("root.crl", root.list(&[], FROM, NEXT));
    home.put("office.crl", office.list(&[], FROM, NEXT));
    let check = |lists: &[&str]| with_list(&home, &[&root], lists).check(&chain, NOW).map(drop);
    check(&["root.crl", "office.crl"]).unwrap();
    assert_eq!(check(&["office.crl"]), Err(CertificateRefusal::RevocationUnknown));
    assert_eq!(check(&["root.crl"]), Err(CertificateRefusal::RevocationUnknown));
    home.put("root.crl", root.list(&[21], FROM, NEXT));
    assert_eq!(check(&["root.crl", "office.crl"]), Err(CertificateRefusal::Revoked));
}

/// What is said of a chain that was good under `before`, when `after` is what is trusted.
fn again(before: &ClientTrust, after: &ClientTrust, chain: &[CertificateDer<'_>], now: Time) -> Result<(), CertificateRefusal> {
    let kept = before.check(chain, NOW).unwrap().chain().clone();
    after.check_again(&kept, now).map(drop)
}

#[test]
fn what_was_good_stays_good_while_no_list_can_be_believed_but_not_once_one_names_it() {
    let (home, city) = (Home::new(), City::new("city"));
    let leaf = [city.certify(&person("wang"))];
    home.put("city.crl", city.list(&[8], FROM, NEXT));
    let before = with_list(&home, &[&city], &["city.crl"]);
    assert_eq!(again(&before, &before, &leaf, NOW), Ok(()));
    assert_eq!(again(&before, &before, &leaf, NOW.plus(DAY * 6)), Ok(()), "the list is out of date");
    for unreadable in [None, Some(b"hello".to_vec()), Some(City::new("other").list(&[7], FROM, NEXT))] {
        fs::remove_file(home.path("city.crl")).unwrap();
        if let Some(bytes) = &unreadable {
            home.put("city.crl", bytes);
        }
        assert_eq!(again(&before, &with_list(&home, &[&city], &["city.crl"]), &leaf, NOW), Ok(()));
        home.put("city.crl", city.list(&[7], FROM, NEXT));
        assert_eq!(again(&before, &with_list(&home, &[&city], &["city.crl"]), &leaf, NOW), Err(CertificateRefusal::Revoked));
    }
    home.put("city.crl", city.list(&[7], (2027, 1, 1), (2027, 1, 8)));
    let stale = with_list(&home, &[&city], &["city.crl"]);
    assert_eq!(refusal(&stale, &leaf[0]), CertificateRefusal::RevocationUnknown);
    assert_eq!(again(&before, &stale, &leaf, NOW), Err(CertificateRefusal::Revoked), "a list out of date names it");
}

#[test]
fn what_was_good_is_good_no_more_when_its_time_is_over_or_its_authority_withdrawn() {
    let (home, city, root) = (Home::new(), City::new("city"), City::new("root"));
    let leaf = [city.certify(&person("wang"))];
    let trust = home.trust(&[&city]);
    assert_eq!(again(&trust, &trust, &leaf, NOW.plus(DAY * 400)), Err(CertificateRefusal::Expired));
    assert_eq!(again(&trust, &home.trust(&[&root]), &leaf, NOW), Err(CertificateRefusal::UnknownAuthority));
    assert_eq!(again(&trust, &ClientTrust::nobody(), &leaf, NOW), Err(CertificateRefusal::UnknownAuthority));
    assert_eq!(trust.check_again(b"", NOW).unwrap_err(), CertificateRefusal::Unreadable);
}

#[test]
fn what_was_shown_with_a_certificate_leads_to_its_authority_again_and_is_refused_with_it() {
    let (home, root) = (Home::new(), City::new("root"));
    let office = root.below(numbered(21, City::params("office")));
    let chain = [office.certify(&person("wang")), office.certificate.der().clone()];
    let trust = |numbers: &[u64], lists: &[&str]| {
        home.put("root.crl", root.list(numbers, FROM, NEXT));
        home.put("office.crl", office.list(&[], FROM, NEXT));
        with_list(&home, &[&root], lists)
    };
    let before = trust(&[], &["root.crl", "office.crl"]);
    assert_eq!(again(&before, &before, &chain, NOW), Ok(()));
    assert_eq!(again(&before, &trust(&[], &["root.crl"]), &chain, NOW), Ok(()));
    assert_eq!(again(&before, &trust(&[21], &["root.crl"]), &chain, NOW), Err(CertificateRefusal::Revoked));
}
