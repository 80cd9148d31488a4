//! HTTP/2 by hand (RFC 9113, sections 4 and 6), for what no honest client sends.

use tokio::io::{AsyncRead, AsyncReadExt};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// The client's preface with the given settings.
pub fn preface(settings: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> = settings.iter().flat_map(|(key, value)| [&key.to_be_bytes()[..], &value.to_be_bytes()[..]].concat()).collect();
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &payload)].concat()
}

/// A field that no table remembers (RFC 7541, section 6.2.2).
pub fn literal(name: &str, value: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
    [&[0][..], &string(name.as_bytes()), &string(value.as_ref())].concat()
}

/// A field that the dynamic table remembers as its newest (RFC 7541, section 6.2.1).
pub fn remembered(name: &str, value: &str) -> Vec<u8> {
    [&[0x40][..], &string(name.as_bytes()), &string(value.as_bytes())].concat()
}

/// The newest entry of the dynamic table, in one byte.
pub const NEWEST: u8 = 0x80 | 62;

fn string(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len() {
        short @ 0..127 => bytes.push(u8::try_from(short).unwrap()),
        long => {
            bytes.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
    }
    bytes.extend_from_slice(text);
    bytes
}

/// The fields that every request begins with.
pub fn request(method: &str, host: &str, path: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
    [literal(":method", method), literal(":scheme", "https"), literal(":authority", host), literal(":path", path)].concat()
}

/// Its kind, its flags, the last byte of its stream's number, and what it carries.
pub type Frame = (u8, u8, u8, Vec<u8>);

pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let [high, middle, low, kind, flags, _, _, _, of] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut payload).await?;
    Ok((kind, flags, of, payload))
}
