//! The log's way to those who keep a copy of it: what `outbound` reads, which sinks run, and how they stand.

use std::sync::Arc;

use prometheus::proto::MetricFamily;
use serde::{Deserialize, Serialize};

use crate::audit::{Leaf, Sealed, SealedError, Sealer};
use crate::clock::Clock;
use crate::config::Settings;
use crate::outbound::{Checkpoint, Log, NotRead, Ready, SinkError, Sinks, Standing};
use crate::tlog;

use super::exposition::{counter, gauge, sample};
use super::house::House;

/// A sink of the log in `yumen status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkStatus {
    pub name: String,
    pub to: String,
    pub connected: bool,
    /// Records since the start, those that came again too.
    pub sent: u64,
    /// The last sequence that was sent, and the last that the receiver surely has.
    pub sequence: u64,
    pub safe: u64,
    /// Records that the log dropped before they were sent.
    #[serde(default)]
    pub missed: u64,
    pub lag_records: u64,
    pub lag_seconds: u64,
    pub reconnects: u64,
    /// What keeps it from sending, a sentence.
    pub trouble: Option<String>,
}

/// The sealed log, for sinks.
struct SealedLog(Sealed);

impl Log for SealedLog {
    fn checkpoint(&self) -> Result<Option<Checkpoint>, NotRead> {
        let Some(note) = self.0.signed_checkpoint().map_err(not_read)? else { return Ok(None) };
        let head = tlog::Checkpoint::parse(&note.text).map_err(|error| NotRead(error.to_string()))?;
        Ok(Some(Checkpoint { origin: head.origin, size: head.size, note: note.to_string() }))
    }

    fn read(&self, from: u64, most: usize) -> Result<Vec<Leaf>, NotRead> {
        self.0.read(from, most).map_err(not_read)
    }

    fn leaf_hash(&self, sequence: u64) -> Result<Option<[u8; 32]>, NotRead> {
        Ok(self.0.leaf_hash(sequence).map_err(not_read)?.map(|hash| hash.0))
    }
}

fn not_read(error: SealedError) -> NotRead {
    NotRead(error.to_string())
}

/// None of them runs yet.
pub fn sinks(settings: &Settings, sealer: &Sealer, clock: Clock) -> Sinks {
    let log = Arc::new(SealedLog(sealer.sealed()));
    Sinks::new(log, sealer.size(), settings.data.join("sinks"), clock, settings.portal.host.to_string())
}

/// Reads the files that the config names for its sinks.
pub fn ready(settings: &Settings) -> Result<Vec<Ready>, SinkError> {
    settings.sinks.iter().cloned().map(Ready::new).collect()
}

impl House {
    pub fn sink_statuses(&self) -> Vec<SinkStatus> {
        self.sinks.standings(self.clock.wall()).into_iter().map(SinkStatus::of).collect()
    }

    /// Labels are the names of sinks, which are in the config.
    pub fn sink_figures(&self) -> Vec<MetricFamily> {
        let all = self.sinks.standings(self.clock.wall());
        let each = |of: fn(&Standing) -> f64| all.iter().map(|sink| sample(&[("sink", &sink.name)], of(sink))).collect::<Vec<_>>();
        vec![
            gauge("yumen_sink_connected", "Whether a receiver of the log is connected.", each(|sink| f64::from(u8::from(sink.connected)))),
            counter("yumen_sink_records_total", "Records that were sent since the start, also again.", each(|sink| sink.sent as f64)),
            counter("yumen_sink_reconnects_total", "Connections after the first one.", each(|sink| sink.reconnects as f64)),
            gauge("yumen_sink_sequence", "The last record that was sent.", each(|sink| sink.at as f64)),
            gauge("yumen_sink_safe_sequence", "The last record that the receiver surely has.", each(|sink| sink.safe as f64)),
            gauge(
                "yumen_sink_missed_records",
                "Records that were dropped from the log before they were sent.",
                each(|sink| sink.missed as f64),
            ),
            gauge("yumen_sink_lag_records", "Sealed records that wait to be sent.", each(|sink| sink.lag_records as f64)),
            gauge("yumen_sink_lag_seconds", "How old the first of them is.", each(|sink| sink.lag.as_secs_f64())),
        ]
    }
}

impl SinkStatus {
    fn of(sink: Standing) -> Self {
        Self {
            name: sink.name,
            to: sink.to,
            connected: sink.connected,
            sent: sink.sent,
            sequence: sink.at,
            safe: sink.safe,
            missed: sink.missed,
            lag_records: sink.lag_records,
            lag_seconds: sink.lag.as_secs(),
            reconnects: sink.reconnects,
            trouble: sink.trouble,
        }
    }
}
