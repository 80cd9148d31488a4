//! What a notice says, to whom.
//!
//! Invariant: of an incident come its number, its level, counts, times and words of closed lists; of the plan its own texts; and nothing else.

use data_encoding::HEXLOWER;
use serde_json::json;

use super::super::plan::{Category, Duty, Shift, Texts};
use super::{About, Addressee, Around, Channel, DueReport, Facts, Letter, ReportKind, To, Way, What};
use crate::clock::Time;
use crate::crypto;
use crate::model::{Level, capped, visible};

const LONGEST_NAME: usize = 48;
/// So many people on duty are named.
const MOST_NAMED: usize = 8;

/// Chinese, then English.
type Both = (&'static str, &'static str);

impl Around<'_> {
    /// To each whom the channel tells, and to these besides. Mail goes to one each, so that no server's word about one keeps it from another.
    pub(super) fn letters(&self, about: About<'_>, what: What, channel: &Channel, besides: &[Duty]) -> Vec<Letter> {
        let (mut to, mut fixed) = (Vec::new(), Vec::new());
        for one in &channel.to {
            match one {
                To::Duty(duty) => to.extend(self.holders(*duty)),
                To::Address(address) => fixed.push(address.clone()),
            }
        }
        to.extend(besides.iter().flat_map(|duty| self.holders(*duty)));
        let named =
            |shift: &Shift| Addressee { duty: Some(shift.duty.word().to_owned()), account: Some(shift.account.to_string()), address: None };
        if !matches!(channel.way, Way::Mail(_)) {
            let mut to: Vec<Addressee> = to.into_iter().map(named).collect();
            to.sort();
            to.dedup();
            return vec![self.letter(about, what, channel, to)];
        }
        let mut all: Vec<Addressee> = Vec::new();
        let people = to.into_iter().filter_map(|shift| Some(Addressee { address: Some(shift.email.clone()?), ..named(shift) }));
        for one in people.chain(fixed.into_iter().map(|address| Addressee { address: Some(address), ..Addressee::default() })) {
            if !all.iter().any(|known| known.address == one.address) {
                all.push(one);
            }
        }
        all.into_iter().map(|one| self.letter(about, what, channel, vec![one])).collect()
    }

    /// Who has this duty now; where nobody has, all who ever do.
    fn holders(&self, duty: Duty) -> Vec<&Shift> {
        let all: Vec<&Shift> = self.plan.shifts.iter().filter(|shift| shift.duty == duty).collect();
        let now: Vec<&Shift> = all.iter().copied().filter(|shift| self.is_on_duty(shift)).collect();
        if now.is_empty() { all } else { now }
    }

    fn is_on_duty(&self, shift: &Shift) -> bool {
        shift.hours.as_ref().is_none_or(|hours| hours.open_until(self.now).is_some())
    }

    fn letter(&self, about: About<'_>, what: What, channel: &Channel, to: Vec<Addressee>) -> Letter {
        let (fact, closed) = match about {
            About::Incident(fact) => (Some(fact), None),
            About::Closure(closed, left) => (None, Some((closed, left))),
            About::Nothing => (None, None),
        };
        let which = fact.map(|fact| (fact.number, fact.opened.millis()));
        let whom: Vec<&String> = to.iter().filter_map(|one| one.address.as_ref()).collect();
        // A test is another one each time.
        let since = match what {
            What::Test => self.now,
            // It may be over more than once.
            What::Closed => fact.and_then(|fact| fact.closed).unwrap_or_default(),
            _ => Time::default(),
        };
        let mut names = format!("{which:?} {what:?} {} {whom:?} {since:?}", channel.name);
        if let Some((closed, _)) = closed {
            names = format!("{names} {}", closed.scope);
        }
        let (subject, text, data) = match closed {
            Some((closed, left)) => {
                (self.closure_subject(closed, what), self.closure_text(closed, left, what), self.closure_data(closed, left))
            }
            None => (self.subject(fact, what), self.text(fact, what, channel), self.data(fact)),
        };
        Letter {
            id: format!("notice-{}", HEXLOWER.encode(&crypto::sha256(names.as_bytes())).chars().take(32).collect::<String>()),
            channel: channel.name.clone(),
            incident: fact.map(|fact| fact.number),
            scope: closed.map(|(closed, _)| closed.scope.clone()),
            what,
            drill: fact.is_some_and(|fact| fact.drill),
            time: self.now,
            to,
            subject,
            text,
            data,
        }
    }

    fn subject(&self, fact: Option<&Facts>, what: What) -> String {
        let (zh, en) = told(what);
        let Some(fact) = fact else { return format!("玉门 Yumen: {zh} / {en}") };
        let (number, level, (zh_name, en_name)) = (fact.number, fact.level(), self.level_name(fact.level()));
        let drill = if fact.drill { "演练 DRILL " } else { "" };
        format!("{drill}玉门 Yumen: 事件 {number}，{level} 级（{zh_name}），{zh} / incident {number}, level {level} ({en_name}): {en}")
    }

    fn text(&self, fact: Option<&Facts>, what: What, channel: &Channel) -> String {
        let (zh, en) = told(what);
        let names = &self.plan.names;
        let (plan_zh, plan_en) = (short(&names.zh), short(&names.en));
        let Some(fact) = fact else {
            let name = &channel.name;
            return format!(
                "{zh}：《{plan_zh}》的通知渠道 {name} 可用，无需处理。\n{}\n\n\
                 {en}: the channel {name} of \"{plan_en}\" works. Nothing has to be done.\n{}\n",
                self.duty(true),
                self.duty(false)
            );
        };
        let (number, level, (zh_name, en_name)) = (fact.number, fact.level(), self.level_name(fact.level()));
        let (zh_confirmed, en_confirmed) =
            if fact.confirmed.is_some() { ("已确认", "confirmed") } else { ("待确认", "proposed, to be confirmed") };
        let (zh_category, en_category) = category(fact.category);
        let (zh_trigger, en_trigger) = match trigger(fact) {
            Some(trigger) => (format!("触发条件 {trigger}"), format!("trigger {trigger}")),
            None => ("人工登记".to_owned(), "entered by a person".to_owned()),
        };
        let (zh_drill, en_drill) =
            if fact.drill { ("演练：本事件为演练。\n", "DRILL: this incident is an exercise.\n") } else { ("", "") };
        let place = format!("{}/console/incidents/{number}", self.portal);
        let (since, subjects) = (self.shown(fact.opened), fact.subjects);
        let (zh_more, en_more) = self.more(fact, what);
        format!(
            "{zh_drill}事件 {number}：{zh}\n级别：{level} 级（{zh_name}），{zh_confirmed}\n事由：{zh_trigger}，{zh_category}，涉及 {subjects} 个对象\n\
             发现时间：{since}\n{zh_more}{}\n查看：{place}\n预案：{plan_zh}\n\n\
             {en_drill}Incident {number}: {en}\nLevel: {level} ({en_name}), {en_confirmed}\nWhat: {en_trigger}, {en_category}, {subjects} concerned\n\
             Since: {since}\n{en_more}{}\nLook at: {place}\nPlan: {plan_en}\n",
            self.duty(true),
            self.duty(false)
        )
    }

    /// What this notice alone has to say, with the end of its line.
    fn more(&self, fact: &Facts, what: What) -> (String, String) {
        match (what, fact.closed) {
            (What::ReportDue(kind, due) | What::ReportMissed(kind, due), _) => {
                let waits = |report: &&DueReport| !report.made && report.due == due && ReportKind::from(report.report) == kind;
                let to: Vec<&Texts> = fact.reports.iter().filter(waits).map(|report| &report.to).collect();
                let zh: Vec<String> = to.iter().map(|to| short(&to.zh)).collect();
                let en: Vec<String> = to.iter().map(|to| short(&to.en)).collect();
                let due = self.shown(due);
                (format!("报告时限：{due}，报送：{}\n", zh.join("、")), format!("Report due: {due}, to {}\n", en.join(", ")))
            }
            (What::Closed, Some(closed)) => {
                let closed = self.shown(closed);
                (format!("结束时间：{closed}\n"), format!("Closed: {closed}\n"))
            }
            (What::LevelEnds(..) | What::LevelEnded(_), _) => (
                "如仍需执行该级别的措施，请在控制台再次确认级别。\n".to_owned(),
                "If what the level does is still needed, confirm the level anew in the console.\n".to_owned(),
            ),
            (What::Unacknowledged(..), _) => ("请登录控制台确认。\n".to_owned(), "Please acknowledge it in the console.\n".to_owned()),
            _ => Default::default(),
        }
    }

    pub(super) fn duty(&self, in_chinese: bool) -> String {
        let on_duty = self.plan.shifts.iter().filter(|shift| self.is_on_duty(shift)).take(MOST_NAMED);
        let named = |shift: &Shift| {
            let (zh, en) = duty(shift.duty);
            format!("{} {}", if in_chinese { zh } else { en }, short(&shift.name))
        };
        let all: Vec<String> = on_duty.map(named).collect();
        if in_chinese { format!("值班：{}", all.join("、")) } else { format!("On duty: {}", all.join(", ")) }
    }

    pub(super) fn on_duty(&self) -> Vec<serde_json::Value> {
        let on_duty = self.plan.shifts.iter().filter(|shift| self.is_on_duty(shift)).take(MOST_NAMED);
        on_duty.map(|shift| json!({ "duty": shift.duty.word(), "account": shift.account.as_str() })).collect()
    }

    /// The same for machines.
    fn data(&self, fact: Option<&Facts>) -> serde_json::Value {
        let on_duty = self.on_duty();
        let Some(fact) = fact else { return json!({ "on_duty": on_duty }) };
        json!({
            "incident": fact.number,
            "level": fact.level().word(),
            "proposed": fact.proposed.word(),
            "confirmed": fact.confirmed.map(Level::word),
            "stage": is_word(&fact.stage).then_some(&fact.stage),
            "drill": fact.drill,
            "trigger": trigger(fact),
            "category": fact.category.word(),
            "subjects": fact.subjects,
            "opened": fact.opened.to_string(),
            "acknowledged": fact.acknowledged.as_ref().map(|(time, _)| time.to_string()),
            "closed": fact.closed.map(|time| time.to_string()),
            "look": format!("{}/console/incidents/{}", self.portal, fact.number),
            "on_duty": on_duty,
        })
    }

    fn level_name(&self, level: Level) -> (String, String) {
        let names = self.plan.levels.iter().find(|terms| terms.level == level).map(|terms| &terms.names);
        names.map_or_else(Default::default, |names| (short(&names.zh), short(&names.en)))
    }

    /// By the plan's own clock.
    pub(super) fn shown(&self, time: Time) -> String {
        time.timestamp().to_zoned(self.plan.zone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }
}

