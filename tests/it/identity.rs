//! Sessions, cookies, forms and return addresses, as an attacker would try them.

use http::{Method, StatusCode, header};
use url::Url;
use yumen::model::Role;

use crate::forms;
use crate::house::{House, LEDGER, PORTAL, SITES, enrol, first_factor, sign_in};

fn portal(path: &str) -> Url {
    Url::parse(&format!("https://{PORTAL}{path}")).unwrap()
}

#[tokio::test]
async fn the_session_cookie_changes_at_each_step_and_is_for_its_host_alone() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    let before = browser.cookie(PORTAL, "__Host-yumen-step").unwrap();
    let page = first_factor(&mut browser, &page, "wang", crate::house::PASSWORD).await;
    let between = browser.cookie(PORTAL, "__Host-yumen-step").unwrap();
    assert_ne!(before, between);
    assert_eq!(browser.cookie(PORTAL, "__Host-yumen"), None, "a right password is not a session");
    let form = browser.answer_key(&page);
    let reply = browser.navigate(Method::POST, &portal(&form.action), Some((format!("https://{PORTAL}"), form.encoded()))).await;
    let cookies: Vec<&str> = reply.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-yumen=")).expect("a session cookie");
    for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(session.contains(attribute), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    let page = browser.open(&format!("https://{SITES}/")).await;
    assert_eq!(page.status, StatusCode::OK);
    let (at_portal, at_app) = (browser.cookie(PORTAL, "__Host-yumen").unwrap(), browser.cookie(SITES, "__Host-yumen").unwrap());
    assert_ne!(at_portal, at_app);
    // A back office that stole its own token gets nowhere with it, and the portal's is worth nothing on an app.
    for (host, token) in [(PORTAL, &at_app), (LEDGER, &at_app), (SITES, &at_portal)] {
        let mut thief = house.browser();
        thief.set_cookie(host, "__Host-yumen", token);
        let reply = thief.send(Method::GET, &Url::parse(&format!("https://{host}/keys")).unwrap(), &[("accept", "*/*")], "").await;
        assert_ne!(reply.status, StatusCode::OK, "{host}");
    }
}

#[tokio::test]
async fn two_cookies_of_the_gateways_name_are_refused() {
    let house = House::refusing().await;
    let browser = house.at_the_app("wang").await;
    let mine = browser.cookie_field(SITES);
    for cookies in [format!("{mine}; __Host-yumen=tossed"), format!("__Host-yumen=tossed\r\nCookie: {mine}")] {
        let head = format!("GET / HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n");
        let answer = crate::headers::raw(&browser, SITES, &head).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
}

#[tokio::test]
async fn return_addresses_stay_on_the_app() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let front = Url::parse(&format!("https://{SITES}/")).unwrap();
    for bad in [
        "https://evil.test/",
        "//evil.test/",
        "/\\evil.test/",
        "/\tevil",
        "\\\\evil.test",
        "evil",
        "/a\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
    ] {
        browser.forget(SITES);
        let asked = browser.navigate(Method::GET, &front, None).await;
        let mut url = Url::parse(asked.header("location")).unwrap();
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| (name.to_string(), if name == "path" { bad.to_owned() } else { value.to_string() }))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let handed = browser.navigate(Method::GET, &url, None).await;
        let location = handed.header("location").to_owned();
        if handed.status == StatusCode::SEE_OTHER {
            assert!(location.starts_with(&format!("https://{SITES}/.yumen/enter?code=")), "{bad:?}: {location}");
            let entered = browser.navigate(Method::GET, &Url::parse(&location).unwrap(), None).await;
            assert_eq!(entered.header("location"), "/", "{bad:?}");
        } else {
            assert!(handed.status.is_client_error(), "{bad:?}: {}", handed.status);
        }
    }
    for bad in ["https://evil.test/", "//evil.test/", "/\\evil.test"] {
        let mut url = portal("/language/ug");
        url.query_pairs_mut().append_pair("return", bad);
        assert_eq!(browser.navigate(Method::GET, &url, None).await.header("location"), "/", "{bad:?}");
    }
}

#[tokio::test]
async fn an_enrolment_link_works_once_and_only_for_its_person() {
    let house = House::open().await;
    let link = house.invite("wang", Role::Member).await;
    let mut browser = house.browser();
    enrol(&mut browser, &link).await;
    let mut second = house.browser();
    let page = second.open(link.split('#').next().unwrap()).await;
    let form = page.form("enrol-open").with("token", link.split('#').nth(1).unwrap());
    let page = second.submit(&page, &form).await;
    assert!(forms::form(&page.text(), "enrol-password").is_none(), "{}", page.text());
    let form = second.open(&format!("https://{PORTAL}/enrol")).await.form("enrol-open").with("token", "A");
    let page = second.submit(&page, &form).await;
    assert!(forms::form(&page.text(), "enrol-password").is_none());
}

#[tokio::test]
async fn half_an_enrolment_signs_nobody_in() {
    let house = House::open().await;
    let link = house.invite("wang", Role::Member).await;
    let mut browser = house.browser();
    let page = browser.open(link.split('#').next().unwrap()).await;
    let form = page.form("enrol-open").with("token", link.split('#').nth(1).unwrap());
    let page = browser.submit(&page, &form).await;
    let form = page.form("enrol-password").with("password", crate::house::PASSWORD).with("again", crate::house::PASSWORD);
    browser.submit(&page, &form).await;
    for path in ["/", "/keys", "/sessions", "/console/accounts"] {
        let page = browser.open(&format!("https://{PORTAL}{path}")).await;
        assert_eq!(page.url.path(), "/sign-in", "{path}");
    }
    let page = browser.open(&format!("https://{PORTAL}/sign-in")).await;
    let page = first_factor(&mut browser, &page, "wang", crate::house::PASSWORD).await;
    assert!(forms::form(&page.text(), "webauthn").is_none(), "{}", page.text());
    // The link is not spent until she completes: she may begin again.
    let mut again = house.browser();
    enrol(&mut again, &link).await;
    assert_eq!(sign_in(&mut again, &format!("https://{PORTAL}/"), "wang").await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_a_security_administrator_has_the_console() {
    let house = House::open().await;
    for (name, role) in [("wang", Role::Member), ("sun", Role::SystemAdministrator), ("zhao", Role::Auditor)] {
        let mut browser = house.signed_in(name, role).await;
        for path in ["/console/accounts", "/console/sessions"] {
            assert_eq!(browser.open(&format!("https://{PORTAL}{path}")).await.status, StatusCode::FORBIDDEN, "{role} {path}");
        }
        let form = browser
            .open(&format!("https://{PORTAL}/"))
            .await
            .form("sign-out")
            .with("name", "evil")
            .with("unit", "x")
            .with("role", "security-administrator");
        let reply =
            browser.navigate(Method::POST, &portal("/console/accounts/invite"), Some((format!("https://{PORTAL}"), form.encoded()))).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{role}");
    }
    let mut admin = house.signed_in("admin", Role::SecurityAdministrator).await;
    assert_eq!(admin.open(&format!("https://{PORTAL}/console/accounts")).await.status, StatusCode::OK);
}
