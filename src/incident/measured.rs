//! How long what was done about an incident took, against the plan.
//!
//! Invariant: a time stands here only if the log has it; what did not happen, or does not hold any more, has none.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::case::{Case, Sent, What};
use super::due::{self, DueTask};
use super::plan::{Duty, Plan, Report, ReportRule, Texts};
use super::step::Step;
use crate::clock::Time;
use crate::model::Stage;

/// One span of the handling, and what the plan asks of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measure {
    pub what: Measured,
    /// `None`: it is not known when that began, or it has not begun.
    pub from: Option<Time>,
    /// `None`: it has not come to its end.
    pub to: Option<Time>,
    /// `None`: the plan sets no time for it, or not yet.
    pub due: Option<Time>,
    pub verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measured {
    /// From the first record of it until it was known.
    Detect,
    /// Until somebody said that she sees to it.
    Acknowledge,
    /// Until a person confirmed its level.
    Confirm,
    Contain,
    /// Until its cause was gone.
    Clear,
    /// Until it was closed.
    Recover,
    Report {
        report: Report,
        to: String,
        names: Option<Texts>,
    },
    Task {
        what: Texts,
        duty: Duty,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Done in time.
    Kept,
    /// Done too late, or not done though its time is over, or the incident.
    Late,
    /// Not done, and there is time left.
    Open,
    /// The plan sets no time.
    NoTimeSet,
}

impl Verdict {
    fn of(due: Option<Time>, met: Option<Time>, now: Time) -> Self {
        match (due, met) {
            (None, _) => Self::NoTimeSet,
            (Some(due), _) if met.unwrap_or(now) > due => Self::Late,
            (Some(_), Some(_)) => Self::Kept,
            (Some(_), None) => Self::Open,
        }
    }
}

impl Measure {
    pub fn took(&self) -> Option<Duration> {
        self.from.zip(self.to).map(|(from, to)| to.since(from))
    }

    /// By how much it is late, or was.
    pub fn late_by(&self, now: Time) -> Option<Duration> {
        let late = self.due.map(|due| self.to.unwrap_or(now).since(due));
        late.filter(|_| self.verdict == Verdict::Late)
    }
}

/// The stages of an incident and when it came to each, in the order of what happened.
pub fn stages(case: &Case) -> Vec<(Stage, Time)> {
    let moves = case.story.iter().filter_map(|line| match &line.what {
        What::Step(Step::Assessed { .. }) => Some((Stage::Assessed, line.at)),
        What::Step(Step::Moved { to, .. }) => Some((*to, line.at)),
        What::Step(Step::Merged { .. }) => Some((Stage::Merged, line.at)),
        _ => None,
    });
    std::iter::once((Stage::Detected, case.found)).chain(moves).collect()
}

/// When the stage was reached, unless the incident went back behind it.
pub fn reached(case: &Case, stage: Stage) -> Option<Time> {
    let mut standing: Vec<(Stage, Time)> = Vec::new();
    for (to, at) in stages(case) {
        if !matches!(to, Stage::Dismissed | Stage::Merged) {
            standing.retain(|(known, _)| *known < to);
        }
        standing.push((to, at));
    }
    standing.iter().find(|(known, _)| *known == stage).map(|(_, at)| *at)
}

/// What was measured, in the order of the handling. `began`: the time of its first record, where that can be read.
pub fn measured(case: &Case, plan: Option<&Plan>, began: Option<Time>, now: Time) -> Vec<Measure> {
    let without_due = |what, from: Option<Time>, to| Measure { what, from, to, due: None, verdict: Verdict::NoTimeSet };
    let since_found = |what, stage| without_due(what, Some(case.found), reached(case, stage));
    // Nothing happened before it was found if its first record is the one that opened it.
    let began = began.filter(|_| case.first < case.number);
    let mut measures = vec![
        without_due(Measured::Detect, began, Some(case.found)),
        without_due(Measured::Acknowledge, Some(case.found), case.first_seen()),
        since_found(Measured::Confirm, Stage::Assessed),
        since_found(Measured::Contain, Stage::Contained),
        since_found(Measured::Clear, Stage::Recovering),
        since_found(Measured::Recover, Stage::Closed),
    ];
    measures.extend(reports(case, plan, now));
    let tasks = plan.map(|plan| due::tasks(case, plan)).unwrap_or_default();
    // Reports are measured themselves.
    measures.extend(tasks.iter().filter(|task| task.task.report.is_none()).map(|task| of_task(case, task, now)));
    measures
}

fn of_task(case: &Case, task: &DueTask<'_>, now: Time) -> Measure {
    let done = task.done.as_ref().map(|done| done.at);
    // What is no incident, or is part of another one, asks for nothing.
    let was_left = done.is_none() && matches!(case.stage, Stage::Closed | Stage::Reviewed);
    Measure {
        what: Measured::Task { what: task.task.what.clone(), duty: task.task.duty },
        from: task.from,
        to: done,
        due: task.due,
        verdict: if was_left { Verdict::Late } else { Verdict::of(task.due, done, now) },
    }
}

/// The reports that were sent, each against the plan, and those that are due.
pub fn reports(case: &Case, plan: Option<&Plan>, now: Time) -> Vec<Measure> {
    let rules: Vec<&ReportRule> = plan.map(|plan| plan.reports(case.level(Some(plan))).collect()).unwrap_or_default();
    let rule_of = |sent: &Sent| rules.iter().find(|rule| is_by(sent, rule)).copied();
    let mut measures: Vec<Measure> = Vec::new();
    for (n, sent) in case.reports.iter().enumerate() {
        let rule = rule_of(sent);
        let before = case.reports.get(..n).unwrap_or_default();
        // One that was sent already may be sent once more at any time.
        let is_again = matches!(sent.report, Report::First | Report::Summary) && before.iter().any(|other| is_same(other, sent));
        let from = rule.and_then(|rule| since(case, rule, before));
        let due = rule.zip(from).map(|(rule, from)| from.plus(rule.within)).filter(|_| !is_again);
        let names = rule.map(|rule| rule.to.clone());
        let what = Measured::Report { report: sent.report, to: sent.to.clone(), names };
        measures.push(Measure {
            what,
            from: from.or(Some(case.found)),
            to: Some(sent.at),
            due,
            verdict: Verdict::of(due, Some(sent.at), now),
        });
    }
    // A false alarm, or what is part of another incident, is not reported.
    let waits = rules.iter().filter(|_| !matches!(case.stage, Stage::Dismissed | Stage::Merged)).filter(|rule| match rule.report {
        Report::First | Report::Summary => !case.reports.iter().any(|sent| is_by(sent, rule)),
        Report::Supplement | Report::Situation => case.stage.is_open(),
    });
    measures.extend(waits.map(|rule| {
        let from = since(case, rule, &case.reports);
        let due = from.map(|from| from.plus(rule.within));
        let what = Measured::Report { report: rule.report, to: rule.to.zh.clone(), names: Some(rule.to.clone()) };
        Measure { what, from, to: None, due, verdict: Verdict::of(due, None, now) }
    }));
    measures
}

/// Whether it is the report that the rule asks for, to whom it asks for it.
fn is_by(sent: &Sent, rule: &ReportRule) -> bool {
    sent.report == rule.report && due::is_to(sent, rule)
}

fn is_same(one: &Sent, other: &Sent) -> bool {
    one.report == other.report && one.to == other.to
}

/// From when on the rule counts, after these were sent.
fn since(case: &Case, rule: &ReportRule, sent: &[Sent]) -> Option<Time> {
    match rule.report {
        Report::First => Some(case.found),
        Report::Summary => reached(case, Stage::Closed),
        Report::Supplement | Report::Situation => {
            let follows = |sent: &&Sent| matches!(sent.report, Report::First) || sent.report == rule.report;
            sent.iter().rev().filter(follows).find(|sent| due::is_to(sent, rule)).map(|sent| sent.at)
        }
    }
}
