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
fn a_file_with_anything_but_strong_authorities_certificates_is_no_authoritys() {
    let (home, city) = (Home::new(), City::new("city"));
    let told = |leaf: &CertificateDer<'_>| {
        let text = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", data_encoding::BASE64.encode(leaf));
        let source = AuthoritySource { certificates: home.put("leaf.pem", text), ..home.source("city", &[&city]) };
        ClientTrust::load(&[source]).troubles(NOW).into_iter().map(|trouble| (trouble.fault.timing, trouble.fault.what)).collect::<Vec<_>>()
    };
    let found = told(&city.certify(&person("wang")));
    let [(Timing::Lasting, what)] = found.as_slice() else { panic!("{found:?}") };
    assert!(what.contains("\"CN=wang\", which is no authority"), "{what}");
    let below = |bits| City::params("office").signed_by(&Rsa::new(bits), &city.issuer).unwrap().der().clone();
    let found = told(&below(1024));
    let [(Timing::Lasting, what)] = found.as_slice() else { panic!("{found:?}") };
    assert!(what.starts_with("the key of \"CN=office\" in ") && what.contains("is too weak"), "{what}");
    assert_eq!(told(&below(2048)), []);
}

#[test]
fn a_contradiction_is_one_name_with_one_key_in_two_authorities_that_are_trusted_with_different_things() {
    let (home, city) = (Home::new(), City::new("city"));
    let one = home.source("one", &[&city]);
    let units = |names: [&str; 2]| Some(names.map(|name| UnitName::parse(name).unwrap()).to_vec());
    let of = |one: &AuthoritySource, two: AuthoritySource| {
        let found = ClientTrust::load(&[one.clone(), two]).contradictions();
        found.into_iter().map(|found| (found.first, found.second, found.subject, found.keys)).collect::<Vec<_>>()
    };
    let two = AuthoritySource { name: "two".into(), ..one.clone() };
    let strict = AuthoritySource { hardware_only: true, ..two.clone() };
    assert_eq!(of(&one, strict.clone()), [(0, 1, "CN=city".to_owned(), vec!["hardware_only"])]);
    assert_eq!(of(&one, two.clone()), []);
    let (ab, ba) = (units(["a", "b"]), units(["b", "a"]));
    assert_eq!(of(&AuthoritySource { units: ab, ..one.clone() }, AuthoritySource { units: ba, ..two }), [], "in whatever order");
    // The same name with another key is another authority.
    assert_eq!(of(&one, AuthoritySource { hardware_only: true, ..home.source("other", &[&City::new("city")]) }), []);
}
