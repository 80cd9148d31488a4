//! Since when something holds of an incident, as its story tells it.
//!
//! Invariant: whoever says the same again later moves no time here.

use super::case::{Case, Line, What};
use super::extent;
use super::plan::{Plan, Report};
use super::step::Step;
use crate::clock::Time;
use crate::model::{AccountName, Level, Stage};

impl Case {
    /// When somebody first saw it. A hand-over asks somebody else anew, and takes nothing from that.
    pub fn first_seen(&self) -> Option<Time> {
        let is_seen = |line: &&Line| match &line.what {
            What::Opened(_) => line.by.is_some(),
            What::Step(Step::HandedTo { account }) => line.by.as_ref() == Some(account),
            What::Step(_) => line.by.is_some(),
            What::Found(_) | What::TooLate(_) | What::TookIn(_) | What::Shut(_) | What::OpenedAgain(_) => false,
        };
        self.story.iter().find(is_seen).map(|line| line.at)
    }

    /// Who confirmed the level that is confirmed, and when: the first of those who did so without another level between them.
    pub fn first_confirmed(&self) -> Option<(Option<&AccountName>, Time)> {
        let confirmed = self.confirmed.as_ref()?;
        let first = self.confirming(|level| level == confirmed.level).map(|line| (line.by.as_ref(), line.at));
        Some(first.unwrap_or((confirmed.by.as_ref(), confirmed.at)))
    }

    /// Since when this level or a graver one is confirmed: what a grave incident asks for beside does not begin anew when it gets graver still.
    pub fn confirmed_since(&self, level: Level) -> Option<Time> {
        let confirmed = self.confirmed.as_ref()?;
        let first = self.confirming(|known| known >= level.min(confirmed.level)).map(|line| line.at);
        Some(first.unwrap_or(confirmed.at))
    }

    /// The last report of this kind that went there was not sent after all.
    pub(super) fn take_back(&mut self, report: Report, to: &str) {
        if let Some(last) = self.reports.iter().rposition(|sent| sent.report == report && sent.to == to) {
            self.reports.remove(last);
        }
    }

    /// What the gateway proposes that is graver than what a person has confirmed, where it came to that after she did: what she knew, she has weighed.
    pub fn graver_since(&self, plan: Option<&Plan>) -> Option<Level> {
        let confirmed = self.in_force()?;
        let said = |line: &Line| match &line.what {
            What::Found(signal) => Some(signal.level),
            What::Opened(opening) => Some(opening.level),
            What::Step(_) | What::TooLate(_) | What::TookIn(_) | What::Shut(_) | What::OpenedAgain(_) => None,
        };
        let (before, after): (Vec<&Line>, Vec<&Line>) = self.story.iter().partition(|line| line.record <= confirmed.record);
        let known = before.into_iter().filter_map(said).max();
        // Of what is not told line by line, or came with another incident, there is what it claims.
        let claimed = Some(self.claimed).filter(|claimed| known.is_none_or(|known| *claimed > known));
        let is_news = |line: &&Line| matches!(line.what, What::Found(_) | What::TookIn(_) | What::Step(Step::Extent(_)));
        let counted = plan.filter(|_| after.iter().any(is_news)).and_then(|plan| extent::level(self, plan));
        after.iter().filter_map(|line| said(line)).chain(claimed).chain(counted).max().filter(|level| *level > confirmed.level)
    }

    /// The first line since which every level that was confirmed is such a one.
    fn confirming(&self, is_such: impl Fn(Level) -> bool) -> Option<&Line> {
        self.story.iter().fold(None, |since, line| match &line.what {
            What::Step(Step::Assessed { level, .. } | Step::Level { level, .. }) => is_such(*level).then(|| since.unwrap_or(line)),
            What::Step(Step::Moved { to: Stage::Detected, .. }) => None,
            _ => since,
        })
    }
}
