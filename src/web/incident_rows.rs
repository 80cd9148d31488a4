//! Incidents as their pages show them: the book's words become rows, with the names and times that people read.

use crate::access::App;
use crate::clock::Time;
use crate::incident::{Case, DueReport, DueTask, Duty, Plan, Shift, Subject, What, on_duty, reports, tasks};
use crate::model::AccountName;

use super::call::Asked;
use super::own::name_of;
use super::view::{
    About, Deadline, DoneBy, DutyRow, ExtentRow, Found, Happened, IncidentRow, Moment, ProposedLevel, ReportRow, StoryRow, TaskRow,
    TypedStep,
};

/// So many things that an incident is about stand in a list, and on its page.
const FEW: usize = 3;
const MANY: usize = 24;

/// What incidents are read with: one moment, one plan, one language.
pub(super) struct Reader<'a> {
    asked: &'a Asked,
    plan: Option<&'a Plan>,
    /// By the wall's clock, as records are.
    wall: Time,
}

impl<'a> Reader<'a> {
    pub(super) fn new(asked: &'a Asked, plan: Option<&'a Plan>) -> Self {
        Self { asked, plan, wall: asked.portal.clock.wall() }
    }

    pub(super) fn few(&self) -> usize {
        FEW
    }

    pub(super) fn many(&self) -> usize {
        MANY
    }

    pub(super) fn now(&self) -> Moment {
        self.moment(self.wall)
    }

    pub(super) fn moment(&self, time: Time) -> Moment {
        self.asked.portal.moment(time)
    }

    pub(super) fn row(&self, case: &Case, most: usize) -> IncidentRow {
        let beside = case.subjects.len().saturating_sub(most);
        IncidentRow {
            is_drill: case.drill.is_some(),
            number: case.number,
            level: case.level(self.plan),
            is_confirmed: case.confirmed.is_some(),
            stage: case.stage,
            happened: self.happened(case),
            about: case.subjects.iter().take(most).map(|subject| self.about(subject)).collect(),
            more: case.more_subjects.saturating_add(beside.try_into().unwrap_or(u64::MAX)),
            since: self.moment(case.found),
            handler: case.handler.as_ref().map(|handler| self.person(handler)),
            is_seen: case.acknowledged.is_some(),
            next: self.next(case).map(|at| self.deadline(at)),
        }
    }

    /// The gravest thing that was found, and of those the latest.
    fn happened(&self, case: &Case) -> Happened {
        let found = case.story.iter().filter_map(|line| match &line.what {
            What::Found(signal) => Some(signal),
            _ => None,
        });
        match (&case.title, found.max_by_key(|signal| signal.level)) {
            (Some(title), _) => Happened::Titled(title.clone()),
            (None, Some(signal)) => {
                let known = self.plan.and_then(|plan| plan.triggers.iter().find(|trigger| trigger.name == signal.trigger));
                Happened::Found(Found {
                    trigger: signal.trigger.clone(),
                    kind: known.map(|trigger| trigger.kind.word()),
                    amount: signal.amount,
                    about: self.about(&signal.subject),
                })
            }
            (None, None) => Happened::Titled(format!("#{}", case.number)),
        }
    }

    pub(super) fn about(&self, subject: &Subject) -> About {
        match subject {
            Subject::Account(name) => About::Account(name.clone()),
            Subject::Address(address) => About::Address(address.to_string()),
            Subject::Unit(name) => About::Unit(name.clone()),
            Subject::App(id) => About::App(self.app(id)),
            Subject::Page { app, page } => About::Page { app: self.app(app), page: page.clone() },
            Subject::Gateway => About::Gateway,
        }
    }

    fn app(&self, id: &str) -> String {
        let apps = self.asked.portal.apps.load();
        let known = apps.iter().find(|app| app.id.as_str() == id);
        known.map_or_else(|| id.to_owned(), |app| name_of(app, self.asked.visit.language).to_owned())
    }

    /// By the name that the plan has for her, where it has one.
    pub(super) fn person(&self, account: &AccountName) -> String {
        let shift = self.plan.and_then(|plan| plan.shifts.iter().find(|shift| shift.account == *account));
        match shift {
            Some(shift) if shift.name != account.as_str() => format!("{} ({account})", shift.name),
            _ => account.to_string(),
        }
    }

    pub(super) fn done_by(&self, by: Option<&AccountName>, at: Time) -> DoneBy {
        DoneBy { by: by.map(|by| self.person(by)), at: self.moment(at) }
    }

    pub(super) fn deadline(&self, at: Time) -> Deadline {
        let is_late = self.wall > at;
        Deadline { at: self.moment(at), by: if is_late { self.wall.since(at) } else { at.since(self.wall) }, is_late }
    }

    /// When the next thing has to be done that is not done.
    fn next(&self, case: &Case) -> Option<Time> {
        let plan = self.plan?;
        let of_tasks = tasks(case, plan).into_iter().filter(|task| task.done.is_none() && case.stage.is_open()).filter_map(|task| task.due);
        let of_reports = reports(case, plan).into_iter().filter(|report| report.sent.is_none()).filter_map(|report| report.due);
        of_tasks.chain(of_reports).min()
    }

    pub(super) fn tasks(&self, case: &Case) -> Vec<TaskRow> {
        let due = self.plan.map(|plan| tasks(case, plan)).unwrap_or_default();
        due.into_iter().map(|task| self.task(task)).collect()
    }

