//! All figures in the text format of Prometheus, version 0.0.4.
//!
//! Invariant: it is the same number of lines whatever strangers do; what they can cause shows as numbers only.

use prometheus::TextEncoder;
use prometheus::core::Collector;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

use crate::clock::Time;
use crate::pki;
use crate::proxy::{HealthCounts, Upstream};

use super::house::House;
use super::process;

pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl House {
    /// `is_ready` as [`House::not_ready`] found it.
    pub fn exposition(&self, is_ready: bool) -> String {
        let map = self.map.load();
        let mut families = vec![
            gauge("yumen_build_info", "The version that runs.", [sample(&[("version", env!("CARGO_PKG_VERSION"))], 1.0)]),
            gauge("yumen_ready", "Whether people are let through.", [one(is_ready)]),
        ];
        families.extend(self.metrics.collect(&map));
        families.extend(self.people());
        families.extend(self.connections());
        families.extend(self.upstreams());
        families.extend(self.log());
        families.extend(self.sink_figures());
        families.extend(self.retention.figures());
        families.extend(self.triggers.figures());
        families.extend(self.incident_figures());
        families.extend(self.emergency_figures());
        families.extend(self.notices.figures());
        families.extend(self.room());
        families.push(gauge("yumen_certificate_expiry_seconds", "When the certificate of a host ends, since 1970.", self.expiries()));
        families.extend(process::families(self.standing.since));
        families.retain(|family| !family.get_metric().is_empty());
        TextEncoder::new().encode_to_string(&families).unwrap_or_else(|error| {
            tracing::error!(%error, "the figures could not be written out");
            String::new()
        })
    }

    fn people(&self) -> Vec<MetricFamily> {
        let (sessions, ends) = (self.auth.sessions.counts(), self.auth.sign_in.counts());
        let outcomes = [
            ("signed-in", ends.signed_in),
            ("wrong", ends.wrong),
            ("must-wait", ends.must_wait),
            ("begin-again", ends.begin_again),
            ("busy", ends.busy),
            ("broken", ends.broken),
        ];
        vec![
            counter(
                "yumen_sign_ins_total",
                "Sign-ins by how they ended.",
                outcomes.map(|(word, n)| sample(&[("outcome", word)], number(n))),
            ),
            gauge("yumen_sessions_open", "Sessions that are open.", [one(sessions.open)]),
            gauge("yumen_accounts_signed_in", "Accounts that have a session.", [one(sessions.accounts)]),
        ]
    }

    fn connections(&self) -> Vec<MetricFamily> {
        let counts = self.front.counts();
        vec![
            gauge("yumen_connections_open", "Connections of clients that are open.", [one(counts.open)]),
            counter("yumen_connections_accepted_total", "Connections that were accepted.", [one(counts.accepted)]),
            counter("yumen_connections_over_cap_total", "Connections closed at once because a cap was reached.", [one(counts.over_cap)]),
            counter("yumen_handshakes_failed_total", "TLS handshakes that failed.", [one(counts.handshakes_failed)]),
            counter("yumen_connections_too_slow_total", "Connections cut because a timer ran out.", [one(counts.too_slow)]),
            counter(
                "yumen_connections_turned_away_total",
                "Connections closed at once because memory was short.",
                [one(counts.turned_away)],
            ),
            counter("yumen_connections_relieved_total", "Connections ended because memory was short.", [one(counts.relieved)]),
        ]
    }

    fn upstreams(&self) -> Vec<MetricFamily> {
        let (mut ends, mut failures, mut up) = (Vec::new(), Vec::new(), Vec::new());
        for site in self.map.load().sites.values() {
            let app = site.app.id.as_str();
            let all: Vec<HealthCounts> = site.backend.upstreams.iter().map(Upstream::health).collect();
            let sum = |count: fn(&HealthCounts) -> u64| all.iter().map(count).fold(0, u64::saturating_add);
            ends.push(sample(&[("app", app), ("outcome", "answered")], number(sum(|health| health.answered))));
            ends.push(sample(&[("app", app), ("outcome", "failed")], number(sum(|health| health.failed))));
            up.push(sample(&[("app", app)], number(all.iter().filter(|health| !health.is_failing).count() as u64)));
            if let Some(last) = all.iter().filter_map(|health| health.last_failure).max() {
                failures.push(sample(&[("app", app)], seconds(last)));
            }
        }
        vec![
            counter("yumen_upstream_requests_total", "What came of requests to upstreams; begins anew with a reload.", ends),
            gauge("yumen_upstreams_up", "Upstreams whose latest request did not fail.", up),
            gauge("yumen_upstream_last_failure_seconds", "When an upstream last failed, since 1970.", failures),
        ]
    }

    fn log(&self) -> Vec<MetricFamily> {
        let counts = self.journal.counts();
        let mut families = vec![
            gauge("yumen_log_ready", "Whether the audit log takes records.", [one(self.journal.is_ready())]),
            gauge("yumen_log_queue", "Records that wait to be written.", [one(counts.queued)]),
            counter("yumen_log_records_total", "Records written since the start.", [one(counts.written)]),
            gauge("yumen_log_sequence", "The sequence of the last record.", [one(counts.sequence)]),
            gauge("yumen_log_sealed", "Records under a signed head of the log's tree.", [one(*self.sealer.size().borrow())]),
            gauge("yumen_log_index_lag", "Sealed records that searches do not find yet.", [one(self.index_lag())]),
        ];
        families.extend(self.journal.sync_seconds().collect());
        families
    }

    fn room(&self) -> Vec<MetricFamily> {
        vec![
            gauge("yumen_memory_cap_bytes", "Memory that the gateway may hold.", [one(self.memory.cap)]),
            gauge("yumen_memory_short", "Whether new connections are turned away because memory is short.", [one(self.memory.is_short())]),
            gauge("yumen_data_free_bytes", "Room on the disk of the data.", [one(self.space.free())]),
            gauge("yumen_data_reserve_bytes", "Room below which refusals of strangers are only counted.", [one(self.space.reserve)]),
            gauge("yumen_data_low", "Whether there is less room than that.", [one(self.space.is_low())]),
        ]
    }

    fn expiries(&self) -> Vec<Metric> {
        self.certificate_ends().into_iter().map(|(host, end)| sample(&[("host", &host)], seconds(end))).collect()
    }

    /// Every host with the last instant of its certificate, in the order of their names.
    pub fn certificate_ends(&self) -> Vec<(String, Time)> {
        let certificates = self.front.certificates();
        let end = |pair: &rustls::sign::CertifiedKey| pair.cert.first().and_then(|leaf| pki::not_after(leaf).ok());
        let mut ends: Vec<_> = certificates.iter().filter_map(|(host, pair)| Some((host.to_string(), end(pair)?))).collect();
        ends.sort();
        ends
    }
}

