//! Packs of evidence from a whole gateway, made and checked by the program.

use std::path::Path;
use std::process::{Command, Output};

use http::Method;
use url::Url;
use yumen::model::{Action, Record, Role};

use crate::house::{House, LEDGER, PASSWORD, SITES};

fn yumen(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_yumen")).arg("audit").args(words).output().unwrap()
}

fn said(words: &[&str]) -> String {
    let ended = yumen(words);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap()
}

/// What records of these actions say under a name.
fn details(house: &House, actions: &[Action], name: &str) -> Vec<String> {
    let said = |record: &Record| match record {
        Record::Event(event) if actions.contains(&event.action) => event.details.get(name).cloned(),
        _ => None,
    };
    house.log().iter().filter_map(|entry| said(&entry.record)).collect()
}

/// Every byte in the files of a pack.
fn unpacked(pack: &Path) -> Vec<u8> {
    zstd::decode_all(std::fs::File::open(pack).unwrap()).unwrap()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn a_pack_of_a_gateway_that_runs_is_on_record_has_both_its_configs_and_no_secret_and_is_checked_with_the_key() {
    let mut house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    for host in [SITES, LEDGER] {
        browser.navigate(Method::GET, &Url::parse(&format!("https://{host}/%3Cscript%3E")).unwrap(), None).await;
    }
    let invitation = house.invite("li", Role::Member).await;
    house.disable("wang").await;
    house.reload(|text| format!("# another one\n{text}")).await.unwrap();
    let configs = details(&house, &[Action::Start, Action::ConfigReloaded], "config");
    assert_eq!(configs.len(), 2);
    let written = house.log().len() as u64;
    house.gateway().house().sealer.size().wait_for(|size| *size >= written).await.unwrap();

    let data = house.data.path().display().to_string();
    let (pack, filtered) = (house.data.path().join("one.tar.zst"), house.data.path().join("two.tar.zst"));
    let (out, second) = (pack.display().to_string(), filtered.display().to_string());
    let span = ["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--data", &data];
    let key = house.gateway().house().sealer.verifier_key();
    let told = said(&[&["evidence", "--out", &out][..], &span].concat());
    let told_hash = told.lines().find_map(|line| line.strip_prefix("SHA-256 ")).unwrap().to_owned();
    let checked = said(&["verify-evidence", &out, "--key", &key]);
    assert!(checked.contains("without a gap") && checked.contains("signature  right"), "{checked}");
    assert_eq!(checked.matches("its text is in the pack").count(), 2, "{checked}");
    // The span is not over.
    assert!(checked.contains("the log ended at") && checked.contains("before the end of the span"), "{checked}");
    assert!(!checked.contains("not sealed"), "{checked}");
    said(&[&["evidence", "--out", &second, "--account", "wang", "--app", "sites"][..], &span].concat());
    assert!(said(&["verify-evidence", &second, "--key", &key]).contains("cannot be proven"));

    // What was asked, and what came of it.
    let read = details(&house, &[Action::LogRead], "asked");
    assert_eq!(read.len(), 4, "{read:?}");
    assert!(read[0].starts_with("evidence from=2000-01-01") && read[2].contains("app=sites account=wang"), "{read:?}");
    assert!(read[1].contains(&format!("sha256={told_hash}")), "{read:?}");

    // Nothing that opens anything is in it.
    let bytes = unpacked(&pack);
    assert!(holds(&bytes, "another one") && holds(&bytes, "\"name\": \"wang\"") && configs.iter().all(|config| holds(&bytes, config)));
    let log_key = std::fs::read_to_string(house.data.path().join("log.key")).unwrap();
    let secret = log_key.trim().splitn(5, '+').last().unwrap();
    assert_eq!(secret.len(), 44, "the private half of {log_key:.20}…");
    for secret in [secret, PASSWORD, invitation.split('#').nth(1).unwrap(), "$argon2", "BEGIN PRIVATE KEY"] {
        assert!(!holds(&bytes, secret), "{secret}");
    }

    // Other answers.
    let code = |words: &[&str]| yumen(words).status.code();
    assert_eq!(code(&["verify-evidence", &out]), Some(3), "no key");
    let other = "gate.city.test/audit/x+00000000+AAAA";
    assert_eq!(code(&["verify-evidence", &out, "--key", other]), Some(1));
    assert_eq!(code(&[&["evidence", "--out", &out][..], &span].concat()), Some(1), "it is there already");
    let mut damaged = std::fs::read(&pack).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(&pack, damaged).unwrap();
    let ended = yumen(&["verify-evidence", &out, "--key", &key]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("THE PACK IS NOT AS IT WAS MADE"));
    house.stop().await;
}
