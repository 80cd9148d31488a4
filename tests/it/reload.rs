//! Reading the config again while the gateway serves.

use http::{Method, StatusCode};
use url::Url;
use yumen::gateway::{Ask, ControlAnswer};
use yumen::model::Role;

use crate::bodies::upgrade;
use crate::house::{Changes, House, LEDGER, PORTAL, SITES, authority, issue, sign_in};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NEXT_PORTAL: &str = "next.city.test";

fn moved_portal(text: &str) -> String {
    text.replace(&format!("host = \"{PORTAL}\""), &format!("host = \"{NEXT_PORTAL}\""))
}

#[tokio::test]
async fn the_portal_stays_where_it_is_until_a_restart() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let told = house.reload(moved_portal).await.unwrap();
    assert!(told.contains("portal.host"), "{told}");
    let page = sign_in(&mut browser, &format!("https://{SITES}/here"), "wang").await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/here"), "{}", page.text());
    assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    // No client could trust a certificate for it: the handshake names a host that is not there.
    let elsewhere = std::panic::AssertUnwindSafe(browser.connect(NEXT_PORTAL));
    assert!(futures_util::FutureExt::catch_unwind(elsewhere).await.is_err());
}

#[tokio::test]
async fn a_portal_that_stays_keeps_its_certificate_where_the_new_config_has_none_for_it() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    issue(&authority(), &[NEXT_PORTAL, SITES, LEDGER], house.data.path(), "next");
    let moved = |text: &str| moved_portal(text).replace("chain.pem", "next.pem").replace("chain.key", "next.key");
    for _ in 0..2 {
        house.reload(moved).await.unwrap();
        assert_eq!(browser.open(&format!("https://{PORTAL}/keys")).await.url.path(), "/keys");
    }
}

#[tokio::test]
async fn no_app_takes_the_place_of_a_portal_that_has_not_moved_yet() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let taking = |text: &str| moved_portal(text).replace(&format!("host = \"{SITES}\""), &format!("host = \"{PORTAL}\""));
    let refused = house.reload(taking).await.unwrap_err();
    assert!(refused.contains("sites") && refused.contains("restart"), "{refused}");
    assert_eq!(browser.open(&format!("https://{SITES}/")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_refused_is_a_warning_until_a_config_is_taken() {
    let house = House::open().await;
    let warnings = async || match house.ask(Ask::Status, None).await {
        ControlAnswer::Status { status } => status.warnings.join("\n"),
        answer => panic!("{answer:?}"),
    };
    assert!(!warnings().await.contains("refused"));
    let refused = house.reload(|text| text.replace("label = \"internal\"", "label = \"top-secret\"")).await.unwrap_err();
    assert!(refused.ends_with("the config and the emergency plan from before keep serving"), "{refused}");
    let warned = warnings().await;
    assert!(warned.contains("a start would be refused too: `app.label` ") && warned.contains("`yumen reload`"), "{warned}");
    house.reload(|text| text.replace("label = \"top-secret\"", "label = \"internal\"")).await.unwrap();
    assert!(!warnings().await.contains("refused"));
}

#[tokio::test]
async fn what_waits_for_a_restart_is_what_differs_from_the_start() {
    let house = House::open().await;
    for _ in 0..2 {
        let told = house.reload(|text| text.replace("workers = 1", "workers = 3")).await.unwrap();
        assert!(told.contains("workers"), "{told}");
    }
    let told = house.reload(|text| text.replace("workers = 3", "workers = 1")).await.unwrap();
    assert!(!told.contains("restart"), "{told}");
}

#[tokio::test]
async fn what_is_doubtful_in_a_config_is_told_to_whoever_reloads_it() {
    let house = House::open().await;
    assert!(!house.reload(str::to_owned).await.unwrap().contains("warning"));
    let told = house.reload(|text| format!("{text}\n[labels.public]\nphone_app = true\n")).await.unwrap();
    assert!(told.contains("warning: `labels.public.phone_app` opens nothing") && told.ends_with("is in force"), "{told}");
}

#[tokio::test]
async fn the_portals_pages_are_called_as_the_config_says_since_the_start() {
    let house = House::open().await;
    let mut stranger = house.browser();
    let named = async |browser: &mut crate::browser::Browser| browser.open(&format!("https://{PORTAL}/sign-in")).await.text();
    let page = named(&mut stranger).await;
    assert!(page.contains(" · Yumen</title>") && page.contains("<span>Yumen</span>"), "{page}");
    let told = house.reload(|text| text.replacen("name = \"Yumen\"", "name = \"City gate\"", 1)).await.unwrap();
    assert!(told.contains("portal.name"), "{told}");
    assert!(named(&mut stranger).await.contains(" · Yumen</title>"));
}

#[tokio::test]
async fn an_apps_new_rate_holds_without_a_restart() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let front = Url::parse(&format!("https://{SITES}/")).unwrap();
    let mut refused_of = async |count: usize| {
        let mut refused = 0;
        for _ in 0..count {
            refused += usize::from(browser.send(Method::GET, &front, &[], "").await.status == StatusCode::TOO_MANY_REQUESTS);
        }
        refused
    };
    assert_eq!(refused_of(6).await, 0);
    let told = house.reload(|text| text.replacen("label = ", "rate = { per_second = 1, burst = 4 }\nlabel = ", 1)).await.unwrap();
    assert!(!told.contains("restart"), "{told}");
    assert_eq!(refused_of(6).await, 2);
    house.reload(str::to_owned).await.unwrap();
    assert_eq!(refused_of(2).await, 2, "a rate that did not change goes on counting");
}

#[tokio::test]
async fn two_reloads_at_once_come_one_after_the_other() {
    let house = House::open().await;
    let generation = || house.gateway().house().map.load().generation;
    let before = generation();
    let reloads = (0..4).map(|_| house.reload(str::to_owned));
    for done in futures_util::future::join_all(reloads).await {
        done.unwrap();
    }
    assert_eq!(generation(), before + 4);
}

#[tokio::test]
async fn a_web_socket_ends_when_its_app_may_have_none_any_more() {
    let house = House::open_with(Changes { app: "websocket = true", ..Changes::default() }).await;
    let browser = house.in_the_app("wang").await;
    let mut stream = browser.connect(SITES).await;
    stream.write_all(upgrade(SITES, &format!("https://{SITES}"), &browser.cookie_field(SITES)).as_bytes()).await.unwrap();
    let mut head = [0; 512];
    let count = stream.read(&mut head).await.unwrap();
    assert!(head[..count].starts_with(b"HTTP/1.1 101"));
    house.reload(|text| text.replacen("websocket = true", "websocket = false", 1)).await.unwrap();
    let ended = tokio::time::timeout(crate::token_life::SOON, stream.read(&mut head)).await;
    assert!(matches!(ended, Ok(Ok(0) | Err(_))), "still open: {ended:?}");
}
