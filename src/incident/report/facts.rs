//! What forms and reviews say of an incident: how much is concerned, what was found, what somebody did.

use std::time::Duration;

use super::{FormLanguage, Ground};
use crate::clock::Time;
use crate::incident::acted::{Acted, Beside};
use crate::incident::case::{Case, What};
use crate::incident::step::{Extent, Step};

/// So many names stand in one line.
const MOST_NAMED: usize = 20;

/// The first of them, and how many there are beside.
pub(super) fn list(all: &[String], language: FormLanguage) -> String {
    let named = all.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(language.comma());
    match (all.len().saturating_sub(MOST_NAMED), language) {
        (0, _) => named,
        (_, FormLanguage::Chinese) => format!("{named}等 {} 个", all.len()),
        (more, FormLanguage::English) => format!("{named} and {more} more"),
    }
}

/// What triggers found over time.
pub(super) struct Found {
    pub all: u64,
    /// Of those that are told one by one.
    pub last: Option<Time>,
    pub last_hour: u64,
}

impl Found {
    pub(super) fn of(case: &Case, now: Time) -> Self {
        let hour = Duration::from_hours(1);
        let told = || case.story.iter().filter(|line| matches!(line.what, What::Found(_)));
        Self {
            all: case.triggers.values().copied().fold(0, u64::saturating_add),
            last: told().map(|line| line.at).max(),
            last_hour: told().filter(|line| now.since(line.at) < hour).count() as u64,
        }
    }
}

/// How much is concerned, by what was found and by what people said.
pub(super) fn conclusions(case: &Case, ground: &Ground<'_>) -> Vec<String> {
    let language = ground.language;
    let mut told = Vec::new();
    let mut named = |zh: &str, one: &str, many: &str, all: Vec<String>| {
        if !all.is_empty() {
            let count = all.len();
            let all = list(&all, language);
            told.push(match language {
                FormLanguage::Chinese => format!("网关发现涉及{zh} {count} 个：{all}"),
                FormLanguage::English => format!("Found by the gateway: {}: {all}", counted(count as u64, one, many)),
            });
        }
    };
    named("账号", "account", "accounts", case.accounts().map(str::to_owned).collect());
    named("单位", "unit", "units", case.units().map(str::to_owned).collect());
    named("后台系统", "back office", "back offices", case.apps().iter().map(|app| ground.app(app)).collect());
    told.extend(extent_told(&case.extent, ground).map(|extent| match language {
        FormLanguage::Chinese => format!("处置人员登记：{extent}"),
        FormLanguage::English => format!("As people on duty entered it: {extent}"),
    }));
    told
}

fn extent_told(extent: &Extent, ground: &Ground<'_>) -> Option<String> {
    let language = ground.language;
    let numbers = [
        (extent.accounts, "账号", "个", ["account", "accounts"]),
        (extent.units, "单位", "个", ["unit", "units"]),
        (
            extent.people,
            "个人信息泄露涉及",
            "人",
            ["person whose personal information was leaked", "people whose personal information was leaked"],
        ),
        (extent.loss, "直接经济损失", "元", ["yuan of direct loss"; 2]),
        (extent.outage, "系统中断", "分钟", ["minute of outage", "minutes of outage"]),
        (
            extent.defaced,
            "被篡改页面可见",
            "分钟",
            ["minute during which a tampered page could be seen", "minutes during which a tampered page could be seen"],
        ),
    ];
    let mut told: Vec<String> = numbers
        .iter()
        .filter_map(|(number, zh, unit, [one, many])| {
            let number = (*number)?;
            Some(match language {
                FormLanguage::Chinese => format!("{zh} {number} {unit}"),
                FormLanguage::English => counted(number, one, many),
            })
        })
        .collect();
    if !extent.apps.is_empty() {
        let apps: Vec<String> = extent.apps.iter().map(|app| ground.app(app)).collect();
        told.push(format!("{}{}", language.of("系统 ", "systems: "), list(&apps, language)));
    }
    (!told.is_empty()).then(|| told.join(language.of("，", ", ")))
}

