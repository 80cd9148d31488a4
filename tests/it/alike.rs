//! What is different inside and must not be told apart from outside.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{AccountState, Record, Role};

use crate::browser::Reply;
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, first_factor};

fn sign_in_page() -> String {
    format!("https://{PORTAL}/sign-in")
}

/// An answer without what differs on every answer: the form's token, the date, the reference, the values of cookies, and
/// what was typed, with the length that it makes.
fn without_what_is_random(page: &Reply) -> (StatusCode, Vec<(String, String)>, String) {
    let fields = page.headers.iter().filter(|(name, _)| !["date", "x-request-id", "content-length"].contains(&name.as_str()));
    let fields = fields.map(|(name, value)| match (name.as_str(), value.to_str().unwrap()) {
        ("set-cookie", cookie) => {
            let (name, rest) = cookie.split_once('=').unwrap();
            ("set-cookie".to_owned(), format!("{name}={}", rest.split_once(';').unwrap().1))
        }
        (name, value) => (name.to_owned(), value.to_owned()),
    });
    let csrf = page.form("sign-in").field("csrf").to_owned();
    let name = format!("value=\"{}\"", page.form("sign-in").field("name"));
    (page.status, fields.collect(), page.text().replace(&csrf, "").replace(&name, "value=\"\"").replace(" autofocus", ""))
}

#[tokio::test]
async fn a_wrong_name_a_wrong_password_and_a_disabled_account_are_answered_alike() {
    let top = "[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n";
    let house = House::open_with(Changes { top, ..Changes::default() }).await;
    house.enrolled("wang", Role::Member).await;
    house.enrolled("disabled", Role::Member).await;
    house.disable("disabled").await;
    house.invite("invited", Role::Member).await;
    let mut suspended = house.enrolled("suspended", Role::Member).await;
    for _ in 0..3 {
        let page = suspended.open(&sign_in_page()).await;
        let page = first_factor(&mut suspended, &page, "suspended", PASSWORD).await;
        suspended.careless = true;
        suspended.use_key(&page).await;
        house.clock.advance(std::time::Duration::from_secs(60));
    }
    assert_eq!(house.state_of("suspended").await, AccountState::Suspended);
    // Failures in a row make all of them wait, which is another answer: so each is the first of its minute.
    let mut answers = Vec::new();
    for name in ["nobody", "wang", "disabled", "invited", "suspended", "a\u{0}b", ""] {
        for password in [PASSWORD, "a wrong password", ""] {
            if (name, password) == ("wang", PASSWORD) {
                continue;
            }
            house.clock.advance(std::time::Duration::from_secs(3600));
            let mut browser = house.browser();
            let page = browser.open(&sign_in_page()).await;
            let url = page.url.join("/sign-in").unwrap();
            let form = page.form("sign-in").with("name", name).with("password", password);
            let answer = browser.navigate(Method::POST, &url, Some((format!("https://{PORTAL}"), form.encoded()))).await;
            assert_eq!(answer.form("sign-in").field("name"), name.replace('\0', ""), "what was typed stays");
            answers.push((name, password, without_what_is_random(&answer)));
        }
    }
    let (_, _, expected) = answers[0].clone();
    assert_eq!(expected.0, StatusCode::FORBIDDEN);
    for (name, password, answer) in &answers {
        assert_eq!(answer, &expected, "{name:?} with {password:?}");
    }
    let mut wang = house.browser();
    let page = wang.open(&sign_in_page()).await;
    let page = first_factor(&mut wang, &page, "wang", PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_some(), "the right one is answered otherwise");
}

#[tokio::test]
async fn an_app_that_is_not_there_and_one_that_is_not_hers_are_answered_alike() {
    let house = House::open().await;
    let nonce = "A".repeat(43);
    let enter = |app: &str| Url::parse(&format!("https://{PORTAL}/enter?app={app}&path=%2F&nonce={nonce}")).unwrap();
    let mut stranger = house.browser();
    for app in ["sites", "ledger", "made-up"] {
        let answer = stranger.navigate(Method::GET, &enter(app), None).await;
        let expected = format!("/sign-in?app={}&path=%2F&nonce={nonce}", app.replace('-', "%2D"));
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, expected.as_str()));
    }
    let mut wang = house.signed_in("wang", Role::Member).await;
    let mut answers = Vec::new();
    for app in ["ledger", "made-up"] {
        let answer = wang.navigate(Method::GET, &enter(app), None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        answers.push(answer.text().replace(answer.reference(), ""));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(wang.navigate(Method::GET, &enter("sites"), None).await.status, StatusCode::SEE_OTHER);
    let rules: Vec<String> = house
        .log()
        .iter()
        .filter_map(|entry| match &entry.record {
            Record::Opened(opened) if opened.path == "/enter" => Some(opened.rule.clone()),
            _ => None,
        })
        .collect();
    assert!(rules.contains(&"not-allowed: no rule".to_owned()) && rules.iter().any(|rule| rule.contains("made-up")), "{rules:?}");
}
