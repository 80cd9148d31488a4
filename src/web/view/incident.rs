//! One incident, for the duty officer at night: what happened, how sure that is, what has been done, what is next.

use std::borrow::Cow;

use askama::Template;

use super::error::dialled;
use super::incidents::lockdown;
use super::{About, Deadline, Frame, IncidentRow, LevelEffects, Moment, Paging, TypedStep};
use crate::incident::{Acted, Category, Duty, MOST_WORDS, Report, Step, Texts, What};
use crate::lang::{self, Value};
use crate::model::{Level, Stage};

#[derive(Clone, Debug)]
pub struct ConfirmedLevel {
    pub level: Level,
    pub done: DoneBy,
}

/// What the gateway proposes, and from what.
#[derive(Clone, Debug)]
pub struct ProposedLevel {
    pub level: Level,
    /// What triggers, or whoever opened it, said.
    pub claimed: Level,
    /// What it proposes that is graver than what somebody confirmed before it did.
    pub graver: Option<Level>,
    pub accounts: u64,
    pub units: u64,
    pub apps: u64,
}

/// Something was done, by somebody or by the gateway.
#[derive(Clone, Debug)]
pub struct DoneBy {
    pub by: Option<String>,
    pub at: Moment,
}

#[derive(Clone, Debug)]
pub struct TaskRow {
    pub id: String,
    pub what: Texts,
    pub level: Level,
    pub duty: Duty,
    /// Who has this duty now, or all who have it where nobody is on duty.
    pub people: Vec<String>,
    pub due: Option<Deadline>,
    pub done: Option<DoneBy>,
    pub is_late: bool,
    /// It is done by saying that a report was sent.
    pub is_report: bool,
}

#[derive(Clone, Debug)]
pub struct ReportRow {
    pub report: Report,
    pub to: Texts,
    pub source: Texts,
    pub due: Option<Deadline>,
    pub sent: Option<DoneBy>,
    /// The last that was sent of it, which may be taken back.
    pub last: Option<DoneBy>,
    pub is_late: bool,
}

/// Somebody of the duty list.
#[derive(Clone, Debug)]
pub struct DutyRow {
    pub duty: Duty,
    pub account: String,
    pub name: String,
    pub phone: String,
    pub is_on_duty: bool,
}

impl DutyRow {
    fn dialled(&self) -> String {
        dialled(&self.phone)
    }
}

#[derive(Clone, Debug)]
pub struct StoryRow {
    pub record: u64,
    pub at: Moment,
    pub by: Option<String>,
    pub what: What,
    /// Of a task, as the plan has it now.
    pub task: Option<Texts>,
}

impl StoryRow {
    /// What people wrote with it.
    pub(super) fn words(&self, frame: &Frame) -> Cow<'_, str> {
        let (What::Step(step) | What::TooLate(step)) = &self.what else {
            return Cow::Borrowed(if let What::Opened(opening) = &self.what { &opening.title } else { "" });
        };
        let words = match step {
            Step::Assessed { why, .. } | Step::Level { why, .. } | Step::Moved { why, .. } | Step::Merged { why, .. } => why,
            Step::Noted { text } => text,
            Step::Reported { to, .. } | Step::NotReported { to, .. } => to,
            Step::Acted { what, .. } => return Acted::parse(what).map_or(Cow::Borrowed(what), |acted| Cow::Owned(frame.acted(&acted))),
            Step::Extent(_) | Step::Task { .. } | Step::HandedTo { .. } | Step::Acknowledged => "",
        };
        Cow::Borrowed(words)
    }

    fn is_too_late(&self) -> bool {
        matches!(self.what, What::TooLate(_))
    }
}

/// A stage that it may go to from here.
#[derive(Clone, Copy, Debug)]
pub struct MoveTo {
    pub to: Stage,
    /// Whether a reason has to be given.
    pub asks_why: bool,
}

/// What can be closed because of it: how it is asked for, and what it is.
#[derive(Clone, Debug)]
pub struct ToClose {
    pub scope: String,
    pub about: About,
}

/// How much is concerned as people know it, field by field, as it stands in the form.
#[derive(Clone, Debug, Default)]
pub struct ExtentRow {
    pub numbers: Vec<(&'static str, String)>,
    pub apps: Vec<(String, String, bool)>,
}

#[derive(Template)]
#[template(path = "console_incident.html")]
pub struct IncidentView {
    pub frame: Frame,
    pub row: IncidentRow,
    pub may_handle: bool,
    /// Whether she may read the records that it is about.
    pub may_read_log: bool,
    /// Whether she may close apps and units.
    pub may_close: bool,
    pub has_plan: bool,
    pub now: Moment,
    pub category: Category,
    pub confirmed: Option<ConfirmedLevel>,
    pub proposed: ProposedLevel,
    /// What confirming each level does, by the plan.
    pub levels: Vec<LevelEffects>,
    /// The triggers that found it, with how often each did.
    pub triggers: Vec<(String, u64)>,
    pub latest: Moment,
    pub seen: Option<DoneBy>,
    pub is_hers: bool,
    pub merged_into: Option<u64>,
    pub moves: Vec<MoveTo>,
    pub closables: Vec<ToClose>,
    pub tasks: Vec<TaskRow>,
    pub reports: Vec<ReportRow>,
    pub people: Vec<DutyRow>,
    pub extent: ExtentRow,
    /// The other open ones, of which it can become a part: number and what happened.
    pub others: Vec<IncidentRow>,
    pub first: u64,
    pub last: u64,
    pub story: Vec<StoryRow>,
    pub untold: u64,
    pub paging: Paging,
    pub typed: TypedStep,
}

impl IncidentView {
    fn action(&self, step: &str) -> String {
        format!("/console/incidents/{}/{step}", self.row.number)
    }

