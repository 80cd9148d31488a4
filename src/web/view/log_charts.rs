//! Accesses and refusals by the hour, by app and by reason: drawn on the server, with the same figures as a table.
//!
//! Invariant: what a drawing shows does not depend on colours alone: accesses stand above the line, refusals hang below it.

use std::borrow::Cow;
use std::fmt::Write;

use askama::Template;
use jiff::tz::TimeZone;

use super::log::LogReachView;
use super::{Frame, Moment};
use crate::clock::Time;
use crate::lang::{self, Value};
use crate::model::LogCount;

#[derive(Clone, Debug, Template)]
#[template(path = "console_log_charts.html")]
pub struct LogChartsView {
    pub frame: Frame,
    pub span: ChartSpan,
    /// Id and name of what can be chosen, and what is.
    pub apps: Vec<(String, String)>,
    pub app: String,
    pub from: Moment,
    pub bars: Vec<ChartBar>,
    pub by_app: Vec<ChartOf>,
    pub by_reason: Vec<ChartOf>,
    pub reach: LogReachView,
}

/// How far back the charts go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChartSpan {
    #[default]
    Day,
    Week,
    Month,
}

/// An hour, or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartBar {
    pub shown: String,
    pub allowed: u64,
    pub refused: u64,
}

/// An app, or a reason.
#[derive(Clone, Debug)]
pub struct ChartOf {
    pub name: String,
    /// As it stands in the log.
    pub word: String,
    pub allowed: u64,
    pub refused: u64,
}

const HOUR_MS: i64 = 3_600_000;
/// What a drawing measures, in its own units.
const WIDTH: u64 = 720;
const ABOVE: u64 = 120;
const BELOW: u64 = 60;

impl ChartSpan {
    pub const ALL: &[ChartSpan] = &[Self::Day, Self::Week, Self::Month];

    pub fn parse(word: &str) -> Self {
        Self::ALL.iter().copied().find(|span| span.word() == word).unwrap_or_default()
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    const fn hours(self) -> i64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        }
    }

    /// The beginning of its first hour.
    pub fn begin(self, to: Time) -> Time {
        Time::from_millis(first_hour(self, to).saturating_mul(HOUR_MS))
    }

    /// A bar for each hour, for a month each day of the page's zone; also where there was nothing.
    pub fn bars(self, counts: &[LogCount<Time>], to: Time, zone: &TimeZone) -> Vec<ChartBar> {
        let first = first_hour(self, to);
        let mut bars: Vec<ChartBar> = Vec::new();
        for hour in first..first.saturating_add(self.hours()) {
            let begun = Time::from_millis(hour.saturating_mul(HOUR_MS));
            let zoned = begun.timestamp().to_zoned(zone.clone());
            let shown = zoned.strftime(if self == Self::Month { "%Y-%m-%d" } else { "%m-%d %H:%M" }).to_string();
            if bars.last().is_none_or(|bar| bar.shown != shown) {
                bars.push(ChartBar { shown, allowed: 0, refused: 0 });
            }
            let counted = counts.iter().filter(|count| count.by == begun);
            if let Some(bar) = bars.last_mut() {
                for count in counted {
                    bar.allowed = bar.allowed.saturating_add(count.allowed);
                    bar.refused = bar.refused.saturating_add(count.refused);
                }
            }
        }
        bars
    }
}

fn first_hour(span: ChartSpan, to: Time) -> i64 {
    to.millis().div_euclid(HOUR_MS).saturating_add(1).saturating_sub(span.hours())
}

impl LogChartsView {
    fn has_span(&self, span: &ChartSpan) -> bool {
        self.span == *span
    }

    fn has_app(&self, id: &str) -> bool {
        self.app == id
    }

    fn is_empty(&self) -> bool {
        self.bars.iter().all(|bar| bar.allowed == 0 && bar.refused == 0)
    }

    /// Bars with something in them.
    fn figures(&self) -> impl Iterator<Item = &ChartBar> {
        self.bars.iter().filter(|bar| bar.allowed > 0 || bar.refused > 0)
    }

