//! How the keeping of the log stands, for `yumen status` and for metrics.

use std::time::Duration;

use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use super::{DAY_S, LONG, Retention, State};
use crate::gateway::exposition::{counter, gauge, one, sample, seconds};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetentionStatus {
    pub keep_days: u64,
    pub reason: Option<String>,
    /// `None`: records are dropped without a copy.
    pub archive: Option<String>,
    /// The oldest record that is here, and when it was written; not known before the first round.
    pub oldest: Option<u64>,
    pub oldest_time: Option<String>,
    /// The last part that is in the archive: since when, up to which record, and in which object.
    pub last_archived: Option<String>,
    pub last_archived_sequence: Option<u64>,
    pub last_archived_object: Option<String>,
    /// Records since the start.
    pub archived: u64,
    pub dropped: u64,
    pub failures: u64,
    /// What keeps old records here, a sentence.
    pub trouble: Option<String>,
}

impl Retention {
    /// `None`: nothing is ever dropped.
    pub fn status(&self) -> Option<RetentionStatus> {
        let rule = self.rule.load();
        let keep = rule.keep?;
        let state = self.state();
        let archived = state.kept.archived.as_ref();
        Some(RetentionStatus {
            keep_days: keep.as_secs().checked_div(DAY_S).unwrap_or(0),
            reason: rule.reason.clone(),
            archive: rule.archive.as_ref().map(|archive| archive.settings().to_string()),
            oldest: state.oldest.as_ref().map(|(sequence, _)| *sequence),
            oldest_time: state.oldest.as_ref().map(|(_, time)| time.clone()),
            last_archived: archived.map(|archived| archived.at.to_string()),
            last_archived_sequence: archived.map(|archived| archived.last),
            last_archived_object: archived.map(|archived| archived.object.clone()),
            archived: state.archived,
            dropped: state.dropped,
            failures: state.failures,
            trouble: state.trouble.clone(),
        })
    }

    /// A sentence each; a clock that is not believed matters to nobody where nothing is dropped.
    pub fn warnings(&self) -> Vec<String> {
        if self.rule.load().keep.is_none() {
            return Vec::new();
        }
        let state = self.state();
        let long = self.under_way(&state).filter(|age| *age >= LONG).map(|age| {
            let minutes = age.as_secs().checked_div(60).unwrap_or(0);
            format!("old records of the log are being dropped for {minutes} min: the log is very long, or its archive answers slowly; nothing else waits")
        });
        state.trouble.clone().into_iter().chain(long).chain(state.kept.reckoning.doubt()).collect()
    }

    /// For how long a round goes on now.
    fn under_way(&self, state: &State) -> Option<Duration> {
        state.since.map(|since| self.clock.now().since(since))
    }

    pub fn figures(&self) -> Vec<MetricFamily> {
        let state = self.state();
        let archived = state.kept.archived.as_ref();
        vec![
            gauge(
                "yumen_archive_last_success_seconds",
                "When a part of the log was last archived and read back, since 1970.",
                archived.map(|archived| sample(&[], seconds(archived.at))),
            ),
            counter("yumen_archive_records_total", "Records that were archived since the start.", [one(state.archived)]),
            counter("yumen_archive_failures_total", "Rounds of dropping old records that failed since the start.", [one(state.failures)]),
            counter("yumen_log_dropped_records_total", "Records that were dropped since the start.", [one(state.dropped)]),
            gauge(
                "yumen_archive_round_seconds",
                "For how long a round of dropping old records goes on now; 0 between two of them.",
                [one(self.under_way(&state).unwrap_or_default().as_secs())],
            ),
            gauge(
                "yumen_log_oldest_sequence",
                "The oldest record that is here.",
                state.oldest.as_ref().map(|(sequence, _)| one(*sequence)),
            ),
        ]
    }
}
