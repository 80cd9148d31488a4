//! The list of incidents, what one of them looks like in a line, and the form that opens one by hand.

use std::borrow::Cow;
use std::time::Duration;

use askama::Template;

use super::incident_words::colour;
use super::{Frame, Moment, Paging, escaped};
use crate::model::{Level, Stage};

/// Whom or what an incident is about, with the names that people read.
#[derive(Clone, Debug)]
pub enum About {
    Account(String),
    Address(String),
    Unit(String),
    App(String),
    Page { app: String, page: String },
    Gateway,
}

/// What happened, as far as it can be told in a sentence.
#[derive(Clone, Debug)]
pub enum Happened {
    /// In the words of whoever opened it.
    Titled(String),
    Found(Found),
}

#[derive(Clone, Debug)]
pub struct Found {
    pub trigger: String,
    /// As plans name it; `None`: the plan in force does not know the trigger.
    pub kind: Option<&'static str>,
    pub amount: u64,
    pub about: About,
}

/// When something has to be done, and how far away that is.
#[derive(Clone, Debug)]
pub struct Deadline {
    pub at: Moment,
    pub by: Duration,
    pub is_late: bool,
}

#[derive(Clone, Debug)]
pub struct IncidentRow {
    pub number: u64,
    /// It never was.
    pub is_drill: bool,
    pub level: Level,
    /// Whether a person has said so.
    pub is_confirmed: bool,
    pub stage: Stage,
    pub happened: Happened,
    /// The first few.
    pub about: Vec<About>,
    /// How many there are beside these.
    pub more: u64,
    pub since: Moment,
    pub handler: Option<String>,
    pub is_seen: bool,
    pub next: Option<Deadline>,
}

impl IncidentRow {
    pub(super) fn colour(&self) -> &'static str {
        colour(self.level)
    }

    /// Its badge, by what it asks of people.
    pub(super) fn badge(&self) -> &'static str {
        match self.stage {
            Stage::Detected => "disabled",
            Stage::Assessed | Stage::Responding => "invited",
            Stage::Contained | Stage::Recovering => "internal",
            Stage::Closed | Stage::Reviewed => "active",
            Stage::Dismissed | Stage::Merged => "",
        }
    }

    pub(super) fn needs_somebody(&self) -> bool {
        self.stage.is_open() && !self.is_seen
    }
}

#[derive(Template)]
#[template(path = "console_incidents.html")]
pub struct IncidentsView {
    pub frame: Frame,
    pub has_plan: bool,
    pub may_handle: bool,
    /// How many are open, and how many of those nobody has seen, on all pages.
    pub open: u64,
    pub unseen: u64,
    /// Of this page; those that are open stand before those that are over.
    pub rows: Vec<IncidentRow>,
    pub paging: Paging,
    /// From which clocks count down.
    pub now: Moment,
}

impl IncidentsView {
    /// Whether a heading stands before this row.
    fn begins(&self, index: &usize) -> Option<Cow<'static, str>> {
        let is_open = |row: &IncidentRow| row.stage.is_open();
        let row = self.rows.get(*index)?;
        let before = index.checked_sub(1).and_then(|before| self.rows.get(before));
        let is_new = before.is_none_or(|before| is_open(before) != is_open(row));
        is_new.then(|| self.frame.t(if is_open(row) { "incidents-open" } else { "incidents-over" }))
    }
}

/// What was typed into a form of an incident, so that nothing is lost where it was not taken.
#[derive(Clone, Debug, Default)]
pub struct TypedStep {
    /// Which form it was; empty: none.
    pub step: String,
    pub fields: Vec<(String, String)>,
}

impl TypedStep {
    pub(super) fn is(&self, step: &str) -> bool {
        self.step == step
    }

    /// What was typed into this field of this form.
    pub(super) fn text(&self, step: &str, name: &str) -> &str {
        self.given(step, name).unwrap_or_default()
    }

    /// The same; what stands there otherwise, where the form was not sent.
    pub(super) fn or(&self, step: &str, name: &str, otherwise: &str) -> String {
        self.given(step, name).unwrap_or(otherwise).to_owned()
    }

    fn given(&self, step: &str, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| self.is(step) && known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Template)]
#[template(path = "console_incident_open.html")]
pub struct IncidentOpenView {
    pub frame: Frame,
    pub typed: TypedStep,
    /// By id, with the names that people read.
    pub apps: Vec<(String, String)>,
}

impl IncidentOpenView {
    /// What it can be about, with the words by which subjects are written.
    fn kinds(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        vec![
            ("account", self.frame.t("account-name")),
            ("address", self.frame.t("log-address")),
            ("unit", self.frame.t("account-unit")),
            ("app", self.frame.t("log-app")),
        ]
    }
}

/// Where what is concerned can be closed.
pub(super) fn lockdown(scope: &str, incident: u64) -> String {
    format!("/console/lockdown/close?scope={}&minutes=60&incident={incident}", escaped(scope))
}
