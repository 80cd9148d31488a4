//! `yumen status` and the demo, as a person or a script starts them.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use yumen::gateway::UpstreamState;

use crate::house::{Changes, House, SITES, certificates, config_text};

fn yumen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
    command.stdin(Stdio::null()).env_remove("RUST_LOG").env_remove("YUMEN_LOG").env_remove("NO_COLOR");
    command
}

async fn status(data: &Path, words: &[&str]) -> Output {
    let mut command = yumen();
    command.arg("status").args(words).arg("--data").arg(data);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_status_tells_how_everything_stands() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    browser.open(&format!("https://{SITES}/a")).await;
    let answer = status(house.data.path(), &["--json"]).await;
    assert_eq!(answer.status.code(), Some(0), "{answer:?}");
    let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!((&json["ready"], &json["not_ready"]), (&true.into(), &Value::Array(Vec::new())));
    assert_eq!(json["listeners"][0], house.address.to_string());
    assert_eq!((&json["sessions"]["open"], &json["sessions"]["accounts"]), (&1.into(), &1.into()));
    let upstream = &json["apps"][1]["upstreams"][0];
    assert_eq!(json["apps"][1]["id"], "sites");
    assert_eq!((&upstream["state"], &json["apps"][0]["upstreams"][0]["state"]), (&"up".into(), &"unused".into()));
    assert!(upstream["answered"].as_u64().unwrap() >= 2 && upstream["last_failure"].is_null());
    assert!(json["certificates"].as_array().unwrap().len() == 3 && json["certificates"][0]["days_left"].as_i64().unwrap() > 21);
    assert!(json["log"]["sequence"].as_u64().unwrap() > 5 && json["log"]["last_sync"].is_string());
    assert_eq!(json["waiting_for_restart"], Value::Array(Vec::new()));
    let text = status(house.data.path(), &[]).await.stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("Yumen ") && text.contains("is ready") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn what_waits_for_a_restart_is_told() {
    let house = House::open().await;
    let changed = |text: &str| text.replace("workers = 1", "workers = 2");
    house.reload(changed).await.unwrap();
    let json: Value = serde_json::from_slice(&status(house.data.path(), &["--json"]).await.stdout).unwrap();
    assert_eq!(json["waiting_for_restart"], serde_json::json!(["workers"]));
}

#[tokio::test]
async fn the_exit_code_says_whether_people_are_let_through() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    browser.open(&format!("https://{SITES}/")).await;
    assert_eq!(status(house.data.path(), &[]).await.status.code(), Some(0));
    let own = house.gateway().house().clone();
    let known = tokio::spawn(async move { own.status().await }).await.unwrap();
    assert_eq!(known.apps[1].upstreams[0].state, UpstreamState::Up);
    house.gateway().house().journal.shut_down().await;
    let answer = status(house.data.path(), &[]).await;
    assert_eq!(answer.status.code(), Some(1), "{answer:?}");
    assert!(String::from_utf8(answer.stdout).unwrap().contains("is not ready\n  ! the audit log"));
    let empty = tempfile::tempdir().unwrap();
    let answer = status(empty.path(), &[]).await;
    assert_eq!((answer.status.code(), answer.stdout.len()), (Some(2), 0));
    let told = String::from_utf8(answer.stderr).unwrap();
    assert!(told.starts_with("yumen: no gateway is running on ") && told.lines().count() == 1, "{told}");
}

/// Runs the program with these words; its exit code and what it says on standard error.
fn said(words: &[&str]) -> (Option<i32>, String) {
    let answer = yumen().args(words).output().unwrap();
    (answer.status.code(), String::from_utf8(answer.stderr).unwrap())
}

