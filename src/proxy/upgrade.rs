//! A WebSocket's bytes, both ways, once the upstream has said 101.
//!
//! Invariant: it holds a fixed buffer for each way, and ends when its client's line is cut.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::connect::Connection;
use super::outgoing::Ending;
use crate::model::End;

const BUFFER: usize = 16 * 1024;
/// When one side has said its last byte, the other may finish, but not stay: WebSocket says goodbye within the protocol.
const HALF_OPEN: Duration = Duration::from_secs(30);

/// `connection` must live until it has handed its socket over.
pub(super) async fn tunnel(client: OnUpgrade, upstream: OnUpgrade, connection: Option<Connection>, mut ending: Ending) {
    let line = ending.line.clone();
    ending.progress.down.set(0);
    ending.progress.up.set(0);
    let flow = async {
        let Ok(upstream) = upstream.await else { return End::UpstreamFailed };
        drop(connection);
        let Ok(client) = client.await else { return End::ClientLeft };
        copy(TokioIo::new(client), TokioIo::new(upstream), &ending).await
    };
    let end = tokio::select! {
        biased;
        why = line.until_cut() => why,
        end = flow => end,
    };
    ending.close(end);
}

async fn copy(client: impl AsyncRead + AsyncWrite, upstream: impl AsyncRead + AsyncWrite, ending: &Ending) -> End {
    let (client_says, client_hears) = tokio::io::split(client);
    let (upstream_says, upstream_hears) = tokio::io::split(upstream);
    let up = async { pump(client_says, upstream_hears, |bytes| ending.progress.add_up(bytes)).await.map_err(Stop::upwards) };
    let down = async { pump(upstream_says, client_hears, |bytes| ending.add_down(bytes)).await.map_err(Stop::downwards) };
    tokio::pin!(up, down);
    let first = tokio::select! {
        done = &mut up => done.map(|()| Way::Up),
        done = &mut down => done.map(|()| Way::Down),
    };
    let second = match first {
        Ok(Way::Up) => timeout(HALF_OPEN, down).await,
        Ok(Way::Down) => timeout(HALF_OPEN, up).await,
        Err(end) => return end,
    };
    match second {
        Ok(Err(end)) => end,
        Ok(Ok(())) | Err(_) => End::Complete,
    }
}

enum Way {
    Up,
    Down,
}

/// Which end of one way failed.
enum Stop {
    Source,
    Sink,
}

impl Stop {
    fn upwards(self) -> End {
        match self {
            Self::Source => End::ClientLeft,
            Self::Sink => End::UpstreamFailed,
        }
    }

    fn downwards(self) -> End {
        match self {
            Self::Source => End::UpstreamFailed,
            Self::Sink => End::ClientLeft,
        }
    }
}

/// Carries bytes until the source has no more, then says so to the sink.
async fn pump(mut source: impl AsyncRead + Unpin, mut sink: impl AsyncWrite + Unpin, count: impl Fn(usize)) -> Result<(), Stop> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = source.read(&mut buffer).await.map_err(|_| Stop::Source)?;
        let Some(bytes) = buffer.get(..length).filter(|bytes| !bytes.is_empty()) else {
            return sink.shutdown().await.map_err(|_| Stop::Sink);
        };
        sink.write_all(bytes).await.map_err(|_| Stop::Sink)?;
        sink.flush().await.map_err(|_| Stop::Sink)?;
        count(length);
    }
}
