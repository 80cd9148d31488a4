//! Back offices for tests: one that records what reaches it, one that must never be reached.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Records every byte that reaches it and answers each request in full with its own head.
#[derive(Clone)]
pub struct Upstream {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
    connections: Arc<Mutex<usize>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Answers `200` with the request's head as the body, so that a test sees what the back office saw.
    pub async fn recording() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream =
            Self { address: listener.local_addr().unwrap(), seen: Arc::default(), connections: Arc::default(), requests: Arc::default() };
        let recording = upstream.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *recording.connections.lock().unwrap() += 1;
                let recording = recording.clone();
                tokio::spawn(async move { recording.serve(stream).await });
            }
        });
        upstream
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        loop {
            let mut chunk = [0; 16 * 1024];
            let Ok(count @ 1..) = stream.read(&mut chunk).await else { return };
            buffer.extend_from_slice(&chunk[..count]);
            self.seen.lock().unwrap().extend_from_slice(&chunk[..count]);
            while let Some((head, length)) = whole_request(&buffer) {
                buffer.drain(..length);
                if head.starts_with("GET /large ") {
                    self.requests.lock().unwrap().push(head);
                    return flow(&mut stream).await;
                }
                self.requests.lock().unwrap().push(head.clone());
                if stream.write_all(answer(&head).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }

    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }

    /// The heads of all whole requests, in the order in which they came.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// Must never be reached: a thread of its own sees every connection, also while the test's runtime stands still.
pub struct Forbidden {
    pub address: SocketAddr,
    reached: Arc<Mutex<Vec<String>>>,
}

/// What the test itself says when it asks.
const LAST: &[u8] = b"was anybody here before me?";

impl Forbidden {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, reached) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let seen = reached.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
                let mut chunk = [0; 4096];
                let count = stream.read(&mut chunk).unwrap_or_default();
                if &chunk[..count] == LAST {
                    return;
                }
                seen.lock().unwrap().push(String::from_utf8_lossy(&chunk[..count]).into_owned());
            }
        });
        Self { address, reached }
    }

    /// Asks as the last in the line, so that whoever came before has been seen; fails if anybody did. Once only.
    pub fn was_never_reached(&self) {
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.write_all(LAST).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        let reached = self.reached.lock().unwrap();
        assert!(reached.is_empty(), "a back office was reached past a refusal: {reached:?}");
    }
}

/// More than anybody waits for, so that whoever reads slowly has something to read.
async fn flow(stream: &mut TcpStream) {
    const PIECE: &[u8] = &[b'x'; 16 * 1024];
    let pieces = 64 * 1024;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pieces * PIECE.len());
    let mut sent = stream.write_all(head.as_bytes()).await;
    for _ in 0..pieces {
        if sent.is_err() {
            return;
        }
        sent = stream.write_all(PIECE).await;
    }
}

fn answer(head: &str) -> String {
    if head.to_ascii_lowercase().contains("upgrade: websocket") {
        return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_owned();
    }
    let cookies = "Set-Cookie: theirs=1\r\nSet-Cookie: __Host-yumen=forged; Path=/; Secure\r\nSet-Cookie: __host-YUMEN-step=forged\r\n";
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{cookies}Content-Length: {}\r\n\r\n{head}", head.len())
}

/// The head of the first whole request and the length of all of it.
fn whole_request(buffer: &[u8]) -> Option<(String, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let field = |name: &str| {
        head.lines().find_map(|line| {
            line.split_once(':').filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        })
    };
    if let Some(length) = field("content-length") {
        let whole = end + length.parse::<usize>().unwrap();
        return (buffer.len() >= whole).then_some((head, whole));
    }
    if field("transfer-encoding").is_some() {
        let at = buffer[end..].windows(5).position(|window| window == b"0\r\n\r\n")?;
        return Some((head, end + at + 5));
    }
    Some((head, end))
}