#[test]
fn a_verb_that_finds_no_gateway_says_so_in_a_sentence() {
    let place = tempfile::tempdir().unwrap();
    let (empty, file) = (place.path().to_str().unwrap(), place.path().join("file"));
    std::fs::write(&file, "").unwrap();
    let config = place.path().join("broken.toml");
    std::fs::write(&config, format!("data = {empty:?}\nthis is wrong")).unwrap();
    for which in [["--data", empty], ["--data", file.to_str().unwrap()], ["--config", config.to_str().unwrap()]] {
        for (verb, code) in [(&["status"][..], 2), (&["reload"], 1), (&["account", "list"], 1), (&["account", "disable", "wang"], 1)] {
            let (found, told) = said(&[verb, &which].concat());
            assert_eq!((found, told.lines().count()), (Some(code), 1), "{verb:?} {which:?}: {told}");
            assert!(told.starts_with("yumen: no gateway is running on ") && told.contains("--data DIR"), "{told}");
        }
        if which[0] == "--data" {
            let (found, told) = said(&[&["audit", "tail"][..], &which].concat());
            assert!(found == Some(1) && told.lines().count() == 1 && told.contains("cannot read the log at"), "{told}");
            assert!(!told.contains("os error"), "{told}");
        }
    }
}

#[test]
fn a_config_that_cannot_be_read_is_reported_without_a_second_name_before_it() {
    let place = tempfile::tempdir().unwrap();
    let nowhere = place.path().join("nowhere.toml");
    let nowhere = nowhere.to_str().unwrap();
    for (verb, code) in [("check", 1), ("serve", 1), ("status", 3), ("reload", 1)] {
        let (found, told) = said(&[verb, "--config", nowhere]);
        assert_eq!(found, Some(code), "{verb}: {told}");
        assert!(told.starts_with(&format!("error: the config file {nowhere} cannot be read: no such file")), "{verb}: {told}");
        assert!(told.ends_with(&format!("{nowhere}: 1 problem\n")), "{verb}: {told}");
    }
    let (found, told) = said(&["demo", "--data", nowhere, "--listen", "127.0.0.1:70000"]);
    assert!(found == Some(2) && told.contains("write an address with its port"), "{told}");
    let (found, told) = said(&["audit", "tail", "-n", "many"]);
    assert!(found == Some(2) && told.contains("is not a whole number"), "{told}");
}

#[tokio::test]
async fn what_an_account_verb_cannot_do_is_said_in_a_sentence() {
    let house = House::open().await;
    let (data, runtime) = (house.data.path().to_str().unwrap().to_owned(), tempfile::tempdir().unwrap());
    let run = |words: &[&str]| {
        let mut command = yumen();
        command.args(words).args(["--data", &data]).env("XDG_RUNTIME_DIR", runtime.path());
        async move {
            let answer = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (answer.status.code(), text(answer.stdout), text(answer.stderr))
        }
    };
    let invite = ["account", "invite", "李伟", "--unit", "IT", "--role", "member"];
    let (code, link, told) = run(&invite).await;
    assert!(code == Some(0) && link.starts_with("https://") && told.ends_with(" UTC:\n"), "{told}");
    let (code, _, told) = run(&[&invite[..], &["--email", "nonsense"]].concat()).await;
    assert!(code == Some(2) && told.contains("is not an e-mail address"), "{told}");
    house.log_in(runtime.path()).await;
    for (words, why) in [
        (["account", "disable", "nobody"], "there is no account \"nobody\"; `yumen account list` names all that there are"),
        (["account", "enable", "nobody"], "there is no account \"nobody\""),
        (["account", "sign-out", "nobody"], "there is no account \"nobody\""),
        (["account", "enable", "李伟"], "the account is invited, and to such an account this cannot be done"),
    ] {
        let (code, _, told) = run(&words).await;
        assert!(code == Some(1) && told.starts_with(&format!("yumen: {why}")) && told.lines().count() == 1, "{words:?}: {told}");
    }
    let (code, list, _) = run(&["account", "list"]).await;
    let lines: Vec<&str> = list.lines().collect();
    assert!(code == Some(0) && lines[0].trim_start().starts_with("name") && !list.contains('\u{1b}'), "{list}");
    assert!(lines.iter().any(|line| line.contains("李伟") && line.contains("invited") && line.ends_with("IT")), "{list}");
    let (code, found, told) = run(&["audit", "tail", "--account", "nobody"]).await;
    assert_eq!((code, found.as_str(), told.as_str()), (Some(0), "", "yumen: no record fits\n"));
}

