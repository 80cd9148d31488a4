//! When something that a check needs does not work, the answer is no.

use http::{Method, StatusCode};
use tokio::io::AsyncWriteExt;
use url::Url;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::{Action, Record, Role};

use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, first_factor, sign_in};

#[tokio::test]
async fn without_a_log_nothing_reaches_a_back_office_and_no_page_is_shown() {
    let house = House::refusing().await;
    let mut browser = house.at_the_app("wang").await;
    house.gateway().house().journal.shut_down().await;
    let target = Url::parse(&format!("https://{SITES}/after")).unwrap();
    for method in [Method::GET, Method::POST] {
        let fields = [("origin", "https://sites.city.test"), ("accept", "application/json")];
        let reply = browser.send(method.clone(), &target, &fields, "").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{method}: {}", reply.text());
        assert!(reply.text().contains("no-record"), "{}", reply.text());
    }
    for path in ["/", "/sign-in", "/keys"] {
        let reply = browser.open(&format!("https://{PORTAL}{path}")).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

async fn status_in_the_app(browser: &mut crate::browser::Browser) -> StatusCode {
    browser.send(Method::GET, &Url::parse(&format!("https://{SITES}/")).unwrap(), &[("accept", "*/*")], "").await.status
}

fn is_signed_in(house: &House, name: &str) -> bool {
    house.gateway().house().auth.sessions.list_all().iter().any(|session| session.who.name.as_str() == name)
}

fn words(answer: ControlAnswer) -> Result<String, String> {
    match answer {
        ControlAnswer::Done { message } => Ok(message),
        ControlAnswer::Refused { why } => Err(why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_a_log_people_still_sign_out_and_are_told_that_it_is_not_recorded() {
    let house = House::open().await;
    for (name, page, form) in [("wang", "/sessions", "sign-out"), ("li", "/sessions", "sign-out-everywhere")] {
        let mut browser = house.signed_in(name, Role::Member).await;
        let page = browser.open(&format!("https://{PORTAL}{page}")).await;
        let form = page.form(form);
        if name == "li" {
            house.gateway().house().journal.shut_down().await;
        }
        let reply = browser.submit(&page, &form).await;
        assert!(!is_signed_in(&house, name));
        if name == "li" {
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(reply.text().contains("It was done, but not recorded"), "{}", reply.text());
        } else {
            assert_eq!((reply.status, reply.url.path()), (StatusCode::OK, "/signed-out"));
        }
    }
}

#[tokio::test]
async fn without_a_log_staff_still_switch_accounts_off_but_not_on() {
    let house = House::open().await;
    let mut wang = house.in_the_app("wang").await;
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    let list = admin.open(&format!("https://{PORTAL}/console/accounts")).await.text();
    let id = house.account_of("wang").await.id;
    assert!(list.contains(&id.to_string()));
    let page = admin.open(&format!("https://{PORTAL}/console/accounts/{id}")).await;
    house.gateway().house().journal.shut_down().await;
    assert_eq!(status_in_the_app(&mut wang).await, StatusCode::SERVICE_UNAVAILABLE);

    let csrf = page.form("sign-out");
    let done = "It was done, but not recorded";
    for (change, told) in [("disable", done), ("disable", done), ("enable", "cannot let anybody through")] {
        let form = crate::forms::Form { action: format!("/console/accounts/{id}/{change}"), ..csrf.clone() };
        let reply = admin.submit(&page, &form).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.text().contains(told), "{change}: {}", reply.text());
        assert!(!is_signed_in(&house, "wang"));
        assert_eq!(house.state_of("wang").await, yumen::model::AccountState::Disabled);
    }
    // This runtime must give the store's connection back before the gateway closes the store.
    house.close().await;
}

#[tokio::test]
async fn without_a_log_or_a_store_a_terminal_still_ends_what_is_open() {
    let house = House::open().await;
    for name in ["wang", "li"] {
        house.signed_in(name, Role::Member).await;
    }
    let disable = |name: &str| Ask::Disable { name: name.to_owned() };
    assert_eq!(words(house.ask_as_office(disable("wang")).await).unwrap(), "wang is disabled; 1 of its sessions ended");
    assert_eq!(words(house.ask_as_office(disable("wang")).await).unwrap(), "wang was disabled already; 0 of its sessions ended");
    house.gateway().house().journal.shut_down().await;
    let why = words(house.ask_as_office(disable("wang")).await).unwrap_err();
    assert!(why.contains("it was done") && why.contains("could not record it"), "{why}");
    house.gateway().house().store.close().await;
    assert!(is_signed_in(&house, "li"));
    let why = words(house.ask_as_office(disable("li")).await).unwrap_err();
    assert!(why.contains("ended at once") && why.contains("the store failed"), "{why}");
    assert!(!is_signed_in(&house, "li"));
}

#[tokio::test]
async fn who_asked_at_the_control_socket_is_on_record_by_her_uid() {
    let house = House::open().await;
    let invite = Ask::Invite { name: "li".to_owned(), unit: "x".to_owned(), role: Role::Member, email: None };
    assert!(matches!(house.ask(invite, None).await, ControlAnswer::Invited { .. }));
    for asked in [
        Ask::Disable { name: "li".to_owned() },
        Ask::Enable { name: "li".to_owned() },
        Ask::EndSessions { name: "li".to_owned() },
        Ask::Reload,
    ] {
        words(house.ask_as_office(asked).await).unwrap();
    }
    let own = rustix::process::geteuid().as_raw().to_string();
    for action in [Action::AccountInvited, Action::AccountDisabled, Action::AccountEnabled, Action::SessionEnded, Action::ConfigReloaded] {
        let uid = house
            .recorded(|record| match record {
                Record::Event(event) if event.action == action => Some(event.details.get("uid").cloned()),
                _ => None,
            })
            .await;
        assert_eq!(uid.as_ref(), Some(&own), "{action:?}");
    }
}

#[tokio::test]
async fn what_the_edge_refuses_by_itself_has_a_number_that_is_in_the_log() {
    let house = House::open_with(Changes { top: "[log]\nstrangers_per_minute = 2\n", ..Changes::default() }).await;
    let mut numbers = Vec::new();
    for _ in 0..3 {
        let mut stream = house.browser().connect(PORTAL).await;
        stream.write_all(format!("GET / HTTP/1.1\r\nHost: {SITES}\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        numbers.push(answer.split_once("Reference: ").map(|(_, number)| number.trim().to_owned()));
    }
    for number in &numbers[..2] {
        let number = number.as_ref().unwrap();
        house
            .recorded(|record| match record {
                Record::Event(event) if event.reference.as_ref().is_some_and(|known| known.as_str() == number) => Some(event.action),
                _ => None,
            })
            .await;
    }
    assert_eq!(numbers[2], None, "past the quota there is no record of its own to name");
}

#[tokio::test]
async fn without_the_store_nobody_signs_in_or_enters_an_app() {
    let house = House::open().await;
    let mut inside = house.signed_in("li", Role::Member).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    house.gateway().house().store.close().await;
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(forms::form(&page.text(), "webauthn").is_none() && browser.cookie(PORTAL, "__Host-yumen").is_none());
    let page = inside.open(&format!("https://{SITES}/")).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test]
async fn a_back_office_that_is_not_there_is_told_from_one_that_is() {
    let nobody = crate::ports::free();
    let app = format!("upstreams = [\"http://{nobody}\"]");
    let house = House::open_with(Changes { app: &app, ..Changes::default() }).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(crate::forms::text_of(&page.text(), "reference").as_deref(), Some(page.reference()));
}

#[tokio::test]
async fn the_gateway_answers_over_ipv6() {
    let house = House::open_with(Changes { listen: "[::1]", ..Changes::default() }).await;
    assert!(house.address.is_ipv6());
    let mut browser = house.in_the_app("wang").await;
    let seen = browser.open(&format!("https://{SITES}/")).await.text();
    assert!(seen.contains("forwarded: for=\"[::1]\""), "{seen}");
}

#[tokio::test]
async fn the_control_socket_and_the_secrets_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::open().await;
    for name in ["control.sock", "secret.key", "yumen.db", "lock"] {
        let mode = std::fs::metadata(house.data.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} has mode {mode:o}");
    }
    for entry in std::fs::read_dir(house.data.path().join("audit/journal")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.path());
    }
}
