//! The way of one request to its back office and back.

use std::error::Error;
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::upgrade::OnUpgrade;
use tokio::time::sleep;

use super::backend::Backend;
use super::body::{Progress, Upload};
use super::departure::Departure;
use super::headers::{self, Asker};
use super::outgoing::{Ending, Outgoing};
use super::pool::{Lease, Pool, Reuse};
use super::upgrade;
use crate::access::Permit;
use crate::audit::Receipt;
use crate::auth::Identity;
use crate::model::{CanonicalPath, Inbound, Refusal};

/// Nothing of an answer has gone to the client: whoever gets this answers, and closes the record. With
/// [`Refusal::Revoked`] the client's line was cut, and knows why.
pub struct Failure {
    pub refusal: Refusal,
    pub receipt: Receipt,
    /// What had come of the request's body, for the record.
    pub bytes_up: u64,
}

impl std::fmt::Debug for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Failure").field("refusal", &self.refusal).finish_non_exhaustive()
    }
}

/// Sends what was permitted to the app's back office. The answer that comes back has a durable record; its body closes
/// the record. `departure` tells, also whoever drops this, whether anything may have left. Must be called within a `LocalSet`.
pub async fn forward(
    pool: &Pool,
    backend: &Backend,
    permit: Permit,
    inbound: Box<Inbound>,
    path: &CanonicalPath,
    departure: &Departure,
) -> Result<Response<Outgoing>, Failure> {
    let (grant, pass, receipt) = permit.into_parts();
    let identity = grant.identity().clone();
    let mut ending = Ending::new(grant, pass, receipt, inbound.line.clone(), departure.clone());
    match exchange(pool, backend, &identity, inbound, path, &mut ending).await {
        Ok(Answer::Whole(head, lease)) => Ok(answer(head, lease, backend, ending)),
        Ok(Answer::Tunnel(head, lease, client)) => Ok(open_tunnel(head, lease, client, ending)),
        Err(refusal) => Err(fail(refusal, ending)),
    }
}

enum Answer {
    Whole(Response<Incoming>, Lease),
    Tunnel(Response<Incoming>, Lease, OnUpgrade),
}

/// Everything until the answer's head is there and the record is durable.
async fn exchange(
    pool: &Pool,
    backend: &Backend,
    identity: &Identity,
    mut inbound: Box<Inbound>,
    path: &CanonicalPath,
    ending: &mut Ending,
) -> Result<Answer, Refusal> {
    if matches!(inbound.method, Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Malformed("the method is not forwarded"));
    }
    let length = inbound.body.size_hint();
    if length.lower() > backend.max_body {
        return Err(Refusal::BodyTooLarge { limit: backend.max_body });
    }
    let client = client_upgrade(&mut inbound, backend)?;
    // A body that is polled tells its client to continue, and a tunnel carries what no method warned of.
    let record_first = inbound.is_unsafe() || client.is_some() || !inbound.body.is_end_stream();
    let progress = ending.progress.clone();
    let line = inbound.line.clone();
    let request = request(inbound, backend, identity, path, client.is_some(), &progress)?;

    let work = async {
        if record_first {
            ending.durable().await.map_err(|_| Refusal::NoRecord)?;
            head(pool, backend, request, &progress).await
        } else {
            let recorded = async { ending.durable().await.map_err(|_| Refusal::NoRecord) };
            tokio::try_join!(head(pool, backend, request, &progress), recorded).map(|(answer, ())| answer)
        }
    };
    let (head, lease) = tokio::select! {
        biased;
        _ = line.until_cut() => return Err(Refusal::Revoked),
        answer = work => answer?,
    };
    if head.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Answer::Whole(head, lease));
    }
    match client {
        Some(client) if headers::is_websocket_upgrade(head.headers()) => Ok(Answer::Tunnel(head, lease, client)),
        _ => Err(Refusal::UpstreamUnreachable { why: "the upstream switched to a protocol that nobody asked for".to_owned() }),
    }
}

/// The client's side of a tunnel, if it asks for a WebSocket and the app has them. Any other upgrade is ignored, as a
/// server may (RFC 9110, section 7.8).
fn client_upgrade(inbound: &mut Inbound, backend: &Backend) -> Result<Option<OnUpgrade>, Refusal> {
    if !headers::is_websocket_upgrade(&inbound.headers) || inbound.version != Version::HTTP_11 {
        return Ok(None);
    }
    let fits = backend.websocket && inbound.method == Method::GET && inbound.body.is_end_stream();
    match inbound.upgrade.take() {
        Some(upgrade) if fits => Ok(Some(upgrade)),
        _ => Err(Refusal::UpgradeNotAllowed),
    }
}

