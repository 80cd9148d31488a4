//! The words of incidents in the languages of people: levels with their colours, stages, kinds, duties, and what a trigger found.
//!
//! Invariant: what a city chose itself (names of triggers, texts of its plan) is shown as it stands.

use std::borrow::Cow;
use std::time::Duration;

use super::{About, Deadline, Found, Frame, Happened};
use crate::incident::{Acted, Beside, Category, Colour, Duty, Report, Step, Texts, What};
use crate::lang::{self, Language, Value};
use crate::model::{Level, LockdownScope, Stage};

const MEGABYTE: u64 = 1024 * 1024;

impl Frame {
    pub(super) fn level(&self, level: &Level) -> Cow<'static, str> {
        self.t(match level {
            Level::I => "level-1",
            Level::II => "level-2",
            Level::III => "level-3",
            Level::IV => "level-4",
        })
    }

    pub(super) fn stage(&self, stage: &Stage) -> Cow<'static, str> {
        self.t(match stage {
            Stage::Detected => "stage-detected",
            Stage::Assessed => "stage-assessed",
            Stage::Responding => "stage-responding",
            Stage::Contained => "stage-contained",
            Stage::Recovering => "stage-recovering",
            Stage::Closed => "stage-closed",
            Stage::Reviewed => "stage-reviewed",
            Stage::Dismissed => "stage-dismissed",
            Stage::Merged => "stage-merged",
        })
    }

    /// What a button says that leads to this stage.
    pub(super) fn stage_go(&self, stage: &Stage) -> Cow<'static, str> {
        self.t(match stage {
            Stage::Detected => "stage-go-detected",
            Stage::Assessed => "stage-go-assessed",
            Stage::Responding => "stage-go-responding",
            Stage::Contained => "stage-go-contained",
            Stage::Recovering => "stage-go-recovering",
            Stage::Closed => "stage-go-closed",
            Stage::Reviewed => "stage-go-reviewed",
            Stage::Dismissed => "stage-go-dismissed",
            Stage::Merged => "stage-go-merged",
        })
    }

    pub(super) fn category(&self, category: &Category) -> Cow<'static, str> {
        self.t(match category {
            Category::MaliciousCode => "category-malicious-code",
            Category::Attack => "category-attack",
            Category::Data => "category-data",
            Category::Content => "category-content",
            Category::Equipment => "category-equipment",
            Category::Violation => "category-violation",
            Category::HiddenDanger => "category-hidden-danger",
            Category::AbnormalBehaviour => "category-abnormal-behaviour",
            Category::ForceMajeure => "category-force-majeure",
            Category::Other => "category-other",
        })
    }

    /// What can be chosen, with the word that stands on record.
    pub(super) fn categories(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        Category::WORDS.iter().map(|(word, category)| (*word, self.category(category))).collect()
    }

    pub(super) fn duty(&self, duty: &Duty) -> Cow<'static, str> {
        self.t(match duty {
            Duty::Commander => "duty-commander",
            Duty::Handler => "duty-handler",
            Duty::Recorder => "duty-recorder",
            Duty::Liaison => "duty-liaison",
        })
    }

    pub(super) fn report(&self, report: &Report) -> Cow<'static, str> {
        self.t(match report {
            Report::First => "report-first",
            Report::Supplement => "report-supplement",
            Report::Situation => "report-situation",
            Report::Summary => "report-summary",
        })
    }

    /// A text of the plan: in Chinese, but for those who read English and for whom there is one.
    pub(super) fn of_plan<'t>(&self, texts: &'t Texts) -> &'t str {
        if self.reads_plan_in_english(texts) { &texts.en } else { &texts.zh }
    }

    /// In which language [`Frame::of_plan`] is.
    pub(super) fn plan_tag(&self, texts: &Texts) -> &'static str {
        if self.reads_plan_in_english(texts) { Language::English.tag() } else { Language::Chinese.tag() }
    }

    fn reads_plan_in_english(&self, texts: &Texts) -> bool {
        (self.language == Language::English && !texts.en.is_empty()) || texts.zh.is_empty()
    }

    pub(super) fn about(&self, about: &About) -> Cow<'static, str> {
        match about {
            About::Account(name) => self.t_name("subject-account", "name", name),
            About::Address(address) => self.t_name("subject-address", "address", address),
            About::Unit(name) => self.t_name("subject-unit", "name", name),
            About::App(name) => self.t_name("subject-app", "name", name),
            About::Page { app, page } => {
                lang::text_with(self.language, "subject-page", &[("app", Value::Name(app)), ("page", Value::Name(page))])
            }
            About::Gateway => self.t("subject-gateway"),
        }
    }

    /// The one sentence for somebody who was woken.
    pub(super) fn happened(&self, happened: &Happened) -> String {
        match happened {
            Happened::Titled(title) => title.clone(),
            Happened::Found(found) => {
                let (about, what) = (self.about(&found.about), self.found(found));
                lang::text_with(self.language, "happened", &[("about", Value::Text(&about)), ("what", Value::Text(&what))]).into_owned()
            }
        }
    }

    fn found(&self, found: &Found) -> Cow<'static, str> {
        let count = &found.amount;
        match found.kind {
            Some("failures") => self.t_count("happened-failures", "count", count),
            Some("many-accounts") => self.t_count("happened-many-accounts", "count", count),
            Some("second-factor") => self.t_count("happened-second-factor", "count", count),
            Some("token-misused") => self.t("happened-token-misused"),
            Some("two-places") => self.t("happened-two-places"),
            Some("outside-hours") => self.t("happened-outside-hours"),
            Some("bulk-download") => self.t_count("happened-bulk-download", "megabytes", &count.div_ceil(MEGABYTE)),
            Some("dormant") => self.t("happened-dormant"),
            Some("staff-address") => self.t("happened-staff-address"),
            Some("policy-loosened") => self.t("happened-policy-loosened"),
            Some("log-broken") => self.t("happened-log-broken"),
            Some("self-test-failed") => self.t("happened-self-test-failed"),
            Some("upstream-errors") => self.t_count("happened-upstream-errors", "count", count),
            Some("page-changed") => self.t("happened-page-changed"),
            // The plan does not know the trigger any more.
            _ => {
                lang::text_with(self.language, "happened-other", &[("name", Value::Name(&found.trigger)), ("count", Value::Count(*count))])
            }
        }
    }

    /// How long that is, in its two largest parts.
    pub(super) fn lasts(&self, time: Duration) -> Cow<'static, str> {
        let minutes = time.as_secs() / 60;
        let (hours, days) = (minutes / 60, minutes / 1_440);
        let (name, parts) = if days > 0 {
            ("time-days", [("d", days), ("h", hours % 24)])
        } else if hours > 0 {
            ("time-hours", [("h", hours), ("m", minutes % 60)])
        } else {
            ("time-minutes", [("m", minutes), ("h", 0)])
        };
        lang::text_with(self.language, name, &parts.map(|(name, count)| (name, Value::Count(count))))
    }

    pub(super) fn level_lasts(&self, time: &Duration) -> Cow<'static, str> {
        lang::text_with(self.language, "level-lasts", &[("time", Value::Text(&self.lasts(*time)))])
    }

    pub(super) fn left(&self, deadline: &Deadline) -> Cow<'static, str> {
        let key = if deadline.is_late { "time-late" } else { "time-left" };
        lang::text_with(self.language, key, &[("time", Value::Text(&self.lasts(deadline.by)))])
    }

    /// As the script counts down: a text with `{d}`, `{h}`, `{m}` and `{t}` where numbers and times go.
    pub(super) fn countdown_words(&self) -> Vec<(&'static str, Cow<'static, str>)> {
        let of = |key, names: &[&str]| {
            let marks: Vec<String> = names.iter().map(|name| format!("{{{}}}", name.get(..1).unwrap_or_default())).collect();
            let values: Vec<(&str, Value<'_>)> = names.iter().zip(&marks).map(|(name, mark)| (*name, Value::Text(mark))).collect();
            lang::text_with(self.language, key, &values)
        };
        vec![
            ("days", of("time-days", &["d", "h"])),
            ("hours", of("time-hours", &["h", "m"])),
            ("minutes", of("time-minutes", &["m"])),
            ("left", of("time-left", &["time"])),
            ("late", of("time-late", &["time"])),
        ]
    }

    /// One line of the story of an incident, without the reasons that people gave.
    pub(super) fn told(&self, what: &What) -> String {
        match what {
            What::Opened(opening) => self.with_level("story-opened", opening.level),
            What::Found(signal) => self.t_name("story-found", "name", &signal.trigger).into_owned(),
            What::TookIn(other) => self.t_count("story-took-in", "number", other).into_owned(),
            What::Shut(scope) => self.t_name("story-shut", "name", &self.scope(scope)).into_owned(),
            What::OpenedAgain(scope) => self.t_name("story-opened-again", "name", &self.scope(scope)).into_owned(),
            What::Step(step) => self.step(step),
            What::TooLate(step) => format!("{}{}{}", self.t("story-too-late"), self.blank(), self.step(step)),
        }
    }

    fn scope(&self, scope: &LockdownScope) -> String {
        match scope {
            LockdownScope::All => self.t("lockdown-all"),
            LockdownScope::App(app) => self.t_name("lockdown-app", "name", &app.to_string()),
            LockdownScope::Unit(unit) => self.t_name("lockdown-unit", "name", unit.as_str()),
        }
        .into_owned()
    }

    /// What the gateway did for a level, and nothing that it did not.
    pub(super) fn acted(&self, acted: &Acted) -> String {
        let count =
            |key: &'static str, count: Option<u64>| count.filter(|count| *count > 0).map(|count| self.t_count(key, "count", &count));
        let mut parts: Vec<Cow<'static, str>> =
            [count("acted-sessions", acted.sessions), count("acted-tokens", acted.tokens)].into_iter().flatten().collect();
        if parts.is_empty() {
            parts.push(self.t(if acted.sessions.or(acted.tokens).is_some() { "acted-none" } else { "acted-nothing" }));
        }
        parts.extend(acted.beside.iter().map(|beside| match beside {
            Beside::Unlisted(count) => self.t_count("acted-unlisted", "count", count),
            Beside::LastWayIn(token) => self.t_name("acted-last-way-in", "name", token),
            Beside::Other(text) => Cow::Owned(text.clone()),
        }));
        format!("{} – {}", self.level(&acted.level), parts.join(" · "))
    }

    fn with_level(&self, key: &str, level: Level) -> String {
        lang::text_with(self.language, key, &[("level", Value::Text(&self.level(&level)))]).into_owned()
    }

    fn step(&self, step: &Step) -> String {
        let text = match step {
            Step::Assessed { level, .. } => return self.with_level("story-assessed", *level),
            Step::Level { level, .. } => return self.with_level("story-level", *level),
            Step::Moved { to, .. } => self.stage(to),
            Step::Merged { into, .. } => self.t_count("story-merged", "number", into),
            Step::Extent(_) => self.t("story-extent"),
            Step::Noted { .. } => self.t("story-noted"),
            Step::Task { done: true, .. } => self.t("story-task-done"),
            Step::Task { done: false, .. } => self.t("story-task-open"),
            Step::HandedTo { account } => self.t_name("story-handed", "name", account.as_str()),
            Step::Acknowledged => self.t("story-acknowledged"),
            Step::Reported { report, .. } => {
                lang::text_with(self.language, "story-reported", &[("report", Value::Text(&self.report(report)))])
            }
            Step::NotReported { report, .. } => {
                lang::text_with(self.language, "story-not-reported", &[("report", Value::Text(&self.report(report)))])
            }
            Step::Acted { .. } => self.t("story-acted"),
        };
        text.into_owned()
    }
}

/// The class of a level's mark.
pub(super) fn colour(level: Level) -> &'static str {
    Colour::of(level).word()
}
