//! Of which make a security key must be, label by label: after registration, by step-up in place, and when the config changes. And passkeys
//! that are copied between devices, which are nobody's hardware.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde_json::json;
use webauthn_authenticator_rs::softpasskey::SoftPasskey;
use webauthn_authenticator_rs::softtoken::SoftToken;
use yumen::model::{Action, Outcome, Role};

use crate::browser::{Browser, Key, Reply};
use crate::forms;
use crate::house::{Changes, House, PASSWORD, PORTAL, SITES, enrol, sign_in};

/// Two makers, each with a key that it vouches for and its authority in a file; and a key of nobody's.
struct Makers {
    files: tempfile::TempDir,
    blue: Option<Key>,
    red: Option<Key>,
}

impl Makers {
    /// Before the house is opened, so that the certificates of keys are older than whatever happens there.
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        let made = |name: &str| -> Option<Key> {
            let (token, _) = SoftToken::new(true).unwrap();
            let authority = serde_json::to_value(&token).unwrap()["ca_cert"].as_str().unwrap().to_owned();
            let authority = URL_SAFE_NO_PAD.decode(authority.trim_end_matches('=').replace('+', "-").replace('/', "_")).unwrap();
            let text = base64::engine::general_purpose::STANDARD.encode(authority);
            let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
            std::fs::write(files.path().join(format!("{name}.pem")), pem).unwrap();
            Some(Box::new(token))
        };
        let (blue, red) = (made("blue"), made("red"));
        Self { blue, red, files }
    }

    /// Both makes are listed; `labels` says who asks for which.
    fn config(&self, labels: &str) -> String {
        let make = |name: &str| {
            let file = self.files.path().join(format!("{name}.pem"));
            format!("[[webauthn.authenticators]]\nname = \"{name}\"\nca = \"{}\"\n", file.display())
        };
        let patience = "[sign_in]\nper_address_per_minute = 1000\nper_account_per_minute = 1000\n";
        format!("{patience}{}{}{labels}", make("blue"), make("red"))
    }

    async fn house(&self, attestation: &str) -> House {
        let top = self.config(&format!("[labels.internal]\nattestation = {attestation}\n"));
        House::open_with(Changes { top: &top, ..Changes::default() }).await
    }
}

/// Somebody who has enrolled with this key.
async fn with_key(house: &House, name: &str, key: Key) -> Browser {
    let link = house.invite(name, Role::Member).await;
    let mut browser = house.browser();
    browser.key = key;
    enrol(&mut browser, &link).await;
    browser
}

async fn enter(browser: &mut Browser, name: &str) -> Reply {
    sign_in(browser, &format!("https://{SITES}/"), name).await
}

async fn enter_again(browser: &mut Browser) -> Reply {
    browser.open(&format!("https://{SITES}/")).await
}

fn is_in(page: &Reply) -> bool {
    page.status == StatusCode::OK && page.url.host_str() == Some(SITES)
}

/// She is asked for a key of one of these makes and has none.
fn is_asked_in_vain(page: &Reply, makes: &[&str]) {
    assert_eq!(page.url.path(), "/step-up", "{}", page.text());
    let text = page.text();
    let told = text.split_once("id=\"step-up-makes\"").unwrap().1.split_once("</p>").unwrap().0;
    for make in ["blue", "red"] {
        assert_eq!(told.contains(&format!("<bdi>{make}</bdi>")), makes.contains(&make), "{told}");
    }
    assert!(text.contains("id=\"step-up-nothing\"") && forms::form(&text, "webauthn").is_none(), "{text}");
}

/// From My tokens to the page on which another key is registered; `browser.key` is the one that she has.
async fn about_to_register(browser: &mut Browser) -> Reply {
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    let add = page.form("/keys/add");
    let page = browser.submit(&page, &add).await;
    let page = browser.use_key(&page).await;
    assert_eq!(page.url.path(), "/keys/register", "{}", page.text());
    page
}

