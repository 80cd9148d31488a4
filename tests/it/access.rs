//! Who gets to a back office, and what everyone else is told.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Decision, Record, Role};

use crate::browser::{Browser, Reply};
use crate::house::{Changes, House, LEDGER, PORTAL, SITES, first_factor, sign_in};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn error_of(reply: &Reply) -> serde_json::Value {
    serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("not JSON: {}", reply.text()))
}

#[tokio::test]
async fn another_site_gets_nothing_of_the_portal_but_the_person_whom_it_sends_there() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let asked = async |browser: &mut Browser, method, path: &str, fields: &[(&str, &str)]| {
        let url = Url::parse(&format!("https://{PORTAL}{path}")).unwrap();
        let reply = browser.send(method, &url, fields, "").await;
        assert_eq!(reply.header("cross-origin-resource-policy"), "same-origin", "{path} {fields:?}");
        reply.status
    };
    const NAVIGATION: [(&str, &str); 2] = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
    let origin = format!("https://{PORTAL}");
    for site in ["same-site", "cross-site", "something-new"] {
        let site = ("sec-fetch-site", site);
        for (mode, destination) in [
            ("no-cors", "image"),
            ("no-cors", "script"),
            ("cors", "empty"),
            ("navigate", "iframe"),
            ("navigate", "object"),
            ("no-cors", "document"),
        ] {
            let fields = [site, ("sec-fetch-mode", mode), ("sec-fetch-dest", destination)];
            for path in ["/", "/sessions", "/sign-in", "/nothing"] {
                assert_eq!(asked(&mut browser, Method::GET, path, &fields).await, StatusCode::FORBIDDEN, "{path} {fields:?}");
            }
        }
        assert_eq!(asked(&mut browser, Method::GET, "/", &[site]).await, StatusCode::FORBIDDEN, "{site:?}");
        let sent = [site, NAVIGATION[0], NAVIGATION[1]];
        assert_eq!(asked(&mut browser, Method::GET, "/", &sent).await, StatusCode::OK, "{site:?}");
        let form = [site, NAVIGATION[0], NAVIGATION[1], ("origin", origin.as_str())];
        assert_eq!(asked(&mut browser, Method::POST, "/sign-out", &form).await, StatusCode::FORBIDDEN, "{site:?}");
    }
    let image = [("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    for fields in [vec![], image.to_vec()] {
        assert_eq!(asked(&mut browser, Method::GET, "/", &fields).await, StatusCode::OK, "a browser that does not say");
        for site in ["same-origin", "none"] {
            let fields: Vec<_> = fields.iter().copied().chain([("sec-fetch-site", site)]).collect();
            assert_eq!(asked(&mut browser, Method::GET, "/", &fields).await, StatusCode::OK, "{site}");
        }
    }
    house.close().await;
}

#[tokio::test]
async fn a_person_signs_in_and_lands_where_she_wanted_to_go() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang li", Role::Member).await;
    let page = sign_in(&mut browser, &format!("https://{SITES}/articles/7?draft=1"), "Wang  LI").await;
    assert_eq!(page.url, url(&format!("https://{SITES}/articles/7?draft=1")));
    let seen = page.text();
    assert!(seen.starts_with("GET /articles/7?draft=1 HTTP/1.1\r\n"), "{seen}");
    assert!(seen.to_ascii_lowercase().contains("x-forwarded-user: wang li\r\n"), "{seen}");
}

#[tokio::test]
async fn two_tabs_at_once_both_find_their_way_back() {
    let house = House::open().await;
    let mut browser = house.enrolled("wang", Role::Member).await;
    let first = browser.open(&format!("https://{SITES}/first")).await;
    let second = browser.open(&format!("https://{SITES}/second")).await;
    let page = first_factor(&mut browser, &first, "wang", crate::house::PASSWORD).await;
    let page = browser.use_key(&page).await;
    assert_eq!(page.url.path(), "/first");
    // The second tab still shows its sign-in form; she is signed in by now, so sending it only goes on.
    let page = first_factor(&mut browser, &second, "wang", crate::house::PASSWORD).await;
    assert_eq!((page.status, page.url.path()), (StatusCode::OK, "/second"));
}