pub fn gauge(name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::GAUGE, metrics)
}

pub fn counter(name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::COUNTER, metrics)
}

fn family(name: &str, help: &str, kind: MetricType, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics.into_iter().collect());
    family
}

/// One number with its labels; the family's kind says which of the two is read.
pub fn sample(labels: &[(&str, &str)], value: f64) -> Metric {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    let (mut metric, mut gauge, mut counter) =
        (Metric::from_label(labels.iter().map(pair).collect()), Gauge::default(), Counter::default());
    gauge.set_value(value);
    counter.set_value(value);
    metric.set_gauge(gauge);
    metric.set_counter(counter);
    metric
}

/// A number without labels.
pub fn one(value: impl Into<Whole>) -> Metric {
    sample(&[], number(value.into().0))
}

pub struct Whole(u64);

impl From<u64> for Whole {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl From<usize> for Whole {
    fn from(value: usize) -> Self {
        Self(value as u64)
    }
}

impl From<bool> for Whole {
    fn from(value: bool) -> Self {
        Self(u64::from(value))
    }
}

/// Prometheus knows only floating point; it is exact up to 2^53.
fn number(value: u64) -> f64 {
    value as f64
}

pub fn seconds(time: Time) -> f64 {
    time.millis() as f64 / 1000.0
}