    fn task(&self, due: DueTask<'_>) -> TaskRow {
        TaskRow {
            what: due.task.what.clone(),
            level: due.level,
            duty: due.task.duty,
            people: self.names(due.task.duty),
            due: due.due.map(|at| self.deadline(at)),
            done: due.done.as_ref().map(|done| self.done_by(done.by.as_ref(), done.at)),
            is_late: due.is_late(self.wall),
            is_report: due.task.report.is_some(),
            id: due.id,
        }
    }

    /// Whoever has the duty now; where nobody is on duty, whoever has it at all.
    fn names(&self, duty: Duty) -> Vec<String> {
        let Some(plan) = self.plan else { return Vec::new() };
        let of = |shift: &&Shift| shift.duty == duty;
        let now: Vec<String> = on_duty(plan, self.wall).filter(of).map(|shift| shift.name.clone()).collect();
        if now.is_empty() { plan.shifts.iter().filter(of).map(|shift| shift.name.clone()).collect() } else { now }
    }

    pub(super) fn reports(&self, case: &Case) -> Vec<ReportRow> {
        let due = self.plan.map(|plan| reports(case, plan)).unwrap_or_default();
        due.into_iter().map(|report| self.report(report)).collect()
    }

    fn report(&self, due: DueReport<'_>) -> ReportRow {
        ReportRow {
            report: due.rule.report,
            to: due.rule.to.clone(),
            source: due.rule.source.clone(),
            is_late: due.is_late(self.wall),
            due: due.due.map(|at| self.deadline(at)),
            sent: due.sent.as_ref().map(|sent| self.done_by(sent.by.as_ref(), sent.at)),
            last: due.last.as_ref().map(|sent| self.done_by(sent.by.as_ref(), sent.at)),
        }
    }

    pub(super) fn people(&self) -> Vec<DutyRow> {
        let Some(plan) = self.plan else { return Vec::new() };
        let now: Vec<&Shift> = on_duty(plan, self.wall).collect();
        let row = |shift: &Shift| DutyRow {
            duty: shift.duty,
            account: shift.account.to_string(),
            name: shift.name.clone(),
            phone: shift.phone.clone(),
            is_on_duty: now.contains(&shift),
        };
        plan.shifts.iter().map(row).collect()
    }

    pub(super) fn proposed(&self, case: &Case) -> ProposedLevel {
        let more = |seen: usize, said: Option<u64>| said.unwrap_or(0).max(seen.try_into().unwrap_or(u64::MAX));
        ProposedLevel {
            level: case.proposed(self.plan),
            claimed: case.claimed,
            graver: case.graver_since(self.plan),
            accounts: more(case.accounts().count(), case.extent.accounts),
            units: more(case.units().count(), case.extent.units),
            apps: more(case.apps().len(), None),
        }
    }

    pub(super) fn story(&self, case: &Case) -> Vec<StoryRow> {
        let row = |line: &crate::incident::Line| StoryRow {
            record: line.record,
            at: self.moment(line.at),
            by: line.by.as_ref().map(|by| self.person(by)),
            task: self.task_of(&line.what),
            what: line.what.clone(),
        };
        case.story.iter().map(row).collect()
    }

    fn task_of(&self, what: &What) -> Option<crate::incident::Texts> {
        let (What::Step(crate::incident::Step::Task { task, .. }) | What::TooLate(crate::incident::Step::Task { task, .. })) = what else {
            return None;
        };
        let all = self.plan?.levels.iter().flat_map(|terms| &terms.checklist);
        all.into_iter().find(|known| known.id() == *task).map(|known| known.what.clone())
    }

    /// As it is known, or as somebody has just typed it.
    pub(super) fn extent(&self, case: &Case, typed: &TypedStep) -> ExtentRow {
        let known = &case.extent;
        let numbers = [
            ("accounts", known.accounts),
            ("units", known.units),
            ("people", known.people),
            ("loss", known.loss),
            ("outage", known.outage),
            ("defaced", known.defaced),
        ];
        let is_typed = typed.step == "extent";
        let field = |name: &str| typed.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let shown = |name, number: Option<u64>| match field(name).filter(|_| is_typed) {
            Some(typed) => typed,
            None => number.map(|number| number.to_string()).unwrap_or_default(),
        };
        let is_concerned = |id: &str| match is_typed {
            true => typed.fields.iter().any(|(name, value)| name == "app" && value == id),
            false => known.apps.iter().any(|app| app.as_str() == id),
        };
        let mut apps = app_names(self.asked);
        let gone = known.apps.iter().map(ToString::to_string).filter(|id| !apps.iter().any(|(known, _)| known == id));
        let gone: Vec<(String, String)> = gone.map(|id| (id.clone(), id)).collect();
        apps.extend(gone);
        ExtentRow {
            numbers: numbers.map(|(name, number)| (name, shown(name, number))).into(),
            apps: apps.into_iter().map(|(id, name)| (is_concerned(&id), id, name)).map(|(is, id, name)| (id, name, is)).collect(),
        }
    }
}

/// The apps by id, with the names that people read.
pub(super) fn app_names(asked: &Asked) -> Vec<(String, String)> {
    let name = |app: &App| (app.id.to_string(), name_of(app, asked.visit.language).to_owned());
    asked.portal.apps.load().iter().map(|app| name(app)).collect()
}