/// A demo that ends with the test.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_demo_speaks_json_on_both_outputs_and_tells_no_secret_on_the_second() {
    let data = tempfile::tempdir().unwrap();
    // The demo takes no port 0: what browsers type must be known beforehand.
    let free = crate::ports::free();
    let mut command = yumen();
    command.args(["demo", "--json", "--log-format", "json", "--listen", &free.to_string(), "--data"]).arg(data.path());
    command.env("YUMEN_LOG", "trace").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Demo(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let opening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    assert_eq!(opening["portal"], format!("https://gate.localhost:{}", free.port()));
    assert!(opening["metrics"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let secret = opening["enrolment_link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();

    let answer = yumen().args(["status", "--json", "--data"]).arg(data.path()).output().unwrap();
    let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(json["monitoring"], opening["metrics"]);
    demo.0.kill().unwrap();
    let mut log = String::new();
    demo.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(!log.contains(&secret));
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line["level"].is_string()), "{line:?}");
    }
}

/// A pipe whose reader is gone before anything is written.
fn closed() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn a_reader_who_has_seen_enough_ends_a_verb_quietly() {
    let place = tempfile::tempdir().unwrap();
    certificates(place.path());
    let (good, bad) = (place.path().join("good.toml"), place.path().join("bad.toml"));
    let text = config_text(&Changes::default(), ([127, 0, 0, 1], 1).into(), ([127, 0, 0, 1], 2).into());
    std::fs::write(&good, &text).unwrap();
    std::fs::write(&bad, text.replace("label", "lable")).unwrap();
    let check = |config: &Path| {
        let mut command = yumen();
        command.args(["check", "--config"]).arg(config);
        command
    };
    let said = check(&good).stdout(closed()).output().unwrap();
    assert_eq!((said.status.code(), &*said.stderr), (Some(0), &b""[..]), "{}", String::from_utf8_lossy(&said.stderr));
    let said = check(&bad).stderr(closed()).output().unwrap();
    assert_eq!((said.status.code(), &*said.stdout), (Some(1), &b""[..]));
}

#[test]
fn two_demos_that_start_at_once_are_watched_at_two_addresses() {
    let begin = || {
        let (data, free) = (tempfile::tempdir().unwrap(), crate::ports::free());
        let mut command = yumen();
        command.args(["demo", "--json", "--listen", &free.to_string(), "--data"]).arg(data.path());
        (data, Demo(command.stdout(Stdio::piped()).spawn().unwrap()))
    };
    let watched = |(data, mut demo): (tempfile::TempDir, Demo)| {
        let mut line = String::new();
        BufReader::new(demo.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let opening: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let config = std::fs::read_to_string(data.path().join("yumen.toml")).unwrap();
        let metrics = opening["metrics"].as_str().unwrap().to_owned();
        let address = metrics.strip_prefix("http://").unwrap().split('/').next().unwrap();
        assert!(config.contains(&format!("[monitoring]\nlisten = \"{address}\"")), "{metrics}: {config}");
        (demo, metrics)
    };
    let both = [begin(), begin()].map(watched);
    assert_ne!(both[0].1, both[1].1);
}

#[test]
fn a_demo_of_which_nobody_reads_where_it_is_ends_by_itself() {
    let place = tempfile::tempdir().unwrap();
    // The demo takes no port 0: what browsers type must be known beforehand.
    let free = crate::ports::free();
    let mut demo = yumen();
    demo.args(["demo", "--listen", &free.to_string(), "--data"]).arg(place.path().join("data"));
    let said = demo.stdout(closed()).output().unwrap();
    let told = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.code() == Some(0) && !told.contains("panicked"), "{told}");
}
