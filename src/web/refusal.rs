//! Refusals as pages and messages, for whoever chooses what a refusal looks like.

use askama::Template;

use crate::access::Names;
use crate::lang::Language;
use crate::model::Refusal;

use super::assets::AssetPrefix;
use super::view::{EmergencyView, ErrorKind, ErrorView, Frame, Moment, Whom};

/// What an error page shows.
pub struct RefusalPage<'a> {
    pub language: Language,
    pub status: u16,
    pub refusal: &'a Refusal,
    pub reference: &'a str,
    pub host: AssetPrefix,
    /// What the portal is called.
    pub names: &'a Names,
    /// `https://host[:port]` of the portal.
    pub portal: &'a str,
    /// Where she may try the same again.
    pub again: Option<&'a str>,
    /// Where she can prove what was missing, if it was that.
    pub step_up: Option<&'a str>,
    /// Whom to ask about an emergency, where that may be told.
    pub whom: Option<Whom>,
}

/// The page's HTML.
pub fn refusal_page(page: &RefusalPage<'_>) -> String {
    let frame = match page.host {
        AssetPrefix::Portal => Frame::portal(page.language, "/", String::new()),
        AssetPrefix::AppHost => Frame::app_host(page.language),
    }
    .called(page.names);
    let retry_after_s = match page.refusal {
        Refusal::TooMany { retry_after, .. } | Refusal::Crowded { retry_after, .. } => Some(retry_after.as_secs().max(1)),
        _ => None,
    };
    let view = ErrorView {
        frame,
        status: page.status,
        kind: ErrorKind::of(page.refusal),
        reference: Some(page.reference.to_owned()),
        portal: Some(format!("{}/", page.portal)),
        step_up: page.step_up.filter(|_| matches!(page.refusal, Refusal::FormNotKept { .. })).map(str::to_owned),
        retry_after_s,
        again: page.again.map(str::to_owned),
        emergency: emergency(page),
        whom: page.whom.clone(),
    };
    // A page that cannot be rendered still says its number.
    view.render().unwrap_or_else(|_| format!("<!doctype html><title>{0}</title><p>{0}", page.status))
}

fn emergency(page: &RefusalPage<'_>) -> Option<EmergencyView> {
    let Refusal::Emergency { level, until, .. } = page.refusal else { return None };
    let zoned = until.timestamp().to_zoned(jiff::tz::TimeZone::system());
    let until = Moment { shown: zoned.strftime("%Y-%m-%d %H:%M (UTC%:z)").to_string(), iso: until.to_string() };
    Some(EmergencyView { level: *level, until, terms: Vec::new() })
}

/// One sentence for scripts.
pub fn refusal_message(language: Language, refusal: &Refusal) -> String {
    crate::lang::text(language, ErrorKind::of(refusal).happened()).into_owned()
}
