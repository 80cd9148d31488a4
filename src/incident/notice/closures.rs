//! What people are told of closures: that something is closed and until when, that a second person is wanted, and that it was opened early.
//!
//! Invariant: over each channel each of these is told once, whatever its `from_level`: a closure has none, and is as grave as what can be.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::plan::Duty;
use super::words::short;
use super::{About, Around, Letter, What};
use crate::clock::Time;
use crate::model::{AccountName, LockdownScope};

/// How far two tellings of the same end may lie apart.
const SAME: Duration = Duration::from_secs(1);

/// What is closed now, and what waits for a second person. Times are on the steady scale.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Closures {
    pub now: Time,
    pub closed: Vec<Closed>,
    pub asked: Vec<Closed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub scope: LockdownScope,
    /// When it opens by itself, or the question ends.
    pub until: Time,
    /// Who did; nobody: whoever owns the machine.
    pub by: Vec<AccountName>,
}

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClosureBook {
    closed: BTreeMap<LockdownScope, Time>,
    asked: BTreeMap<LockdownScope, Time>,
}

impl Closures {
    /// Whether it would ask people for what nobody wants any more.
    pub fn is_past(&self, letter: &Letter) -> bool {
        matches!(letter.what, What::ExtensionAsked(_)) && !self.asked.iter().any(|asked| Some(&asked.scope) == letter.scope.as_ref())
    }
}

impl ClosureBook {
    /// What is due now. It counts as told.
    pub fn take(&mut self, closures: &Closures, around: &Around<'_>) -> Vec<Letter> {
        let mut letters = Vec::new();
        let told = |what, closed: &Closed, besides: &[Duty]| -> Vec<Letter> {
            let about = About::Closure(closed, closed.until.since(closures.now));
            around.plan.channels.iter().flat_map(|channel| around.letters(about, what, channel, besides)).collect()
        };
        for closed in news(&mut self.closed, &closures.closed) {
            letters.extend(told(What::LockedDown(closed.until), closed, &[Duty::Commander]));
        }
        for asked in news(&mut self.asked, &closures.asked) {
            letters.extend(told(What::ExtensionAsked(asked.until), asked, &[Duty::Commander, Duty::Handler]));
        }
        for (scope, until) in gone(&mut self.closed, &closures.closed) {
            // That it opens by itself was told with its end.
            if until > closures.now.plus(SAME) {
                letters.extend(told(What::Lifted(until), &Closed { scope, until, by: Vec::new() }, &[Duty::Commander]));
            }
        }
        gone(&mut self.asked, &closures.asked);
        letters
    }
}

/// Those that are not known, or last longer than was known.
fn news<'c>(known: &mut BTreeMap<LockdownScope, Time>, now: &'c [Closed]) -> Vec<&'c Closed> {
    let is_new = |closed: &&Closed| known.get(&closed.scope).is_none_or(|until| closed.until > until.plus(SAME));
    let new: Vec<&Closed> = now.iter().filter(is_new).collect();
    known.extend(new.iter().map(|closed| (closed.scope.clone(), closed.until)));
    new
}

/// Those that are no more, with the end that was told.
fn gone(known: &mut BTreeMap<LockdownScope, Time>, now: &[Closed]) -> Vec<(LockdownScope, Time)> {
    let left: Vec<(LockdownScope, Time)> = known
        .iter()
        .filter(|(scope, _)| !now.iter().any(|closed| closed.scope == **scope))
        .map(|(scope, until)| (scope.clone(), *until))
        .collect();
    known.retain(|scope, _| !left.iter().any(|(gone, _)| gone == scope));
    left
}

impl Around<'_> {
    pub(super) fn closure_subject(&self, closed: &Closed, what: What) -> String {
        let ((zh, en), (zh_scope, en_scope)) = (says(what), scope(&closed.scope));
        format!("玉门 Yumen: {zh_scope}{zh} / {en_scope} {en}")
    }

    pub(super) fn closure_text(&self, closed: &Closed, left: Duration, what: What) -> String {
        let ((zh, en), (zh_scope, en_scope)) = (says(what), scope(&closed.scope));
        let names: Vec<&str> = closed.by.iter().map(AccountName::as_str).collect();
        let (zh_by, en_by) = match (what, names.as_slice()) {
            (What::Lifted(_), _) => (String::new(), String::new()),
            (_, []) => ("操作人：服务器管理员\n".to_owned(), "By: whoever owns the machine\n".to_owned()),
            (_, names) => (format!("操作人：{}\n", names.join("、")), format!("By: {}\n", names.join(", "))),
        };
        let until = self.shown(self.now.plus(left));
        let (zh_more, en_more) = match what {
            What::ExtensionAsked(_) => (
                format!("需另一名值班人员在 {until} 前在控制台确认，否则到时自动恢复。\n"),
                format!("Another person on the duty list confirms it in the console before {until}, or it opens when its time is over.\n"),
            ),
            What::LockedDown(_) => (format!("自动恢复时间：{until}\n"), format!("It opens by itself at: {until}\n")),
            _ => (String::new(), String::new()),
        };
        let place = format!("{}/console/lockdown", self.portal);
        let (plan_zh, plan_en) = (short(&self.plan.names.zh), short(&self.plan.names.en));
        format!(
            "{zh_scope}{zh}\n{zh_by}{zh_more}{}\n查看：{place}\n预案：{plan_zh}\n\n\
             {en_scope} {en}\n{en_by}{en_more}{}\nLook at: {place}\nPlan: {plan_en}\n",
            self.duty(true),
            self.duty(false)
        )
    }

    pub(super) fn closure_data(&self, closed: &Closed, left: Duration) -> serde_json::Value {
        let by: Vec<&str> = closed.by.iter().map(AccountName::as_str).collect();
        json!({
            "scope": closed.scope.to_string(),
            "until": self.now.plus(left).to_string(),
            "by": by,
            "look": format!("{}/console/lockdown", self.portal),
            "on_duty": self.on_duty(),
        })
    }
}

/// Chinese, then English.
fn says(what: What) -> (&'static str, &'static str) {
    match what {
        What::ExtensionAsked(_) => ("申请延长关闭，需第二人确认", "is to stay closed: a second person is wanted"),
        What::Lifted(_) => ("已提前恢复", "was opened again before its time"),
        _ => ("已紧急关闭", "is closed"),
    }
}

fn scope(scope: &LockdownScope) -> (String, String) {
    match scope {
        LockdownScope::All => ("全部系统".to_owned(), "Everything".to_owned()),
        LockdownScope::App(app) => (format!("系统 {app} "), format!("The app {app}")),
        LockdownScope::Unit(unit) => (format!("单位 {} ", short(unit.as_str())), format!("The unit {}", short(unit.as_str()))),
    }
}
