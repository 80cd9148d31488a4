use super::*;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_request_and_its_answer_pass_with_path_and_query_and_are_on_record() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/%61dmin/?q=%2F..&x=1").await;
        let mut peer = office.accept().await;
        let head = peer.head().await;
        assert!(head.starts_with("GET /admin/?q=%2F..&x=1 HTTP/1.1\r\n"), "{head}");
        assert_eq!(field(&head, "x-forwarded-user"), Some("%E7%8E%8B%E4%B8%BD"));
        assert_eq!((field(&head, "content-length"), field(&head, "transfer-encoding")), (None, None));
        peer.say(OK).await;
        let (head, body) = client.answer().await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!((body.as_str(), field(&head, "via")), ("hi", Some("1.1 yumen")));
        assert_eq!(client.script().await.closing().await, (200, 0, 2, End::Complete));
    });
}

#[test]
fn an_unsafe_request_reaches_the_upstream_only_when_its_record_is_durable() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.peer.say(&format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
        let script = client.script().await;
        assert!(office.is_untouched().await);
        assert_eq!(client.peer.so_far().await, "", "no 100 before the record");
        script.settle(true);
        let mut peer = office.accept().await;
        assert_eq!(client.peer.head().await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.peer.say("body").await;
        let head = peer.head().await;
        assert_eq!((field(&head, "content-length"), field(&head, "expect")), (Some("4"), None));
        assert_eq!(peer.bytes(4).await, "body");
        peer.say(OK).await;
        assert_eq!(client.answer().await.1, "hi");
        assert_eq!(script.closing().await, (200, 4, 2, End::Complete));
    });
}

#[test]
fn without_a_record_an_unsafe_request_reaches_nobody() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.peer.say(&format!("DELETE /x HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let script = client.script().await;
        script.settle(false);
        assert_eq!(client.refusal().await, "no-record");
        assert!(office.is_untouched().await);
        assert_eq!(script.closing().await.3, End::Refused);
    });
}

#[test]
fn a_safe_request_goes_ahead_but_no_byte_of_its_answer_leaves_before_the_record() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say(OK).await;
        assert_eq!(client.peer.so_far().await, "");
        client.script().await.settle(true);
        assert_eq!(client.answer().await.1, "hi");

        client.get("/secret").await;
        peer.head().await;
        peer.say(OK).await;
        assert_eq!(client.peer.so_far().await, "");
        client.script().await.settle(false);
        assert_eq!(client.refusal().await, "no-record");
        assert_eq!(client.peer.so_far().await, "", "nothing of the answer leaks");
    });
}

#[test]
fn a_safe_request_with_a_body_waits_for_its_record_too() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office).by_hand();
        let mut client = gate.connect().await;
        client.peer.say(&format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")).await;
        let script = client.script().await;
        assert!(office.is_untouched().await);
        script.settle(true);
        let mut peer = office.accept().await;
        let head = peer.head().await;
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        assert_eq!(peer.until("0\r\n\r\n").await, "2\r\nhi\r\n0\r\n\r\n");
    });
}

#[test]
fn answers_without_a_body_pass_and_leave_the_connection_whole() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(&format!("HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        let mut peer = office.accept().await;
        for (answer, length) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n", Some("5000")),
            ("HTTP/1.1 204 No Content\r\n\r\n", None),
            ("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", None),
        ] {
            peer.head().await;
            peer.say(answer).await;
            let head = client.peer.head().await;
            assert!(head.starts_with(&answer[..12]), "{head}");
            assert_eq!(field(&head, "content-length"), length);
            assert_eq!(client.script().await.closing().await.3, End::Complete);
            client.get("/").await;
        }
        peer.head().await;
    });
}

#[test]
fn each_event_of_a_stream_goes_out_at_once() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/events").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        client.peer.head().await;
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            peer.say(&format!("{:x}\r\n{event}\r\n", event.len())).await;
            client.peer.until(event).await;
        }
        let script = client.script().await;
        client.desk.line.cut(End::Revoked);
        client.peer.rest().await;
        assert_eq!(script.closing().await, (200, 0, 18, End::Revoked));
        assert_eq!(peer.rest().await, "", "the upstream is let go");
    });
}

#[test]
fn a_client_that_leaves_is_on_record_and_its_upstream_connection_is_closed() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/slow").await;
        let mut peer = office.accept().await;
        peer.head().await;
        let script = client.script().await;
        drop(client);
        assert_eq!(peer.rest().await, "");
        assert_eq!(script.closing().await, (0, 0, 0, End::ClientLeft));
        assert_eq!(gate.pool.idle(), 0);
    });
}

