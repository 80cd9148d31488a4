//! What is to be done about an incident, as it is listed at a terminal: tasks with the numbers by which they are ticked off, and reports.

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::incident::{self, Case, DueTask, Plan};

/// Ids of tasks are longer.
const LONGEST_NUMBER: usize = 4;

#[derive(Debug, Serialize, Deserialize)]
pub struct TodoLine {
    /// By which a task of the checklist is called on record; `None`: it is a report.
    #[serde(default)]
    pub task: Option<String>,
    /// By which it may be called at a terminal.
    #[serde(default)]
    pub number: Option<u64>,
    pub what: String,
    /// Whose it is, or who gets it.
    pub whose: String,
    pub due: Option<String>,
    pub done: Option<String>,
    pub late: bool,
}

/// What is open comes first, by when it is due; what is done then, by when it was.
pub(super) fn lines(case: &Case, plan: &Plan, now: Time) -> Vec<TodoLine> {
    let tasks = numbered(case, plan).into_iter().map(|(number, task)| {
        let (due, done) = (task.due, task.done.as_ref().map(|done| done.at));
        let late = task.is_late(now);
        let line = TodoLine {
            task: Some(task.id),
            number: Some(number),
            what: task.task.what.en.clone(),
            whose: task.task.duty.word().to_owned(),
            due: due.map(|due| due.to_string()),
            done: done.map(|done| done.to_string()),
            late,
        };
        (done, due, line)
    });
    let reports = incident::reports(case, plan).into_iter().map(|report| {
        let (due, done) = (report.due, report.sent.as_ref().map(|sent| sent.at));
        let line = TodoLine {
            task: None,
            number: None,
            what: format!("{} report", report.rule.report.word()),
            whose: report.rule.to.en.clone(),
            due: due.map(|due| due.to_string()),
            done: done.map(|done| done.to_string()),
            late: report.is_late(now),
        };
        (done, due, line)
    });
    let mut all: Vec<_> = tasks.chain(reports).collect();
    all.sort_by_key(|(done, due, _)| (*done, due.is_none(), *due));
    all.into_iter().map(|(_, _, line)| line).collect()
}

/// The tasks of the least grave level come first, so that a number stays the same task's when the level is raised or lowered.
fn numbered<'p>(case: &Case, plan: &'p Plan) -> Vec<(u64, DueTask<'p>)> {
    let mut tasks = incident::tasks(case, plan);
    tasks.sort_by_key(|task| task.level);
    (1..).zip(tasks).collect()
}

/// The id of the task that is called so, by its number or its id, if there is one.
pub(super) fn called(case: &Case, plan: Option<&Plan>, name: &str) -> Option<String> {
    let number: Option<u64> = Some(name).filter(|name| name.len() <= LONGEST_NUMBER).and_then(|name| name.parse().ok());
    match (number, plan) {
        (Some(number), Some(plan)) => {
            let task = numbered(case, plan).into_iter().find(|(own, _)| *own == number);
            task.map(|(_, task)| task.id)
        }
        _ => incident::has_task(case, plan, name).then(|| name.to_owned()),
    }
}

/// The task in the words of the plan, or by its id, where the plan has it no more.
pub(super) fn in_words(plan: Option<&Plan>, id: &str) -> String {
    let mut tasks = plan.into_iter().flat_map(|plan| &plan.levels).flat_map(|terms| &terms.checklist);
    tasks.find(|task| task.id() == id).map_or_else(|| id.to_owned(), |task| format!("\"{}\"", task.what.en))
}
