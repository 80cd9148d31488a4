use super::http::{h2_get, http2};
use super::*;
use crate::model::End;

const UPGRADE: &str = "GET /upgrade HTTP/1.1\r\nHost: gate.localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";

async fn closed(house: &House) {
    while house.front.counts().open > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn cutting_the_line_ends_a_client_that_stalls() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut stream = house.dial(GATE).await;
        stream.write_all(get("/endless").as_bytes()).await.unwrap();
        house.seen.reached.notified().await;
        house.seen.line.borrow().as_ref().unwrap().cut(End::Revoked);
        house.seen.body_dropped.notified().await;
        closed(&house).await;
        read_to_end(&mut stream).await;
    });
}

#[test]
fn cutting_the_line_ends_an_http_2_connection_with_all_on_it() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut sender = http2(&house).await;
        let endless = sender.send_request(h2_get("https://gate.localhost/endless").body(Default::default()).unwrap()).await.unwrap();
        let waiting = sender.send_request(h2_get("https://gate.localhost/never").body(Default::default()).unwrap());
        let waiting = spawn_local(waiting);
        house.seen.reached.notified().await;
        house.seen.line.borrow().as_ref().unwrap().cut(End::Revoked);
        assert!(waiting.await.unwrap().is_err());
        house.seen.body_dropped.notified().await;
        closed(&house).await;
        drop(endless);
    });
}

#[test]
fn cutting_the_line_ends_a_tunnel_that_nobody_reads() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut stream = house.dial(GATE).await;
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 101 "));
        house.seen.tunnelled.notified().await;
        assert_eq!(house.front.counts().open, 1);
        house.seen.line.borrow().as_ref().unwrap().cut(End::Revoked);
        assert_eq!(read_to_end(&mut stream).await, "");
        closed(&house).await;
    });
}

#[test]
fn a_tunnel_counts_as_a_connection_until_it_is_dropped() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut stream = house.dial(GATE).await;
        stream.write_all(UPGRADE.as_bytes()).await.unwrap();
        house.seen.tunnelled.notified().await;
        house.seen.tunnel.borrow_mut().take();
        closed(&house).await;
        assert!(read_some(&mut stream).await.starts_with("HTTP/1.1 101 "));
    });
}

#[test]
fn a_client_that_is_still_sending_sees_the_answer() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let (mut reader, mut writer) = tokio::io::split(house.dial(GATE).await);
        let sent = spawn_local(async move {
            let head = format!("POST / HTTP/1.1\r\nHost: {GATE}\r\nContent-Length: 8000000\r\n\r\n");
            writer.write_all(head.as_bytes()).await?;
            writer.write_all(&vec![0; 8_000_000]).await
        });
        sent.await.unwrap().expect("the gateway reads on");
        let answer = read_to_end(&mut reader).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    });
}

#[test]
fn draining_lets_requests_end_and_takes_no_new_ones() {
    alone(async {
        let house = House::open(patient(), Caps::default());
        let mut idle = house.dial(GATE).await;
        idle.write_all(get("/").as_bytes()).await.unwrap();
        read_some(&mut idle).await;
        house.seen.reached.notified().await;
        let mut stream = house.dial(GATE).await;
        stream.write_all(get("/wait").as_bytes()).await.unwrap();
        house.seen.reached.notified().await;
        let mut sender = http2(&house).await;
        let response = sender.send_request(h2_get("https://gate.localhost/wait").body(Default::default()).unwrap());
        let response = spawn_local(response);
        house.seen.reached.notified().await;

        house.stop.send(true).unwrap();
        assert_eq!(read_to_end(&mut idle).await, "");
        while TcpStream::connect(house.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(!house.worker.is_finished());
        house.seen.release.notify_waiters();
        let answer = read_to_end(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.to_lowercase().contains("connection: close"), "{answer}");
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
        house.worker.await.unwrap().unwrap();
        assert!(sender.is_closed());
    });
}

#[test]
fn what_does_not_end_by_itself_is_cut_when_the_drain_is_over() {
    alone(async {
        let house = House::draining(patient(), Caps::default(), SOON);
        let mut tunnel = house.dial(GATE).await;
        tunnel.write_all(UPGRADE.as_bytes()).await.unwrap();
        house.seen.tunnelled.notified().await;
        let mut stalled = house.dial(GATE).await;
        stalled.write_all(get("/endless").as_bytes()).await.unwrap();
        let mut silent = TcpStream::connect(house.address).await.unwrap();
        house.seen.reached.notified().await;
        while house.front.counts().accepted < 3 {
            tokio::task::yield_now().await;
        }
        house.stop.send(true).unwrap();
        house.worker.await.unwrap().unwrap();
        house.seen.body_dropped.notified().await;
        assert_eq!(house.seen.line.borrow().as_ref().unwrap().why_cut(), Some(End::Shutdown));
        assert_eq!(house.front.counts().open, 0);
        assert_eq!(read_to_end(&mut silent).await, "");
        read_to_end(&mut tunnel).await;
    });
}
