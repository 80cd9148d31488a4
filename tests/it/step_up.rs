//! Step-up in place: whoever must prove more, or again, does so and is back where she was.

use std::time::Duration;

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Action, Outcome, Record, Role, Serial};

use crate::browser::{Browser, Reply};
use crate::city::City;
use crate::forms::{self, Form};
use crate::house::{Changes, House, KEY, PASSWORD, PORTAL, SITES, sign_in};
use crate::token_life::twin_was_used;
use crate::usb_key::{house_that_believes, sign_in_with_card, with_card};

/// Publishing takes a proof of the last five minutes; reading takes none.
pub const PUBLISHING: &str =
    "[[app.rule]]\nname = \"publishing\"\nroles = [\"member\"]\npaths = [\"/publish/**\", \"/publish\"]\nfresh = \"5m\"";
pub const FRESH: Changes<'_> = Changes { top: "", listen: "", app: PUBLISHING, rule: "", monitoring: "" };
pub const SIX_MINUTES: Duration = Duration::from_secs(360);

fn publish() -> String {
    format!("https://{SITES}/publish/7?draft=1")
}

impl House {
    /// A code token whose holder has shown it: its first code is spent.
    async fn hand_out_code_token(&self, serial: &str, name: &str) {
        let inner = self.gateway().house();
        let csv = format!("serial,seed\n{serial},3132333435363738393031323334353637383930\n");
        inner.desk.import_seeds(&self.office().await, csv.as_bytes(), None, false, inner.clock.now()).await.unwrap();
        self.issued_past_the_desk(serial, name).await;
        self.show_first_code(self.account_of(name).await.id).await;
    }
}

/// Somebody whose sign-in is too long ago for publishing, on the page that asks for her proof.
async fn asked(house: &House) -> (Browser, Reply) {
    let mut browser = house.in_the_app("wang").await;
    assert_eq!(browser.open(&publish()).await.status, StatusCode::OK, "the sign-in is young enough");
    house.clock.advance(SIX_MINUTES);
    let page = browser.open(&publish()).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/step-up"), "{}", page.text());
    (browser, page)
}

fn published(house: &House) -> usize {
    house.upstream.requests().iter().filter(|head| head.starts_with("GET /publish/7?draft=1 ")).count()
}

#[tokio::test]
async fn whoever_proves_it_once_more_is_back_where_she_was_with_new_tokens_everywhere() {
    let house = House::open_with(FRESH).await;
    let (mut browser, page) = asked(&house).await;
    assert_eq!(published(&house), 1);
    assert!(forms::text_of(&page.text(), "step-up-why").unwrap().contains("at most 5 minutes ago"), "{}", page.text());
    let [portal, app] = [PORTAL, SITES].map(|host| browser.cookie(host, "__Host-yumen").unwrap());
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, publish().as_str()), "{}", page.text());
    assert_eq!(published(&house), 2);
    assert_ne!(browser.cookie(PORTAL, "__Host-yumen").unwrap(), portal);
    assert_ne!(browser.cookie(SITES, "__Host-yumen").unwrap(), app);

    // The session's id changed: what was a cookie of the portal is worth nothing, and the app's old one is as weak as it was.
    let mut thief = house.browser();
    thief.set_cookie(PORTAL, "__Host-yumen", &portal);
    assert_eq!(thief.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/sign-in");
    thief.set_cookie(SITES, "__Host-yumen", &app);
    let to = Url::parse(&publish()).unwrap();
    assert_eq!(thief.navigate(Method::GET, &to, None).await.status, StatusCode::SEE_OTHER, "sent to prove it");
    assert_eq!(thief.navigate(Method::GET, &to.join("/").unwrap(), None).await.status, StatusCode::OK);

    let stepped_up = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::StepUp => Some((event.outcome, event.who.clone().unwrap(), event.details.clone())),
        _ => None,
    });
    let (outcome, who, details) = stepped_up.await;
    assert_eq!((outcome, who.name.as_str(), details["factor"].as_str()), (Outcome::Done, "wang", "security-key"));
}