#[tokio::test]
async fn a_tab_whose_code_comes_second_goes_on_with_the_session_of_the_first() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let mut codes = Vec::new();
    for path in ["/first", "/second"] {
        let asked = browser.navigate(Method::GET, &url(&format!("https://{SITES}{path}")), None).await;
        let handed = browser.navigate(Method::GET, &url(asked.header("location")), None).await;
        codes.push(url(handed.header("location")));
    }
    for (code, path) in codes.iter().zip(["/first", "/second"]) {
        let entered = browser.navigate(Method::GET, code, None).await;
        assert_eq!((entered.status, entered.header("location")), (StatusCode::SEE_OTHER, path));
    }
}

#[tokio::test]
async fn a_code_is_worthless_in_another_browser_twice_and_on_another_host() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let asked = browser.navigate(Method::GET, &url(&format!("https://{SITES}/")), None).await;
    let handed = browser.navigate(Method::GET, &url(asked.header("location")), None).await;
    let code = url(handed.header("location"));
    let mut victim = house.browser();
    assert_eq!(victim.navigate(Method::GET, &code, None).await.status, StatusCode::BAD_REQUEST);
    let elsewhere = url(&code.as_str().replace(SITES, LEDGER));
    browser.set_cookie(LEDGER, "__Host-yumen-nonce", &browser.cookie(SITES, "__Host-yumen-nonce").unwrap());
    assert_eq!(browser.navigate(Method::GET, &elsewhere, None).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_script_without_a_session_gets_401_and_json_never_a_redirect() {
    let house = House::refusing().await;
    let mut browser = house.browser();
    for fields in [
        &[("sec-fetch-mode", "cors"), ("accept", "text/html")][..],
        &[("accept", "application/json")][..],
        &[("sec-fetch-mode", "no-cors"), ("accept", "*/*")][..],
    ] {
        let reply = browser.send(Method::GET, &url(&format!("https://{SITES}/api")), fields, "").await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
        assert_eq!(error_of(&reply)["error"], "sign-in-needed");
        assert_eq!(error_of(&reply)["sign_in"], format!("https://{PORTAL}/sign-in"));
    }
}

#[tokio::test]
async fn without_a_rule_there_is_no_access_and_the_page_names_the_record() {
    let house = House::open().await;
    let mut browser = house.signed_in("wang", Role::Member).await;
    let page = browser.open(&format!("https://{LEDGER}/")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let reference = crate::forms::text_of(&page.text(), "reference").expect("a reference");
    assert_eq!(reference, page.reference());
    house
        .recorded(|record| match record {
            Record::Opened(opened) if opened.reference.as_str() == reference => Some(()),
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn rules_say_which_methods_and_paths() {
    let rule = "methods = [\"GET\"]\npaths = [\"/docs/**\"]";
    let open = House::open_with(Changes { rule, ..Changes::default() }).await;
    let allowed = open.signed_in("wang", Role::Member).await.open(&format!("https://{SITES}/docs/a")).await;
    assert_eq!(allowed.status, StatusCode::OK);
    let house = House::refusing_with(Changes { rule, ..Changes::default() }).await;
    let mut browser = house.at_the_app("wang").await;
    for (method, path) in [(Method::GET, "/other"), (Method::GET, "/docsx"), (Method::POST, "/docs/a"), (Method::DELETE, "/docs/a")] {
        let fields = [("origin", "https://sites.city.test"), ("accept", "application/json")];
        let reply = browser.send(method.clone(), &url(&format!("https://{SITES}{path}")), &fields, "").await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_that_servers_read_differently_is_refused() {
    let house = House::refusing().await;
    let browser = house.at_the_app("wang").await;
    for path in ["/a/../b", "/a%2fb", "/a%5cb", "/a%00", "//a", "/a;b", "/%2e%2e/a", "/a\\b", "/%252e%252e/a", "*"] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {SITES}\r\nCookie: {}\r\n\r\n", browser.cookie_field(SITES));
        let answer = crate::headers::raw(&browser, SITES, &head).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    let house = House::open().await;
    let browser = house.in_the_app("wang").await;
    let fine = format!("GET /a%20b HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\nCookie: {}\r\n\r\n", browser.cookie_field(SITES));
    assert!(crate::headers::raw(&browser, SITES, &fine).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn hosts_compare_without_case_dot_and_port_and_an_unknown_one_has_no_app() {
    let house = House::open().await;
    let browser = house.in_the_app("wang").await;
    let cookies = browser.cookie_field(SITES);
    for host in ["SITES.city.test", "sites.city.test.", "sites.city.test:443"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n");
        assert!(crate::headers::raw(&browser, SITES, &head).await.starts_with("HTTP/1.1 200"), "{host}");
    }
    let same = format!("GET https://{SITES}/ HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n");
    assert!(crate::headers::raw(&browser, SITES, &same).await.starts_with("HTTP/1.1 200"));

    let house = House::refusing().await;
    let browser = house.at_the_app("wang").await;
    let cookies = browser.cookie_field(SITES);
    for host in ["elsewhere.test", LEDGER, PORTAL] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n");
        assert!(crate::headers::raw(&browser, SITES, &head).await.starts_with("HTTP/1.1 421"), "{host}");
    }
    for fields in ["", "Host: sites.city.test\r\nHost: sites.city.test\r\n", "Host: a b\r\n", "Host:\r\n"] {
        let head = format!("GET / HTTP/1.1\r\n{fields}Cookie: {cookies}\r\nConnection: close\r\n\r\n");
        assert!(crate::headers::raw(&browser, SITES, &head).await.starts_with("HTTP/1.1 400"), "{fields:?}");
    }
    let absolute = format!("GET https://{LEDGER}/ HTTP/1.1\r\nHost: {SITES}\r\nConnection: close\r\nCookie: {cookies}\r\n\r\n");
    assert!(crate::headers::raw(&browser, SITES, &absolute).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn an_unsafe_request_that_another_site_made_is_refused() {
    let house = House::refusing().await;
    let mut browser = house.at_the_app("wang").await;
    let target = url(&format!("https://{SITES}/delete"));
    let own = format!("https://{SITES}");
    for fields in [
        vec![("origin", "https://evil.test")],
        vec![("origin", "null")],
        vec![("origin", "https://gate.city.test"), ("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
    ] {
        let reply = browser.send(Method::POST, &target, &fields, "x=1").await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{fields:?}");
    }
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let reply = browser.send(Method::POST, &target, &[("origin", &own), ("sec-fetch-site", "same-origin")], "x=1").await;
    assert_eq!(reply.status, StatusCode::OK);
}

#[tokio::test]
async fn more_requests_than_the_rate_are_refused_with_a_time_to_wait() {
    let changes = Changes { top: "[rates]\nper_person_per_second = 1\nburst = 5\n", ..Changes::default() };
    let house = House::open_with(changes).await;
    let mut browser = house.in_the_app("wang").await;
    let target = url(&format!("https://{SITES}/"));
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let reply = browser.send(Method::GET, &target, &[("accept", "application/json")], "").await;
        if reply.status == StatusCode::TOO_MANY_REQUESTS {
            assert!(reply.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        statuses.push(reply.status);
    }
    assert_eq!(statuses[0], StatusCode::OK);
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
}

#[tokio::test]
async fn an_access_has_an_opened_and_a_closed_record_with_one_reference() {
    let house = House::open().await;
    let mut browser = house.in_the_app("wang").await;
    let fields = [("origin", "https://sites.city.test")];
    let reply = browser.send(Method::POST, &url(&format!("https://{SITES}/upload?token=secret")), &fields, "12345").await;
    let reference = reply.reference().to_owned();
    let opened = house
        .recorded(|record| match record {
            Record::Opened(opened) if opened.reference.as_str() == reference => Some(opened.clone()),
            _ => None,
        })
        .await;
    let closed = house
        .recorded(|record| match record {
            Record::Closed(closed) if closed.reference.as_str() == reference => Some(closed.clone()),
            _ => None,
        })
        .await;
    let who = opened.who.clone().expect("who");
    assert_eq!((who.name.as_str(), who.unit.as_str(), who.role), ("wang", "信息中心", Role::Member));
    assert!(who.session.is_some() && who.factor.is_some());
    assert_eq!((opened.method.as_str(), opened.path.as_str(), opened.decision), ("POST", "/upload", Decision::Allowed));
    assert_eq!((opened.rule.as_str(), opened.tls.as_str()), ("members", "TLSv1.3"));
    assert_eq!(opened.app.unwrap().as_str(), "sites");
    assert_eq!((closed.status, closed.bytes_up), (200, 5));
    assert_eq!(closed.bytes_down, reply.body.len() as u64);
}

#[tokio::test]
#[should_panic(expected = "a back office was reached past a refusal")]
async fn a_request_that_goes_through_fails_a_test_of_refusals() {
    let house = House::refusing().await;
    let mut browser = house.at_the_app("wang").await;
    browser.send(Method::GET, &url(&format!("https://{SITES}/")), &[], "").await;
}
