//! The review after an incident: what happened when, how long each part took, and what the plan asked for.

use serde::{Deserialize, Serialize};

use super::facts::step_told;
use super::words::shut;
use super::{FormLanguage, Ground};
use crate::clock::Time;
use crate::incident::case::{Case, Line, What};
use crate::incident::measured::{Measure, Measured, Verdict, measured, stages};
use crate::incident::subject::Subject;
use crate::model::{AppId, Stage};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub incident: u64,
    /// The drill that it is part of: it never was.
    #[serde(default)]
    pub drill: Option<u64>,
    pub language: FormLanguage,
    pub title: String,
    /// What it was, in a line each.
    pub summary: Vec<String>,
    pub stages: Vec<ReviewStage>,
    pub measures: Vec<ReviewMeasure>,
    pub story: Vec<StoryTold>,
    /// What happened too often to be told line by line.
    pub untold: u64,
    /// RFC 3339, in UTC.
    pub made: String,
}

/// How long it was at one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewStage {
    pub stage: Stage,
    pub name: String,
    pub from: String,
    /// As text; of the last one, until now if it is not over.
    pub took: String,
    /// Where it begins and ends, of a thousand parts of the whole.
    pub begins: u64,
    pub ends: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewMeasure {
    pub name: String,
    /// `None`: it is not known, or has not come to its end.
    pub took: Option<String>,
    pub took_s: Option<u64>,
    /// When it was done.
    pub done: Option<String>,
    pub due: Option<String>,
    pub verdict: Verdict,
    /// In words, with by how much it is late.
    pub told: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryTold {
    pub record: u64,
    pub at: String,
    /// `None`: the gateway, or whoever owns the machine.
    pub by: Option<String>,
    pub what: String,
}

/// The whole, of which parts are drawn.
const WHOLE: i64 = 1_000;

/// Draws the review up.
pub fn review(case: &Case, ground: &Ground<'_>) -> Review {
    let language = ground.language;
    let number = case.number;
    let measures = measured(case, ground.plan, ground.log.first, ground.now);
    Review {
        incident: number,
        drill: case.drill,
        language,
        title: match language {
            FormLanguage::Chinese => format!("{}网络安全事件复盘（事件 {number}）", super::drill(case, language)),
            FormLanguage::English => format!("{}After-action review of incident {number}", super::drill(case, language)),
        },
        summary: summary(case, ground),
        stages: drawn(case, ground),
        measures: measures.iter().map(|measure| of_measure(measure, ground)).collect(),
        story: case.story.iter().map(|line| told(line, ground)).collect(),
        untold: case.untold,
        made: ground.now.to_string(),
    }
}

impl Review {
    /// What was late, or never done.
    pub fn late(&self) -> impl Iterator<Item = &ReviewMeasure> {
        self.measures.iter().filter(|measure| measure.verdict == Verdict::Late)
    }
}

fn summary(case: &Case, ground: &Ground<'_>) -> Vec<String> {
    let language = ground.language;
    let (level, category) = (language.level(case.level(ground.plan), ground.plan), language.category(case.category));
    let confirmed = match case.confirmed {
        Some(_) => language.of("已确认", "confirmed"),
        None => language.of("网关建议，未确认", "proposed, not confirmed"),
    };
    let stage = language.stage(case.stage);
    let line = |zh: String, en: String| match language {
        FormLanguage::Chinese => zh,
        FormLanguage::English => en,
    };
    let mut lines: Vec<String> = case.title.iter().cloned().collect();
    lines.push(format!(
        "{level}{}{confirmed}{}{category}{}{stage}",
        language.of("，", ", "),
        language.of("；", "; "),
        language.of("；", "; ")
    ));
    lines.push(line(format!("日志记录 {} 至 {}", case.first, case.last), format!("records {} to {} of the log", case.first, case.last)));
    // Without them there is nothing to make it of.
    if ground.log.first.is_some() && ground.log.last.is_some() {
        lines.push(super::evidence(case, language));
    }
    lines.extend(super::facts::conclusions(case, ground));
    lines
}

fn drawn(case: &Case, ground: &Ground<'_>) -> Vec<ReviewStage> {
    let stages = stages(case);
    let is_over = !case.stage.is_open();
    let last = stages.last().map_or(case.found, |(_, at)| *at);
    let end = if is_over { last } else { ground.now.max(last) };
    let whole = i64::try_from(end.since(case.found).as_millis()).unwrap_or(i64::MAX).max(1);
    let place = |at: Time| {
        let since = i64::try_from(at.since(case.found).as_millis()).unwrap_or(i64::MAX);
        u64::try_from(since.saturating_mul(WHOLE).checked_div(whole).unwrap_or(0).clamp(0, WHOLE)).unwrap_or(0)
    };
    let ends = stages.iter().skip(1).map(|(_, at)| *at).chain([end]);
    let told = |((stage, from), to): (&(Stage, Time), Time)| ReviewStage {
        stage: *stage,
        name: ground.language.stage(*stage).to_owned(),
        from: ground.time(*from),
        took: ground.language.length(to.since(*from)),
        begins: place(*from),
        ends: place(to),
    };
    stages.iter().zip(ends).map(told).collect()
}

fn of_measure(measure: &Measure, ground: &Ground<'_>) -> ReviewMeasure {
    let language = ground.language;
    let late = measure.late_by(ground.now).map(|by| language.length(by));
    let told = match (measure.verdict, measure.to, late) {
        (Verdict::Kept, _, _) => language.of("按时", "in time").to_owned(),
        (Verdict::Late, Some(_), by) => format!("{}{}", language.of("逾期 ", "late by "), by.unwrap_or_default()),
        (Verdict::Late, None, None) => language.of("至事件结束未完成", "not done when the incident ended").to_owned(),
        (Verdict::Late, None, by) => format!("{}{}", language.of("未完成，已逾期 ", "not done, late by "), by.unwrap_or_default()),
        (Verdict::Open, _, _) => language.of("未到期", "not due yet").to_owned(),
        (Verdict::NoTimeSet, Some(_), _) => language.of("预案未规定时限", "the plan sets no time").to_owned(),
        (Verdict::NoTimeSet, None, _) => language.of("无", "none").to_owned(),
    };
    ReviewMeasure {
        name: name(&measure.what, language),
        took: measure.took().map(|took| language.length(took)),
        took_s: measure.took().map(|took| took.as_secs()),
        done: measure.to.map(|to| ground.time(to)),
        due: measure.due.map(|due| ground.time(due)),
        verdict: measure.verdict,
        told,
    }
}

fn name(what: &Measured, language: FormLanguage) -> String {
    match what {
        Measured::Detect => language.of("发现（自最早的相关记录起）", "detect, from the earliest record of it").to_owned(),
        Measured::Acknowledge => language.of("接警（自发现起）", "see, from when it was found").to_owned(),
        Measured::Confirm => language.of("研判定级（自发现起）", "confirm, from when it was found").to_owned(),
        Measured::Contain => language.of("遏制（自发现起）", "contain, from when it was found").to_owned(),
        Measured::Clear => language.of("消除原因并开始恢复（自发现起）", "begin to recover, from when it was found").to_owned(),
        Measured::Recover => language.of("恢复并结束（自发现起）", "recover and close, from when it was found").to_owned(),
        Measured::Report { report, to, names } => {
            let to = names.as_ref().map_or(to.as_str(), |names| language.text(names));
            format!("{}{}{to}", language.report(*report), language.of("：", " to "))
        }
        Measured::Task { what, duty } => format!("{} ({})", language.text(what), language.duty(*duty)),
    }
}

/// In words, as pages have them.
fn subject(subject: &Subject, ground: &Ground<'_>) -> String {
    let language = ground.language;
    let app = |id: &str| AppId::parse(id).map_or_else(|| id.to_owned(), |id| ground.app(&id));
    match subject {
        Subject::Account(name) => format!("{} {name}", language.of("账号", "account")),
        Subject::Address(address) if address.is_ipv6() => format!("{} {address}/48", language.of("地址", "address")),
        Subject::Address(address) => format!("{} {address}", language.of("地址", "address")),
        Subject::Unit(name) => format!("{} {name}", language.of("单位", "unit")),
        Subject::App(id) => format!("{} {}", language.of("应用系统", "app"), app(id)),
        Subject::Page { app: id, page } => match language {
            FormLanguage::Chinese => format!("{} 的页面 {page}", app(id)),
            FormLanguage::English => format!("page {page} of {}", app(id)),
        },
        Subject::Gateway => language.of("网关本身", "the gateway itself").to_owned(),
    }
}

fn told(line: &Line, ground: &Ground<'_>) -> StoryTold {
    let language = ground.language;
    let say = |zh: String, en: String| match language {
        FormLanguage::Chinese => zh,
        FormLanguage::English => en,
    };
    let what = match &line.what {
        What::Opened(opening) => say(format!("人工登记：{}", opening.title), format!("opened by hand: {}", opening.title)),
        What::Found(signal) => {
            let kind = ground.plan.and_then(|plan| plan.triggers.iter().find(|known| known.name == signal.trigger));
            let means = kind.map(|known| language.finding(&known.kind)).map(|means| format!("{means} ")).unwrap_or_default();
            let level = language.level(signal.level, ground.plan);
            let (trigger, subject, amount) = (&signal.trigger, subject(&signal.subject, ground), signal.amount);
            say(
                format!("告警：{means}[{trigger}]，{subject}，数量 {amount}，建议{level}"),
                format!("alarm: {means}[{trigger}], {subject}, amount {amount}, proposes {level}"),
            )
        }
        What::Step(step) => step_told(step, ground),
        What::TooLate(step) => {
            let step = step_told(step, ground);
            say(format!("为时已晚，未生效：{step}"), format!("too late, changed nothing: {step}"))
        }
        What::Shut(scope) => shut(language, scope, true),
        What::OpenedAgain(scope) => shut(language, scope, false),
        What::TookIn(other) => say(format!("并入了事件 {other}"), format!("incident {other} became part of it")),
    };
    let by = line.by.as_ref().map(|by| language.person(by, ground.plan));
    StoryTold { record: line.record, at: ground.time(line.at), by, what }
}
