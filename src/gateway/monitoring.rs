//! The listener of `/metrics`, `/healthz` and `/readyz`: plain HTTP/1.1 for machines that watch, on the runtime of the pages.
//!
//! Invariant: nothing here changes anything. A connection carries one request, ends within [`PATIENCE`], and at most [`MOST_AT_ONCE`] are
//! open; no byte of a request's body is read.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::edge;

use super::exposition;
use super::house::{House, StartError};

const MOST_AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(10);
const HEAD_PATIENCE: Duration = Duration::from_secs(5);
const LARGEST_HEAD_BYTES: usize = 16 * 1024;
const MOST_FIELDS: usize = 64;
const TEXT: &str = "text/plain; charset=utf-8";

/// Takes the address, if there is one.
pub fn bind(address: Option<SocketAddr>) -> Result<Option<StdListener>, StartError> {
    let Some(address) = address else { return Ok(None) };
    edge::bind(&[address]).map(|listeners| listeners.into_iter().next()).map_err(StartError::Monitoring)
}

pub async fn listen(listener: TcpListener, house: Arc<House>) {
    let places = Arc::new(Semaphore::new(MOST_AT_ONCE));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let house = house.clone();
        tokio::spawn(async move {
            let _ = tokio::time::timeout(PATIENCE, converse(stream, house)).await;
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, house: Arc<House>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let house = house.clone();
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &house).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(LARGEST_HEAD_BYTES)
        .max_headers(MOST_FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for monitoring ended early");
    }
}

async fn answer(method: &Method, path: &str, house: &House) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refused = respond(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET and HEAD are answered here\n".to_owned());
        refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/healthz" => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => match house.not_ready().await {
            reasons if reasons.is_empty() => respond(StatusCode::OK, TEXT, ready(&house.warnings())),
            reasons => respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, reasons.join("\n") + "\n"),
        },
        "/metrics" => respond(StatusCode::OK, exposition::CONTENT_TYPE, house.exposition(house.not_ready().await.is_empty())),
        _ => respond(StatusCode::NOT_FOUND, TEXT, "there are /metrics, /healthz and /readyz\n".to_owned()),
    }
}

fn ready(warnings: &[String]) -> String {
    std::iter::once("ready\n".to_owned()).chain(warnings.iter().map(|warning| format!("warning: {warning}\n"))).collect()
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
