//! Several authorities side by side and above each other, and what each is trusted with.

use super::*;

#[test]
fn the_chain_may_be_sent_or_stand_in_the_authoritys_file() {
    let (home, root) = (Home::new(), City::new("root"));
    let office = root.below(City::params("office"));
    let leaf = office.certify(&person("wang"));
    assert_eq!(refusal(&home.trust(&[&root]), &leaf), CertificateRefusal::UnknownAuthority);
    home.trust(&[&root]).check(&[leaf.clone(), office.certificate.der().clone()], NOW).unwrap();
    home.trust(&[&root, &office]).check(std::slice::from_ref(&leaf), NOW).unwrap();
    // An office's certificate alone is an anchor, and vouches for nothing beside it.
    let trust = home.trust(&[&office]);
    trust.check(&[leaf], NOW).unwrap();
    assert_eq!(refusal(&trust, &root.certify(&person("wang"))), CertificateRefusal::UnknownAuthority);
    assert_eq!(home.trust(&[&root, &office]).hints().len(), 2);
}

#[test]
fn where_two_lead_to_a_certificate_the_nearest_one_speaks() {
    let (home, root) = (Home::new(), City::new("root"));
    let office = root.below(City::params("office"));
    let chain = [office.certify(&person("wang")), office.certificate.der().clone()];
    let unit = UnitName::parse("信息中心").unwrap();
    let far = AuthoritySource { hardware_only: true, ..home.source("far", &[&root]) };
    let near = AuthoritySource { units: Some(vec![unit.clone()]), ..home.source("near", &[&office]) };
    for sources in [[far.clone(), near.clone()], [near, far]] {
        let trusted = ClientTrust::load(&sources).check(&chain, NOW).unwrap();
        assert_eq!((trusted.authority(), trusted.is_hardware_only()), ("near", false));
        assert!(trusted.speaks_for(&unit) && !trusted.speaks_for(&UnitName::parse("翻译局").unwrap()));
    }
}

#[test]
fn what_one_authority_refuses_another_cannot_let_in() {
    let (home, root) = (Home::new(), City::new("root"));
    let office = root.below(City::params("office"));
    let chain = [office.certify(&person("wang")), office.certificate.der().clone()];
    let lenient = home.source("lenient", &[&root]);
    let list = home.put("office.crl", office.list(&[7], (2027, 1, 10), (2027, 1, 20)));
    let strict = AuthoritySource { crls: Crls::Files(vec![list]), ..home.source("strict", &[&office]) };
    assert_eq!(ClientTrust::load(&[lenient, strict]).check(&chain, NOW).unwrap_err(), CertificateRefusal::Revoked);
}

#[test]
fn a_rule_finds_the_account_and_a_name_that_cannot_be_used_spoils_the_certificate() {
    let (home, city) = (Home::new(), City::new("city"));
    let source = AuthoritySource { rule: Some(MatchingRule::CommonName), ..home.source("city", &[&city]) };
    let trust = ClientTrust::load(&[source]);
    let matched = |name: &str| trust.check(&[city.certify(&person(name))], NOW).map(|trusted| trusted.matched().cloned());
    assert_eq!(matched("wang li").unwrap().unwrap().as_str(), "wang li");
    assert_eq!(matched("Wang Li").unwrap(), None, "byte for byte");
    assert_eq!(matched("wang\0li").unwrap_err(), CertificateRefusal::UnusableName);
}

#[test]
fn a_digest_stands_for_all_that_an_authority_is_trusted_with_and_without_it_it_is_not() {
    let (home, city) = (Home::new(), City::new("city"));
    let source = home.source("city", &[&city]);
    let digest = |source: &AuthoritySource| ClientTrust::load(std::slice::from_ref(source)).digests()[0].1;
    let plain = digest(&source);
    assert_eq!(digest(&source), plain);
    for other in [
        AuthoritySource { name: "other".into(), ..source.clone() },
        AuthoritySource { hardware_only: true, ..source.clone() },
        AuthoritySource { units: Some(vec![UnitName::parse("a").unwrap()]), ..source.clone() },
        AuthoritySource { units: Some(vec![UnitName::parse("b").unwrap()]), ..source.clone() },
        AuthoritySource { rule: Some(MatchingRule::Email), ..source.clone() },
        AuthoritySource { rule: Some(MatchingRule::UserId), ..source.clone() },
        AuthoritySource { crls: Crls::Files(vec![home.path("city.crl")]), ..source.clone() },
        home.source("others", &[&City::new("city")]),
    ] {
        assert_ne!(digest(&other), plain, "{other:?}");
    }
    let trust = ClientTrust::load(std::slice::from_ref(&source));
    assert!(trust.digests()[0].0.contains("CN=city"));
    let leaf = city.certify(&person("wang"));
    trust.without(&[[0; 32]]).check(std::slice::from_ref(&leaf), NOW).unwrap();
    assert_eq!(refusal(&trust.without(&[plain]), &leaf), CertificateRefusal::UnknownAuthority);
}

#[test]
fn an_authoritys_file_that_is_no_more_is_trusted_no_more_until_it_is_back() {
    let (home, city) = (Home::new(), City::new("city"));
    let trust = home.trust(&[&city]);
    let leaf = city.certify(&person("wang"));
    home.put("city.pem", "hello");
    let trust = trust.refreshed().unwrap();
    assert_eq!(refusal(&trust, &leaf), CertificateRefusal::UnknownAuthority);
    assert!(trust.warnings(NOW)[0].contains("city.pem"));
    fs::remove_file(home.path("city.pem")).unwrap();
    let trust = trust.refreshed().unwrap();
    home.source("city", &[&city]);
    trust.refreshed().unwrap().check(&[leaf], NOW).unwrap();
}

#[test]
fn a_file_with_a_persons_certificate_is_no_authoritys() {
    let (home, city) = (Home::new(), City::new("city"));
    let leaf = data_encoding::BASE64.encode(&city.certify(&person("wang")));
    let path = home.put("leaf.pem", format!("-----BEGIN CERTIFICATE-----\n{leaf}\n-----END CERTIFICATE-----\n"));
    assert!(check_authorities(&path).unwrap_err().contains("CN=wang"));
    check_authorities(&home.source("city", &[&city]).certificates).unwrap();
    check_authorities(Path::new("/nowhere")).unwrap_err();
}
