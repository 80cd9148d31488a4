//! Whether anything of a request may have left.

use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn nothing_has_left_before_there_is_a_connection_and_from_then_on_something_may_have() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).pooling(PoolSettings { connections: 1, ..PoolSettings::default() });
        let mut first = gate.connect().await;
        first.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        assert!(first.desk.departure.has_begun());
        let mut second = gate.connect().await;
        second.get("/").await;
        settle().await;
        assert!(!second.desk.departure.has_begun(), "it waits for a connection");
        peer.say(OK).await;
        first.answer().await;
        peer.head().await;
        assert!(second.desk.departure.has_begun());
    });
}

#[test]
fn what_a_dead_connection_gave_back_has_not_left() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        client.script().await.settle(true);
        client.answer().await;
        settle().await;
        assert!(client.desk.departure.has_begun());

        drop(office);
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\nbody")).await;
        client.script().await.settle(true);
        gate.pool.break_idle();
        assert_eq!(client.refusal().await, "upstream-unreachable");
        assert!(!client.desk.departure.has_begun());
        assert_eq!(peer.rest().await, "", "the dead connection saw nothing of it");
    });
}
