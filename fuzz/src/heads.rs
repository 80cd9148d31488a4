//! The judge of HTTP/1.1: its verdict does not hang on how bytes were cut, and whatever it lets through, httparse reads as it does.

use httparse::{EMPTY_HEADER, Header, Status};
use yumen::edge::heads::{Awaited, Flaw, Heads};

pub fn run(bytes: &[u8]) {
    let whole = Heads::default().judge(bytes);
    for size in [1, 2, 7] {
        assert_eq!(in_pieces(bytes, size), whole, "pieces of {size}");
    }
    let passed = whole.map_or_else(|flaw| flaw.at, |()| bytes.len());
    follow(&bytes[..passed]);
}

fn in_pieces(bytes: &[u8], size: usize) -> Result<(), Flaw> {
    let mut heads = Heads::default();
    let mut pieces = bytes.chunks(size).enumerate();
    pieces.try_for_each(|(index, piece)| heads.judge(piece).map_err(|flaw| Flaw { at: flaw.at + index * size, ..flaw }))
}

/// Walks through what was let through, request by request, with the judge and with httparse.
fn follow(bytes: &[u8]) {
    let mut heads = Heads::default();
    let (mut begin, mut body) = (0, None);
    let mut before = Awaited::Request;
    for at in 0..bytes.len() {
        heads.judge(&bytes[at..=at]).expect("it was let through");
        let (now, end) = (heads.awaits(), at + 1);
        if is_head(before) && !is_head(now) || before == Awaited::Head && now == Awaited::Request {
            compare(&bytes[begin..end], now);
            body = Some((end, now));
        }
        if now == Awaited::Request {
            let (from, kind) = body.take().expect("a head came before");
            compare_body(&bytes[from..end], kind);
            begin = end;
        }
        before = now;
    }
}

fn is_head(awaited: Awaited) -> bool {
    matches!(awaited, Awaited::Request | Awaited::Head)
}

fn compare(head: &[u8], follows: Awaited) {
    let lines = head.iter().filter(|byte| **byte == b'\n').count();
    let mut fields = vec![EMPTY_HEADER; lines];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(head) {
        Ok(status) => assert_eq!(status, Status::Complete(head.len()), "another end of the head"),
        // A request line that is none; hyper refuses it as httparse does. The fields must be fields all the same.
        Err(error) => assert!(!matches!(error, httparse::Error::TooManyHeaders), "{error}"),
    }
    let line = head.iter().skip(2).position(|byte| *byte == b'\n').map_or(head.len(), |end| end + 3);
    let mut fields = vec![EMPTY_HEADER; lines];
    match httparse::parse_headers(&head[line..], &mut fields) {
        Ok(Status::Complete((end, fields))) => {
            assert_eq!(end, head.len() - line, "another end of the fields");
            assert_eq!(framing(fields), follows, "another framing");
        }
        other => panic!("httparse finds no fields: {other:?}"),
    }
}

/// What follows the head, by what httparse read. Panics where two readings were possible.
fn framing(fields: &[Header<'_>]) -> Awaited {
    let values = |name: &str| {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| std::str::from_utf8(field.value).expect("not text").trim_matches([' ', '\t'])).collect::<Vec<_>>()
    };
    let (lengths, encodings) = (values("content-length"), values("transfer-encoding"));
    let upgrade = fields.iter().any(|field| field.name.eq_ignore_ascii_case("upgrade"));
    match (lengths.as_slice(), encodings.as_slice()) {
        ([], []) | (["0"], []) if upgrade => Awaited::Anything,
        ([], []) => Awaited::Request,
        ([length], []) => {
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "a length of {length:?}");
            match (length.parse().expect("a length"), upgrade) {
                (0, true) => Awaited::Anything,
                (0, false) => Awaited::Request,
                (length, false) => Awaited::Body(length),
                (_, true) => panic!("an upgrade with a body"),
            }
        }
        ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") && !upgrade => Awaited::Chunks,
        other => panic!("two readings: {other:?}"),
    }
}

fn compare_body(body: &[u8], kind: Awaited) {
    match kind {
        Awaited::Request => assert!(body.is_empty()),
        Awaited::Body(length) => assert_eq!(body.len() as u64, length),
        Awaited::Chunks => assert_eq!(end_of_chunks(body), body.len(), "another end of the chunks"),
        other => panic!("a request after {other:?}"),
    }
}

fn end_of_chunks(body: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(&body[at..]) {
            Ok(Status::Complete((length, 0))) => {
                at += length;
                break;
            }
            Ok(Status::Complete((length, size))) => {
                at += length + usize::try_from(size).expect("a size");
                assert_eq!(&body[at..at + 2], b"\r\n", "another end of a chunk");
                at += 2;
            }
            other => panic!("httparse finds no chunk: {other:?}"),
        }
    }
    let mut fields = vec![EMPTY_HEADER; body.len() / 2];
    match httparse::parse_headers(&body[at..], &mut fields) {
        Ok(Status::Complete((length, _))) => at + length,
        other => panic!("httparse finds no trailers: {other:?}"),
    }
}
