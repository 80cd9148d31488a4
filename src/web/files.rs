//! What is not a page: the style sheet, the script, the icon, and what is not there at all.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use crate::model::Refusal;

use super::Portal;
use super::assets;
use super::call::Refused;

/// The compiled-in file of that name.
pub fn asset_answer(name: &str, query: Option<&str>, headers: &HeaderMap) -> Option<http::Response<Bytes>> {
    let version = query.and_then(|query| query.strip_prefix("v="));
    let asset = assets::asset(name, version)?;
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == asset.etag.as_bytes());
    let builder = http::Response::builder()
        .header(header::CONTENT_TYPE, asset.content_type)
        .header(header::ETAG, asset.etag)
        .header(header::CACHE_CONTROL, asset.cache_control)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let (status, body) = if known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (StatusCode::OK, asset.body.into_owned().into()) };
    builder.status(status).body(body).ok()
}

pub async fn asset(Path(name): Path<String>, uri: http::Uri, headers: HeaderMap) -> Response {
    match asset_answer(&name, uri.query(), &headers) {
        Some(answer) => answer.map(axum::body::Body::from),
        None => missing().await,
    }
}

/// What the gateway's own authority has revoked (RFC 5280, section 4.2.1.13; RFC 2585, section 4.2), for whoever asks.
pub async fn revocations(State(portal): State<Arc<Portal>>) -> Response {
    match portal.desk.revocations() {
        Some(list) => ([(header::CONTENT_TYPE, "application/pkix-crl"), (header::CACHE_CONTROL, "no-cache")], list).into_response(),
        None => missing().await,
    }
}

/// A page that the portal does not have, or not for this method.
pub async fn missing() -> Response {
    Refused::from(Refusal::NotFound).into_response()
}
