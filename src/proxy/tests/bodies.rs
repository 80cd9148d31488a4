use std::cell::Cell;

use super::super::outgoing::TOLD_BYTES;
use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 1024;
const TOTAL: usize = CHUNK * CHUNKS;
/// What the kernel's buffers of four sockets and the proxy's own may hold between them.
const IN_FLIGHT: usize = TOTAL / 2;

/// Writes as fast as it is read, and counts.
fn pour(mut sink: TcpStream) -> (Rc<Cell<usize>>, tokio::task::JoinHandle<TcpStream>) {
    let poured = Rc::new(Cell::new(0));
    let count = poured.clone();
    let task = tokio::task::spawn_local(async move {
        let chunk = vec![b'x'; CHUNK];
        for _ in 0..CHUNKS {
            sink.write_all(&chunk).await.unwrap();
            count.set(count.get() + CHUNK);
        }
        sink
    });
    (poured, task)
}

async fn until_still(count: &Cell<usize>) -> usize {
    loop {
        let before = count.get();
        settle().await;
        if count.get() == before {
            return before;
        }
    }
}

#[test]
fn a_client_that_reads_slowly_stops_the_upstream_from_sending() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/big").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {TOTAL}\r\n\r\n")).await;
        let (poured, task) = pour(peer.stream);
        let stalled = until_still(&poured).await;
        assert!(stalled < IN_FLIGHT, "{stalled} of {TOTAL} bytes were taken for nobody");
        client.peer.head().await;
        assert_eq!(client.peer.bytes(TOTAL).await.len(), TOTAL);
        let (sent, closing) = client.script().await.told().await;
        assert_eq!(closing, (200, 0, TOTAL as u64, End::Complete));
        let marks: Vec<u64> = [&[0], &sent[..], &[TOTAL as u64]].concat();
        let steps: Vec<u64> = marks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (rest, told) = steps.split_last().unwrap();
        assert!(told.len() >= 3 && told.iter().all(|step| (TOLD_BYTES..2 * TOLD_BYTES).contains(step)) && *rest < TOLD_BYTES, "{sent:?}");
        task.await.unwrap();
    });
}

#[test]
fn an_upstream_that_reads_slowly_stops_the_client_from_sending() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(&format!("PUT /big HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {TOTAL}\r\n\r\n")).await;
        let mut peer = office.accept().await;
        let (poured, task) = pour(client.peer.stream);
        let stalled = until_still(&poured).await;
        assert!(stalled < IN_FLIGHT, "{stalled} of {TOTAL} bytes were taken for nobody");
        peer.head().await;
        assert_eq!(peer.bytes(TOTAL).await.len(), TOTAL);
        peer.say(OK).await;
        let mut back = Peer::new(task.await.unwrap());
        assert!(back.until("hi").await.starts_with("HTTP/1.1 200"));
        assert_eq!(client.desk.script().await.closing().await, (200, TOTAL as u64, 2, End::Complete));
    });
}

#[test]
fn a_body_that_says_it_is_too_large_reaches_nobody_and_one_at_the_cap_passes() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.max_body = 4);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\n\r\n1234")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        assert_eq!(peer.bytes(4).await, "1234");
        peer.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n")).await;
        assert_eq!(client.refusal().await, "body-too-large");
        assert_eq!(peer.so_far().await, "");
    });
}

#[test]
fn a_body_that_grows_too_large_is_cut_off_with_its_upstream_connection() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.max_body = 4);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.until("123\r\n").await;
        client.peer.say("2\r\n45\r\n0\r\n\r\n").await;
        assert_eq!(client.refusal().await, "body-too-large");
        assert_eq!(peer.rest().await, "", "no end of the body is made up");
        assert_eq!(gate.pool.idle(), 0);
    });
}

#[test]
fn a_body_that_grows_too_large_after_the_answer_began_ends_the_answer() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.max_body = 4);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n123\r\n")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n").await;
        client.peer.until("hi").await;
        client.peer.say("2\r\n45\r\n").await;
        client.peer.rest().await;
        assert_eq!(client.script().await.closing().await.3, End::TooLarge);
    });
}

#[test]
fn a_body_that_comes_too_slowly_is_refused_and_its_upstream_connection_closed() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.least_body_rate = 1_000);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nstart")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.bytes(5).await;
        tokio::time::pause();
        assert_eq!(client.refusal().await, "body-too-slow");
        assert_eq!(peer.rest().await, "");
        assert_eq!(client.script().await.closing().await, (500, 5, 0, End::Refused));
    });
}

#[test]
fn a_slow_upload_is_no_fault_of_the_upstream() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.answer_timeout = Duration::from_secs(2));
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 9\r\n\r\nstart")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.bytes(5).await;
        tokio::time::pause();
        for _ in 0..100 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        tokio::time::resume();
        client.peer.say(" end").await;
        assert_eq!(peer.bytes(4).await, " end");
        peer.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");
    });
}

#[test]
fn an_upload_that_breaks_off_never_leaves_a_connection_to_be_used_again() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        for framing in ["Content-Length: 50\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"] {
            let mut client = gate.connect().await;
            client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\n{framing}")).await;
            let mut peer = office.accept().await;
            peer.head().await;
            peer.until("half").await;
            let script = client.script().await;
            drop(client);
            assert_ne!(peer.rest().await, "0\r\n\r\n", "no end of the body is made up");
            assert!(matches!(script.closing().await.3, End::ClientLeft | End::Refused));
            assert_eq!(gate.pool.idle(), 0);
        }
    });
}

#[test]
fn an_answer_before_the_whole_request_was_read_ends_that_connection() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 50\r\n\r\nhalf")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await;
        assert_eq!(client.answer().await.1, "no");
        peer.until("half").await;
        assert_eq!(peer.rest().await, "");
        assert_eq!(gate.pool.idle(), 0);
    });
}

#[test]
fn what_stands_behind_a_request_body_does_not_pass() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        let head = format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTrailer: X-Forwarded-User\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.peer.say(&format!("{head}2\r\nhi\r\n0\r\nX-Forwarded-User: evil\r\n\r\n")).await;
        let mut peer = office.accept().await;
        peer.head().await;
        assert_eq!(peer.until("\r\n0\r\n\r\n").await, "2\r\nhi\r\n0\r\n\r\n");
        peer.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");
    });
}

#[test]
fn an_empty_body_keeps_its_length_of_nought() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n")).await;
        let head = office.accept().await.head().await;
        assert_eq!((field(&head, "content-length"), field(&head, "transfer-encoding")), (Some("0"), None));
    });
}
