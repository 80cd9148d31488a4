//! Certificates that are good no more, and what they had opened on apps that ask for none: it ends, and nothing else does.

use std::time::Duration;

use http::{Method, StatusCode};
use rcgen::date_time_ymd;
use url::Url;
use yumen::model::{Action, Record, Role};

use crate::browser::Browser;
use crate::city::City;
use crate::forms;
use crate::house::{Changes, House, PORTAL, SITES, sign_in};
use crate::token_life::{Stream, end_within_five_seconds, endless, event, running, still_run};
use crate::usb_key::{show_card, sign_in_with_card, with_card};

const HARDWARE: &str = "hardware_only = true";

fn app() -> String {
    format!("https://{SITES}/")
}

/// An app that asks for no certificate, where WebSockets and downloads never end by themselves.
async fn house_of(city: &City, more: &str, rules: &str) -> House {
    let app = format!("websocket = true\nupstreams = [\"http://{}\"]\n{rules}", endless().await);
    House::open_with(Changes { top: &city.config(more), app: &app, ..Changes::default() }).await
}

/// Somebody who signed in with a card, and what she has running.
async fn at_work(house: &House, city: &City, name: &str, number: u64) -> (Browser, Vec<Stream>) {
    let mut browser = with_card(house, name, &city.card(name, number)).await;
    let page = sign_in_with_card(&mut browser, &app()).await;
    assert_eq!((page.status, page.url.as_str()), (StatusCode::OK, app().as_str()), "{}", page.text());
    let streams = running(&browser).await;
    (browser, streams)
}

/// What the gateway does every second, done now.
async fn a_second_passes(house: &House) {
    let house = house.gateway().house();
    house.refresh_trust().await;
    house.end_what_nobody_vouches_for().await;
}

async fn is_at_work(browser: &mut Browser) -> bool {
    browser.navigate(Method::GET, &Url::parse(&app()).unwrap(), None).await.status == StatusCode::OK
}

async fn is_signed_out_everywhere(browser: &mut Browser) -> bool {
    let page = browser.open(&format!("https://{PORTAL}/keys")).await;
    !is_at_work(browser).await && page.url.path() == "/sign-in"
}

#[tokio::test]
async fn a_list_that_names_a_certificate_ends_all_that_it_opened_and_nothing_of_anybody_else() {
    let city = City::new();
    let house = house_of(&city, HARDWARE, "").await;
    let card = city.card("wang", 7);
    let mut browser = with_card(&house, "wang", &card).await;
    sign_in_with_card(&mut browser, &app()).await;
    let mut second = house.browser();
    second.plug_in(card.in_client(&house.tls));
    sign_in_with_card(&mut second, &app()).await;
    let mut streams = running(&browser).await;
    let (mut li, mut lis) = at_work(&house, &city, "li", 8).await;

    city.revoke(&[99]);
    a_second_passes(&house).await;
    still_run(&mut streams).await;
    assert!(is_at_work(&mut browser).await && is_at_work(&mut second).await, "another one was revoked");

    city.revoke(&[99, 7]);
    end_within_five_seconds(streams).await;
    assert!(is_signed_out_everywhere(&mut browser).await && is_signed_out_everywhere(&mut second).await);
    still_run(&mut lis).await;
    assert!(is_at_work(&mut li).await);

    let told = event(&house, Action::UsbKeyDistrusted).await.details;
    assert_eq!([&told["name"], &told["why"], &told["sessions-ended"]], ["wang", "certificate-revoked", "2"]);
    assert!(told["serial"].starts_with("C-"), "{told:?}");
    let ended = event(&house, Action::SessionEnded).await;
    assert_eq!((ended.who.unwrap().name.as_str(), ended.details["why"].as_str()), ("wang", "certificate-revoked"));

    let page = browser.open(&format!("https://{PORTAL}/")).await;
    assert!(show_card(&mut browser, &page).await.text().contains("was revoked"));
    city.revoke(&[]);
    a_second_passes(&house).await;
    let page = sign_in_with_card(&mut browser, &app()).await;
    assert_eq!(page.status, StatusCode::OK, "it was on hold, and is not any more: {}", page.text());
    a_second_passes(&house).await;
    assert!(is_at_work(&mut browser).await);
}

#[tokio::test]
async fn a_session_that_was_stepped_up_with_a_certificate_ends_with_it_and_one_that_was_not_stays() {
    let city = City::new();
    let rules = "[[app.rule]]\nname = \"seals\"\nroles = [\"member\"]\npaths = [\"/seals\"]\nfactor = \"usb-key\"";
    let house = house_of(&city, HARDWARE, rules).await;
    let mut browser = with_card(&house, "wang", &city.card("wang", 7)).await;
    sign_in_with_card(&mut browser, &app()).await;
    for host in [PORTAL, SITES] {
        browser.forget(host);
    }
    sign_in(&mut browser, &app(), "wang").await;
    let mut other = house.browser();
    other.take_key_from(&mut browser);
    sign_in(&mut other, &app(), "wang").await;
    let mut others = running(&other).await;

    let page = browser.open(&format!("https://{SITES}/seals")).await;
    let link = forms::link(&page.text(), "use-usb-key").expect("a way to show the USB-KEY");
    let instructions = browser.open(page.url.join(&link).unwrap().as_str()).await;
    let page = browser.open(&forms::link(&instructions.text(), "show-usb-key").unwrap()).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/seals"), "{}", page.text());
    let streams = running(&browser).await;
    city.revoke(&[7]);
    end_within_five_seconds(streams).await;
    assert!(is_signed_out_everywhere(&mut browser).await);
    still_run(&mut others).await;
    assert!(is_at_work(&mut other).await, "it has nothing of the certificate");
}