fn request(
    inbound: Box<Inbound>,
    backend: &Backend,
    identity: &Identity,
    path: &CanonicalPath,
    websocket: bool,
    progress: &std::rc::Rc<Progress>,
) -> Result<Request<Upload>, Refusal> {
    let Inbound { method, uri, version, mut headers, body, origin, .. } = *inbound;
    let declared = headers.contains_key(CONTENT_LENGTH);
    headers::for_upstream(&mut headers, backend, &Asker { identity, address: origin.address, version })?;
    if websocket {
        headers::set_websocket_upgrade(&mut headers);
    } else {
        headers::frame(&mut headers, body.size_hint().exact(), declared);
    }
    let mut request = Request::new(Upload::new(body, backend, progress.clone()));
    *request.method_mut() = method;
    *request.uri_mut() = target(path, uri.query())?;
    *request.headers_mut() = headers;
    Ok(request)
}

/// The path that policy judged, with the query as it came.
fn target(path: &CanonicalPath, query: Option<&str>) -> Result<Uri, Refusal> {
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.as_str().to_owned(),
    };
    PathAndQuery::from_maybe_shared(text).map(Uri::from).map_err(|_| Refusal::Malformed("the address cannot be forwarded"))
}

/// Sends the request and waits for the head of the answer. One that met a connection the upstream had just closed is
/// sent once more, if nothing of it had been sent.
async fn head(
    pool: &Pool,
    backend: &Backend,
    mut request: Request<Upload>,
    progress: &Progress,
) -> Result<(Response<Incoming>, Lease), Refusal> {
    let mut reuse = Reuse::Allowed;
    loop {
        let mut lease = pool.lease(backend, reuse).await?;
        progress.departure.begin();
        let Some(sending) = lease.send(request) else { return Err(Refusal::Broken { what: "a lease without a connection" }) };
        let outcome = tokio::select! {
            biased;
            outcome = sending => outcome,
            () = upstream_is_late(backend.answer_timeout, progress) => {
                lease.failed();
                return Err(Refusal::UpstreamTimeout);
            }
        };
        match outcome {
            Ok(head) => {
                lease.answered();
                return Ok((head, lease));
            }
            Err(mut error) => match error.take_message().inspect(|_| progress.departure.take_back()) {
                Some(unsent) if lease.is_reused() => {
                    request = unsent;
                    reuse = Reuse::Never;
                }
                _ => {
                    let refusal = unanswered(&error, progress);
                    if matches!(refusal, Refusal::UpstreamUnreachable { .. }) {
                        lease.failed();
                    }
                    return Err(refusal);
                }
            },
        }
    }
}

/// Resolves when the upstream has owed something for `limit` (and an eighth of it at most): neither took a byte of the
/// request nor answered, while the client was not the one to wait for.
async fn upstream_is_late(limit: Duration, progress: &Progress) {
    const PARTS: u32 = 8;
    let part = limit.checked_div(PARTS).unwrap_or(limit);
    let mut quiet = 0u32;
    while quiet < PARTS {
        let moves = progress.moves.get();
        sleep(part).await;
        let moved = progress.moves.get() != moves || progress.waits_for_client.get();
        quiet = if moved { 0 } else { quiet.saturating_add(1) };
    }
}

fn unanswered(error: &TrySendError<Request<Upload>>, progress: &Progress) -> Refusal {
    if let Some(fault) = progress.fault.get() {
        return fault.refusal();
    }
    let mut why = error.error().to_string();
    let mut cause = error.error().source();
    while let Some(error) = cause {
        why = format!("{why}: {error}");
        cause = error.source();
    }
    Refusal::UpstreamUnreachable { why }
}

fn answer(head: Response<Incoming>, lease: Lease, backend: &Backend, mut ending: Ending) -> Response<Outgoing> {
    let (parts, body) = head.into_parts();
    ending.answered(parts.status);
    let mut fields = parts.headers;
    headers::for_client(&mut fields, backend.no_store);
    respond(parts.status, fields, Outgoing::streaming(body, ending, lease))
}

fn open_tunnel(mut head: Response<Incoming>, lease: Lease, client: OnUpgrade, mut ending: Ending) -> Response<Outgoing> {
    ending.answered(StatusCode::SWITCHING_PROTOCOLS);
    let upstream = hyper::upgrade::on(&mut head);
    let mut fields = std::mem::take(head.headers_mut());
    headers::for_client(&mut fields, false);
    headers::set_websocket_upgrade(&mut fields);
    tokio::task::spawn_local(upgrade::tunnel(client, upstream, lease.into_connection(), ending));
    respond(StatusCode::SWITCHING_PROTOCOLS, fields, Outgoing::empty())
}

/// Made anew, so that no extension of the upstream's answer reaches the server that sends this one.
fn respond(status: StatusCode, fields: HeaderMap, body: Outgoing) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}

#[allow(clippy::unreachable, reason = "the record of an exchange is taken only here and at its end")]
fn fail(refusal: Refusal, ending: Ending) -> Failure {
    let bytes_up = ending.progress.up.get();
    match ending.into_receipt() {
        Some(receipt) => Failure { refusal, receipt, bytes_up },
        None => unreachable!("an exchange that failed still has its record"),
    }
}
