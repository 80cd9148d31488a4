use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;

use super::*;

#[derive(Clone)]
struct Here;

impl<F: Future + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        spawn_local(async move { drop(task.await) });
    }
}

pub(super) async fn http2(house: &House) -> http2::SendRequest<Empty<Bytes>> {
    let stream = house.dial_with(house.client("h2"), GATE).await.unwrap();
    let (sender, connection) = http2::handshake(Here, TokioIo::new(stream)).await.unwrap();
    spawn_local(connection);
    sender
}

pub(super) fn h2_get(address: &str) -> ::http::request::Builder {
    ::http::Request::get(address)
}

async fn ask(sender: &mut http2::SendRequest<Empty<Bytes>>, request: ::http::request::Builder) -> (u16, String) {
    let response = sender.send_request(request.body(Empty::new()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[test]
fn http_1_requests_reach_the_service_one_after_another() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut stream = house.dial(GATE).await;
        for path in ["/one", "/two"] {
            stream.write_all(get(path).as_bytes()).await.unwrap();
            let answer = read_some(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains(&format!("{GATE} {path} HTTP/1.1 TLSv1.3 X25519 none from 127.0.0.1")), "{answer}");
            assert!(!answer.to_lowercase().contains("server:") && answer.to_lowercase().contains("date:"), "{answer}");
        }
    });
}

#[test]
fn http_2_requests_reach_the_service_with_their_cookies_joined() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut sender = http2(&house).await;
        let (status, text) =
            ask(&mut sender, h2_get("https://GATE.localhost:8443/x").header("cookie", "a=1").header("cookie", "b=2")).await;
        assert_eq!(status, 200);
        assert!(text.starts_with(&format!("{GATE} /x HTTP/2.0 TLSv1.3 X25519 a=1; b=2 from")), "{text}");
    });
}

#[test]
fn a_host_unlike_the_one_of_the_handshake_is_misdirected() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let answer = house.exchange(&format!("GET / HTTP/1.1\r\nHost: {SITES}\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
        let mut sender = http2(&house).await;
        assert_eq!(ask(&mut sender, h2_get("https://sites.localhost/")).await.0, 421);
        assert_eq!(ask(&mut sender, h2_get("https://gate.localhost/")).await.0, 200, "the connection is still good");
        assert_eq!(house.seen.malformed.borrow().iter().map(|(status, _)| *status).collect::<Vec<_>>(), [421, 421]);
    });
}

#[test]
fn a_request_without_exactly_one_host_is_answered_by_the_edge_and_reported() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
            (format!("GET / HTTP/1.1\r\nHost: {GATE}\r\nHost: {GATE}\r\n\r\n"), 400),
            (format!("GET / HTTP/1.1\r\nHost: {GATE}\r\nHost: other\r\n\r\n"), 400),
            (format!("GET https://{SITES}/ HTTP/1.1\r\nHost: {GATE}\r\n\r\n"), 400),
            (format!("GET http://{GATE}/ HTTP/1.1\r\nHost: {GATE}\r\n\r\n"), 400),
            ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400),
            (format!("GET / HTTP/1.0\r\nHost: {GATE}\r\n\r\n"), 505),
            (format!("TRACE / HTTP/1.1\r\nHost: {GATE}\r\n\r\n"), 405),
            (format!("CONNECT {GATE}:443 HTTP/1.1\r\nHost: {GATE}\r\n\r\n"), 405),
        ] {
            let answer = house.exchange(&head).await.to_lowercase();
            assert!(
                answer.starts_with(&format!("http/1.1 {status} ")) || answer.starts_with(&format!("http/1.0 {status} ")),
                "{head}: {answer}"
            );
            assert!(answer.contains("connection: close") || answer.starts_with("http/1.0"), "{head}: {answer}");
            assert_eq!(house.seen.malformed.borrow_mut().pop().map(|(status, _)| status), Some(status), "{head}");
        }
        let mut sender = http2(&house).await;
        assert_eq!(ask(&mut sender, h2_get("https://gate.localhost/").header("host", "sites.localhost")).await.0, 400);
        assert!(house.seen.line.borrow().is_none(), "none of these reached the service");
    });
}

#[test]
fn an_answer_of_the_edge_itself_names_its_record_if_there_is_one() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let head = format!("GET / HTTP/1.1\r\nHost: {SITES}\r\n\r\n");
        let answer = house.exchange(&head).await;
        assert!(!answer.contains("Reference") && !answer.contains("x-request-id"), "{answer}");
        house.seen.gives_references.set(true);
        let answer = house.exchange(&head).await;
        let reference = Reference::new([7; 10]);
        assert!(answer.ends_with(&format!("Reference: {reference}\n")), "{answer}");
        assert!(answer.contains(&format!("x-request-id: {reference}\r\n")), "{answer}");
    });
}

#[test]
fn an_address_in_absolute_form_that_equals_the_host_is_taken() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let answer = house.exchange(&format!("GET https://{GATE}/y HTTP/1.1\r\nHost: {GATE}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.contains(&format!("{GATE} /y ")), "{answer}");
    });
}

#[test]
fn what_is_not_http_is_answered_and_reported() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        for head in ["\u{1}\u{2}\u{3}\r\n\r\n".to_owned(), format!("GET / HTTP/1.1\r\nHost : {GATE}\r\n\r\n")] {
            let answer = house.exchange(&head).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            assert_eq!(house.seen.malformed.borrow_mut().pop().map(|(status, _)| status), Some(400));
        }
        let long = format!("GET / HTTP/1.1\r\nHost: {GATE}\r\nX: {}\r\n\r\n", "x".repeat(300_000));
        let mut stream = house.dial(GATE).await;
        let _ = stream.write_all(long.as_bytes()).await;
        read_to_end(&mut stream).await;
        assert_eq!(house.seen.malformed.borrow_mut().pop().map(|(status, _)| status), Some(431));
    });
}
