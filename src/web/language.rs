//! The language switch: a cookie of its own, so that it holds before anybody is signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};

use crate::auth::{ReturnPath, cookies};
use crate::lang::Language;
use crate::model::Refusal;

use super::Portal;
use super::call::{Answer, Asked};

/// Which language a person chose on this host.
pub const LANGUAGE_COOKIE: &str = "__Host-yumen-language";

const KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

pub async fn switch(State(_): State<Arc<Portal>>, Path(tag): Path<String>, mut asked: Asked) -> Answer {
    let language = Language::parse(&tag).ok_or(Refusal::NotFound)?;
    let back = ReturnPath::parse(asked.query.text("return")).unwrap_or_else(ReturnPath::root);
    asked.set_cookie(cookies::set(LANGUAGE_COOKIE, language.tag(), KEPT));
    asked.redirect(back.as_str())
}