#[tokio::test]
async fn what_was_proved_in_another_tab_meanwhile_is_enough() {
    let house = House::open_with(FRESH).await;
    let (mut browser, page) = asked(&house).await;
    browser.use_key(&page).await;
    // Another host's token, or a tab from before, is given the new proof without a question.
    browser.forget(SITES);
    let page = browser.open(&publish()).await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, publish().as_str()), "{}", page.text());
}

#[tokio::test]
async fn a_wrong_key_proves_nothing_and_counts_as_at_sign_in() {
    let top = "[sign_in]\nfailures_until_suspended = 3\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n";
    let house = House::open_with(Changes { top, ..FRESH }).await;
    let (mut browser, mut page) = asked(&house).await;
    browser.claimed_origin = Some("https://evil.example".to_owned());
    for _ in 0..2 {
        page = browser.use_key(&page).await;
        assert_eq!((page.status, page.url.path()), (StatusCode::FORBIDDEN, "/step-up/key"), "{}", page.text());
        house.clock.advance(Duration::from_secs(20));
    }
    let before = browser.cookie(PORTAL, "__Host-yumen");
    assert!(before.is_some());
    page = browser.use_key(&page).await;
    assert_eq!(page.url.path(), "/sign-in", "whoever sits there without a key has had tries enough: {}", page.text());
    assert_eq!(browser.open(&format!("https://{SITES}/")).await.url.path(), "/sign-in", "the session is over, on the app's host too");
    let alarm = house.recorded(|record| match record {
        Record::Event(event) if event.action == Action::KeyAnswersMadeUp => Some(event.details["in-a-row"].clone()),
        _ => None,
    });
    assert_eq!(alarm.await, "3");
    assert_eq!(published(&house), 1);
}

#[tokio::test]
async fn a_key_of_which_there_are_two_proves_nothing_and_she_is_told_why_her_session_is_over() {
    let house = House::open_with(FRESH).await;
    let (mut browser, page) = asked(&house).await;
    twin_was_used(&house, "wang").await;
    let page = browser.use_key(&page).await;
    assert!(page.text().contains("keys-over") && page.text().contains("may have been copied"), "{}", page.text());
    assert_eq!(browser.open(&format!("https://{SITES}/")).await.url.path(), "/sign-in", "what the key had opened has ended");
    assert_eq!(published(&house), 1);
}

#[tokio::test]
async fn a_challenge_of_one_session_or_purpose_is_worth_nothing_in_another() {
    let house = House::open_with(FRESH).await;
    let (mut browser, page) = asked(&house).await;
    let answer = browser.answer_key(&page);
    // The same person's other session.
    let mut other = house.browser();
    other.take_key_from(&mut browser);
    sign_in(&mut other, &format!("https://{SITES}/"), "wang").await;
    house.clock.advance(SIX_MINUTES);
    let there = other.open(&publish()).await;
    let with_csrf = answer.clone().with("csrf", there.form("webauthn").field("csrf"));
    let page_there = other.submit(&there, &Form { action: there.form("webauthn").action, ..with_csrf }).await;
    assert_eq!(page_there.url.path(), "/step-up/key", "{}", page_there.text());
    // A proof for a change of keys.
    let keys = other.open(&format!("https://{PORTAL}/keys")).await;
    let add = keys.form("key-add");
    let prove = other.submit(&keys, &add).await;
    let answer = other.answer_key(&prove);
    let there = other.open(&publish()).await;
    let form = Form { action: there.form("webauthn").action, ..answer };
    let page = other.submit(&there, &form).await;
    assert_eq!(page.url.path(), "/step-up/key", "{}", page.text());
    assert_eq!(published(&house), 1);
}