    fn close_link(&self, closable: &ToClose) -> String {
        lockdown(&closable.scope, self.row.number)
    }

    fn paper(&self, report: &Report) -> String {
        self.action(&format!("report/{}", report.word()))
    }

    fn is_open(&self) -> bool {
        self.row.stage.is_open()
    }

    /// What a closed incident cost is often known later.
    fn takes_notes(&self) -> bool {
        self.may_handle && (self.is_open() || matches!(self.row.stage, Stage::Closed | Stage::Reviewed))
    }

    fn is_to_be_assessed(&self) -> bool {
        self.may_handle && self.row.stage == Stage::Detected
    }

    fn holds_level(&self) -> bool {
        self.may_handle && self.row.stage.holds_level()
    }

    fn may_dismiss(&self) -> bool {
        self.may_handle && self.row.stage.next().contains(&Stage::Dismissed)
    }

    /// The gateway would say more by now than somebody has confirmed.
    fn is_graver(&self) -> bool {
        self.proposed.graver.is_some()
    }

    fn graver(&self) -> &Level {
        self.proposed.graver.as_ref().unwrap_or(&self.proposed.level)
    }

    fn is_by_thresholds(&self) -> bool {
        self.proposed.level > self.proposed.claimed
    }

    fn level_class(&self, level: &Level) -> &'static str {
        super::incident_words::colour(*level)
    }

    fn concerned(&self) -> Cow<'static, str> {
        let ProposedLevel { accounts, units, apps, .. } = &self.proposed;
        let counts = [("accounts", Value::Count(*accounts)), ("units", Value::Count(*units)), ("apps", Value::Count(*apps))];
        lang::text_with(self.frame.language, "incident-concerned", &counts)
    }

    fn done_tasks(&self) -> Cow<'static, str> {
        let count = |number: usize| Value::Count(u64::try_from(number).unwrap_or(u64::MAX));
        let done = self.tasks.iter().filter(|task| task.done.is_some()).count();
        lang::text_with(self.frame.language, "tasks-done", &[("done", count(done)), ("all", count(self.tasks.len()))])
    }

    fn on_duty(&self) -> impl Iterator<Item = &DutyRow> {
        self.people.iter().filter(|person| person.is_on_duty)
    }

    fn off_duty(&self) -> impl Iterator<Item = &DutyRow> {
        self.people.iter().filter(|person| !person.is_on_duty)
    }

    fn done_by(&self, done: &DoneBy) -> String {
        let by = done.by.clone().unwrap_or_else(|| self.frame.t("story-gateway").into_owned());
        lang::text_with(self.frame.language, "done-by", &[("name", Value::Name(&by)), ("time", Value::Name(&done.at.shown))]).into_owned()
    }

    fn extent_label(&self, name: &str) -> Cow<'static, str> {
        self.frame.t(match name {
            "accounts" => "extent-accounts",
            "units" => "extent-units",
            "people" => "extent-people",
            "loss" => "extent-loss",
            "outage" => "extent-outage",
            _ => "extent-defaced",
        })
    }

    /// What the form of a level shows at first: what was typed, or `level`.
    fn chooses(&self, step: &str, offered: &Level, level: &Level) -> bool {
        self.typed.or(step, "level", level.word()) == offered.word()
    }

    fn is_category(&self, word: &str) -> bool {
        self.typed.or("assessed", "category", self.category.word()) == word
    }

    fn confirmed_or_proposed(&self) -> &Level {
        self.confirmed.as_ref().map_or(&self.proposed.level, |confirmed| &confirmed.level)
    }

    fn is_chosen(&self, other: &u64) -> bool {
        self.typed.text("merged", "into") == other.to_string()
    }

    /// On paper there is no other page to turn to.
    fn lines_before(&self) -> Option<Cow<'static, str>> {
        let before = self.paging.before();
        (before > 0).then(|| self.frame.t_count("story-before", "count", &before))
    }

    /// Which records it is about.
    fn records(&self) -> Cow<'static, str> {
        lang::text_with(self.frame.language, "incident-records", &[("first", Value::Count(self.first)), ("last", Value::Count(self.last))])
    }

    fn after_last(&self) -> u64 {
        self.last.saturating_add(1)
    }

    fn most_words(&self) -> usize {
        MOST_WORDS
    }
}
