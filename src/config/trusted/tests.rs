use std::fs;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    SerialNumber, date_time_ymd,
};
use tempfile::TempDir;

use super::super::{Problems, load};
use crate::clock::Time;

/// 2027-01-15.
const NOW: Time = Time::from_millis(1_800_000_000_000);

/// A directory with the files of a config in which all is well: `city.pem` and its list, and those of another authority.
struct Home(TempDir);

struct City(Issuer<'static, KeyPair>);

impl City {
    fn write(home: &Path, name: &str, until: i32) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().unwrap();
        fs::write(home.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// Made on the first and out of date on the second of these days of 2027.
    fn list(&self, home: &Path, file: &str, [made, next]: [(u8, u8); 2]) {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2027, made.0, made.1),
            next_update: date_time_ymd(2027, next.0, next.1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        fs::write(home.join(file), params.signed_by(&self.0).unwrap().pem().unwrap()).unwrap();
    }
}

impl Home {
    fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        let path = home.path();
        let key = KeyPair::generate().unwrap();
        let hosts = ["gate.example.cn", "key.example.cn"].map(str::to_owned).to_vec();
        fs::write(path.join("server.pem"), CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap().pem()).unwrap();
        fs::write(path.join("server.key"), key.serialize_pem()).unwrap();
        fs::set_permissions(path.join("server.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        for name in ["city", "other"] {
            City::write(path, name, 2040).list(path, &format!("{name}.crl"), [(1, 10), (1, 20)]);
        }
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn load(&self, authorities: &str) -> Result<crate::config::Settings, Problems> {
        let text = format!(
            "data = \"data\"\n[portal]\nhost = \"gate.example.cn\"\n[[tls.certificates]]\nchain = \"server.pem\"\nkey = \"server.key\"\n\
             [usb_keys]\nhost = \"key.example.cn\"\n{authorities}"
        );
        let config = self.path().join("yumen.toml");
        fs::write(&config, text).unwrap();
        load(&config)
    }

    /// Each error or, where there is none, each warning as `line: what`.
    fn told(&self, authorities: &str) -> Vec<String> {
        let loaded = self.load(authorities);
        let word = if loaded.is_ok() { "warning" } else { "error" };
        let problems = loaded.map_or_else(|problems| problems, |settings| settings.warnings(NOW));
        let base = format!("{}/", self.path().display());
        let line = |problem| problems.line(problem).unwrap_or(0);
        problems.iter().map(|problem| format!("{word} {}: {}", line(problem), problem.what.replace(&base, ""))).collect()
    }
}

const CITY: &str = "[[usb_keys.authorities]]\nname = \"city\"\ncertificates = \"city.pem\"\ncrls = [\"city.crl\"]\n";

#[test]
fn a_list_that_is_missing_unreadable_or_anothers_is_an_error_with_its_line() {
    let home = Home::new();
    assert_eq!(home.told(CITY), [""; 0]);
    fs::write(home.path().join("empty"), "").unwrap();
    fs::write(home.path().join("junk.der"), [0x30, 3, 1, 2, 3]).unwrap();
    let holds_none = |file: &str, holds: &str| format!("{file} holds no list of revoked certificates ({holds})");
    for (file, told) in [
        ("typo.crl", "the list typo.crl cannot be read: no such file or directory".to_owned()),
        (".", "the list . cannot be read: is a directory".to_owned()),
        ("empty", holds_none("empty", "it has no PEM section")),
        ("yumen.toml", holds_none("yumen.toml", "it has no PEM section")),
        ("server.key", holds_none("server.key", "it holds PRIVATE KEY")),
        ("city.pem", holds_none("city.pem", "it holds CERTIFICATE")),
        ("other.crl", "the list other.crl is of \"CN=other\" and signed by none of this authority's `certificates`".to_owned()),
    ] {
        assert_eq!(home.told(&CITY.replace("city.crl", file)), [format!("error 12: {told}")], "{file}");
    }
    assert!(home.told(&CITY.replace("city.crl", "junk.der"))[0].starts_with("error 12: the list junk.der is damaged"));
    let both = home.told(&CITY.replace("[\"city.crl\"]", "[\n\"city.crl\",\n\"other.crl\"]"));
    assert!(both[0].starts_with("error 14: the list other.crl is of"), "{both:?}");
    let report = home.load(&CITY.replace("city.crl", "none")).unwrap_err().to_string();
    assert!(report.contains("write `crls = \"none\"`, without brackets"), "{report}");
}

#[test]
fn every_file_that_is_missing_is_told_at_once_in_the_same_words() {
    let home = Home::new();
    assert_eq!(
        home.told(&CITY.replace("city.", "nowhere.")),
        [
            "error 11: the file nowhere.pem cannot be read: no such file or directory",
            "error 12: the list nowhere.crl cannot be read: no such file or directory",
        ]
    );
}

#[test]
fn a_file_that_is_named_as_both_is_told_where_it_is_wrong() {
    let home = Home::new();
    let told = home.told(&CITY.replace("city.pem", "city.crl"));
    assert!(told.len() == 1 && told[0].starts_with("error 11: city.crl should hold a certificate chain"), "{told:?}");
}

#[test]
fn a_list_that_time_alone_makes_doubtful_is_a_warning_with_its_line() {
    let home = Home::new();
    let city = City::write(home.path(), "city", 2040);
    city.list(home.path(), "city.crl", [(1, 1), (1, 8)]);
    let stale = "usb_keys, authority \"city\": the list city.crl is out of date since 2027-01-08 00:00 UTC, so certificates are refused";
    assert_eq!(home.told(CITY), [format!("warning 12: {stale}")]);
    city.list(home.path(), "city.crl", [(2, 1), (2, 8)]);
    let early = "usb_keys, authority \"city\": the list city.crl says that it was made on 2027-02-01 00:00 UTC, which is yet to come";
    assert_eq!(home.told(CITY), [format!("warning 12: {early}")]);
}

#[test]
fn an_authority_that_has_ended_is_a_warning_of_its_own() {
    let home = Home::new();
    City::write(home.path(), "city", 2021).list(home.path(), "city.crl", [(1, 10), (1, 20)]);
    let ended = "usb_keys, authority \"city\": the authority \"CN=city\" in city.pem ended on 2021-01-01 00:00 UTC: \
                 all its certificates are refused";
    assert_eq!(home.told(CITY), [format!("warning 11: {ended}")]);
}

#[test]
fn the_gateways_own_authority_is_no_slip_of_the_pen() {
    let home = Home::new();
    let own = "[[usb_keys.authorities]]\nname = \"own\"\nissued_here = true\n";
    assert_eq!(home.told(own), ["warning 11: usb_keys, authority \"own\": the gateway's own authority is not made yet"]);
    fs::create_dir(home.path().join("data")).unwrap();
    fs::copy(home.path().join("city.pem"), home.path().join("data/issuing-ca.pem")).unwrap();
    let told = home.told(own);
    assert!(told.len() == 1 && told[0].starts_with("warning 11: ") && told[0].contains("issuing-ca.crl cannot be read"), "{told:?}");
}

#[test]
fn one_certificate_is_trusted_for_one_thing_whichever_authority_comes_first() {
    let home = Home::new();
    let twice = |more: &str| format!("{CITY}{}{more}", CITY.replace("\"city\"", "\"again\""));
    assert_eq!(home.told(&twice("")), [""; 0]);
    for (more, keys) in [
        ("hardware_only = true\n", "`hardware_only`"),
        ("units = [\"A\"]\n", "`units`"),
        ("match = \"email\"\nunits = [\"A\"]\n", "`units`, `match`"),
    ] {
        let told = format!(
            "error 15: the authorities \"city\" (line 11) and \"again\" (line 15) trust one certificate, \"CN=city\", for different things: {keys}"
        );
        assert_eq!(home.told(&twice(more)), [told]);
    }
    let other = CITY.replace("city", "other");
    assert_eq!(home.told(&format!("{CITY}{other}hardware_only = true\n")), [""; 0]);
}
