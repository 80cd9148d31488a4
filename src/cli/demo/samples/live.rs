//! The live line: a WebSocket that counts the seconds and says again what it hears.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

const TICK: Duration = Duration::from_secs(1);
const LARGEST_MESSAGE: usize = 64 * 1024;

/// The server's half of the handshake (RFC 6455, section 4.2).
pub(super) fn answer(request: &mut Request<Incoming>, greeting: &'static str) -> Result<Response<Full<Bytes>>, StatusCode> {
    let is = |name, wanted: &str| {
        request.headers().get(name).is_some_and(|value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    if !is(UPGRADE, "websocket") || !is(SEC_WEBSOCKET_VERSION, "13") {
        return Err(StatusCode::UPGRADE_REQUIRED);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).ok_or(StatusCode::BAD_REQUEST)?;
    let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes())).map_err(|_| StatusCode::BAD_REQUEST)?;
    tokio::spawn(talk(hyper::upgrade::on(request), greeting));

    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

async fn talk(upgrade: OnUpgrade, greeting: &'static str) {
    let Ok(socket) = upgrade.await else { return };
    let mut config = WebSocketConfig::default();
    config.max_message_size = Some(LARGEST_MESSAGE);
    config.max_frame_size = Some(LARGEST_MESSAGE);
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(socket), Role::Server, Some(config)).await;
    if let Err(error) = count_and_echo(socket, greeting).await {
        tracing::debug!(%error, "a live line ended early");
    }
}

async fn count_and_echo(mut socket: WebSocketStream<TokioIo<Upgraded>>, greeting: &str) -> Result<(), Error> {
    socket.send(Message::text(greeting)).await?;
    let mut ticks = tokio::time::interval(TICK);
    let mut count = 0_u64;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                count = count.saturating_add(1);
                socket.send(Message::text(format!("● {count}"))).await?;
            }
            heard = socket.next() => match heard {
                Some(Ok(Message::Text(words))) => socket.send(Message::text(format!("↩ {words}"))).await?,
                Some(Ok(Message::Binary(bytes))) => socket.send(Message::Binary(bytes)).await?,
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => return Ok(()),
                Some(Err(error)) => return Err(error),
            }
        }
    }
}
