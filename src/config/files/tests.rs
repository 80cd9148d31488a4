use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::super::load;

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
    let key = KeyPair::generate().unwrap();
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let certificate = CertificateParams::new(hosts).unwrap().self_signed(&key).unwrap();
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