#[tokio::test]
async fn a_code_refreshes_what_takes_codes_and_who_holds_nothing_that_would_do_is_told_so() {
    let house = House::open_with(Changes { app: "factor = \"any\"\nfresh = \"5m\"", ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    house.hand_out_code_token("FT-1", "wang").await;
    house.clock.advance(SIX_MINUTES);
    let page = browser.open(&format!("https://{SITES}/a")).await;
    assert!(forms::form(&page.text(), "webauthn").is_some(), "a key would do too: {}", page.text());
    let wrong = browser.submit(&page, &page.form("code-form").with("code", "000000")).await;
    assert_eq!((wrong.status, wrong.url.path()), (StatusCode::FORBIDDEN, "/step-up/code"));
    house.clock.advance(Duration::from_secs(40));
    let page = browser.submit(&wrong, &wrong.form("code-form").with("code", "287082")).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/a"), "{}", page.text());

    // Where USB-KEYs are shown waits for a restart.
    let usb_keys = format!(
        "\n[usb_keys]\nhost = \"{KEY}\"\n[[usb_keys.authorities]]\nname = \"city\"\ncertificates = \"city.pem\"\ncrls = \"none\"\n"
    );
    let strict = |text: &str| text.replace("factor = \"any\"", "factor = \"usb-key\"") + &usb_keys;
    house.reload(strict).await.unwrap();
    let page = browser.open(&format!("https://{SITES}/a")).await;
    assert_eq!(page.url.path(), "/step-up");
    assert!(page.text().contains("id=\"step-up-nothing\"") && page.text().contains("asks for your USB-KEY"), "{}", page.text());
    assert!(forms::form(&page.text(), "webauthn").is_none() && forms::form(&page.text(), "code-form").is_none());
}

#[tokio::test]
async fn whoever_signs_in_on_the_way_is_asked_for_what_is_missing_then_and_not_sent_in_a_circle() {
    let house = House::open_with(FRESH).await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = sign_in(&mut browser, &publish(), "wang").await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, publish().as_str()), "a new sign-in is fresh: {}", page.text());
    // A link that somebody else made leads to nothing but a question.
    let page = browser.open(&format!("https://{PORTAL}/step-up?app=ledger&path=/&nonce=x&asked=POST%20/")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN, "what is not hers stays so: {}", page.text());
    assert!(!page.text().contains("Ledger"));
    for address in ["/step-up", "/step-up?app=nowhere&path=/", "/step-up/key"] {
        assert_eq!(browser.open(&format!("https://{PORTAL}{address}")).await.url.path(), "/", "{address}");
    }
    let mut stranger = house.browser();
    let page = stranger.open(&format!("https://{PORTAL}/step-up?app=sites&path=/publish/7&nonce=x")).await;
    assert_eq!(page.url.path(), "/sign-in");
}

