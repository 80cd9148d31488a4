//! What `yumen status` is told over the control socket. The names of its fields are promised to scripts: they are added to, never changed.

use serde::{Deserialize, Serialize};

use crate::admin::ClosedNow;
use crate::clock::Time;
use crate::model::Closure;

use super::emergency::EmergencyStatus;
use super::house::{AppSite, House};
use super::incidents::IncidentStatus;
use super::retention::RetentionStatus;
use super::sinks::SinkStatus;
use super::triggers::PlanStatus;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// All times are RFC 3339 in UTC.
    pub since: String,
    pub up_seconds: u64,
    pub ready: bool,
    /// A sentence each; empty when ready.
    pub not_ready: Vec<String>,
    /// What keeps nobody from work, but should be looked at, a sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    pub portal: String,
    pub listeners: Vec<String>,
    /// Where metrics and health are, if anywhere.
    pub monitoring: Option<String>,
    pub apps: Vec<AppStatus>,
    pub sessions: SessionStatus,
    pub connections: ConnectionStatus,
    pub memory: MemoryStatus,
    pub log: LogStatus,
    /// Who keeps a copy of the log.
    #[serde(default)]
    pub sinks: Vec<SinkStatus>,
    /// For how long its records stay; nothing: for ever.
    #[serde(default)]
    pub retention: Option<RetentionStatus>,
    /// The emergency plan, if there is one.
    #[serde(default)]
    pub plan: Option<PlanStatus>,
    #[serde(default)]
    pub incidents: Option<IncidentStatus>,
    /// The emergency level in force, if one is.
    #[serde(default)]
    pub emergency: Option<EmergencyStatus>,
    /// What is closed by a lockdown.
    #[serde(default)]
    pub closed: Vec<ClosedStatus>,
    pub certificates: Vec<CertificateStatus>,
    /// Keys of the config that were changed, but wait for a restart.
    pub waiting_for_restart: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppStatus {
    pub id: String,
    pub name: String,
    pub label: String,
    pub address: String,
    pub upstreams: Vec<UpstreamStatus>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpstreamStatus {
    pub address: String,
    pub state: UpstreamState,
    pub answered: u64,
    pub failed: u64,
    pub last_failure: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamState {
    /// Nobody has asked for it yet.
    Unused,
    Up,
    Failing,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionStatus {
    pub open: u64,
    pub accounts: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    pub open: u64,
    pub accepted: u64,
    pub over_cap: u64,
    pub handshakes_failed: u64,
    pub too_slow: u64,
    /// Closed at once, and ended later, because memory was short.
    pub turned_away: u64,
    pub relieved: u64,
}

/// Bytes that the process holds and may hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryStatus {
    pub resident: u64,
    pub cap: u64,
    /// New connections are turned away.
    pub short: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogStatus {
    pub ready: bool,
    pub sequence: u64,
    /// Records under a signed head.
    pub sealed: u64,
    /// What auditors check heads with.
    pub verifier_key: String,
    pub last_sync: Option<String>,
    pub queued: u64,
    /// Bytes that are free where the data is, and below which refusals of strangers are only counted.
    pub free: u64,
    pub reserve: u64,
}

/// One thing that is closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClosedStatus {
    /// `all`, `app:ID` or `unit:NAME`.
    pub scope: String,
    pub until: String,
    /// Who closed it; no name is the machine's owner.
    pub by: Vec<Option<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CertificateStatus {
    pub host: String,
    pub expires: String,
    /// Whole days; negative once it is over.
    pub days_left: i64,
}

impl House {
    pub async fn status(&self) -> Status {
        let not_ready = self.not_ready().await;
        let (map, now) = (self.map.load_full(), self.clock.now());
        let places = self.standing.places();
        let mut sites: Vec<_> = map.sites.values().collect();
        sites.sort_by(|left, right| left.app.id.cmp(&right.app.id));
        let (sessions, connections, log) = (self.auth.sessions.counts(), self.front.counts(), self.journal.counts());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: self.standing.since.to_string(),
            up_seconds: now.since(self.standing.since).as_secs(),
            ready: not_ready.is_empty(),
            not_ready,
            warnings: self.warnings().into_iter().chain(self.useless_names().await).collect(),
            portal: map.portal.origin.clone(),
            listeners: places.map(|places| places.listeners.iter().map(ToString::to_string).collect()).unwrap_or_default(),
            monitoring: places.and_then(|places| places.monitoring).map(|address| format!("http://{address}/metrics")),
            apps: sites.into_iter().map(|site| AppStatus::of(site)).collect(),
            sessions: SessionStatus { open: sessions.open as u64, accounts: sessions.accounts as u64 },
            connections: ConnectionStatus {
                open: connections.open as u64,
                accepted: connections.accepted,
                over_cap: connections.over_cap,
                handshakes_failed: connections.handshakes_failed,
                too_slow: connections.too_slow,
                turned_away: connections.turned_away,
                relieved: connections.relieved,
            },
            memory: MemoryStatus { resident: self.memory.resident(), cap: self.memory.cap, short: self.memory.is_short() },
            log: LogStatus {
                ready: self.journal.is_ready(),
                sequence: log.sequence,
                sealed: *self.sealer.size().borrow(),
                verifier_key: self.sealer.verifier_key(),
                last_sync: log.last_sync.map(|time| time.to_string()),
                queued: log.queued,
                free: self.space.free(),
                reserve: self.space.reserve,
            },
            sinks: self.sink_statuses(),
            retention: self.retention.status(),
            plan: map.plan.as_deref().map(|plan| self.triggers.status(plan)),
            incidents: Some(self.incident_status()),
            emergency: self.emergency_status(),
            closed: self.desk.closed_now(now).closed.iter().map(ClosedStatus::of).collect(),
            certificates: self
                .certificate_ends()
                .into_iter()
                .map(|(host, end)| CertificateStatus::of(host, end, self.clock.wall()))
                .collect(),
            waiting_for_restart: self.standing.waiting().into_iter().map(str::to_owned).collect(),
        }
    }
}

impl AppStatus {
    fn of(site: &AppSite) -> Self {
        let upstreams = site.backend.upstreams.iter().map(|upstream| {
            let health = upstream.health();
            let state = match health {
                health if health.is_failing => UpstreamState::Failing,
                health if health.answered == 0 => UpstreamState::Unused,
                _ => UpstreamState::Up,
            };
            UpstreamStatus {
                address: upstream.to_string(),
                state,
                answered: health.answered,
                failed: health.failed,
                last_failure: health.last_failure.map(|time| time.to_string()),
            }
        });
        Self {
            id: site.app.id.to_string(),
            name: site.app.names.zh.clone(),
            label: site.app.label.to_string(),
            address: site.app.origin.clone(),
            upstreams: upstreams.collect(),
        }
    }
}

impl ClosedStatus {
    fn of(closed: &ClosedNow) -> Self {
        let by = |closure: &Closure| closure.by.name().map(ToString::to_string);
        Self { scope: closed.scope.to_string(), until: closed.until.to_string(), by: closed.closures.iter().map(by).collect() }
    }
}

impl CertificateStatus {
    fn of(host: String, end: Time, now: Time) -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        let days_left = end.millis().saturating_sub(now.millis()).div_euclid(DAY_MS);
        Self { host, expires: end.to_string(), days_left }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_left_are_whole_days_and_negative_once_it_is_over() {
        let end = Time::from_millis(100 * 86_400_000);
        let left = |now: Time| CertificateStatus::of("a".to_owned(), end, now).days_left;
        assert_eq!(left(end.minus(Duration::from_secs(3 * 86_400 + 5))), 3);
        assert_eq!(left(end.minus(Duration::from_secs(5))), 0);
        assert_eq!(left(end.plus(Duration::from_secs(5))), -1);
    }
}