#[tokio::test]
async fn what_was_revoked_while_the_gateway_was_down_opens_nothing_when_it_is_back() {
    let city = City::new();
    let mut house = house_of(&city, HARDWARE, "").await;
    let (mut wang, _) = at_work(&house, &city, "wang", 7).await;
    let (mut li, _) = at_work(&house, &city, "li", 8).await;
    house.restart().await;
    (wang.address, li.address) = (house.address, house.address);
    assert!(is_at_work(&mut wang).await && is_at_work(&mut li).await, "sessions outlive the process");

    house.stop().await;
    city.revoke(&[7]);
    house.restart().await;
    (wang.address, li.address) = (house.address, house.address);
    assert!(is_signed_out_everywhere(&mut wang).await);
    assert!(is_at_work(&mut li).await);
    let told = event(&house, Action::UsbKeyDistrusted).await.details;
    assert_eq!([&told["name"], &told["why"]], ["wang", "certificate-revoked"]);
}

#[tokio::test]
async fn files_that_tell_nothing_sign_nobody_out_and_an_authority_that_is_withdrawn_does() {
    let city = City::new();
    let house = house_of(&city, HARDWARE, "").await;
    let (mut wang, mut streams) = at_work(&house, &city, "wang", 7).await;
    city.forget_the_list();
    a_second_passes(&house).await;
    city.lose_the_certificate();
    a_second_passes(&house).await;
    still_run(&mut streams).await;
    assert!(is_at_work(&mut wang).await, "nobody says that her certificate is bad");
    let mut again = house.browser();
    again.plug_in(city.card("wang", 7).in_client(&house.tls));
    let page = again.open(&app()).await;
    assert_eq!(show_card(&mut again, &page).await.status, StatusCode::FORBIDDEN, "and nobody gets in anew");

    house.reload(|text| text.replacen(&city.config(HARDWARE), "", 1)).await.unwrap();
    end_within_five_seconds(streams).await;
    assert!(is_signed_out_everywhere(&mut wang).await);
    assert_eq!(event(&house, Action::UsbKeyDistrusted).await.details["why"], "certificate-unknown-authority");
}

#[tokio::test]
async fn a_session_ends_in_the_second_in_which_its_certificate_does() {
    let city = City::new();
    let house = house_of(&city, HARDWARE, "").await;
    let (mut li, mut lis) = at_work(&house, &city, "li", 8).await;
    let last = Duration::from_secs(u64::try_from(house.clock.wall().millis() / 1000).unwrap() + 300);
    let card = city.card_with("wang", 7, |card| card.not_after = date_time_ymd(1970, 1, 1) + last);
    let mut wang = with_card(&house, "wang", &card).await;
    sign_in_with_card(&mut wang, &app()).await;
    let mut streams = running(&wang).await;
    house.clock.advance(Duration::from_secs(298));
    a_second_passes(&house).await;
    still_run(&mut streams).await;
    house.clock.advance(Duration::from_secs(3));
    end_within_five_seconds(streams).await;
    assert!(is_signed_out_everywhere(&mut wang).await);
    still_run(&mut lis).await;
    assert!(is_at_work(&mut li).await);
    assert_eq!(event(&house, Action::UsbKeyDistrusted).await.details["why"], "certificate-expired");
}

#[tokio::test]
async fn an_authority_that_may_say_less_than_before_ends_what_rests_on_the_rest() {
    for (before, after, why) in
        [(HARDWARE, "units = [\"宣传部\"]\nhardware_only = true", "certificate-other-unit"), (HARDWARE, "", "certificate-not-hardware")]
    {
        let city = City::new();
        let house = house_of(&city, before, "").await;
        let (mut wang, mut streams) = at_work(&house, &city, "wang", 7).await;
        // From now on whatever is declared of an authority waits for two people.
        house.enrolled("chen", Role::SecurityAdministrator).await;
        let same = "units = [\"宣传部\", \"信息中心\"]\nhardware_only = true";
        house.reload(|text| text.replacen(&city.config(before), &city.config(same), 1)).await.unwrap();
        a_second_passes(&house).await;
        still_run(&mut streams).await;
        assert!(is_at_work(&mut wang).await, "what waits to be confirmed is not withdrawn");
        let left_out = event(&house, Action::ConfigReloaded).await.details.get("left-out").cloned();
        assert!(left_out.as_ref().is_some_and(|digest| digest.len() == 16), "nor is it kept off the record: {left_out:?}");
        assert!(!event(&house, Action::Start).await.details.contains_key("left-out"));

        house.reload(|text| text.replacen(&city.config(same), &city.config(after), 1)).await.unwrap();
        end_within_five_seconds(streams).await;
        assert!(is_signed_out_everywhere(&mut wang).await);
        assert_eq!(event(&house, Action::UsbKeyDistrusted).await.details["why"], why);
    }
}

#[tokio::test]
async fn a_code_that_a_certificate_earned_before_it_was_revoked_opens_nothing_that_lasts() {
    let city = City::new();
    let house = house_of(&city, HARDWARE, "").await;
    let mut wang = with_card(&house, "wang", &city.card("wang", 7)).await;
    let page = wang.open(&format!("https://{PORTAL}/")).await;
    let shown = show_card(&mut wang, &page).await;
    city.revoke(&[7]);
    a_second_passes(&house).await;
    wang.go_on(shown).await;
    a_second_passes(&house).await;
    assert!(is_signed_out_everywhere(&mut wang).await);
    let distrusted =
        |entry: &yumen::model::Entry| matches!(&entry.record, Record::Event(event) if event.action == Action::UsbKeyDistrusted);
    event(&house, Action::UsbKeyDistrusted).await;
    assert_eq!(house.log().iter().filter(|entry| distrusted(entry)).count(), 1);
}