/// What somebody did, in a line.
pub(super) fn step_told(step: &Step, ground: &Ground<'_>) -> String {
    let language = ground.language;
    let say = |zh: String, en: String| match language {
        FormLanguage::Chinese => zh,
        FormLanguage::English => en,
    };
    let because = |why: &str| if why.is_empty() { String::new() } else { format!("{}{why}", language.of("：", ": ")) };
    let level = |level| language.level(level, ground.plan);
    match step {
        Step::Assessed { level: assessed, category, why } => {
            let (level, category, why) = (level(*assessed), language.category(*category), because(why));
            say(format!("确认为{level}，{category}{why}"), format!("confirmed as {level}, {category}{why}"))
        }
        Step::Level { level: changed, why } => {
            let (level, why) = (level(*changed), because(why));
            say(format!("级别定为{level}{why}"), format!("level set to {level}{why}"))
        }
        Step::Moved { to, why } => format!("{}{}", language.stage(*to), because(why)),
        Step::Merged { into, why } => {
            say(format!("并入事件 {into}{}", because(why)), format!("made part of incident {into}{}", because(why)))
        }
        Step::Extent(extent) => {
            let told = extent_told(extent, ground).unwrap_or_else(|| language.of("无", "none").to_owned());
            say(format!("登记影响范围：{told}"), format!("extent entered: {told}"))
        }
        Step::Noted { text } => say(format!("记事：{text}"), format!("note: {text}")),
        Step::Task { task, done } => {
            let named = task_named(task, ground);
            if *done {
                say(format!("完成：{named}"), format!("done: {named}"))
            } else {
                say(format!("改为未完成：{named}"), format!("not done after all: {named}"))
            }
        }
        Step::HandedTo { account } => {
            let person = language.person(account, ground.plan);
            say(format!("移交给 {person}"), format!("handed over to {person}"))
        }
        Step::Acknowledged => say("已知悉并负责处置".to_owned(), "seen, and seen to".to_owned()),
        Step::Reported { report, to } => {
            let report = language.report(*report);
            say(format!("{report}已报送{to}"), format!("{report} sent to {}", in_english(to, ground)))
        }
        Step::NotReported { report, to } => {
            let report = language.report(*report);
            say(format!("更正：{report}未报送{to}"), format!("{report} not sent to {} after all", in_english(to, ground)))
        }
        Step::Acted { what, .. } => {
            let what = Acted::parse(what).map_or_else(|| what.clone(), |acted| acted_told(&acted, ground));
            say(format!("网关已执行：{what}"), format!("done by the gateway: {what}"))
        }
    }
}

/// Only what was done: of nobody's tokens nothing is said.
fn acted_told(acted: &Acted, ground: &Ground<'_>) -> String {
    let language = ground.language;
    let sessions = acted.sessions.filter(|count| *count > 0).map(|count| match language {
        FormLanguage::Chinese => format!("结束会话 {count} 个"),
        FormLanguage::English => format!("{} ended", counted(count, "session", "sessions")),
    });
    let tokens = acted.tokens.filter(|count| *count > 0).map(|count| match language {
        FormLanguage::Chinese => format!("停用令牌 {count} 个"),
        FormLanguage::English => format!("{} suspended", counted(count, "token", "tokens")),
    });
    let mut parts: Vec<String> = sessions.into_iter().chain(tokens).collect();
    if parts.is_empty() {
        parts.push(match (acted.sessions, acted.tokens) {
            (None, None) => language.of("该级别没有一次性措施", "the level does nothing once").to_owned(),
            (Some(_), None) => language.of("没有需要结束的会话", "there was no session to end").to_owned(),
            (None, Some(_)) => language.of("没有需要停用的令牌", "there was no token to suspend").to_owned(),
            (Some(_), Some(_)) => language.of("没有需要结束的会话或停用的令牌", "there was nothing to end or to suspend").to_owned(),
        });
    }
    parts.extend(acted.beside.iter().map(|beside| match (beside, language) {
        (Beside::Unlisted(count), FormLanguage::Chinese) => format!("另有 {count} 个未列出的对象，未对其采取措施"),
        (Beside::Unlisted(count), FormLanguage::English) => format!("nothing was done about {count} more that are not listed"),
        (Beside::LastWayIn(token), FormLanguage::Chinese) => format!("令牌 {token} 是安全管理员最后的登录途径，予以保留"),
        (Beside::LastWayIn(token), FormLanguage::English) => format!("the token {token} was left: a security administrator's last way in"),
        (Beside::Other(text), _) => text.clone(),
    }));
    format!("{}{}{}", language.level(acted.level, ground.plan), language.of("：", ": "), parts.join(language.of("，", ", ")))
}

/// In English: one of them, or several.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Of a task that the plan has no more, its id.
fn task_named(id: &str, ground: &Ground<'_>) -> String {
    let tasks = ground.plan.into_iter().flat_map(|plan| plan.levels.iter().flat_map(|terms| &terms.checklist));
    tasks.into_iter().find(|task| task.id() == id).map_or_else(|| id.to_owned(), |task| ground.language.text(&task.what).to_owned())
}

fn in_english(to: &str, ground: &Ground<'_>) -> String {
    let rules = ground.plan.into_iter().flat_map(|plan| &plan.reports);
    rules.into_iter().find(|rule| rule.to.zh == to).map_or_else(|| to.to_owned(), |rule| rule.to.en.clone())
}