/// A text of the plan on one line.
pub(super) fn short(text: &str) -> String {
    visible(&capped(text, LONGEST_NAME))
}

/// As the plan's triggers are called; anything else might be what somebody typed.
fn trigger(fact: &Facts) -> Option<&str> {
    fact.trigger.as_deref().filter(|trigger| is_word(trigger))
}

fn is_word(text: &str) -> bool {
    (1..=48).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn told(what: What) -> (String, String) {
    let fixed = |zh: &str, en: &str| (zh.to_owned(), en.to_owned());
    match what {
        What::Opened => fixed("新事件", "new"),
        What::Raised(level) => (format!("级别升为 {level} 级"), format!("raised to level {level}")),
        What::Again(_) => fixed("再次触发", "found again"),
        What::LevelEnds(..) => fixed("级别措施将在一小时内到期", "its level ends within the hour"),
        What::LevelEnded(_) => fixed("级别措施已到期失效", "its level is out of force, because its time is over"),
        What::Unacknowledged(_, number) => {
            (format!("无人确认，第 {number} 次提醒"), format!("nobody has acknowledged it, reminder {number}"))
        }
        What::ReportDue(kind, _) => {
            let (zh, en) = report(kind);
            (format!("{zh}即将到期"), format!("the {en} is due within the hour"))
        }
        What::ReportMissed(kind, _) => {
            let (zh, en) = report(kind);
            (format!("{zh}已超过时限"), format!("the {en} is overdue"))
        }
        What::Closed => fixed("已结束", "closed"),
        What::Reopened(_) => fixed("重新处置", "taken up again"),
        // They have words of their own.
        What::LockedDown(_) | What::ExtensionAsked(_) | What::Lifted(_) => fixed("", ""),
        What::Test => fixed("测试通知", "test notice"),
    }
}

fn report(kind: ReportKind) -> Both {
    match kind {
        ReportKind::First => ("首次报告", "first report"),
        ReportKind::Supplement => ("补充报告", "supplement"),
        ReportKind::Situation => ("情况报告", "report of the situation"),
        ReportKind::Summary => ("总结报告", "summary"),
    }
}

fn duty(duty: Duty) -> Both {
    match duty {
        Duty::Commander => ("指挥", "commander"),
        Duty::Handler => ("处置", "handler"),
        Duty::Recorder => ("记录", "recorder"),
        Duty::Liaison => ("联络", "liaison"),
    }
}

/// GB/T 20986-2023, section 5.2.
fn category(category: Category) -> Both {
    match category {
        Category::MaliciousCode => ("恶意程序事件", "malicious code"),
        Category::Attack => ("网络攻击事件", "attack"),
        Category::Data => ("数据安全事件", "data"),
        Category::Content => ("信息内容安全事件", "content"),
        Category::Equipment => ("设备设施故障事件", "equipment"),
        Category::Violation => ("违规操作事件", "violation"),
        Category::HiddenDanger => ("安全隐患事件", "hidden danger"),
        Category::AbnormalBehaviour => ("异常行为事件", "abnormal behaviour"),
        Category::ForceMajeure => ("不可抗力事件", "force majeure"),
        Category::Other => ("其他事件", "other"),
    }
}
