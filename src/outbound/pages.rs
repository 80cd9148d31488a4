//! Reads a page of a public site as anybody would.
//!
//! Invariant: no redirect is followed, nothing that is sent tells who asks, and neither a slow site nor a long page takes more than it may.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use super::wire::{self, Wire};
use crate::incident::Page;
use crate::pki::{PkiError, upstream_client_config};

/// From the connection to the last byte.
const PATIENCE: Duration = Duration::from_secs(30);
/// A site that shows an intruder's page to people alone is not to know who asks.
const BROWSER: &str = "Mozilla/5.0";

/// What the public gets there.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Page { status: u16, body: Vec<u8> },
    Elsewhere { status: u16, to: String },
    Gone { status: u16 },
}

#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    #[error(transparent)]
    Authority(#[from] PkiError),
    #[error("the site cannot be reached")]
    Unreachable(#[source] io::Error),
    #[error("the site answers no page")]
    Broken(#[from] hyper::Error),
    #[error("the site answers with the status {0}")]
    Status(u16),
    #[error("the page is longer than {0} bytes: let `max` of its entry in the emergency plan say more")]
    TooLong(u64),
    #[error("the page came compressed, which was not asked for, so that nothing can be said of what counts of it")]
    Compressed,
    #[error("the page was not there after {} s", PATIENCE.as_secs())]
    Late,
    #[error("the address cannot be asked for")]
    Address,
    #[error("the asking was stopped")]
    Stopped(#[from] JoinError),
}

impl NotFetched {
    /// The same each time that the same is wrong, whatever times and numbers its sentence has.
    pub fn reason(&self) -> String {
        match self {
            Self::Authority(_) => "authority".to_owned(),
            Self::Unreachable(why) => format!("unreachable {:?}", why.kind()),
            Self::Broken(_) => "broken".to_owned(),
            Self::Status(status) => format!("status {status}"),
            Self::TooLong(_) => "too-long".to_owned(),
            Self::Compressed => "compressed".to_owned(),
            Self::Late => "late".to_owned(),
            Self::Address => "address".to_owned(),
            Self::Stopped(_) => "stopped".to_owned(),
        }
    }

    /// Its sentence with what is behind it.
    pub fn why(&self) -> String {
        let mut why = self.to_string();
        let mut cause = if matches!(self, Self::Authority(_)) { None } else { self.source() };
        while let Some(error) = cause {
            why = format!("{why}: {error}");
            cause = error.source();
        }
        why
    }
}

pub async fn fetch(page: &Page) -> Result<Answer, NotFetched> {
    let tls = match page.ca.clone() {
        Some(ca) => Some(spawn_blocking(move || upstream_client_config(Some(&ca), None)).await??),
        None => None,
    };
    timeout(PATIENCE, ask(&Wire::new(tls), page)).await.unwrap_or(Err(NotFetched::Late))
}

async fn ask(wire: &Wire, page: &Page) -> Result<Answer, NotFetched> {
    let uri: Uri = page.url.parse().map_err(|_| NotFetched::Address)?;
    let mut request = Request::get(uri.clone())
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, BROWSER)
        .body(Empty::<Bytes>::new())
        .map_err(|_| NotFetched::Address)?;
    wire::address(&mut request);
    let (mut sender, _driver) = wire.open(&uri).await.map_err(NotFetched::Unreachable)?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let status = head.status.as_u16();
    match head.status {
        _ if head.status.is_redirection() => {
            let to = head.headers.get(header::LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            Ok(Answer::Elsewhere { status, to: to.unwrap_or_default() })
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Answer::Gone { status }),
        _ if !head.status.is_success() => Err(NotFetched::Status(status)),
        _ if is_compressed(&head.headers) => Err(NotFetched::Compressed),
        _ => Ok(Answer::Page { status, body: whole(body, page.max).await? }),
    }
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// At most so many bytes, whatever the head said of its length.
async fn whole(mut body: Incoming, max: u64) -> Result<Vec<u8>, NotFetched> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if (read.len() as u64).saturating_add(data.len() as u64) > max {
            return Err(NotFetched::TooLong(max));
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}
