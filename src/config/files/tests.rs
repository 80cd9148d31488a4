use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::super::{data_directory, load};
use crate::clock::Time;

/// A directory with a config in which all is well; tests spoil it.
fn good() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    write_pair(path, "server", &["gate.example.cn", "*.apps.example.cn"]);
    write_pair(path, "client", &["gateway.internal"]);
    write_pair(path, "ca", &["ca.internal"]);
    write_config(path, "");
    directory
}

fn write_pair(directory: &Path, name: &str, hosts: &[&str]) {
    write_pair_of(directory, name, hosts, [(2020, 1), (2040, 1)]);
}

/// Valid from and to the first of these months.
fn write_pair_of(directory: &Path, name: &str, hosts: &[&str], [from, to]: [(i32, u8); 2]) {
    let key = KeyPair::generate().unwrap();
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from.0, from.1, 1);
    parameters.not_after = rcgen::date_time_ymd(to.0, to.1, 1);
    let certificate = parameters.self_signed(&key).unwrap();
    fs::write(directory.join(format!("{name}.pem")), certificate.pem()).unwrap();
    let key_file = directory.join(format!("{name}.key"));
    fs::write(&key_file, key.serialize_pem()).unwrap();
    set_mode(&key_file, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write_config(directory: &Path, app: &str) {
    let text = format!(
        r#"data = "data"
[portal]
host = "gate.example.cn"
[[tls.certificates]]
chain = "server.pem"
key = "server.key"
[[app]]
id = "a"
name = "A"
host = "a.apps.example.cn"
upstreams = ["https://a.internal"]
upstream_ca = "ca.pem"
upstream_certificate = {{ chain = "client.pem", key = "client.key" }}
label = "public"
{app}
"#
    );
    fs::write(directory.join("yumen.toml"), text).unwrap();
}

/// What `load` says, as `line: what`, without the directory's name.
fn told(directory: &TempDir) -> Vec<String> {
    let base = format!("{}/", directory.path().display());
    match load(&directory.path().join("yumen.toml")) {
        Ok(settings) => {
            assert!(settings.check_files().is_empty());
            Vec::new()
        }
        Err(problems) => {
            let line = |problem| problems.line(problem).unwrap_or(0);
            problems.iter().map(|problem| format!("{}: {}", line(problem), problem.what.replace(&base, ""))).collect()
        }
    }
}

#[test]
fn files_that_fit_are_accepted() {
    assert_eq!(told(&good()), [""; 0]);
}

#[test]
fn missing_files_are_told_all_at_once_beside_other_mistakes() {
    let directory = good();
    for file in ["server.pem", "client.key", "ca.pem"] {
        fs::remove_file(directory.path().join(file)).unwrap();
    }
    write_config(directory.path(), "max_bodi = \"1MiB\"");
    assert_eq!(
        told(&directory),
        [
            "5: the certificate file server.pem cannot be read: no such file or directory",
            "12: the certificate file ca.pem cannot be read: no such file or directory",
            "13: the key file client.key cannot be read: no such file or directory",
            "15: nobody knows the key `app.max_bodi`",
        ]
    );
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for (mode, shown) in [(0o644, "0644"), (0o640, "0640"), (0o602, "0602")] {
        let directory = good();
        set_mode(&directory.path().join("server.key"), mode);
        assert_eq!(told(&directory), [format!("6: the key server.key is open to others than its owner (mode {shown})")]);
    }
    let directory = good();
    set_mode(&directory.path().join("server.key"), 0o400);
    assert_eq!(told(&directory), [""; 0]);
}

#[test]
fn a_key_must_belong_to_its_certificate() {
    let directory = good();
    fs::copy(directory.path().join("client.key"), directory.path().join("server.key")).unwrap();
    assert_eq!(told(&directory), ["6: the key server.key does not belong to the certificate server.pem"]);
}

#[test]
fn every_host_needs_a_certificate() {
    let directory = good();
    write_pair(directory.path(), "server", &["gate.example.cn", "*.example.cn"]);
    assert_eq!(told(&directory), ["10: no certificate is for the host a.apps.example.cn"]);
}

#[test]
fn what_is_no_certificate_or_key_is_told() {
    for (file, text, expected) in [
        ("server.pem", "", "5: the file server.pem holds no certificate"),
        ("server.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "5: the file server.pem is not PEM"),
        (
            "server.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "5: the certificate in server.pem is damaged or not for a server",
        ),
        ("server.key", "", "6: the file server.key holds no private key"),
        ("server.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "6: the key server.key cannot be used"),
        ("ca.pem", "", "12: the file ca.pem holds no certificate"),
        ("ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "12: a certificate in ca.pem is damaged"),
    ] {
        let directory = good();
        fs::write(directory.path().join(file), text).unwrap();
        assert_eq!(told(&directory), [expected], "{file}");
    }
}

#[test]
fn a_certificate_where_its_key_should_be_is_told_as_one_whatever_its_mode() {
    let directory = good();
    let config = directory.path().join("yumen.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("chain = \"server.pem\"\nkey = \"server.key\"", "chain = \"server.key\"\nkey = \"server.pem\""))
        .unwrap();
    assert_eq!(told(&directory), ["5: the file server.key holds no certificate", "6: the file server.pem holds no private key"]);
    let report = load(&config).unwrap_err().to_string();
    assert!(report.contains("`key` its private key") && !report.contains("chmod"), "{report}");
    fs::write(directory.path().join("server.pem"), "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
        .unwrap();
    assert!(load(&config).unwrap_err().to_string().contains("take the passphrase off"));
}

/// What the certificates of the config are worth in that month of 2026, as `line: what`.
fn warned(directory: &TempDir, month: i8, day: i8) -> Vec<String> {
    let settings = load(&directory.path().join("yumen.toml")).unwrap_or_else(|problems| panic!("{problems}"));
    let now = jiff::civil::date(2026, month, day).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let warnings = settings.warnings(Time::from_millis(now.as_millisecond()));
    let base = format!("{}/", directory.path().display());
    let line = |problem| warnings.line(problem).unwrap_or(0);
    warnings.iter().map(|problem| format!("{}: {}", line(problem), problem.what.replace(&base, ""))).collect()
}

#[test]
fn certificates_that_are_not_valid_now_are_warned_of_and_not_refused() {
    let directory = good();
    assert_eq!(warned(&directory, 6, 1), [""; 0]);
    write_pair_of(directory.path(), "server", &["gate.example.cn", "*.apps.example.cn"], [(2026, 3), (2026, 9)]);
    write_pair_of(directory.path(), "ca", &["ca.internal"], [(2020, 1), (2026, 9)]);
    assert_eq!(warned(&directory, 6, 1), [""; 0]);
    assert_eq!(
        warned(&directory, 2, 1),
        ["5: a certificate in server.pem is valid only from 2026-03-01 00:00 UTC on: browsers refuse it till then"]
    );
    assert_eq!(
        warned(&directory, 8, 28),
        [
            "5: a certificate in server.pem ends on 2026-09-01 00:00 UTC, in less than a week",
            "12: a certificate in ca.pem ends on 2026-09-01 00:00 UTC, in less than a week",
        ]
    );
    assert_eq!(
        warned(&directory, 10, 1),
        [
            "5: a certificate in server.pem ended on 2026-09-01 00:00 UTC: browsers refuse it",
            "12: a certificate in ca.pem ended on 2026-09-01 00:00 UTC: no connection that needs it is made",
        ]
    );
}

#[test]
fn a_maker_of_security_keys_is_an_authority_and_is_warned_of_in_its_own_words() {
    let directory = good();
    let make = "[[webauthn.authenticators]]\nname = \"blue\"\nca = \"maker.pem\"";
    write_config(directory.path(), make);
    write_pair(directory.path(), "maker", &["maker"]);
    let [told] = told(&directory).try_into().unwrap();
    assert!(told.starts_with("17: maker.pem holds the certificate of \"") && told.ends_with("\", which is no authority"), "{told}");
    fs::remove_file(directory.path().join("maker.pem")).unwrap();
    assert_eq!(self::told(&directory), ["17: the certificate file maker.pem cannot be read: no such file or directory"]);
    let mut parameters = CertificateParams::default();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    (parameters.not_before, parameters.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2026, 9, 1));
    fs::write(directory.path().join("maker.pem"), parameters.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    assert_eq!(warned(&directory, 6, 1), [""; 0]);
    assert_eq!(
        warned(&directory, 10, 1),
        [
            "17: a certificate in maker.pem ended on 2026-09-01 00:00 UTC: security keys that are registered then are not known to be of this make"
        ]
    );
}

#[test]
fn a_chain_is_valid_while_every_certificate_of_it_is() {
    let directory = good();
    write_pair_of(directory.path(), "old", &["authority"], [(2020, 1), (2026, 5)]);
    let chain = ["server.pem", "old.pem"].map(|file| fs::read_to_string(directory.path().join(file)).unwrap()).concat();
    fs::write(directory.path().join("server.pem"), chain).unwrap();
    assert_eq!(warned(&directory, 6, 1), ["5: a certificate in server.pem ended on 2026-05-01 00:00 UTC: browsers refuse it"]);
}

#[test]
fn a_file_that_is_not_utf_8_is_told_with_the_line_and_the_byte() {
    let directory = good();
    let config = directory.path().join("yumen.toml");
    let text = fs::read_to_string(&config).unwrap();
    let latin: Vec<u8> =
        text.replace("name = \"A\"", "name = \"B\u{fc}ro\"").chars().map(|sign| u8::try_from(u32::from(sign)).unwrap()).collect();
    fs::write(&config, latin).unwrap();
    assert_eq!(told(&directory), ["9: the file is not UTF-8"]);
    let report = load(&config).unwrap_err().to_string();
    assert!(report.contains("0xFC") && report.contains("save the file as UTF-8"), "{report}");
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    fs::write(&config, wide).unwrap();
    assert_eq!(told(&directory), ["0: the config file yumen.toml is UTF-16"]);
}

#[test]
fn the_data_directory_of_a_config_is_found_whatever_else_is_wrong_in_it() {
    let directory = good();
    let config = directory.path().join("yumen.toml");
    let text = fs::read_to_string(&config).unwrap();
    let data = directory.path().join("data");
    fs::remove_file(directory.path().join("server.key")).unwrap();
    for wrong in [text.clone(), text.replace("label", "lable"), format!("{text}[app\n"), text.replace("[portal]", "[portal")] {
        fs::write(&config, &wrong).unwrap();
        assert!(load(&config).is_err());
        assert_eq!(data_directory(&config).unwrap_or_else(|problems| panic!("{problems}")), data);
    }
    for wrong in [text.replace("data = \"data\"", ""), text.replace("\"data\"", "7"), text.replace("\"data\"", "\"\"")] {
        fs::write(&config, &wrong).unwrap();
        assert!(data_directory(&config).unwrap_err().to_string().contains("`data`"));
    }
    assert!(data_directory(&directory.path().join("nowhere.toml")).unwrap_err().to_string().contains("cannot be read"));
}
