//! `yumen login`: a terminal on the machine acts for a person who allowed it in her browser, and for nobody any longer than that.

use std::process::{Command, Stdio};
use std::time::Duration;

use http::StatusCode;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::{Action, Record, Role};

use crate::house::{House, PORTAL};
use crate::office::post;

async fn acts(house: &House, terminal: &str) -> bool {
    match house.ask(Ask::Accounts, Some(terminal)).await {
        ControlAnswer::Accounts { .. } => true,
        ControlAnswer::LoginNeeded => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_terminal_does_is_on_record_with_its_person_and_who_types_there() {
    let house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    house.signed_in("wang", Role::Member).await;
    let terminal = house.terminal(&mut shen).await;
    let ControlAnswer::LoggedIn { name, role, .. } = house.ask(Ask::LoginState { terminal: terminal.clone() }, None).await else {
        panic!("it was allowed")
    };
    assert_eq!((name.as_str(), role), ("shen", Role::SecurityAdministrator));
    house.ask(Ask::Disable { name: "wang".to_owned() }, Some(&terminal)).await;
    house.ask(Ask::Logout { terminal: terminal.clone() }, None).await;
    assert!(!acts(&house, &terminal).await);
    let uid = rustix::process::geteuid().as_raw().to_string();
    let log = house.close().await;
    for action in [Action::TerminalOpened, Action::AccountDisabled, Action::TerminalClosed] {
        let event = log.iter().find_map(|entry| match &entry.record {
            Record::Event(event) if event.action == action => Some(event),
            _ => None,
        });
        let event = event.unwrap_or_else(|| panic!("{action:?} is not on record"));
        assert_eq!(event.who.as_ref().unwrap().name.as_str(), "shen", "{action:?}");
        assert_eq!(event.details["uid"], uid, "{action:?}");
        assert_eq!(
            event.details.get("through").map(String::as_str),
            (action != Action::TerminalOpened).then_some("terminal"),
            "{action:?}"
        );
    }
    let text = serde_json::to_string(&log).unwrap();
    assert!(!text.contains(&terminal), "its secret is not on record");
}

#[tokio::test]
async fn a_terminal_ends_with_its_quarter_of_an_hour_its_session_its_token_and_its_account() {
    let house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    let inner = house.gateway().house();

    let terminal = house.terminal(&mut shen).await;
    house.clock.advance(Duration::from_secs(14 * 60));
    assert!(acts(&house, &terminal).await);
    shen.open(&format!("https://{PORTAL}/sessions")).await;
    house.clock.advance(Duration::from_secs(61));
    assert!(!acts(&house, &terminal).await, "after fifteen minutes");

    let terminal = house.terminal(&mut shen).await;
    assert!(acts(&house, &terminal).await);
    let page = shen.open(&format!("https://{PORTAL}/sessions")).await;
    shen.submit(&page, &page.form("sign-out")).await;
    assert!(!acts(&house, &terminal).await, "after she signed out");

    crate::house::sign_in(&mut shen, &format!("https://{PORTAL}/"), "shen").await;
    let terminal = house.terminal(&mut shen).await;
    house.disable("shen").await;
    assert!(!acts(&house, &terminal).await, "after her account was switched off");
    let office = house.office().await;
    inner.desk.enable(&office, house.account_of("shen").await.id, house.clock.now()).await.unwrap();
    assert!(!acts(&house, &terminal).await, "and it does not come back");

    crate::house::sign_in(&mut shen, &format!("https://{PORTAL}/"), "shen").await;
    let terminal = house.terminal(&mut shen).await;
    let key = inner.store.tokens_of(house.account_of("shen").await.id).await.unwrap().remove(0);
    inner.desk.stop_token(&office, &key.serial, yumen::admin::TokenEnd::Lost, house.when()).await.unwrap();
    assert!(!acts(&house, &terminal).await, "after the token was lost by which she allowed it");
    house.close().await;
}

#[tokio::test]
async fn a_restart_ends_every_terminal() {
    let mut house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    let terminal = house.terminal(&mut shen).await;
    house.restart().await;
    assert!(!acts(&house, &terminal).await);
    shen.address = house.address;
    let terminal = house.terminal(&mut shen).await;
    assert!(acts(&house, &terminal).await, "her session lives on");
    house.close().await;
}

#[tokio::test]
async fn a_code_serves_once_for_five_minutes_and_only_with_the_key() {
    let house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    let mut zhao = house.signed_in("zhao", Role::Auditor).await;

    let (link, code, terminal) = house.asked_terminal().await;
    let state = async |terminal: &str| house.ask(Ask::LoginState { terminal: terminal.to_owned() }, None).await;
    assert!(matches!(state(&terminal).await, ControlAnswer::LoginWaits));
    assert!(!acts(&house, &terminal).await, "nobody has allowed it");
    let page = shen.open(&link).await;
    assert!(page.text().contains(&code) && page.text().contains("terminal-machine"), "{}", page.text());
    let form = page.form("webauthn").with("credential", "{}");
    assert_eq!(shen.submit(&page, &form).await.status, StatusCode::FORBIDDEN);
    let without = post(&mut shen, &page, "/terminal", &[("code", &code)]).await;
    assert_ne!(without.status, StatusCode::OK);
    assert!(!acts(&house, &terminal).await, "without the key");

    // Both have the page; one of them is quicker. However the code was typed.
    let again = shen.open(&format!("https://{PORTAL}/terminal?code={}", code.to_lowercase().replace('-', "%20"))).await;
    let hers = zhao.open(&link).await;
    assert!(shen.use_key(&again).await.text().contains("terminal-allowed"));
    let late = zhao.use_key(&hers).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    let ControlAnswer::LoggedIn { name, .. } = state(&terminal).await else { panic!("it was allowed") };
    assert_eq!(name, "shen");
    assert_eq!(shen.open(&link).await.status, StatusCode::UNPROCESSABLE_ENTITY, "a code serves once");

    let (link, _, terminal) = house.asked_terminal().await;
    let page = shen.open(&link).await;
    house.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(shen.use_key(&page).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(matches!(state(&terminal).await, ControlAnswer::Refused { .. }) && !acts(&house, &terminal).await);
    house.close().await;
}

#[tokio::test]
async fn codes_are_not_to_be_guessed() {
    let house = House::open().await;
    let mut shen = house.signed_in("shen", Role::SecurityAdministrator).await;
    let (link, ..) = house.asked_terminal().await;
    for _ in 0..10 {
        let wrong = shen.open(&format!("https://{PORTAL}/terminal?code=BCDF-GHJK")).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(shen.open(&link).await.status, StatusCode::UNPROCESSABLE_ENTITY, "even the right one, for now");
    house.clock.advance(Duration::from_secs(5 * 60));
    shen.open(&format!("https://{PORTAL}/sessions")).await;
    let (link, ..) = house.asked_terminal().await;
    assert_eq!(shen.open(&link).await.status, StatusCode::OK);
    house.close().await;
}

#[tokio::test]
async fn a_member_allows_no_terminal_even_with_the_right_code() {
    let house = House::open().await;
    let mut wang = house.signed_in("wang", Role::Member).await;
    let (link, code, terminal) = house.asked_terminal().await;
    assert_eq!(wang.open(&link).await.status, StatusCode::FORBIDDEN);
    let page = wang.open(&format!("https://{PORTAL}/sessions")).await;
    assert_eq!(post(&mut wang, &page, "/terminal", &[("code", &code)]).await.status, StatusCode::FORBIDDEN);
    assert!(!acts(&house, &terminal).await);
    house.close().await;
}

#[tokio::test]
async fn the_verbs_say_when_a_login_is_needed_and_keep_it_where_nobody_else_reads_it() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::open().await;
    let home = tempfile::tempdir().unwrap();
    let run = async |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yumen"));
        command.args(words).arg("--data").arg(house.data.path()).env("XDG_RUNTIME_DIR", home.path()).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    };
    let refused = run(&["account", "list"]).await;
    assert_eq!(refused.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("run `yumen login` first"), "{refused:?}");

    house.log_in(home.path()).await;
    let directory = home.path().join("yumen/terminals");
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = std::fs::read_dir(&directory).unwrap().next().unwrap().unwrap().path();
    assert_eq!((mode(&directory), mode(&file)), (0o700, 0o600));
    let listed = run(&["account", "list"]).await;
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("office"), "{listed:?}");
    // A file that others may read is not believed.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run(&["account", "list"]).await.status.code(), Some(4));
    house.close().await;
}