    fn total(&self) -> Cow<'static, str> {
        let sum = |of: fn(&ChartBar) -> u64| self.bars.iter().map(of).fold(0, u64::saturating_add);
        let (allowed, refused) = (sum(|bar| bar.allowed).to_string(), sum(|bar| bar.refused).to_string());
        lang::text_with(self.frame.language, "log-chart-total", &[("allowed", Value::Name(&allowed)), ("refused", Value::Name(&refused))])
    }

    fn most_allowed(&self) -> u64 {
        self.bars.iter().map(|bar| bar.allowed).max().unwrap_or(0)
    }

    fn most_refused(&self) -> u64 {
        self.bars.iter().map(|bar| bar.refused).max().unwrap_or(0)
    }

    fn above(&self) -> Cow<'static, str> {
        self.frame.t_count("log-chart-above", "most", &self.most_allowed())
    }

    fn below(&self) -> Cow<'static, str> {
        self.frame.t_count("log-chart-below", "most", &self.most_refused())
    }

    fn first_label(&self) -> &str {
        self.bars.first().map_or("", |bar| &bar.shown)
    }

    fn last_label(&self) -> &str {
        self.bars.last().map_or("", |bar| &bar.shown)
    }

    /// All bars above the line, as one path.
    fn path_above(&self) -> String {
        self.path(|bar| bar.allowed, self.most_allowed(), ABOVE, '-')
    }

    fn path_below(&self) -> String {
        self.path(|bar| bar.refused, self.most_refused(), BELOW, ' ')
    }

    fn path(&self, of: fn(&ChartBar) -> u64, most: u64, height: u64, sign: char) -> String {
        let count = u64::try_from(self.bars.len()).unwrap_or(1).max(1);
        let step = WIDTH.checked_div(count).unwrap_or(WIDTH);
        let (wide, mut path) = (step.saturating_sub(1).max(1), String::new());
        for (number, bar) in (0_u64..).zip(&self.bars).filter(|(_, bar)| of(bar) > 0) {
            // What is there at all can be seen.
            let tall = of(bar).saturating_mul(height).checked_div(most).unwrap_or(0).max(1);
            let _ = write!(path, "M{} {ABOVE}v{sign}{tall}h{wide}V{ABOVE}z", number.saturating_mul(step));
        }
        path.replace("v ", "v")
    }
}

impl ChartOf {
    fn both(&self) -> u64 {
        self.allowed.saturating_add(self.refused)
    }

    /// How long its bar is beside the longest, of a hundred.
    fn percent(&self, all: &[ChartOf]) -> u64 {
        let most = all.iter().map(Self::both).max().unwrap_or(0);
        self.both().saturating_mul(100).checked_div(most).unwrap_or(0).max(1)
    }

    fn link(&self, field: &str) -> Option<String> {
        (!self.word.is_empty() && !self.word.starts_with("(strangers") && self.word != "strangers-refused")
            .then(|| format!("/console/log?{field}={}", super::escaped(&self.word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Time = Time::from_millis(1_795_348_800_000 + 59_000);

    fn shanghai() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    fn counted(hours_back: i64, allowed: u64, refused: u64) -> LogCount<Time> {
        let hour = NOON.millis().div_euclid(HOUR_MS) - hours_back;
        LogCount { by: Time::from_millis(hour * HOUR_MS), allowed, refused }
    }

    #[test]
    fn every_hour_of_a_day_and_every_day_of_a_month_has_a_bar_and_nothing_is_lost() {
        let counts = [counted(0, 5, 1), counted(23, 7, 0), counted(1, 0, 2)];
        for (span, least, most) in [(ChartSpan::Day, 24, 24), (ChartSpan::Week, 168, 168), (ChartSpan::Month, 30, 31)] {
            let bars = span.bars(&counts, NOON, &shanghai());
            assert!((least..=most).contains(&bars.len()), "{span:?}: {}", bars.len());
            assert_eq!(bars.iter().map(|bar| bar.allowed).sum::<u64>(), 12, "{span:?}");
            assert_eq!(bars.iter().map(|bar| bar.refused).sum::<u64>(), 3, "{span:?}");
        }
        let day = ChartSpan::Day.bars(&counts, NOON, &shanghai());
        assert_eq!((day[0].allowed, day[23].allowed, day[22].refused), (7, 5, 2));
    }

    #[test]
    fn words_of_spans_read_back_and_anything_else_is_a_day() {
        for span in ChartSpan::ALL {
            assert_eq!(ChartSpan::parse(span.word()), *span);
        }
        assert_eq!(ChartSpan::parse("x"), ChartSpan::Day);
    }
}
