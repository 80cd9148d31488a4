//! A gateway behind a proxy that passes TLS on and says whose connection it is.

use http::{Method, StatusCode};
use url::Url;
use yumen::model::{Record, Role};

use crate::browser::Browser;
use crate::house::{Changes, House, PORTAL, SITES, enrol, sign_in};

const INSIDE: &str = "PROXY TCP4 203.0.113.7 192.0.2.1 56789 443\r\n";
const OUTSIDE: &str = "PROXY TCP4 198.51.100.7 192.0.2.1 56789 443\r\n";

async fn house() -> House {
    let (top, rule) = ("proxy_protocol_from = [\"127.0.0.1\"]", "from = [\"203.0.113.0/24\"]");
    House::open_with(Changes { top, rule, ..Changes::default() }).await
}

async fn in_the_app(house: &House) -> Browser {
    let link = house.invite("wang", Role::Member).await;
    let mut browser = house.browser();
    browser.announced = INSIDE;
    enrol(&mut browser, &link).await;
    let page = sign_in(&mut browser, &format!("https://{SITES}/"), "wang").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    browser
}

#[tokio::test]
async fn rules_the_log_and_the_back_office_see_the_client_whom_a_listed_proxy_names() {
    let house = house().await;
    let mut browser = in_the_app(&house).await;
    let seen = house.upstream.seen().to_ascii_lowercase();
    assert!(seen.contains("x-forwarded-for: 203.0.113.7\r\n") && !seen.contains("127.0.0.1\r\nx-forwarded"), "{seen}");

    browser.announced = OUTSIDE;
    let before = house.upstream.requests().len();
    let target = Url::parse(&format!("https://{SITES}/")).unwrap();
    let reply = browser.send(Method::GET, &target, &[], "").await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN, "the rule lets in only whoever comes from inside");
    assert_eq!(house.upstream.requests().len(), before);

    let addresses: Vec<_> = (house.close().await.into_iter())
        .filter_map(|entry| if let Record::Opened(opened) = entry.record { Some((opened.address.to_string(), opened.port)) } else { None })
        .collect();
    assert!(addresses.contains(&("203.0.113.7".to_owned(), 56789)) && addresses.contains(&("198.51.100.7".to_owned(), 56789)));
    assert!(!addresses.iter().any(|(address, _)| address == "127.0.0.1"), "{addresses:?}");
}

#[tokio::test]
async fn nobody_can_say_that_he_is_somebody_else_where_no_proxy_is_listed() {
    let house = House::open().await;
    let connector = tokio_rustls::TlsConnector::from(house.tls.clone());
    let name = || rustls::pki_types::ServerName::try_from(PORTAL).unwrap();
    let connect = || tokio::net::TcpStream::connect(house.address);
    let mut tcp = connect().await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut tcp, INSIDE.as_bytes()).await.unwrap();
    connector.connect(name(), tcp).await.expect_err("a header is a broken handshake");
    connector.connect(name(), connect().await.unwrap()).await.unwrap();
}
