use super::super::outgoing::TOLD_BYTES;
use super::*;

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: sites.example.cn\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

fn gate(office: &BackOffice) -> Gate {
    Gate::with(office, |backend| backend.websocket = true)
}

async fn open(office: &BackOffice, gate: &Gate) -> (Client, Peer) {
    let mut client = gate.connect().await;
    client.peer.say(ASK).await;
    let mut peer = office.accept().await;
    let head = peer.head().await;
    assert_eq!(field(&head, "connection"), Some("upgrade"));
    assert_eq!(field(&head, "upgrade"), Some("websocket"));
    assert_eq!(field(&head, "sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    peer.say(&format!("{SWITCH}early")).await;
    let head = client.peer.head().await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert_eq!(field(&head, "upgrade"), Some("websocket"));
    assert_eq!(field(&head, "sec-websocket-accept"), Some("x"));
    assert_eq!(client.peer.bytes(5).await, "early");
    (client, peer)
}

#[test]
fn after_101_bytes_pass_both_ways_until_both_sides_have_ended() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let (mut client, mut peer) = open(&office, &gate).await;
        client.peer.say("question").await;
        assert_eq!(peer.bytes(8).await, "question");
        peer.say("answer").await;
        assert_eq!(client.peer.bytes(6).await, "answer");
        client.peer.stream.shutdown().await.unwrap();
        assert_eq!(peer.rest().await, "");
        peer.say("last words").await;
        drop(peer);
        assert_eq!(client.peer.rest().await, "last words");
        assert_eq!(client.script().await.closing().await, (101, 8, 21, End::Complete));
        assert_eq!(gate.pool.idle(), 0);
    });
}

#[test]
fn how_much_a_tunnel_has_brought_is_on_record_before_its_end() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let (mut client, mut peer) = open(&office, &gate).await;
        let much = vec![b'x'; 3 * TOLD_BYTES as usize];
        let poured = async {
            peer.stream.write_all(&much).await.unwrap();
            peer.stream.flush().await.unwrap();
        };
        let ((), taken) = tokio::join!(poured, client.peer.bytes(much.len()));
        assert_eq!(taken.len(), much.len());
        client.desk.line.cut(End::Revoked);
        let (sent, closing) = client.script().await.told().await;
        assert_eq!(closing, (101, 0, much.len() as u64 + 5, End::Revoked));
        assert!(sent.len() >= 2 && sent[0] >= TOLD_BYTES && sent[1] - sent[0] >= TOLD_BYTES, "{sent:?}");
    });
}

#[test]
fn a_tunnel_ends_when_its_line_is_cut() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let (mut client, mut peer) = open(&office, &gate).await;
        client.desk.line.cut(End::Revoked);
        assert_eq!(peer.rest().await, "");
        assert_eq!(client.peer.rest().await, "");
        assert_eq!(client.script().await.closing().await, (101, 0, 5, End::Revoked));
    });
}

#[test]
fn who_says_the_last_byte_and_stays_is_not_waited_for_without_end() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let (mut client, mut peer) = open(&office, &gate).await;
        peer.stream.shutdown().await.unwrap();
        assert_eq!(client.peer.rest().await, "");
        tokio::time::pause();
        assert_eq!(client.script().await.closing().await.3, End::Complete);
    });
}

#[test]
fn a_tunnel_opens_only_when_its_record_is_durable() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office).by_hand();
        let mut client = gate.connect().await;
        client.peer.say(ASK).await;
        let script = client.script().await;
        assert!(office.is_untouched().await);
        script.settle(true);
        office.accept().await.head().await;
    });
}

#[test]
fn a_tunnel_takes_no_place_from_ordinary_requests() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office).pooling(PoolSettings { connections: 1, ..PoolSettings::default() });
        let (_client, _peer) = open(&office, &gate).await;
        let mut other = gate.connect().await;
        other.get("/").await;
        office.accept().await.head().await;
    });
}

#[test]
fn an_upstream_that_refuses_the_upgrade_answers_as_ever() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let mut client = gate.connect().await;
        client.peer.say(ASK).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
        let (head, body) = client.answer().await;
        assert!(head.starts_with("HTTP/1.1 403 ") && body == "no");
        assert_eq!(client.script().await.closing().await, (403, 0, 2, End::Complete));
    });
}

#[test]
fn an_app_without_websockets_never_sees_one_asked_for() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(ASK).await;
        assert_eq!(client.refusal().await, "upgrade-not-allowed");
        assert!(office.is_untouched().await);
        let mut client = Gate::with(&office, |backend| backend.websocket = true).connect().await;
        client.peer.say(&ASK.replacen("GET", "POST", 1)).await;
        assert_eq!(client.refusal().await, "upgrade-not-allowed");
        assert!(office.is_untouched().await);
    });
}

#[test]
fn an_upgrade_to_anything_else_is_ignored() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let mut client = gate.connect().await;
        client.peer.say(&ASK.replace("websocket", "h2c")).await;
        let head = office.accept().await.head().await;
        assert_eq!((field(&head, "upgrade"), field(&head, "connection")), (None, None));
    });
}

#[test]
fn a_101_that_nobody_asked_for_is_no_answer() {
    run(async {
        let office = BackOffice::start().await;
        let gate = gate(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(SWITCH).await;
        assert_eq!(client.refusal().await, "upstream-unreachable");
        assert_eq!(peer.rest().await, "");
        client.peer.say(ASK).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(&SWITCH.replace("websocket", "h2c")).await;
        assert_eq!(client.refusal().await, "upstream-unreachable");
        assert_eq!(peer.rest().await, "");
    });
}