#[tokio::test]
async fn an_app_whose_label_names_a_make_is_opened_by_a_key_of_that_make_and_by_no_other() {
    let mut makers = Makers::new();
    let house = makers.house("[\"blue\"]").await;
    let mut wang = with_key(&house, "wang", makers.blue.take().unwrap()).await;
    let page = enter(&mut wang, "wang").await;
    assert!(is_in(&page), "{}", page.text());
    let mut li = with_key(&house, "li", makers.red.take().unwrap()).await;
    is_asked_in_vain(&enter(&mut li, "li").await, &["blue"]);
    assert_eq!(li.open(&format!("https://{PORTAL}/keys")).await.status, StatusCode::OK, "the portal takes every key");
    let mut mia = with_key(&house, "mia", Box::new(SoftPasskey::new(true))).await;
    is_asked_in_vain(&enter(&mut mia, "mia").await, &["blue"]);
    assert_eq!(house.upstream.requests().len(), 1, "nothing of the others has reached the back office");
}

#[tokio::test]
async fn a_key_of_the_right_make_steps_up_in_place_and_no_other_key_of_hers_does() {
    let mut makers = Makers::new();
    let house = makers.house("[\"blue\"]").await;
    let mut wang = with_key(&house, "wang", makers.red.take().unwrap()).await;
    is_asked_in_vain(&enter(&mut wang, "wang").await, &["blue"]);
    let account = house.account_of("wang").await.id;
    let red_id = URL_SAFE_NO_PAD.encode(house.gateway().house().store.keys(account).await.unwrap().remove(0).credential);
    let register = about_to_register(&mut wang).await;
    let red = std::mem::replace(&mut wang.key, makers.blue.take().unwrap());
    let page = wang.use_key(&register).await;
    assert!(page.text().contains("blue") && page.text().contains("red"), "both are listed with their makes: {}", page.text());

    // Registering it was no proof by it.
    let page = enter_again(&mut wang).await;
    assert_eq!(page.url.path(), "/step-up", "{}", page.text());
    let form = page.form("webauthn");
    let options: serde_json::Value = serde_json::from_str(form.options.as_deref().unwrap()).unwrap();
    let allowed = options["publicKey"]["allowCredentials"].as_array().unwrap();
    assert!(allowed.len() == 1 && allowed[0]["id"] != red_id.as_str(), "she is asked for the one that would do: {options}");
    // A browser that asks the other one all the same gets nowhere by it.
    let blue = std::mem::replace(&mut wang.key, red);
    let mut asked = options["publicKey"].clone();
    asked["allowCredentials"] = json!([{ "type": "public-key", "id": red_id }]);
    let answer = wang.credential(&asked, &format!("https://{PORTAL}"));
    let refused = wang.submit(&page, &form.with("credential", &answer.to_string())).await;
    assert!(refused.status.is_client_error() && !is_in(&refused), "{}", refused.text());
    assert!(!is_in(&enter_again(&mut wang).await));
    assert_eq!(house.upstream.requests().len(), 0);

    wang.key = blue;
    house.clock.advance(std::time::Duration::from_secs(60));
    let page = enter_again(&mut wang).await;
    let page = wang.use_key(&page).await;
    assert!(is_in(&page), "{}", page.text());
    house.close().await;
}

#[tokio::test]
async fn a_label_that_asks_for_attested_keys_takes_every_listed_make_and_one_that_takes_any_takes_all() {
    let mut makers = Makers::new();
    let house = makers.house("\"attested\"").await;
    let mut known = Vec::new();
    for (name, key) in [("wang", makers.blue.take().unwrap()), ("li", makers.red.take().unwrap())] {
        let mut browser = with_key(&house, name, key).await;
        let page = enter(&mut browser, name).await;
        assert!(is_in(&page), "{name}: {}", page.text());
        known.push(browser);
    }
    let mut mia = with_key(&house, "mia", Box::new(SoftPasskey::new(true))).await;
    is_asked_in_vain(&enter(&mut mia, "mia").await, &["blue", "red"]);

    // What is open is judged by what the config says now.
    house.reload(|text| text.replace("\"attested\"", "\"any\"")).await.unwrap();
    assert!(is_in(&enter_again(&mut mia).await));
    house.reload(|text| text.replace("\"any\"", "[\"blue\"]")).await.unwrap();
    is_asked_in_vain(&enter_again(&mut mia).await, &["blue"]);
    assert!(is_in(&enter_again(&mut known[0]).await));
    is_asked_in_vain(&enter_again(&mut known[1]).await, &["blue"]);
}

