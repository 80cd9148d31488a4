//! The way through sign-in to an app: what the pages keep of it, and how the last one leads on.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::Role;

use crate::browser::Reply;
use crate::forms;
use crate::house::{House, PASSWORD, PORTAL, SITES, first_factor};

fn may_lead_to(page: &Reply) -> String {
    let policy = page.header("content-security-policy");
    policy.split("; ").find_map(|part| part.strip_prefix("form-action ")).unwrap().to_owned()
}

#[tokio::test]
async fn no_form_of_sign_in_is_redirected_off_the_portal_and_a_page_of_its_own_leads_on() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{SITES}/here?a=1&b=2")).await;
    assert_eq!(may_lead_to(&page), "'self'");
    let key_first = page.form("key-first");
    assert_eq!(may_lead_to(&browser.submit(&page, &key_first).await), "'self'");
    let page = first_factor(&mut browser, &page, "wang", PASSWORD).await;
    assert_eq!(may_lead_to(&page), "'self'");

    let form = browser.answer_key(&page);
    let mut url = page.url.join(&form.action).unwrap();
    let mut reply = browser.navigate(Method::POST, &url, Some((format!("https://{PORTAL}"), form.encoded()))).await;
    while reply.status == StatusCode::SEE_OTHER {
        url = url.join(reply.header("location")).unwrap();
        assert_eq!(url.host_str(), Some(PORTAL), "a form was redirected to {url}");
        reply = browser.navigate(Method::GET, &url, None).await;
    }
    assert_eq!((reply.status, reply.url.path(), may_lead_to(&reply).as_str()), (StatusCode::OK, "/sign-in/onward", "'self'"));
    assert!(reply.text().contains("Sites"), "{}", reply.text());
    let link = forms::leads_on_to(&reply.text()).unwrap();
    assert!(link.starts_with("/enter?"), "{link}");
    let landed = browser.open(reply.url.join(&link).unwrap().as_str()).await;
    assert_eq!(
        (landed.status, landed.url.host_str(), landed.url.path(), landed.url.query()),
        (StatusCode::OK, Some(SITES), "/here", Some("a=1&b=2"))
    );
}

#[tokio::test]
async fn the_page_that_leads_on_does_so_to_nothing_but_an_app_and_for_nobody_who_is_not_signed_in() {
    let house = House::open().await;
    let mut stranger = house.browser();
    let onward = |app: &str| Url::parse(&format!("https://{PORTAL}/sign-in/onward?app={app}&path=%2F&nonce={}", "A".repeat(43))).unwrap();
    let sent = stranger.navigate(Method::GET, &onward("sites"), None).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert_eq!(stranger.open(onward("sites").as_str()).await.url.path(), "/sign-in");
    let mut browser = house.signed_in("wang", Role::Member).await;
    for (app, status) in [("sites", StatusCode::OK), ("made-up", StatusCode::SEE_OTHER), ("", StatusCode::SEE_OTHER)] {
        assert_eq!(browser.navigate(Method::GET, &onward(app), None).await.status, status, "{app}");
    }
}

#[tokio::test]
async fn a_page_of_sign_in_that_is_asked_for_again_still_knows_the_way() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{SITES}/here")).await;
    let wrong = first_factor(&mut browser, &page, "wang", "a wrong password").await;
    let again = browser.open(wrong.url.as_str()).await;
    assert!(forms::text_of(&again.text(), "going-to").is_some(), "{}", again.url);
    let key_first = again.form("key-first");
    let asked = browser.submit(&again, &key_first).await;
    let again = browser.open(asked.url.as_str()).await;
    assert!(forms::text_of(&again.text(), "going-to").is_some(), "{}", again.url);
    let page = first_factor(&mut browser, &again, "wang", PASSWORD).await;
    let form = page.form("webauthn").with("credential", "{}");
    let refused = browser.submit(&page, &form).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let again = browser.open(refused.url.as_str()).await;
    let landed = browser.use_key(&again).await;
    assert_eq!((landed.url.host_str(), landed.url.path()), (Some(SITES), "/here"));
}

#[tokio::test]
async fn the_name_that_was_typed_stays_and_the_password_does_not() {
    let house = House::open().await;
    house.enrolled("wang", Role::Member).await;
    let mut browser = house.browser();
    assert_eq!(browser.open(&format!("https://{PORTAL}/sign-in")).await.form("sign-in").field("name"), "");
    for name in ["wang", "nobody", "\"><script>alert(1)</script>"] {
        let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
        let mut answers = vec![first_factor(&mut browser, &page, name, "a wrong password").await];
        let form = page.form("sign-in").with("name", name).with("password", "a wrong password").with("csrf", "another");
        answers.push(browser.submit(&page, &form).await);
        for answer in answers {
            assert_eq!(answer.form("sign-in").field("name"), name);
            assert!(!answer.text().contains("a wrong password") && !answer.text().contains("<script>alert"), "{}", answer.text());
        }
    }
}