#[test]
fn a_line_that_is_cut_before_the_answer_says_so_on_record() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/slow").await;
        let mut peer = office.accept().await;
        peer.head().await;
        let script = client.script().await;
        client.desk.line.cut(End::Expired);
        assert_eq!(peer.rest().await, "");
        assert!(matches!(script.closing().await.3, End::Expired | End::Refused));
    });
}

#[test]
fn an_answer_that_breaks_off_breaks_off_for_the_client_too() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").await;
        client.peer.until("hello").await;
        drop(peer);
        assert!(!client.peer.rest().await.contains("\r\n0\r\n"));
        assert_eq!(client.script().await.closing().await, (200, 0, 5, End::UpstreamFailed));
    });
}

#[test]
fn an_upstream_that_is_not_there_or_hangs_up_or_is_silent_is_told_apart() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::with(&office, |backend| backend.answer_timeout = Duration::from_millis(40));
        let mut client = gate.connect().await;
        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        assert_eq!(client.refusal().await, "upstream-timeout");
        assert_eq!(peer.rest().await, "");

        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.get("/").await;
        drop(office.accept().await);
        assert_eq!(client.refusal().await, "upstream-unreachable");

        client.get("/").await;
        let mut peer = office.accept().await;
        peer.head().await;
        peer.say("SSH-2.0-OpenSSH\r\n\r\n").await;
        assert_eq!(client.refusal().await, "upstream-unreachable");

        drop(office);
        client.get("/").await;
        let (head, _) = client.answer().await;
        assert_eq!(field(&head, "x-refusal"), Some("upstream-unreachable"));
        assert!(field(&head, "x-detail").unwrap().contains("no connection to http://127.0.0.1:"), "{head}");
    });
}

#[test]
fn connect_and_trace_go_nowhere() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let mut client = gate.connect().await;
        client.peer.say(&format!("TRACE / HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
        assert_eq!(client.refusal().await, "malformed");
        assert!(office.is_untouched().await);
    });
}

#[derive(Clone)]
struct Here;

impl<F: Future + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move { drop(task.await) });
    }
}

#[test]
fn a_client_of_http_2_is_served_by_an_upstream_of_http_1_and_cut_off_like_any_other() {
    run(async {
        let office = BackOffice::start().await;
        let gate = Gate::before(&office);
        let (stream, server) = socket_pair().await;
        let desk = gate.desk();
        let front = desk.clone();
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| front.clone().serve(request));
            hyper::server::conn::http2::Builder::new(Here).serve_connection(TokioIo::new(server), service).await
        });
        let (mut sender, connection) = hyper::client::conn::http2::handshake(Here, TokioIo::new(stream)).await.unwrap();
        tokio::task::spawn_local(connection);
        let request = Request::post(format!("https://{HOST}/x"))
            .header("cookie", "a=1")
            .header("cookie", "__Host-yumen=secret")
            .header("cookie", "b=2")
            .body(http_body_util::Full::new(Bytes::from_static(b"body")))
            .unwrap();
        let answer = sender.send_request(request);
        let upstream = async {
            let mut peer = office.accept().await;
            let head = peer.head().await;
            assert!(head.starts_with("POST /x HTTP/1.1\r\n"), "{head}");
            assert_eq!(field(&head, "cookie"), Some("a=1; b=2"));
            assert_eq!(field(&head, "via"), Some("2.0 yumen"));
            assert_eq!(field(&head, "content-length"), Some("4"));
            assert_eq!(peer.bytes(4).await, "body");
            peer.say("HTTP/1.1 201 Created\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi").await;
        };
        let (answer, ()) = tokio::join!(answer, upstream);
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 201);
        assert!(!answer.headers().contains_key("connection"));
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        assert_eq!(body, "hi");
        assert_eq!(desk.script().await.closing().await, (201, 4, 2, End::Complete));

        let request = Request::get(format!("https://{HOST}/stream")).body(http_body_util::Full::default()).unwrap();
        let answer = sender.send_request(request);
        let upstream = async {
            let mut peer = office.accept().await;
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
            peer
        };
        let (answer, mut peer) = tokio::join!(answer, upstream);
        desk.line.cut(End::Revoked);
        peer.say("2\r\nhi\r\n").await;
        assert!(http_body_util::BodyExt::collect(answer.unwrap().into_body()).await.is_err());
        assert_eq!(desk.script().await.closing().await, (200, 0, 0, End::Revoked));
    });
}
