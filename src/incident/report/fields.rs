//! The fields of a report, each from what it is known by.

use super::facts::{Found, conclusions, counted, list, step_told};
use super::words::shut;
use super::{Answer, Field, FieldName, FormLanguage, Ground};
use crate::clock::Time;
use crate::incident::case::{Case, What};
use crate::incident::due::{DueTask, on_duty, tasks};
use crate::incident::measured::{Measured, Verdict, reached, reports};
use crate::incident::plan::{Category, Duty, Report};
use crate::incident::step::Step;
use crate::incident::subject::Subject;
use crate::model::Stage;

/// So many steps are told; a form is read by people.
const MOST_STEPS: usize = 60;

pub(super) fn all(case: &Case, report: Report, ground: &Ground<'_>) -> Vec<Field> {
    let form = Form { case, report, ground, language: ground.language };
    let mut fields = vec![
        form.unit(),
        form.system(),
        form.found(),
        form.happened(),
        form.field(FieldName::Place, vec![form.by_hand("设备和系统所在地点", "where the equipment and the systems are")]),
        form.field(FieldName::Type, vec![form.known(form.language.category(case.category), "")]),
        form.level(),
        form.impact(),
        form.measures(),
    ];
    if case.category == Category::MaliciousCode {
        let asked =
            form.by_hand("如属勒索攻击：要求支付的赎金金额、方式、日期", "if it is ransomware: how much is demanded, how and until when");
        fields.push(form.field(FieldName::Ransom, vec![asked]));
    }
    fields.extend([form.trend(), form.cause(), form.clues(), form.next_steps()]);
    fields.push(form.field(FieldName::HelpNeeded, vec![form.by_hand("请求支援事项", "what help is asked for")]));
    fields.push(form.scene());
    if report == Report::Summary {
        fields.push(form.lessons());
    }
    fields.push(form.field(FieldName::Other, vec![form.by_hand("其他应当报告的情况", "whatever else has to be reported")]));
    fields.extend([form.sending(), form.contact()]);
    fields
}

struct Form<'f> {
    case: &'f Case,
    report: Report,
    ground: &'f Ground<'f>,
    language: FormLanguage,
}