#[tokio::test]
async fn where_every_label_asks_for_a_make_a_key_of_none_is_refused_at_registration_with_the_reason() {
    let mut makers = Makers::new();
    let labels = ["public", "internal", "sensitive"].map(|label| format!("[labels.{label}]\nattestation = \"attested\"\n")).concat();
    let top = makers.config(&labels);
    let house = House::open_with(Changes { top: &top, ..Changes::default() }).await;
    let mut browser = house.browser();
    let page = before_the_first_key(&house, &mut browser, "wang").await;
    let refused = browser.use_key(&page).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text());
    assert!(refused.text().contains("Keys of this make are not accepted here"), "{}", refused.text());
    assert!(forms::form(&refused.text(), "enrol-finish").is_none());
    browser.key = makers.blue.take().unwrap();
    let page = browser.use_key(&refused).await;
    assert!(forms::form(&page.text(), "enrol-finish").is_some(), "{}", page.text());
}

/// Behind her invitation, with her password set.
async fn before_the_first_key(house: &House, browser: &mut Browser, name: &str) -> Reply {
    let link = house.invite(name, Role::Member).await;
    let (page, token) = link.split_once('#').unwrap();
    let page = browser.open(page).await;
    let page = browser.submit(&page, &page.form("enrol-open").with("token", token)).await;
    browser.submit(&page, &page.form("enrol-password").with("password", PASSWORD).with("again", PASSWORD)).await
}

#[tokio::test]
async fn a_passkey_that_is_copied_between_devices_is_refused_wherever_keys_are_registered() {
    let house = House::open().await;
    let mut browser = house.browser();
    let page = before_the_first_key(&house, &mut browser, "wang").await;
    browser.synced = true;
    let refused = browser.use_key(&page).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("copied between devices"), "{}", refused.text());
    assert!(forms::form(&refused.text(), "enrol-finish").is_none(), "without another key there is no account");
    browser.synced = false;
    let page = browser.use_key(&refused).await;
    let finish = page.form("enrol-finish");
    browser.submit(&page, &finish).await;

    sign_in(&mut browser, &format!("https://{PORTAL}/"), "wang").await;
    let register = about_to_register(&mut browser).await;
    let first = std::mem::replace(&mut browser.key, Box::new(SoftPasskey::new(true)));
    browser.synced = true;
    let refused = browser.use_key(&register).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().contains("copied between devices"), "{}", refused.text());
    assert_eq!(house.events(Action::KeyAdded, Outcome::Failed).len(), 1);
    (browser.synced, browser.key) = (false, first);
    let register = about_to_register(&mut browser).await;
    browser.key = Box::new(SoftPasskey::new(true));
    assert_eq!(browser.use_key(&register).await.status, StatusCode::OK);
    assert_eq!(house.events(Action::KeyAdded, Outcome::Done).len(), 1);
}

#[tokio::test]
async fn a_reload_that_fails_on_its_way_is_not_on_record_as_done() {
    let mut makers = Makers::new();
    let house = makers.house("[\"blue\"]").await;
    with_key(&house, "wang", makers.blue.take().unwrap()).await;
    let (account, store) = (house.account_of("wang").await.id, &house.gateway().house().store);
    let key = store.keys(account).await.unwrap().remove(0);
    store.record_use(key.id, key.counter + 1, "damaged", house.clock.now()).await.unwrap();
    let refused = house.reload(|text| format!("# another one\n{text}")).await;
    assert!(refused.is_err(), "{refused:?}");
    let reloads = |action, outcome| {
        let fits = move |entry: &yumen::model::Entry| matches!(&entry.record, yumen::model::Record::Event(event) if (event.action, event.outcome) == (action, outcome));
        house.log().iter().filter(|entry| fits(entry)).count()
    };
    house
        .recorded(|record| matches!(record, yumen::model::Record::Event(event) if event.action == Action::ConfigRefused).then_some(()))
        .await;
    assert_eq!(reloads(Action::ConfigReloaded, Outcome::Done), 0);
}
