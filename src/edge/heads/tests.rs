use super::*;

fn judged(text: &str) -> Result<(), &'static str> {
    let whole = Heads::default().judge(text.as_bytes());
    let mut heads = Heads::default();
    let by_byte = text.bytes().enumerate().try_for_each(|(at, byte)| heads.judge(&[byte]).map_err(|flaw| Flaw { at, ..flaw }));
    assert_eq!(whole, by_byte, "cut into bytes: {text:?}");
    whole.map_err(|flaw| flaw.what)
}

fn fields(fields: &str) -> Result<(), &'static str> {
    judged(&format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

#[test]
fn requests_one_after_another_are_followed_through_their_bodies() {
    let requests = [
        "GET /x HTTP/1.1\r\nHost: a\r\nCookie: \u{1F511}=1\r\nX:\t y\t\r\n\r\n",
        "\r\nPOST / HTTP/1.1\r\nCONTENT-length:  5 \r\n\r\n\0\r\n\n\0",
        "POST / HTTP/1.1\r\nTransfer-encoding: Chunked\r\n\r\n3\r\n\0\n\0\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding-Of-Something: x\r\nContent-Lengths: y\r\n\r\n",
    ];
    let mut heads = Heads::default();
    for request in requests {
        assert_eq!(judged(request), Ok(()));
        heads.judge(request.as_bytes()).unwrap();
        assert_eq!(heads.awaits(), Awaited::Request, "{request:?}");
    }
    assert_eq!(heads.judge(b"GET / HTTP/1.1\nHost: a\r\n\r\n").unwrap_err().at, 14, "and the next head is judged again");
}

#[test]
fn one_empty_line_may_come_before_a_request_and_no_second() {
    assert_eq!(judged("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), Ok(()));
    assert!(judged("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").is_err());
    // As a head, it would be one without a request line.
    assert!(judged("\r\n\r\n\r\n").is_err());
}

#[test]
fn after_an_upgrade_was_asked_for_anything_may_come() {
    assert_eq!(fields("Connection: upgrade\r\nUpgrade: websocket\r\n\r\n\0\n"), Ok(()));
    assert!(fields("Upgrade: websocket\r\nContent-Length: 1\r\n").is_err());
    assert!(fields("Upgrade: websocket\r\nTransfer-Encoding: chunked\r\n").is_err());
}

#[test]
fn lengths_that_could_be_read_in_two_ways_are_refused() {
    for bad in ["", " ", "+1", "-1", "0x1", "1,1", "1, 1", "1 1", "1;", "\u{661}", "99999999999999999999"] {
        assert!(fields(&format!("Content-Length: {bad}\r\n")).is_err(), "{bad:?}");
    }
    assert!(fields("Content-Length: 1\r\nContent-Length: 1\r\n").is_err());
    assert!(fields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n").is_err());
    assert!(fields("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n").is_err());
}

#[test]
fn encodings_but_a_single_chunked_are_refused() {
    for bad in
        ["", "gzip", "chunked, chunked", "gzip, chunked", "chunke", "chunkedd", "\"chunked\"", "chunked;q=1", "x chunked", "identity"]
    {
        assert!(fields(&format!("Transfer-Encoding: {bad}\r\n")).is_err(), "{bad:?}");
    }
    assert!(fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n").is_err());
}

#[test]
fn fields_that_parsers_read_differently_are_refused() {
    for bad in [
        "X : y\r\n",
        ": y\r\n",
        " X: y\r\n",
        "X: y\r\n folded\r\n",
        "X: a\nY: b\r\n",
        "X: a\rb\r\n",
        "X: \0\r\n",
        "X\r\n",
        "X\n",
        "X(: y\r\n",
    ] {
        assert!(fields(bad).is_err(), "{bad:?}");
    }
    for bad in [
        "GET / HTTP/1.1\n",
        "GET /\0 HTTP/1.1\r\n",
        "\n",
        "\r\r",
        "GET /\t HTTP/1.1\r\n",
        "GET /\u{e9} HTTP/1.1\r\n",
        "GET /#x HTTP/1.1\r\n",
    ] {
        assert!(judged(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn chunks_that_parsers_read_differently_are_refused() {
    for bad in [
        "\r\n",
        "+1\r\n",
        "0x1\r\n",
        "1 \r\n",
        "g\r\n",
        "1\n",
        "1;a\nb\r\n",
        "1;a\rb\r\n",
        "1\r\nab\r\n",
        "1\r\na\n",
        ";\r\n",
        "1000000000000\r\n",
    ] {
        let body = format!("Transfer-Encoding: chunked\r\n\r\n{bad}");
        assert!(fields(&body).is_err(), "{bad:?}");
    }
    for bad in ["Content-Length: 1", "Transfer-Encoding: chunked", "host: b", "X : y", " folded"] {
        assert!(fields(&format!("Transfer-Encoding: chunked\r\n\r\n0\r\n{bad}\r\n\r\n")).is_err(), "{bad:?}");
    }
}