impl Form<'_> {
    fn field(&self, field: FieldName, answers: Vec<Answer>) -> Field {
        Field { field, name: self.name(field).to_owned(), answers }
    }

    fn name(&self, field: FieldName) -> &'static str {
        let (zh, en) = match field {
            FieldName::Unit => ("事发单位", "Unit"),
            FieldName::System => ("涉事系统基本情况", "Systems concerned"),
            FieldName::Found => ("发现时间", "Found"),
            FieldName::Happened => ("发生时间", "Happened"),
            FieldName::Place => ("地点", "Place"),
            FieldName::Type => ("事件类型", "Type"),
            FieldName::Level => ("事件级别", "Level"),
            FieldName::Impact => ("已造成的影响和危害", "Impact and harm"),
            FieldName::Measures => ("已采取的措施及效果", "Measures taken and their effect"),
            FieldName::Ransom => ("勒索情况", "Ransom"),
            FieldName::Trend => ("事态发展趋势及可能进一步造成的影响", "Trend and further impact"),
            FieldName::Cause => ("初步分析的事件原因", "Cause, as far as analysed"),
            FieldName::Clues => ("溯源线索", "Clues"),
            FieldName::NextSteps => ("拟进一步采取的措施", "Next steps"),
            FieldName::HelpNeeded => ("请求支援事项", "Help needed"),
            FieldName::Scene => ("现场保护情况", "Protection of the scene"),
            FieldName::Lessons => ("总结与整改", "Lessons and improvements"),
            FieldName::Other => ("其他情况", "Other"),
            FieldName::Sending => ("报送情况", "Sending"),
            FieldName::Contact => ("填报与联系", "Author and contact"),
        };
        self.language.of(zh, en)
    }

    /// `en` may be left out where the text is in the form's language already.
    fn known(&self, zh: &str, en: &str) -> Answer {
        Answer::Known(if en.is_empty() { zh } else { self.language.of(zh, en) }.to_owned())
    }

    fn say(&self, zh: String, en: String) -> Answer {
        Answer::Known(match self.language {
            FormLanguage::Chinese => zh,
            FormLanguage::English => en,
        })
    }

    fn by_hand(&self, zh: &str, en: &str) -> Answer {
        Answer::ByHand(self.language.of(zh, en).to_owned())
    }

    fn unit(&self) -> Field {
        self.field(FieldName::Unit, vec![self.by_hand("单位名称", "name of the unit")])
    }

    fn system(&self) -> Field {
        let mut answers = vec![self.say(format!("接入网关：{}", self.ground.system), format!("Access gateway: {}", self.ground.system))];
        let apps: Vec<String> = self.case.apps().iter().map(|app| self.ground.app(app)).collect();
        if !apps.is_empty() {
            let named = list(&apps, self.language);
            answers.push(self.say(format!("涉及后台系统：{named}"), format!("Back offices concerned: {named}")));
        }
        answers.push(self.by_hand("网络和系统基本情况、等级保护级别", "what the systems are for, and their protection level"));
        self.field(FieldName::System, answers)
    }

    fn found(&self) -> Field {
        let how = match self.case.title {
            Some(_) => self.language.of("由值守人员登记", "entered by a person on duty"),
            None => self.language.of("由网关触发条件发现", "found by a trigger of the gateway"),
        };
        self.field(
            FieldName::Found,
            vec![self.known(&format!("{}{}{how}", self.ground.time(self.case.found), self.language.of("，", ", ")), "")],
        )
    }

    fn happened(&self) -> Field {
        let (case, log) = (self.case, self.ground.log);
        let records = match self.language {
            FormLanguage::Chinese => format!("日志记录 {} 至 {}", case.first, case.last),
            FormLanguage::English => format!("records {} to {} of the log", case.first, case.last),
        };
        let began = log.first.filter(|_| case.first < case.number);
        let answer = match began {
            Some(began) => {
                let began = self.ground.time(began);
                match Found::of(case, self.ground.now).last.map(|last| self.ground.time(last)) {
                    Some(last) => self.say(
                        format!("最早的相关记录：{began}；最近的告警：{last}（{records}）"),
                        format!("Earliest record of it: {began}; last alarm: {last} ({records})"),
                    ),
                    None => {
                        self.say(format!("最早的相关记录：{began}（{records}）"), format!("Earliest record of it: {began} ({records})"))
                    }
                }
            }
            None => self.by_hand("事件发生时间（网关无更早记录）", "when it happened (the gateway has no earlier record of it)"),
        };
        self.field(FieldName::Happened, vec![answer])
    }

    fn level(&self) -> Field {
        let (case, plan) = (self.case, self.ground.plan);
        let proposed = self.language.level(case.proposed(plan), plan);
        let answer = match case.first_confirmed() {
            Some((by, at)) => {
                let (level, at) = (self.language.level(case.level(plan), plan), self.ground.time(at));
                match by.map(|by| self.language.person(by, plan)) {
                    Some(by) => self.say(format!("{level}，{by} 于 {at} 确认"), format!("{level}, confirmed by {by} at {at}")),
                    None => self.say(format!("{level}，于 {at} 确认"), format!("{level}, confirmed at {at}")),
                }
            }
            None => self.say(
                format!("{proposed}，为网关建议，尚未经人确认"),
                format!("{proposed}, as the gateway proposes; nobody has confirmed it yet"),
            ),
        };
        self.field(FieldName::Level, vec![answer])
    }

    fn impact(&self) -> Field {
        let mut answers: Vec<Answer> = conclusions(self.case, self.ground).into_iter().map(Answer::Known).collect();
        answers.push(self.by_hand("其他影响和危害", "other impact and harm"));
        self.field(FieldName::Impact, answers)
    }

    fn measures(&self) -> Field {
        let is_measure = |step: &Step, at: Time| match step {
            Step::Assessed { .. } | Step::Level { .. } | Step::Moved { .. } | Step::Acted { .. } => true,
            Step::Reported { report, to } => self.case.reports.iter().any(|sent| sent.report == *report && sent.to == *to && sent.at == at),
            Step::Task { task, done } => *done && self.case.tasks.contains_key(task),
            Step::Merged { .. }
            | Step::Extent(_)
            | Step::Noted { .. }
            | Step::HandedTo { .. }
            | Step::Acknowledged
            | Step::NotReported { .. } => false,
        };
        let steps: Vec<Answer> = self
            .case
            .story
            .iter()
            .filter_map(|line| {
                let told = match &line.what {
                    What::Step(step) if is_measure(step, line.at) => step_told(step, self.ground),
                    What::Shut(scope) => shut(self.ground.language, scope, true),
                    What::OpenedAgain(scope) => shut(self.ground.language, scope, false),
                    _ => return None,
                };
                Some(Answer::Known(format!("{} {told}", self.ground.time(line.at))))
            })
            .collect();
        let untold = steps.len().saturating_sub(MOST_STEPS);
        let mut answers: Vec<Answer> = steps.into_iter().skip(untold).collect();
        if untold > 0 {
            answers.insert(
                0,
                self.say(
                    format!("此前另有 {untold} 项，见日志"),
                    format!("{} in the log alone", counted(untold as u64, "earlier one is", "earlier ones are")),
                ),
            );
        }
        if answers.is_empty() {
            answers.push(self.known("网关上尚无处置记录", "No step is on record at the gateway yet"));
        }
        if let Some(contained) = reached(self.case, Stage::Contained) {
            let at = self.ground.time(contained);
            answers.push(self.say(format!("效果：事态于 {at} 得到遏制"), format!("Effect: contained since {at}")));
        }
        answers.push(self.by_hand("网关之外采取的措施及效果", "measures beside the gateway, and their effect"));
        self.field(FieldName::Measures, answers)
    }

    fn trend(&self) -> Field {
        let stage = self.language.stage(self.case.stage);
        let mut answers = vec![self.say(format!("处置阶段：{stage}"), format!("Stage: {stage}"))];
        let found = Found::of(self.case, self.ground.now);
        if let Some(last) = found.last {
            let (at, ago) = (self.ground.time(last), self.language.length(self.ground.now.since(last)));
            answers.push(self.say(
                format!("网关告警共 {} 次；最近逐条记录的一次在 {at}（{ago}前），最近一小时内 {} 次", found.all, found.last_hour),
                format!(
                    "{}; the last of those in the timeline was at {at} ({ago} ago), {} within the last hour",
                    counted(found.all, "alarm", "alarms"),
                    found.last_hour
                ),
            ));
        }
        if self.case.untold > 0 {
            let untold = self.case.untold;
            answers
                .push(self.say(format!("另有 {untold} 次未逐条列出，见日志"), format!("{untold} more not in the timeline; see the log")));
        }
        answers.push(self.by_hand("发展趋势及可能进一步造成的影响和危害", "how it may go on, and what harm it may still do"));
        self.field(FieldName::Trend, answers)
    }

    fn cause(&self) -> Field {
        let mut answers: Vec<Answer> = Vec::new();
        if self.report == Report::Summary {
            answers.push(self.by_hand("查明的原因", "the cause as it was established"));
        } else {
            answers.push(self.known("原因调查中", "Under investigation"));
        }
        for (trigger, count) in &self.case.triggers {
            let kind = self.ground.plan.and_then(|plan| plan.triggers.iter().find(|known| known.name == *trigger)).map(|known| &known.kind);
            let means = kind.map(|kind| self.language.finding(kind));
            let what = means.map_or_else(|| trigger.clone(), |means| format!("{means} [{trigger}]"));
            answers.push(self.say(
                format!("网关观察到：{what}，{count} 次"),
                format!("Observed by the gateway: {what}, {}", counted(*count, "time", "times")),
            ));
        }
        self.field(FieldName::Cause, answers)
    }

    fn clues(&self) -> Field {
        let (case, log) = (self.case, self.ground.log);
        let of = |wanted: fn(&Subject) -> Option<String>| case.subjects.iter().filter_map(wanted).collect::<Vec<_>>();
        let addresses = of(|subject| match subject {
            Subject::Address(address) if address.is_ipv6() => Some(format!("{address}/48")),
            Subject::Address(address) => Some(address.to_string()),
            _ => None,
        });
        let pages = of(|subject| match subject {
            Subject::Page { page, .. } => Some(page.clone()),
            _ => None,
        });
        let mut answers = Vec::new();
        if !addresses.is_empty() {
            let named = list(&addresses, self.language);
            answers.push(self.say(format!("来源地址：{named}"), format!("Addresses: {named}")));
        }
        if !pages.is_empty() {
            let named = list(&pages, self.language);
            answers.push(self.say(format!("被改动的页面：{named}"), format!("Pages that changed: {named}")));
        }
        if case.more_subjects > 0 {
            let more = case.more_subjects;
            answers.push(self.say(
                format!("另有 {more} 个对象见日志"),
                format!("{} in the log alone", counted(more, "more subject is", "more subjects are")),
            ));
        }
        let (first, last) = (case.first, case.last);
        answers.push(self.say(format!("日志记录 {first} 至 {last}"), format!("Records {first} to {last} of the log")));
        if let Some(head) = &log.head {
            let (origin, size, root) = (&head.origin, head.size, &head.root);
            answers.push(self.say(
                format!("日志 {origin} 的树头：{size} 条记录，根散列 {root}"),
                format!("Tree head of the log {origin}: {size} records, root hash {root}"),
            ));
        }
        answers.push(
            self.by_hand("攻击者信息、攻击路径、存在的漏洞等其他线索", "other clues: who attacked, by which path, through which weakness"),
        );
        self.field(FieldName::Clues, answers)
    }

    fn next_steps(&self) -> Field {
        // Nobody goes on with what has ended; and that a report is to be sent need not stand in that report.
        let is_next = |task: &DueTask<'_>| task.done.is_none() && task.task.report != Some(self.report) && self.case.stage.is_open();
        let open = self.ground.plan.map(|plan| tasks(self.case, plan)).unwrap_or_default().into_iter().filter(is_next);
        let mut answers: Vec<Answer> = open
            .map(|task| {
                let (what, duty) = (self.language.text(&task.task.what).to_owned(), self.language.duty(task.task.duty));
                match task.due.map(|due| self.ground.time(due)) {
                    Some(due) => self.say(format!("{what}（{duty}，应于 {due} 前完成）"), format!("{what} ({duty}, until {due})")),
                    None => self.say(format!("{what}（{duty}）"), format!("{what} ({duty})")),
                }
            })
            .collect();
        answers.push(self.by_hand("其他拟采取的措施", "other steps that are planned"));
        self.field(FieldName::NextSteps, answers)
    }

    fn scene(&self) -> Field {
        let (case, log) = (self.case, self.ground.log);
        let (first, last) = (case.first, case.last);
        let mut answers = Vec::new();
        if log.first.is_some() && log.last.is_some() {
            answers.push(self.say(
                format!("记录 {first} 至 {last} 保存在网关的防篡改日志中，可逐条验证"),
                format!("Records {first} to {last} are kept in the gateway's tamper-evident log, where each can be proven"),
            ));
            answers.push(Answer::Known(super::evidence(case, self.language)));
        } else {
            answers.push(self.say(
                format!("记录 {first} 至 {last} 现已不全在网关上：可能已按留存期限移出，请在归档中查找"),
                format!("Records {first} to {last} are not all at the gateway any more: look for them in the archive"),
            ));
        }
        answers.push(self.by_hand("证据包的 SHA-256（导出时显示）", "SHA-256 of the pack, as shown when it was made"));
        answers.push(self.by_hand("受影响主机和设备的现场保护情况", "how the machines concerned are protected"));
        self.field(FieldName::Scene, answers)
    }

    fn lessons(&self) -> Field {
        let lines = [
            ("事件造成的危害和损失核定", "the harm and the loss as they were established"),
            ("责任认定与追究", "who is answerable, and what follows"),
            ("整改措施及完成情况", "what is improved, and how far that is"),
            ("经验教训", "what was learned"),
        ];
        self.field(FieldName::Lessons, lines.iter().map(|(zh, en)| self.by_hand(zh, en)).collect())
    }

    fn sending(&self) -> Field {
        let measures = reports(self.case, self.ground.plan, self.ground.now);
        let mut answers: Vec<Answer> = Vec::new();
        for measure in &measures {
            let Measured::Report { report, to, names } = &measure.what else { continue };
            if *report != self.report {
                continue;
            }
            let to = names.as_ref().map_or(to.as_str(), |names| self.language.text(names));
            let late = measure.late_by(self.ground.now).map(|by| self.language.length(by));
            let (zh_late, en_late) = match (&late, measure.verdict) {
                (Some(by), Verdict::Late) => (format!("，逾期 {by}"), format!(", late by {by}")),
                _ => (String::new(), String::new()),
            };
            match (measure.to, measure.due) {
                (Some(at), _) => {
                    let at = self.ground.time(at);
                    answers.push(self.say(format!("已于 {at} 报送{to}{zh_late}"), format!("Sent to {to} at {at}{en_late}")));
                }
                (None, Some(due)) => {
                    let due = self.ground.time(due);
                    answers.push(self.say(format!("应于 {due} 前报送{to}{zh_late}"), format!("To be sent to {to} until {due}{en_late}")));
                }
                (None, None) => {}
            }
        }
        if answers.is_empty() {
            answers.push(self.by_hand("报送单位和时间", "to whom it is sent, and when"));
        }
        self.field(FieldName::Sending, answers)
    }

    fn contact(&self) -> Field {
        let liaisons =
            self.ground.plan.into_iter().flat_map(|plan| on_duty(plan, self.ground.now)).filter(|shift| shift.duty == Duty::Liaison);
        let mut answers: Vec<Answer> = liaisons
            .map(|shift| self.say(format!("联络人：{}，{}", shift.name, shift.phone), format!("Contact: {}, {}", shift.name, shift.phone)))
            .collect();
        answers.push(self.by_hand("填报人、审核签发人、日期", "author, who approved it, date"));
        self.field(FieldName::Contact, answers)
    }
}
