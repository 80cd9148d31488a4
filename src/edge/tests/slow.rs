use super::http::{h2_get, http2};
use super::*;

#[test]
fn a_client_that_never_shakes_hands_is_cut() {
    alone(async {
        let house = House::open(Timers { handshake: SOON, ..patient() }, Caps::default());
        let mut tcp = TcpStream::connect(house.address).await.unwrap();
        assert_eq!(read_to_end(&mut tcp).await, "");
        assert_eq!(house.front.counts().handshakes_failed, 1);
        house.dial(GATE).await;
    });
}

#[test]
fn a_client_that_never_asks_is_cut() {
    alone(async {
        let house = House::open(Timers { first_byte: SOON, ..patient() }, Caps::default());
        let mut stream = house.dial(GATE).await;
        assert_eq!(read_to_end(&mut stream).await, "");
        assert_eq!(house.front.counts().too_slow, 1);
    });
}

#[test]
fn a_client_that_never_ends_its_head_is_cut() {
    alone(async {
        let house = House::open(Timers { head: SOON, ..patient() }, Caps::default());
        assert_eq!(house.exchange("GET / HTTP/1.1\r\nHost: gate").await, "");
        assert_eq!(house.front.counts().too_slow, 1);
    });
}

#[test]
fn a_connection_that_nobody_uses_is_closed() {
    alone(async {
        let house = House::open(Timers { idle: SOON, ..patient() }, Caps::default());
        let answer = house.exchange(&get("/")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        let mut sender = http2(&house).await;
        sender.ready().await.unwrap();
        while !sender.is_closed() {
            tokio::task::yield_now().await;
        }
        assert_eq!(house.front.counts().too_slow, 0, "idleness is nobody's fault");
    });
}

#[test]
fn a_request_under_way_is_not_idle() {
    alone(async {
        let house = House::open(Timers { idle: SOON, head: SOON, first_byte: SOON, ..patient() }, Caps::default());
        let mut stream = house.dial(GATE).await;
        stream.write_all(get("/wait").as_bytes()).await.unwrap();
        house.seen.reached.notified().await;
        let mut sender = http2(&house).await;
        let response =
            spawn_local(async move { sender.send_request(h2_get("https://gate.localhost/wait").body(Default::default()).unwrap()).await });
        house.seen.reached.notified().await;
        // Each of these connections is cut only after the limit that the others would have met.
        for _ in 0..3 {
            read_to_end(&mut house.dial(GATE).await).await;
        }
        house.seen.release.notify_waiters();
        assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    });
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    alone(async {
        let house = House::open(Timers { write_stall: SOON, ..patient() }, Caps::default());
        let mut stream = house.dial(GATE).await;
        stream.write_all(get("/endless").as_bytes()).await.unwrap();
        house.seen.body_dropped.notified().await;
        assert_eq!(house.seen.line.borrow().as_ref().unwrap().why_cut(), Some(crate::model::End::TooSlow));
    });
}

/// A frame of HTTP/2 by hand (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const HEADERS: u8 = 1;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
/// SETTINGS_INITIAL_WINDOW_SIZE = 0.
const CLOSED_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

/// `GET https://gate.localhost/x` in HPACK: indexed fields, and literals without indexing (RFC 7541, section 6).
fn fields(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    for (name, value) in [(1, GATE), (4, path)] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// Speaks frames to the house with all windows closed, and asks for `paths`.
async fn with_closed_windows(house: &House, paths: &[&str]) -> TlsStream<TcpStream> {
    let mut stream = house.dial_with(house.client("h2"), GATE).await.unwrap();
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &CLOSED_WINDOW));
    sent.extend(frame(SETTINGS, 1, 0, &[]));
    for (stream, path) in (1..).step_by(2).zip(paths) {
        sent.extend(frame(HEADERS, WHOLE, stream, &fields(path)));
    }
    stream.write_all(&sent).await.unwrap();
    stream
}

#[test]
fn a_client_that_keeps_its_http_2_windows_closed_is_cut() {
    alone(async {
        // Answers of one piece, and one without end; each alone would keep the connection.
        for paths in [&["/one", "/two"][..], &["/endless"]] {
            let house = House::open(Timers { write_stall: SOON, ..patient() }, Caps::default());
            let mut stream = with_closed_windows(&house, paths).await;
            let answers = read_to_end(&mut stream).await;
            assert!(!answers.contains("HTTP/2.0"), "no body fits through: {answers}");
            assert_eq!(house.seen.line.borrow().as_ref().unwrap().why_cut(), Some(crate::model::End::TooSlow));
            assert_eq!(house.front.counts().too_slow, 1);
        }
    });
}

#[test]
fn a_client_that_opens_its_http_2_windows_gets_its_answers() {
    alone(async {
        let house = House::open(Timers { write_stall: SOON, ..patient() }, Caps::default());
        let mut stream = with_closed_windows(&house, &["/one", "/two"]).await;
        house.seen.reached.notified().await;
        for number in [1, 3] {
            stream.write_all(&frame(WINDOW_UPDATE, 0, number, &[0, 0, 16, 0])).await.unwrap();
        }
        let mut answers = String::new();
        while !answers.contains("/one HTTP/2.0") || !answers.contains("/two HTTP/2.0") {
            let more = read_some(&mut stream).await;
            assert!(!more.is_empty(), "cut after {answers}");
            answers.push_str(&more);
        }
    });
}

#[test]
fn a_client_that_waits_for_a_quiet_service_over_http_2_is_not_late() {
    alone(async {
        let house = House::open(Timers { write_stall: SOON, first_byte: SOON, ..patient() }, Caps::default());
        let mut sender = http2(&house).await;
        let quiet = sender.send_request(h2_get("https://gate.localhost/quiet").body(Default::default()).unwrap()).await.unwrap();
        // Each of these connections is cut only after the limit that the first would have met.
        for _ in 0..4 {
            read_to_end(&mut house.dial(GATE).await).await;
        }
        assert!(!sender.is_closed());
        assert_eq!(house.front.counts().too_slow, 4);
        drop(quiet);
    });
}

#[test]
fn one_address_cannot_have_more_than_its_share_of_connections() {
    alone(async {
        let house = House::open(patient(), Caps { per_address: 1, ..Caps::default() });
        let mut first = house.dial(GATE).await;
        let mut second = TcpStream::connect(house.address).await.unwrap();
        assert_eq!(read_to_end(&mut second).await, "");
        assert_eq!(house.front.counts().over_cap, 1);

        first.write_all(format!("GET / HTTP/1.1\r\nHost: {GATE}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        read_to_end(&mut first).await;
        while house.front.counts().open > 0 {
            tokio::task::yield_now().await;
        }
        house.dial(GATE).await;
    });
}
