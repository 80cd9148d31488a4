use super::http::{h2_get, http2};
use super::*;

/// In which a handshake is done, however slow the machine is.
const SOON: Duration = Duration::from_secs(1);

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
