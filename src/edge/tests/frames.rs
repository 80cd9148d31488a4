//! HTTP/2 by hand (RFC 9113, section 4.1), for what no client library does.

use super::*;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
const END_STREAM: u8 = 1;
/// SETTINGS_INITIAL_WINDOW_SIZE = 0.
const CLOSED_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];

pub(super) fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0, 0, u8::try_from(payload.len()).unwrap(), kind, flags, 0, 0, 0, stream];
    frame.extend_from_slice(payload);
    frame
}

/// `GET https://gate.localhost/x` in HPACK: indexed fields, and literals without indexing (RFC 7541, section 6).
fn fields(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x87];
    for (name, value) in [(1, GATE), (4, path)] {
        block.extend([name, u8::try_from(value.len()).unwrap()]);
        block.extend_from_slice(value.as_bytes());
    }
    block
}

/// A client that opens its windows by hand.
pub(super) struct Windows(pub TlsStream<TcpStream>);

/// What came on a stream that matters here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    Data { bytes: usize, is_last: bool },
    Reset { why: u32 },
}

impl Windows {
    /// Asks for `paths` on streams 1, 3, 5 and so on, with all windows closed.
    pub async fn closed(house: &House, paths: &[&str]) -> Self {
        let mut stream = house.dial_with(house.client("h2"), GATE).await.unwrap();
        let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        sent.extend(frame(SETTINGS, 0, 0, &CLOSED_WINDOW));
        sent.extend(frame(SETTINGS, 1, 0, &[]));
        for (stream, path) in (1..).step_by(2).zip(paths) {
            sent.extend(frame(HEADERS, WHOLE, stream, &fields(path)));
        }
        stream.write_all(&sent).await.unwrap();
        stream.flush().await.unwrap();
        Self(stream)
    }

    /// Lets `bytes` more of a stream through.
    pub async fn open(&mut self, stream: u8, bytes: u32) {
        for of in [0, stream] {
            self.0.write_all(&frame(WINDOW_UPDATE, 0, of, &bytes.to_be_bytes())).await.unwrap();
        }
        self.0.flush().await.unwrap();
    }

    /// The next piece of an answer, or the end of one; `None`: the connection ended.
    pub async fn next(&mut self) -> Option<(u8, Came)> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let [high, middle, low, kind, flags, _, _, _, stream] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            match kind {
                DATA => return Some((stream, Came::Data { bytes: payload.len(), is_last: flags & END_STREAM != 0 })),
                RST_STREAM => return Some((stream, Came::Reset { why: u32::from_be_bytes(payload.try_into().unwrap()) })),
                _ => {}
            }
        }
    }
}
