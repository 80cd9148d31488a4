//! What is to be done about an incident, by whom, and until when.

use std::time::Duration;

use super::case::{Case, Sent, Ticked};
use super::plan::{Plan, Report, ReportRule, Shift, Task};
use crate::clock::Time;
use crate::model::{Level, Stage};

/// A task of the checklist.
#[derive(Clone, Debug, PartialEq)]
pub struct DueTask<'p> {
    pub id: String,
    pub task: &'p Task,
    /// The level whose checklist it stands in.
    pub level: Level,
    /// From when its time counts; `None`: the level is not confirmed.
    pub from: Option<Time>,
    /// `None`: the level is not confirmed, no time is set, or the incident ended without it.
    pub due: Option<Time>,
    pub done: Option<Ticked>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DueReport<'p> {
    pub rule: &'p ReportRule,
    /// `None`: not yet to be said, as a summary before the end.
    pub due: Option<Time>,
    /// The one by which it was met.
    pub sent: Option<Sent>,
    /// The last that was sent of it, which may be taken back.
    pub last: Option<Sent>,
}

impl DueTask<'_> {
    pub fn is_late(&self, now: Time) -> bool {
        is_late(self.due, self.done.as_ref().map(|done| done.at), now)
    }
}

impl DueReport<'_> {
    pub fn is_late(&self, now: Time) -> bool {
        is_late(self.due, self.sent.as_ref().map(|sent| sent.at), now)
    }
}

fn is_late(due: Option<Time>, met: Option<Time>, now: Time) -> bool {
    due.is_some_and(|due| met.unwrap_or(now) > due)
}

/// The checklist of its level and of those less grave, the gravest first: what a small incident takes, a grave one takes too.
pub fn tasks<'p>(case: &Case, plan: &'p Plan) -> Vec<DueTask<'p>> {
    let level = case.level(Some(plan));
    let of = |task: &'p Task, level: Level| {
        let (id, from) = (task.id(), case.confirmed_since(level));
        let (due, sent) = match task.report {
            Some(report) => sending(case, plan, report),
            None => (from.zip(task.within).map(|(from, within)| from.plus(within)), None),
        };
        let done = sent.or_else(|| case.tasks.get(&id).cloned());
        DueTask { id, task, level, from, due: due.filter(|_| done.is_some() || case.stage.is_open()), done }
    };
    let mut terms: Vec<_> = plan.levels.iter().filter(|terms| terms.level <= level).collect();
    terms.sort_by_key(|terms| std::cmp::Reverse(terms.level));
    terms.into_iter().flat_map(|terms| terms.checklist.iter().map(move |task| of(task, terms.level))).collect()
}

/// When the report is due that is still to be sent, or by whom and when it was sent.
fn sending(case: &Case, plan: &Plan, report: Report) -> (Option<Time>, Option<Ticked>) {
    let of_kind: Vec<DueReport<'_>> = reports(case, plan).into_iter().filter(|due| due.rule.report == report).collect();
    let waiting = of_kind.iter().filter(|due| due.sent.is_none()).min_by_key(|due| (due.due.is_none(), due.due));
    match waiting.or_else(|| of_kind.iter().max_by_key(|due| due.sent.as_ref().map(|sent| sent.at))) {
        Some(due) => (due.due, due.sent.as_ref().map(|sent| Ticked { by: sent.by.clone(), at: sent.at })),
        None => (None, None),
    }
}

/// Whether there is such a task: in a checklist of the plan, or, where the plan has it no more, among what was done.
pub fn has_task(case: &Case, plan: Option<&Plan>, id: &str) -> bool {
    plan.is_some_and(|plan| tasks(case, plan).iter().any(|task| task.id == id)) || case.tasks.contains_key(id)
}

/// The reports that are due of its level, in the order of the plan.
pub fn reports<'p>(case: &Case, plan: &'p Plan) -> Vec<DueReport<'p>> {
    // A false alarm, or what is part of another incident, is not reported.
    if matches!(case.stage, Stage::Dismissed | Stage::Merged) {
        return Vec::new();
    }
    plan.reports(case.level(Some(plan))).map(|rule| report(case, rule)).collect()
}

fn report<'p>(case: &Case, rule: &'p ReportRule) -> DueReport<'p> {
    let fits = |sent: &&Sent| sent.report == rule.report && is_to(sent, rule);
    let last = case.reports.iter().rev().find(fits).cloned();
    let after = |time: Option<Time>, within: Duration| time.map(|time| time.plus(within));
    match rule.report {
        // One that was sent in time stays so when it is sent again.
        Report::First => {
            let sent = case.reports.iter().find(fits).cloned();
            DueReport { rule, due: after(Some(case.found), rule.within), sent, last }
        }
        Report::Summary => {
            let closed = case.reached.get(&Stage::Closed).copied().filter(|_| !case.stage.is_open());
            // What was sent before it began anew says nothing of its end.
            let sent = case.reports.iter().find(|sent| fits(sent) && Some(sent.at) >= closed).cloned();
            DueReport { rule, due: after(closed, rule.within), sent: sent.filter(|_| closed.is_some()), last }
        }
        // One after the other, as long as it goes on.
        Report::Supplement | Report::Situation => {
            let is_before = |sent: &&Sent| fits(sent) || (sent.report == Report::First && is_to(sent, rule));
            let before = case.reports.iter().rev().find(is_before);
            DueReport { rule, due: after(before.map(|sent| sent.at).filter(|_| case.stage.is_open()), rule.within), sent: None, last }
        }
    }
}

/// Whether it went to whom the rule names, in either language.
pub(super) fn is_to(sent: &Sent, rule: &ReportRule) -> bool {
    [&rule.to.zh, &rule.to.en].contains(&&sent.to)
}

/// Who is on duty at `now`, in the order of the plan.
pub fn on_duty(plan: &Plan, now: Time) -> impl Iterator<Item = &Shift> {
    plan.shifts.iter().filter(move |shift| shift.hours.as_ref().is_none_or(|hours| hours.open_until(now).is_some()))
}
