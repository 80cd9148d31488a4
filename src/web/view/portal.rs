//! What a person sees of her own: apps and sessions.

use askama::Template;

use super::{Frame, Moment};
use crate::model::Label;

#[derive(Clone, Debug, Template)]
#[template(path = "portal.html")]
pub struct PortalView {
    pub frame: Frame,
    /// Only what she may enter now; what she entered last stands first.
    pub apps: Vec<AppCard>,
    /// There is something that she may enter, shown or not.
    pub has_apps: bool,
    /// What she looked for; empty: everything.
    pub search: String,
}

impl PortalView {
    fn shown(&self) -> usize {
        self.apps.iter().filter(|app| !app.hidden).count()
    }
}

#[derive(Clone, Debug)]
pub struct AppCard {
    pub id: String,
    /// In her language.
    pub name: String,
    pub label: Label,
    pub host: String,
    /// Where the portal leads on to it.
    pub link: String,
    /// What it is found by, in small letters.
    pub words: String,
    /// It does not fit what she looked for.
    pub hidden: bool,
    /// She holds no token that would be enough there.
    pub needs_token: bool,
    /// She entered it from this browser lately.
    pub recent: bool,
    /// Closed for now, by a lockdown.
    pub closed: bool,
}

#[derive(Clone, Debug)]
pub struct SessionRow {
    pub id: String,
    /// The session that this page is seen in.
    pub current: bool,
    pub account: String,
    pub unit: String,
    pub signed_in: Moment,
    pub last_active: Moment,
    pub address: String,
    /// In words.
    pub browser: String,
    /// As the browser calls itself.
    pub agent: String,
    /// The apps that were entered, by name.
    pub apps: Vec<String>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "sessions.html")]
pub struct SessionsView {
    pub frame: Frame,
    pub sessions: Vec<SessionRow>,
}