#[tokio::test]
async fn a_script_is_told_where_its_person_can_prove_it_and_that_way_leads_back() {
    let house = House::open_with(FRESH).await;
    let mut browser = house.in_the_app("wang").await;
    house.clock.advance(SIX_MINUTES);
    let fields = [
        ("accept", "*/*"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
        ("origin", &format!("https://{SITES}")),
        ("referer", &format!("https://{SITES}/board")),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let reply = browser.send(Method::POST, &Url::parse(&publish()).unwrap(), &fields, "title=plans").await;
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((reply.status, answer["error"].as_str()), (StatusCode::UNAUTHORIZED, Some("step-up-needed")), "{answer}");
    assert!(!browser.cookie_field(SITES).contains("kept"), "what a script sends is not kept");
    let step_up = answer["step_up"].as_str().unwrap();
    assert!(step_up.starts_with(&format!("https://{SITES}/.yumen/step-up?")), "{step_up}");
    let page = browser.open(step_up).await;
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/board"), "{}", page.text());
    let again = browser.send(Method::POST, &Url::parse(&publish()).unwrap(), &fields, "title=plans").await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
}

#[tokio::test]
async fn the_way_to_a_proof_leads_nowhere_else() {
    let house = House::open_with(FRESH).await;
    let mut browser = house.in_the_app("wang").await;
    house.clock.advance(SIX_MINUTES);
    for path in ["//evil.example/", "https://evil.example/", "/\\evil.example"] {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("asked", "GET /").append_pair("path", path).finish();
        let page = browser.open(&format!("https://{SITES}/.yumen/step-up?{query}")).await;
        assert_eq!((page.url.host_str(), page.url.path()), (Some(SITES), "/"), "{path}");
    }
}

#[tokio::test]
async fn a_certificate_that_turns_out_to_be_too_little_is_told_so_and_a_key_still_does() {
    let city = City::new();
    let house = house_that_believes(&city, "", "factor = \"hardware\"\nfresh = \"5m\"").await;
    let mut browser = with_card(&house, "wang", &city.card("wang", 7)).await;
    // Its first use, so that it is known for hers.
    let page = sign_in_with_card(&mut browser, &format!("https://{PORTAL}/")).await;
    browser.submit(&page, &page.form("usb-key-password").with("password", PASSWORD)).await;
    browser.forget(PORTAL);
    sign_in(&mut browser, &format!("https://{SITES}/a"), "wang").await;
    house.clock.advance(SIX_MINUTES);
    let page = browser.open(&format!("https://{SITES}/a")).await;
    assert_eq!(page.url.path(), "/step-up", "{}", page.text());
    assert!(!page.text().contains("may lie in a file"));
    let link = forms::link(&page.text(), "use-usb-key").expect("nobody knows yet that it is not enough");
    let instructions = browser.open(page.url.join(&link).unwrap().as_str()).await;
    let page = browser.open(&forms::link(&instructions.text(), "show-usb-key").unwrap()).await;
    assert_eq!((page.status, page.url.host_str()), (StatusCode::FORBIDDEN, Some(PORTAL)), "{}", page.text());
    assert!(page.text().contains("may lie in a file"), "{}", page.text());
    let page = browser.use_key(&page).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/a"), "{}", page.text());
}

/// An app on a phone is active; returns the code that it shows.
async fn with_phone_app(house: &House, name: &str) -> impl Fn(&House) -> String + use<> {
    let seed = yumen::oath::Seed::new(vec![7; 20]).unwrap();
    let scheme = yumen::oath::Scheme::new(yumen::oath::Kind::Totp { period: 30 }, yumen::crypto::Hash::Sha1, 6).unwrap();
    let inner = house.gateway().house();
    let serial = Serial::parse("P-1").unwrap();
    let new = yumen::oath::Delivered { serial, scheme, seed: seed.clone(), counter: 0, expires: None, line: 0 };
    let sealed = inner.auth.codes.seal(vec![new]).unwrap().remove(0);
    let account = house.account_of(name).await.id;
    inner.store.begin_phone_app(account, &sealed, inner.clock.now()).await.unwrap();
    house.show_first_code(account).await;
    move |house: &House| seed.code(scheme, u64::try_from(house.clock.wall().millis()).unwrap() / 30_000)
}

#[tokio::test]
async fn a_code_is_asked_for_only_where_one_of_hers_would_do_and_one_that_does_not_is_told_so() {
    let app = "factor = \"any\"\nfresh = \"5m\"";
    let house = House::open_with(Changes { top: "[labels.internal]\nphone_app = true\n", app, ..Changes::default() }).await;
    let mut browser = house.in_the_app("wang").await;
    let shown = with_phone_app(&house, "wang").await;
    house.clock.advance(SIX_MINUTES);
    let page = browser.open(&format!("https://{SITES}/a")).await;
    assert!(forms::form(&page.text(), "code-form").is_some(), "{}", page.text());
    house.reload(|text| text.replace("phone_app = true", "phone_app = false")).await.unwrap();
    let page = browser.open(&format!("https://{SITES}/a")).await;
    assert!(forms::form(&page.text(), "webauthn").is_some() && forms::form(&page.text(), "code-form").is_none(), "{}", page.text());

    // A code token beside it would do; the page cannot tell which of the two is at hand.
    house.hand_out_code_token("FT-1", "wang").await;
    let page = browser.open(&format!("https://{SITES}/a")).await;
    let page = browser.submit(&page, &page.form("code-form").with("code", &shown(&house))).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::FORBIDDEN, "/step-up/code"), "{}", page.text());
    assert!(page.text().contains("from an app on a phone"), "{}", page.text());
    let page = browser.submit(&page, &page.form("code-form").with("code", "287082")).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/a"), "{}", page.text());
}
